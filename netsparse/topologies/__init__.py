"""Start topologies: shape, density, rng and optional data in, biadjacency out, with the exact number of links.

Every topology is a function ``(shape, density, rng, data=None, *, options) -> scipy.sparse.csr_array`` in the file of
its name; the loop below puts it into `TOPOLOGIES`.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from netsparse.errors import NetsparseError
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
    parameters = inspect.signature(topology).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for option, value in options.items():
        if option not in known:
            raise NetsparseError(f"topology '{name}' has no option '{option}'; it has: {', '.join(known) or 'none'}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise NetsparseError(f"{option} of topology '{name}' must be a number, not {value!r}")
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
