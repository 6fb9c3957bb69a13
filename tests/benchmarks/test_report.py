"""The report page of 5,000 neurons and 60,000 links: size of the file, time of a step of the epoch slider.

Run with: python -m pytest tests/benchmarks/test_report.py -s
"""

import itertools

import numpy as np
import pandas as pd
from browser import STEP, launched, needs_chromium, open_page

from netsparse.figures.report import write_report
from netsparse.graph import LayerGraph, Snapshot
from netsparse.run import Run

SIZES = (1250, 1250, 1250, 1250)
LINKS = 20_000  # a layer
EPOCHS = 20
REMOVED = 0.3


def synthetic_run(path, sizes=SIZES, n_links=LINKS, n_epochs=EPOCHS) -> Run:
    """Make a run whose links change by 30 % an epoch, with an embedding of every layer at every epoch."""
    rng = np.random.default_rng(0)
    run = Run.create(path)
    shapes = list(itertools.pairwise(sizes))
    keys = [rng.choice(n * m, n_links, replace=False) for n, m in shapes]
    tables = []
    for epoch in range(n_epochs):
        layers = []
        for i, (n, m) in enumerate(shapes):
            if epoch:
                kept = rng.permutation(keys[i])[: round((1 - REMOVED) * n_links)]
                fresh = np.setdiff1d(rng.choice(n * m, 2 * n_links, replace=False), kept)
                keys[i] = np.concatenate([kept, rng.permutation(fresh)[: n_links - len(kept)]])
            layers.append(LayerGraph.from_keys(np.sort(keys[i]), (n, m), f"layer{i}", f"group{i}", f"group{i + 1}"))
            tables.append(_embedding(layers[-1], epoch, rng))
        run.write_snapshot(Snapshot(layers, epoch=epoch))
    run.write_measures(pd.concat(tables, ignore_index=True).assign(run=run.name, reason=""))
    return run


def _embedding(layer: LayerGraph, epoch: int, rng: np.random.Generator) -> pd.DataFrame:
    n = layer.n_source + layer.n_target
    theta = rng.uniform(0, 2 * np.pi, n)
    degree = np.concatenate([layer.source_degrees, layer.target_degrees])
    radius = 2 * np.log(n) - 2 * np.log(degree + 1) * rng.uniform(0.5, 1, n)
    values = {"theta": theta, "radius": radius, "community": theta // 0.5, "degree": degree}
    groups = [layer.source] * layer.n_source + [layer.target] * layer.n_target
    nodes = [*range(layer.n_source), *range(layer.n_target)]
    return pd.concat(
        pd.DataFrame(
            {"epoch": epoch, "scope": "node", "layer": layer.name, "measure": name, "value": own, "group": groups}
        ).assign(node=nodes)
        for name, own in values.items()
    )


@needs_chromium
def test_a_step_of_the_slider_takes_less_than_200_ms_and_the_file_less_than_15_mb(tmp_path):
    path = write_report(synthetic_run(tmp_path / "synthetic"))
    print(f"\n{path.stat().st_size / 1e6:.2f} MB")
    assert path.stat().st_size < 15e6
    with launched() as browser:
        page = open_page(browser, path)
        for view in page.locator("#view option").all():
            page.select_option("#view", view.get_attribute("value"))
            times = [page.evaluate(STEP, k) for k in range(1, EPOCHS)]
            print(f"{view.inner_text()}: median {np.median(times):.0f} ms, largest {max(times):.0f} ms")
            assert np.median(times) < 200
