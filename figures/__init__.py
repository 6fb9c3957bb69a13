"""Figures: a stored run or a table in, a matplotlib Figure out. One file a figure, named like its function."""

from netsparse.figures import report
from netsparse.figures.ablation import ablation
from netsparse.figures.accuracy import accuracy
from netsparse.figures.adaptive_percolation import adaptive_percolation
from netsparse.figures.anp_rate import anp_rate
from netsparse.figures.caption import Caption, caption
from netsparse.figures.csti import csti
from netsparse.figures.degree_distribution import degree_distribution
from netsparse.figures.draw import COMPARISONS, FIGURES, RARE, draw_figures
from netsparse.figures.film import film
from netsparse.figures.hub_paths import hub_paths
from netsparse.figures.hyperbolic_disk import hyperbolic_disk
from netsparse.figures.hyperbolic_epochs import hyperbolic_epochs
from netsparse.figures.layer_masks import layer_masks
from netsparse.figures.measure_table import measure_table
from netsparse.figures.network_measures import network_measures
from netsparse.figures.overlap import overlap
from netsparse.figures.running_time import running_time
from netsparse.figures.sandwich import sandwich
from netsparse.figures.sensitivity import sensitivity
from netsparse.figures.sparsity import sparsity
from netsparse.figures.start_topologies import start_topologies

for _figure in (
    accuracy,
    anp_rate,
    overlap,
    degree_distribution,
    hyperbolic_disk,
    hyperbolic_epochs,
    sandwich,
    layer_masks,
    start_topologies,
    csti,
    network_measures,
    measure_table,
    hub_paths,
    running_time,
    adaptive_percolation,
    sparsity,
    ablation,
    sensitivity,
):
    FIGURES.add(_figure.__name__, _figure)

COMPARISONS.update({"adaptive_percolation", "sparsity", "ablation", "sensitivity"})
RARE.add("csti")

__all__ = [
    "COMPARISONS",
    "FIGURES",
    "RARE",
    "Caption",
    "ablation",
    "accuracy",
    "adaptive_percolation",
    "anp_rate",
    "caption",
    "csti",
    "degree_distribution",
    "draw_figures",
    "film",
    "hub_paths",
    "hyperbolic_disk",
    "hyperbolic_epochs",
    "layer_masks",
    "measure_table",
    "network_measures",
    "overlap",
    "report",
    "running_time",
    "sandwich",
    "sensitivity",
    "sparsity",
    "start_topologies",
]
