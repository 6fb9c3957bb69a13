"""Make run directories of this release, which the tests of every later one open: python tests/data/make_run.py VERSION.

Two small networks of the same options on scikit-learn's digits: ``finished``, trained to the end and measured, and
``interrupted`` behind its first epoch. Pictures and report are left out, nothing reads them. Runs of 0.1.0 were made
so by its own code, which had no --no-figures, --only and captions. What the tests expect of each is in
tests/netsparse/test_old_data.py.
"""

import platform
import sys
from pathlib import Path

from netsparse.cli import main
from netsparse.run import Run
from netsparse.training.config import TrainConfig
from netsparse.training.loop import train

OPTIONS = {"scale": 0.25, "sparsity": 0.8, "epochs": 3, "batch_size": 32, "seed": 1, "device": "cpu"}


def make(folder: Path) -> None:
    """Train, measure, interrupt."""
    told = [text for name, value in OPTIONS.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    sys.argv = ["netsparse", "train", *told]
    platform.platform = lambda *_: "Linux"  # not on whose machine it was
    finished = folder / "finished"
    main(["train", *told, "--no-figures", "--out", str(finished)])
    main(["figures", str(finished), "--only", "accuracy,anp_rate"])
    for picture in finished.glob("figures/*.png"):
        picture.unlink()

    def stop(report: object) -> None:
        raise KeyboardInterrupt

    try:
        train(TrainConfig.resolve(OPTIONS), Run.create(folder / "interrupted"), stop)
    except KeyboardInterrupt:
        return
    raise SystemExit("the training was not interrupted")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = Path(__file__).parent / "runs" / sys.argv[1]
    if folder.exists():
        raise SystemExit(f"{folder} is there already: what a release wrote is never written again")
    make(folder)
