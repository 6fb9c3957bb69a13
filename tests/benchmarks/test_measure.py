"""All `fast` and `standard` measures of one snapshot, beside the same by networkx, scikit-learn, SciPy and powerlaw.

    python -m pytest tests/benchmarks/test_measure.py -s

The snapshot is of the paper's 1× size: three layers of 784 × 784 neurons, 1 % of the links, with the hubs that CHT
grows. The others have no function for half of the measures: the ratio is that of the measures that both give, and what
all of `standard` takes is told beside. It takes some minutes, theirs and those of the large graphs.
"""

import itertools
import statistics
import subprocess
import sys
import time
import warnings

import networkx as nx
import numpy as np
import pytest
import scipy.sparse.csgraph as csgraph
import scipy.sparse.linalg
from sklearn.metrics import normalized_mutual_info_score

import netsparse as ns
from netsparse.topologies import TOPOLOGIES


def snapshot_of(sizes: tuple[int, ...] = (784,) * 4, density: float = 0.01) -> ns.Snapshot:
    layers = [
        ns.LayerGraph.from_mask(
            TOPOLOGIES["scale_free"](shape, density, np.random.default_rng(i)),
            f"layer{i}",
            f"group{i}",
            f"group{i + 1}",
        )
        for i, shape in enumerate(itertools.pairwise(sizes))
    ]
    return ns.Snapshot(layers, epoch=0)


# What networkx, scikit-learn, SciPy and powerlaw give, too.
BOTH = [
    "n_links",
    "mean_degree",
    "n_components",
    "degree_assortativity",
    "k_core_depth",
    "clustering",
    "local_efficiency",
    "robins_alexander_clustering",
    "latapy_clustering",
    "power_law_gamma",
    "characteristic_path_length",
    "global_efficiency",
    "betweenness",
    "mean_betweenness",
    "modularity",
    "community_group_overlap",
    "theta",
]


def by_others(graph: nx.Graph, groups: list[int]) -> dict[str, float]:
    """What a script would compute of one graph; groups: each node's neuron group."""
    import powerlaw

    degrees = np.array([d for _, d in graph.degree])
    found = {
        "n_links": graph.number_of_edges(),
        "mean_degree": degrees.mean(),
        "n_components": nx.number_connected_components(graph),
        "degree_assortativity": nx.degree_assortativity_coefficient(graph),
        "k_core_depth": max(nx.core_number(graph).values()),
        "clustering": nx.average_clustering(graph),
        "local_efficiency": nx.local_efficiency(graph),
        "robins_alexander_clustering": nx.bipartite.robins_alexander_clustering(graph),
        "latapy_clustering": nx.bipartite.average_clustering(graph),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found["power_law_gamma"] = powerlaw.Fit(degrees[degrees > 0], discrete=True, verbose=False).alpha
    lengths = [d for _, row in nx.all_pairs_shortest_path_length(graph) for d in row.values() if d]
    found["characteristic_path_length"] = np.mean(lengths)
    found["global_efficiency"] = (1.0 / np.array(lengths)).sum() / len(graph) / (len(graph) - 1)
    found["mean_betweenness"] = np.mean(list(nx.betweenness_centrality(graph, normalized=False).values()))
    partitions = [nx.community.louvain_communities(graph, seed=seed) for seed in range(5)]
    best = max(partitions, key=lambda partition: nx.community.modularity(graph, partition))
    found["modularity"] = nx.community.modularity(graph, best)
    label = {node: i for i, community in enumerate(best) for node in community}
    found["community_group_overlap"] = normalized_mutual_info_score([label[v] for v in graph], groups)
    giant = graph.subgraph(max(nx.connected_components(graph), key=len))
    adjacency = nx.to_scipy_sparse_array(giant, dtype=float, weight=None, format="coo")
    d, (row, column) = np.asarray(adjacency.sum(axis=0)).ravel(), adjacency.coords
    adjacency.data[:] = d[row] + d[column] + d[row] * d[column]
    distances = csgraph.dijkstra(adjacency.tocsr(), directed=False)
    _, vectors = scipy.sparse.linalg.eigsh(distances, k=3, which="LM")
    found["theta"] = float(np.arctan2(vectors[:, 1], vectors[:, 0])[0])
    return found


def test_standard_of_one_snapshot_against_networkx(benchmark):
    snapshot = snapshot_of()
    ns.measure(snapshot, "standard")  # compiled
    table = benchmark.pedantic(lambda: ns.measure(snapshot, "standard"), rounds=3)
    everything = benchmark.stats.stats.median
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        ns.measure(snapshot, BOTH)
        seconds.append(time.perf_counter() - started)
    fast = statistics.median(seconds)
    started = time.perf_counter()
    graphs = [(layer.name, ns.Snapshot([layer])) for layer in snapshot] + [("", snapshot)]
    for name, part in graphs:
        groups = np.repeat(np.arange(len(part.groups)), list(part.groups.values())).tolist()
        theirs = by_others(nx.from_scipy_sparse_array(part.adjacency), groups)
        ours = table[(table["layer"] == name) & table["scope"].isin(["layer", "network"])].set_index("measure")["value"]
        for measure in set(theirs) - {"power_law_gamma", "modularity", "community_group_overlap", "theta"}:
            assert ours[measure] == pytest.approx(theirs[measure], rel=1e-9), measure
        assert ours["modularity"] > theirs["modularity"] - 0.01
    slow = time.perf_counter() - started
    print(f"\n{len(BOTH)} standard measures: {fast:.2f} s against {slow:.0f} s, {slow / fast:.0f} times")
    print(f"all of standard: {everything:.2f} s")
    assert set(theirs) <= set(BOTH)
    assert everything <= 6.0
    assert slow / fast >= 50


def test_fast_of_one_snapshot_takes_a_tenth_of_a_second(benchmark):
    snapshot = snapshot_of()
    ns.measure(snapshot, "fast")
    # a snapshot of its own every time, as a training has it: nothing is remembered
    benchmark.pedantic(ns.measure, setup=lambda: ((ns.Snapshot(snapshot.layers, 0), "fast"), {}), rounds=20)
    print(f"\nfast: {1e3 * benchmark.stats.stats.median:.0f} ms")
    assert benchmark.stats.stats.median <= 0.1


def test_nulls_are_affordable(benchmark):
    """100 rewirings and 100 random graphs of one layer, the measures of paths and clustering."""
    layer = snapshot_of().layers[0]
    names = ["characteristic_path_length", "global_efficiency", "robins_alexander_clustering", "latapy_clustering"]
    ns.measure(layer, names, nulls=1)
    benchmark.pedantic(lambda: ns.measure(layer, names, nulls=100), rounds=1)
    print(f"\n200 null models: {benchmark.stats.stats.median:.1f} s")


_LARGE = """
import sys, time, resource
import numpy as np
import netsparse as ns
from netsparse.topologies.budget import from_pairs, random_unlinked
n, links = 50_000, 1_666_667
layers = []
for i in range(3):
    rng = np.random.default_rng(i)
    if sys.argv[1] == "hubs":
        chance = np.cumsum(1 / np.arange(1, n + 1) ** 0.6)
        ends = np.searchsorted(chance / chance[-1], rng.random((2, int(1.14 * links)))).clip(0, n - 1)
        keys = rng.permutation(np.unique(ends[0] * n + ends[1]))[:links]
    else:
        keys = random_unlinked((n, n), np.empty(0, np.int64), links, rng)
    layers.append(ns.LayerGraph.from_mask(from_pairs(keys, (n, n)), f"layer{i}", f"group{i}", f"group{i + 1}"))
snapshot = ns.Snapshot(layers, epoch=0)
ns.measure(ns.Snapshot([ns.LayerGraph.from_mask(np.eye(5))]), "standard")
started = time.perf_counter()
table = ns.measure(snapshot, "standard")
failed = table[table["reason"].str.startswith("failed")]
assert not len(failed), failed
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, len(table))
"""


@pytest.mark.parametrize("kind", ["random", "hubs"])
def test_standard_of_200_000_nodes_and_5_million_links(kind):
    done = subprocess.run([sys.executable, "-c", _LARGE, kind], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seconds, gigabytes, n_rows = map(float, done.stdout.split())
    print(f"\n200,000 nodes, 5 million links, {kind}: {seconds:.0f} s, {gigabytes:.1f} GiB, {n_rows:.0f} rows")
    assert seconds < 300
    assert gigabytes < 4 * 1e9 / 2**30
