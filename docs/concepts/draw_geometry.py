"""Pictures of the hyperbolic disk: embedding, angular separability, greedy routing, meta-depth."""

from itertools import pairwise
from typing import Any

import numpy as np
from draw_parts import BLUE, GREEN, GREY, ORANGE, RED, dots, figure_of, lines
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from netsparse import analysis
from netsparse.analysis.pre_weighting import weigh
from netsparse.analysis.reductions import reduce

PICTURES = ("hyperbolic_embedding", "angular_separability", "navigation", "meta_depth")


def _disk(ax: Any, radius: float, title: str = "") -> None:
    ax.add_patch(Circle((0, 0), radius, facecolor="#fafafa", edgecolor="#cccccc", lw=0.8, zorder=0))
    ax.set(xlim=(-1.06 * radius, 1.06 * radius), ylim=(-1.06 * radius, 1.06 * radius), aspect="equal", title=title)
    ax.set_axis_off()


def _places(theta: np.ndarray, radius: np.ndarray) -> np.ndarray:
    return np.column_stack([radius * np.cos(theta), radius * np.sin(theta)])


def hyperbolic_embedding(run: Any) -> Figure:
    """Draw the steps of the embedding on a network that grew in the disk, colours its true angles."""
    figure, axes = figure_of(4, height=2.05)
    network = analysis.npso(300, 4, temperature=0.1, gamma=2.5, n_communities=5, seed=0)
    found = analysis.coalescent_embedding(network.adjacency)
    links = np.argwhere(np.triu(network.adjacency.toarray()))
    rim = 2 * np.log(300)
    plane = reduce(weigh(network.adjacency, "RA1"), "ncISO", 2, 256).coordinates
    steps = (
        (axes[0], _places(network.theta, network.radius), "grown: coordinates known"),
        (axes[3], _places(found.theta, found.radius), "4. radii from degrees"),
    )
    for ax, places, title in steps:
        _disk(ax, rim, title)
        lines(ax, places[links[:, 0]], places[links[:, 1]], "#dddddd", 0.3)
        ax.scatter(*places.T, c=network.theta, cmap="hsv", s=7, lw=0, zorder=2)
    axes[1].scatter(*plane.T, c=network.theta, cmap="hsv", s=7, lw=0)
    axes[1].axhline(0, color=GREY, lw=0.5)
    axes[1].axvline(0, color=GREY, lw=0.5)
    axes[1].set(xticks=[], yticks=[], title="1–2. RA1, ncISO: plane")
    axes[1].set_box_aspect(1)
    _disk(axes[2], 1.0, "3. EA: even angles")
    axes[2].scatter(*_places(found.theta, np.full(300, 0.93)).T, c=network.theta, cmap="hsv", s=7, lw=0, zorder=2)
    score = float(analysis.c_score(found.theta, network.theta))
    correlation = float(analysis.hd_correlation(found, network))
    axes[2].text(0, 0, f"C-score {score:.2f}\nHD-corr. {correlation:.2f}", ha="center", va="center", fontsize=7)
    return figure


def angular_separability(run: Any) -> Figure:
    """Draw three circles of twelve nodes, and chance."""
    figure, axes = figure_of(4, widths=(1, 1, 1, 1.3), height=2.2)
    colours = {"A": BLUE, "B": ORANGE, "C": GREEN}
    angles = np.arange(12.0) * 2 * np.pi / 12
    by_chance = []
    for ax, word in zip(axes, ("AAAABBBBCCCC", "AABABBBACCCC", "ABCABCABCABC"), strict=False):
        index, p = analysis.angular_separability_index(angles, np.array(list(word)))
        _disk(ax, 1.15, f"ASI = {index:.2f}, p = {p:.3f}")
        dots(ax, _places(angles, np.ones(12)), [colours[letter] for letter in word], 110, labels=list(word))
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 4)
    for _ in range(1000):
        by_chance.append(analysis.angular_separability_index(angles, rng.permutation(labels), n_permutations=0)[0])
    axes[3].hist(by_chance, bins=np.arange(-1 / 36, 1.03, 1 / 18), color=GREY)
    axes[3].axvline(13 / 18, color=RED, lw=1.3)
    axes[3].text(13 / 18 - 0.02, 160, "middle", color=RED, fontsize=7, ha="right")
    axes[3].set(xlabel="ASI of random labels", ylabel="of 1,000", ylim=(0, 230))
    return figure


def _walk(links: np.ndarray, distance: np.ndarray, start: int, target: int) -> tuple[list[int], bool]:
    path = [start]
    while path[-1] != target:
        near = np.flatnonzero(links[path[-1]])
        nearest = int(near[np.argmin(distance[near, target])])
        path.append(nearest)
        if nearest in path[:-1]:
            return path, False
    return path, True


def navigation(run: Any) -> Figure:
    """Draw greedy paths that arrive and that fail, and navigability against temperature."""
    figure, (left, middle, right) = figure_of(3, widths=(1, 1, 1.35))
    rim = 2 * np.log(120)
    cases = ((left, 0.0, GREEN, True, "T = 0: arrives"), (middle, 0.6, RED, False, "T = 0.6: returns, fails"))
    for ax, temperature, colour, wanted, title in cases:
        network = analysis.npso(120, 2, temperature, 2.5, seed=3)
        distance = analysis.hyperbolic_distance(
            network.radius[:, None], network.theta[:, None], network.radius, network.theta
        )
        matrix = network.adjacency.toarray()
        pairs = np.argwhere(distance > np.quantile(distance, 0.97))
        walks = [(*_walk(matrix, distance, a, b), b) for a, b in pairs]
        path, _, target = max((w for w in walks if w[1] == wanted), key=lambda w: len(w[0]))
        places = _places(network.theta, network.radius)
        _disk(ax, rim, title)
        links = np.argwhere(np.triu(matrix))
        lines(ax, places[links[:, 0]], places[links[:, 1]], "#dddddd", 0.4)
        dots(ax, places, GREY, 8)
        for a, b in pairwise(path):
            ax.annotate("", places[b], places[a], arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.4})
        dots(ax, [places[path[0]], places[target]], ["white", "black"], 45, edge="black", marker="o")
    temperatures = np.linspace(0, 0.9, 10)
    scores = []
    for temperature in temperatures:
        network = analysis.npso(300, 4, float(temperature), 2.5, seed=0)
        own = analysis.greedy_routing(network.adjacency, network.theta, network.radius)
        found = analysis.coalescent_embedding(network.adjacency)
        scores.append((own.score, analysis.greedy_routing(network.adjacency, found.theta, found.radius).score))
    own, embedded = np.array(scores).T
    right.plot(temperatures, own, "o-", ms=3, color=BLUE, label="coordinates it grew from")
    right.plot(temperatures, embedded, "s-", ms=3, color=ORANGE, label="coalescent embedding")
    right.set(xlabel="temperature T of an nPSO network", ylabel="GR-score", ylim=(0, 1.05))
    right.legend(loc="lower left")
    return figure


def meta_depth(run: Any) -> Figure:
    """Draw levels of the hyperbolic radii of one layer, and the meta-depth over a training."""
    figure, (left, right) = figure_of(2, widths=(1.2, 1))
    layer = run.snapshot(0).layers[1]
    radii = analysis.radius(layer)
    radii = radii[np.isfinite(radii)]
    counts, edges = np.histogram(radii, np.histogram_bin_edges(radii, "fd"))
    left.bar(edges[:-1], counts, np.diff(edges), align="edge", color=BLUE, edgecolor="white", lw=0.6)
    left.set(
        xlabel="hyperbolic radius r (hubs at the left)", ylabel="neurons of sandwich2", ylim=(0, counts.max() * 1.3)
    )
    occupied = int(np.count_nonzero(counts))
    span = float(analysis.hierarchical_span(layer))
    left.set_title(f"epoch 0: {occupied} of {len(counts)} bins occupied, span {span:.1f}")
    epochs = range(0, 61, 5)
    snapshots = [run.snapshot(epoch) for epoch in epochs]
    right.plot(epochs, [analysis.meta_depth(s) for s in snapshots], "o-", ms=3, color=BLUE, label="meta_depth")
    right.plot(epochs, [analysis.k_core_depth(s) for s in snapshots], "s-", ms=3, color=ORANGE, label="k_core_depth")
    right.plot(epochs, [analysis.nominal_depth(s) for s in snapshots], "--", color=GREY, label="nominal_depth")
    right.set(xlabel="epoch", ylabel="levels", ylim=(0, None), title="CHT on digits, three layers")
    right.legend(loc="center right", bbox_to_anchor=(1, 0.3))
    return figure
