"""`netsparse list`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from netsparse.errors import NetsparseError

_KINDS = ("measures", "methods", "parts", "topologies", "datasets", "models", "figures", "forms")


def list_parts(kind: Annotated[str, typer.Argument(help=", ".join(_KINDS) + ".", metavar="KIND")]) -> None:
    """List what there is, with a line each."""
    from netsparse.progress import print_methods, print_parts, print_table

    if kind not in _KINDS:
        raise NetsparseError(f"unknown kind '{kind}'; choose from: {', '.join(_KINDS)}")
    if kind == "methods":
        from netsparse.training.methods import METHODS

        print_methods(METHODS)
    elif kind == "parts":
        from netsparse.training.methods import list_parts as list_method_parts

        print_table(("part of a method", "default", "what it may be"), list_method_parts())
    elif kind == "measures":
        from netsparse.analysis import list_measures

        print_table(("measure", "level", "by", "what it is"), list_measures())
    else:
        print_parts(_registry(kind))


def _registry(kind: str) -> Any:
    if kind == "forms":
        from netsparse.masks.form import FORMS

        return FORMS
    if kind == "models":
        from netsparse.training.models import TRUNKS

        return TRUNKS
    if kind == "topologies":
        from netsparse.topologies import TOPOLOGIES

        return TOPOLOGIES
    if kind == "datasets":
        from netsparse.training.data import DATASETS

        return DATASETS
    from netsparse.figures import FIGURES

    return FIGURES
