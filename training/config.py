"""Every option of `netsparse train`, checked at the door. No torch here: the command line reads this first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from netsparse.errors import NetsparseError
from netsparse.run import take_config
from netsparse.storage import read_toml
from netsparse.training.backends import BACKENDS
from netsparse.training.data import DATASETS
from netsparse.training.methods import Method, resolve_method

MODELS = ("mlp", "small-cnn", "vgg16", "googlenet", "resnet50", "resnet152")

# The paper's settings for its MLPs.
_PAPER = {"sparsity": 0.99, "scale": 1.0, "epochs": 100, "batch_size": 32, "lr": 0.025, "weight_decay": 5e-4}
# 64 pixels and 1,257 training samples are few: wider layers with more links, and small batches with more weight decay
# (the paper's network takes fifty times as many steps an epoch), show percolation, hubs and communities in 60 epochs.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "digits": {**_PAPER, "sparsity": 0.95, "scale": 4.0, "epochs": 60, "batch_size": 8, "weight_decay": 5e-3},
}


@dataclass(frozen=True)
class TrainConfig:
    """One training run, fully told. Make it with `TrainConfig.resolve`, which knows the defaults.

    Attributes
    ----------
    dataset : str
        A name of `netsparse.training.DATASETS`.
    data_dir : str
        Folder to look for the data in first; empty for none.
    image_size : int
        Height and width to which the files of an ``image-folder`` are brought.
    augment : bool
        Whether training images are shifted, or cut out, and mirrored at random.
    model : str
        ``mlp``, or the trunk whose classifier the sandwich layers are (`netsparse.training.models.TRUNKS`).
    n_sandwich : int
        Number of sandwich layers.
    method : str
        A name of `netsparse.training.METHODS`. (`resolve` takes the path of a TOML file as well, which becomes
        ``static`` with all its ``parts``.)
    parts : dict
        Parts of the method that are not its own (attributes of `netsparse.training.Method`).
    sparsity : float
        Of the sandwich layers.
    scale : float
        Hidden width / input width, that of the trunk's features behind a trunk.
    epochs, batch_size : int
    lr : float
        Learning rate at the start; it falls linearly to 0.01 of it over 90 % of the epochs.
    momentum, weight_decay : float
        Of SGD.
    zeta : float
        Fraction of links removed at an update.
    update_interval : int
        Epochs or steps (the method's ``update_unit``) from one update to the next.
    early_stop : float or False
        Overlap at which a layer's topology is frozen; False never.
    seed : int
    device : {"auto", "cpu", "cuda"}
    backend : {"auto", "masked", "csr", "cuda"}
        Of the sandwich layers (see `netsparse.training.SparseLinear`).
    snapshot_every : int
        Epochs from one snapshot to the next; the first and the last are always kept.
    tensorboard : bool
        Whether the metrics go to TensorBoard as well.
    """

    dataset: str
    data_dir: str
    image_size: int
    augment: bool
    model: str
    n_sandwich: int
    method: str
    parts: dict[str, Any]
    sparsity: float
    scale: float
    epochs: int
    batch_size: int
    lr: float
    momentum: float
    weight_decay: float
    zeta: float
    update_interval: int
    early_stop: float | bool
    seed: int
    device: str
    backend: str
    snapshot_every: int
    tensorboard: bool

    @classmethod
    def resolve(cls, options: Mapping[str, Any] | None = None) -> TrainConfig:
        """Fill in the defaults, which depend on data set and method, and check everything.

        Parameters
        ----------
        options : mapping, optional
            Some attributes; what is missing or None gets its default.

        Raises
        ------
        NetsparseError
            If an option is unknown, of the wrong type or out of range.

        Examples
        --------
        >>> config = TrainConfig.resolve({"dataset": "mnist", "epochs": 5})
        >>> config.sparsity, config.epochs, config.early_stop
        (0.99, 5, 0.99)
        """
        if options is not None and not isinstance(options, Mapping):
            raise NetsparseError(f"options are a mapping of names to values, not a {type(options).__name__}")
        given = {name: value for name, value in (options or {}).items() if value is not None}
        names = [field.name for field in fields(cls)]
        unknown = [name for name in given if name not in names]
        if unknown:
            raise NetsparseError(f"unknown option '{unknown[0]}'; the options are: {', '.join(names)}")
        for name in ("dataset", "method", "model"):
            if not isinstance(given.get(name, ""), (str, Path)):
                raise NetsparseError(f"{name} must be text, not {given[name]!r}")
        given, method = _with_method(given)
        dataset = given.get("dataset", "digits")
        DATASETS[dataset]  # an unknown name gets the message that lists them
        defaults: dict[str, Any] = {
            "dataset": dataset,
            "data_dir": "",
            "image_size": 224,
            "augment": False,
            "model": "mlp",
            "n_sandwich": 3,
            "method": "cht",
            "parts": {},
            "momentum": 0.9,
            "zeta": method.zeta,
            "update_interval": method.update_interval,
            "early_stop": method.early_stop or False,
            "seed": 0,
            "device": "auto",
            "backend": "auto",
            "snapshot_every": 1,
            "tensorboard": False,
            **_DEFAULTS.get(dataset, _PAPER),
        }
        if method.topology == "fully_connected":
            if given.get("sparsity", 0) != 0:
                raise NetsparseError(
                    f"method '{method.name}' has sparsity 0, not {given['sparsity']}; leave the sparsity out"
                )
            if given.get("backend", "auto") not in ("auto", "masked"):
                raise NetsparseError(f"method 'dense' has no backend {given['backend']!r}; leave the backend out")
            defaults["sparsity"] = 0.0
        values = {**defaults, **given}
        return cls(**{name: _typed(name, values[name], defaults[name]) for name in names})

    @classmethod
    def read(cls, path: str | Path) -> dict[str, Any]:
        """Read options from a TOML file, for `resolve`; a run's config.toml is one.

        Raises
        ------
        NetsparseError
            If the file is missing or not valid TOML, or a newer netsparse wrote it.
        """
        return take_config(path, read_toml(path))

    @cached_property
    def resolved_method(self) -> Method:
        """The method with all parts as they are used."""
        own = {"zeta": self.zeta, "update_interval": self.update_interval, "early_stop": self.early_stop or None}
        return resolve_method(self.method, {**self.parts, **own})

    @property
    def method_name(self) -> str:
        """What the method is called."""
        return self.resolved_method.name

    def __post_init__(self) -> None:
        checks = {
            "image_size": (8 <= self.image_size <= 4096, "between 8 and 4096"),
            "model": (self.model in MODELS, ", ".join(MODELS[:-1]) + f" or {MODELS[-1]}"),
            "n_sandwich": (1 <= self.n_sandwich <= 1000, "at least 1 and up to 1000"),
            "sparsity": (0.0 <= self.sparsity < 1.0, "at least 0 and below 1"),
            "scale": (0.0 < self.scale <= 1000.0, "above 0 and up to 1000"),
            "epochs": (self.epochs >= 1, "at least 1"),
            "batch_size": (self.batch_size >= 1, "at least 1"),
            "lr": (0.0 < self.lr < float("inf"), "above 0"),
            "momentum": (0.0 <= self.momentum < 1.0, "at least 0 and below 1"),
            "weight_decay": (0.0 <= self.weight_decay < float("inf"), "at least 0"),
            "zeta": (0.0 <= self.zeta <= 1.0, "between 0 and 1"),
            "update_interval": (self.update_interval >= 1, "at least 1"),
            "early_stop": (self.early_stop is False or 0.0 < self.early_stop <= 1.0, "above 0 and up to 1, or false"),
            "seed": (0 <= self.seed < 2**63, "at least 0 and below 2**63"),
            "device": (self.device in ("auto", "cpu", "cuda"), "auto, cpu or cuda"),
            "backend": (self.backend in BACKENDS, ", ".join(BACKENDS[:-1]) + f" or {BACKENDS[-1]}"),
            "snapshot_every": (self.snapshot_every >= 1, "at least 1"),
        }
        for name, (holds, wanted) in checks.items():
            if not holds:
                raise NetsparseError(f"{name} must be {wanted}, it is {getattr(self, name)}")

    def training_options(self) -> dict[str, Any]:
        """Return the options that decide what comes out, wherever it is trained and whatever is kept of it."""
        elsewhere = ("data_dir", "device", "backend", "snapshot_every", "tensorboard")
        told = {name: value for name, value in asdict(self).items() if name not in elsewhere}
        return json.loads(json.dumps(told, sort_keys=True))

    def as_dict(self) -> dict[str, Any]:
        """Return the options by name, as config.toml holds them."""
        return asdict(self)


# Parts of a method that are options of a run by themselves.
_OWN = ("zeta", "update_interval", "early_stop")


def _with_method(given: dict[str, Any]) -> tuple[dict[str, Any], Method]:
    """Resolve the method; return the options with a file's parts in its place, and the method."""
    name, parts = given.get("method", "cht"), _typed("parts", given.get("parts", {}), {})
    if given.get("model", "mlp") != "mlp" and resolve_method(name, parts).topology == "correlated":
        parts.setdefault("topology", "erdos_renyi")  # behind a trunk no input stays what it is: no correlations
    method = resolve_method(name, parts)
    if str(name).endswith(".toml"):
        name, parts = "static", {"name": method.name, "summary": method.summary, **method.changed_parts}
    parts = {part: value for part, value in parts.items() if part not in _OWN}
    return {**given, "method": name, "parts": parts}, method


def _typed(name: str, value: Any, default: Any) -> Any:
    """Give a value the type of its default, or refuse it."""
    if name == "parts":
        if not isinstance(value, Mapping):
            raise NetsparseError(f"parts must be a table of a method's parts, not {value!r}")
        return dict(value)
    if isinstance(default, bool) and name != "early_stop":
        if not isinstance(value, bool):
            raise NetsparseError(f"{name} must be true or false, not {value!r}")
        return value
    if name == "early_stop":
        if value is False or (isinstance(value, (int, float)) and value is not True):
            return value if value is False else float(value)
        raise NetsparseError(f"early_stop must be a number or false, not {value!r}")
    kind = type(default)
    fits = isinstance(value, str if kind is str else (int, float) if kind is float else int)
    if isinstance(value, Path) and kind is str:
        return str(value)
    if not fits or isinstance(value, bool):
        wanted = {str: "text", float: "a number", int: "a whole number"}[kind]
        raise NetsparseError(f"{name} must be {wanted}, not {value!r}")
    return kind(value)
