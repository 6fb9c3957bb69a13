"""The scheduler on any model: convolutions, traced chains, patterns and types, densities by layer, sandwich heads."""

import copy
import io
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from netsparse import NetsparseError, Snapshot
from netsparse.training import MLP, SparseLinear, SparseSequential, TopologyScheduler
from netsparse.training.chains import chain_groups, trace_chains
from netsparse.training.models import TRUNKS, SandwichNetwork


def scheduler(model, method="esml", sparsity=0.6, optimizer=None, **options):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return optimizer, TopologyScheduler(model, optimizer, method, sparsity, **options)


def train(model, optimizer, topology, x, n=6):
    for _ in range(n):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        topology.step()


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 12, 1)
        self.conv3 = nn.Conv2d(12, 6, 3, groups=2)
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = functional.relu(self.norm(self.conv1(x)))
        x = torch.relu(self.conv2(x))
        return self.fc(self.conv3(x).mean((2, 3)))


@pytest.mark.parametrize("method", ["esml", "set", "rigl", "mest", "chts"])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_convolutions_are_graphs_of_channels(method, optimizer, memory_format):
    torch.manual_seed(0)
    model = ConvNet().to(memory_format=memory_format)
    made = optimizer(model.parameters(), lr=0.01, **({"momentum": 0.9} if optimizer is torch.optim.SGD else {}))
    options = {"total_steps": 20, "update_interval": 2, "topology": "erdos_renyi"}
    topology = TopologyScheduler(model, made, method, 0.5, layers=nn.Conv2d, **options)
    assert [layer.shape for layer in topology.layers] == [(27, 8), (8, 12), (54, 6)]
    before = topology.snapshot()
    train(model, made, topology, torch.rand(5, 3, 6, 6))
    after = topology.snapshot()
    assert Snapshot.from_model(model).n_links == after.n_links == before.n_links
    assert any(a != b for a, b in zip(before, after, strict=True))
    for layer, graph in zip(topology.layers, after, strict=True):
        weight = layer.weight.detach().flatten(1).t().numpy()
        linked = np.zeros(weight.shape, bool)
        linked[graph.link_rows, graph.biadjacency.indices] = True
        assert np.array_equal(weight[linked], graph.weights)
        assert not weight[~linked].any()
        assert not layer.weight.grad.flatten(1).t().numpy()[~linked].any()
        for state in made.state[layer.weight].values():
            if torch.is_tensor(state) and state.shape == layer.weight.shape:
                assert not state.flatten(1).t().numpy()[~linked].any()


def test_a_convolution_percolates_only_where_channels_stay_themselves():
    groups, untraced = trace_chains(ConvNet(), ["conv1", "conv2", "conv3", "fc"])
    assert groups["conv1"][1] == groups["conv2"][0]  # 1 × 1 behind batch norm and ReLU
    assert groups["conv2"][1] != groups["conv3"][0]  # 3 × 3: other source neurons
    assert groups["conv3"][1] != groups["fc"][0]
    assert untraced == []


class Gated(nn.Module):
    """A transformer's feed-forward part, as LLaMA has it."""

    def __init__(self, n=8, hidden=16):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(n, hidden), nn.Linear(n, hidden), nn.Linear(hidden, n)

    def forward(self, x):
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Forked(nn.Module):
    """One hidden group feeds two layers; another one also the output."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Linear(6, 6) for _ in range(4))

    def forward(self, x):
        h = torch.tanh(self.a(x))
        y = self.b(h) + self.c(h)
        return self.d(y), y.sum()


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(6, 6), nn.GELU(), nn.Linear(6, 6))
        self.last = nn.Linear(6, 6)

    def forward(self, x):
        return self.last(x + self.inner(x))


class Branching(nn.Module):
    """Control flow that depends on the data: not to be traced, but its parts are."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
        self.second = nn.Linear(6, 6)

    def forward(self, x):
        x = self.first(x)
        return self.second(x) if x.sum() > 0 else x


def test_chains_through_functions_products_and_forks():
    groups = chain_groups(Gated(), ["gate", "up", "down"])
    assert groups["gate"][0] == groups["up"][0]  # both read x
    assert groups["gate"][1] == groups["up"][1] == groups["down"][0]
    groups = chain_groups(Forked(), ["a", "b", "c", "d"])
    assert groups["a"][1] == groups["b"][0] == groups["c"][0]
    assert groups["b"][1] != groups["d"][0]  # their sum is read by the output as well
    assert chain_groups(Forked(), ["a", "b"])["b"][0] != "a.target"  # c, which is dense, reads a as well
    groups = chain_groups(Residual(), ["inner.0", "inner.2", "last"])
    assert groups["inner.0"][1] == groups["inner.2"][0]
    assert groups["inner.2"][1] != groups["last"][0]  # x feeds it as well


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x):
        return self.b(torch.relu(self.a(torch.relu(self.a(x)))))


class Around(nn.Module):
    """A layer whose output is added to its own input."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(6, 6) for _ in range(3))

    def forward(self, x):
        h = self.a(x)
        return self.c(h + self.b(h))


def test_layers_called_twice_and_loops_stand_alone():
    groups = chain_groups(Twice(), ["a", "b"])
    assert groups == {"a": ("a.source", "a.target"), "b": ("b.source", "b.target")}
    groups = chain_groups(Around(), ["a", "b", "c"])
    assert len({end for pair in groups.values() for end in pair}) >= 5
    assert groups["b"][0] != groups["b"][1]


class OnlyInTraining(nn.Module):
    """A head that is read in training alone."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.auxiliary = (nn.Linear(6, 6) for _ in range(3))

    def forward(self, x):
        h = torch.relu(self.a(x))
        return (self.b(h), self.auxiliary(h)) if self.training else self.b(h)


class OptionalArgument(OnlyInTraining):
    def forward(self, x, skip=None):
        h = torch.relu(self.a(x))
        if skip is None:
            skip = self.auxiliary(h)
        return self.b(h) + skip


class WeightReadElsewhere(OnlyInTraining):
    def forward(self, x):
        return self.b(torch.relu(self.a(x))) + functional.linear(x, self.a.weight)


class BroadcastSum(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 1), nn.Linear(5, 8), nn.Linear(8, 8)

    def forward(self, x):
        return self.c(self.a(x[0]) + self.b(x[1]))


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (nn.Sequential(nn.Conv2d(3, 9, 1), nn.ReLU(), nn.Conv2d(9, 9, 3, groups=9)), "02"),
        (nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 2, groups=4)), "01"),
        (nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Linear(8, 2)), "02"),
        (nn.Sequential(nn.Linear(8, 8), nn.Conv2d(8, 2, 1)), "01"),
        (nn.Sequential(nn.Linear(8, 8), nn.AvgPool2d(3, 1, 1), nn.Linear(8, 2)), "02"),
        (nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 2)), "02"),
        (nn.Sequential(nn.Linear(8, 8), nn.Softmax(-1), nn.Linear(8, 2)), "02"),
        (OnlyInTraining(), "ab"),
        (OnlyInTraining().eval(), "ab"),
        (OptionalArgument(), "ab"),
        (WeightReadElsewhere(), "ab"),
        (BroadcastSum(), "abc"),
    ],
)
def test_what_must_not_be_joined_is_not(model, names):
    modes = [m.training for m in model.modules()]
    groups = chain_groups(model, list(names))
    assert len({end for pair in groups.values() for end in pair}) == 2 * len(names)
    assert [m.training for m in model.modules()] == modes


def test_a_layer_in_two_parts_of_what_cannot_be_traced_stands_alone():
    model = Branching()
    model.second = nn.Sequential(model.first[2], nn.ReLU(), nn.Linear(6, 6))
    groups = chain_groups(model, ["first.0", "first.2", "second.2"])
    assert len({end for pair in groups.values() for end in pair}) == 6


def test_arguments_with_defaults_do_not_hinder_tracing():
    class Flagged(OnlyInTraining):
        def forward(self, x, double: bool = False):
            h = self.a(x)
            if double:
                h = 2 * h
            return self.b(h)

    groups, untraced = trace_chains(Flagged(), ["a", "b"])
    assert (groups["a"][1], untraced) == (groups["b"][0], [])


def test_what_cannot_be_traced_is_told_and_its_parts_are_traced():
    groups, untraced = trace_chains(Branching(), ["first.0", "first.2", "second"])
    assert untraced == ["Branching"]
    assert groups["first.0"][1] == groups["first.2"][0]
    assert groups["first.2"][1] != groups["second"][0]
    with pytest.warns(UserWarning, match="could not be traced: Branching"):
        scheduler(Branching(), layers=["*"])
    model = Branching()
    model.first = nn.Linear(6, 6)
    with pytest.warns(UserWarning, match=r"Branching could not be traced\), so none will"):
        scheduler(model, layers=["*"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler(Branching(), "set", layers=["*"])
    nested = nn.Sequential(Branching(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    groups, untraced = trace_chains(nested, ["0.first.0", "0.first.2", "0.second", "1", "3"])
    assert untraced == ["0"]
    assert groups["1"][1] == groups["3"][0]
    assert groups["0.first.0"][1] == groups["0.first.2"][0]
    assert groups["0.second"][1] != groups["1"][0]


def test_chains_of_sparse_layers_are_traced():
    layers = [SparseLinear(8, 8, 0.5, activation="relu", backend=backend) for backend in ("csr", "csr", "masked")]
    for model in (SparseSequential(*layers), nn.Sequential(SparseSequential(*layers[:2]), nn.Identity(), layers[2])):
        names = [name for name, m in model.named_modules() if isinstance(m, SparseLinear)]
        groups = chain_groups(model, names)
        assert groups[names[0]][1] == groups[names[1]][0]
        assert groups[names[1]][1] == groups[names[2]][0]


def test_percolation_on_a_traced_model_changes_no_output():
    """Links that percolation takes are those of neurons that nothing depends on."""
    for seed in range(4):
        torch.manual_seed(seed)
        model = Gated(12, 20)
        for layer in (model.gate, model.up, model.down):
            layer.bias.data.zero_()
        options = {"zeta": 0.0, "fill": "none", "layers": ["*"], "seed": seed}
        _, topology = scheduler(model, "esml", 0.93, **options)
        x = torch.rand(9, 12) + 0.1
        before, y = topology.snapshot(), model(x)
        topology.step()
        gone = {name: update.links_percolated for name, update in topology.last_update.items()}
        new = {name: update.links_regrown for name, update in topology.last_update.items()}
        assert sum(gone.values()) > 0
        # new links weigh 0
        assert torch.allclose(model(x), y, atol=1e-6)
        assert before.n_links - sum(gone.values()) + sum(new.values()) == topology.snapshot().n_links


def test_layers_by_name_pattern_and_type_and_densities_by_pattern():
    model = nn.Sequential(ConvNet(), nn.ModuleDict({"head": nn.Linear(4, 10), "tail": SparseLinear(10, 10, 0.5)}))
    optimizer, topology = scheduler(model, "set", {"*.conv?": 0.5, "*head": 0.75, "*": 0.9}, layers=[nn.Conv2d, "1.*"])
    assert [layer.name for layer in topology.layers] == ["0.conv1", "0.conv2", "0.conv3", "1.head", "1.tail"]
    found = {layer.name: layer.graph.n_links for layer in topology.layers}
    assert found == {"0.conv1": 108, "0.conv2": 48, "0.conv3": 162, "1.head": 10, "1.tail": 10}
    topology.detach()
    erk = TopologyScheduler(model[0], optimizer, "set", 0.8, layers=[nn.Conv2d, nn.Linear], layer_density="erk")
    densities = {layer.name: layer.graph.density for layer in erk.layers}
    assert densities["fc"] == 1.0 or densities["fc"] > densities["conv1"]
    sizes = [layer.shape[0] * layer.shape[1] for layer in erk.layers]
    tied = nn.ModuleDict({"embedding": nn.Embedding(8, 6), "head": nn.Linear(6, 8)})
    tied["head"].weight = tied["embedding"].weight
    with pytest.raises(NetsparseError, match="shares its weight with 'embedding'"):
        scheduler(tied, "set", layers=["head"])
    with pytest.raises(NetsparseError, match="layers takes names"):
        scheduler(model, "set", layers=3)
    assert sum(layer.graph.n_links for layer in erk.layers) == pytest.approx(0.2 * sum(sizes), abs=2)


@pytest.mark.parametrize("method", ["chts", "rigl", "granet", "mest-ems", "esml"])
def test_state_dict_round_trips_of_any_method_go_on_bit_for_bit(method):
    """Masks, counters, random state, early stop, ITOP union; on a model with convolutions."""
    options = {"layers": [nn.Conv2d, nn.Linear], "update_interval": 2, "early_stop": 0.4, "topology": "erdos_renyi"}

    def make(seed):
        torch.manual_seed(seed)
        model = ConvNet()
        return model, *scheduler(model, method, 0.5, total_steps=30, seed=seed, **options)

    x = torch.rand(5, 3, 6, 6)
    first, other = make(0), make(1)
    train(*first, x, 9)
    buffer = io.BytesIO()
    torch.save([part.state_dict() for part in first], buffer)
    buffer.seek(0)
    for part, state in zip(other, torch.load(buffer, weights_only=True), strict=True):
        part.load_state_dict(state)
    for run in (first, other):
        train(*run, x, 12)
    assert first[2].snapshot() == other[2].snapshot()
    assert [x.itop_rate for x in first[2].layers] == [x.itop_rate for x in other[2].layers]
    assert [x.frozen for x in first[2].layers] == [x.frozen for x in other[2].layers]
    assert all(x.itop_rate >= x.graph.density for x in first[2].layers)
    ever = first[2].layers[0]
    assert set(ever.graph.link_keys) <= set(ever.ever_active)


@pytest.mark.parametrize("method", ["granet", "mest-ems"])
@pytest.mark.parametrize("backend", ["csr", "masked"])
def test_a_loss_that_is_kept_bears_an_update_that_changes_the_number_of_links(method, backend):
    """As in a loop where it is still there when the next one is made."""

    def trained(keep):
        torch.manual_seed(0)
        layer = SparseLinear(30, 20, 0.9, backend=backend)
        layer.weight.register_hook(lambda gradient: 2 * gradient)
        model = nn.Sequential(layer, nn.Linear(20, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        topology = TopologyScheduler(model, optimizer, method, 0.9, layers=["0"], total_steps=20, update_interval=2)
        counts = set()
        for _ in range(10):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(torch.rand(8, 30)), torch.arange(8) % 3)
            loss.backward()
            optimizer.step()
            if not keep:
                del loss
            topology.step()
            counts.add(topology.layers[0].graph.n_links)
        return topology.layers[0].graph, counts

    (kept, counts), (dropped, _) = trained(True), trained(False)
    assert len(counts) > 1
    assert kept == dropped


def test_itop_is_the_union_of_all_links_there_ever_were():
    layer = nn.Linear(20, 20)
    _, topology = scheduler(layer, "set", 0.9, layers=["*"])
    ever = set(topology.layers[0].graph.link_keys)
    for _ in range(7):
        layer.weight.data.mul_(torch.rand(20, 20))
        topology.step()
        ever |= set(topology.layers[0].graph.link_keys)
    assert topology.layers[0].ever_active.tolist() == sorted(ever)
    assert topology.layers[0].itop_rate == len(ever) / 400


def test_hooks_of_others_and_the_scheduler_do_not_disturb_each_other():
    model = ConvNet()
    seen = []
    for module in model.modules():
        module.register_forward_hook(lambda *_: seen.append("forward"))
        module.register_full_backward_hook(lambda *_: seen.append("backward"))
    for parameter in model.parameters():
        parameter.register_hook(lambda gradient: gradient * 0.5)
    optimizer, topology = scheduler(model, "rigl", 0.5, layers=nn.Conv2d, total_steps=20, update_interval=2)
    step = optimizer.step
    optimizer.register_step_post_hook(lambda *_: seen.append("step"))
    train(model, optimizer, topology, torch.rand(5, 3, 6, 6, requires_grad=True))
    assert optimizer.step == step  # nothing is patched
    assert seen.count("step") == 6
    assert topology.layers[0].itop_rate > topology.layers[0].graph.density


@pytest.mark.parametrize("backend", ["csr", "masked"])
def test_sandwich_heads_on_any_trunk(backend):
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten())
    model = SandwichNetwork(trunk, 36, 5, scale=2.0, n_sandwich=2, sparsity=0.9, backend=backend)
    optimizer, topology = scheduler(model, "esml", 0.9)
    assert [layer.name for layer in topology.layers] == ["head.sandwich1", "head.sandwich2"]
    assert topology.layers[0].shape == (36, 72)
    assert topology.layers[0].target == topology.layers[1].source
    y = torch.arange(20) % 5
    x = torch.rand(20, 3, 8, 8) * 0.1 + y[:, None, None, None] * 0.5 - 1.0
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        topology.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert [layer.graph.n_links for layer in topology.layers] == [259, 518]
    twin = copy.deepcopy(model)
    assert torch.equal(twin(x), model(x))


@pytest.mark.parametrize("name", TRUNKS)
def test_the_trunks_give_the_features_they_promise(name):
    trunk = TRUNKS[name]
    if name != "small-cnn":
        try:
            import torchvision.models  # noqa: F401
        except (ImportError, RuntimeError):
            with pytest.raises(NetsparseError, match="comes from torchvision, which cannot be imported here"):
                trunk.make(3)
            return
        with pytest.raises(NetsparseError, match="takes images of 3 channels"):
            trunk.make(1)
    made = trunk.make(3).eval()
    assert made(torch.rand(2, 3, 32, 32)).shape == (2, trunk.n_features)


def test_torchvisions_networks_lose_their_classifier(monkeypatch):
    """With stand-ins that have torchvision's attributes."""
    import sys
    import types

    class Network(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, n, 3), nn.ReLU())
            self.fc = nn.Linear(n, 1000)

        def forward(self, x):
            return self.fc(self.features(x).mean((2, 3)))

    asked = {}
    models = types.ModuleType("torchvision.models")
    for name, n in (("vgg16", 512), ("googlenet", 1024), ("resnet50", 2048), ("resnet152", 2048)):

        def make(weights, name=name, n=n, **options):
            asked[name] = options
            return Network(n)

        setattr(models, name, make)
    package = types.ModuleType("torchvision")
    package.models = models
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    for name in asked or ("vgg16", "googlenet", "resnet50", "resnet152"):
        trunk = TRUNKS[name].make(3)
        model = SandwichNetwork(trunk, TRUNKS[name].n_features, 10, n_sandwich=1, sparsity=0.99)
        assert model(torch.rand(2, 3, 8, 8)).shape == (2, 10)
        assert not any(isinstance(m, nn.Linear) and m.out_features == 1000 for m in trunk.modules())
    assert asked["googlenet"] == {"aux_logits": False, "init_weights": True}
    with pytest.raises(NetsparseError, match="3 channels, these have 1"):
        TRUNKS["vgg16"].make(1)


def test_one_mlp_has_one_chain():
    model = MLP(12, 3, width=16)
    assert chain_groups(model, ["sandwich1", "sandwich2"])["sandwich2"] == ("hidden1", "hidden2")
