"""The forms in which masks are kept: a file each."""
