"""Pictures of training and of measuring: CH3-L3, the update, AAE and ITOP, significance, costs."""

from typing import Any

import numba
import numpy as np
from draw_parts import BLUE, GREEN, GREY, ORANGE, RED, chain, dots, figure_of, lines
from matplotlib.figure import Figure

import netsparse as ns
from netsparse import analysis
from netsparse.analysis import costs

PICTURES = ("link_prediction", "cannistraci_hebb_training", "accuracy_and_itop", "significance", "costs_of_measures")


def link_prediction(run: Any) -> Figure:
    """Draw the local community of an unlinked pair, and what each of its three paths adds."""
    figure, (left, right) = figure_of(2, widths=(1.15, 1), height=2.7)
    mask = np.array([[1, 1, 0, 0], [1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 1, 0]])
    source = np.column_stack([np.zeros(4), [1.0, 0.67, 0.33, 0.0]])
    target = np.column_stack([np.ones(4), [0.9, 0.6, 0.1, 0.35]])
    near_u, near_v = {0, 1}, {1, 2}
    for b, a in np.argwhere(mask):
        inner = b in near_v and a in near_u
        end = b == 0 or a == 3
        colour, style = (GREEN, "-") if inner else (BLUE, "-") if end else (RED, "--")
        lines(left, [source[b]], [target[a]], colour, 2.2 if inner else 1.3, style)
    lines(left, [source[0]], [target[3]], "black", 1.2, ":")
    for i, name in enumerate(("u", "b₁", "b₂", "x")):
        dots(left, [source[i]], "#d9efe6" if i in near_v else "white", 190, edge="black", labels=[name])
    for i, name in enumerate(("a₁", "a₂", "y", "v")):
        dots(left, [target[i]], "#d9efe6" if i in near_u else "white", 190, edge="black", marker="s", labels=[name])
    left.set(xlim=(-0.2, 1.2), ylim=(-0.12, 1.1))
    left.set_axis_off()
    left.set_title("is u–v (dotted) a link to come?")
    rows = (
        ("u – a₁ – b₁ – v", "1 / √(2 · 1)", 0.5**0.5),
        ("u – a₂ – b₁ – v", "1 / √(1 · 1)", 1.0),
        ("u – a₂ – b₂ – v", "1 / √(1 · 2)", 0.5**0.5),
    )
    right.set_axis_off()
    right.set(xlim=(0, 1), ylim=(0, 1))
    for y, (path, term, value) in zip((0.84, 0.72, 0.6), rows, strict=True):
        right.text(0.0, y, path, fontsize=8)
        right.text(0.47, y, term, fontsize=8)
        right.text(0.97, y, f"{value:.3f}", ha="right", fontsize=8)
    right.plot([0, 0.97], [0.56, 0.56], color=GREY, lw=0.8)
    right.text(0.0, 0.47, "CH3-L3(u, v)", fontsize=8, weight="bold")
    right.text(0.97, 0.47, f"{sum(row[2] for row in rows):.3f}", ha="right", fontsize=8, weight="bold")
    legend = (
        (GREEN, "links inside the local community: i"),
        (BLUE, "links of u and v to the community"),
        (RED, "external links of the community: e"),
    )
    for y, (colour, text) in zip((0.3, 0.2, 0.1), legend, strict=True):
        lines(right, [(0.0, y + 0.02)], [(0.08, y + 0.02)], colour, 2, "--" if colour == RED else "-")
        right.text(0.12, y, text, fontsize=7)
    return figure


def cannistraci_hebb_training(run: Any) -> Figure:
    """Draw one update step by step, and the overlap that ends them."""
    figure, axes = figure_of(4, widths=(0.8, 0.8, 0.8, 1.5))
    first = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 1]])
    second = np.array([[1, 0], [1, 1], [1, 1], [0, 1]])
    weakest = np.zeros_like(first), np.zeros_like(second)
    weakest[0][2, 2] = weakest[1][3, 1] = 1
    cut = np.zeros_like(first)
    cut[3, 3] = 1
    regrown = np.zeros_like(first), np.zeros_like(second)
    regrown[0][0, 2] = regrown[0][2, 0] = regrown[1][0, 1] = 1
    rest = first - weakest[0], second - weakest[1]
    chain(axes[0], rest, taken=weakest, size=35)
    chain(axes[1], (rest[0] - cut, rest[1]), taken=(cut, np.zeros_like(second)), size=35)
    chain(axes[2], (rest[0] - cut + regrown[0], rest[1] + regrown[1]), size=35)
    for tails, heads, x, shape in (
        (*np.nonzero(regrown[0]), 0, first.shape),
        (*np.nonzero(regrown[1]), 1, second.shape),
    ):
        y = [np.linspace(1, 0, n) for n in shape]
        lines(
            axes[2],
            np.column_stack([np.full(len(tails), x), y[0][tails]]),
            np.column_stack([np.full(len(heads), x + 1), y[1][heads]]),
            GREEN,
            2,
        )
    for ax, title in zip(axes, ("1. removal", "2. percolation", "3. regrowth"), strict=False):
        ax.set_title(title)
    metrics = run.metrics
    for i, colour in ((1, BLUE), (2, ORANGE), (3, GREEN)):
        rows = metrics[(metrics["metric"] == "overlap") & (metrics["layer"] == f"sandwich{i}")]
        axes[3].plot(rows["epoch"], rows["value"], color=colour, label=f"sandwich{i}", lw=1.2)
    axes[3].axhline(0.99, color=GREY, ls="--", lw=1)
    axes[3].text(1, 0.995, "early stop: 0.99", fontsize=6.5, color=GREY, va="bottom")
    axes[3].set(xlabel="epoch", ylabel="overlap taken ∩ regrown", ylim=(None, 1.02), title="CHT on digits")
    axes[3].legend(loc="lower right")
    return figure


def accuracy_and_itop(run: Any) -> Figure:
    """Draw test accuracy with its mean, and the share of the possible links ever tried."""
    figure, (left, right) = figure_of(2)
    metrics = run.metrics
    rows = metrics[(metrics["metric"] == "test_accuracy") & (metrics["layer"] == "")]
    area = float(analysis.aae(metrics))
    left.plot(rows["epoch"], rows["value"], color=BLUE, label="test accuracy")
    left.fill_between(rows["epoch"], 0, rows["value"], color=BLUE, alpha=0.12, lw=0)
    left.axhline(area, color=RED, ls="--", lw=1.2, label=f"AAE = {area:.3f}")
    left.set(xlabel="epoch", ylabel="fraction correct", ylim=(0.6, 1), title="CHT on digits")
    left.legend(loc="lower right")
    for i, colour in ((1, BLUE), (2, ORANGE), (3, GREEN)):
        tried = metrics[(metrics["metric"] == "itop_rate") & (metrics["layer"] == f"sandwich{i}")]
        right.plot(tried["epoch"], tried["value"], color=colour, label=f"sandwich{i}: ever a link (ITOP rate)")
    right.axhline(run.snapshot(60).layers[0].density, color=GREY, ls="--", lw=1, label="links at any one time: density")
    right.set(xlabel="epoch", ylabel="share of the possible links", ylim=(0, None))
    right.legend(loc="lower right")
    return figure


def significance(run: Any) -> Figure:
    """Draw a measure beside its null models."""
    figure, (left, right) = figure_of(2)
    layer = ns.LayerGraph.from_mask(
        ns.topologies.small_world((100, 100), 0.06, np.random.default_rng(0), beta=0.5), name="small world"
    )
    hubs = ns.LayerGraph.from_mask(
        ns.topologies.scale_free((100, 100), 0.06, np.random.default_rng(0), gamma=2.5), name="scale-free"
    )
    for ax, graph in ((left, layer), (right, hubs)):
        value = float(analysis.robins_alexander_clustering(graph))
        kept = [float(analysis.robins_alexander_clustering(analysis.rewired(graph, i))) for i in range(400)]
        random = [float(analysis.robins_alexander_clustering(analysis.erdos_renyi(graph, i))) for i in range(400)]
        bins = np.linspace(min(*random, *kept, value) * 0.95, max(*random, *kept, value) * 1.05, 50)
        for values, colour, name in ((kept, BLUE, "same degrees"), (random, GREY, "same number of links")):
            found = analysis.significance(value, values)
            ax.hist(values, bins, color=colour, alpha=0.75, label=f"{name}: z = {found.z:.1f}, p = {found.p:.3f}")
        ax.axvline(value, color=RED, lw=1.5)
        ax.set(xlabel="Robins–Alexander clustering", title=f"{graph.name} layer: {value:.3f} (red)", yticks=[])
        ax.set_ylim(0, ax.get_ylim()[1] * 1.45)
        ax.legend(loc="upper left")
    return figure


def costs_of_measures(run: Any) -> Figure:
    """Draw what measures are estimated to take on layers of 1 % density."""
    figure, (ax, right) = figure_of(2, widths=(1.5, 1))
    sizes = np.array([250, 500, 1000, 2000, 4000, 8000, 12000, 16000])
    kinds = {
        "power_law_p": (costs.power_law_bootstraps, GREY),
        "paths": (costs.paths, GREEN),
        "betweenness": (costs.betweenness, ORANGE),
        "coalescent embedding": (costs.embedding, BLUE),
        "rich club": (costs.rich_club, "#CC79A7"),
        "structural consistency": (costs.eigenvectors, RED),
    }
    threads = numba.get_num_threads()
    numba.set_num_threads(min(2, threads))
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for n in sizes:
        mask = ns.topologies.erdos_renyi((n // 2, n // 2), 0.01, np.random.default_rng(0))
        network = analysis.as_network(ns.LayerGraph.from_mask(mask))
        for name, (cost, _) in kinds.items():
            found[name].append(cost(network).seconds)
    numba.set_num_threads(threads)
    for name, (_, colour) in kinds.items():
        ax.loglog(sizes, found[name], "o-", ms=2.5, color=colour, label=name)
    ax.axhline(costs.LIMIT, color="black", ls="--", lw=1)
    ax.text(260, costs.LIMIT * 1.15, "refused unless forced", fontsize=7)
    ax.set(xlabel="neurons of a layer of 1 % density", ylabel="estimated seconds on two cores", ylim=(1e-4, 2e4))
    right.set_axis_off()
    right.legend(handles=ax.get_lines()[:-1], loc="center left", borderaxespad=0)
    return figure
