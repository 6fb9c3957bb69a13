"""`netsparse sweep`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsparse.cli.output import say
from netsparse.errors import NetsparseError

if TYPE_CHECKING:
    from netsparse.run import Run


def sweep(
    config: Annotated[
        Path,
        typer.Argument(help="TOML file: [train] options, [grid] lists of values, [variants.NAME].", metavar="CONFIG"),
    ],
    jobs: Annotated[int, typer.Option(help="Runs at a time.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder of the runs.", show_default="runs/CONFIG's name")] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Measure each run, too, as `netsparse train` does: for disks and the like."),
    ] = False,
) -> None:
    """Train every combination of options, skip what is there, and print mean ± sd over the seeds."""
    from netsparse.progress import print_sweep
    from netsparse.run import write_table
    from netsparse.training.sweep import read_sweep, run_sweep, sweep_table

    runs = read_sweep(config)
    folder = Path("runs") / config.stem if out is None else out
    say(f"{len(runs)} runs in {folder}")

    def tell(outcome: Any) -> None:
        numbers = outcome.numbers
        said = outcome.error or f"test accuracy {100 * numbers['final_test_accuracy']:.2f} %"
        say(
            f"{outcome.how:<8} {outcome.run.name}: {said}", file=sys.stderr if outcome.error else sys.stdout, flush=True
        )

    try:
        outcomes = run_sweep(runs, folder, _numbers, jobs, tell)
    except KeyboardInterrupt:
        say("netsparse: what was trained is kept; the same command goes on with it", file=sys.stderr)
        raise
    if measure:
        _measure_missing([folder / outcome.run.name for outcome in outcomes if outcome.how != "failed"], jobs)
    table = sweep_table(outcomes)
    write_table(folder / "results.csv", table)
    print_sweep(table)
    say(f"Written: {folder / 'results.csv'}")
    failed = [outcome.run.name for outcome in outcomes if outcome.how == "failed"]
    if failed:
        raise NetsparseError(f"{len(failed)} of {len(outcomes)} runs failed: {', '.join(failed)}")


def _measure_missing(paths: Sequence[Path], jobs: int) -> None:
    """Measure runs that have no table of measures yet."""
    from netsparse.analysis.background import measure_run
    from netsparse.progress import jobs_progress
    from netsparse.run import Run

    runs = [run for run in map(Run, paths) if not run.measures_path.is_file()]
    for number, run in enumerate(runs, 1):
        with jobs_progress(f"Measuring run {number} of {len(runs)}") as show:
            measure_run(run, n_jobs=jobs, on_progress=show)


def _numbers(run: Run) -> dict[str, float]:
    """Return what a sweep's table holds of a run."""
    from netsparse.analysis.aae import aae
    from netsparse.training.loop import result_of

    result, metrics = result_of(run.metrics), run.metrics
    whole = metrics[metrics["layer"] == ""]
    last = whole[whole["epoch"] == whole["epoch"].max()].set_index("metric")["value"]
    seconds = whole[whole["metric"].isin(["training_seconds", "topology_seconds"])].groupby("metric")["value"].sum()
    final = metrics[(metrics["epoch"] == metrics["epoch"].max()) & (metrics["metric"] == "links")]
    return {
        "final_test_accuracy": result.final_test_accuracy,
        "best_test_accuracy": result.best_test_accuracy,
        "aae": aae(metrics),
        "anp_rate": float(last["anp_rate"]),
        "links": float(final["value"].sum()),
        **{str(name): float(value) for name, value in seconds.items()},
    }
