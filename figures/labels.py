"""What tells runs apart, in a word or two: for legends and axes."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

_METHODS = {
    "cht": "CHT",
    "chts": "CHTs",
    "chtss": "CHTss",
    "esml": "ESML",
    "set": "SET",
    "rigl": "RigL",
    "mest": "MEST",
    "mest-ems": "MEST (EM&S)",
    "snfs": "SNFS",
    "granet": "GraNet",
    "static": "static",
    "dense": "dense",
}
_DATASETS = {
    "digits": "digits",
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "emnist": "EMNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
}
# Options in which runs of one group may differ, and those that say nothing about what is compared.
SAME_GROUP = ("seed", "data_dir", "device", "backend", "tensorboard", "snapshot_every")
NEVER_TOLD = (*SAME_GROUP, "image_size")


def method_name(method: str) -> str:
    """Return a method's name as papers write it."""
    return _METHODS.get(method, method)


def dataset_name(dataset: str) -> str:
    """Return a data set's name as papers write it."""
    return _DATASETS.get(dataset, dataset)


def shortened(names: Sequence[str], most: int = 22) -> list[str]:
    """Return long names without what all of them begin and end with, and each still too long without its middle.

    Examples
    --------
    >>> shortened(["encoder.block.0.attention.dense", "encoder.block.1.attention.dense"])
    ['…block.0…', '…block.1…']
    >>> shortened(["fc1", "fc2"]), shortened(["a" * 30], 9)
    (['fc1', 'fc2'], ['aaaa…aaaa'])
    """
    long = {name for name in names if len(name) > most}
    before = after = ""
    if len(long) > 1:
        before = _common_start(long)
        before = re.sub(r"[^._/ -]*[._/ -]?[^._/ -]*$", "", before)  # the last whole word before the difference stays
        after = _common_start({name[len(before) :][::-1] for name in long})[::-1]
        after = re.sub(r"^[^._/ -]*", "", after)
    ends = "…" if before else "", "…" if after else ""
    names = [n[len(before) : len(n) - len(after)].join(ends) if n in long else n for n in names]
    half = (most - 1) // 2
    return [name if len(name) <= most else f"{name[:half]}…{name[-half:]}" for name in names]


def _common_start(names: Collection[str]) -> str:
    """Return what all names begin with."""
    first, last = min(names), max(names)
    same = (a == b for a, b in zip(first, last, strict=False))
    return first[: sum(itertools.takewhile(bool, same))]


def told(option: str, value: Any) -> str:
    """Return an option and its value in a word or two.

    Examples
    --------
    >>> told("scale", 2.0), told("early_stop", False), told("parts.topology", "erdos_renyi")
    ('2×', 'no early stop', 'topology erdos_renyi')
    """
    word = option.removeprefix("parts.").replace("_", " ")
    if option == "dataset":
        return dataset_name(value)
    if option == "scale":
        return f"{value:g}×"
    if option == "sparsity":
        return f"sparsity {100 * value:g} %"
    if option == "zeta":
        return f"ζ {value:g}"
    if option == "update_interval":
        return f"update every {value:g}"
    if value is False or value is None:
        return f"no {word}"
    if value is True:
        return word
    return f"{word} {value:g}" if isinstance(value, float) else f"{word} {value}"


def cut(name: str, n: int) -> str:
    """Return a name of at most n characters, cut in the middle.

    Examples
    --------
    >>> cut("encoder.layers.0.attention", 17)
    'encoder.…ttention'
    """
    return name if len(name) <= n else f"{name[: (n - 1) // 2]}…{name[len(name) - n // 2 :]}"


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration's options in one level, parts of the method as ``parts.NAME``."""
    options: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            options |= {f"{name}.{key}": part for key, part in flat(value).items()}
        else:
            options[name] = value
    return options


def varying(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the options, flat, that are not the same in all configurations; the method, seed and device aside."""
    options = [flat(config) for config in configs]
    names = dict.fromkeys(name for one in options for name in one if name not in (*NEVER_TOLD, "method"))
    return [name for name in names if len({repr(one.get(name)) for one in options}) > 1]


def _independent(options: list[str], configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Leave out the options that follow from the data set, each having its own defaults, if it is among the options."""
    if "dataset" not in options:
        return options
    found = [flat(config) for config in configs]
    values = {option: {(repr(one.get("dataset")), repr(one.get(option))) for one in found} for option in options}
    return [option for option in options if option == "dataset" or len(values[option]) > len(values["dataset"])]


def labels_of(configs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Return a label of each group: its method, and the options by which it differs from others of that method.

    What most groups of the method have is not told, nor what follows from a data set that is. Without a configuration
    the label is the group's name; labels that would be the same get it, too.

    Examples
    --------
    >>> configs = [{"method": "cht", "scale": 1.0}, {"method": "cht", "scale": 2.0}, {"method": "set"}]
    >>> labels_of(configs, ["a", "b", "c"])
    ['CHT 1×', 'CHT 2×', 'SET']
    """
    labels = []
    for config, name in zip(configs, names, strict=True):
        if not config:
            labels.append(name)
            continue
        same = [other for other in configs if other and other.get("method") == config.get("method")]
        own = flat(config)
        words = [method_name(str(config.get("method", ""))) or name]
        for option in _independent(varying(same), same):
            common = Counter(repr(flat(other).get(option)) for other in same).most_common(1)[0]
            is_common = common[0] == repr(own.get(option)) and 2 * common[1] > len(same)
            if option in own and not is_common:
                words.append(told(option, own[option]))
        labels.append(" ".join(words[:2]) + "".join(f", {word}" for word in words[2:]))
    counts = Counter(labels)
    return [
        f"{label} ({name})" if counts[label] > 1 and name and label != name else label
        for label, name in zip(labels, names, strict=True)
    ]
