"""Tensors: the Triton kernel against the CPU's, and the door for tensors of any kind.

The kernel runs in Triton's interpreter; on a GPU, compiled, with ``TRITON_INTERPRET=0`` in the environment.
"""

import os

import numpy as np
import pytest
import torch

from netsparse import LayerGraph, MaskFormatError, NetsparseError, predict_links, score_links
from netsparse.linkprediction import L3_RULES, NODE_RULES, tensors

DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" or not torch.cuda.is_available() else "cuda"
MASKS = {
    "edgeless": np.zeros((4, 5), int),
    "no source": np.zeros((0, 3), int),
    "path": np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]]),
    "hubs": np.outer([1] + 5 * [0], np.ones(5, int)) | np.outer(np.ones(6, int), [1] + 4 * [0]),
}
MANNERS = {
    "dense": lambda t: t,
    "bool": lambda t: t.bool(),
    "coo": lambda t: t.to_sparse_coo(),
    "csr": lambda t: t.to_sparse_csr(),
}


@pytest.fixture
def on_device(monkeypatch):
    """Send every tensor through the kernel, whatever device it lives on."""
    pytest.importorskip("triton")
    monkeypatch.setattr(tensors, "on_device", lambda mask, rule: True)


@pytest.mark.parametrize("rule", L3_RULES)
def test_the_kernel_equals_the_cpu(rule, on_device, random_layer):
    assert_equal_on_both(random_layer(1, (13, 11), 0.25), rule)


def test_the_kernel_on_nasty_layers(on_device, nasty_layer):
    assert_equal_on_both(nasty_layer, "ch3-l3")


def test_the_kernel_with_more_links_than_a_block(on_device, random_layer):
    assert_equal_on_both(random_layer(2, (21, 2), 0.9), "ch2-l3")


def tensor_of(layer):
    return torch.from_numpy(layer.biadjacency.toarray()).to(DEVICE)


def assert_equal_on_both(layer, rule):
    found = score_links(tensor_of(layer), rule, "float64")
    assert isinstance(found, torch.Tensor)
    assert found.device.type == DEVICE
    assert np.allclose(found.cpu(), score_links(layer, rule, "float64"), rtol=1e-12, equal_nan=True)


def test_the_kernel_in_runs_of_rows_and_columns(on_device, random_layer, monkeypatch):
    layer = random_layer(4, (20, 15), 0.15)
    mask = tensor_of(layer)
    monkeypatch.setattr("netsparse.linkprediction.gpu._COUNT_BYTES", 4 * 20 * 6)
    monkeypatch.setattr(tensors, "_BLOCK_BYTES", 8 * 15 * 9)
    assert np.allclose(score_links(mask).cpu(), score_links(layer), rtol=1e-6, equal_nan=True)
    found, expected = predict_links(mask, 20, ties="random", seed=3), predict_links(layer, 20, ties="random", seed=3)
    assert all(np.array_equal(mine.cpu(), its) for mine, its in zip(found, expected, strict=True))


@pytest.mark.parametrize("ties", ["spcorr", "random"])
@pytest.mark.parametrize("name", MASKS)
def test_the_same_pairs_as_on_the_cpu(ties, name, on_device):
    layer = LayerGraph.from_mask(MASKS[name])
    mask = torch.from_numpy(MASKS[name]).to(DEVICE)
    for k in (0, 3, mask.numel() + 2):
        found, expected = (predict_links(graph, k, ties=ties, seed=5) for graph in (mask, layer))
        assert all(isinstance(part, torch.Tensor) for part in found)
        assert all(np.array_equal(mine.cpu(), its) for mine, its in zip(found, expected, strict=True))


@pytest.mark.parametrize("kernel", [False, True])
@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning")
@pytest.mark.filterwarnings("ignore:Sparse invariant checks:UserWarning")
def test_tensors_of_any_layout(manner, kernel, random_layer, request):
    if kernel:
        request.getfixturevalue("on_device")
    layer = random_layer(6, (6, 5), 0.4)
    mask = MANNERS[manner](tensor_of(layer).float())
    assert np.allclose(score_links(mask).cpu(), score_links(layer), rtol=1e-6, equal_nan=True)


def test_rules_without_a_kernel_and_a_packed_size_beyond_the_device(on_device, random_layer, monkeypatch):
    monkeypatch.undo()
    layer = random_layer(6, (12, 10), 0.3)
    mask = tensor_of(layer)
    for rule in NODE_RULES:
        assert np.allclose(score_links(mask, rule).cpu(), score_links(layer, rule), equal_nan=True)
    monkeypatch.setattr(tensors, "on_device", lambda mask, rule: True)
    monkeypatch.setattr("netsparse.linkprediction.gpu._PACKED_BYTES", 8)
    with pytest.raises(NetsparseError, match="co-degrees take more"):
        score_links(mask)


def test_bad_tensors(on_device):
    with pytest.raises(MaskFormatError, match="matrix"):
        score_links(torch.ones(2, 2, 2))
    with pytest.raises(MaskFormatError, match="NaN"):
        score_links(torch.tensor([[1.0, torch.nan]]))


def test_an_unknown_rule_for_a_tensor():
    with pytest.raises(NetsparseError, match="unknown rule"):
        score_links(torch.ones(2, 2), "ch9")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_real_gpu(random_layer):
    layer = random_layer(1, (300, 200), 0.05)
    mask = torch.from_numpy(layer.biadjacency.toarray()).cuda()
    found = score_links(mask)
    assert found.is_cuda
    assert np.allclose(found.cpu(), score_links(layer, dtype="float64"), rtol=1e-5, equal_nan=True)
    best = predict_links(mask, 100, ties="random")
    assert best.score.is_cuda
    assert np.allclose(best.score.cpu(), predict_links(layer, 100, ties="random").score, rtol=1e-5)
