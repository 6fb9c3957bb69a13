"""Masks of other programs: `load` reads them whole, `scan` layer by layer, `convert` writes them in another form.

docs/masks.md tells the forms.
"""

from netsparse.masks import forms as forms
from netsparse.masks.conversion import convert
from netsparse.masks.files import load, scan
from netsparse.masks.stored import Masks, StoredLayer

__all__ = ["Masks", "StoredLayer", "convert", "load", "scan"]
