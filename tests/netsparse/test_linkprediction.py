"""CH scores against a path enumeration written straight from the general definition, and against the authors' C++."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.csgraph as csgraph
import strategies
from hypothesis import given
from scipy.stats import spearmanr

from netsparse import LayerGraph, NetsparseError, predict_links, score_links
from netsparse.linkprediction import L3_RULES, make_scorer
from netsparse.linkprediction.bipartite import row_blocks
from netsparse.linkprediction.ranking import _at_least, positive_candidates, spcorr


def brute_force(mask: np.ndarray, rule: str, u: int, v: int) -> float:
    """Score one pair by enumerating its L3 paths in the undirected graph; a link between u and v is not there."""
    n, m = mask.shape
    adjacency = np.zeros((n + m, n + m), bool)
    adjacency[:n, n:] = mask > 0
    adjacency |= adjacency.T
    v += n
    degree = adjacency.sum(axis=1)  # of the whole graph: the pair's own link is outside the paths' nodes
    adjacency[u, v] = adjacency[v, u] = False
    paths = [
        (a, b)
        for a, b in itertools.permutations(range(n + m), 2)
        if {a, b}.isdisjoint({u, v}) and adjacency[u, a] and adjacency[a, b] and adjacency[b, v]
    ]
    community = {z for path in paths for z in path}
    internal = {z: sum(adjacency[z, c] for c in community) for z in community}
    outside = [x for x in range(n + m) if x not in community and x not in (u, v)]
    external = {z: sum(adjacency[z, x] for x in outside) for z in community}
    terms = {
        "cn-l3": lambda z: 1.0,
        "ra-l3": lambda z: 1.0 / degree[z],
        "ch1-l3": lambda z: internal[z] / degree[z],
        "ch2-l3": lambda z: (1.0 + internal[z]) / (1.0 + external[z]),
        "ch3-l3": lambda z: 1.0 / (1.0 + external[z]),
    }
    return float(sum(np.sqrt(terms[rule](a) * terms[rule](b)) for a, b in paths))


def brute_force_matrix(mask: np.ndarray, rule: str) -> np.ndarray:
    return np.array([[brute_force(mask, rule, u, v) for v in range(mask.shape[1])] for u in range(mask.shape[0])])


def random_masks(count: int):
    """Small masks of all densities, some with hubs and empty rows."""
    rng = np.random.default_rng(1)
    for _ in range(count):
        n, m = rng.integers(1, 8, size=2)
        mask = (rng.random((n, m)) < rng.random()).astype(int)
        if rng.random() < 0.3:
            mask[rng.integers(n)] = 1
        if rng.random() < 0.3:
            mask[:, rng.integers(m)] = rng.integers(2)
        yield mask


@pytest.mark.parametrize("rule", L3_RULES)
@given(mask=strategies.masks(7))
@strategies.examples(30)
def test_equals_brute_force_on_any_layer(rule, mask):
    graph = LayerGraph.from_mask(mask)
    expected = brute_force_matrix(mask, rule).reshape(mask.shape)
    found = score_links(graph, rule, dtype="float64")
    assert np.array_equal(np.isnan(found), mask > 0)
    assert np.allclose(found[mask == 0], expected[mask == 0], rtol=1e-12, atol=1e-12)
    linked = make_scorer(graph, rule).linked_scores()
    assert np.allclose(linked, expected[mask > 0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rule", L3_RULES)
def test_equals_brute_force_on_nasty_graphs(rule, nasty_layer):
    mask = nasty_layer.biadjacency.toarray()
    found = score_links(nasty_layer, rule, dtype="float64")
    assert found.shape == mask.shape
    if mask.size:
        expected = brute_force_matrix(mask, rule)
        assert np.allclose(found[mask == 0], expected[mask == 0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rule", ["ra-l3", "ch1-l3", "ch2-l3", "ch3-l3"])
def test_equals_the_authors_program(rule, oracles, oracle_adjacency):
    oracle = oracles["bipA"]
    source, target = np.flatnonzero(oracle["side"] == 0), np.flatnonzero(oracle["side"] == 1)
    graph = LayerGraph.from_mask(oracle_adjacency("bipA")[np.ix_(source, target)])
    scores = score_links(graph, rule, dtype="float64")
    place = np.empty(int(oracle["n"]), int)
    place[source], place[target] = np.arange(len(source)), np.arange(len(target))
    n_across = 0
    for (i, j), expected in zip(oracle["pairs"], oracle[f"cpp/{rule}"], strict=True):
        if oracle["side"][i] == oracle["side"][j]:
            continue
        i, j = (i, j) if oracle["side"][i] == 0 else (j, i)
        assert scores[place[i], place[j]] == pytest.approx(expected, rel=1e-12, abs=1e-12)
        n_across += 1
    assert n_across > 1000


def test_hand_computed_values():
    # u – a – b – v, and nothing else: one path, no external links
    assert score_links(LayerGraph.from_mask([[1, 0], [1, 1]]))[0, 1] == 1.0
    # K33 without one link: 2 · 2 paths, all links of the intermediate nodes inside the community or at u, v
    almost = np.ones((3, 3), int)
    almost[0, 0] = 0
    assert score_links(LayerGraph.from_mask(almost), "cn-l3")[0, 0] == 4.0
    assert score_links(LayerGraph.from_mask(almost), "ch3-l3")[0, 0] == 4.0
    # star: no path of length three
    star = np.zeros((3, 4), int)
    star[0] = 1
    assert np.nanmax(score_links(LayerGraph.from_mask(star))) == 0.0


@pytest.mark.parametrize("rule", L3_RULES)
def test_relabelling_and_transposition_change_nothing(rule):
    rng = np.random.default_rng(3)
    mask = rng.random((14, 11)) < 0.25
    scores = score_links(LayerGraph.from_mask(mask), rule, dtype="float64")
    rows, columns = rng.permutation(14), rng.permutation(11)
    moved = score_links(LayerGraph.from_mask(mask[rows][:, columns]), rule, dtype="float64")
    assert np.allclose(moved, scores[rows][:, columns], rtol=1e-12, equal_nan=True)
    transposed = score_links(LayerGraph.from_mask(mask.T), rule, dtype="float64")
    assert np.allclose(transposed, scores.T, rtol=1e-12, equal_nan=True)


def plain_ranking(graph: LayerGraph, mask: np.ndarray) -> list[tuple[float, float]]:
    """Rank all unlinked pairs by (score, SPcorr), both computed in full, by SciPy and brute force."""
    n, m = mask.shape
    links = brute_force_matrix(mask, "ch3-l3")
    weights = np.zeros((n + m, n + m))
    weights[:n, n:] = np.where(mask > 0, 1.0 / (1.0 + links), 0.0)
    lengths = csgraph.shortest_path(weights + weights.T, method="FW")
    lengths[np.isinf(lengths)] = lengths[np.isfinite(lengths)].max() + 1.0
    lengths = np.round(lengths, 10)
    scores = score_links(graph)
    keys = []
    for u, v in zip(*np.nonzero(mask == 0), strict=True):
        a, b = lengths[u], lengths[n + v]
        flat = np.ptp(a) == 0 or np.ptp(b) == 0
        keys.append((float(scores[u, v]), 0.0 if flat else round(float(spearmanr(a, b).statistic), 9)))
    return sorted(keys, reverse=True)


def test_ranking_with_spcorr_equals_the_full_ranking():
    straddling = 0
    for mask in random_masks(120):
        graph = LayerGraph.from_mask(mask)
        if not (mask == 0).any() or graph.n_links == 0:
            continue
        ranking = plain_ranking(graph, mask)
        scorer = make_scorer(graph, "ch3-l3")
        for k in (1, len(ranking) // 2, len(ranking)):
            found = predict_links(graph, k)
            assert len(found.score) == k
            keys = found.source * graph.n_target + found.target
            second = np.round(spcorr(scorer, keys), 9)
            expected = ranking[:k]
            assert np.allclose(found.score, [score for score, _ in expected], rtol=1e-6)
            tied = k < len(ranking) and ranking[k - 1][0] == ranking[k][0]
            if tied:  # the tie at the cut is ordered by SPcorr
                straddling += 1
                cut = ranking[k - 1][0]
                mine = sorted(s for s, score in zip(second, found.score, strict=True) if np.isclose(score, cut))
                its = sorted(s for score, s in expected if np.isclose(score, cut))
                assert np.allclose(mine, its, atol=1e-8)
    assert straddling > 20


def test_predicted_links_are_unlinked_distinct_and_sorted(nasty_layer):
    mask = nasty_layer.biadjacency.toarray()
    n_unlinked = int((mask == 0).sum())
    for ties in ("spcorr", "random"):
        for k in (0, 1, 3, max(n_unlinked - 1, 0), mask.size + 5):
            found = predict_links(nasty_layer, k, ties=ties)
            assert len(found.source) == min(k, n_unlinked)
            assert np.all(mask[found.source, found.target] == 0)
            assert len(set(zip(found.source, found.target, strict=True))) == len(found.source)
            assert np.all(np.diff(found.score) <= 0)


def test_equal_seeds_equal_links(random_layer):
    layer = random_layer(0, (30, 30), 0.08)
    first, again = (predict_links(layer, 25, ties="random", seed=4) for _ in range(2))
    assert np.array_equal(first.source, again.source)
    assert np.array_equal(first.target, again.target)


def test_blocks_of_rows_are_the_whole_matrix(random_layer, monkeypatch):
    layer = random_layer(5, (40, 30), 0.1)
    whole = predict_links(layer, 50, seed=1)
    monkeypatch.setattr("netsparse.linkprediction.ranking._BLOCK_BYTES", 30 * 4 * 7)
    blocks = predict_links(layer, 50, seed=1)
    assert np.array_equal(whole.source, blocks.source)
    assert np.array_equal(whole.target, blocks.target)


def test_scores_do_not_depend_on_the_number_of_threads():
    program = (
        "import numpy as np, hashlib, netsparse as ns;"
        "g = ns.LayerGraph.from_mask(np.random.default_rng(0).random((80, 90)) < 0.1);"
        "print(hashlib.sha256(ns.score_links(g, dtype='float64').tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "NUMBA_NUM_THREADS": str(n)},
        ).stdout
        for n in (1, 2)
    }
    assert len(digests) == 1


@pytest.mark.parametrize("rule", L3_RULES)
def test_a_layer_too_dense_for_one_pass_has_the_same_scores(rule, random_layer, monkeypatch):
    layer = random_layer(8, (20, 30), 0.5)
    whole, linked = score_links(layer, rule, "float64"), make_scorer(layer, rule).linked_scores()
    for n_bytes in (1, 2000):  # one b a pass, and a few
        monkeypatch.setattr("netsparse.linkprediction.bipartite._PACKED_BYTES", n_bytes)
        scorer = make_scorer(layer, rule)
        assert np.allclose(scorer(), whole, rtol=1e-13, equal_nan=True)
        assert np.allclose(scorer(3, 9), whole[3:9], rtol=1e-13, equal_nan=True)
        assert np.allclose(scorer.linked_scores(), linked, rtol=1e-13)


@pytest.mark.parametrize("n_bytes", [1, 400, 1500, 10**6])
def test_passes_keep_to_their_memory(n_bytes, random_layer, monkeypatch):
    """As many source neurons a pass as fit, one at least; what fits into one pass is packed once."""
    monkeypatch.setattr("netsparse.linkprediction.bipartite._PACKED_BYTES", n_bytes)
    layer = random_layer(8, (20, 30), 0.5)
    size = np.concatenate([[0], np.cumsum(layer.source_degrees**2)])  # a byte a pair of neighbours
    scorer = make_scorer(layer, "ra-l3")
    passes = scorer._passes()
    assert [first for first, _ in passes] == [0, *(stop for _, stop in passes[:-1])]
    assert passes[-1][1] == layer.n_source
    for first, stop in passes:
        assert size[stop] - size[first] <= n_bytes or stop == first + 1
        assert stop == layer.n_source or size[stop + 1] - size[first] > n_bytes
    scorer()
    if len(passes) > 1:
        assert scorer._packed is None
    else:
        held = scorer._packed
        scorer(2, 5)
        assert scorer._packed is held
        assert len(held[1]) == size[-1]


@pytest.mark.parametrize(("shape", "n_bytes"), [((10, 7), 60), ((10, 7), 56), ((10, 7), 1), ((5, 0), 8), ((0, 3), 99)])
def test_blocks_keep_to_their_memory(shape, n_bytes):
    blocks = list(row_blocks(shape, n_bytes))
    assert [row for first, stop in blocks for row in range(first, stop)] == list(range(shape[0]))
    for first, stop in blocks:
        assert 4 * shape[1] * (stop - first) <= n_bytes or stop == first + 1
        assert stop == shape[0] or 4 * shape[1] * (stop + 1 - first) > n_bytes


def test_candidates_of_some_rows_are_those_of_all(random_layer):
    layer = random_layer(3, (30, 20), 0.15)
    scorer = make_scorer(layer, "ch3-l3")
    whole = scorer(0, 30, np.float32)
    keys, scores = positive_candidates(scorer, 10**6, 11, 24, block_bytes=200)
    rows, columns = np.nonzero(np.nan_to_num(whole[11:24]) > 0)
    assert np.array_equal(keys, (rows + 11) * 20 + columns)
    assert np.array_equal(scores, whole[rows + 11, columns])


def test_spcorr_in_parts_is_that_of_the_whole(random_layer, monkeypatch):
    layer = random_layer(9, (25, 20), 0.12)
    scorer = make_scorer(layer, "ch3-l3")
    keys = np.flatnonzero(layer.biadjacency.toarray() == 0)
    whole = spcorr(scorer, keys)
    monkeypatch.setattr("netsparse.linkprediction.ranking._LENGTHS_BYTES", 8 * 45 * 7)
    assert np.array_equal(spcorr(scorer, keys), whole)


def test_a_degree_above_255_takes_wider_codes():
    mask = np.zeros((4, 400), int)
    mask[0] = mask[1, :300] = mask[2, 300:] = mask[3, ::50] = 1
    mask[0, 7] = 0
    for rule in ("ch3-l3", "ch2-l3"):
        found = score_links(LayerGraph.from_mask(mask), rule, "float64")
        for u, v in ((0, 7), (1, 399), (2, 5), (3, 399)):
            assert found[u, v] == pytest.approx(brute_force_factorised(mask, rule, u, v), rel=1e-12)


def brute_force_factorised(mask: np.ndarray, rule: str, u: int, v: int) -> float:
    """Score one pair of a layer too large for `brute_force`, with dense co-degrees."""
    source, target = mask @ mask.T, mask.T @ mask
    score = 0.0
    for a in np.flatnonzero(mask[u]):
        for b in np.flatnonzero(mask[:, v] & mask[:, a]):
            apart = (mask[:, a].sum() - target[a, v]) * (mask[b].sum() - source[b, u])  # (1 + e_a)(1 + e_b)
            inside = (1 + target[a, v]) * (1 + source[b, u]) if rule == "ch2-l3" else 1
            score += np.sqrt(inside / apart)
    return score


def test_more_than_2_31_pairs():
    n, m = 2**17, 2**14 + 1
    rows, columns = n - 1 - np.arange(3), m - 1 - np.arange(3)  # keys near n · m, beyond int32
    path = sp.coo_array((np.ones(5), (rows[[0, 0, 1, 1, 2]], columns[[0, 1, 1, 2, 2]])), shape=(n, m))
    layer = LayerGraph.from_mask(path)
    best = predict_links(layer, 6, ties="random")
    assert np.array_equal(best.score > 0, [True] * 3 + [False] * 3)
    assert set(zip(best.source[:3] - n, best.target[:3] - m, strict=True)) == {(-2, -1), (-3, -2), (-1, -3)}
    keys = best.source * m + best.target
    assert len(np.unique(keys)) == 6
    assert not np.isin(keys, layer.link_keys).any()


def test_scores_that_do_not_fit_into_memory_are_refused():
    layer = LayerGraph.from_mask(sp.coo_array(([1.0], ([0], [0])), shape=(2**23, 2**23)))
    with pytest.raises(NetsparseError, match="use predict_links"):
        score_links(layer)


def test_the_selection_is_that_of_a_sort(random_layer):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        block = rng.choice([0.0, 0.5, 0.25, np.nan, 1e-40, 3e38, np.inf, 1.0], size=(7, 11)).astype(np.float32)
        block[rng.random(block.shape) < 0.3] = rng.random()
        for k in (1, 5, 40, 77):
            keys, scores = _at_least(block, 2, np.float32(0), k)
            flat = block.ravel()
            ranked = np.sort(flat[flat > 0])[::-1]
            assert np.array_equal(np.sort(scores)[::-1][:k], ranked[:k])
            assert np.array_equal(block.ravel()[keys - 22], scores)
            assert np.all(np.diff(keys) > 0)


def test_bad_input():
    layer = LayerGraph.from_mask(np.eye(3))
    with pytest.raises(NetsparseError, match="unknown rule"):
        score_links(layer, rule="ch4-l3")
    with pytest.raises(NetsparseError, match="dtype"):
        score_links(layer, dtype="float16")
    with pytest.raises(NetsparseError, match="no graph"):
        score_links("fc1")
    with pytest.raises(NetsparseError, match="negative"):
        predict_links(layer, -1)
    with pytest.raises(NetsparseError, match="whole number"):
        predict_links(layer, 1.5)
    with pytest.raises(NetsparseError, match="ties"):
        predict_links(layer, 1, ties="none")
