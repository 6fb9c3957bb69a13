"""The command line, a command a file: parses, calls, prints. Nothing heavy is imported before a command needs it."""

from netsparse.cli import convert, figures, film, inspect, list, measure, report, sweep, train
from netsparse.cli.app import app, main

# In the order in which the help tells them.
for _command in (
    train.train,
    sweep.sweep,
    inspect.inspect,
    convert.convert,
    measure.measure,
    figures.figures,
    film.film,
    report.report,
):
    app.command()(_command)
app.command("list")(list.list_parts)

__all__ = ["app", "main"]
