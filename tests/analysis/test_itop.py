"""The ITOP rate: against a dense union, and a run's own."""

import numpy as np
import pytest

from netsparse import LayerGraph, NetsparseError, Snapshot
from netsparse.analysis import itop_rate


def test_itop_rate_is_the_density_of_the_union(chain):
    snapshots = [chain(seed) for seed in range(3)]
    found = itop_rate(snapshots)
    union = [sum(s.layers[i].biadjacency.toarray() for s in snapshots) > 0 for i in range(3)]
    assert found == pytest.approx(
        {f"layer{i}": mask.mean() for i, mask in enumerate(union)}
        | {"": sum(mask.sum() for mask in union) / sum(mask.size for mask in union)}
    )
    assert itop_rate(iter(snapshots)) == found


def test_itop_rate_of_a_run_is_what_the_training_says(trained_run):
    found, metrics = itop_rate(trained_run), trained_run.metrics
    last = metrics[(metrics["metric"] == "itop_rate") & (metrics["epoch"] == metrics["epoch"].max())]
    told = dict(zip(last["layer"], last["value"], strict=True))
    assert told
    assert {name: found[name] for name in told} == pytest.approx(told)


def test_what_has_no_itop_rate(chain):
    with pytest.raises(NetsparseError, match="at least one"):
        itop_rate([])
    with pytest.raises(NetsparseError, match="same layers"):
        itop_rate([chain(1), Snapshot([LayerGraph.from_mask([[1]])])])
    assert itop_rate([Snapshot([LayerGraph.from_mask(np.zeros((0, 3)))])])["layer"].reason
