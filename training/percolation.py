"""Percolation (chain removal): a hidden neuron cut off on one side loses its links on the other."""

from collections.abc import Collection, Sequence

import numpy as np

from netsparse.graph import LayerGraph, Snapshot


def percolate(layers: Sequence[LayerGraph], frozen: Collection[str] = ()) -> list[np.ndarray]:
    """Tell which links stay when cut-off hidden neurons lose their links, to the fixed point.

    A hidden neuron without outgoing links loses its incoming ones, one without incoming links its outgoing ones, over
    and over until nothing changes. Groups that no layer feeds (inputs) or that feed no layer (outputs) are not forced.

    Parameters
    ----------
    layers : sequence of LayerGraph
        They join by group name; in any order.
    frozen : collection of str
        Names of layers that keep all their links.

    Returns
    -------
    list of numpy.ndarray of bool, shape (n_links,)
        One per layer, links in CSR order: True stays.

    References
    ----------
    Zhang et al. (2023), Ultra-sparse network advantage in deep learning via Cannistraci-Hebb brain-inspired training
    with hyperbolic meta-deep community-layered epitopology, Appendix D.

    Examples
    --------
    Hidden neuron 1 has no outgoing link:

    >>> first = LayerGraph.from_mask([[1, 1]], "fc1", "input", "hidden")
    >>> second = LayerGraph.from_mask([[1], [0]], "fc2", "hidden", "output")
    >>> percolate([first, second])
    [array([ True, False]), array([ True])]
    """
    groups = Snapshot(layers).groups
    hidden = {layer.source for layer in layers} & {layer.target for layer in layers}
    ends = [(layer.link_rows, layer.biadjacency.indices) for layer in layers]
    stays = [np.ones(layer.n_links, bool) for layer in layers]
    n_before = -1
    while n_before != (n_now := sum(int(kept.sum()) for kept in stays)):
        n_before = n_now
        fed = {group: np.zeros(groups[group], bool) for group in hidden}
        feeds = {group: np.zeros(groups[group], bool) for group in hidden}
        for layer, (rows, columns), kept in zip(layers, ends, stays, strict=True):
            if layer.source in hidden:
                feeds[layer.source][rows[kept]] = True
            if layer.target in hidden:
                fed[layer.target][columns[kept]] = True
        for layer, (rows, columns), kept in zip(layers, ends, stays, strict=True):
            if layer.name in frozen:
                continue
            if layer.source in hidden:
                kept &= fed[layer.source][rows]
            if layer.target in hidden:
                kept &= feeds[layer.target][columns]
    return stays
