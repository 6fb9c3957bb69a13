"""`SparseLinear`: every backend against the masked product, on random and nasty links, and the manners of a module."""

import copy
import io
import itertools
import pickle
from multiprocessing.reduction import ForkingPickler

import numba
import numpy as np
import pytest
import torch
import torch.utils.checkpoint
from torch import nn

from netsparse import LayerGraph, NetsparseError, Snapshot
from netsparse.training import MLP, SparseLinear, SparseSequential, TopologyScheduler
from netsparse.training.backends import choose_backend
from netsparse.training.csr import CSRLinear
from netsparse.training.layers import to_dense
from netsparse.training.links import carry_links
from netsparse.training.masked import MaskedLinear
from netsparse.training.sequential import sparse_chain

BACKENDS = ["csr", "cuda"]  # cuda through Triton's interpreter, where there is no GPU
DEVICE = {"csr": "cpu", "masked": "cpu", "cuda": "cuda" if torch.cuda.is_available() else "cpu"}


def pair(mask, backend, dtype=torch.float64, bias=True, activation="relu"):
    """Make a masked layer of a mask and random weights, and its twin of another backend."""
    mask = np.asarray(mask)
    generator = np.random.default_rng(0)
    layers = []
    for name in ("masked", backend):
        layer = SparseLinear(
            *mask.shape, 1.0, bias, dtype=dtype, activation=activation, backend=name, device=DEVICE[name]
        )
        layers.append(layer)
    graph = LayerGraph.from_mask(mask)
    weights, offsets = generator.standard_normal(graph.n_links), generator.standard_normal(mask.shape[1])
    for layer in layers:
        layer.set_graph(graph, weights)
        if bias:
            layer.bias.data = torch.from_numpy(offsets).to(layer.bias)
    return layers


def of_links(layer, tensor):
    """Return the entries of a masked layer's (out, in) tensor at its links, in the order of a sparse layer's."""
    keys = torch.from_numpy(layer.to_graph().link_keys)
    return tensor.t().flatten()[keys]


def results(layer, x, gradient):
    x = x.clone().requires_grad_()
    y = layer(x)
    y.backward(gradient)
    weight = layer.weight.grad
    found = [y.detach(), x.grad, of_links(layer, weight) if weight.dim() == 2 else weight]
    found += [layer.bias.grad] if layer.bias is not None else []
    layer.zero_grad()
    return [tensor.cpu() for tensor in found]


def assert_equal(layers, x, dtype):
    torch.manual_seed(1)
    gradient = torch.randn(*x.shape[:-1], layers[0].out_features, dtype=dtype)
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    expected, found = (results(layer, x.to(layer.weight.device), gradient.to(layer.weight.device)) for layer in layers)
    for a, b in zip(expected, found, strict=True):
        assert a.shape == b.shape
        assert torch.allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("bias", "activation"), [(True, "relu"), (False, None), (True, None), (False, "relu")])
def test_nasty_layers_equal_the_masked_product(backend, nasty_layer, bias, activation):
    layers = pair(nasty_layer.biadjacency.toarray(), backend, bias=bias, activation=activation)
    torch.manual_seed(0)
    for batch in (0, 1, 5):
        assert_equal(layers, torch.randn(batch, layers[0].in_features, dtype=torch.float64), torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 2, 3, 7, 8, 15, 31, 32, 63, 64, 65, 127, 200])
def test_every_batch_size_equals_the_masked_product(dtype, batch):
    mask = np.random.default_rng(batch).random((70, 90)) < 0.1
    torch.manual_seed(0)
    assert_equal(pair(mask, "csr", dtype), torch.randn(batch, 70, dtype=dtype), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gpus_kernels_equal_the_masked_product(dtype):
    mask = np.random.default_rng(0).random((20, 30)) < 0.2
    for batch in (1, 64, 70, 600):  # more than one program takes at once, too
        assert_equal(pair(mask, "cuda", dtype), torch.randn(batch, 20, dtype=dtype), dtype)


def test_hubs_and_several_threads(monkeypatch):
    monkeypatch.setattr("netsparse.training.cpu_kernels._PARALLEL_FROM", 0)
    rng = np.random.default_rng(0)
    chance = np.outer(np.arange(1, 601) ** -0.7, np.arange(1, 501) ** -0.7)
    mask = rng.random(chance.shape) < np.minimum(1.0, 30 * chance)
    layers = pair(mask, "csr", torch.float64)
    assert_equal(layers, torch.randn(96, 600, dtype=torch.float64), torch.float64)


@pytest.mark.parametrize("backend", BACKENDS)
def test_inputs_of_any_shape_and_strides(backend):
    layers = pair(np.random.default_rng(0).random((12, 9)) < 0.4, backend)
    x = torch.randn(5, 24, dtype=torch.float64)
    for given in (
        x[:, ::2],
        x[:, 3:15],
        x[:, :12].t().contiguous().t(),
        x[0, :12],
        x[:4, :12].reshape(2, 2, 12),
        x[:, :12],
    ):
        a, b = (layer(given.to(layer.weight.device)).cpu() for layer in layers)
        assert a.shape == b.shape
        assert torch.allclose(a, b, atol=1e-12)
    wide = torch.randn(12, 5, dtype=torch.float64).t().expand(5, 12)
    assert_equal(layers, wide, torch.float64)


def test_what_comes_in_and_back_stays_as_it_is():
    layer = pair(np.random.default_rng(0).random((12, 9)) < 0.4, "csr")[1]
    for order in (lambda t: t, lambda t: t.t().contiguous().t()):
        x, gradient = order(torch.randn(6, 12, dtype=torch.float64)), order(torch.randn(6, 9, dtype=torch.float64))
        before = x.clone(), gradient.clone()
        layer(x.requires_grad_()).backward(gradient, retain_graph=True)
        assert torch.equal(x.detach(), before[0])
        assert torch.equal(gradient, before[1])
        x.grad = None


def test_backward_twice_accumulates():
    layer = pair(np.random.default_rng(0).random((12, 9)) < 0.4, "csr")[1]
    y = layer(torch.randn(6, 12, dtype=torch.float64)).square().sum()
    y.backward(retain_graph=True)
    once = layer.weight.grad.clone()
    y.backward()
    assert torch.allclose(layer.weight.grad, 2 * once)


def test_nan_goes_through_as_in_torch():
    layers = pair(np.ones((3, 2)), "csr")
    x = torch.tensor([[np.nan, 1.0, 1.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    for layer in layers:
        layer(x).sum().backward()
    assert torch.isnan(layers[1](x)[0]).all()
    assert torch.equal(torch.isnan(of_links(layers[0], layers[0].weight.grad)), torch.isnan(layers[1].weight.grad))


def test_gradients_pass_torchs_own_check():
    layer = pair(np.random.default_rng(0).random((6, 5)) < 0.5, "csr", activation=None)[1]
    x = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)

    def function(x, weight, bias):
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, x)

    weight, bias = (tensor.detach().clone().requires_grad_() for tensor in (layer.weight, layer.bias))
    assert torch.autograd.gradcheck(function, (x, weight, bias))


def test_the_result_does_not_depend_on_the_threads(monkeypatch):
    monkeypatch.setattr("netsparse.training.cpu_kernels._PARALLEL_FROM", 0)
    rng = np.random.default_rng(0)
    layer = pair(rng.random((700, 800)) < 0.05, "csr", torch.float32)[1]
    x, gradient = torch.randn(100, 700), torch.randn(100, 800)
    found = []
    for threads in (1, 2):
        if threads > numba.config.NUMBA_NUM_THREADS:
            pytest.skip("Numba has one thread here")
        numba.set_num_threads(threads)
        found.append(results(layer, x, gradient))
    assert numba.get_num_threads() == 2
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def chain(backend="csr", tail=True, dtype=torch.float64):
    sizes = (9, 12, 7, 8)
    options = {"dtype": dtype, "activation": "relu", "backend": backend, "device": DEVICE[backend]}
    modules = [
        SparseLinear(n, m, 0.5, seed=i, bias=i != 1, **options) for i, (n, m) in enumerate(itertools.pairwise(sizes))
    ]
    torch.manual_seed(0)
    modules += [nn.Linear(8, 3, dtype=dtype, device=DEVICE[backend])] if tail else []
    return SparseSequential(*modules)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tail", [True, False])
def test_a_chain_equals_its_layers_one_by_one(backend, tail):
    model = chain(backend, tail)
    x = torch.randn(5, 9, dtype=torch.float64, device=DEVICE[backend]).requires_grad_()
    model(x).square().sum().backward()
    found = [x.grad, *(p.grad for p in model.parameters())]
    x.grad = None
    model.zero_grad()
    plain = nn.Sequential(*model)
    plain(x).square().sum().backward()
    for a, b in zip(found, [x.grad, *(p.grad for p in plain.parameters())], strict=True):
        assert torch.allclose(a, b, atol=1e-12)
    assert torch.allclose(model(x), plain(x), atol=1e-12)
    assert model(x.detach().reshape(1, 5, 9)).shape == (1, 5, 3 if tail else 8)


def test_a_chain_is_one_step_of_autograd_unless_a_module_has_hooks():
    model = chain()
    x = torch.randn(5, 9, dtype=torch.float64)
    (step, _) = model(x).grad_fn.next_functions[0]  # behind a transposition
    assert type(step).__name__ == "_SparseChainBackward"
    assert {node.variable for node, _ in step.next_functions if node is not None} == set(model.parameters())
    seen = []
    handles = [module.register_forward_hook(lambda m, i, o: seen.append(m)) for module in (model[1], model[3])]
    expected = nn.Sequential(*model)(x)
    seen.clear()
    assert torch.allclose(model(x), expected, atol=1e-12)
    assert seen == [model[1], model[3]]
    for handle in handles:
        handle.remove()
    mixed = SparseSequential(chain(tail=False), nn.Tanh(), *chain("masked"))
    assert [type(module) for module in mixed][-1] is nn.Linear
    with pytest.raises(RuntimeError):
        mixed(x)  # 8 features to 9 source neurons


def test_activation_checkpointing():
    model = chain()
    x = torch.randn(5, 9, dtype=torch.float64)
    model(x).sum().backward()
    expected = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    torch.utils.checkpoint.checkpoint(model, x, use_reentrant=False).sum().backward()
    assert all(torch.equal(a, p.grad) for a, p in zip(expected, model.parameters(), strict=True))


def test_frozen_parameters_get_no_gradient():
    model = chain()
    for name in ("0.weight", "2.bias", "3.weight"):
        model.get_parameter(name).requires_grad_(False)
    model(torch.randn(5, 9, dtype=torch.float64)).sum().backward()
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert without == ["0.weight", "2.bias", "3.weight"]


def test_links_that_change_between_forward_and_backward_are_told():
    layer = SparseLinear(9, 8, 0.5, backend="csr")
    y = layer(torch.randn(5, 9)).sum()
    layer.set_graph(LayerGraph.from_mask(np.eye(9, 8)))
    with pytest.raises(NetsparseError, match="between forward and backward"):
        y.backward()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(2, 8), "8 features"),
        (torch.zeros(()), "None features"),
        (torch.zeros(2, 9, dtype=torch.float64), "x is of torch.float64"),
        (torch.zeros(2, 9, dtype=torch.float16), "knows float32 and float64"),
        (torch.zeros(2, 9, device="meta"), "on meta"),
    ],
)
def test_what_does_not_fit_is_refused(x, message):
    layer = SparseLinear(9, 8, 0.5, backend="csr")
    with pytest.raises(NetsparseError, match=message):
        (layer.half() if x.dtype == torch.float16 else layer)(x)


def test_parameters_that_are_not_the_layers_are_refused_before_their_addresses_are_read():
    def broken(change):
        layers = [SparseLinear(9, 9, 0.5, backend="csr", activation="relu") for _ in range(2)]
        change(layers[1])
        return SparseSequential(*layers)

    def set_data(name, value):
        return lambda layer: setattr(getattr(layer, name), "data", value)

    n_links = SparseLinear(9, 9, 0.5, backend="csr").n_links
    for change in (
        set_data("weight", torch.ones(n_links - 1)),
        set_data("weight", torch.ones(2 * n_links)[::2]),
        set_data("weight", torch.ones(n_links, dtype=torch.float64)),
        set_data("bias", torch.ones(8)),
        set_data("bias", torch.ones(9, dtype=torch.float64)),
        set_data("bias", torch.ones(18)[::2]),
        lambda layer: layer.double(),
    ):
        with pytest.raises(NetsparseError, match="do not belong to a layer"):
            broken(change)(torch.zeros(2, 9))


def test_bad_options_are_refused():
    for options, message in (
        ({"sparsity": 2}, "sparsity"),
        ({"activation": "gelu"}, "activation"),
        ({"backend": "sparse"}, "unknown backend 'sparse'"),
        ({"backend": "csr", "device": "meta"}, "runs on the CPU"),
        ({"backend": "csr", "dtype": torch.bfloat16}, "knows float32 and float64"),
    ):
        with pytest.raises(NetsparseError, match=message):
            SparseLinear(3, 3, **options)
    with pytest.raises(NetsparseError, match="runs on a GPU"):
        choose_backend(3, 3, 0.9, "cpu", "cuda")
    with pytest.raises(NetsparseError, match=r"weights of shape \(2,\) for 3 links"):
        SparseLinear(3, 3).set_graph(LayerGraph.from_mask(np.eye(3)), np.ones(2))
    with pytest.raises(NetsparseError, match="does not fit a layer"):
        SparseLinear(3, 3).set_graph(LayerGraph.from_mask(np.eye(4)))
    with pytest.raises(NetsparseError, match="width"):
        MLP(3, 3, width=0)
    with pytest.raises(NetsparseError, match="12 features come to a dense layer of 5"):
        sparse_chain([SparseLinear(9, 12, backend="csr")], torch.zeros(2, 9), nn.Linear(5, 3))


def test_auto_takes_the_faster_backend():
    assert isinstance(SparseLinear(600, 500, 0.9), CSRLinear)
    assert isinstance(SparseLinear(600, 500, 0.1), MaskedLinear)
    assert isinstance(SparseLinear(20, 10, 0.9), MaskedLinear)
    assert choose_backend(20, 10, 0.9, "cpu", compiled=True) == "csr"
    assert choose_backend(20, 10, 0.1, "cpu", compiled=True) == "masked"
    assert choose_backend(8192, 8192, 0.99, "cuda") == "cuda"
    assert choose_backend(784, 784, 0.99, "cuda") == "masked"
    assert choose_backend(784, 784, 0.99, "mps") == "masked"
    assert choose_backend(8192, 8192, 0.0, "cuda") == "masked"


@pytest.mark.parametrize("backend", ["csr", "masked"])
def test_a_sparse_layer_has_the_manners_of_a_module(backend):
    layer = SparseLinear(20, 10, 0.8, activation="relu", backend=backend)
    x = torch.randn(4, 20)
    expected = layer(x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(x), expected)
        twin.weight.data.zero_()
        twin.set_graph(LayerGraph.from_mask(np.eye(20, 10)))
    assert torch.equal(layer(x), expected)
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    other = SparseLinear(20, 10, 0.5, seed=3, activation="relu", backend=backend)  # other links, and more of them
    other.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(other(x), expected)
    assert other.to_graph() == layer.to_graph()
    assert layer.to("cpu")(x).dtype == torch.float32
    assert torch.equal(layer.share_memory()(x), expected)
    assert layer.double()(x.double()).dtype == torch.float64
    assert "links=40, sparsity=0.8000, backend=" in repr(layer)
    assert SparseLinear(3, 3, bias=False, backend=backend).bias is None
    assert Snapshot.from_model(nn.Sequential(layer))["0"].n_links == 40


def test_tensors_that_move_or_are_replaced_are_seen():
    """What kernels get is where the tensors lie at the moment of the call."""
    layer = SparseLinear(30, 20, 0.8, backend="csr", activation="relu")
    other = SparseLinear(30, 20, 0.5, seed=7, backend="csr", activation="relu")
    x = torch.randn(4, 30)
    expected, others = layer(x), other(x)
    ForkingPickler.dumps(layer)  # moves its tensors into shared memory
    assert torch.equal(layer(x), expected)
    y = layer(x).sum()
    for tensor in layer.state_dict().values():
        tensor.share_memory_()
    y.backward()
    assert torch.equal(layer(x), expected)
    swapped = torch.func.functional_call(layer, dict(other.state_dict()), x)
    assert torch.equal(swapped, others)
    assert torch.equal(layer(x), expected)
    shallow = copy.copy(layer)
    shallow.set_graph(LayerGraph.from_mask(np.eye(30, 20)), np.ones(20))
    assert torch.allclose(shallow(x), torch.relu(x[:, :20]))
    layer.load_state_dict(other.state_dict(), assign=True)
    layer(x).sum().backward()
    assert torch.equal(layer(x), others)
    with torch.device("meta"):
        empty = SparseLinear(30, 20, 0.8, backend="masked", device="cpu", activation="relu")
    assert empty(x).shape == (4, 20)
    bare = SparseLinear(30, 20, 0.8, backend="csr", activation="relu").to("meta").to_empty(device="cpu")
    bare.load_state_dict(other.state_dict())
    assert torch.equal(bare(x), others)


def test_links_changed_in_place_are_checked_again():
    layer = SparseLinear(30, 20, 0.8, backend="csr")
    layer(torch.zeros(1, 30))
    layer.targets[0] = 10**6
    with pytest.raises(NetsparseError, match="outside its shape"):
        layer(torch.zeros(1, 30))


def test_a_layer_that_came_from_a_gpu_takes_the_cpus_kernels(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")  # which a run of the tests on a GPU leaves out
    layer = SparseLinear(30, 20, 0.8, backend="cuda", device="cpu")
    assert layer.backend == "cuda"
    monkeypatch.delenv("TRITON_INTERPRET")
    assert layer.backend == "csr"
    assert layer(torch.zeros(1, 30)).shape == (1, 20)


def test_what_comes_out_can_be_changed_in_place():
    x = torch.randn(4, 30)
    for backend in ("csr", "masked"):
        layer = SparseLinear(30, 20, 0.8, backend=backend)
        expected = torch.relu(layer(x))
        expected.sum().backward()
        gradient = layer.weight.grad.clone()
        layer.zero_grad()
        y = nn.Sequential(layer, nn.ReLU(inplace=True))(x)
        y.sum().backward()
        assert torch.equal(y, expected)
        assert torch.equal(layer.weight.grad, gradient)
        y = layer(x)
        y += 1.0
        y.mul_(2).sum().backward()


def test_classes_of_ones_own():
    class Twice(CSRLinear):
        def forward(self, x):
            return 2 * super().forward(x)

    layer = Twice(30, 20, 0.8)
    assert layer.backend == "csr"
    x = torch.randn(4, 30)
    plain = SparseLinear(30, 20, 0.8, backend="csr")
    assert torch.allclose(SparseSequential(layer)(x), 2 * plain(x))
    assert MaskedLinear(30, 20, 0.8, backend="csr").backend == "masked"

    class Mine(SparseLinear):
        pass

    with pytest.raises(NotImplementedError, match="derive classes from"):
        Mine(3, 3)


def test_a_broken_state_dict_is_refused():
    layer, state = (SparseLinear(n, 10, 0.8, backend="csr") for n in (20, 21))
    state = state.state_dict()
    with pytest.raises(NetsparseError, match=r"neurons \[21, 10\]; this layer has \[20, 10\]"):
        layer.load_state_dict(state)
    state = layer.state_dict()
    state["targets"][0] = 10
    with pytest.raises(NetsparseError, match="outside its shape"):
        SparseLinear(20, 10, 0.8, backend="csr").load_state_dict(state)
    state["targets"] = state["targets"][:-1]
    with pytest.raises(NetsparseError, match="broken"):
        SparseLinear(20, 10, 0.8, backend="csr").load_state_dict(state)
    del state["targets"]
    with pytest.raises(RuntimeError, match="Missing key"):
        SparseLinear(20, 10, 0.8, backend="csr").load_state_dict(state)


@pytest.mark.parametrize("backend", ["csr", "masked"])
def test_to_a_dense_layer_and_back(backend):
    layer = SparseLinear(20, 10, 0.8, backend=backend, dtype=torch.float64)
    layer.bias.data.normal_()
    x = torch.randn(4, 20, dtype=torch.float64)
    dense = layer.to_linear()
    assert type(dense) is nn.Linear
    assert torch.allclose(dense(x), layer(x), atol=1e-12)
    for other in ("csr", "masked"):
        again = SparseLinear.from_linear(dense, backend=other)
        assert again.to_graph() == layer.to_graph()
        assert torch.allclose(again(x), layer(x), atol=1e-12)
    assert SparseLinear.from_linear(nn.Linear(4, 3, bias=False)).backend == "masked"


def test_the_dense_form_of_a_network():
    model = MLP(20, 3, width=16, sparsity=0.8, backend="csr")
    dense = to_dense(model)
    x = torch.randn(4, 20)
    assert not any(isinstance(module, SparseLinear) for module in dense.modules())
    assert any(isinstance(module, SparseLinear) for module in model.modules())
    assert torch.allclose(dense(x), model(x), atol=1e-6)
    shared = SparseLinear(20, 20, 0.8, backend="csr", activation="relu")
    shared.bias.requires_grad_(False)
    dense = to_dense(nn.Sequential(shared, nn.Tanh(), shared))
    assert dense[0] is dense[2]
    assert [p.requires_grad for p in dense.parameters()] == [True, False]
    assert [p.requires_grad for p in SparseLinear.from_linear(dense[0][0]).parameters()] == [True, False]


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # inside torch itself
def test_onnx_export_of_the_dense_form(tmp_path):
    pytest.importorskip("onnxscript", reason="torch.onnx.export needs it")
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnx.reference")
    model, x = MLP(20, 3, width=16, sparsity=0.8, backend="csr").eval(), torch.randn(4, 20)
    torch.onnx.export(to_dense(model), (x,), tmp_path / "model.onnx", verbose=False)
    session = runtime.ReferenceEvaluator(onnx.load(tmp_path / "model.onnx"))
    (found,) = session.run(None, {session.input_names[0]: x.numpy()})
    assert np.allclose(found, model(x).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("backend", ["masked", *BACKENDS])
def test_autocast(backend):
    model = chain(backend, dtype=torch.float32)
    x = torch.randn(5, 9, device=DEVICE[backend])
    expected = model(x)
    with torch.autocast(x.device.type, dtype=torch.bfloat16):
        hidden, found = model[:3](x), model(x)
    assert hidden.dtype == (torch.float32 if backend == "csr" else torch.bfloat16)  # csr stays in its weights' type
    assert found.dtype == torch.bfloat16
    assert torch.allclose(found.float(), expected, atol=0.05, rtol=0.05)
    found.float().square().sum().backward()
    for parameter in model.parameters():
        assert parameter.grad.dtype == torch.float32
        assert torch.isfinite(parameter.grad).all()


@pytest.mark.parametrize("backend", ["masked", *BACKENDS])
def test_gradient_accumulation_equals_the_whole_batch(backend):
    model = chain(backend)
    x = torch.randn(6, 9, dtype=torch.float64, device=DEVICE[backend])
    model(x).sum().backward()
    whole = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    for part in x.split(2):
        model(part).sum().backward()
    assert all(torch.allclose(a, p.grad, atol=1e-12) for a, p in zip(whole, model.parameters(), strict=True))


def test_set_graph_carries_what_belongs_to_a_link(nasty_layer):
    mask = nasty_layer.biadjacency.toarray()
    for backend in ("csr", "masked"):
        layer = pair(mask, backend)[1]
        before = dict(zip(layer.to_graph().link_keys.tolist(), layer.to_graph().weights.tolist(), strict=True))
        new = LayerGraph.from_mask(np.random.default_rng(1).random(mask.shape) < 0.4)
        carry = layer.set_graph(new)
        after = dict(zip(new.link_keys.tolist(), layer.to_graph().weights.tolist(), strict=True))
        assert after == {key: before.get(key, 0.0) for key in after}
        assert carry(torch.ones(len(before) if backend == "csr" else mask.T.shape)).shape == layer.weight.shape


def test_carrying_over_links_of_every_kind():
    device = torch.device("cpu")
    for old, new in (([], []), ([], [3]), ([3], []), ([1, 4], [0, 1, 2, 4, 9]), ([0, 5, 7], [7])):
        carried = carry_links(np.array(old, np.int64), np.array(new, np.int64), device)(torch.tensor(old).float() + 1)
        assert carried.tolist() == [key + 1 if key in old else 0 for key in new]


def test_nothing_as_large_as_the_dense_matrix_is_ever_made():
    """Forward, backward, optimizer, snapshot and update of a layer whose dense weight would take 160 GB."""
    n, n_links = 200_000, 3_000
    keys = np.sort(np.random.default_rng(0).choice(n * n, n_links, replace=False))
    graph = LayerGraph.from_keys(keys, (n, n))
    model = SparseSequential(*(SparseLinear(n, n, 1.0, backend="csr", activation="relu") for _ in range(2)))
    for layer in model:
        layer.set_graph(graph, np.ones(n_links, np.float32))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, foreach=False)
    topology = TopologyScheduler(model, optimizer, "set", topology="keep", start_weights="keep")
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.ones(2, n)).sum().backward()
        optimizer.step()
        topology.step()
    assert [layer.n_links for layer in topology.snapshot()] == [n_links, n_links]
    assert repr(model[0]).endswith("backend='csr')")
