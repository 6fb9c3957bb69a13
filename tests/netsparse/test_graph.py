import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from netsparse import LayerGraph, MaskFormatError, NetsparseError, Snapshot
from netsparse.training import MLP, SparseLinear

MASK = np.array([[0, 1, 0], [1, 1, 0]])


def test_rows_are_sources_and_columns_are_targets():
    layer = LayerGraph.from_mask(MASK, "fc", "input", "hidden")
    assert (layer.n_source, layer.n_target, layer.n_links) == (2, 3, 3)
    assert layer.density == 0.5
    assert layer.sparsity == 0.5
    assert layer.source_degrees.tolist() == [1, 2]
    assert layer.target_degrees.tolist() == [1, 2, 0]
    assert layer.link_keys.tolist() == [1, 3, 4]
    assert layer.biadjacency.dtype == np.int32


@pytest.mark.parametrize(
    "form",
    [
        sp.csr_array(MASK),
        sp.csc_matrix(MASK),
        sp.coo_array(MASK),
        sp.bsr_array(MASK),
        sp.lil_array(MASK),
        sp.dok_array(MASK),
        MASK.astype(bool),
        MASK.astype(np.float16),
        MASK.tolist(),
        torch.tensor(MASK),
        torch.tensor(MASK).bool(),
        torch.tensor(MASK).to(torch.bfloat16),
        torch.tensor(MASK).float().to_sparse(),
        torch.tensor(MASK).float().requires_grad_(),
    ],
    ids=lambda form: f"{type(form).__name__} {getattr(form, 'dtype', '')} {getattr(form, 'layout', '')}",
)
def test_every_form_of_a_mask_gives_the_same_layer(form):
    assert LayerGraph.from_mask(form) == LayerGraph.from_mask(MASK)


def test_explicit_zeros_are_no_links_and_duplicates_one():
    mask = sp.coo_array(([0.0, 1.0, 2.0, 1.0, -1.0], ([0, 0, 0, 1, 1], [0, 1, 1, 2, 2])), shape=(2, 3))
    assert LayerGraph.from_mask(mask).link_keys.tolist() == [1, 5]
    tensor = torch.sparse_coo_tensor(np.array(mask.coords), mask.data, mask.shape, check_invariants=True)
    assert LayerGraph.from_mask(tensor).link_keys.tolist() == [1, 5]
    assert LayerGraph.from_weight(tensor).weights.tolist() == [3.0]  # whose values are summed
    wrapping = sp.coo_array((np.array([128, 128], np.uint8), ([0, 0], [0, 0])), shape=(1, 1))
    assert LayerGraph.from_mask(wrapping).n_links == 1
    assert LayerGraph.from_mask(sp.csr_array(mask)).n_links == 1  # SciPy itself summed 1 and -1 to nothing


def test_huge_sparse_tensors_are_never_made_dense():
    tensor = torch.sparse_coo_tensor([[0, 5], [7, 199_999]], [1.0, 2.0], (200_000, 200_000), check_invariants=True)
    assert LayerGraph.from_mask(tensor).link_keys.tolist() == [7, 5 * 200_000 + 199_999]
    assert LayerGraph.from_weight(tensor).n_links == 2


def test_masked_arrays_and_unusual_tensors():
    assert LayerGraph.from_mask(np.ma.masked_array([[1, 1]], mask=[[True, False]])).n_links == 1
    assert LayerGraph.from_mask(torch.ones(2, 2).to(torch.float8_e4m3fn)).n_links == 4
    with pytest.raises(MaskFormatError, match="cannot be read"):
        LayerGraph.from_mask(torch.ones(2, 2, device="meta"))


def test_torch_weight_is_transposed_and_keeps_its_values():
    weight = torch.tensor([[0.0, 1.5], [2.5, 0.0], [0.0, -3.0]])  # (out, in)
    layer = LayerGraph.from_weight(weight)
    assert (layer.n_source, layer.n_target) == (2, 3)
    assert layer.link_keys.tolist() == [1, 3, 5]
    assert layer.weights.tolist() == [2.5, 1.5, -3.0]


def test_a_link_may_weigh_zero_under_a_mask():
    layer = LayerGraph.from_weight([[0.0, 1.5]], mask=[[1, 1]])
    assert layer.n_links == 2
    assert layer.weights.tolist() == [0.0, 1.5]
    with pytest.raises(MaskFormatError, match="mask has shape"):
        LayerGraph.from_weight([[0.0, 1.5]], mask=[[1], [1]])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones(3), "1 dimensions"),
        (np.ones((2, 2, 2)), "3 dimensions"),
        (np.array([[1.0, np.nan]]), "NaN or infinity"),
        (np.array([[np.inf, 0.0]]), "NaN or infinity"),
        (sp.csr_array(np.array([[1.0, np.nan]])), "NaN or infinity"),
        (sp.lil_array(np.array([[1.0, np.nan]])), "NaN or infinity"),
        (sp.dok_array(np.array([[1.0, np.nan]])), "NaN or infinity"),
        (sp.dia_array(np.diag([1.0, np.nan])), "NaN or infinity"),
        (np.array([["a"]]), "holds numbers"),
        (np.array([[object()]]), "holds numbers"),
        (np.array([[1j]]), "holds numbers"),
        ([[1, 2], [3]], "not a matrix"),
    ],
)
def test_bad_masks_are_refused_at_the_door(bad, message):
    with pytest.raises(MaskFormatError, match=message):
        LayerGraph.from_mask(bad)


def test_broken_sparse_matrices_are_refused():
    for broken in (sp.csr_array(MASK), sp.csc_array(MASK), sp.bsr_array(MASK, blocksize=(1, 1))):
        broken.indices = np.array([5, 0, 1], np.int32)
        with pytest.raises(MaskFormatError, match="outside its shape"):
            LayerGraph.from_mask(broken)
        broken.indptr[1] = 9
        with pytest.raises(MaskFormatError, match="pointers"):
            LayerGraph.from_mask(broken)
    unsorted = sp.csr_array((np.ones(2), np.array([1, 0]), np.array([0, 2])), shape=(1, 2))
    with pytest.raises(MaskFormatError, match="sorted"):
        LayerGraph("fc", unsorted)
    with pytest.raises(MaskFormatError, match="CSR"):
        LayerGraph("fc", MASK)
    with pytest.raises(MaskFormatError, match="3 links"):
        LayerGraph("fc", sp.csr_array(MASK), weights=np.ones(2))
    with pytest.raises(NetsparseError, match="layer name"):
        LayerGraph("", sp.csr_array(MASK))


def test_a_layer_cannot_be_changed():
    given_weights = np.ones(3)
    layer = LayerGraph("fc", sp.csr_array(MASK), weights=given_weights)
    given_weights[0] = 7
    assert layer.weights[0] == 1
    with pytest.raises(AttributeError):
        layer.name = "other"
    with pytest.raises(ValueError, match="read-only"):
        layer.biadjacency.indices[0] = 2
    with pytest.raises(ValueError, match="read-only"):
        layer.weights[0] = 2


def test_a_layer_shares_nothing_that_its_giver_can_change():
    given = sp.csr_array(MASK)
    layer = LayerGraph("fc", given)
    expected = layer.link_keys
    given.indices[:] = 0
    given.indptr[:] = 0
    assert np.array_equal(layer.link_keys, expected)
    renamed = layer.renamed("x", "a", "b")  # which nobody can change: no copy
    assert np.shares_memory(renamed.biadjacency.indices, layer.biadjacency.indices)


@pytest.mark.parametrize("weights", [np.array(["a", "b", "c"]), np.ones(3, complex), np.array([1, 2, 3], object)])
def test_weights_that_are_no_numbers_are_refused(weights):
    with pytest.raises(MaskFormatError, match="layer 'fc': weights are numbers of up to 64 bits, not of type"):
        LayerGraph("fc", sp.csr_array(MASK), weights=weights)


def test_read_only_weights_are_taken_as_they_are():
    weights = np.ones(3)
    weights.setflags(write=False)
    assert LayerGraph("fc", sp.csr_array(MASK), weights=weights).weights is weights
    view = np.ones(3)[:]
    view.setflags(write=False)  # who holds the base can still change it
    assert LayerGraph("fc", sp.csr_array(MASK), weights=view).weights is not view


@given(arrays(bool, st.tuples(st.integers(0, 8), st.integers(0, 8))))
def test_link_keys_round_trip(mask):
    layer = LayerGraph.from_mask(mask)
    assert LayerGraph.from_keys(layer.link_keys, mask.shape) == layer
    assert np.array_equal(layer.biadjacency.toarray() > 0, mask)


def test_link_keys_must_be_sorted_unique_and_inside():
    for keys in ([1, 1], [2, 1], [4], [-1], [0.5], [[1], [2]]):
        with pytest.raises(MaskFormatError, match="link keys"):
            LayerGraph.from_keys(np.array(keys), (2, 2))
    with pytest.raises(MaskFormatError, match="link keys"):  # whose differences are not below 0
        LayerGraph.from_keys(np.array([3, 0], np.uint64), (2, 2))
    assert LayerGraph.from_keys(np.array([0, 3], np.uint64), (2, 2)) == LayerGraph.from_mask(np.eye(2))
    assert LayerGraph.from_keys([], (2, 2)).n_links == 0


def test_a_snapshot_joins_layers_by_group_name():
    first = LayerGraph.from_mask([[1, 0], [0, 1], [0, 1]], "fc1", "input", "hidden")
    second = LayerGraph.from_mask([[1, 1, 1, 1], [0, 0, 0, 1]], "fc2", "hidden", "output")
    skip = LayerGraph.from_mask(np.ones((3, 4)), "skip", "input", "output")
    network = Snapshot([first, second, skip], epoch=3)
    assert network.groups == {"input": 3, "hidden": 2, "output": 4}
    assert network.n_links == 3 + 5 + 12
    adjacency = network.adjacency.toarray()
    assert np.array_equal(adjacency, adjacency.T)
    assert np.array_equal(adjacency[:3, 3:5], first.biadjacency.toarray())
    assert np.array_equal(adjacency[3:5, 5:], second.biadjacency.toarray())
    assert np.array_equal(adjacency[:3, 5:], np.ones((3, 4)))
    assert network["fc2"] is second
    with pytest.raises(KeyError, match="there are: fc1"):
        network["fc9"]


def test_parallel_layers_join_a_pair_once_in_the_adjacency():
    a = LayerGraph.from_mask([[1]], "a", "in", "out")
    b = LayerGraph.from_mask([[1]], "b", "in", "out")
    assert Snapshot([a, b]).adjacency.toarray().tolist() == [[0, 1], [1, 0]]


def test_active_neurons_are_the_sources_with_links_and_the_last_targets():
    first = LayerGraph.from_mask([[1, 1, 0], [0, 0, 0]], "fc1", "input", "hidden")
    second = LayerGraph.from_mask([[1, 0], [0, 0], [0, 0]], "fc2", "hidden", "output")
    active = Snapshot([first, second]).active_neurons()
    # hidden neuron 1 has an incoming link only
    assert {name: group.tolist() for name, group in active.items()} == {
        "input": [True, False],
        "hidden": [True, False, False],
        "output": [True, False],
    }


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "at least one layer"),
        ([1], "not of a int"),
        ([LayerGraph.from_mask(MASK, "a"), LayerGraph.from_mask(MASK, "a")], "more than once: a"),
        ([LayerGraph.from_mask(MASK, "a", "x", "y"), LayerGraph.from_mask(MASK, "b", "y", "z")], "group 'y' 2 neurons"),
        ([LayerGraph.from_mask(np.eye(2), "a", "x", "x")], "to itself"),
    ],
)
def test_impossible_snapshots_are_refused(layers, message):
    with pytest.raises(NetsparseError, match=message):
        Snapshot(layers)


@pytest.mark.parametrize("epoch", [-1, True, 1.0, "0", 2**63])
def test_impossible_epochs_are_refused(epoch):
    with pytest.raises(NetsparseError, match="an epoch is a whole number of at least 0"):
        Snapshot(LayerGraph.from_mask(MASK), epoch)


def test_the_adjacency_is_that_of_its_blocks():
    rng = np.random.default_rng(0)
    first, second, skip = (rng.random(shape) < 0.4 for shape in ((4, 5), (5, 3), (4, 3)))
    groups = (("a", "b"), ("b", "c"), ("a", "c"))
    layers = [
        LayerGraph.from_mask(mask, f"{source}{target}", source, target)
        for mask, (source, target) in zip((first, second, skip), groups, strict=True)
    ]
    whole = np.zeros((12, 12), int)
    whole[:4, 4:9], whole[4:9, 9:], whole[:4, 9:] = first, second, skip
    adjacency = Snapshot(layers).adjacency
    assert np.array_equal(adjacency.toarray(), whole + whole.T)
    assert adjacency.has_canonical_format
    assert (adjacency.dtype, adjacency.indices.dtype) == (np.int32, np.int32)


def test_from_model_reads_masks_groups_and_plain_layers():
    model = MLP(6, 3, width=5, sparsity=0.5)
    network = Snapshot.from_model(model, epoch=2)
    assert [layer.name for layer in network] == ["sandwich1", "sandwich2", "sandwich3"]
    assert list(network.groups) == ["input", "hidden1", "hidden2", "hidden3"]
    plain = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    assert [layer.n_links for layer in Snapshot.from_model(plain)] == [12, 6]
    assert Snapshot.from_model(SparseLinear(10, 10, 0.9)).n_links == 10
    with pytest.raises(NetsparseError, match="no linear or convolutional layer"):
        Snapshot.from_model(torch.nn.ReLU())


def test_from_model_reads_torch_pruning():
    from torch.nn.utils import prune

    linear = torch.nn.Linear(10, 4)
    prune.random_unstructured(linear, "weight", amount=30)
    assert Snapshot.from_model(torch.nn.Sequential(linear)).n_links == 10
