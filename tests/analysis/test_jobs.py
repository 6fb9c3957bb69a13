"""How measures are run: jobs, null models, workers that die, tables that are taken up again."""

import os
import signal

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import netsparse as ns
from netsparse import LayerGraph, NetsparseError, Run, Snapshot
from netsparse.analysis import MEASURES, Estimate, jobs
from netsparse.analysis.measure import COLUMNS, NULL_COLUMNS, measure
from netsparse.analysis.nulls import erdos_renyi, rewired
from netsparse.analysis.significance import significance

SOME = ["n_links", "anp_rate", "degree", "modularity", "giant_component"]


@pytest.fixture
def registered():
    """Register measures for one test."""
    names = set(MEASURES)
    yield measure
    for name in set(MEASURES) - names:
        del MEASURES._parts[name]


@pytest.fixture
def run(tmp_path, chain):
    run = Run.create(tmp_path / "run")
    for epoch in range(4):
        run.write_snapshot(Snapshot(chain(epoch + 1).layers, epoch=epoch))
    return run


def same(first: pd.DataFrame, second: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert first.attrs == second.attrs


def rows_of(table: pd.DataFrame, name: str, scope: str = "network") -> pd.DataFrame:
    return table[(table["measure"] == name) & (table["scope"] == scope)]


def test_the_table_equals_one_made_row_by_row(chain):
    snapshot = chain(3)
    table = measure(snapshot, ["anp_rate", "degree", "modularity"])
    rows = []
    for scope, layer, graph in [*(("layer", g.name, g) for g in snapshot), ("network", "", snapshot)]:
        network = ns.analysis.as_network(graph)
        for name in ("anp_rate", "degree", "modularity"):
            for variant in MEASURES[name]:
                value = variant.function(network)
                if variant.of == "graph":
                    rows.append((scope, layer, name, value, "", pd.NA))
                elif variant.of == "group":
                    rows += [("group", layer, name, number, group, pd.NA) for group, number in value.items()]
                else:
                    parts = network.by_group(value).items()
                    rows += [("node", layer, name, x, group, i) for group, part in parts for i, x in enumerate(part)]
    expected = pd.DataFrame(rows, columns=["scope", "layer", "measure", "value", "group", "node"])
    expected = expected.astype({"node": "Int64", "value": float})
    pd.testing.assert_frame_equal(table[list(expected.columns)], expected)
    assert table["epoch"].tolist() == [3] * len(table)
    assert table["run"].eq("").all()
    assert table["reason"].eq("").all()


def test_a_table_of_nothing(chain):
    table = measure(LayerGraph.from_mask(np.zeros((0, 0))), ["degree"])
    assert list(table.columns) == COLUMNS
    assert len(table) == 0
    assert len(measure([], ["degree"])) == 0
    joined = pd.concat([table, measure(chain(1), ["degree"])])
    assert joined["epoch"].dtype == "Int64"


def test_estimates_carry_their_standard_error(registered, chain):
    @registered("full")
    def estimated(network):
        return Estimate(0.5, 0.25)

    table = measure(chain(1), ["estimated", "n_links"])
    assert table.loc[table["measure"] == "estimated", "standard_error"].eq(0.25).all()
    assert table.loc[table["measure"] == "n_links", "standard_error"].isna().all()


def test_a_measure_that_fails_leaves_a_reason(registered, chain, caplog):
    @registered("full")
    def dense_only(network):
        if network.n_nodes > 30:
            raise ValueError("too\nlarge")
        return 1.0

    @registered("full", of="node", name="dense_only")
    def dense_only_by_node(network):
        raise MemoryError

    table = measure(chain(1), ["dense_only", "n_links"])
    network = rows_of(table, "dense_only")
    assert network["value"].isna().all()
    assert network["reason"].tolist() == ["failed: ValueError: too large"]
    assert rows_of(table, "dense_only", "layer")["value"].tolist() == [1, 1, 1]
    assert rows_of(table, "dense_only", "node")["reason"].tolist() == ["failed: MemoryError"] * 4
    assert rows_of(table, "n_links")["reason"].tolist() == [""]
    assert caplog.text.count("too large") == 1
    assert caplog.text.count("MemoryError") == 1

    @registered("full")
    def stopped(network):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(chain(1), ["stopped"])


def test_null_models(chain, registered):
    @registered("full")
    def drawn(network, seed=0):
        return float(network.adjacency.indices[:40] @ np.arange(40)) + seed

    snapshot = chain(2)
    table = measure(snapshot, ["drawn", "anp_rate", "degree"], nulls=7, seed=3)
    assert list(table.columns) == [*COLUMNS[:6], *NULL_COLUMNS, *COLUMNS[6:]]
    assert table.attrs == {"seed": 3, "nulls": 7}
    assert table.loc[table["scope"] == "node", NULL_COLUMNS].isna().all(axis=None)
    for graph, layer in ((snapshot, ""), (snapshot["layer1"], "layer1")):
        row = table[(table["measure"] == "drawn") & (table["layer"] == layer)].iloc[0]
        group = table[(table["measure"] == "anp_rate") & (table["layer"] == layer) & (table["group"] == "group1")].iloc[
            0
        ]
        for make, tag, names in ((rewired, 1, NULL_COLUMNS[:4]), (erdos_renyi, 2, NULL_COLUMNS[4:])):
            nulls = [make(graph, [3, tag, k]) for k in range(7)]
            expected = significance(row["value"], [MEASURES["drawn"][0].function(null, seed=3) for null in nulls])
            assert row[names].tolist() == pytest.approx(list(expected), nan_ok=True)
            rates = [MEASURES["anp_rate"][1].function(null)["group1"] for null in nulls]
            assert group[names].tolist() == pytest.approx(list(significance(group["value"], rates)), nan_ok=True)
    assert measure(nx.karate_club_graph(), ["modularity"], nulls=2)["null_mean"].notna().all()


def test_null_models_on_which_a_measure_fails_are_left_out(chain, registered):
    @registered("full")
    def delicate(network):
        if network.degrees[0] % 2:
            raise ZeroDivisionError
        return float(network.degrees[0])

    layer = LayerGraph.from_mask(np.arange(60).reshape(6, 10) % 3 == 0)
    assert layer.source_degrees[0] % 2 == 0
    row = measure(layer, ["delicate"], nulls=10).iloc[0]
    values = [erdos_renyi(layer, [0, 2, k]).degrees[0] for k in range(10)]
    assert row["er_mean"] == pytest.approx(np.mean([v for v in values if v % 2 == 0]))


def test_nasty_layers_have_null_models(nasty_layer):
    table = measure(nasty_layer, "fast", nulls=2)
    numbers = table[table["scope"] != "node"]
    assert (numbers["value"].isna() == (numbers["reason"] != "")).all()
    assert not numbers["reason"].str.startswith("failed").any()


@pytest.mark.parametrize("n_jobs", [4])
def test_the_table_does_not_depend_on_the_number_of_workers(run, chain, n_jobs, registered):
    graphs = [chain(1), nx.karate_club_graph(), chain(2).layers[0]]
    same(measure(graphs, SOME, 6, 1), measure(graphs, SOME, 6, 1, n_jobs=n_jobs))

    @registered("full")
    def my_own(network, seed=0):  # which a worker does not find in the package
        if network.n_nodes < 25:
            raise ValueError("small")
        return float(network.n_nodes + seed)

    progress = []
    names = [*SOME, "my_own"]
    parallel = measure(run, names, seed=2, n_jobs=n_jobs, on_progress=lambda *told: progress.append(told))
    same(measure(run, names, seed=2), parallel)
    assert progress == [(i, 16) for i in range(17)]


def test_files_that_cannot_be_read_are_told(run):
    path = run.snapshots_path / "epoch-0002.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(NetsparseError, match="epoch-0002"):
        measure(run, SOME)


def test_a_worker_that_dies_is_replaced(run, registered, tmp_path):
    flag = tmp_path / "died"
    flag.touch()

    @registered("full")
    def dies_once(network, flag=str(flag)):
        import os
        import signal

        if network.snapshot.epoch == 2 and os.path.exists(flag):
            os.remove(flag)
            os.kill(os.getpid(), signal.SIGKILL)
        return 1.0

    names = [*SOME, "dies_once"]
    table = measure(run, names, n_jobs=2)
    assert not flag.exists()
    same(table, measure(run, names))


def test_a_measure_that_kills_its_worker_leaves_a_reason(run, registered):
    here = os.getpid()

    @registered("full")
    def kills(network, parent=here):
        import os
        import signal

        if network.snapshot is not None and network.snapshot.epoch == 2 and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return 1.0

    table = measure(run, [*SOME, "kills"], n_jobs=2)
    bad = table["reason"] != ""
    assert set(table.loc[bad, "measure"]) == {"kills"}
    assert table.loc[bad, "epoch"].tolist() == [2]
    assert table.loc[bad, "reason"].tolist() == ["failed: its worker process died each time"]
    same(measure(run, [*SOME, "kills"], done=table), measure(run, [*SOME, "kills"]))


def counted(monkeypatch) -> list[tuple[int | None, str, list[str]]]:
    """Note what is computed."""
    seen = []
    original = jobs.evaluate

    def evaluate(network, scope, measures, seed, force):
        measures = list(measures)
        epoch = network.snapshot.epoch if network.snapshot is not None else None
        seen.append((epoch, scope, [f"{found.name}-{found.of}" for found in measures]))
        return original(network, scope, measures, seed, force)

    monkeypatch.setattr(jobs, "evaluate", evaluate)
    return seen


@pytest.mark.parametrize("nulls", [0, 2])
def test_what_is_done_is_not_computed_again(run, monkeypatch, nulls, tmp_path):
    whole = measure(run, SOME, nulls)
    seen = counted(monkeypatch)
    same(measure(run, SOME, nulls, done=whole), whole)
    assert seen == []
    whole.to_parquet(tmp_path / "t.parquet", index=False)
    same(measure(run, SOME, nulls, done=pd.read_parquet(tmp_path / "t.parquet")), whole)
    assert seen == []
    part = pd.concat([measure(run, SOME[:3], nulls, epochs=[1]), measure(run, SOME, nulls, epochs=[3])])
    part.attrs = whole.attrs
    seen.clear()
    same(measure(run, SOME, nulls, done=part), whole)
    assert not [epoch for epoch, *_ in seen if epoch == 3]
    assert {name for epoch, _, names in seen for name in names if epoch == 1} == {
        "modularity-graph",
        "giant_component-graph",
    }


def test_the_variants_of_a_measure_are_told_apart(chain):
    fast = measure(chain(1), "fast")
    assert "credit_assigned_paths" in set(fast["measure"])
    same(
        measure(chain(1), ["credit_assigned_paths"], done=fast[fast["measure"] == "credit_assigned_paths"]),
        measure(chain(1), ["credit_assigned_paths"]),
    )


def test_what_failed_is_computed_again_and_the_rest_is_kept(run, registered, monkeypatch):
    broken = [True]

    @registered("full")
    def mended(network):
        if broken[0]:
            raise ValueError("broken")
        return 1.0

    first = measure(run, ["mended", "n_links", "density"])
    broken[0] = False
    seen = counted(monkeypatch)
    again = measure(run, ["mended", "n_links"], epochs=[0, 1], done=first)
    assert {name for *_, names in seen for name in names} == {"mended-graph"}
    assert again.loc[again["epoch"] < 2, "reason"].eq("").all()
    assert set(again["epoch"]) == {0, 1, 2, 3}
    assert set(again["measure"]) == {"mended", "n_links", "density"}
    assert not again.duplicated(["epoch", "layer", "measure"]).any()


def test_metrics_of_a_run_are_computed_again(trained_run):
    table = measure(trained_run, ["aae", "n_links"])
    assert table["measure"].iloc[-1] == "aae"
    older = table.copy()
    older.loc[older["measure"] == "aae", ["value", "epoch"]] = [0.1, 2]
    older.attrs = table.attrs
    same(measure(trained_run, ["aae", "n_links"], done=older), table)


def test_tables_that_cannot_be_completed(run, chain):
    table = measure(run, ["n_links"], seed=1)
    for options, message in (
        ({"seed": 2, "done": table}, "made with seed=1, now seed=2"),
        ({"seed": 1, "nulls": 3, "done": table}, "made with nulls=0, now nulls=3"),
        ({"done": table.assign(x=1).drop(columns="scope")}, "table of measures"),
        ({"done": "table.parquet"}, "table of measures"),
    ):
        with pytest.raises(NetsparseError, match=message):
            measure(run, ["n_links"], **options)
    table.attrs = {}
    with pytest.raises(NetsparseError, match="does not say"):
        measure(run, ["n_links"], seed=1, done=table)
    twice = [chain(1), chain(1)]
    with pytest.raises(NetsparseError, match="two graphs"):
        measure(twice, ["n_links"], done=measure(twice, ["n_links"]))


def test_unfinished_tables_are_handed_out(run, registered, monkeypatch):
    import sys

    monkeypatch.setattr(sys.modules["netsparse.analysis.measure"], "_EVERY", 0.0)
    monkeypatch.setattr("netsparse.spacing._RARELY", 0.0)

    @registered("full")
    def interrupted(network):
        if network.snapshot.epoch == 3:
            raise KeyboardInterrupt
        return 1.0

    tables = []
    with pytest.raises(KeyboardInterrupt):
        measure(run, ["interrupted"], on_table=tables.append)
    assert [len(table) for table in tables] == [*range(1, 13), 12]
    MEASURES._parts.pop("interrupted")

    @registered("full", name="interrupted")
    def goes_on(network):
        return 1.0

    same(measure(run, ["interrupted"], done=tables[-1]), measure(run, ["interrupted"]))


def test_a_cluster_that_does_not_answer(chain, monkeypatch):
    import sys

    monkeypatch.setattr(sys.modules["netsparse.analysis.workers"], "_PATIENCE", 1)
    for address, message in (("tcp://127.0.0.1:1", "no Dask scheduler answers"), ("nonsense", "no address")):
        with pytest.raises(NetsparseError, match=message):
            measure(chain(1), ["n_links"], cluster=address)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NetsparseError, match=r"netsparse\[cluster\]"):
        measure(chain(1), ["n_links"], cluster="tcp://127.0.0.1:1")


def test_a_dask_cluster_of_which_a_worker_is_killed(run, registered, tmp_path):
    distributed = pytest.importorskip("distributed")

    @registered("full")
    def slow(network, folder=str(tmp_path)):
        import os
        import time

        open(os.path.join(folder, f"worker-{os.getpid()}"), "w").close()
        time.sleep(0.05)
        return float(network.n_nodes)

    names = [*SOME, "slow"]
    expected = measure(run, names)
    for path in tmp_path.glob("worker-*"):
        path.unlink()
    killed = []

    def kill(done: int, total: int) -> None:
        if done == total // 3:
            worker = int(next(path.name for path in tmp_path.glob("worker-*")).split("-")[1])
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)

    import dask

    # what is on a dead worker is not waited for as long as on a slow net
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "3s"}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
    ):
        table = measure(run, names, cluster=cluster.scheduler_address, on_progress=kill)
    assert len(killed) == 1
    same(table, expected)
