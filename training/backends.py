"""The backends of a sparse layer by name, and which is the fastest where. No torch here: configurations need it."""

from netsparse.errors import NetsparseError

BACKENDS = ("auto", "masked", "csr", "cuda")

# Measured on a CPU (docs/performance.md), batch 32: from so many possible links on, up to this density, layers that
# hold only their links are faster in a training loop of one's own, where a call costs as much as a small product …
_FASTER_BY_AUTOGRAD = ((1024**2, 0.5), (512**2, 0.25), (256**2, 0.1))
# … and at every size in compiled epochs (`netsparse.training.fused`).
_FASTER_COMPILED = ((0, 0.8),)
# Not measured: on a GPU the masked product, unless its dense matrix takes more memory than one likes to give.
_MASKED_CUDA_PAIRS = 4096**2


def choose_backend(
    n_in: int,
    n_out: int,
    sparsity: float,
    device: str,
    backend: str = "auto",
    *,
    compiled: bool = False,
    interpreted: bool = False,
) -> str:
    """Return the backend of a layer; ``auto`` is the faster one by size, sparsity and device.

    Parameters
    ----------
    n_in, n_out : int
    sparsity : float
    device : str
        Its type: ``cpu``, ``cuda`` …
    backend : {"auto", "masked", "csr", "cuda"}
    compiled : bool
        Whether the layer will be trained by compiled epochs.
    interpreted : bool
        Whether the GPU's kernels run in Triton's interpreter, which takes tensors of the CPU.

    Raises
    ------
    NetsparseError
        If the backend is unknown, or does not run on the device.

    Examples
    --------
    >>> choose_backend(784, 784, 0.99, "cpu"), choose_backend(784, 784, 0.1, "cpu"), choose_backend(64, 64, 0.99, "cpu")
    ('csr', 'masked', 'masked')
    """
    if backend not in BACKENDS:
        raise NetsparseError(f"unknown backend {backend!r}; choose from: {', '.join(BACKENDS)}")
    if backend == "csr" and device != "cpu":
        raise NetsparseError(f"backend 'csr' runs on the CPU, the device is '{device}'; use 'cuda', 'masked' or 'auto'")
    if backend == "cuda" and device != "cuda" and not interpreted:
        raise NetsparseError(f"backend 'cuda' runs on a GPU, the device is '{device}'; use 'csr', 'masked' or 'auto'")
    if backend != "auto":
        return backend
    if sparsity <= 0.0:
        return "masked"
    if device == "cpu":
        rule = _FASTER_COMPILED if compiled else _FASTER_BY_AUTOGRAD
        density = 1.0 - sparsity
        return "csr" if any(n_in * n_out >= pairs and density <= most for pairs, most in rule) else "masked"
    return "cuda" if device == "cuda" and n_in * n_out > _MASKED_CUDA_PAIRS else "masked"
