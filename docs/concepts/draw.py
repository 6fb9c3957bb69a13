"""Draw the pictures of the concepts, each by the function of its name in the modules beside this one.

netsparse train --no-figures --out build/digits
python docs/concepts/draw.py build/digits [NAME …]
"""

import io
import sys
from pathlib import Path

import draw_geometry
import draw_structure
import draw_training
import matplotlib as mpl
from PIL import Image

import netsparse as ns
from netsparse.figures.style import style

IMAGES = Path(__file__).parent / "images"


def main(run_path: str, *names: str) -> None:
    """Draw all pictures, or those named."""
    run = ns.load(run_path)
    IMAGES.mkdir(exist_ok=True)
    for module in (draw_structure, draw_geometry, draw_training):
        for name in module.PICTURES:
            if names and name not in names:
                continue
            with style(), mpl.rc_context({"axes.grid": False, "figure.facecolor": "white"}):
                figure = getattr(module, name)(run)
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=140)
            path = IMAGES / f"{name}.png"
            # few colours, so that a page loads quickly
            Image.open(buffer).convert("RGB").quantize(128).save(path, optimize=True)
            print(f"{path.name} {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:])
