"""Start topologies: shape, density, rng and optional data in, biadjacency out, with the exact number of links.

Every topology is a function ``(shape, density, rng, data=None) -> scipy.sparse.csr_array`` in the file of its name;
the loop below puts it into `TOPOLOGIES`.
"""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from netsparse.registry import Registry
from netsparse.topologies.correlated import Correlations, correlated
from netsparse.topologies.erdos_renyi import erdos_renyi
from netsparse.topologies.fully_connected import fully_connected

Topology = Callable[[tuple[int, int], float, np.random.Generator, np.ndarray | Correlations | None], sp.csr_array]

TOPOLOGIES: Registry[Topology] = Registry("topology")
for _topology in (correlated, erdos_renyi, fully_connected):
    TOPOLOGIES.add(_topology.__name__, _topology)

__all__ = ["TOPOLOGIES", "Correlations", "Topology", "correlated", "erdos_renyi", "fully_connected"]
