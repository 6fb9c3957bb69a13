"""AAE: how fast and how well a run learns, in one number."""

import pandas as pd

from netsparse.analysis.measure import measure
from netsparse.analysis.undefined import Undefined


@measure("fast", of="run", scopes=("network",))
def aae(metrics: pd.DataFrame) -> float:
    """Give the area across the epochs (AAE): the mean test accuracy over the epochs, a fraction of 1.

    It rewards both early and final accuracy. Undefined without a test accuracy.

    Parameters
    ----------
    metrics : pandas.DataFrame
        A run's metrics, columns epoch, layer, metric, value.

    References
    ----------
    Zhang et al. (2023), Ultra-sparse network advantage in deep learning via Cannistraci-Hebb brain-inspired training
    with hyperbolic meta-deep community-layered epitopology, Appendix I.

    Examples
    --------
    >>> rows = [(1, "", "test_accuracy", 0.5), (2, "", "test_accuracy", 0.7)]
    >>> aae(pd.DataFrame(rows, columns=["epoch", "layer", "metric", "value"]))
    0.6
    """
    accuracy = metrics.loc[metrics["metric"] == "test_accuracy", "value"]
    return float(accuracy.mean()) if len(accuracy) else Undefined("no test accuracy was recorded")
