"""The errors that netsparse raises for what a user handed in: each says what was wrong, where, and what to do."""


class NetsparseError(ValueError):
    """Something that was handed to netsparse cannot be used; the message says what to do."""


class MaskFormatError(NetsparseError):
    """A file or array does not hold a mask that can be read."""


class NoMasksError(MaskFormatError):
    """A file is in order, but holds no masks; in a directory such files are passed over."""


class NothingToDrawError(NetsparseError):
    """A figure has nothing to show for this table or run; the message says why."""
