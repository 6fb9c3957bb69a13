"""What figures draw from: a run directory, or a table."""

from typing import TypeAlias

import pandas as pd

from netsparse.errors import NetsparseError, NothingToDrawError
from netsparse.run import Run

Source: TypeAlias = Run | pd.DataFrame


def metrics_of(source: Source) -> pd.DataFrame:
    """Return the training metrics: columns epoch, layer, metric, value."""
    if isinstance(source, Run) and not source.metrics_path.is_file():
        raise NothingToDrawError(f"{source.path} has no metrics.parquet: no epoch of a training run was finished there")
    return _table(source, "metric", "metrics")


def measures_of(source: Source) -> pd.DataFrame:
    """Return the table of measures: columns run, epoch, scope, layer, measure, value, group, node, reason."""
    if isinstance(source, Run) and not source.measures_path.is_file():
        raise NothingToDrawError(
            f"{source.path} has no measures.parquet; make it with: "
            f"netsparse measure {source.path} --out {source.measures_path}"
        )
    return _table(source, "measure", "measures")


def _table(source: Source, column: str, name: str) -> pd.DataFrame:
    table = getattr(source, name) if isinstance(source, Run) else source
    if not isinstance(table, pd.DataFrame):
        raise NetsparseError(f"a figure is drawn from a Run or a table of {name}, not a {type(source).__name__}")
    if column not in table.columns or "epoch" not in table.columns:
        raise NetsparseError(f"this table has no columns 'epoch' and '{column}': it is no table of {name}")
    if "run" in table.columns and len(table["run"].unique()) > 1:
        raise NetsparseError("the table holds several runs; choose one, such as table[table.run == …]")
    return table


def first_and_last(table: pd.DataFrame) -> list[int]:
    """Return the first and the last epoch of a table, once if they are the same."""
    epochs = table["epoch"].dropna()
    if not len(epochs):
        raise NothingToDrawError("there are no epochs to compare")
    return sorted({int(epochs.min()), int(epochs.max())})


def layer_names(table: pd.DataFrame) -> list[str]:
    """Return the layers' names in the table's order."""
    return [name for name in dict.fromkeys(table["layer"]) if name]


def value_of(table: pd.DataFrame, measure: str, layer: str, epoch: int) -> float:
    """Return one value of the table of measures, layer "" for the network; NaN if it is not there."""
    scope = "layer" if layer else "network"
    rows = table[
        (table["measure"] == measure)
        & (table["layer"] == layer)
        & (table["scope"] == scope)
        & (table["epoch"] == epoch)
    ]
    return float(rows["value"].iloc[0]) if len(rows) else float("nan")


def node_values(table: pd.DataFrame, names: list[str], layer: str, epoch: int) -> pd.DataFrame:
    """Return node measures of a layer (or "" the network) at an epoch: one row a neuron, by group and node."""
    rows = table[
        (table["scope"] == "node")
        & (table["layer"] == layer)
        & (table["epoch"] == epoch)
        & table["measure"].isin(names)
    ]
    wide = rows.pivot_table(index=["group", "node"], columns="measure", values="value", dropna=False, sort=False)
    return wide.reindex(columns=names)
