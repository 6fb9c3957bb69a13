"""Figures: a stored run or a table in, a matplotlib Figure out. One file a figure, named like its function."""

from netsparse.figures import report
from netsparse.figures.accuracy import accuracy
from netsparse.figures.anp_rate import anp_rate
from netsparse.figures.caption import Caption, caption
from netsparse.figures.degree_distribution import degree_distribution
from netsparse.figures.draw import COMPARISONS, FIGURES, draw_figures
from netsparse.figures.hyperbolic_disk import hyperbolic_disk
from netsparse.figures.hyperbolic_epochs import hyperbolic_epochs
from netsparse.figures.measure_table import measure_table
from netsparse.figures.network_measures import network_measures
from netsparse.figures.overlap import overlap

for _figure in (
    accuracy,
    anp_rate,
    overlap,
    degree_distribution,
    hyperbolic_disk,
    hyperbolic_epochs,
    network_measures,
    measure_table,
):
    FIGURES.add(_figure.__name__, _figure)

__all__ = [
    "COMPARISONS",
    "FIGURES",
    "Caption",
    "accuracy",
    "anp_rate",
    "caption",
    "degree_distribution",
    "draw_figures",
    "hyperbolic_disk",
    "hyperbolic_epochs",
    "measure_table",
    "network_measures",
    "overlap",
    "report",
]
