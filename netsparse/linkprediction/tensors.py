"""Layers given as torch tensors: scored and ranked on the device that they live on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netsparse.errors import MaskFormatError
from netsparse.graph import LayerGraph
from netsparse.linkprediction.rules import L3_RULES

if TYPE_CHECKING:
    import torch

_BLOCK_BYTES = 2**30


def score_links(mask: torch.Tensor, rule: str, dtype: str) -> torch.Tensor:
    """Return the scores of a (n_source, n_target) tensor's unlinked pairs, on its device."""
    import torch

    from netsparse.linkprediction import score_links as on_cpu

    if on_device(mask, rule):
        return _scorer(mask, rule)(0, None, dtype)
    return torch.from_numpy(on_cpu(LayerGraph.from_mask(mask), rule, dtype)).to(mask.device)


def predict_links(mask: torch.Tensor, k: int, rule: str, ties: str, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Return sources, targets and scores of the k best pairs, on the tensor's device.

    Scores and the k best are made on the device; the candidates, not the mask, visit the host, where ties are broken as
    on the CPU. Only where SPcorr has to decide, or fewer than k pairs have a path, the links follow.
    """
    import torch

    from netsparse.linkprediction import make_scorer
    from netsparse.linkprediction.ranking import best_pairs, rank

    if on_device(mask, rule):
        keys, scores = device_candidates(_scorer(mask, rule), k)
        tied = len(keys) > k and ties == "spcorr"
        if len(keys) >= k and not tied:
            from netsparse.selection import top_k

            order = top_k(scores, k, rng)
            keys, scores = keys[order], scores[order]
        else:
            keys, scores = rank(make_scorer(LayerGraph.from_mask(mask), rule), keys, scores, k, ties, rng)
    else:
        keys, scores = best_pairs(make_scorer(LayerGraph.from_mask(mask), rule), k, ties, rng)
    source, target = np.divmod(keys, max(mask.shape[1], 1))
    return tuple(torch.from_numpy(array).to(mask.device) for array in (source, target, scores))  # type: ignore[return-value]


def on_device(mask: torch.Tensor, rule: str) -> bool:
    """Whether a tensor is scored by the Triton kernel; else it is by the CPU's, which checks the rule."""
    return bool(mask.is_cuda) and rule in L3_RULES


def _scorer(mask: torch.Tensor, rule: str) -> Any:
    from netsparse.linkprediction.gpu import TritonScorer

    rows, columns, shape = links_of(mask)
    return TritonScorer(rows, columns, shape, rule)


def links_of(mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, tuple[int, int]]:
    """Return the ends of a tensor's non-zero entries in CSR order, on its device, and its shape.

    Raises
    ------
    MaskFormatError
        If the tensor is no matrix, or holds NaN or infinity.
    """
    import torch

    if mask.ndim != 2:
        raise MaskFormatError(f"a mask is a matrix (n_source, n_target), this tensor has shape {tuple(mask.shape)}")
    mask = mask.detach()
    if mask.layout != torch.strided:
        entries = (mask if mask.layout == torch.sparse_coo else mask.to_sparse_coo()).coalesce()
        values, (rows, columns) = entries.values(), entries.indices()
        rows, columns = rows[values != 0], columns[values != 0]
    else:
        values = mask
        rows, columns = torch.nonzero(mask, as_tuple=True)
    if values.is_floating_point() and not bool(torch.isfinite(values).all()):
        raise MaskFormatError("the mask holds NaN or infinity")
    return rows, columns, (int(mask.shape[0]), int(mask.shape[1]))


def device_candidates(scorer: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what `ranking.positive_candidates` returns, selected on the scorer's device a block of rows at a time."""
    import torch

    n_source, n_target = scorer.shape
    keys = torch.empty(0, dtype=torch.int64, device=scorer.device)
    scores = torch.empty(0, dtype=torch.float32, device=scorer.device)
    step = max(1, _BLOCK_BYTES // max(8 * n_target, 1))
    for first in range(0, n_source if k else 0, step):
        block = scorer(first, min(first + step, n_source), "float32").reshape(-1)
        found = torch.nonzero(block > 0).reshape(-1)
        keys = torch.cat([keys, found + first * n_target])
        scores = torch.cat([scores, block[found]])
        if len(scores) > k:
            keep = scores >= torch.topk(scores, k, sorted=False).values.min()
            keys, scores = keys[keep], scores[keep]
    return keys.cpu().numpy(), scores.cpu().numpy()
