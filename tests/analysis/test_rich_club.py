"""Rich club: the coefficient against networkx, the swaps against what they must keep and whom they must favour."""

import networkx as nx
import numpy as np
import pytest

import netsparse.analysis as analysis
from netsparse import LayerGraph, NetsparseError, Snapshot
from netsparse.analysis import as_network, rich_club, rich_club_coefficient
from netsparse.analysis.rich_club import _parts
from netsparse.analysis.rich_club_kernels import swap_by_degree


def test_the_coefficient_equals_networkx():
    for graph in (nx.karate_club_graph(), nx.barabasi_albert_graph(80, 3, seed=1)):
        expected = nx.rich_club_coefficient(graph, normalized=False)
        found = rich_club_coefficient(graph).set_index("degree")["coefficient"].dropna()
        assert {k: expected[k] for k in found.index if k in expected} == pytest.approx(
            {k: v for k, v in found.items() if k in expected}
        )
        assert len(found) > 5


def plain_coefficient(network, k):
    """Look at every pair of every layer."""
    rich = as_network(network).by_group(as_network(network).degrees > k)
    links = pairs = 0
    for layer in network:
        inside = layer.biadjacency.toarray()[np.ix_(rich[layer.source], rich[layer.target])]
        links, pairs = links + inside.sum(), pairs + inside.size
    return links / pairs if pairs else np.nan


def test_the_coefficient_of_nasty_layers_is_that_of_every_pair(nasty_layer):
    found = rich_club_coefficient(nasty_layer)
    expected = [plain_coefficient(Snapshot([nasty_layer]), k) for k in found["degree"]]
    assert found["coefficient"].tolist() == pytest.approx(expected, nan_ok=True)


def test_pairs_of_layers_are_sources_and_targets(chain):
    for seed in range(3):
        network = chain(seed)
        table = rich_club_coefficient(network)
        expected = [plain_coefficient(network, k) for k in table["degree"]]
        assert np.array_equal(table["coefficient"], expected, equal_nan=True)


def swapped(graph, seed, n_swaps):
    network = as_network(graph)
    for part in _parts(network):
        degrees = network.degrees[part.nodes]
        tails, heads = part.tails.copy(), part.heads.copy()
        done = swap_by_degree(
            tails, heads, degrees, part.n_source, *part.extremes(network.degrees), n_swaps, np.uint64(seed)
        )
        yield part, tails, heads, done


def test_swaps_keep_degrees_sides_and_single_links(chain, random_layer):
    for graph in (
        random_layer(1, (15, 9), 0.3),
        chain(2),
        nx.karate_club_graph(),
        nx.barabasi_albert_graph(60, 4, seed=1),
    ):
        for part, tails, heads, done in swapped(graph, 5, 300):
            assert done == 300
            n = len(part.nodes)
            before = np.bincount(np.concatenate([part.tails, part.heads]), minlength=n)
            assert np.array_equal(np.bincount(np.concatenate([tails, heads]), minlength=n), before)
            assert (tails != heads).all()
            pairs = {tuple(sorted(pair)) for pair in zip(tails.tolist(), heads.tolist(), strict=True)}
            assert len(pairs) == len(tails)
            assert pairs != {tuple(sorted(p)) for p in zip(part.tails.tolist(), part.heads.tolist(), strict=True)}
            if part.n_source:
                assert (tails < part.n_source).all()
                assert (heads >= part.n_source).all()


def plain_first_swap(network, seed, n):
    """Draw pairs of links as told, in NumPy, until one can be swapped; count the unordered pairs of new links."""
    part = _parts(network)[0]
    degrees, rng = network.degrees[part.nodes], np.random.default_rng(seed)
    low, high = part.extremes(network.degrees)
    w = (degrees[part.tails] * degrees[part.heads]).astype(float)
    links = {frozenset(p) for p in zip(part.tails.tolist(), part.heads.tolist(), strict=True)}
    found = {}
    for _ in range(n):
        while True:
            first = rng.choice(len(w), p=w / w.sum())
            against = low + high - w
            against[first] = 0
            second = rng.choice(len(w), p=against / against.sum())
            a, b, c, d = (
                int(x) for x in (part.tails[first], part.heads[first], part.tails[second], part.heads[second])
            )
            if not part.n_source and rng.random() < 0.5:
                c, d = d, c
            if len({a, b, c, d}) == 4 and not links & {frozenset((a, d)), frozenset((c, b))}:
                break
        key = frozenset([frozenset((a, d)), frozenset((c, b))])
        found[key] = found.get(key, 0) + 1
    return found


@pytest.mark.parametrize("kind", ["layer", "graph"])
def test_the_first_swap_is_drawn_as_told(kind):
    graph = (
        LayerGraph.from_mask([[1, 1, 1, 0], [1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]])
        if kind == "layer"
        else nx.Graph([(0, 1), (0, 2), (0, 3), (1, 2), (3, 4), (4, 5)])
    )
    network = as_network(graph)
    n = 3000
    expected, found = plain_first_swap(network, 0, n), {}
    part = _parts(network)[0]
    before = {frozenset(p) for p in zip(part.tails.tolist(), part.heads.tolist(), strict=True)}
    for seed in range(n):
        ((_, tails, heads, _),) = swapped(network, seed * 7919, 1)
        after = {frozenset(p) for p in zip(tails.tolist(), heads.tolist(), strict=True)}
        key = frozenset(after - before)
        found[key] = found.get(key, 0) + 1
    assert set(found) == set(expected)
    for key, count in expected.items():
        assert found[key] / n == pytest.approx(count / n, abs=0.035)


def test_a_club_is_found_and_none_where_there_is_none():
    rng = np.random.default_rng(0)
    mask = rng.random((60, 50)) < 0.05
    mask[:8, :8] = True
    mask[:8] |= rng.random((8, 50)) < 0.2
    mask[:, :8] |= rng.random((60, 8)) < 0.2
    found = rich_club(LayerGraph.from_mask(mask), n_nulls=200)
    assert found.p < 0.01
    assert found.peak > 0.1
    assert len(found.degrees) == len(found.coefficient) == len(found.null_mean)
    assert (found.coefficient - found.null_mean).max() == found.peak
    none = rich_club(LayerGraph.from_mask(rng.random((60, 50)) < 0.15), n_nulls=200)
    assert none.p > 0.01
    assert analysis.rich_club_p(LayerGraph.from_mask(mask), n_nulls=50) == 1 / 51


def test_same_seed_same_bits_whatever_the_threads():
    import numba

    graph = nx.karate_club_graph()
    first = rich_club(graph, n_nulls=50, seed=2)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        again = rich_club(graph, n_nulls=50, seed=2)
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(first.null_mean, again.null_mean)
    assert (first.peak, first.p) == (again.peak, again.p)


def test_graphs_that_cannot_be_swapped_and_bad_requests():
    assert rich_club(nx.path_graph(4), n_nulls=5).p == 1.0
    assert "least degree" in rich_club(nx.star_graph(5), n_nulls=5).reason
    assert rich_club(LayerGraph.from_mask([[1, 1], [1, 0]]), n_nulls=5).p == 1.0
    assert "least degree" in rich_club(nx.complete_graph(4)).reason
    assert rich_club(nx.empty_graph(3)).reason == "no links"
    assert rich_club(nx.empty_graph(0)).reason == "no links"
    assert rich_club_coefficient(nx.empty_graph(2)).empty
    parallel = Snapshot([LayerGraph.from_mask([[1, 0], [1, 1]], name, "a", "b") for name in ("x", "y")])
    assert rich_club_coefficient(parallel)["coefficient"].max() <= 1.0
    with pytest.raises(NetsparseError, match="n_nulls"):
        rich_club(nx.path_graph(3), n_nulls=0)
    with pytest.raises(NetsparseError, match="swaps_per_link"):
        rich_club(nx.path_graph(3), swaps_per_link=-1)
