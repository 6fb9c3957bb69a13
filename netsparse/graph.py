"""The core types: one layer's mask as a bipartite graph, and one network's layers at one epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from netsparse.errors import MaskFormatError, NetsparseError
from netsparse.matrices import check_csr, check_finite, to_csr

if TYPE_CHECKING:
    import igraph
    import networkx as nx
    import pandas as pd
    import torch

# Links to count at a time.
_BLOCK = 1 << 18
# Tables hold epochs as int64.
EPOCHS = 1 << 63


@dataclass(frozen=True, eq=False, repr=False)
class LayerGraph:
    """One layer's links as a bipartite graph: source neurons feed target neurons.

    Parameters
    ----------
    name : str
        The layer's name, unique in its network.
    biadjacency : scipy.sparse.csr_array, shape (n_source, n_target)
        Rows are source neurons, columns target neurons; one stored entry (1, int32) a link, in canonical CSR
        form (rows sorted, no duplicates). Use `from_mask` or `from_weight` for anything else. Its arrays are copied
        unless read-only.
    source, target : str
        Names of the two neuron groups; layers of one network join where a group's name is the same.
    weights : numpy.ndarray, shape (n_links,), optional
        The links' weights in CSR order, copied unless read-only. A link may weigh 0: it is a link all the same.

    Raises
    ------
    MaskFormatError
        If the biadjacency is not canonical CSR, or the weights do not fit it, are no numbers or not finite.

    Notes
    -----
    With n_links = ``nnz``: density = n_links / (n_source · n_target), sparsity = 1 − density. Nothing is ever
    inferred from the shape: a 512 × 512 layer is bipartite like any other.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LayerGraph.from_mask(np.eye(3), name="fc1")
    >>> layer
    LayerGraph('fc1', source 'source' (3) -> target 'target' (3), 3 links, density 33.33 %)
    >>> layer.source_degrees
    array([1, 1, 1])
    """

    name: str
    biadjacency: sp.csr_array
    source: str = "source"
    target: str = "target"
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        for what, text in (("layer name", self.name), ("source", self.source), ("target", self.target)):
            if not isinstance(text, str) or not text:
                raise NetsparseError(f"{what} must be a non-empty string, not {text!r}")
        matrix = self.biadjacency
        if not (sp.issparse(matrix) and matrix.format == "csr" and matrix.ndim == 2):
            raise MaskFormatError(
                f"layer '{self.name}': the biadjacency must be a 2-D SciPy CSR array; use LayerGraph.from_mask"
            )
        check_csr(self.name, matrix)
        index_dtype = np.int32 if max(matrix.nnz, *matrix.shape) < 2**31 else np.int64
        indices, indptr = (_own(a, index_dtype) for a in (matrix.indices, matrix.indptr))
        pattern = sp.csr_array((np.ones(matrix.nnz, np.int32), indices, indptr), shape=matrix.shape, copy=False)
        pattern.has_canonical_format = True
        for array in (pattern.data, pattern.indices, pattern.indptr):
            array.setflags(write=False)
        object.__setattr__(self, "biadjacency", pattern)
        if self.weights is not None:
            weights = np.asarray(self.weights)
            weights = _own(weights, weights.dtype)
            if weights.dtype.kind not in "biuf" or weights.dtype.itemsize > 8:
                raise MaskFormatError(
                    f"layer '{self.name}': weights are numbers of up to 64 bits, not of type {weights.dtype}"
                )
            if weights.shape != (pattern.nnz,):
                raise MaskFormatError(
                    f"layer '{self.name}': weights have shape {weights.shape}, the layer has {pattern.nnz} links"
                )
            check_finite(self.name, weights)
            object.__setattr__(self, "weights", weights)

    @classmethod
    def from_mask(cls, mask: Any, name: str = "layer", source: str = "source", target: str = "target") -> LayerGraph:
        """Make a layer from an (n_source, n_target) mask; every non-zero entry is a link.

        Parameters
        ----------
        mask : array_like, SciPy sparse array or torch tensor, shape (n_source, n_target)
            Sparse input may hold explicit zeros and duplicates: zeros are no links, duplicates one link.
        name, source, target : str
            As in `LayerGraph`.

        Raises
        ------
        MaskFormatError
            If the mask is not two-dimensional, not numeric, or holds NaN or infinity.

        Examples
        --------
        >>> LayerGraph.from_mask([[0, 2], [0, 0]]).n_links
        1
        """
        return cls(name, to_csr(mask, name, pattern=True), source, target)

    @classmethod
    def from_weight(
        cls, weight: Any, name: str = "layer", source: str = "source", target: str = "target", mask: Any = None
    ) -> LayerGraph:
        """Make a layer from a torch weight of shape (out, in), transposed here; the weights are kept.

        Parameters
        ----------
        weight : array_like, SciPy sparse array or torch tensor, shape (n_target, n_source)
            As in ``torch.nn.Linear.weight``.
        name, source, target : str
            As in `LayerGraph`.
        mask : same shape, optional
            Its non-zero entries are the links; without it the non-zero weights are. With a mask a link may weigh 0.

        Raises
        ------
        MaskFormatError
            If the weight is not two-dimensional, not numeric, or holds NaN or infinity, or the mask has another shape.

        Examples
        --------
        >>> layer = LayerGraph.from_weight([[0.0, 0.5, 0.0]])
        >>> (layer.n_source, layer.n_target), layer.weights
        ((3, 1), array([0.5]))
        """
        values = to_csr(weight, name)
        if mask is None:
            matrix = sp.csr_array(values.T)
            matrix.sort_indices()
            return cls(name, matrix, source, target, matrix.data)
        links = to_csr(mask, name, pattern=True)
        if links.shape != values.shape:
            raise MaskFormatError(f"layer '{name}': the mask has shape {links.shape}, the weight {values.shape}")
        links = sp.csr_array(links.T)
        links.sort_indices()
        rows = np.repeat(np.arange(links.shape[0]), np.diff(links.indptr))
        found = np.asarray(sp.csr_array(values.T)[rows, links.indices]).ravel() if links.nnz else values.data[:0]
        return cls(name, links, source, target, found)

    @property
    def n_source(self) -> int:
        """Number of source neurons."""
        return int(self.biadjacency.shape[0])

    @property
    def n_target(self) -> int:
        """Number of target neurons."""
        return int(self.biadjacency.shape[1])

    @property
    def n_links(self) -> int:
        """Number of links."""
        return int(self.biadjacency.nnz)

    @property
    def density(self) -> float:
        """Links over possible links; NaN if there is no possible link."""
        possible = self.n_source * self.n_target
        return self.n_links / possible if possible else float("nan")

    @property
    def sparsity(self) -> float:
        """1 − density."""
        return 1.0 - self.density

    @property
    def source_degrees(self) -> np.ndarray:
        """Number of links of each source neuron, shape (n_source,), int64."""
        return np.diff(self.biadjacency.indptr).astype(np.int64)

    @property
    def target_degrees(self) -> np.ndarray:
        """Number of links of each target neuron, shape (n_target,), int64."""
        counts = np.zeros(self.n_target, np.int64)
        for start in range(0, self.n_links, _BLOCK):  # in parts: it takes 8 bytes a link beside
            counts += np.bincount(self.biadjacency.indices[start : start + _BLOCK], minlength=self.n_target)
        return counts

    @property
    def link_rows(self) -> np.ndarray:
        """Source neuron of each link, in CSR order, int64."""
        return np.repeat(np.arange(self.n_source, dtype=np.int64), np.diff(self.biadjacency.indptr))

    @property
    def link_keys(self) -> np.ndarray:
        """One sorted int64 number a link: source · n_target + target."""
        return self.link_rows * self.n_target + self.biadjacency.indices

    @classmethod
    def from_keys(
        cls,
        keys: np.ndarray,
        shape: tuple[int, int],
        name: str = "layer",
        source: str = "source",
        target: str = "target",
        weights: np.ndarray | None = None,
    ) -> LayerGraph:
        """Make a layer of given shape from sorted, unique `link_keys`."""
        n_source, n_target = shape
        keys = np.asarray(keys)
        keys = keys if len(keys) else np.empty(0, np.int64)
        is_whole = keys.ndim == 1 and keys.dtype.kind in "iu"
        if not is_whole or (
            len(keys) and not (keys[0] >= 0 and keys[-1] < n_source * n_target and np.all(keys[1:] > keys[:-1]))
        ):
            raise MaskFormatError(f"layer '{name}': link keys must be sorted, unique and inside the shape {shape}")
        rows, columns = np.divmod(keys.astype(np.int64, copy=False), max(n_target, 1))
        indptr = np.zeros(n_source + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=n_source), out=indptr[1:])
        matrix = sp.csr_array((np.ones(len(keys), np.int32), columns, indptr), shape=shape)
        return cls(name, matrix, source, target, weights)

    def to_scipy(self) -> sp.csr_array:
        """Give the links as a SciPy matrix (n_source, n_target) of the weights, or of ones (int32).

        A link that weighs 0 is a stored zero. SciPy has no float16: such weights become float32.

        Examples
        --------
        >>> LayerGraph.from_weight([[0.0, 0.5]]).to_scipy().toarray()
        array([[0. ],
               [0.5]])
        """
        from netsparse import exports

        return exports.layer_to_scipy(self)

    def to_torch(self) -> torch.Tensor:
        """Give the links as a sparse COO tensor (n_target, n_source), the way round of ``torch.nn.Linear.weight``.

        Its values are the weights, or ones (float32); a link that weighs 0 is a stored zero. `from_weight` takes it
        back.
        """
        from netsparse import exports

        return exports.layer_to_torch(self)

    def to_pandas(self) -> pd.DataFrame:
        """Give the links as a table: source and target, indices in their groups, and weight if there are weights.

        Examples
        --------
        >>> LayerGraph.from_weight([[0.0, 0.5]]).to_pandas()
           source  target  weight
        0       1       0     0.5
        """
        from netsparse import exports

        return exports.layer_to_pandas(self)

    def to_networkx(self) -> nx.Graph:
        """Give the layer as a networkx graph, see `Snapshot.to_networkx`.

        Examples
        --------
        >>> graph = LayerGraph.from_mask([[1, 0]], "fc1", "input", "hidden").to_networkx()
        >>> graph.edges(data=True)
        EdgeDataView([('input:0', 'hidden:0', {'layer': 'fc1'})])
        """
        return Snapshot([self]).to_networkx()

    def to_igraph(self) -> igraph.Graph:
        """Give the layer as an igraph graph, see `Snapshot.to_igraph`."""
        return Snapshot([self]).to_igraph()

    def renamed(self, name: str, source: str, target: str) -> LayerGraph:
        """Return the same links under other names."""
        return replace(self, name=name, source=source, target=target)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LayerGraph):
            return NotImplemented
        mine, its = self.biadjacency, other.biadjacency
        same_names = (self.name, self.source, self.target) == (other.name, other.source, other.target)
        same_links = (
            mine.shape == its.shape
            and np.array_equal(mine.indptr, its.indptr)
            and np.array_equal(mine.indices, its.indices)
        )
        if self.weights is None or other.weights is None:
            same_weights = self.weights is other.weights
        else:
            same_weights = np.array_equal(self.weights, other.weights)
        return same_names and same_links and same_weights

    def __repr__(self) -> str:
        return (
            f"LayerGraph('{self.name}', source '{self.source}' ({self.n_source}) -> target '{self.target}' "
            f"({self.n_target}), {self.n_links} links, density {100 * self.density:.2f} %)"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Snapshot:
    """The layers of one network at one epoch; layers join where a neuron group has the same name.

    Parameters
    ----------
    layers : iterable of LayerGraph, or one
        With different names. Chains, skip connections and parallel layers all fit.
    epoch : int, optional
        Epoch after which the network looked like this, of at least 0, which is the start topology.

    Raises
    ------
    NetsparseError
        If there is no layer, a name is taken twice, or two layers disagree on the size of a group.

    Examples
    --------
    >>> first = LayerGraph.from_mask([[1, 0], [0, 1]], "fc1", "input", "hidden")
    >>> second = LayerGraph.from_mask([[1], [0]], "fc2", "hidden", "output")
    >>> network = Snapshot([first, second], epoch=0)
    >>> network.groups
    {'input': 2, 'hidden': 2, 'output': 1}
    >>> network.adjacency.shape, network.n_links
    ((5, 5), 3)
    """

    layers: tuple[LayerGraph, ...]
    epoch: int | None = field(default=None)

    def __init__(self, layers: Iterable[LayerGraph], epoch: int | None = None) -> None:
        object.__setattr__(self, "layers", (layers,) if isinstance(layers, LayerGraph) else tuple(layers))
        if epoch is not None and not (
            isinstance(epoch, Integral) and not isinstance(epoch, bool) and 0 <= epoch < EPOCHS
        ):
            raise NetsparseError(f"an epoch is a whole number of at least 0, of 64 bits, not {epoch!r}")
        object.__setattr__(self, "epoch", None if epoch is None else int(epoch))
        if not self.layers:
            raise NetsparseError("a snapshot needs at least one layer")
        for layer in self.layers:
            if not isinstance(layer, LayerGraph):
                raise NetsparseError(f"a snapshot is made of a list of LayerGraphs, not of a {type(layer).__name__}")
        names = [layer.name for layer in self.layers]
        twice = sorted(name for name, n in Counter(names).items() if n > 1)
        if twice:
            raise NetsparseError(f"layer names must differ; taken more than once: {', '.join(twice)}")
        sizes: dict[str, int] = {}
        for layer in self.layers:
            for group, size in ((layer.source, layer.n_source), (layer.target, layer.n_target)):
                if sizes.setdefault(group, size) != size:
                    raise NetsparseError(
                        f"layer '{layer.name}' gives group '{group}' {size} neurons, an earlier layer {sizes[group]}"
                    )
            if layer.source == layer.target:
                raise NetsparseError(f"layer '{layer.name}' joins group '{layer.source}' to itself; name the two sides")

    @classmethod
    def from_model(cls, model: Any, epoch: int | None = None) -> Snapshot:
        """Make a snapshot of a live torch model.

        Layers are the modules that give a graph of themselves (``to_graph``: `SparseLinear`) or have a ``weight`` and a
        ``weight_mask`` of two dimensions, or the four of a convolution, which count as a matrix (n_out, n_in · k · k)
        (layers under a `TopologyScheduler`, layers pruned by ``torch.nn.utils.prune``);
        if the model has none, every linear and convolutional module, its non-zero weights being the links.
        Layers join only where the model's ``group_names`` say so (a dict,
        layer name -> (source, target)); else each stands alone.

        Raises
        ------
        NetsparseError
            If it is no torch model, or holds no such module.
        """
        if not hasattr(model, "named_modules"):
            raise NetsparseError(f"a {type(model).__name__} is no torch model (torch.nn.Module)")
        modules = [(name or "layer", m) for name, m in model.named_modules() if getattr(m, "weight", None) is not None]
        matrices = [(n, m) for n, m in modules if hasattr(m, "in_features") or getattr(m.weight, "ndim", 0) == 4]
        masked = [(name, m) for name, m in modules if hasattr(m, "to_graph") or _has_mask(m)]
        chosen = masked or [(n, m) for n, m in matrices if m.weight.ndim in (2, 4)]
        if not chosen:
            raise NetsparseError("the model has no linear or convolutional layer to make a snapshot of")
        groups = getattr(model, "group_names", {})
        layers = []
        for name, module in chosen:
            source, target = groups.get(name, (f"{name}.source", f"{name}.target"))
            if hasattr(module, "to_graph"):
                layers.append(module.to_graph(name, source, target))
                continue
            weight, mask = module.weight, getattr(module, "weight_mask", None)
            if weight.ndim == 4:
                weight, mask = weight.flatten(1), None if mask is None else mask.flatten(1)
            layers.append(LayerGraph.from_weight(weight, name, source, target, mask=mask))
        return cls(layers, epoch)

    @cached_property
    def groups(self) -> dict[str, int]:
        """Neuron groups and their sizes, in the order in which the layers name them."""
        sizes: dict[str, int] = {}
        for layer in self.layers:
            sizes[layer.source] = layer.n_source
            sizes[layer.target] = layer.n_target
        return sizes

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Index of each group's first neuron among all neurons of the network."""
        ends = np.cumsum([0, *self.groups.values()])
        return {group: int(start) for group, start in zip(self.groups, ends, strict=False)}

    @property
    def n_neurons(self) -> int:
        """Number of neurons of all groups."""
        return sum(self.groups.values())

    @property
    def n_links(self) -> int:
        """Number of links of all layers."""
        return sum(layer.n_links for layer in self.layers)

    @cached_property
    def adjacency(self) -> sp.csr_array:
        """The whole k-partite network: symmetric (n_neurons, n_neurons) CSR of int32 ones, neurons by `offsets`."""
        ends = [
            (self.offsets[layer.source] + layer.link_rows, self.offsets[layer.target] + layer.biadjacency.indices)
            for layer in self.layers
        ]
        index_dtype = np.int32 if max(self.n_neurons, 2 * self.n_links) < 2**31 else np.int64
        sources, targets = (np.concatenate(side).astype(index_dtype) for side in zip(*ends, strict=True))
        places = (np.concatenate([sources, targets]), np.concatenate([targets, sources]))
        shape = (self.n_neurons, self.n_neurons)
        both = sp.csr_array(sp.coo_array((np.ones(len(places[0]), np.int32), places), shape=shape))
        both.sum_duplicates()
        both.data[:] = 1  # layers in parallel may join the same pair twice
        return both

    def active_neurons(self) -> dict[str, np.ndarray]:
        """Tell which neurons are active, per group.

        Active is a neuron with an outgoing link, or, in a group that feeds no layer, with an incoming one.

        Returns
        -------
        dict of str to numpy.ndarray of bool, shape (group size,)
        """
        sources = {layer.source for layer in self.layers}
        active = {group: np.zeros(size, bool) for group, size in self.groups.items()}
        for layer in self.layers:
            active[layer.source] |= layer.source_degrees > 0
            if layer.target not in sources:
                active[layer.target] |= layer.target_degrees > 0
        return active

    def to_scipy(self) -> dict[str, sp.csr_array]:
        """Give each layer's links as a SciPy matrix, by name (see `LayerGraph.to_scipy`)."""
        return {layer.name: layer.to_scipy() for layer in self.layers}

    def to_torch(self) -> dict[str, torch.Tensor]:
        """Give each layer's links as a sparse tensor (n_target, n_source), by name (see `LayerGraph.to_torch`)."""
        return {layer.name: layer.to_torch() for layer in self.layers}

    def to_pandas(self) -> pd.DataFrame:
        """Give the links as one table: columns source, target, weight if any layer has weights, and layer.

        The weight is missing (NaN) in layers that have none.
        """
        from netsparse import exports

        return exports.to_pandas(self)

    def to_networkx(self) -> nx.Graph:
        """Give the network as an undirected networkx graph.

        Every neuron is a node, called ``GROUP:INDEX``, with the attributes group and index, and in a network of one
        layer bipartite (0: source, 1: target). Links have the attributes layer and, if there are weights, weight. The
        graph's attribute ``netsparse`` tells names, sizes and epoch. A MultiGraph if two layers join the same groups.

        Examples
        --------
        >>> first = LayerGraph.from_mask([[1, 0]], "fc1", "input", "hidden")
        >>> second = LayerGraph.from_mask([[1], [1]], "fc2", "hidden", "output")
        >>> list(Snapshot([first, second]).to_networkx().edges)
        [('input:0', 'hidden:0'), ('hidden:0', 'output:0'), ('hidden:1', 'output:0')]
        """
        from netsparse import exports

        return exports.to_networkx(self)

    def to_igraph(self) -> igraph.Graph:
        """Give the network as an undirected igraph graph.

        Vertices have the attributes name (``GROUP:INDEX``), group, index, and in a network of one layer type (False:
        source, True: target); edges layer and, if there are weights, weight. ``graph["netsparse"]`` as in
        `to_networkx`.
        """
        from netsparse import exports

        return exports.to_igraph(self)

    def __getitem__(self, name: str) -> LayerGraph:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(f"no layer '{name}'; there are: {', '.join(layer.name for layer in self.layers)}")

    def __iter__(self) -> Iterator[LayerGraph]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Snapshot):
            return NotImplemented
        return self.layers == other.layers and self.epoch == other.epoch

    def __repr__(self) -> str:
        at = "" if self.epoch is None else f"epoch {self.epoch}, "
        return f"Snapshot({at}{len(self.layers)} layers, {self.n_neurons} neurons, {self.n_links} links)"


def _own(array: np.ndarray, dtype: Any) -> np.ndarray:
    """Give an array of a type that nobody can change: a copy, unless it is such a one, or a part of it."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if array.dtype != dtype or owner.flags.writeable or not owner.flags.owndata:
        array = array.astype(dtype)
        array.setflags(write=False)
    return array


def _has_mask(module: Any) -> bool:
    """Whether a module has a weight matrix, or that of a convolution, under a mask."""
    return getattr(module.weight, "ndim", 0) in (2, 4) and getattr(module, "weight_mask", None) is not None
