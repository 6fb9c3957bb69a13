"""Texts of others made harmless: names from files, configurations and paths, for the terminal and as names of files."""

import logging
import re

# Control characters but newline and tab, what turns the direction of writing, line separators, halves of characters.
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""Escape what a terminal would obey instead of showing, such as colours, titles, and writing from right to left.

    Examples
    --------
    >>> print(visible("fc\x1b[31m1"))
    fc\x1b[31m1
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class VisibleFormatter(logging.Formatter):
    """Log lines as `visible` shows them."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        return visible(super().format(record))


def file_name(text: str) -> str:
    """Make one part of a path of a text: letters, digits and ``_ . + = -``, not hidden, not empty.

    Examples
    --------
    >>> file_name("cht/scale 2"), file_name("../../.bashrc"), file_name("..")
    ('cht-scale-2', 'bashrc', 'run')
    """
    return re.sub(r"[^\w.+=-]+", "-", text).strip("-.") or "run"
