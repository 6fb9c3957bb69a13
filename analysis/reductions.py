"""Reductions of a weighted graph to a few coordinates: ISO, ncISO, MCE, ncMCE, LE."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg
from numba import prange
from threadpoolctl import threadpool_limits

from netsparse.analysis.network import is_large
from netsparse.analysis.weighted_paths import spanning_tree, tree_sums, weighted_distances

# Up to this size LAPACK's full solution is as quick as ARPACK and takes no start vector.
_DENSE = 300
# Krylov vectors that ARPACK keeps: at the edge of a bulk of eigenvalues, where those of random layers lie, many
# without a restart converge with the fewest products.
_KRYLOV = 72
# Relative to the eigenvalue. Angles are then good to 1e-7, of nodes near the origin, and mostly to 1e-10.
_TOLERANCE = 1e-9

# Nodes whose distances to the landmarks are in double precision at a time.
_PART = 8192

_SEEDABLE = "rng" in inspect.signature(scipy.sparse.linalg.eigsh).parameters

Product = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Reduction:
    """Coordinates of the nodes, and from how many landmarks they were reckoned (0: exactly, from all nodes)."""

    coordinates: np.ndarray
    n_landmarks: int = 0


def reduce(links: sp.csr_array, reduction: str, n_axes: int, n_landmarks: int) -> Reduction:
    """Place the nodes of a connected graph of at least four nodes.

    Parameters
    ----------
    links : scipy.sparse.csr_array
        Symmetric, positive lengths.
    reduction : {"ISO", "ncISO", "MCE", "ncMCE", "LE"}
    n_axes : int
        Coordinates wanted: 2 or 3; MCE and ncMCE give one.
    n_landmarks : int
        For ISO and ncISO of large graphs.

    Returns
    -------
    Reduction
    """
    n = links.shape[0]
    if reduction == "LE":
        return Reduction(_laplacian(links, n_axes))
    centred = not reduction.startswith("nc")
    if reduction in ("MCE", "ncMCE"):
        tree = spanning_tree(links)
        skipped = 0 if centred else 1
        kernel = _centred(lambda x: tree_sums(*tree, x, True)) if centred else lambda x: tree_sums(*tree, x, False)
        return Reduction(leading(kernel, n, skipped + 1)[:, skipped:])
    if is_large(n, links.nnz // 2):
        n_landmarks = min(n_landmarks, n)
        return Reduction(by_landmarks(links, n_axes, centred, n_landmarks), n_landmarks)
    lengths = weighted_distances(links)
    if centred:
        return Reduction(leading(_centred(_times(lengths, True)), n, n_axes))
    return Reduction(leading(_times(lengths, False), n, n_axes + 1)[:, 1:])


def _centred(squares: Product) -> Product:
    """Make the product with −½ J D∘² J from the one with D∘²; J takes the mean away."""

    def product(x: np.ndarray) -> np.ndarray:
        y = squares(x - x.mean())
        y -= y.mean()
        y *= -0.5
        return y

    return product


def _times(lengths: np.ndarray, squared: bool) -> Product:
    """Make the product with D, or D∘²."""
    if len(lengths) > _DENSE:
        return lambda x: _product(lengths, x, squared)
    matrix = lengths.astype(np.float64) ** (2 if squared else 1)
    return lambda x: matrix @ x


@numba.njit(cache=True, parallel=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _product(lengths, x, squared):  # type: ignore[no-untyped-def]
    """D x, or D∘² x, summed in double precision. A row is summed by one thread, always in the same order."""
    n = len(x)
    y = np.empty(n)
    for i in prange(n):
        row = lengths[i]
        total = 0.0
        if squared:
            for j in range(n):
                entry = np.float64(row[j])
                total += entry * entry * x[j]
        else:
            for j in range(n):
                total += np.float64(row[j]) * x[j]
        y[i] = total
    return y


def leading(product: Product, n: int, k: int, which: str = "LM") -> np.ndarray:
    """Return √|λ| v for the k eigenvalues of largest absolute value of a symmetric matrix, given its product.

    Of largest absolute, not algebraic, value: on hub-heavy masks the leading eigenvalue is negative.
    """
    with threadpool_limits(1, user_api="blas"):  # several threads would sum in another order
        if n <= _DENSE:
            matrix = np.column_stack([product(column) for column in np.eye(n)])
            values, vectors = scipy.linalg.eigh((matrix + matrix.T) / 2.0)
        else:
            start = np.random.default_rng(0).standard_normal(n)
            operator = scipy.sparse.linalg.LinearOperator((n, n), lambda x: product(np.ravel(x)), dtype=np.float64)
            # ARPACK draws once more where the Krylov space is small, as on a star; older SciPy cannot seed that
            seeded = {"rng": np.random.default_rng(0)} if _SEEDABLE else {}
            values, vectors = scipy.sparse.linalg.eigsh(
                operator, k=k, which=which, v0=start, ncv=_KRYLOV, tol=_TOLERANCE, **seeded
            )
    order = np.argsort(-np.abs(values) if which == "LM" else -values, kind="stable")[:k]
    coordinates: np.ndarray = np.sqrt(np.abs(values[order])) * vectors[:, order]
    return coordinates


def _laplacian(links: sp.csr_array, n_axes: int) -> np.ndarray:
    """Eigenvectors 2, 3 (, 4) of L v = μ T v: W = exp(−(length/mean)²), T its row sums, L = T − W.

    They are T^−½ times the eigenvectors of T^−½ W T^−½ of largest eigenvalue 1 − μ.
    """
    # a link much longer than the mean would weigh 0 in floating point and leave its node without links
    weights = np.maximum(np.exp(-((links.data / links.data.mean()) ** 2)), np.finfo(float).tiny)
    rows = np.repeat(np.arange(links.shape[0]), np.diff(links.indptr))
    root = np.sqrt(np.bincount(rows, weights, links.shape[0]))
    scaled = sp.csr_array((weights / (root[rows] * root[links.indices]), links.indices, links.indptr), links.shape)
    coordinates = leading(lambda x: scaled @ x, links.shape[0], n_axes + 1, "LA")[:, 1:]
    # vectors of length 1, whatever the eigenvalue
    coordinates = coordinates / np.maximum(np.linalg.norm(coordinates, axis=0), np.finfo(float).tiny)
    return coordinates / root[:, None]


def by_landmarks(links: sp.csr_array, n_axes: int, centred: bool, n_landmarks: int) -> np.ndarray:
    """ISO or ncISO from the distances to some nodes: the left singular vectors of the columns of the landmarks.

    A sample of its columns has about the leading singular vectors of a symmetric matrix, which are its eigenvectors of
    largest absolute value. The landmarks stand at equal steps in the order of falling degree: hubs and leaves alike.
    """
    n = links.shape[0]
    landmarks = np.argsort(-np.diff(links.indptr), kind="stable")[np.arange(n_landmarks) * n // n_landmarks]
    lengths = weighted_distances(links, landmarks)
    rows = np.zeros((n_landmarks, 1))
    if centred:
        for part in _parts(n):
            rows[:, 0] += (lengths[:, part].astype(np.float64) ** 2).sum(axis=1)
        rows /= n

    def columns(part: slice) -> np.ndarray:
        found = lengths[:, part].astype(np.float64)
        if centred:
            found *= found
            found -= rows
            found -= found.mean(axis=0)
            found *= -0.5
        return found

    with threadpool_limits(1, user_api="blas"):
        gram = np.zeros((n_landmarks, n_landmarks))
        for part in _parts(n):
            block = columns(part)
            gram += block @ block.T
        values, vectors = scipy.linalg.eigh(gram)
        first = 0 if centred else 1
        order = np.argsort(-values, kind="stable")[first : first + n_axes]
        singular = np.sqrt(np.maximum(values[order], np.finfo(float).tiny))
        chosen = vectors[:, order] / np.sqrt(singular)  # √σ u = √σ · (columns v) / σ
        return np.concatenate([columns(part).T @ chosen for part in _parts(n)])


def _parts(n: int) -> list[slice]:
    return [slice(start, min(start + _PART, n)) for start in range(0, n, _PART)]
