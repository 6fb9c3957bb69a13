"""Methods as compositions of parts: single updates against hand-made tables, schedules, TOML files."""

import numpy as np
import pytest
import torch
from torch import nn

from netsparse import LayerGraph, NetsparseError
from netsparse.training import METHODS, SparseLinear, TopologyScheduler
from netsparse.training.methods import resolve_method
from netsparse.training.schedules import DENSITY_SCHEDULES, ZETA_SCHEDULES

BACKENDS = ("csr", "masked", "nn.Linear")

# Rows are source neurons. ζ = 0.4 of 5 links: two go.
WEIGHTS = np.array([[0.5, 0.0, -0.1], [0.0, 2.0, 0.0], [-0.3, 0.0, 1.0]])
GRADIENTS = np.array([[9.0, -4.0, 0.2], [0.3, 8.0, -5.0], [40.0, 0.1, 7.0]])


def layer_of(backend, weights=WEIGHTS, activation=None):
    """One layer with given links and weights, and SGD that does nothing to them."""
    graph = LayerGraph.from_weight(weights.T)
    if backend == "nn.Linear":
        layer = nn.Linear(*weights.shape, bias=False)
        layer.weight.data = torch.tensor(weights.T, dtype=torch.float32)
    else:
        layer = SparseLinear(*weights.shape, bias=False, backend=backend, activation=activation)
        layer.set_graph(graph, graph.weights)
    return layer, torch.optim.SGD(layer.parameters(), lr=0.0)


def one_update(backend, method, weights=WEIGHTS, gradients=GRADIENTS, **parts):
    """Run one update whose dense gradient is the given table: x is the identity, ẏ the table."""
    layer, optimizer = layer_of(backend, weights)
    keep = {"topology": "keep", "start_weights": "keep", "update_interval": 1}
    topology = TopologyScheduler(layer, optimizer, method, layers=["*"], **{**keep, **parts})
    y = layer(torch.eye(len(weights)))
    (y * torch.tensor(gradients, dtype=torch.float32)).sum().backward()
    optimizer.step()
    topology.step()
    return topology


def table(topology):
    graph = topology.layers[0].graph
    found = np.full((graph.n_source, graph.n_target), np.nan)
    found[graph.link_rows, graph.biadjacency.indices] = graph.weights
    return found


@pytest.mark.parametrize("backend", BACKENDS)
def test_rigl_removes_the_smallest_weights_and_grows_the_largest_gradients(backend):
    # half the time is over: ζ = 0.8/2 · (1 + cos(π/2)) = 0.4. Removed: −0.1 and −0.3. Candidates: every pair that is no
    # link any more, also those two: |40| is the largest gradient and comes back with its weight, then |−5|.
    topology = one_update(backend, "rigl", zeta=0.8, total_steps=4, update_until=0.5, update_interval=1)
    # n_steps = 1 of T_end = 2
    expected = np.array([[0.5, np.nan, np.nan], [np.nan, 2.0, 0.0], [-0.3, np.nan, 1.0]])
    assert np.array_equal(table(topology), expected.astype(np.float32), equal_nan=True)
    update = topology.last_update["layer"]
    assert (update.links_removed, update.links_regrown, update.overlap) == (2, 2, 0.5)


def test_rigl_anneals_to_nothing_and_stops_at_three_quarters():
    layer = nn.Linear(40, 40)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
    topology = TopologyScheduler(layer, optimizer, "rigl", 0.5, layers=["*"], total_steps=20, update_interval=3)
    removed = {}
    for step in range(1, 21):
        layer(torch.rand(5, 40)).square().sum().backward()
        optimizer.step()
        topology.step()
        if topology.last_update:
            removed[step] = topology.last_update["layer"].links_removed
    assert list(removed) == [3, 6, 9, 12]  # 15 is three quarters
    expected = [round(800 * 0.15 * (1 + np.cos(np.pi * t / 15))) for t in removed]
    assert list(removed.values()) == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_mest_removes_by_weight_and_gradient(backend):
    # |w| + 0.01 · |g|: 0.59, 0.102, 2.08, 0.7, 1.07: the two smallest are 0.102 and 0.59, not 0.1 and 0.3
    topology = one_update(backend, "mest", zeta=0.4)
    found = table(topology)
    update = topology.last_update["layer"]
    assert (update.links_removed, update.links_regrown) == (2, 2)
    for kept in ((1, 1), (2, 0), (2, 2)):
        assert found[kept] == np.float32(WEIGHTS[kept])
    assert np.isfinite(found).sum() == 5
    others = [found[i, j] for i, j in ((0, 1), (1, 0), (1, 2), (2, 1))]
    assert all(np.isnan(w) or w == 0 for w in others)
    other = one_update(backend, "mest", zeta=0.2, removal_options={"share": 1.0})
    assert np.isfinite(table(other)[0, 0])  # |−0.1| + 0.2 is the smallest now


@pytest.mark.parametrize("backend", BACKENDS)
def test_mest_ems_goes_down_in_its_steps(backend):
    layer, optimizer = layer_of(backend, np.random.default_rng(0).standard_normal((20, 20)))
    topology = TopologyScheduler(layer, optimizer, "mest-ems", 0.9, layers=["*"], total_steps=24)
    counts = [topology.layers[0].graph.n_links]
    for _ in range(24):
        layer(torch.rand(4, 20)).square().sum().backward()
        optimizer.step()
        topology.step()
        counts.append(topology.layers[0].graph.n_links)
    # of 400 pairs: 0.15 until a third of 12 steps, 0.125 until two thirds, then 0.1
    assert counts == [60] * 4 + [50] * 4 + [40] * 17


def test_granet_prunes_by_the_cube_and_grows_back_by_gradient():
    layer = nn.Linear(30, 30)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
    topology = TopologyScheduler(layer, optimizer, "granet", 0.9, layers=["*"], total_steps=40, update_interval=4)
    counts = {0: topology.layers[0].graph.n_links}
    for step in range(1, 41):
        layer(torch.rand(5, 30)).square().sum().backward()
        optimizer.step()
        topology.step()
        if topology.last_update:
            counts[step] = topology.layers[0].graph.n_links
    expected = {t: round(900 * (0.1 + 0.4 * (1 - min(t / 20, 1)) ** 3)) for t in (0, *range(4, 30, 4))}
    assert counts == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_momentum_sums_the_last_gradients(backend):
    """Three steps: the dense gradient is g3 + 0.9 · g2 + 0.81 · g1."""
    layer, optimizer = layer_of(backend)
    keep = {"topology": "keep", "start_weights": "keep"}
    topology = TopologyScheduler(layer, optimizer, "snfs", layers=["*"], zeta=0.0, update_interval=3, **keep)
    rng = np.random.default_rng(0)
    given = [rng.standard_normal((3, 3)) for _ in range(3)]
    for gradient in given[:2]:
        optimizer.zero_grad()
        (layer(torch.eye(3)) * torch.tensor(gradient, dtype=torch.float32)).sum().backward()
        optimizer.step()
        topology.step()
    optimizer.zero_grad()
    for half in (0.25, 0.75):  # accumulated in two passes
        (layer(torch.eye(3)) * torch.tensor(half * given[2], dtype=torch.float32)).sum().backward()
    optimizer.step()
    found = topology._watch.layers["layer"].rows(0, 3)
    assert np.allclose(found, given[2] + 0.9 * given[1] + 0.81 * given[0], atol=1e-5)


class Deep(nn.Module):
    """Two layers, the first one with ReLU, and a convolution in front."""

    def __init__(self, backend):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, padding_mode="reflect")
        sizes = ((54, 20), (20, 7))
        if backend == "nn.Linear":
            self.first, self.second = (nn.Linear(*size) for size in sizes)
        else:
            made = [
                SparseLinear(*size, 0.8, backend=backend, activation="relu", seed=i) for i, size in enumerate(sizes)
            ]
            self.first, self.second = made
        self.backend = backend

    def forward(self, x):
        x = torch.relu(self.conv(x)).flatten(1)
        if self.backend == "nn.Linear":
            return torch.relu(self.second(torch.relu(self.first(x))))
        return self.second(self.first(x))


@pytest.mark.parametrize("backend", BACKENDS)
def test_dense_gradients_equal_autograds(backend):
    """Whatever the layer: linear, sparse with a ReLU, a grouped convolution; in blocks; over several passes."""
    model = Deep(backend)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    options = {"total_steps": 100, "update_interval": 1, "topology": "erdos_renyi"}
    names = ["conv", "first", "second"]
    topology = TopologyScheduler(model, optimizer, "rigl", 0.6, layers=names, **options)
    x, y = torch.rand(2, 9, 4, 5, 5), torch.randint(7, (2, 9))
    for part in range(2):
        nn.functional.cross_entropy(model(x[part]), y[part]).backward()
    dense = Deep("nn.Linear")
    dense.load_state_dict(
        {
            f"{name}.{kind}": getattr(module, kind) if kind == "bias" else dense_weight(module)
            for name, module in model.named_children()
            for kind in ("weight", "bias")
        }
    )
    for part in range(2):
        nn.functional.cross_entropy(dense(x[part]), y[part]).backward()
    for name in names:
        expected = getattr(dense, name).weight.grad.flatten(1).t().numpy()
        watch = topology._watch.layers[name]
        found = np.concatenate([watch.rows(0, 5), watch.rows(5, len(expected))])
        assert np.allclose(found, expected, rtol=1e-4, atol=1e-7)
    optimizer.step()
    topology.step()
    assert topology.last_update["conv"].links_removed > 0


def dense_weight(module):
    return module.to_linear().weight if isinstance(module, SparseLinear) else module.weight


def test_gradients_are_watched_only_before_an_update_and_copies_are_not():
    import copy
    import io

    layer, optimizer = layer_of("csr", np.eye(6))
    topology = TopologyScheduler(layer, optimizer, "rigl", 0.5, layers=["*"], total_steps=100, update_interval=4)
    hooks = []
    for _ in range(8):
        hooks.append(len(layer._forward_hooks))
        twin = copy.deepcopy(layer)
        twin(torch.rand(2, 6)).sum().backward()
        if hooks[-1]:
            assert topology._watch.layers["layer"].is_empty
        layer(torch.rand(2, 6)).sum().backward()
        optimizer.step()
        topology.step()
    assert hooks == [0, 0, 0, 1] * 2
    torch.save(layer.state_dict(), io.BytesIO())
    topology.detach()
    assert not layer._forward_hooks


def test_an_update_without_a_backward_pass_says_so():
    layer, optimizer = layer_of("csr", np.eye(6))
    topology = TopologyScheduler(layer, optimizer, "rigl", 0.5, layers=["*"], total_steps=100, update_interval=1)
    expected = topology.snapshot()
    with pytest.raises(NetsparseError, match=r"no loss.backward\(\) came"):
        topology.step()
    assert topology.snapshot() == expected


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("method", ["rigl", "mest", "snfs"])
def test_an_overflow_of_a_scaled_loss_leaves_out_the_step_and_if_need_be_the_update(backend, method):
    layer, optimizer = layer_of(backend, np.random.default_rng(0).standard_normal((8, 8)))
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    options = {"total_steps": 100, "update_interval": 3, "topology": "erdos_renyi"}
    topology = TopologyScheduler(layer, optimizer, method, 0.5, layers=["*"], **options)
    for step in range(1, 10):
        optimizer.zero_grad()
        loss = layer(torch.rand(4, 8)).square().sum()
        scaler.scale(loss * float("inf") if step in (2, 3, 5) else loss).backward()
        scaler.step(optimizer)
        scaler.update()
        topology.step()
        # step 3 was not taken: of snfs steps 1 and 4 count as well
        updated = step in ((3, 6, 9) if method == "snfs" else (6, 9))
        assert bool(topology.last_update) == updated, step
        if updated:
            assert topology.last_update["layer"].links_filled == 0 or method == "mest"
    assert torch.isfinite(layer.weight).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("set_to_none", [True, False])
def test_backward_passes_that_zero_grad_discarded_do_not_count(backend, set_to_none):
    layer, optimizer = layer_of(backend)
    keep = {"topology": "keep", "start_weights": "keep"}
    topology = TopologyScheduler(layer, optimizer, "rigl", layers=["*"], total_steps=100, update_interval=1, **keep)
    x = torch.eye(3, requires_grad=True)
    (1000.0 * layer(x).sum()).backward()  # an adversarial example, say
    optimizer.zero_grad(set_to_none=set_to_none)
    for half in (0.25, 0.75):
        (layer(torch.eye(3)) * torch.tensor(half * GRADIENTS, dtype=torch.float32)).sum().backward()
    optimizer.step()
    assert np.allclose(topology._watch.layers["layer"].rows(0, 3), GRADIENTS, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cut", [4, 7, 10])
def test_states_between_updates_hold_the_gradients_seen(backend, cut):
    import io

    def run(topology, layer, optimizer, first, last):
        for step in range(first, last):
            optimizer.zero_grad()
            layer(torch.rand(4, 12, generator=torch.Generator().manual_seed(step))).square().sum().backward()
            optimizer.step()
            topology.step()

    def make(seed):
        torch.manual_seed(seed)
        layer = nn.Linear(12, 12) if backend == "nn.Linear" else SparseLinear(12, 12, 0.5, backend=backend)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.01, momentum=0.9)
        topology = TopologyScheduler(layer, optimizer, "snfs", 0.5, layers=["*"], update_interval=5, seed=seed)
        return topology, layer, optimizer

    straight, stopped, resumed = make(0), make(0), make(1)
    run(*straight, 0, 16)
    run(*stopped, 0, cut)
    buffer = io.BytesIO()
    torch.save([part.state_dict() for part in stopped], buffer)
    buffer.seek(0)
    states = torch.load(buffer, weights_only=True)
    for part, state in zip(resumed[1:] + resumed[:1], states[1:] + states[:1], strict=True):
        part.load_state_dict(state)
    run(*resumed, cut, 16)
    assert straight[0].snapshot() == resumed[0].snapshot()


def test_copies_and_pickles_of_watched_layers_watch_nothing():
    import copy
    import io
    import pickle

    layer, optimizer = layer_of("csr", np.eye(6))
    topology = TopologyScheduler(layer, optimizer, "rigl", 0.5, layers=["*"], total_steps=100, update_interval=1)
    twins = copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))
    for twin in twins:
        twin(torch.rand(2, 6)).sum().backward()
    assert topology._watch.layers["layer"].is_empty
    assert all(hook.__self__.is_empty for twin in twins for hook in twin._forward_hooks.values())
    torch.save(layer.state_dict(), io.BytesIO())


def test_a_density_that_would_rise_and_schedules_without_a_start_are_refused():
    layer = nn.Linear(9, 9)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    with pytest.raises(NetsparseError, match=r"starts at a density of 0\.5, below the 0\.8"):
        TopologyScheduler(layer, optimizer, "granet", 0.2, layers=["*"], total_steps=1000)
    with pytest.raises(NetsparseError, match="start_sparsity or extra_density"):
        resolve_method("set", {"density_schedule": "cubic"})
    for parts, message in (
        ({"removal": "magnitude+gradient", "removal_options": {"share": float("nan")}}, "must be a finite number"),
        ({"name": "a/b"}, "name must be"),
        ({"name": 3}, "name must be"),
        ({"summary": ["x"]}, "summary must be text"),
    ):
        with pytest.raises(NetsparseError, match=message):
            resolve_method("set", parts)


def test_weights_that_are_unfrozen_later_are_masked():
    layer = nn.Linear(9, 9)
    layer.weight.requires_grad_(False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    topology = TopologyScheduler(layer, optimizer, "static", 0.5, layers=["*"])
    layer.weight.requires_grad_(True)
    topology.step()
    layer(torch.rand(3, 9)).sum().backward()
    optimizer.step()
    assert not layer.weight[layer.weight_mask == 0].any()


@pytest.mark.parametrize("name", ZETA_SCHEDULES)
def test_zeta_schedules_start_at_zeta_and_never_rise(name):
    values = [ZETA_SCHEDULES[name](0.3, p) for p in np.linspace(0, 1, 11)]
    assert values[0] == 0.3
    assert all(np.diff(values) <= 0)
    assert values[-1] >= 0


@pytest.mark.parametrize("name", DENSITY_SCHEDULES)
def test_density_schedules_end_at_the_target_and_never_rise(name):
    values = [DENSITY_SCHEDULES[name](0.5, 0.1, p) for p in np.linspace(0, 1, 11)]
    assert values[-1] == pytest.approx(0.1)
    assert values[0] == pytest.approx(0.1 if name == "constant" else 0.5)
    assert all(np.diff(values) <= 1e-12)
    assert DENSITY_SCHEDULES[name](0.2, 0.2, 0.4) == pytest.approx(0.2)


def test_early_stop_of_all_layers_waits_for_the_last_one():
    def run(scope):
        model = nn.Sequential(nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        topology = TopologyScheduler(model, optimizer, "set", 0.6, early_stop=0.9, early_stop_scope=scope)
        topology.layers[0].settled = True
        topology._stop_early()
        first = [layer.frozen for layer in topology.layers]
        topology.layers[1].settled = True
        topology._stop_early()
        return first, [layer.frozen for layer in topology.layers]

    assert run("layer") == ([True, False], [True, True])
    assert run("all") == ([False, False], [True, True])


def test_a_method_is_made_in_a_toml_file(tmp_path):
    path = tmp_path / "local-set.toml"
    path.write_text(
        'base = "set"\ntopology = "receptive_field"\ntopology_options = {r = 0.1}\nremoval_selection = "soft"\n'
    )
    method = resolve_method(path)
    assert (method.name, method.topology, method.regrowth) == ("local-set", "receptive_field", "random")
    assert method.changed_parts["topology_options"] == {"r": 0.1}
    layer = nn.Linear(20, 20)
    topology = TopologyScheduler(layer, torch.optim.SGD(layer.parameters(), lr=0.1), str(path), 0.8, layers=["*"])
    topology.step()
    assert topology.last_update["layer"].links_removed == 24
    path.write_text('name = "mine"\nremoval = "magnitude"\nregrowth = "ch2-l3"\nearly_stop = false')
    assert resolve_method(path).name == "mine"
    for text, message in (
        ('base = "sett"', "unknown base 'sett'"),
        ("base = 3", "base must be the name"),
        ('regrow = "random"', "unknown part 'regrow'"),
        ('removal = "magnitude"', "both a removal and a regrowth"),
        ("removal = [", "not valid TOML"),
        ('topology_options = "r"', "topology_options must be a table"),
    ):
        path.write_text(text)
        with pytest.raises(NetsparseError, match=message):
            resolve_method(path)
    with pytest.raises(NetsparseError, match="cannot be read"):
        resolve_method(tmp_path / "no.toml")


@pytest.mark.parametrize("name", METHODS)
def test_a_methods_parts_make_it_anew(name, tmp_path):
    """What `changed_parts` says, written to a file, is the method."""
    import tomli_w

    method = METHODS[name]
    method.check()
    path = tmp_path / "method.toml"
    path.write_text(tomli_w.dumps({"name": name, "summary": method.summary, **method.changed_parts}))
    assert resolve_method(path) == method
