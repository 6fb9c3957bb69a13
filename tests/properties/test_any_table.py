"""Figures and the report page draw any valid table and run, or say why not: no other error, and no warning."""

import tempfile
from pathlib import Path

import pandas as pd
import pytest
import strategies
import tables
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from netsparse import NetsparseError
from netsparse.errors import NothingToDrawError
from netsparse.figures import FIGURES, draw_figures
from netsparse.figures.draw import render
from netsparse.figures.report import write_report

# What tells that a figure is drawn from the other table, or from a run directory.
OTHERS = ("it is no table of", "drawn from", "run directory")


def sources(one):
    """Give a table, or several by themselves, together as one table, or by name."""
    several = st.lists(one, min_size=2, max_size=3)
    named = st.dictionaries(strategies.names(), one, min_size=1, max_size=3)
    return one | several | named | several.map(lambda found: pd.concat(found, ignore_index=True))


@pytest.mark.parametrize("name", FIGURES)
@given(source=sources(tables.measures()) | sources(tables.metrics()), data=st.data())
@strategies.examples(5)
def test_every_figure_draws_any_table_or_says_why_not(name, source, data):
    try:
        figure = FIGURES[name](source)
    except NothingToDrawError:
        return
    except NetsparseError as error:
        if any(why in str(error) for why in OTHERS):
            return
        raise
    assert isinstance(figure, Figure)
    if data.draw(st.integers(0, 3)) == 0:  # most of the time goes here
        assert render(figure, "svg")


@given(st.integers(1, 3), st.data())
@strategies.examples(3)
def test_all_figures_and_the_page_of_any_runs(n_runs, data):
    with tempfile.TemporaryDirectory() as folder:
        runs = [data.draw(tables.runs(Path(folder) / f"run-{i}")) for i in range(n_runs)]
        paths, left_out = draw_figures(runs, Path(folder) / "figures", ["svg"])
        assert all(left_out.values())
        assert all(path.stat().st_size for path in paths)
        if any(run.epochs or run.metrics_path.is_file() for run in runs):
            page = write_report(runs, Path(folder) / "report.html").read_text("utf-8")
            assert page.endswith("</html>\n")
        else:
            with pytest.raises(NetsparseError, match="nothing stored"):
                write_report(runs, Path(folder) / "report.html")
