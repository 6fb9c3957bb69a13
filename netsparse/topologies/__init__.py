"""Start topologies: shape, density, rng and optional data in, biadjacency out, with the exact number of links.

Every topology is a function ``(shape, density, rng, data=None, *, options) -> scipy.sparse.csr_array`` in the file of
its name; the loop below puts it into `TOPOLOGIES`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from netsparse import registry
from netsparse.registry import Registry
from netsparse.topologies.correlated import Correlations, correlated
from netsparse.topologies.densities import LAYER_DENSITIES, layer_densities
from netsparse.topologies.erdos_renyi import erdos_renyi
from netsparse.topologies.fully_connected import fully_connected
from netsparse.topologies.receptive_field import receptive_field
from netsparse.topologies.scale_free import scale_free
from netsparse.topologies.small_world import small_world

# shape, density, rng, data or None, and options by name
Topology = Callable[..., sp.csr_array]

TOPOLOGIES: Registry[Topology] = Registry("topology")
for _topology in (correlated, erdos_renyi, fully_connected, receptive_field, scale_free, small_world):
    TOPOLOGIES.add(_topology.__name__, _topology)


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that a topology does not have, or that make no sense, before anything is built.

    Raises
    ------
    NetsparseError

    Examples
    --------
    >>> check_options("small_world", {"beta": 0.1})
    """
    topology = TOPOLOGIES[name]
    registry.check_options(f"topology '{name}'", topology, options)
    if options:
        topology((2, 2), 0.5, np.random.default_rng(0), None, **options)


__all__ = [
    "LAYER_DENSITIES",
    "TOPOLOGIES",
    "Correlations",
    "Topology",
    "check_options",
    "correlated",
    "erdos_renyi",
    "fully_connected",
    "layer_densities",
    "receptive_field",
    "scale_free",
    "small_world",
]
