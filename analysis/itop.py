"""In-time over-parameterisation: how many of the possible links a training has tried."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import numpy as np

from netsparse.analysis.undefined import Undefined
from netsparse.errors import NetsparseError
from netsparse.graph import Snapshot
from netsparse.run import Run


def itop_rate(snapshots: Run | Iterable[Snapshot]) -> dict[str, float]:
    """Give the share of the possible links of each layer that were there in at least one snapshot (ITOP rate).

    R = |∪ links over the snapshots| / (n_source · n_target). What came and went between two snapshots is not seen; the
    metric ``itop_rate`` of a run counts it, too.

    Parameters
    ----------
    snapshots : Run or iterable of Snapshot
        With the same layers.

    Returns
    -------
    dict of str to float
        By layer; under the empty name the whole network's. Undefined where no link is possible.

    Raises
    ------
    NetsparseError
        If there is no snapshot, or they have not the same layers.

    References
    ----------
    Liu, Yin, Mocanu, Pechenizkiy (2021), Do we actually need dense over-parameterization? In-time over-parameterization
    in sparse training.

    Examples
    --------
    >>> from netsparse import LayerGraph
    >>> first, second = (Snapshot([LayerGraph.from_mask(mask, "fc1")]) for mask in ([[1, 0]], [[1, 1]]))
    >>> itop_rate([first, second])
    {'fc1': 1.0, '': 1.0}
    """
    found = list(snapshots.snapshots() if isinstance(snapshots, Run) else snapshots)
    if not found:
        raise NetsparseError("the ITOP rate needs at least one snapshot")
    shapes = [{layer.name: layer.biadjacency.shape for layer in snapshot} for snapshot in found]
    if any(shape != shapes[0] for shape in shapes):
        raise NetsparseError("the ITOP rate compares snapshots of one network: the same layers of the same shapes")
    tried = {name: len(reduce(np.union1d, (s[name].link_keys for s in found))) for name in shapes[0]}
    possible = {name: int(np.prod(shape)) for name, shape in shapes[0].items()}
    tried[""], possible[""] = sum(tried.values()), sum(possible.values())
    return {name: tried[name] / n if n else Undefined("no link is possible") for name, n in possible.items()}
