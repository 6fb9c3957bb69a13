"""The forms in which masks are kept, a file each. The order is that in which a file is recognised: texts come last."""

# isort: off
from netsparse.masks.forms import scipy_npz, numpy_arrays, torch_state, snapshot, safetensors, sharded
from netsparse.masks.forms import matlab, matrix_market, parquet, graphs, edge_list

# isort: on

__all__ = [
    "edge_list",
    "graphs",
    "matlab",
    "matrix_market",
    "numpy_arrays",
    "parquet",
    "safetensors",
    "scipy_npz",
    "sharded",
    "snapshot",
    "torch_state",
]
