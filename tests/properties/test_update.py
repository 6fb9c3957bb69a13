"""Updates of any network by any composition of parts keep their counts, and start topologies theirs."""

import itertools

import numpy as np
import pytest
import strategies
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from netsparse import NetsparseError
from netsparse.topologies import TOPOLOGIES
from netsparse.topologies.budget import link_budget
from netsparse.training import METHODS, MLP, TopologyScheduler
from netsparse.training.methods import Method
from netsparse.training.regrowth import REGROWTH_RULES
from netsparse.training.removal import REMOVAL_RULES
from netsparse.training.start_weights import START_WEIGHTS
from netsparse.training.update import update_topology

methods = st.builds(
    Method,
    name=st.just("drawn"),
    summary=st.just(""),
    removal=st.sampled_from(list(REMOVAL_RULES)),
    removal_selection=st.sampled_from(("hard", "soft")),
    regrowth=st.sampled_from(list(REGROWTH_RULES)),
    regrowth_selection=st.sampled_from(("hard", "soft")),
    percolation=st.booleans(),
    fill=st.sampled_from(("active", "any", "none")),
    subranking=st.booleans(),
    new_link_weights=st.sampled_from(("zero", *START_WEIGHTS)),
)
shares = st.sampled_from((0.0, 0.1, 0.3, 0.5, 1.0)) | st.floats(0, 1)


class Gradients:
    """Gradients of a layer, in blocks as in one; with many ties if wanted."""

    def __init__(self, layer, seed, ties):
        rng = np.random.default_rng(seed)
        self.of_links = rng.standard_normal(layer.n_links)
        self.of_pairs = rng.standard_normal(layer.biadjacency.shape).astype(np.float32)
        if ties:
            self.of_links, self.of_pairs = np.round(self.of_links), np.round(self.of_pairs)

    def rows(self, first, stop):
        return self.of_pairs[first:stop]


@given(
    strategies.snapshots(max_size=6, kinds=strategies.FLOATS, odd=False),
    methods,
    shares,
    st.sampled_from((0.0, 0.5, 1.0, 9.0)),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(0, 15),
    st.integers(0, 99),
)
@strategies.examples(80)
def test_an_update_keeps_its_counts(snapshot, method, zeta, temperature, ties, change, frozen, seed):
    frozen = {layer.name for i, layer in enumerate(snapshot) if frozen >> i & 1}
    wanted = {la.name: min(max(la.n_links + change, 0), la.n_source * la.n_target) for la in snapshot}
    gradients = {layer.name: Gradients(layer, seed, ties) for layer in snapshot}

    def update():
        rng, how = np.random.default_rng(seed), {"temperature": temperature, "gradients": gradients}
        return update_topology(snapshot.layers, method, zeta, rng, frozen, n_links=wanted, **how)

    updates, again = update(), update()
    assert set(updates) == {layer.name for layer in snapshot} - frozen
    for layer in snapshot:
        if layer.name in frozen:
            continue
        own = updates[layer.name]
        assert own.graph == again[layer.name].graph
        # the class refuses pairs outside or twice; counts add up
        assert own.links_removed == max(-change if wanted[layer.name] else layer.n_links, 0) + round(
            zeta * min(layer.n_links, wanted[layer.name])
        )
        assert own.graph.n_links + own.links_missing == wanted[layer.name]
        assert own.graph.n_links == layer.n_links - own.links_removed - own.links_percolated + own.links_regrown
        assert min(own.links_missing, own.links_percolated, own.links_filled, own.links_regrown) >= 0
        assert method.percolation or own.links_percolated == 0
        assert own.links_missing == 0 or method.fill != "any"
        # weights follow their links; truly new ones are finite
        assert own.graph.weights.dtype == layer.weights.dtype
        before = dict(zip(layer.link_keys.tolist(), layer.weights.tolist(), strict=True))
        for key, weight in zip(own.graph.link_keys.tolist(), own.graph.weights.tolist(), strict=True):
            assert np.isfinite(weight)
            assert weight == before.get(key, weight if method.new_link_weights != "zero" else 0.0)
        # what is gone is what scored lowest (the rank of equal weights of a sign is drawn)
        if method.removal_selection == "hard" and not method.percolation and method.removal != "magnitude-signed":
            scores = REMOVAL_RULES[method.removal](layer, gradients[layer.name].of_links)
            gone = np.isin(layer.link_keys, own.graph.link_keys, invert=True)
            cut = np.sort(scores)[own.links_removed - 1] if own.links_removed else -np.inf
            assert np.all(scores[gone] <= cut)


@given(st.sampled_from(list(TOPOLOGIES)), st.tuples(st.integers(0, 12), st.integers(0, 12)), shares, st.integers(0, 99))
@strategies.examples(60)
def test_a_start_topology_has_its_budget(name, shape, density, seed):
    data = np.random.default_rng(seed).random((7, max(shape[0], 1)))[:, : shape[0]]
    if name == "fully_connected" and link_budget(shape, density) < shape[0] * shape[1]:
        with pytest.raises(NetsparseError, match="density 1"):
            TOPOLOGIES[name](shape, density, np.random.default_rng(seed), data)
        return
    made, again = (TOPOLOGIES[name](shape, density, np.random.default_rng(seed), data) for _ in range(2))
    assert made.shape == shape
    assert made.nnz == link_budget(shape, density)
    assert made.has_canonical_format
    assert np.array_equal(made.toarray(), again.toarray())


sizes = st.lists(st.integers(1, 7), min_size=2, max_size=4)


@given(
    st.sampled_from([name for name in METHODS if name != "dense"]),
    sizes,
    st.sampled_from((0.0, 0.3, 0.8, 1.0)) | st.floats(0, 1),
    st.sampled_from(("nn.Linear", "csr", "masked")),
    st.integers(0, 9),
)
@strategies.examples(15)
def test_a_scheduler_keeps_the_budget_of_any_small_model(name, widths, sparsity, kind, seed):
    torch.manual_seed(seed)
    n_in, n_out = widths[0], widths[-1]
    if kind == "nn.Linear":
        pairs = itertools.pairwise(widths)
        model = nn.Sequential(*[part for n, m in pairs for part in (nn.Linear(n, m), nn.ReLU())][:-1])
        which = {"layers": ["*"]}
    else:
        model = MLP(n_in, n_out, width=max(widths), seed=seed, backend=kind)
        which = {}
    data = torch.rand(9, n_in, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    how = {"total_steps": 12} if METHODS[name].needs_total_steps else {}
    try:
        topology = TopologyScheduler(
            model, optimizer, name, sparsity, data=data.numpy(), seed=seed, update_interval=1, **which, **how
        )
    except NetsparseError as error:
        assume("choose a smaller s" not in str(error))  # its density would rise
        raise
    changes = METHODS[name].density_schedule != "constant"
    start = {layer.name: layer.graph.n_links for layer in topology.layers}
    n_links = (
        dict(start) if changes else {layer.name: link_budget(layer.shape, layer.density) for layer in topology.layers}
    )
    for step in range(4):
        assert {layer.name: layer.graph.n_links for layer in topology.layers} == n_links
        optimizer.zero_grad()
        model(data).square().mean().backward()
        optimizer.step()
        topology.step()
        assert topology.n_steps == step + 1
        for layer in topology.layers:
            update = topology.last_update.get(layer.name)
            if update is not None:
                least = link_budget(layer.shape, layer.density) if changes else n_links[layer.name]
                most = start[layer.name] if changes else n_links[layer.name]  # what was missing may come back
                assert least <= layer.graph.n_links + update.links_missing <= most
                n_links |= {layer.name: layer.graph.n_links}
            weights = layer.weight.detach()
            assert torch.isfinite(weights).all()
            assert np.count_nonzero(weights.numpy()) <= layer.graph.n_links
