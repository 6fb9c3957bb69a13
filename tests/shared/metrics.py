"""What of a run's metrics is the same every time."""

import pandas as pd


def untimed(metrics: pd.DataFrame) -> pd.DataFrame:
    """Leave out what tells seconds."""
    return metrics[~metrics["metric"].str.endswith("_seconds")].reset_index(drop=True)
