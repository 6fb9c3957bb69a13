import copy
import io

import numpy as np
import pytest
import torch
from torch import nn

from netsparse import NetsparseError, Snapshot
from netsparse.training import METHODS, MLP, TopologyScheduler
from netsparse.training.chains import chain_groups

DATA = np.random.default_rng(0).random((60, 12)).astype(np.float32)
LABELS = torch.from_numpy((DATA[:, 0] * 3).astype(np.int64))


KINDS = ("csr", "masked", "nn.Linear")


def make(method="cht", optimizer="sgd", kind="csr", seed=0, **options):
    torch.manual_seed(seed)
    if kind == "nn.Linear":
        model = nn.Sequential(
            nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 14), nn.ReLU(), nn.Linear(14, 3)
        )
    else:
        model = MLP(12, 3, width=16, sparsity=0.0 if method == "dense" else 0.7, seed=seed, backend=kind)
    optimizers = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
        "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        "adam": lambda p: torch.optim.Adam(p, lr=0.01),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    }
    made = optimizers[optimizer](model.parameters())
    sparsity = 0.0 if method == "dense" else 0.7
    if METHODS[method].needs_total_steps:
        options = {"total_steps": 12, **options}
    options.setdefault("update_interval", 1)
    topology = TopologyScheduler(model, made, method, sparsity, data=DATA, seed=seed, **options)
    return model, made, topology


def steps(model, optimizer, topology, n, per_update=5):
    for i in range(n):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.from_numpy(DATA)), LABELS).backward()
        optimizer.step()
        if (i + 1) % per_update == 0:
            topology.step()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamw"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_method_keeps_counts_and_leaves_nothing_off_the_links(method, optimizer, kind):
    model, made, topology = make(method, optimizer, kind)
    before = [layer.graph.n_links for layer in topology.layers]
    assert len(topology.layers) == 3
    changes = METHODS[method].density_schedule != "constant"
    steps(model, made, topology, 43 if changes else 23)
    for layer, n_links in zip(topology.layers, before, strict=True):
        if changes:
            assert n_links > round(layer.density * layer.shape[0] * layer.shape[1])
            n_links = round(layer.density * layer.shape[0] * layer.shape[1])
        assert layer.graph.n_links == n_links
        if kind == "csr" and method != "dense":
            assert len(layer.weight) == n_links
            states = [s for s in made.state[layer.weight].values() if torch.is_tensor(s) and s.dim()]
            assert all(s.shape == layer.weight.shape for s in states)
            continue
        mask = layer.module.weight_mask > 0
        assert n_links == int(mask.sum())
        assert torch.all(layer.weight[~mask] == 0)
        for state in made.state[layer.weight].values():
            if torch.is_tensor(state) and state.shape == layer.weight.shape:
                assert torch.all(state[~mask] == 0)
    assert topology.n_steps == (8 if changes else 4)
    assert all(len(layer.ever_active) >= layer.graph.n_links for layer in topology.layers)
    assert bool(topology.last_update) == (METHODS[method].evolves and not topology.frozen)


def per_link(layer, tensor):
    """Return what a tensor of the weight's shape holds, by link key."""
    if tensor.dim() == 2:
        tensor = tensor.t().flatten()[torch.from_numpy(layer.graph.link_keys)]
    return dict(zip(layer.graph.link_keys.tolist(), tensor.tolist(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("optimizer", "name"), [("sgd", "momentum_buffer"), ("adam", "exp_avg_sq")])
def test_new_links_start_from_nothing_and_regrown_ones_keep_weight_and_state(kind, optimizer, name):
    model, made, topology = make("cht", optimizer, kind)
    steps(model, made, topology, 4)

    def held():
        return [
            [per_link(x, tensor.detach()) for tensor in (x.weight, made.state[x.weight][name], x.weight.grad)]
            for x in topology.layers
        ]

    before = held()
    topology.step()
    n_new = 0
    for was, now in zip(before, held(), strict=True):
        new = now[0].keys() - was[0].keys()
        n_new += len(new)
        for old_values, values in zip(was, now, strict=True):
            assert all(values[key] == 0 for key in new)
            assert all(values[key] == old_values[key] for key in values.keys() - new)
    assert n_new > 0
    steps(model, made, topology, 6)  # and all goes on


@pytest.mark.parametrize("kind", KINDS)
def test_new_links_may_start_from_drawn_weights(kind):
    model, made, topology = make("cht", kind=kind, new_link_weights="swi", early_stop=None)
    steps(model, made, topology, 4)
    before = [per_link(layer, layer.weight.detach()) for layer in topology.layers]
    topology.step()
    after = [per_link(layer, layer.weight.detach()) for layer in topology.layers]
    new = [now[key] for was, now in zip(before, after, strict=True) for key in now.keys() - was.keys()]
    assert len(new) > 3
    assert all(weight != 0 for weight in new)
    assert all(now[key] == was[key] for was, now in zip(before, after, strict=True) for key in was.keys() & now.keys())
    for layer in topology.layers:
        state = per_link(layer, made.state[layer.weight]["momentum_buffer"])
        was = before[topology.layers.index(layer)]
        assert all(state[key] == 0 for key in state.keys() - was.keys())
    with pytest.raises(NetsparseError, match="unknown start weights 'one'"):
        make("cht", new_link_weights="one")


def test_gradients_accumulated_over_an_update_follow_their_links():
    model, made, topology = make("cht")
    steps(model, made, topology, 4)
    made.zero_grad()
    nn.functional.cross_entropy(model(torch.from_numpy(DATA)), LABELS).backward()
    topology.step()
    before = topology.layers[0].weight.grad.clone()
    nn.functional.cross_entropy(model(torch.from_numpy(DATA)), LABELS).backward()
    assert not torch.equal(topology.layers[0].weight.grad, before)
    assert topology.layers[0].weight.grad.shape == topology.layers[0].weight.shape


def test_an_optimizer_with_a_closure():
    for kind in KINDS:
        model, made, topology = make("cht", kind=kind)

        def closure(model=model, made=made):
            made.zero_grad()
            loss = nn.functional.cross_entropy(model(torch.from_numpy(DATA)), LABELS)
            loss.backward()
            return loss

        losses = []
        for _ in range(12):
            losses.append(float(made.step(closure).detach()))
            topology.step()
        assert losses[-1] < losses[0]


def test_optimizers_whose_state_cannot_follow_links_are_refused():
    model = MLP(12, 3, width=16, backend="csr")
    lbfgs = torch.optim.LBFGS(model.parameters())
    with pytest.raises(NetsparseError, match="LBFGS keeps one history"):
        TopologyScheduler(model, lbfgs, "set")
    TopologyScheduler(model, lbfgs, "static").detach()
    made = torch.optim.SGD(model.parameters(), lr=0.1)
    topology = TopologyScheduler(model, made, "set")
    made.state[topology.layers[1].weight]["factors"] = torch.ones(3, 3)
    expected = topology.snapshot()
    with pytest.raises(NetsparseError, match="'factors' of layer 'sandwich2' cannot follow"):
        topology.step()
    assert topology.snapshot() == expected
    made.state[topology.layers[1].weight]["factors"] = [torch.ones(3)]
    with pytest.raises(NetsparseError, match="cannot follow"):
        topology.step()


def test_the_start_topology_is_the_methods_own():
    for method, links in (("cht", None), ("esml", None), ("dense", 16 * 12)):
        _, _, topology = make(method)
        first = topology.layers[0].graph
        assert first.n_links == (links or round(0.3 * 12 * 16))
    _, _, cht = make("cht", start_weights="kaiming")
    assert cht.method.start_weights == "kaiming"


def test_updates_come_every_update_interval_steps():
    model, made, topology = make("set", update_interval=3)
    updated = []
    for _ in range(7):
        steps(model, made, topology, 1, per_update=1)
        updated.append(bool(topology.last_update))
    assert updated == [False, False, True, False, False, True, False]


def test_early_stop_freezes_a_layer_at_its_overlap():
    model, made, topology = make("cht", early_stop=0.01)
    steps(model, made, topology, 10)
    assert topology.frozen
    graphs = topology.snapshot().layers
    steps(model, made, topology, 10)
    assert topology.last_update == {}
    assert all(a.link_keys.tolist() == b.link_keys.tolist() for a, b in zip(graphs, topology.snapshot(), strict=True))
    assert make("cht", early_stop=False)[2].method.early_stop is None
    never = make("cht", early_stop=None)
    steps(*never, 40)
    assert not never[2].frozen


@pytest.mark.parametrize("kind", KINDS)
def test_state_dict_round_trip_goes_on_bit_for_bit(kind):
    model, made, topology = make("cht", "adam", kind)
    steps(model, made, topology, 10)
    buffer = io.BytesIO()
    torch.save([model.state_dict(), made.state_dict(), topology.state_dict()], buffer)
    buffer.seek(0)
    states = torch.load(buffer, weights_only=True)
    other = make("cht", "adam", kind, seed=5)
    for part, state in zip(other, states, strict=True):
        part.load_state_dict(state)
    for run in ((model, made, topology), other):
        steps(*run, 15)
    assert topology.snapshot() == other[2].snapshot()
    with pytest.raises(NetsparseError, match="method 'cht'"):
        make("set")[2].load_state_dict(states[2])
    with pytest.raises(NetsparseError, match="earlier netsparse"):
        topology.load_state_dict({"method": "cht", "masks": {}})
    small = MLP(12, 3, width=9)
    with pytest.raises(NetsparseError, match="other layers"):
        TopologyScheduler(small, torch.optim.SGD(small.parameters(), lr=0.1), data=DATA).load_state_dict(states[2])


def test_equal_seeds_give_equal_runs_and_others_do_not():
    runs = [make("cht", seed=seed) for seed in (1, 1, 2)]
    for run in runs:
        steps(*run, 12)
    assert runs[0][2].snapshot() == runs[1][2].snapshot()
    assert runs[0][2].snapshot() != runs[2][2].snapshot()


def test_keep_leaves_links_and_weights_as_they_are():
    model = MLP(12, 3, width=16, sparsity=0.6)
    expected = Snapshot.from_model(model)
    topology = TopologyScheduler(
        model, torch.optim.SGD(model.parameters(), lr=0.1), "cht", topology="keep", start_weights="keep"
    )
    assert topology.snapshot() == expected


def test_without_data_cht_says_that_it_starts_from_erdos_renyi():
    model = MLP(12, 3, width=16)
    with pytest.warns(UserWarning, match="no data were given"):
        topology = TopologyScheduler(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert topology.method.topology == "erdos_renyi"


def test_layers_are_chosen_by_name_pattern():
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "b1": nn.Linear(4, 4), "b2": nn.Linear(4, 4)})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    topology = TopologyScheduler(model, optimizer, "static", 0.5, layers=["b*"])
    assert [layer.name for layer in topology.layers] == ["b1", "b2"]
    assert torch.count_nonzero(model["a"].weight) == 16
    assert torch.count_nonzero(model["b1"].weight) == 8


def test_attaching_twice_is_refused_until_detached():
    model, made, topology = make("set", kind="nn.Linear")
    with pytest.raises(NetsparseError, match="has a TopologyScheduler already"):
        TopologyScheduler(model, made, "set")
    topology.detach()
    again = TopologyScheduler(model, made, "set", 0.5, layers=["0", "2"])
    steps(model, made, again, 3)
    assert again.layers[0].graph.n_links == 96


def test_a_copy_of_the_model_can_have_a_scheduler_of_its_own():
    for kind in KINDS:
        model, _, topology = make("set", kind=kind)
        twin = copy.deepcopy(model)
        optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
        own = TopologyScheduler(twin, optimizer, "set", topology="keep", start_weights="keep")
        assert own.snapshot() == topology.snapshot()
        steps(twin, optimizer, own, 7)
        assert [a.n_links for a in own.snapshot()] == [a.n_links for a in topology.snapshot()]


@pytest.mark.parametrize("kind", ["masked", "nn.Linear"])
def test_step_zeroes_what_any_optimizer_left_off_the_links(kind):
    model, _, topology = make("static", kind=kind)
    for name, lr in (("LBFGS", 0.01), ("Rprop", 0.1)):  # LBFGS at 0.1 runs off to NaN on some machines
        optimizer = getattr(torch.optim, name)(model.parameters(), lr=lr)
        topology.optimizer = optimizer

        def closure(optimizer=optimizer):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(torch.from_numpy(DATA)), LABELS)
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
            topology.step()
            for layer in topology.layers:
                assert torch.all(layer.weight[layer.module.weight_mask == 0] == 0)


def test_layers_that_are_not_seen_to_feed_each_other_are_told():
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)})
    with pytest.warns(UserWarning, match="no two of the layers"):
        TopologyScheduler(model, torch.optim.SGD(model.parameters(), lr=0.1), "esml", 0.5, layers=["*"])


def test_lazy_layers_and_a_layer_that_is_the_model():
    model = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2))
    with pytest.raises(NetsparseError, match="run the model once"):
        TopologyScheduler(model, torch.optim.SGD(model.parameters(), lr=0.1), "set")
    alone = nn.Linear(6, 6)
    topology = TopologyScheduler(alone, torch.optim.SGD(alone.parameters(), lr=0.1), "set", 0.5, layers=["*"])
    assert topology.snapshot() == Snapshot.from_model(alone)
    topology.detach()
    with torch.no_grad():
        alone.weight.fill_(1.0)
    assert Snapshot.from_model(alone).n_links == 36


def test_frozen_weights_can_be_sparse():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    model[0].weight.requires_grad_(False)
    topology = TopologyScheduler(model, torch.optim.SGD(model.parameters(), lr=0.1), "static", 0.5)
    assert topology.layers[0].graph.n_links == 18


def test_data_of_another_width_are_refused_before_the_model_is_touched():
    model = MLP(9, 3, width=9)
    expected = Snapshot.from_model(model)
    with pytest.raises(NetsparseError, match="12 features, layer 'sandwich1' has 9 source"):
        TopologyScheduler(model, torch.optim.SGD(model.parameters(), lr=0.1), data=DATA)
    assert Snapshot.from_model(model) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "chtt"}, "did you mean 'cht'"),
        ({"sparsity": 1.5}, "sparsity must be a number"),
        ({"zeta": -0.1}, "zeta must be a number"),
        ({"sparsity": "much"}, "sparsity must be a number"),
        ({"update_interval": 0}, "update_interval"),
        ({"update_interval": 1.5}, "update_interval must be a whole number"),
        ({"seed": -1}, "seed"),
        ({"layers": []}, "no layer is named"),
        ({"early_stop": "late"}, "early_stop"),
        ({"layers": ["nothing"]}, "no linear or convolutional layer is named"),
        ({"layers": [nn.Conv2d]}, "no linear or convolutional layer is a Conv2d"),
        ({"sparsity": {"sandwich1": 0.5}}, "no sparsity is given for layer 'sandwich2'"),
        ({"sparsity": {"*": 2}}, "sparsity must be a number"),
        ({"total_steps": 0}, "total_steps must be"),
        ({"method": "rigl"}, "say total_steps="),
        ({"method": "granet", "total_steps": 120}, "train longer"),
        ({"removal": None}, "needs both a removal and a regrowth"),
        ({"topology": "small_world", "topology_options": {"r": 1}}, "has no option 'r'"),
        ({"removal_options": {"share": 1}}, "has no option 'share'"),
        ({"percolation": "yes"}, "percolation must be true or false"),
        ({"extra_density": 0.1}, "need a density_schedule"),
        ({"density_schedule": "cubic", "start_sparsity": 0.1, "extra_density": 0.1}, "leave one out"),
        ({"topology": "correlated", "data": None}, "needs data="),
        ({"name": "a/b"}, "name must be"),
        ({"method": "static", "density_schedule": "cubic", "start_sparsity": 0.1}, "needs a method that removes"),
        ({"temperature_start": -1}, "temperature_start must be"),
        ({"regrowth_selection": "medium"}, "regrowth_selection must be one of hard, soft"),
        ({"zeta_schedule": "linear"}, "unknown zeta schedule"),
        ({"layer_density": "best"}, "layer_density must be one of"),
        ({"removal": "worst"}, "unknown removal rule"),
        ({"regrowth": "best"}, "unknown regrowth rule"),
        ({"topology": "ring"}, "unknown topology"),
        ({"start_weights": "ones"}, "unknown start weights"),
        ({"fill": "all"}, "fill must be"),
        ({"early_stop": 1.5}, "early_stop"),
        ({"zetta": 0.2}, "unknown part 'zetta'"),
    ],
)
def test_bad_options_are_refused_before_the_model_is_touched(options, message):
    model = MLP(12, 3, width=16, sparsity=0.6)
    expected = Snapshot.from_model(model)
    with pytest.raises(NetsparseError, match=message):
        TopologyScheduler(model, torch.optim.SGD(model.parameters(), lr=0.1), **{"data": DATA, **options})
    assert Snapshot.from_model(model) == expected


def test_models_that_cannot_be_scheduled():
    lone = nn.Linear(3, 3)
    with pytest.raises(NetsparseError, match="name the layers"):
        TopologyScheduler(nn.Sequential(lone), torch.optim.SGD(lone.parameters(), lr=0.1), "set")
    model = MLP(12, 3, width=16)
    with pytest.raises(NetsparseError, match="not among the optimizer"):
        TopologyScheduler(model, torch.optim.SGD(model.output.parameters(), lr=0.1), "set")
    tied = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    tied[1].weight = tied[0].weight
    with pytest.raises(NetsparseError, match="share one weight"):
        TopologyScheduler(tied, torch.optim.SGD(tied.parameters(), lr=0.1), "set", layers=["*"])


def test_chains_are_followed_only_where_neurons_stay_themselves():
    model = nn.Sequential(
        nn.Linear(4, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 4), nn.Flatten(), nn.Linear(4, 4), nn.Linear(4, 2)
    )
    groups = chain_groups(model, ["0", "3", "5", "6"])
    assert groups["0"][1] == groups["3"][0]
    assert groups["3"][1] != groups["5"][0]
    assert groups["5"][1] == groups["6"][0]
    assert chain_groups(model, ["0", "5"])["5"] == ("5.source", "5.target")
    nested = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)), nn.Linear(4, 4))
    joined = chain_groups(nested, ["0.0", "0.2", "1"])
    assert joined["0.0"][1] == joined["0.2"][0]
    assert joined["0.2"][1] == joined["1"][0]
    blocks = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.PReLU()), nn.Sequential(nn.Linear(4, 4), nn.Mish()))
    joined = chain_groups(blocks, ["0.0", "1.0"])
    assert joined["0.0"][1] == joined["1.0"][0]

    class Residual(nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    apart = nn.Sequential(Residual(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 4))
    joined = chain_groups(apart, ["0.0", "1"])
    assert joined["0.0"][1] != joined["1"][0]


def test_what_is_no_model_or_optimizer_is_told():
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for arguments in ((None, optimizer), (model, None), (optimizer, model)):
        with pytest.raises(NetsparseError, match="a scheduler takes a torch model and its optimizer"):
            TopologyScheduler(*arguments)
