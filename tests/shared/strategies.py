"""What any valid input is: masks, layers and networks that Hypothesis draws for all property tests."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from netsparse import LayerGraph, Snapshot

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("bool", "int8", "uint8", "int32", "int64", "uint64")

# 0: the same examples every time, as in CI; else so many times as many, new ones (make properties).
TIMES = int(os.environ.get("NETSPARSE_PROPERTY_TIMES", "0"))

# Names that break careless code: of files, markup, mathematics, numbers, other alphabets.
ODD_NAMES = [
    "fc1.weight",
    "../evil",
    "a b",
    "ß",
    "層",
    '"quoted" & <b>',
    "comma, tab\t",
    "new\nline\r",
    "nul\x00",
    "a\\nb",
    "NA",
    "nan",
    "1",
    "x_mask",
    "$x_{$",
    "[red]",
    "%s {0}",
    "_hidden",
    "e\u0301",
    " ",
    "long" * 40,
]

# Weights that are hard to keep, to rank or to add up; every type holds them, as it can.
_HARD = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, -1e-300, 6e4, 3e38, -1.7e308, 2.0**-24]


def examples(n: int) -> settings:
    """Say how many examples a property is tried on: decorates it."""
    known = {} if TIMES else {"derandomize": True, "database": None}
    unimportant = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    return settings(max_examples=n * max(TIMES, 1), deadline=None, suppress_health_check=unimportant, **known)


def names() -> st.SearchStrategy[str]:
    """Give a name of a layer, neuron group or run."""
    return st.sampled_from(ODD_NAMES) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@st.composite
def masks(draw: st.DrawFn, max_size: int = 9, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Give a mask (n_source, n_target) of any shape: scattered, full, empty, with hubs, twins, components."""
    sizes = st.integers(0, max_size)
    n, m = shape if shape is not None else (draw(sizes), draw(sizes))
    mask = np.zeros((n, m), bool)
    if not n * m:
        return mask
    kind = draw(st.sampled_from(("scattered", "bits", "full", "empty", "components", "diagonal")))
    if kind == "scattered":
        rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        mask = rng.random((n, m)) < draw(st.floats(0, 1))
    elif kind == "bits":
        bits = draw(st.integers(0, 2 ** (n * m) - 1))
        mask = np.array([bits >> i & 1 for i in range(n * m)], bool).reshape(n, m)
    elif kind == "full":
        mask[:] = True
    elif kind == "components":
        row, column = draw(st.integers(0, n)), draw(st.integers(0, m))
        mask[:row, :column] = mask[row:, column:] = True
    elif kind == "diagonal":
        mask = np.eye(n, m, draw(st.integers(1 - n, m - 1)), dtype=bool)
    for change in draw(st.lists(st.sampled_from(("hub", "fan", "dead", "twin", "flip")), max_size=2)):
        i, j = draw(st.integers(0, n - 1)), draw(st.integers(0, m - 1))
        if change == "hub":
            mask[i] = True
        elif change == "fan":
            mask[:, j] = True
        elif change == "dead":
            mask[i] = mask[:, j] = False
        elif change == "twin":
            mask[i] = mask[-1 - i]
        else:
            mask[i, j] = ~mask[i, j]
    return mask


@st.composite
def weights(draw: st.DrawFn, n: int, kinds: tuple[str | None, ...] = (None, *FLOATS)) -> np.ndarray | None:
    """Give n finite weights of a type, hard ones among them; or none."""
    kind = draw(st.sampled_from(kinds))
    if kind is None:
        return None
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    dtype = np.dtype(kind)
    if dtype.kind != "f":
        least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        # beyond 2**53 only where a number is drawn by itself
        values = rng.integers(max(least, -100), min(most, 100), n, endpoint=True).astype(dtype)
        if n and draw(st.booleans()):
            values[draw(st.integers(0, n - 1))] = draw(st.integers(least, most))
        return values
    values = rng.standard_normal(n).astype(dtype)
    if draw(st.booleans()):
        values = np.round(values)  # ties
    for number in draw(st.lists(st.sampled_from(_HARD), max_size=3)) if n else []:
        largest = float(np.finfo(dtype).max)
        values[draw(st.integers(0, n - 1))] = dtype.type(min(max(number, -largest), largest))
    return values


@st.composite
def layers(
    draw: st.DrawFn,
    max_size: int = 9,
    shape: tuple[int, int] | None = None,
    kinds: tuple[str | None, ...] = (None, *FLOATS),
    odd: bool = True,
) -> LayerGraph:
    """Give a layer, by an odd name unless ``odd=False``."""
    layer = LayerGraph.from_mask(draw(masks(max_size, shape)))
    if odd:
        name, source, target = draw(names()), *draw(st.lists(names(), min_size=2, max_size=2, unique=True))
        layer = layer.renamed(name, source, target)
    return replace(layer, weights=draw(weights(layer.n_links, kinds)))


@st.composite
def snapshots(
    draw: st.DrawFn,
    max_size: int = 7,
    max_layers: int = 4,
    kinds: tuple[str | None, ...] = (None, *FLOATS),
    odd: bool = True,
) -> Snapshot:
    """Give a network: a chain, or layers that skip, run in parallel, share groups, turn back or stand apart."""
    n_layers = draw(st.integers(1, max_layers))
    if draw(st.booleans()):
        ends = [(i, i + 1) for i in range(n_layers)]
    else:
        pair = st.lists(st.integers(0, n_layers), min_size=2, max_size=2, unique=True)
        ends = [tuple(draw(pair)) for _ in range(n_layers)]
    sizes = draw(st.lists(st.integers(0, max_size), min_size=n_layers + 1, max_size=n_layers + 1))
    if odd:
        groups = draw(st.lists(names(), min_size=n_layers + 1, max_size=n_layers + 1, unique=True))
        own = draw(st.lists(names(), min_size=n_layers, max_size=n_layers, unique=True))
    else:
        groups, own = [f"group{i}" for i in range(n_layers + 1)], [f"layer{i}" for i in range(n_layers)]
    made = []
    for name, (source, target) in zip(own, ends, strict=True):
        layer = draw(layers(shape=(sizes[source], sizes[target]), kinds=kinds, odd=False))
        made.append(layer.renamed(name, groups[source], groups[target]))
    return Snapshot(made, draw(st.none() | st.integers(0, 10_000)))
