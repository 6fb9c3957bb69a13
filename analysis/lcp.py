"""LCP-correlation: whether links with many common neighbours have many links among these."""

import numpy as np
import scipy.sparse as sp

from netsparse.analysis import costs
from netsparse.analysis.estimate import Estimate
from netsparse.analysis.lcp_kernels import count_l2, count_l3, sample_l3
from netsparse.analysis.measure import measure
from netsparse.analysis.network import MANY_STEPS, Network
from netsparse.errors import NetsparseError

_CHUNKS = 64
# So many random links stand for all where there are too many ways of two links, each of which is gone several times.
_N_SAMPLED = 1024
_TAG = 0x1C9


@measure("standard", cost=costs.local_paths)
def lcp_correlation(network: Network, paths: str = "auto", seed: int = 0) -> float:
    """Give the LCP-correlation: Pearson's, over the links with common neighbours, of their number and the links inside.

    LCP: local community paradigm. In general graphs CN(u, v) counts the common neighbours of a link's ends and LCL(u,
    v), the local community links, the links among them. In graphs of two sides these are empty, so these take paths of
    length 3: CN(u, v) counts the nodes on such paths between u and v, LCL(u, v) = (B Bᵀ B)_uv − d_u − d_v + 1 their
    middle links. Links with CN = 0 do not count. 0 if CN or LCL is the same for all of them, or there are fewer than
    two. Of graphs of two sides with more than 2·10¹⁰ ways of two links 1,024 random links stand for all; the number
    then carries its standard error.

    Parameters
    ----------
    network : any graph
    paths : {"auto", "L2", "L3"}
        ``"L3"`` is what ``"auto"`` takes for graphs with two sides (a layer, a chain, whatever has no odd cycle),
        ``"L2"`` for all others.
    seed : int

    Raises
    ------
    NetsparseError
        If ``paths`` is unknown, or L3 and the graph has no two sides.

    References
    ----------
    Cannistraci, Alanis-Lobato, Ravasi (2013), From link-prediction in brain connectomes and protein interactomes to the
    local-community-paradigm in complex networks; Daminelli et al. (2015), Common neighbours and the
    local-community-paradigm for topological link prediction in bipartite networks.

    Examples
    --------
    >>> import networkx as nx
    >>> lcp_correlation(nx.karate_club_graph())
    0.756...
    """
    if paths not in ("auto", "L2", "L3"):
        raise NetsparseError(f"paths must be 'auto', 'L2' or 'L3', not {paths!r}")
    if paths == "auto":
        paths = "L3" if network.sides is not None else "L2"
    elif paths == "L3" and network.sides is None:
        raise NetsparseError("the graph has an odd cycle, so no two sides: take paths='L2'")
    if paths == "L3" and network.n_two_steps > MANY_STEPS:
        rows = np.sort(np.random.default_rng([seed, _TAG]).integers(0, network.distinct_links.starts[-1], _N_SAMPLED))
        common, inner = sample_l3(*network.csr, *network.distinct_links.ends_of(rows))
        value = _pearson(common[common > 0], inner[common > 0])
        return Estimate(value, (1.0 - value**2) / max(int(np.count_nonzero(common)) - 1, 1) ** 0.5)
    common, inner = _counts_l3(network.adjacency) if paths == "L3" else _counts_l2(network.adjacency)
    return _pearson(common[common > 0], inner[common > 0])


def _counts_l2(adjacency: sp.csr_array) -> tuple[np.ndarray, np.ndarray]:
    return count_l2(adjacency.indptr, adjacency.indices, min(_CHUNKS, max(1, adjacency.shape[0])))


def _counts_l3(adjacency: sp.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Count for every link once; rows are sorted, so the transpose's entries are those of the other direction."""
    n = adjacency.shape[0]
    near, middle = count_l3(adjacency.indptr, adjacency.indices, min(_CHUNKS, max(1, n)))
    indices, indptr = adjacency.indices, adjacency.indptr
    back = sp.csr_array((near, indices, indptr), shape=(n, n)).T.tocsr().data
    rows = np.repeat(np.arange(n), np.diff(indptr))
    upper = rows < indices
    return (near + back)[upper], middle[upper]


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Give Pearson's correlation of whole numbers; 0 if one of them is constant."""
    if len(x) < 2 or x.min() == x.max() or y.min() == y.max():
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    product, xx, yy = (x * y).sum(), (x * x).sum(), (y * y).sum()  # no BLAS: the same bits on any number of threads
    return float(np.clip(product / (np.sqrt(xx) * np.sqrt(yy)), -1.0, 1.0))
