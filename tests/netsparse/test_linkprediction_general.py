"""CH scores of undirected graphs and node-based scores, against the definitions and the authors' MATLAB program."""

import itertools

import hypothesis
import hypothesis.strategies as st
import igraph
import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis.extra.numpy import arrays

from netsparse import LayerGraph, NetsparseError, Snapshot, predict_links, score_links
from netsparse.linkprediction import L2_RULES, L3_RULES, NODE_RULES, RULES, make_scorer

TERMS = {
    "cn": lambda d, i, e: 1.0,
    "ra": lambda d, i, e: 1.0 / d,
    "ch1": lambda d, i, e: i / d,
    "ch2": lambda d, i, e: (1.0 + i) / (1.0 + e),
    "ch3": lambda d, i, e: 1.0 / (1.0 + e),
}


def by_definition(graph: nx.Graph, rule: str, u: int, v: int) -> float:
    """Enumerate the paths with networkx' sets; a link between u and v is not there."""
    near = {x: set(graph[x]) - {x} for x in graph}
    degree = {x: len(near[x]) for x in graph}
    near_u, near_v = near[u] - {v}, near[v] - {u}
    if rule.endswith("l2"):
        paths = [(z,) for z in near_u & near_v]
    else:
        paths = [(a, b) for a in near_u for b in near_v if a != b and b in near[a]]
    community = set(itertools.chain(*paths))
    score = 0.0
    for path in paths:
        terms = []
        for z in path:
            internal = len(near[z] & community)
            external = len(near[z] - community - {u, v})
            terms.append(TERMS[rule.split("-")[0]](degree[z], internal, external))
        score += float(np.prod(terms)) ** (1 / len(path))
    return score


def random_graphs():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        yield nx.gnp_random_graph(int(rng.integers(1, 12)), rng.random(), seed=seed)
    yield from (nx.empty_graph(0), nx.empty_graph(3), nx.complete_graph(5), nx.star_graph(5), nx.cycle_graph(4))
    yield from (nx.path_graph(5), nx.complete_bipartite_graph(3, 3), nx.barabasi_albert_graph(14, 3, seed=1))


@pytest.mark.parametrize("rule", [*L2_RULES, *L3_RULES])
def test_undirected_graphs_equal_the_definition(rule):
    for graph in random_graphs():
        n = graph.number_of_nodes()
        expected = np.array([[by_definition(graph, rule, u, v) if u != v else 0.0 for v in range(n)] for u in range(n)])
        linked = nx.to_numpy_array(graph) > 0 if n else np.zeros((0, 0), bool)
        found = score_links(graph, rule, dtype="float64")
        assert np.array_equal(np.isnan(found), linked | np.eye(n, dtype=bool))
        free = ~np.isnan(found)
        assert np.allclose(found[free], expected[free.nonzero()] if n else [], rtol=1e-12)
        scorer = make_scorer(graph, rule)
        at = scorer.links.tocoo().coords
        assert np.allclose(scorer.linked_scores(), expected[at] if n else [], rtol=1e-12)


@pytest.mark.parametrize("rule", ["ch2-l2", "ch2-l3"])
@pytest.mark.parametrize("name", ["karate", "ba", "bipA"])
def test_equals_the_authors_matlab_program(name, rule, oracles, oracle_adjacency):
    scores = score_links(oracle_adjacency(name), rule, dtype="float64")
    first, second = oracles[name]["pairs"].T
    assert np.allclose(scores[first, second], oracles[name][rule], rtol=1e-12, atol=1e-12)
    assert len(first) > 400


def test_a_layer_as_an_undirected_graph_has_the_same_scores(random_layer):
    layer = random_layer(3, (15, 12), 0.25)
    for rule in L3_RULES:
        whole = score_links(Snapshot([layer]), rule, dtype="float64")
        assert np.allclose(whole[:15, 15:], score_links(layer, rule, dtype="float64"), rtol=1e-12, equal_nan=True)
        same_side = whole[:15, :15][~np.eye(15, dtype=bool)]
        assert np.all(same_side == 0)


def test_graphs_of_any_library_are_the_same_graph():
    graph = nx.karate_club_graph()
    expected = score_links(graph, "ch3-l3")
    adjacency = nx.to_scipy_sparse_array(graph, weight=None)
    for other in (
        igraph.Graph.from_networkx(graph),
        graph.to_directed(),
        adjacency,
        sp.csc_array(adjacency),
        adjacency.toarray(),
    ):
        assert np.array_equal(score_links(other, "ch3-l3"), expected, equal_nan=True)


@pytest.mark.parametrize("ties", ["spcorr", "random"])
def test_predicted_pairs_of_an_undirected_graph(ties):
    for graph in random_graphs():
        n = graph.number_of_nodes()
        free = n * (n - 1) // 2 - graph.number_of_edges()
        scores = score_links(graph, "ch2-l2")
        for k in (0, 1, free, free + 3):
            found = predict_links(graph, k, "ch2-l2", ties)
            assert len(found.source) == min(k, free)
            assert np.all(found.source < found.target)
            assert np.array_equal(found.score, scores[found.source, found.target])
            best = np.sort(scores[np.triu_indices(n, 1)])  # NaN last
            assert np.array_equal(found.score, best[~np.isnan(best)][::-1][:k])


def node_based(mask: np.ndarray, rule: str) -> np.ndarray:
    """The formula of the rule, dense."""
    a = mask.astype(float)
    parts = []
    for half in (a, a.T):
        common = half @ half.T
        outside = np.maximum(half.sum(axis=1)[None, :] - common - 1, 0)  # of the column, the intermediate node
        top = (common + (common > 0)) if rule == "ch2-l3n" else (common > 0)
        parts.append((top / (1 + outside)) @ half)
    return parts[0] + parts[1].T


@pytest.mark.parametrize("rule", NODE_RULES)
def test_node_based_rules_equal_their_formula(rule, nasty_layer, random_layer):
    for layer in (nasty_layer, *(random_layer(seed, (17, 12), 0.05 + 0.03 * seed) for seed in range(10))):
        mask = layer.biadjacency.toarray()
        found = score_links(layer, rule, dtype="float64")
        assert np.array_equal(np.isnan(found), mask > 0)
        assert np.allclose(found[mask == 0], node_based(mask, rule)[mask == 0], rtol=1e-12)
        rows = [make_scorer(layer, rule)(i, i + 1) for i in range(layer.n_source)]
        assert np.allclose(np.concatenate([np.empty((0, layer.n_target)), *rows]), found, rtol=1e-13, equal_nan=True)


@pytest.mark.parametrize("rule", NODE_RULES)
def test_node_based_score_of_a_link_is_that_without_it(rule, random_layer):
    layer = random_layer(2, (9, 8), 0.4)
    found = make_scorer(layer, rule).linked_scores()
    mask = layer.biadjacency.toarray()
    for score, (u, v) in zip(found, np.argwhere(mask), strict=True):
        without = mask.copy()
        without[u, v] = 0
        expected = node_based(without, rule)[u, v]
        assert score == pytest.approx(expected, rel=1e-12)


@hypothesis.given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.data())
@hypothesis.settings(max_examples=60)
def test_any_layer_relabelled_or_transposed_has_the_same_scores(mask, data):
    rule = data.draw(st.sampled_from(RULES))
    scores = score_links(LayerGraph.from_mask(mask), rule)
    rows = data.draw(st.permutations(range(mask.shape[0])))
    columns = data.draw(st.permutations(range(mask.shape[1])))
    moved = score_links(LayerGraph.from_mask(mask[rows][:, columns]), rule)
    assert np.allclose(moved, scores[rows][:, columns], rtol=1e-6, equal_nan=True)
    assert np.allclose(score_links(LayerGraph.from_mask(mask.T), rule), scores.T, rtol=1e-6, equal_nan=True)
    free = scores[~np.isnan(scores)]
    assert np.all(free >= 0)
    assert np.all(np.isfinite(free))


@hypothesis.given(arrays(bool, st.tuples(st.integers(2, 8), st.integers(2, 8))))
def test_ch3_lies_between_bounds_of_the_number_of_paths(mask):
    layer = LayerGraph.from_mask(mask)
    paths, ch3, ra, ch2 = (score_links(layer, rule, "float64") for rule in ("cn-l3", "ch3-l3", "ra-l3", "ch2-l3"))
    free = ~np.isnan(paths)
    assert np.all(ch3[free] <= paths[free] * (1 + 1e-12))  # a factor is 1 at most
    assert np.all(ra[free] <= ch3[free] * (1 + 1e-12))  # 1 + e < d
    assert np.all(ch3[free] <= ch2[free] * (1 + 1e-12))
    assert np.array_equal(paths[free] > 0, ch3[free] > 0)


@hypothesis.given(arrays(bool, st.tuples(st.integers(2, 8), st.integers(2, 8))), st.data())
def test_a_link_more_makes_no_path_less(mask, data):
    u, v = (data.draw(st.integers(0, size - 1)) for size in mask.shape)
    more = mask.copy()
    more[u, v] = True
    before, after = (score_links(LayerGraph.from_mask(m), "cn-l3") for m in (mask, more))
    free = ~np.isnan(after)
    assert np.all(after[free] >= before[free])


def test_hand_computed_undirected_values():
    square = score_links(nx.cycle_graph(4), "ch3-l2")
    assert square[0, 2] == square[1, 3] == 2.0  # two common neighbours, nothing outside
    star = score_links(nx.star_graph(4), "ch3-l2")
    assert star[1, 2] == pytest.approx(1 / 3)  # the hub has two links to neither end
    assert np.nanmax(score_links(nx.star_graph(4), "ch3-l3")) == 0.0
    path = score_links(nx.path_graph(4), "ch2-l3")
    assert path[0, 3] == 2.0  # i_a = i_b = 1, e_a = e_b = 0
    three, four = score_links(LayerGraph.from_mask(1 - np.eye(3)), "ch1-l3"), 4
    assert three[0, 0] == pytest.approx(2 * np.sqrt(1 * 1) / np.sqrt(2 * 2))
    almost = np.ones((four, four))
    almost[1, 2] = 0
    assert score_links(LayerGraph.from_mask(almost), "cn-l3")[1, 2] == (four - 1) ** 2


@pytest.mark.parametrize(
    ("graph", "rule", "message"),
    [
        (LayerGraph.from_mask(np.eye(3)), "ch3-l2", "one side"),
        (nx.path_graph(3), "ch3-l3n", "no rule for an undirected graph"),
        (nx.path_graph(3), "ch9", "unknown rule"),
        (np.ones((2, 3)), "ch3-l3", "square"),
        (np.array([[0, 1], [0, 0]]), "ch3-l3", "symmetric"),
        (3, "ch3-l3", "no graph"),
        (torch.eye(3), "ch3-l2", "one side"),
    ],
)
def test_what_does_not_fit_is_told(graph, rule, message):
    for call in (score_links, lambda g, r: predict_links(g, 1, r)):
        with pytest.raises(NetsparseError, match=message):
            call(graph, rule)


@pytest.mark.parametrize("seed", ["a", -1, 1.5])
def test_a_seed_that_is_none_is_told(seed):
    with pytest.raises(NetsparseError, match="seed"):
        predict_links(nx.path_graph(3), 1, "ch3-l3", seed=seed)
