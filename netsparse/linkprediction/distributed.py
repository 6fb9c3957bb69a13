"""Link prediction for layers too large for one device: the rows are shared out, a merge of candidates selects."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from netsparse.linkprediction import PredictedLinks, check_request, make_scorer
from netsparse.linkprediction.ranking import Candidates, merge, positive_candidates, rank

if TYPE_CHECKING:
    import torch


def predict_links(
    graph: Any,
    k: int,
    rule: str = "ch3-l3",
    ties: str = "spcorr",
    seed: int = 0,
    group: torch.distributed.ProcessGroup | None = None,
) -> PredictedLinks:
    """Return what `netsparse.predict_links` returns, the scores being computed by all processes of a group.

    Every process calls this with the same arguments; it scores its share of the rows (source neurons), of about equal
    work, and keeps its k best pairs. These are exchanged, and every process merges them and returns the same result.

    Parameters
    ----------
    graph, k, rule, ties, seed
        As in `netsparse.predict_links`; the seed a number, so that all processes draw alike. A tensor is scored on the
        CPU, the result is arrays.
    group : torch.distributed.ProcessGroup, optional
        Of the default one if None; ``torch.distributed.init_process_group`` comes before.

    Returns
    -------
    PredictedLinks

    Raises
    ------
    NetsparseError
        As `netsparse.predict_links`.

    Examples
    --------
    A group of one:

    >>> import os, tempfile, torch
    >>> store = torch.distributed.FileStore(os.path.join(tempfile.mkdtemp(), "store"), 1)
    >>> torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    >>> from netsparse import LayerGraph
    >>> predict_links(LayerGraph.from_mask([[1, 0], [1, 1]]), 1)
    PredictedLinks(source=array([0]), target=array([1]), score=array([1.], dtype=float32))
    >>> torch.distributed.destroy_process_group()
    """
    import torch.distributed as dist

    check_request(k, ties)
    scorer = make_scorer(graph, rule)
    shares = share_rows(scorer.costs, dist.get_world_size(group))
    mine = positive_candidates(scorer, k, *shares[dist.get_rank(group)])
    keys, scores = merge(_exchange(*mine, group), k)
    keys, scores = rank(scorer, keys, scores, k, ties, np.random.default_rng(seed))
    source, target = np.divmod(keys, max(scorer.shape[1], 1))
    return PredictedLinks(source, target, scores)


def share_rows(costs: np.ndarray, n_shares: int) -> list[tuple[int, int]]:
    """Cut rows into runs of about equal cost: first and stop of each.

    Examples
    --------
    >>> share_rows(np.array([3, 2, 1, 1, 2]), 2)
    [(0, 2), (2, 5)]
    """
    done = np.cumsum(costs + 1.0)
    total = done[-1] if len(done) else 0.0
    cuts = [0, *(int(np.searchsorted(done, total * i / n_shares)) + 1 for i in range(1, n_shares)), len(costs)]
    cuts = list(np.minimum(cuts, len(costs)))
    return [(int(first), int(stop)) for first, stop in itertools.pairwise(cuts)]


def _exchange(keys: np.ndarray, scores: np.ndarray, group: Any) -> list[Candidates]:
    """Give every process the candidates of all, in the order of the ranks, and so of the rows."""
    import torch
    import torch.distributed as dist

    device = torch.device("cuda" if dist.get_backend(group) == "nccl" else "cpu")
    n_ranks = dist.get_world_size(group)
    sizes = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(n_ranks)]
    dist.all_gather(sizes, torch.tensor([len(keys)], device=device), group=group)
    longest = max(int(size) for size in sizes)
    # scores are float32: they travel in the same int64 array as their keys, as bits
    packed = torch.zeros((2, longest), dtype=torch.int64, device=device)
    packed[0, : len(keys)] = torch.from_numpy(keys).to(device)
    packed[1, : len(keys)] = torch.from_numpy(scores.view(np.int32).astype(np.int64)).to(device)
    all_packed = [torch.empty_like(packed) for _ in range(n_ranks)]
    dist.all_gather(all_packed, packed, group=group)
    found = []
    for size, part in zip(sizes, all_packed, strict=True):
        array = part[:, : int(size)].cpu().numpy()
        found.append((array[0].copy(), array[1].astype(np.int32).view(np.float32)))
    return found
