"""Pictures of what a graph looks like: links, degrees, clustering, paths, communities, percolation."""

from typing import Any

import networkx as nx
import numpy as np
from draw_parts import BLUE, GREEN, GREY, ORANGE, RED, chain, dots, figure_of, lines, network_of
from matplotlib.figure import Figure
from scipy.sparse.csgraph import shortest_path
from scipy.special import zeta

import netsparse as ns
from netsparse import analysis
from netsparse.analysis.structural_consistency import perturbed_two_sided

PICTURES = (
    "links_and_percolation",
    "degrees",
    "power_law",
    "clustering",
    "paths",
    "credit_assigned_paths",
    "communities",
    "community_dynamics",
    "rich_club",
    "local_communities",
    "structural_consistency",
    "percolation_curves",
)


def links_and_percolation(run: Any) -> Figure:
    """Draw neurons that percolate away: in a small chain, and in a training."""
    figure, axes = figure_of(3, widths=(1, 1, 1.3))
    masks = [
        np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]),
        np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]]),
        np.array([[1, 1], [0, 1], [0, 0]]),
    ]
    after = [masks[0] * [1, 1, 0, 0], masks[1] * [[1, 1, 0]], masks[2]]
    for ax, kept, title in ((axes[0], masks, "removal leaves cut-off neurons"), (axes[1], after, "percolation")):
        taken = [before - now for before, now in zip(masks, kept, strict=True)]
        chain(ax, kept, taken=taken)
        ax.set_title(title)
    table = run.measures
    rows = table[(table["measure"] == "anp_rate") & (table["layer"] == "")]
    colours = {"input": GREY, "hidden1": BLUE, "hidden2": ORANGE, "hidden3": GREEN}
    groups = rows[rows["scope"] == "group"]
    for name, colour in zip(groups["group"].unique(), colours.values(), strict=False):
        part = groups[groups["group"] == name]
        axes[2].plot(part["epoch"], part["value"], color=colour, label=name, lw=1.2)
    whole = rows[rows["scope"] == "network"]
    axes[2].plot(whole["epoch"], whole["value"], color="black", lw=2, label="all: ANP rate")
    axes[2].set(xlabel="epoch", ylabel="share of active neurons", ylim=(0, 1.03), title="CHT on digits")
    axes[2].legend(loc="lower left")
    return figure


def degrees(run: Any) -> Figure:
    """Draw two layers of equally many links: degrees, and the Lorenz curves behind the Gini coefficient."""
    figure, (left, right) = figure_of(2)
    rng = np.random.default_rng(0)
    shape, density = (500, 500), 0.02
    for name, mask, colour in (
        ("Erdős–Rényi", ns.topologies.erdos_renyi(shape, density, rng), BLUE),
        ("scale-free, γ = 2.5", ns.topologies.scale_free(shape, density, rng, gamma=2.5), ORANGE),
    ):
        layer = ns.LayerGraph.from_mask(mask)
        found = np.sort(analysis.degree(layer))
        gini = float(analysis.degree_gini(layer))
        at = np.arange(1, len(found) + 1) / len(found)
        label = f"{name}: mean {found.mean():.0f}, max {found.max()}"
        left.plot(found, 1 - at + at[0], ".", ms=3, color=colour, label=label)
        right.plot(
            np.append(0, at), np.append(0, np.cumsum(found) / found.sum()), color=colour, label=f"Gini {gini:.2f}"
        )
    left.set(xscale="log", yscale="log", xlabel="degree d", ylabel="share of nodes of degree ≥ d")
    left.set_xlim(0.8, None)
    left.legend(loc="lower left")
    right.plot([0, 1], [0, 1], color=GREY, ls="--", lw=1, label="all degrees equal: Gini 0")
    right.set(xlabel="share of nodes, the poorest first", ylabel="share of link ends", xlim=(0, 1), ylim=(0, 1))
    right.legend(loc="upper left")
    return figure


def power_law(run: Any) -> Figure:
    """Draw the fit of a graph of preferential attachment, and how x_min is chosen."""
    figure, (left, right) = figure_of(2)
    values = analysis.degree(nx.barabasi_albert_graph(2000, 3, seed=0))
    fit = analysis.fit_power_law(values)
    x = np.unique(values)
    left.loglog(x, [(values >= k).mean() for k in x], ".", color=BLUE, ms=4, label="degrees")
    share = (values >= fit.x_min).mean()
    tail = x[x >= fit.x_min]
    law = share * zeta(fit.gamma, tail) / zeta(fit.gamma, fit.x_min)
    left.loglog(tail, law, color="black", lw=1.3, label=f"power law, γ = {fit.gamma:.2f}")
    above = values[values >= fit.x_min] - fit.x_min
    rate = np.log1p(1 / above.mean())
    left.loglog(tail, share * np.exp(-rate * (tail - fit.x_min)), color=ORANGE, lw=1.3, ls="--", label="exponential")
    left.axvline(fit.x_min, color=GREY, ls=":", lw=1)
    left.text(fit.x_min * 1.06, 6e-4, "x_min", color=GREY, fontsize=7)
    left.set(ylim=(4e-4, 1.3), xlabel="degree x", ylabel="share of nodes of degree ≥ x")
    left.legend()
    gammas, distances = np.arange(101, 1001) / 100, []
    candidates = x[:20]
    for x_min in candidates:
        data = values[values >= x_min]
        best = gammas[np.argmax(-gammas * np.log(data).sum() - len(data) * np.log(zeta(gammas, x_min)))]
        different = np.arange(x_min, data.max() + 1)
        fitted = 1 - zeta(best, different + 1) / zeta(best, x_min)
        distances.append(np.abs(np.array([(data <= k).mean() for k in different]) - fitted).max())
    right.plot(candidates, distances, "o-", ms=3, color=BLUE)
    at = int(np.argmin(distances))
    right.plot(candidates[at], distances[at], "o", ms=7, mfc="none", color=RED)
    right.annotate(f"x_min = {candidates[at]}", (candidates[at], distances[at]), (4.9, 0.004), color=RED, fontsize=7)
    right.set(xlabel="x_min tried", ylabel="Kolmogorov–Smirnov distance", ylim=(0, None))
    return figure


def clustering(run: Any) -> Figure:
    """Draw a four-cycle, a path of three, and clustering against path length from lattice to random."""
    figure, axes = figure_of(3, widths=(0.8, 0.8, 1.6))
    places = {"u": (0, 1), "b": (0, 0), "a": (1, 1), "v": (1, 0)}
    for ax, closed, title in ((axes[0], False, "path of three links"), (axes[1], True, "closed: four-cycle")):
        for one, two in (("u", "a"), ("a", "b"), ("b", "v")):
            lines(ax, [places[one]], [places[two]], BLUE, 1.6)
        lines(ax, [places["u"]], [places["v"]], RED if closed else GREY, 1.6, "-" if closed else ":")
        for name, place in places.items():
            dots(ax, [place], "white", 130, edge="black", marker="o" if name in "ub" else "s", labels=[name])
        ax.set(xlim=(-0.5, 1.5), ylim=(-0.5, 1.5), aspect="equal", title=title)
        ax.set_axis_off()
    betas = np.concatenate([[0], np.logspace(-3, 0, 13)])
    shape, density = (400, 400), 0.03
    found = []
    for beta in betas:
        graph = ns.LayerGraph.from_mask(
            ns.topologies.small_world(shape, density, np.random.default_rng(0), beta=float(beta))
        )
        found.append((analysis.robins_alexander_clustering(graph), analysis.characteristic_path_length(graph)))
    c, length = np.array(found, float).T
    axes[2].semilogx(betas[1:], c[1:] / c[0], "o-", ms=3, color=BLUE, label=f"clustering C, 1 = {c[0]:.2f}")
    axes[2].semilogx(
        betas[1:], length[1:] / length[0], "s-", ms=3, color=ORANGE, label=f"path length L, 1 = {length[0]:.1f}"
    )
    axes[2].axvspan(0.006, 0.1, color="#e9f3e9", zorder=0)
    axes[2].text(0.024, 0.08, "small world", ha="center", fontsize=7, color=GREEN)
    axes[2].set(xlabel="share of links rewired, β", ylabel="relative to the lattice", ylim=(0, 1.08))
    axes[2].legend(loc="center left", bbox_to_anchor=(0, 0.7))
    return figure


def paths(run: Any) -> Figure:
    """Draw betweenness in a small graph, and distances in a network before and after training."""
    figure, (left, right) = figure_of(2)
    graph = nx.barbell_graph(4, 2)
    values = analysis.betweenness(graph)
    square = np.array([(-1.6, 0.9), (-2.5, 0.0), (-1.6, -0.9), (-0.8, 0.0)])
    place = np.concatenate([square, [(0.0, 0.0), (1.0, 0.0)], np.add((square * [-1, 1])[::-1], (1.0, 0.0))])
    network_of(
        left, graph, place, values, sizes=40 + 12 * values, colour="viridis", labels=[f"{v:.0f}" for v in values]
    )
    left.set(ylim=(-1.6, 1.6), title="betweenness: the bridge carries all paths")
    for epoch, colour in ((0, GREY), (60, BLUE)):
        snapshot = run.snapshot(epoch)
        lengths = shortest_path(snapshot.adjacency, unweighted=True)
        finite = lengths[np.isfinite(lengths) & (lengths > 0)].astype(int)
        mean = float(analysis.characteristic_path_length(snapshot))
        counts = np.bincount(finite) / (lengths.size - len(lengths))
        k = np.arange(len(counts))
        label = f"epoch {epoch}: L = {mean:.2f}, joined {counts.sum():.0%}"
        right.plot(k[1:], counts[1:], "o-", ms=3, color=colour, label=label)
    right.set(xlabel="links on the shortest path", ylabel="share of all pairs", ylim=(0, None))
    right.set_title("CHT on digits, whole network")
    right.set_ylim(0, 0.17)
    right.legend(loc="upper right")
    return figure


def credit_assigned_paths(run: Any) -> Figure:
    """Draw paths into and out of each neuron, and the share of paths through hubs in a training."""
    figure, (left, right) = figure_of(2, widths=(1.2, 1))
    masks = [np.array([[1, 1, 0], [1, 0, 1]]), np.array([[1, 1, 1], [0, 1, 0], [0, 1, 0]])]
    into = [np.ones(2, int)]
    for mask in masks:
        into.append(into[-1] @ mask)
    out = [np.ones(3, int)]
    for mask in reversed(masks):
        out.append(mask @ out[-1])
    through = [a * b for a, b in zip(into, reversed(out), strict=True)]
    chain(left, masks, labels=[[str(x) for x in group] for group in through], size=220, hubs={(1, 0)})
    left.set_title("paths through each neuron: 8 in all, 6 by the hub")
    rows = run.measures.query("layer == '' and scope == 'network'")
    share, count = (rows[rows["measure"] == name] for name in ("hub_path_share", "log10_credit_assigned_paths"))
    right.plot(share["epoch"], share["value"], color=ORANGE, label="hub_path_share (left)")
    right.set(xlabel="epoch", ylabel="share of paths through a hub", ylim=(0, 1), title="CHT on digits")
    other = right.twinx()
    other.spines["right"].set_visible(True)
    other.plot(count["epoch"], count["value"], color=BLUE, ls="--", label="log10 of all paths (right)")
    other.set_ylabel("log10_credit_assigned_paths")
    right.legend(loc="lower left", handles=[*right.get_lines(), *other.get_lines()])
    return figure


def communities(run: Any) -> Figure:
    """Draw the links of a layer as they lie, and in the order of communities."""
    figure, (left, right) = figure_of(2, widths=(1, 1))
    layer = run.snapshot(60).layers[0]
    labels = analysis.community(layer)
    q = float(analysis.modularity(layer))
    source, target = np.split(labels, [layer.n_source])
    rows, columns = layer.biadjacency.tocoo().coords
    left.plot(columns, rows, "s", ms=1.1, mew=0, color="black")
    left.set_title("sandwich1 after training, as it lies")
    orders = [np.argsort(np.nan_to_num(side, nan=1e9), kind="stable") for side in (source, target)]
    places = [np.argsort(order) for order in orders]
    same = source[rows] == target[columns]
    for own, colour in ((same, BLUE), (~same, GREY)):
        right.plot(places[1][columns[own]], places[0][rows[own]], "s", ms=2.2, mew=0, color=colour)
    n = [int(np.isfinite(side).sum()) for side in (source, target)]
    right.set_title(f"sorted: Q = {q:.2f}, {same.mean():.0%} of links inside")
    left.set(xlim=(-0.5, layer.n_target), ylim=(layer.n_source, -0.5))
    right.set(xlim=(-0.5, n[1]), ylim=(n[0], -0.5))
    for ax in (left, right):
        ax.set(xlabel="target neuron", ylabel="source neuron", aspect="auto")
    return figure


def community_dynamics(run: Any) -> Figure:
    """Draw where the neurons of each community go, and how stable the partitions are."""
    figure, (left, right) = figure_of(2, widths=(1.3, 1))
    epochs = (0, 10, 20, 60)
    layers = [ns.LayerGraph.from_mask(run.snapshot(epoch).layers[0].biadjacency) for epoch in epochs]
    _flow(left, analysis.community_flow(layers), epochs, sum(layers[0].biadjacency.shape))
    left.set_title("sandwich1 of CHT on digits")
    later = [run.snapshot(epoch) for epoch in range(0, 61, 5)]
    for name, colour in (("sandwich1", BLUE), ("sandwich2", ORANGE), ("sandwich3", GREEN)):
        graphs = [next(layer for layer in snapshot if layer.name == name) for snapshot in later]
        table = analysis.community_stability(graphs)
        right.plot(5 * (table["next_epoch"]), table["stability"], "o-", ms=3, color=colour, label=name)
    right.set(xlabel="epoch, compared with 5 before", ylabel="adjusted mutual information", ylim=(-0.03, 1.05))
    right.legend(loc="lower left")
    return figure


def _flow(ax: Any, flow: Any, epochs: tuple[int, ...], n: int) -> None:
    colours = [BLUE, ORANGE, GREEN, RED, "#CC79A7", "#56B4E9", "#E69F00", "#999933", "#332288", "#117733", "#88CCEE"]
    for step in range(len(epochs) - 1):  # neurons without a link in both
        rest = n - flow.loc[flow["epoch"] == step, "n_nodes"].sum()
        flow.loc[len(flow)] = [step, step + 1, -1, -1, rest]
    tops: list[dict[int, float]] = []
    for step in range(len(epochs)):
        column = ("community", step) if step < len(epochs) - 1 else ("next_community", step - 1)
        part = flow[flow["epoch"] == column[1]].groupby(column[0])["n_nodes"].sum()
        part = part.reindex([label for label in sorted(part.index) if label >= 0] + [-1]).fillna(0)
        gap, at, top = 0.012 * n, 0.0, {}
        for label, size in part.items():
            top[int(label)] = at
            colour = "#dddddd" if label < 0 else colours[int(label) % len(colours)]
            ax.fill_between([step - 0.04, step + 0.04], at, at + size, color=colour, lw=0)
            at += size + gap
        tops.append(top)
    for step in range(len(epochs) - 1):
        out, into = dict(tops[step]), dict(tops[step + 1])
        t = np.linspace(0, 1, 30)
        bend = 3 * t**2 - 2 * t**3
        for row in flow[flow["epoch"] == step].itertuples():
            a, b, size = int(row.community), int(row.next_community), row.n_nodes
            y0 = out[a] + (into[b] - out[a]) * bend
            colour = "#dddddd" if a < 0 else colours[a % len(colours)]
            ax.fill_between(step + 0.05 + 0.9 * t, y0, y0 + size, color=colour, alpha=0.35, lw=0)
            out[a] += size
            into[b] += size
    ax.set_xticks(range(len(epochs)), [f"epoch {epoch}" for epoch in epochs])
    ax.invert_yaxis()
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("neurons by community; grey: without a link")


def rich_club(run: Any) -> Figure:
    """Draw a graph whose hubs link to each other, and its coefficient against null models."""
    figure, (left, right) = figure_of(2)
    graph = nx.complete_graph(5)
    for hub in range(5):
        graph.add_edges_from((hub, 5 + 4 * hub + i) for i in range(4))
    nx.add_cycle(graph, range(5, 25))
    ring = [np.linspace(0, 2 * np.pi, n, endpoint=False) for n in (5, 20)]
    place = np.concatenate(
        [
            np.column_stack([0.45 * np.cos(ring[0] + 0.47), 0.45 * np.sin(ring[0] + 0.47)]),
            np.column_stack([np.cos(ring[1]), np.sin(ring[1])]),
        ]
    )
    degree = np.array([d for _, d in graph.degree])
    network_of(left, graph, place, (degree > 3).astype(float), sizes=12 * degree, colour="coolwarm")
    left.set_title("five hubs, each linked to each")
    cases = (("five hubs", graph, RED, 1.5), ("karate club", nx.karate_club_graph(), BLUE, 1.2))
    for name, case, colour, width in cases:
        found = analysis.rich_club(case, n_nulls=1000)
        label = f"{name}: peak {found.peak:.2f}, p = {found.p:.3f}"
        right.plot(found.degrees, found.coefficient, "o-", ms=4, color=colour, lw=width, label=label)
        right.plot(found.degrees, found.null_mean, "o--", ms=3, mfc="none", color=colour, lw=1)
    right.set(xlabel="degree k", ylabel="rich-club coefficient φ(k)", ylim=(0, 1.45))
    right.plot([], [], "o--", ms=3, mfc="none", color=GREY, lw=1, label="mean of 1,000 null models")
    right.set_yticks(np.arange(0, 1.1, 0.2))
    right.legend(loc="upper right")
    return figure


def local_communities(run: Any) -> Figure:
    """Draw common neighbours and local community links of one link of a layer, and both over all links."""
    figure, (left, right) = figure_of(2, widths=(1, 1.1))
    mask = np.array([[1, 0, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]])
    u, v = 1, 2
    source, target = [(0, y) for y in (0.9, 0.5, 0.1)], [(1, y) for y in (1.0, 0.67, 0.33, 0.0)]
    near_u = [a for a in range(4) if mask[u, a] and a != v]
    near_v = [b for b in range(3) if mask[b, v] and b != u]
    for b, a in np.argwhere(mask):
        inner = b in near_v and a in near_u
        colour = "black" if (b, a) == (u, v) else RED if inner else BLUE if b == u or a == v else GREY
        lines(left, [source[b]], [target[a]], colour, 2 if inner or (b, a) == (u, v) else 1.2)
    for i, place in enumerate(source):
        dots(left, [place], "#cfe3f3" if i in near_v else "white", 150, edge="black", labels=["u" if i == u else ""])
    for i, place in enumerate(target):
        fill = "#cfe3f3" if i in near_u else "white"
        dots(left, [place], fill, 150, edge="black", marker="s", labels=["v" if i == v else ""])
    left.set(xlim=(-0.25, 1.25), ylim=(-0.15, 1.15))
    left.set_axis_off()
    left.set_title(
        f"link u–v: CN = {len(near_u) + len(near_v)} (blue), LCL = {mask[np.ix_(near_v, near_u)].sum()} (red)"
    )
    layer = run.snapshot(60).layers[2]
    b = layer.biadjacency.toarray().astype(np.int64)
    three = b @ b.T @ b
    rows, columns = np.nonzero(b)
    lcl = three[rows, columns] - b.sum(1)[rows] - b.sum(0)[columns] + 1
    near = np.empty(len(rows))
    for i, (r, c) in enumerate(zip(rows, columns, strict=True)):
        sources, targets = np.flatnonzero(b[:, c]), np.flatnonzero(b[r])
        inner = b[np.ix_(sources[sources != r], targets[targets != c])]
        near[i] = (inner.sum(1) > 0).sum() + (inner.sum(0) > 0).sum()
    right.plot(near, lcl, ".", ms=2, color=BLUE, alpha=0.5)
    value = float(analysis.lcp_correlation(layer))
    right.set(xlabel="common neighbours CN of a link", ylabel="local community links LCL")
    right.set_title(f"sandwich3, CHT on digits: r = {value:.2f}")
    return figure


def structural_consistency(run: Any) -> Figure:
    """Draw what the perturbed adjacency says of a layer with structure and of one without, and over β."""
    figure, axes = figure_of(3, widths=(1, 1, 1.5))
    rng = np.random.default_rng(1)
    cases = (("lattice", 0.0), ("random", 1.0))
    for ax, (name, beta) in zip(axes, cases, strict=False):
        whole = ns.topologies.small_world((30, 30), 0.2, rng, beta=beta).toarray().astype(float)
        rows, columns = np.nonzero(whole)
        gone = rng.choice(len(rows), 18, replace=False)
        rest = whole.copy()
        rest[rows[gone], columns[gone]] = 0
        scores = np.where(rest > 0, np.nan, perturbed_two_sided(whole, rest))
        top = np.argsort(-np.nan_to_num(scores, nan=-9), axis=None)[:18]
        hit = np.isin(rows[gone] * 30 + columns[gone], top)
        ax.imshow(scores, cmap="Greys", vmin=-0.1, vmax=0.7)
        for found, marker, colour in ((hit, "o", GREEN), (~hit, "x", RED)):
            ax.scatter(columns[gone][found], rows[gone][found], s=16, marker=marker, color=colour, lw=1.1)
        ax.set(xticks=[], yticks=[], title=f"{name}: {hit.sum()} of 18 found")
    betas, values = np.linspace(0, 1, 11), []
    for beta in betas:
        mask = ns.topologies.small_world((100, 100), 0.1, np.random.default_rng(0), beta=float(beta))
        values.append(analysis.structural_consistency(ns.LayerGraph.from_mask(mask)))
    axes[2].errorbar(betas, values, [v.standard_error for v in values], fmt="o-", ms=3, color=BLUE, lw=1.3, capsize=2)
    axes[2].axhline(100 / (10_000 - 900), color=GREY, ls="--", lw=1)  # removed links among the unlinked pairs
    axes[2].text(0.02, 0.03, "a guess", color=GREY, fontsize=7)
    axes[2].set(xlabel="share of links rewired, β", ylabel="structural consistency σ_c", ylim=(0, 1.05))
    return figure


def percolation_curves(run: Any) -> Figure:
    """Draw what is left of the giant component, by order of removal."""
    figure, (left, right) = figure_of(2)
    snapshot = run.snapshot(60)
    cases = (
        (left, "nodes", "random", BLUE, "at random"),
        (left, "nodes", "degree", RED, "hubs first"),
        (right, "links", "random", BLUE, "at random"),
        (right, "links", "weight", ORANGE, "weakest weight first"),
        (right, "links", "degree", RED, "between hubs first"),
    )
    for ax, remove, order, colour, name in cases:
        curve = analysis.percolation_curve(snapshot, remove, order)
        label = f"{name}: area {curve.area:.2f}"
        ax.plot(curve.removed, curve.giant, color=colour, label=label)
        ax.fill_between(
            curve.removed, curve.giant - curve.giant_sd, curve.giant + curve.giant_sd, color=colour, alpha=0.2, lw=0
        )
        at = float(curve.threshold)
        ax.plot(at, np.interp(at, curve.removed, curve.giant), "v", color=colour, ms=6)
        ax.set(xlabel=f"share of {remove} removed", ylabel="giant component's share", ylim=(0, 0.5))
    left.legend(loc="upper right")
    right.legend(loc="lower left")
    left.set_title("CHT on digits, last epoch; triangles: thresholds")
    return figure
