"""Reading and writing masks of other programs."""

from netsparse.masks.old import load

__all__ = ["load"]
