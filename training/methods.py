"""The named methods: combinations of parts."""

from __future__ import annotations

from dataclasses import dataclass

from netsparse.registry import Registry


@dataclass(frozen=True)
class Method:
    """A combination of parts under a name.

    Attributes
    ----------
    name, summary : str
    topology : str
        Start topology: a name of `netsparse.topologies.TOPOLOGIES`, or ``"keep"`` for the links that a model has.
    start_weights : str
        A name of `netsparse.training.start_weights.START_WEIGHTS`, or ``"keep"`` for the weights that a model has.
    removal, regrowth : str or None
        Names of rules; both None for a topology that never changes.
    percolation : bool
        Whether cut-off hidden neurons lose their links.
    fill : {"active", "none"}
        What stands in for missing positive scores at regrowth.
    subranking : bool
        Whether ties of CH scores are ordered by SPcorr.
    new_link_weights : str
        What truly new links weigh: ``"zero"``, or drawn as the start weights of this name.
    early_stop : float or None
        Overlap rate at which a layer's topology is frozen; None never does.
    """

    name: str
    summary: str
    topology: str = "erdos_renyi"
    start_weights: str = "swi"
    removal: str | None = None
    regrowth: str | None = None
    percolation: bool = False
    fill: str = "active"
    subranking: bool = True
    new_link_weights: str = "zero"
    early_stop: float | None = None

    @property
    def evolves(self) -> bool:
        """Whether the topology changes during training."""
        return self.regrowth is not None


METHODS: Registry[Method] = Registry("method")

for _method in (
    Method(
        "cht",
        "Cannistraci-Hebb training: CSTI + SWI, magnitude removal, percolation, CH3-L3 regrowth, early stop",
        topology="correlated",
        removal="magnitude",
        regrowth="ch3-l3",
        percolation=True,
        early_stop=0.99,
    ),
    Method(
        "esml",
        "Epitopological sparse meta-deep learning: Erdős–Rényi start, magnitude removal, percolation, CH3-L3 regrowth",
        start_weights="kaiming",
        removal="magnitude",
        regrowth="ch3-l3",
        percolation=True,
    ),
    Method(
        "set",
        "Sparse evolutionary training: Erdős–Rényi start, sign-wise magnitude removal, random regrowth",
        start_weights="kaiming",
        removal="magnitude-signed",
        regrowth="random",
    ),
    Method("static", "An Erdős–Rényi topology that never changes"),
    Method("dense", "The same network, fully connected", topology="fully_connected"),
):
    METHODS.add(_method.name, _method)
