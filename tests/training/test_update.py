"""The topology update: exact counts, weights that follow their links, ANP that never rises."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from netsparse import LayerGraph, Snapshot
from netsparse.training.methods import METHODS
from netsparse.training.update import update_topology

EVOLVING = [name for name, method in METHODS.items() if method.evolves]


def active(network) -> int:
    return sum(int(group.sum()) for group in Snapshot(network).active_neurons().values())


class Gradients:
    """Random gradients of a layer."""

    def __init__(self, layer, seed=0):
        rng = np.random.default_rng(seed)
        self.of_links = rng.standard_normal(layer.n_links)
        self.seed, self.n_target = seed, layer.n_target

    def rows(self, first, stop):
        return np.random.default_rng([self.seed, first]).standard_normal((stop - first, self.n_target), np.float32)


def evolve(layers, method, zeta=0.3, seed=0, frozen=(), **options):
    made = METHODS[method] if isinstance(method, str) else method
    gradients = {layer.name: Gradients(layer, seed) for layer in layers}
    return update_topology(
        layers, made, zeta, np.random.default_rng(seed), frozen, gradients=gradients, **{"temperature": 2.0} | options
    )


@pytest.mark.parametrize("method", EVOLVING)
@pytest.mark.parametrize("density", [0.05, 0.15, 0.4, 0.9])
def test_link_counts_are_exact_and_weights_follow_their_links(method, density, chain):
    for seed in range(8):
        network = chain(seed, (12, 14, 13, 10), density)
        updates = evolve(network.layers, method, seed=seed)
        for layer in network:
            update = updates[layer.name]
            assert update.links_removed == round(0.3 * layer.n_links)
            assert update.links_regrown + update.links_missing == update.links_removed + update.links_percolated
            assert update.graph.n_links == layer.n_links - update.links_missing
            before = dict(zip(layer.link_keys.tolist(), layer.weights.tolist(), strict=True))
            after = dict(zip(update.graph.link_keys.tolist(), update.graph.weights.tolist(), strict=True))
            assert all(weight == before.get(key, 0.0) for key, weight in after.items())
            gone = len(before.keys() - after.keys())
            again = update.links_removed + update.links_percolated - gone
            if update.links_regrown:
                assert update.overlap == pytest.approx(again / update.links_regrown)
            # links are missing only where the pairs of active neurons are all linked
            assert METHODS[method].fill == "active" or update.links_missing == 0
            degrees = update.graph.source_degrees, update.graph.target_degrees
            room = np.prod([np.count_nonzero(side) for side in degrees])
            assert update.links_missing == 0 or update.graph.n_links == room
            if density >= 0.4:
                assert update.links_missing == 0


def test_the_smallest_weights_go():
    weights = np.full((4, 5), 9.0)
    weights[np.arange(4), np.arange(4)] = [1.0, -2.0, 3.0, -4.0]
    layer = LayerGraph.from_weight(weights, "fc")
    update = evolve([layer], "esml", zeta=0.2)["fc"]
    # the layer is full: the four removed links are the only candidates and come back with their weights
    assert (update.links_removed, update.overlap) == (4, 1.0)
    assert update.graph == layer
    other = np.where(np.eye(4, 5, 1) > 0, 0.0, weights)  # four other pairs are free and score as well
    left = evolve([LayerGraph.from_weight(other, "fc")], "esml", zeta=0.25)["fc"]
    assert left.links_removed == 4
    assert set(np.abs(left.graph.weights)) <= {0.0, 1.0, 2.0, 3.0, 4.0, 9.0}


def test_a_neuron_that_lost_all_links_stays_away_and_the_missing_links_are_told():
    weights = np.full((4, 5), 9.0)
    weights[0] = 1.0  # all links of target neuron 0
    update = evolve([LayerGraph.from_weight(weights, "fc")], "esml", zeta=0.25)["fc"]
    assert (update.links_regrown, update.links_missing, update.graph.n_links) == (0, 5, 15)
    assert update.graph.target_degrees[0] == 0
    assert np.isnan(update.overlap)


@pytest.mark.parametrize("method", ["cht", "esml"])
def test_anp_never_rises(method, chain):
    for seed in range(6):
        layers = list(chain(seed, (20, 22, 21, 18), 0.12).layers)
        rng, alive = np.random.default_rng(seed), active(layers)
        for _ in range(12):
            updates = evolve(layers, method, seed=int(rng.integers(1 << 30)))
            layers = [
                replace(updates[layer.name].graph, weights=rng.standard_normal(updates[layer.name].graph.n_links))
                for layer in layers
            ]
            assert active(layers) <= alive
            alive = active(layers)


@pytest.mark.parametrize("percolation", [True, False])
def test_percolation_takes_the_links_of_neurons_that_removal_cut_off(percolation):
    first = LayerGraph.from_mask([[1, 1], [1, 0], [1, 0]], "first", "input", "hidden")
    second = LayerGraph.from_mask([[1, 1], [1, 1]], "second", "hidden", "output")
    layers = [
        replace(first, weights=np.array([9.0, 0.1, 9, 9])),  # the only link into hidden neuron 1 is the weakest
        replace(second, weights=np.array([0.1, 9.0, 9, 9])),
    ]
    updates = evolve(layers, replace(METHODS["set"], percolation=percolation), zeta=0.25)
    assert [update.links_removed for update in updates.values()] == [1, 1]
    assert [update.links_percolated for update in updates.values()] == ([0, 2] if percolation else [0, 0])


def test_frozen_layers_stay(chain):
    network = chain(0)
    updates = evolve(network.layers, "cht", frozen={"layer1"})
    assert set(updates) == {"layer0", "layer2"}


def test_equal_seeds_give_equal_updates(chain):
    network = chain(4, density=0.15)
    first, again = (evolve(network.layers, "cht", seed=9) for _ in range(2))
    assert all(first[name].graph == again[name].graph for name in first)


def test_a_method_that_does_not_evolve_is_refused(chain):
    with pytest.raises(ValueError, match="does not evolve"):
        evolve(chain(0).layers, "static")


@pytest.mark.parametrize("method", EVOLVING)
def test_an_update_holds_nothing_of_the_size_of_the_layer(method, random_layer, monkeypatch):
    monkeypatch.setattr("netsparse.linkprediction.ranking._BLOCK_BYTES", 2**20)  # 1 MiB of scores at a time
    monkeypatch.setattr("netsparse.training.regrowth._GRADIENT_BYTES", 2**20)
    # SPcorr's path lengths apart, which are bounded on their own
    plain, rng = replace(METHODS[method], subranking=False), np.random.default_rng(0)
    layer = random_layer(0, (3000, 3000), 0.002)
    gradients = {layer.name: Gradients(layer)}
    update_topology([layer], plain, 0.3, rng, gradients=gradients)  # compiled
    tracemalloc.start()
    update_topology([layer], plain, 0.3, rng, gradients=gradients)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < layer.n_source * layer.n_target  # one byte a pair would be too much


@pytest.mark.parametrize("method", EVOLVING)
@pytest.mark.parametrize("density", [0.05, 0.2])
def test_a_changing_density_is_met_exactly(method, density, chain):
    network = chain(1, (20, 22, 21, 18), density)
    for change in (-9, -1, 0, 7):
        wanted = {layer.name: layer.n_links + change for layer in network}
        updates = evolve(network.layers, method, n_links=wanted)
        for layer in network:
            update = updates[layer.name]
            assert update.links_removed == max(-change, 0) + round(0.3 * min(layer.n_links, wanted[layer.name]))
            assert update.graph.n_links + update.links_missing == wanted[layer.name]


def test_soft_removal_keeps_links_in_proportion_to_a_power_of_their_weight():
    """Of four links one is kept: link i with chance |w_i|^T / Σ |w|^T."""
    weights = np.array([[0.5, -1.0, 2.0, 3.0]])
    layer = LayerGraph.from_weight(weights)
    method = replace(METHODS["chts"], regrowth="random", percolation=False)
    for temperature in (0.0, 1.0, 3.0):
        rng, kept = np.random.default_rng(0), np.zeros(4)
        for _ in range(600):
            update = update_topology([layer], method, 0.0, rng, n_links={"layer": 1}, temperature=temperature)["layer"]
            kept[update.graph.link_keys[0]] += 1
        expected = np.abs(weights[0]) ** temperature
        expected *= 600 / expected.sum()
        assert np.all(np.abs(kept - expected) < 5 * np.sqrt(expected + 1)), temperature


def test_soft_regrowth_draws_pairs_in_proportion_to_their_score():
    from netsparse import score_links
    from netsparse.training.regrowth import regrow

    layer = LayerGraph.from_mask([[1, 0, 0, 1], [1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 1, 0]])
    scores = np.nan_to_num(score_links(layer).ravel())
    rng, counts = np.random.default_rng(0), np.zeros(16)
    for _ in range(300):
        keys, n_filled = regrow(layer, 1, "ch3-l3", rng, soft=True)
        assert n_filled == 0
        counts[keys] += 1
    expected = 300 * scores / scores.sum()
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected + 1e-9))
    keys, n_filled = regrow(layer, 8, "ch3-l3", rng, soft=True)
    assert len(keys) == 8
