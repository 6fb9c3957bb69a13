"""Removal, percolation, regrowth, start weights: each against a plain twin or by hand."""

import itertools

import numpy as np
import pytest

from netsparse import LayerGraph, NetsparseError, score_links
from netsparse.training.methods import METHODS, resolve_method
from netsparse.training.percolation import percolate
from netsparse.training.regrowth import REGROWTH_RULES, regrow
from netsparse.training.removal import REMOVAL_RULES
from netsparse.training.start_weights import START_WEIGHTS, kaiming, swi


@pytest.mark.parametrize("name", REMOVAL_RULES)
def test_every_removal_rule_scores_every_link(name, random_layer):
    layer = random_layer(0)
    gradient = np.random.default_rng(0).standard_normal(layer.n_links)
    scores = REMOVAL_RULES[name](layer, gradient)
    assert (scores >= 0).all()
    assert scores.shape == (layer.n_links,)
    assert np.isfinite(scores).all()
    empty = LayerGraph.from_weight(np.zeros((3, 3)))
    assert REMOVAL_RULES[name](empty, np.empty(0)).shape == (0,)
    with pytest.raises(ValueError, match="no weights"):
        REMOVAL_RULES[name](LayerGraph.from_mask(np.eye(3)), np.ones(3))


def test_rules_that_need_gradients_say_so(random_layer):
    layer = random_layer(0)
    with pytest.raises(NetsparseError, match="no gradient to rank its links by"):
        REMOVAL_RULES["magnitude+gradient"](layer)
    with pytest.raises(NetsparseError, match="no dense gradient to grow links by"):
        regrow(layer, 3, "gradient", np.random.default_rng(0))


def test_relative_importance_by_hand():
    layer = LayerGraph.from_weight(np.array([[1.0, 3.0], [0.0, -1.0], [4.0, 0.0]]).T)
    # rows sum to 4, 1, 4, columns to 5 and 4
    assert REMOVAL_RULES["relative-importance"](layer) == pytest.approx([1 / 4 + 1 / 5, 3 / 4 + 3 / 4, 1.25, 1.8])


def test_signed_removal_takes_its_share_of_each_sign():
    weights = np.concatenate([np.arange(1, 11), -np.arange(1, 21)]).astype(float)[None, :]
    layer = LayerGraph.from_weight(weights.T)  # one source, thirty targets
    scores = REMOVAL_RULES["magnitude-signed"](layer)
    lowest = np.argsort(scores, kind="stable")[:9]
    assert sorted(layer.weights[lowest].tolist()) == [-6, -5, -4, -3, -2, -1, 1, 2, 3]


def test_signed_removal_keeps_its_shares_where_weights_tie():
    layer = LayerGraph.from_weight(np.array([[0.0, 0, 0, 0, 1, -1, -2, -3, -4, -5]]), mask=np.ones((1, 10)))
    taken = set()
    for seed in range(20):
        scores = REMOVAL_RULES["magnitude-signed"](layer, None, np.random.default_rng(seed))
        lowest = np.argsort(scores, kind="stable")[:4]
        assert sorted(layer.weights[lowest].tolist()) == [-2, -1, 0, 0]
        taken |= set(lowest.tolist())
    assert taken == {0, 1, 2, 3, 5, 6}


def plain_percolate(masks: list[np.ndarray]) -> list[np.ndarray]:
    """Cut links neuron by neuron until nothing changes."""
    masks = [mask.copy() for mask in masks]
    changed = True
    while changed:
        changed = False
        for before, after in itertools.pairwise(masks):
            for neuron in range(after.shape[0]):
                if before[:, neuron].any() != after[neuron].any():
                    before[:, neuron] = after[neuron] = 0
                    changed = True
    return masks


@pytest.mark.parametrize("density", [0.02, 0.08, 0.15, 0.3])
def test_percolation_reaches_the_fixed_point(chain, density):
    for seed in range(25):
        network = chain(seed, (9, 8, 10, 7, 6), density)
        expected = plain_percolate([layer.biadjacency.toarray() for layer in network])
        for layers in (network.layers, network.layers[::-1]):
            found = dict(zip([layer.name for layer in layers], percolate(layers), strict=True))
            for layer, mask in zip(network.layers, expected, strict=True):
                kept = layer.link_keys[found[layer.name]]
                assert np.array_equal(kept, np.flatnonzero(mask.ravel()))


def test_percolation_spares_frozen_layers_and_unchained_ones(chain):
    network = chain(3, (9, 8, 10), 0.05)
    kept = percolate(network.layers, frozen={"layer0"})
    assert kept[0].all()
    assert not kept[1].all()
    apart = [layer.renamed(layer.name, f"{layer.name}s", f"{layer.name}t") for layer in network]
    assert all(stays.all() for stays in percolate(apart))


@pytest.mark.parametrize("rule", REGROWTH_RULES)
@pytest.mark.parametrize("fill", ["active", "any", "none"])
def test_every_regrowth_rule_adds_unlinked_pairs_and_never_too_many(rule, fill, nasty_layer):
    class Gradients:
        def rows(self, first, stop):
            every = np.random.default_rng(0).integers(-1, 2, (nasty_layer.n_source, nasty_layer.n_target))
            return every[first:stop].astype(np.float32)

    n_free = nasty_layer.n_source * nasty_layer.n_target - nasty_layer.n_links
    for k, soft in itertools.product((0, 1, 4, n_free + 3), (False, True)):
        options = {"fill": fill, "soft": soft, "gradients": Gradients()}
        keys, n_filled = regrow(nasty_layer, k, rule, np.random.default_rng(0), **options)
        assert len(keys) == len(np.unique(keys)) <= min(k, n_free)
        assert not np.isin(keys, nasty_layer.link_keys).any()
        assert 0 <= n_filled <= len(keys)
        if fill == "none":
            assert n_filled == 0
        if rule == "random" or fill == "any":
            assert len(keys) == min(k, n_free)


def test_filling_keeps_the_count_and_wakes_no_dead_neuron(nasty_layer):
    sources, targets = nasty_layer.source_degrees > 0, nasty_layer.target_degrees > 0
    room = int(sources.sum() * targets.sum()) - nasty_layer.n_links
    for k in (1, 3, 100):
        keys, _ = regrow(nasty_layer, k, "ch3-l3", np.random.default_rng(0))
        assert len(keys) == min(k, room)
        rows, columns = np.divmod(keys, max(nasty_layer.n_target, 1))
        assert sources[rows].all()
        assert targets[columns].all()


def test_regrown_links_are_the_best_scores(random_layer):
    layer = random_layer(2, (25, 25), 0.12)
    scores = score_links(layer).ravel()
    keys, n_filled = regrow(layer, 40, "ch3-l3", np.random.default_rng(0))
    assert n_filled == 0
    rest = np.setdiff1d(np.flatnonzero(~np.isnan(scores)), keys)
    assert scores[keys].min() >= scores[rest].max()


@pytest.mark.parametrize("name", START_WEIGHTS)
def test_start_weights_have_a_value_for_each_link(name, nasty_layer):
    made = [START_WEIGHTS[name](nasty_layer, np.random.default_rng(0)) for _ in range(2)]
    assert made[0].shape == (nasty_layer.n_links,)
    assert made[0].dtype == np.float32
    assert np.isfinite(made[0]).all()
    assert np.array_equal(made[0], made[1])


def test_swi_is_kaiming_where_nothing_is_missing_and_scales_with_the_density():
    full = LayerGraph.from_mask(np.ones((400, 300)))
    assert np.array_equal(swi(full, np.random.default_rng(0)), kaiming(full, np.random.default_rng(0)))
    sparse = LayerGraph.from_mask(np.random.default_rng(0).random((400, 3000)) < 0.05)
    found = swi(sparse, np.random.default_rng(0)).std()
    assert found == pytest.approx(np.sqrt(2.0 / (sparse.density * 400)), rel=0.02)


def test_gains_are_torchs_and_scale_the_weights():
    from torch.nn.init import calculate_gain

    from netsparse.training.start_weights import GAINS

    layer = LayerGraph.from_mask(np.ones((40, 30)))
    for name, gain in GAINS.items():
        assert gain == pytest.approx(calculate_gain(name))
        found = swi(layer, np.random.default_rng(0), name)
        assert np.allclose(found, swi(layer, np.random.default_rng(0)) * gain / GAINS["relu"], rtol=1e-5)
    METHODS["cht"].check()
    with pytest.raises(NetsparseError, match="nonlinearity must be one of"):
        resolve_method("cht", {"nonlinearity": "softmax"})
