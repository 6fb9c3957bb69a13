"""What tests of figures share: small runs that differ in every kind of option."""

import pytest

from netsparse import Run


@pytest.fixture(scope="session")
def compared_runs(tmp_path_factory) -> list[Run]:
    """Give two methods of two seeds, and CHT with one option changed at a time: real runs on digits, not measured."""
    from netsparse.training import TrainConfig, train

    folder = tmp_path_factory.mktemp("compared")
    base = {"epochs": 2, "batch_size": 128, "scale": 1.0, "sparsity": 0.8, "snapshot_every": 2}
    variants = [{"method": method, "seed": seed} for method in ("cht", "set") for seed in (0, 1)]
    variants += [{"sparsity": 0.7}, {"scale": 2.0}, {"zeta": 0.5}, {"parts": {"percolation": False}}]
    runs = []
    for number, options in enumerate(variants):
        run = Run.create(folder / f"run-{number}")
        train(TrainConfig.resolve({**base, **options}), run)
        runs.append(run)
    return runs
