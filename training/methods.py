"""The named methods: combinations of parts; and how a user makes one, in a TOML file or by overriding parts."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from netsparse.errors import NetsparseError
from netsparse.registry import Registry
from netsparse.storage import read_toml


@dataclass(frozen=True)
class Method:
    """A combination of parts under a name.

    Attributes
    ----------
    name, summary : str
    topology : str
        Start topology: a name of `netsparse.topologies.TOPOLOGIES`, or ``"keep"`` for the links that a model has.
    topology_options : dict
        Of that topology, by name: ``{"beta": 0.1}``.
    layer_density : {"uniform", "er", "erk"}
        How the links are shared out among the layers (`netsparse.topologies.layer_densities`).
    start_weights : str
        A name of `netsparse.training.start_weights.START_WEIGHTS`, or ``"keep"`` for the weights that a model has.
    nonlinearity : str
        What follows the layers, for the gain of drawn weights: a name of `netsparse.training.start_weights.GAINS`.
    removal, regrowth : str or None
        Names of `REMOVAL_RULES` and `REGROWTH_RULES`; both None for a topology that never changes.
    removal_options : dict
        Of the removal rule, by name: ``{"share": 0.01}``.
    removal_selection, regrowth_selection : {"hard", "soft"}
        Links of the lowest scores go, pairs of the highest scores come (hard); or links are kept and pairs drawn
        without replacement, with chance ∝ score^temperature and ∝ score (soft).
    temperature_start, temperature_end : float
        Exponent of the soft removal; it changes linearly from the first to the last step of training.
    percolation : bool
        Whether cut-off hidden neurons lose their links.
    fill : {"active", "any", "none"}
        What stands in for missing positive scores at regrowth.
    subranking : bool
        Whether ties of CH scores are ordered by SPcorr.
    new_link_weights : str
        What truly new links weigh: ``"zero"``, or drawn as the start weights of this name.
    early_stop : float or None
        Overlap rate at which the topology is frozen; None never does.
    early_stop_scope : {"layer", "all"}
        Each layer freezes for itself, or all at once when each has reached that overlap once.
    zeta : float
        Fraction of the links removed at an update.
    zeta_schedule : {"constant", "cosine"}
    update_unit : {"epoch", "step"}
        What ``update_interval`` counts in `netsparse train`. (A `TopologyScheduler` counts calls of its ``step``.)
    update_interval : int
    update_until : float
        Fraction of training after which the topology stays.
    density_schedule : {"constant", "steps", "cubic", "sigmoid"}
    start_sparsity : float or None
        Sparsity at the start, if the density changes.
    extra_density : float
        Or the density at the start, above the target.
    density_until : float
        Fraction of training by which the density has reached the target.
    """

    name: str
    summary: str
    topology: str = "erdos_renyi"
    topology_options: Mapping[str, Any] = field(default_factory=dict)
    layer_density: str = "uniform"
    start_weights: str = "swi"
    nonlinearity: str = "relu"
    removal: str | None = None
    removal_options: Mapping[str, Any] = field(default_factory=dict)
    removal_selection: str = "hard"
    regrowth: str | None = None
    regrowth_selection: str = "hard"
    temperature_start: float = 1.0
    temperature_end: float = 1.0
    percolation: bool = False
    fill: str = "active"
    subranking: bool = True
    new_link_weights: str = "zero"
    early_stop: float | None = None
    early_stop_scope: str = "layer"
    zeta: float = 0.3
    zeta_schedule: str = "constant"
    update_unit: str = "epoch"
    update_interval: int = 1
    update_until: float = 1.0
    density_schedule: str = "constant"
    start_sparsity: float | None = None
    extra_density: float = 0.0
    density_until: float = 0.5

    @property
    def evolves(self) -> bool:
        """Whether the topology changes during training."""
        return self.removal is not None

    @property
    def needs_total_steps(self) -> bool:
        """Whether a part depends on how long the training will be."""
        return self.evolves and (
            self.update_until < 1.0
            or self.zeta_schedule != "constant"
            or self.density_schedule != "constant"
            or (self.removal_selection == "soft" and self.temperature_start != self.temperature_end)
        )

    @property
    def parts(self) -> dict[str, Any]:
        """Everything but name and summary, by name."""
        return {name: value for name, value in asdict(self).items() if name not in ("name", "summary")}

    @property
    def changed_parts(self) -> dict[str, Any]:
        """The parts that are not what a method has by default: what its TOML file would say."""
        plain = Method("", "").parts
        return {name: value for name, value in self.parts.items() if value != plain[name]}

    def check(self) -> None:
        """Refuse parts that do not exist, have another type or do not go together.

        Raises
        ------
        NetsparseError
        """
        from netsparse.registry import check_options
        from netsparse.topologies import check_options as check_topology
        from netsparse.training.removal import REMOVAL_RULES

        if not isinstance(self.name, str) or not re.fullmatch(r"[\w.+-]+", self.name):
            raise NetsparseError(f"a method's name must be of letters, digits, -, _, . and +, it is {self.name!r}")
        if not isinstance(self.summary, str):
            raise NetsparseError(f"summary must be text, it is {self.summary!r}")
        for name, value in self.parts.items():
            _check_type(name, value)
        for name, (choices, more) in _choices().items():
            value = getattr(self, name)
            if value in more or value is None:  # None: of removal and regrowth, which take it together
                continue
            if isinstance(choices, Registry):
                choices[str(value)]  # an unknown name gets the message that lists them
            elif value not in choices:
                raise NetsparseError(f"{name} must be one of {', '.join(choices)}, it is {value!r}")
        if self.topology != "keep":
            check_topology(self.topology, self.topology_options)
        if (self.removal is None) != (self.regrowth is None):
            raise NetsparseError(
                f"method '{self.name}' needs both a removal and a regrowth, or neither; it has removal "
                f"{self.removal!r} and regrowth {self.regrowth!r}"
            )
        if self.removal is not None:
            check_options(f"removal '{self.removal}'", REMOVAL_RULES[self.removal], self.removal_options)
        checks = {
            "early_stop": (self.early_stop is None or 0.0 < self.early_stop <= 1.0, "above 0 and up to 1, or None"),
            "zeta": (0.0 <= self.zeta <= 1.0, "between 0 and 1"),
            "update_interval": (self.update_interval >= 1, "at least 1"),
            "update_until": (0.0 < self.update_until <= 1.0, "above 0 and up to 1"),
            "density_until": (0.0 < self.density_until <= 1.0, "above 0 and up to 1"),
            "extra_density": (0.0 <= self.extra_density <= 1.0, "between 0 and 1"),
            "start_sparsity": (self.start_sparsity is None or 0.0 <= self.start_sparsity <= 1.0, "between 0 and 1"),
            "temperature_start": (0.0 <= self.temperature_start < float("inf"), "at least 0"),
            "temperature_end": (0.0 <= self.temperature_end < float("inf"), "at least 0"),
        }
        for name, (holds, wanted) in checks.items():
            if not holds:
                raise NetsparseError(f"{name} must be a number {wanted}, it is {getattr(self, name)!r}")
        if self.density_schedule != "constant" and not self.evolves:
            raise NetsparseError(f"density_schedule '{self.density_schedule}' needs a method that removes links")
        if self.start_sparsity is not None and self.extra_density:
            raise NetsparseError("start_sparsity and extra_density both say where the density starts; leave one out")
        if self.density_schedule != "constant" and self.start_sparsity is None and not self.extra_density:
            raise NetsparseError(f"density_schedule '{self.density_schedule}' needs start_sparsity or extra_density")
        if self.density_schedule == "constant" and (self.start_sparsity is not None or self.extra_density):
            raise NetsparseError("start_sparsity and extra_density need a density_schedule that is not constant")


def _choices() -> dict[str, tuple[Collection[str], tuple[str, ...]]]:
    """Return the names that a part may have, and those that it may have besides, for each part that is a name."""
    from netsparse.topologies import LAYER_DENSITIES, TOPOLOGIES
    from netsparse.training.regrowth import REGROWTH_RULES
    from netsparse.training.removal import REMOVAL_RULES
    from netsparse.training.schedules import DENSITY_SCHEDULES, ZETA_SCHEDULES
    from netsparse.training.start_weights import GAINS, START_WEIGHTS

    return {
        "topology": (TOPOLOGIES, ("keep",)),
        "layer_density": (LAYER_DENSITIES, ()),
        "start_weights": (START_WEIGHTS, ("keep",)),
        "nonlinearity": (tuple(GAINS), ()),
        "removal": (REMOVAL_RULES, ()),
        "removal_selection": (("hard", "soft"), ()),
        "regrowth": (REGROWTH_RULES, ()),
        "regrowth_selection": (("hard", "soft"), ()),
        "fill": (("active", "any", "none"), ()),
        "new_link_weights": (START_WEIGHTS, ("zero",)),
        "early_stop_scope": (("layer", "all"), ()),
        "zeta_schedule": (ZETA_SCHEDULES, ()),
        "update_unit": (("epoch", "step"), ()),
        "density_schedule": (DENSITY_SCHEDULES, ()),
    }


_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "str": (str, "text"),
    "str | None": ((str, type(None)), "text"),
    "bool": (bool, "true or false"),
    "float": ((int, float), "a number"),
    "float | None": ((int, float, type(None)), "a number, or nothing"),
    "int": (int, "a whole number"),
    "Mapping[str, Any]": (Mapping, "a table of options"),
}


def _check_type(name: str, value: Any) -> None:
    kind = next(part.type for part in fields(Method) if part.name == name)
    types, wanted = _TYPES[str(kind)]
    if not isinstance(value, types) or (isinstance(value, bool) and kind != "bool"):
        raise NetsparseError(f"{name} must be {wanted}, it is {value!r}")


METHODS: Registry[Method] = Registry("method")

_CHT = Method(
    "cht",
    "Cannistraci-Hebb training: CSTI + SWI, magnitude removal, percolation, CH3-L3 regrowth, early stop",
    topology="correlated",
    removal="magnitude",
    regrowth="ch3-l3",
    percolation=True,
    early_stop=0.99,
)
_CHTS = replace(
    _CHT,
    name="chts",
    summary="CHT with soft sampling: links kept ∝ |weight|^T, T from 1 to 3, pairs drawn ∝ their CH3-L3 score",
    removal_selection="soft",
    regrowth_selection="soft",
    temperature_end=3.0,
    early_stop=None,
)
_RIGL = Method(
    "rigl",
    "RigL: every 100 steps until 75 % of training remove by magnitude, grow by |dense gradient|, ζ cosine, ERK start",
    start_weights="kaiming",
    layer_density="erk",
    removal="magnitude",
    regrowth="gradient",
    fill="any",
    zeta_schedule="cosine",
    update_unit="step",
    update_interval=100,
    update_until=0.75,
)
_MEST = Method(
    "mest",
    "MEST (EM): remove by |weight| + λ|gradient|, λ = 0.01, regrow at random",
    start_weights="kaiming",
    removal="magnitude+gradient",
    regrowth="random",
)

for _method in (
    _CHT,
    _CHTS,
    replace(
        _CHTS,
        name="chtss",
        summary="CHTs from sparsity 0.5, sigmoid density decay to the target; node-based CH2-L3n while links are many",
        regrowth="ch2-l3n",
        density_schedule="sigmoid",
        start_sparsity=0.5,
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
    _RIGL,
    _MEST,
    replace(
        _MEST,
        name="mest-ems",
        summary="MEST (EM&S): MEST that starts denser by 0.05, then by 0.025, then at the target",
        density_schedule="steps",
        extra_density=0.05,
    ),
    replace(
        _RIGL,
        name="snfs",
        summary="SNFS-like: every epoch remove by magnitude, grow by the momentum of the dense gradient",
        regrowth="momentum",
        layer_density="uniform",
        zeta_schedule="constant",
        update_unit="epoch",
        update_interval=1,
        update_until=1.0,
    ),
    replace(
        _RIGL,
        name="granet",
        summary="GraNet: RigL's parts with ζ = 0.5 while the density falls from 0.5 to the target, cubic in time",
        zeta=0.5,
        density_schedule="cubic",
        start_sparsity=0.5,
    ),
    Method("static", "An Erdős–Rényi topology that never changes"),
    Method("dense", "The same network, fully connected", topology="fully_connected"),
):
    METHODS.add(_method.name, _method)


def resolve_method(method: str | Path | Method, parts: Mapping[str, Any] | None = None) -> Method:
    """Return a method by name, or from a TOML file, with some parts changed.

    Parameters
    ----------
    method : str, pathlib.Path or Method
        A name of `METHODS`, or the path of a TOML file (it ends in ``.toml``) that names parts: any attribute of
        `Method`. Its ``base`` is the method whose parts it takes over where it says nothing (default: ``static``, all
        defaults); its ``name`` is the file's unless it says otherwise.
    parts : mapping, optional
        Attributes of `Method` to change.

    Returns
    -------
    Method

    Raises
    ------
    NetsparseError
        If a name is unknown, the file cannot be read, or the parts do not go together.

    Examples
    --------
    >>> resolve_method("cht", {"topology": "small_world", "topology_options": {"beta": 0.1}}).topology
    'small_world'
    """
    parts = dict(parts or {})
    if isinstance(method, Path) or (isinstance(method, str) and method.endswith(".toml")):
        base, told = _read(Path(method))
        parts = {**told, **parts}
    else:
        base = method if isinstance(method, Method) else METHODS[method]
    known = Method.__dataclass_fields__
    unknown = sorted(set(parts) - set(known))
    if unknown:
        raise NetsparseError(f"unknown part '{unknown[0]}'; a method has: {', '.join(known)}")
    for name in ("early_stop", "removal", "regrowth", "start_sparsity"):
        if parts.get(name) is False:  # TOML has no None
            parts[name] = None
    if parts.get("topology", base.topology) != base.topology:
        parts.setdefault("topology_options", {})
    if parts.get("removal", base.removal) != base.removal:
        parts.setdefault("removal_options", {})
    made = replace(base, **parts)
    made.check()
    return made


def _read(path: Path) -> tuple[Method, dict[str, Any]]:
    """Return the base and the parts that a method's file names."""
    told = read_toml(path)
    base = told.pop("base", "static")
    if not isinstance(base, str):
        raise NetsparseError(f"{path}: base must be the name of a method, not {base!r}")
    if base not in METHODS:
        raise NetsparseError(f"{path}: unknown base '{base}'; choose from: {', '.join(METHODS)}")
    unknown = sorted(set(told) - set(Method.__dataclass_fields__))
    if unknown:
        known = ", ".join(["base", *Method.__dataclass_fields__])
        raise NetsparseError(f"{path}: unknown part '{unknown[0]}'; a method's file may say: {known}")
    return METHODS[base], {"name": path.stem, "summary": f"{base} with parts of {path.name}", **told}


def list_parts() -> list[tuple[str, str, str]]:
    """Return name, default and choices of every part, for ``netsparse list parts``."""
    choices = {name: ", ".join([*known, *more]) for name, (known, more) in _choices().items()}
    plain, kinds = Method("", "").parts, {part.name: _TYPES[str(part.type)][1] for part in fields(Method)}
    defaults = {name: "" if value is None else str(value) for name, value in plain.items()}
    defaults |= {name: defaults[name].lower() for name, value in plain.items() if isinstance(value, bool)}
    return [(name, default, choices.get(name, kinds[name])) for name, default in defaults.items()]
