"""The program `netsparse`: what every command shares, and how errors end."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from netsparse.cli.output import complain, say, show_warnings
from netsparse.cli.signals import INTERRUPTED, catch_signals
from netsparse.errors import NetsparseError

# Objects made until Python looks for garbage in cycles: at its own 700 that takes a second of every command's start.
_OBJECTS_TO_COLLECTION = 20_000

app = typer.Typer(
    name="netsparse",
    help="Grow ultra-sparse neural networks by Cannistraci-Hebb training, and see what grows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; what a user did wrong ends in one or two lines on stderr and exit code 2."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    gc.set_threshold(_OBJECTS_TO_COLLECTION)
    show_warnings()
    catch_signals()
    try:
        code = app(
            args=[argument for argument in arguments if argument != "--debug"],
            prog_name="netsparse",
            standalone_mode=False,
        )
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        if debug:
            raise
        sys.exit(_tell(error))
    if code == INTERRUPTED:
        complain("interrupted; every file that was written is whole")
    if code:
        sys.exit(code)


def _tell(error: Exception) -> int:
    """Tell an error in a line or two; return the exit code."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()  # type: ignore[attr-defined]
        return 2
    if hasattr(error, "format_message"):  # typer's own: an option that does not exist, a value of the wrong type
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "netsparse"
        complain(f"{error.format_message()}\nTry '{command} --help'.")
        return 2
    if isinstance(error, NetsparseError):
        complain(str(error))
        return 2
    complain(f"{type(error).__name__}: {error}\nThis should not happen; --debug shows where it did.")
    return 1


def _show_version(wanted: bool) -> None:
    if wanted:
        from netsparse import __version__

        say(f"netsparse {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    pass
