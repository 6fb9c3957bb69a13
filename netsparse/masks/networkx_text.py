"""Lines of links as networkx writes them, such as ``0 1 {'weight': 2.5}``, without their attributes."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from netsparse.errors import MaskFormatError

# Two ids, and attributes as Python writes a dictionary.
_LINE = re.compile(r"^[ \t]*([^\s,;{]+)[ \t,;]+([^\s,;{]+)[ \t,;]+\{(|['\"].*)\}[ \t\r]*$", re.MULTILINE)

# A weight among simple attributes, perhaps one of NumPy's: ``np.float64(2.5)``.
_WEIGHT = re.compile(r"'weight': *(?:np\.\w+\()?([^,)]+)")
_TELLS_WEIGHT = re.compile(r"\{.*'weight':")


def are_links(lines: Sequence[str]) -> bool:
    """Tell whether all lines are links with attributes, perhaps none: ``{}``."""
    return bool(lines) and all(_LINE.fullmatch(line.rstrip("\n")) for line in lines)


def without_attributes(text: str) -> tuple[str, bool]:
    """Return the lines as ids, and weights if any line has one, with spaces between; and whether there are weights.

    Raises
    ------
    MaskFormatError
        If attributes are no dictionary that Python would write.

    Examples
    --------
    >>> without_attributes("a b {'color': 'r', 'weight': 2.5}")
    ('a b 2.5', True)
    """
    has_weights = _TELLS_WEIGHT.search(text) is not None
    return _LINE.sub(lambda line: _plain(line, has_weights), text), has_weights


def _plain(line: re.Match[str], has_weights: bool) -> str:
    source, target, attributes = line.groups()
    return f"{source} {target} {_weight(attributes)}" if has_weights else f"{source} {target}"


def _weight(attributes: str) -> str:
    """Give a link's weight as text; nan if it has none."""
    if any(mark in attributes for mark in '"\\{'):  # texts, or dictionaries, in which a weight may seem to be
        try:
            told = ast.literal_eval(f"{{{attributes}}}")
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise MaskFormatError(f"these attributes of a link cannot be read: {{{attributes[:80]}}}") from error
        return "".join(str(told["weight"]).split()) if isinstance(told, dict) and "weight" in told else "nan"
    found = _WEIGHT.search(attributes)
    return "nan" if found is None else "".join(found[1].split())
