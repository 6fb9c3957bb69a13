"""The report page in a real browser: Chromium, headless, by Playwright."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from browser import launched, needs_chromium

from netsparse.figures.disks import disks_of
from netsparse.figures.report import write_report
from netsparse.graph import LayerGraph, Snapshot
from netsparse.run import Run

pytestmark = needs_chromium

HOSTILE = '</script><img src=x onerror="alert(1)"><b>x</b>'
HOSTILE_GROUPS = ("<script>alert(1)</script>", "constructor", '<a href="javascript:alert(1)">y</a> $x$ &lt;')


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with launched() as browser:
        yield browser


@pytest.fixture
def opened(browser):
    """Open a page; whatever it asks for, complains about or pops up fails the test."""

    @contextmanager
    def open_page(path, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        page = context.new_page()
        requests, troubles = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        yield page
        assert troubles == []
        assert requests == [path.as_uri()]
        context.close()

    return open_page


@pytest.fixture(scope="module")
def report(trained_run, tmp_path_factory):
    return write_report(trained_run, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory) -> Run:
    """A run whose every name is an attack."""
    run = Run.create(tmp_path_factory.mktemp("hostile") / "<img src=x onerror=alert(1)>")
    run.write_config({"method": HOSTILE, "dataset": "<i>d</i>", "<u>option</u>": HOSTILE})
    run.write_environment({"command": ["netsparse", "train", "--out", HOSTILE], "versions": {HOSTILE: HOSTILE}})
    rng = np.random.default_rng(0)
    tables, metrics = [], []
    for epoch in range(3):
        layers = [
            LayerGraph.from_mask(rng.random((9, 9)) < 0.4, name, *groups)
            for name, groups in ((HOSTILE, HOSTILE_GROUPS[:2]), ("__proto__", HOSTILE_GROUPS[1:]))
        ]
        run.write_snapshot(Snapshot(layers, epoch=epoch))
        for layer in layers:
            row = {"epoch": epoch, "scope": "layer", "layer": layer.name, "measure": HOSTILE, "value": rng.random()}
            tables.append(row | {"reason": HOSTILE, "run": HOSTILE, "group": "", "node": pd.NA})
            metrics.append({"epoch": epoch, "layer": layer.name, "metric": "anp_rate", "value": rng.random()})
        metrics.append({"epoch": epoch, "layer": "", "metric": "test_accuracy", "value": rng.random()})
    run.write_measures(pd.DataFrame(tables))
    run.write_metrics(pd.DataFrame(metrics))
    return run


def picture(page, canvas: str) -> str:
    return page.evaluate(f"document.getElementById('{canvas}').toDataURL()")


def frame(page) -> None:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def go(page, k: int) -> None:
    page.evaluate(
        """(k) => {
          const slider = document.getElementById('epoch');
          slider.value = k;
          slider.dispatchEvent(new Event('input'));
        }""",
        k,
    )
    frame(page)


def neuron_at(page, disk, i: int) -> tuple[float, float]:
    """Return where a neuron of a disk lies on the screen."""
    page.locator("#disk-over").scroll_into_view_if_needed()
    box = page.locator("#disk-over").bounding_box()
    reach = box["width"] / 2 - max(4, box["width"] / 60)
    x, y = disk.xy[i]
    return box["x"] + box["width"] / 2 + reach * x, box["y"] + box["height"] / 2 - reach * y


def lonely(disk) -> int:
    """Return a neuron of the giant component, of many links, that no other lies near to."""
    xy = np.where(np.isfinite(disk.xy), disk.xy, 9)
    far = np.sqrt(((xy[:, None] - xy[None]) ** 2).sum(axis=2)) + 9 * np.eye(len(xy))
    return int(np.argmax(np.where(disk.embedded & (far.min(axis=1) > 0.02), disk.degree, -1)))


def test_the_slider_moves_by_keys_and_the_pictures_change(opened, report):
    with opened(report) as page:
        assert page.locator("#epoch-told").inner_text() == "epoch 0"
        before = picture(page, "disk"), picture(page, "mask")
        page.locator("#epoch").focus()
        page.keyboard.press("ArrowRight")
        frame(page)
        assert page.locator("#epoch-told").inner_text() == "epoch 1"
        assert page.locator("#epoch").get_attribute("aria-valuetext") == "epoch 1"
        assert "of epoch 0" in page.locator("#disk-note").inner_text()
        page.keyboard.press("End")
        frame(page)
        assert page.locator("#epoch-told").inner_text() == "epoch 4"
        after = picture(page, "disk"), picture(page, "mask")
        assert before[0] != after[0]
        assert before[1] != after[1]


def test_play_goes_through_the_epochs_and_stops(opened, report):
    with opened(report) as page:
        page.locator("#play").click()
        page.wait_for_selector('#epoch-told:text-is("epoch 4")', timeout=20_000)
        page.wait_for_selector("#play[aria-pressed=false]", timeout=10_000)


@pytest.mark.parametrize(("k", "layer"), [(0, "sandwich1"), (4, "sandwich2"), (4, "")])
def test_a_neuron_under_the_pointer_tells_its_name_and_links(opened, report, trained_run, k, layer):
    snapshot = trained_run.snapshot(k)
    [disk] = [disk for disk in disks_of(trained_run.measures, layer) if disk.epoch == k]
    i = lonely(disk)
    group, node = str(disk.group[i]), int(disk.node[i])
    degrees = {(la.source, la.name): la.source_degrees for la in snapshot}
    degrees |= {(la.target, la.name): la.target_degrees for la in snapshot}
    own = {name: int(own[node]) for (of, name), own in degrees.items() if of == group}
    n_in = sum(own[la.name] for la in snapshot if la.target == group)
    n_out = sum(own[la.name] for la in snapshot if la.source == group)
    degree = own[layer] if layer else n_in + n_out
    with opened(report) as page:
        page.select_option("#view", label=layer or "whole network")
        go(page, k)
        x, y = neuron_at(page, disk, i)
        page.mouse.move(x, y)
        tip = page.locator("#tip").inner_text()
        assert tip.splitlines()[0] == f"{group} {node}"
        assert f"degree {degree}, community {disk.community[i]}" in tip
        assert f"{n_in} links in, {n_out} out" in tip
        assert float(tip.split("radius ")[1].split(",")[0]) == pytest.approx(disk.radius[i], rel=0.01)
        assert float(tip.split("angle ")[1].split("°")[0]) == pytest.approx(np.degrees(disk.theta[i]) % 360, rel=0.01)
        assert page.locator("#neuron h4").inner_text() == f"{group} {node}"
        page.mouse.click(x, y)
        page.mouse.move(0, 0)
        assert page.locator("#tip").is_hidden()
        assert page.locator("#neuron h4").inner_text() == f"{group} {node}"
        assert picture(page, "mask-over") != picture(page, "disk-over")
        assert page.locator("#go-number").input_value() == str(node)


def test_keys_go_from_neuron_to_neuron_and_the_form_goes_to_one(opened, report, trained_run):
    with opened(report) as page:
        page.locator("#disk-over").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        first = page.locator("#neuron h4").inner_text()
        page.keyboard.press("ArrowRight")
        assert page.locator("#neuron h4").inner_text() != first
        page.keyboard.press("Escape")
        assert page.locator("#neuron h4").count() == 0
        page.select_option("#go-group", label="hidden3")
        page.locator("#go-number").fill("7")
        page.locator("#go-number").press("Enter")
        frame(page)
        assert page.locator("#neuron h4").inner_text() == "hidden3 7"
        assert page.locator("#view option:checked").inner_text() == "sandwich3"
        degree = trained_run.snapshot(0)["sandwich3"].target_degrees[7]
        assert f"Degree\n{degree}\n" in page.locator("#neuron dl").inner_text()


def test_the_mask_tells_the_pair_under_the_pointer(opened, report, trained_run):
    layer = trained_run.snapshot(0)["sandwich1"]
    source, target = (int(ends[100]) for ends in layer.biadjacency.nonzero())
    with opened(report) as page:
        page.locator("#mask-over").scroll_into_view_if_needed()
        box = page.locator("#mask-over").bounding_box()
        height = box["width"] * max(layer.n_source / layer.n_target, 0.5)
        x = box["x"] + (target + 0.5) / layer.n_target * box["width"]
        y = box["y"] + (box["height"] - height) / 2 + (source + 0.5) / layer.n_source * height
        page.mouse.move(x, y)
        assert page.locator("#tip").inner_text() == f"{layer.source} {source} → {layer.target} {target}\na link"
        page.mouse.click(x, y)
        assert page.locator("#neuron h4").inner_text() == f"{layer.source} {source}"
        page.select_option("#order", "degree")
        frame(page)
        page.mouse.move(x + 1, y)
        page.mouse.move(box["x"] + 1, y)
        column = int(np.argmax(layer.target_degrees))
        assert f"→ {layer.target} {column}\n" in page.locator("#tip").inner_text()


def test_a_click_in_a_chart_moves_the_slider_and_the_line_follows(opened, report):
    with opened(report) as page:
        plot = page.locator("#chart-anp .plot")
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        page.mouse.click(box["x"] + box["width"] - 16, box["y"] + 60)
        assert page.locator("#epoch-told").inner_text() == "epoch 4"
        lines = [line.bounding_box()["x"] for line in page.locator(".cursor").all()]
        assert lines[1] > box["x"] + 0.8 * box["width"]
        page.select_option("#any", "modularity")
        page.select_option("#any-of", label="sandwich2")
        assert "partition" not in page.locator("#any-meaning").inner_text()  # no meanings were handed in
        assert page.locator("#chart-any .scatterlayer .trace").count() == 1


def test_measures_are_found_and_sorted(opened, report):
    with opened(report) as page:
        rows = page.locator("#measures tbody tr")
        page.locator("#find").fill("mean degree")
        assert rows.count() == 1
        page.select_option("#measures-of", "*")
        assert rows.count() == 4
        page.locator("#measures thead button", has_text="Last").click()
        values = [float(cell.replace(",", "")) for cell in rows.locator("td:nth-child(4)").all_inner_texts()]
        assert values == sorted(values, reverse=True)
        assert page.locator("#measures th[aria-sort=descending]").count() == 1


def test_names_stay_text_everywhere(opened, hostile_run, tmp_path):
    path = write_report(hostile_run, tmp_path / "hostile.html", meanings={HOSTILE: HOSTILE})
    with opened(path) as page:
        scripts = page.locator("script").count()
        for view in page.locator("#view option").all():
            page.select_option("#view", view.get_attribute("value"))
            frame(page)
            box = page.locator("#disk-over").bounding_box()
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 6 + box["height"] / 60)
            page.locator("#disk-over").focus()
            page.keyboard.press("Escape")
            page.keyboard.press("ArrowDown")
            first = HOSTILE_GROUPS[1 if view.inner_text() == "__proto__" else 0]
            assert page.locator("#neuron h4").inner_text() == f"{first} 0"
        for chart in ("anp", "any"):
            plot = page.locator(f"#chart-{chart} .plot")
            plot.scroll_into_view_if_needed()
            box = plot.bounding_box()
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 80)
            page.wait_for_timeout(200)
            assert "__proto__" in plot.locator(".hoverlayer").text_content()
            assert "</script>" in plot.locator(".hoverlayer").text_content()
        assert page.locator("#view option").first.inner_text() == HOSTILE
        assert HOSTILE in page.locator("#measures").inner_text()
        assert HOSTILE in page.locator("#configuration").inner_text()
        assert HOSTILE in page.locator(".legend").nth(1).inner_text()
        assert HOSTILE in page.title()
        assert page.locator("script").count() == scripts
        for made in ("img", "main a", "main b", "main i", "main u", "svg a"):
            assert page.locator(made).count() == 0, made


def test_a_script_that_was_smuggled_in_would_not_run(opened, report, tmp_path):
    path = tmp_path / "smuggled.html"
    text = report.read_text().replace("<main>", "<main><script>document.title = 'smuggled'</script>", 1)
    path.write_text(text)
    with pytest.raises(AssertionError, match="Content Security Policy"), opened(path) as page:
        assert page.title() != "smuggled"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_light_and_dark(opened, report, scheme):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": scheme}
    with opened(report, **phone) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        box = page.locator("#disk-over").bounding_box()
        assert 300 < box["width"] <= 390
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
        assert dark == (scheme == "dark")
        before = picture(page, "mask")
        page.locator("#theme").click()
        frame(page)
        assert picture(page, "mask") != before
        assert (page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)") != dark


def test_a_tap_chooses_a_neuron(opened, report, trained_run):
    disk = disks_of(trained_run.measures, "sandwich1")[0]
    i = lonely(disk)
    with opened(report, viewport={"width": 390, "height": 844}, has_touch=True) as page:
        page.touchscreen.tap(*neuron_at(page, disk, i))
        assert page.locator("#neuron h4").text_content() == f"{disk.group[i]} {disk.node[i]}"
        assert page.locator("#tip").is_visible()


def test_several_runs_one_of_them_not_measured(opened, trained_run, tmp_path):
    other = Run.create(tmp_path / "other")
    other.write_config({**trained_run.config, "method": "set", "zeta": 0.5})
    other.write_metrics(trained_run.metrics.assign(value=lambda table: table["value"] * 0.9))
    for epoch in (0, 4):
        other.write_snapshot(trained_run.snapshot(epoch))
    path = write_report([trained_run, other])
    assert path == trained_run.path.parent / "report.html"
    with opened(path, viewport={"width": 820, "height": 900}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 820
        assert page.locator("#glance tbody tr").count() == 2
        assert f"netsparse measure {other.path}" in page.locator("#unmeasured").inner_text()
        assert page.locator("#chart-accuracy .legend li").all_inner_texts() == ["CHT", "SET"]
        go(page, 4)
        page.select_option("#run", label="other")
        page.wait_for_selector('#epoch[max="1"]')
        frame(page)
        assert page.locator("#epoch-told").inner_text() == "epoch 4"
        assert "No embedding was measured" in page.locator("#disk-note").inner_text()
        page.locator("#only").check()
        options = page.locator("#configuration tbody th").all_inner_texts()
        assert options == ["method", "zeta"]
    path.unlink()


def test_a_layer_of_too_many_links_shows_its_density(opened, tmp_path, monkeypatch):
    monkeypatch.setattr("netsparse.figures.report.explorable.MAX_LINKS", 100)
    run = Run.create(tmp_path / "run")
    rng = np.random.default_rng(0)
    for epoch in range(2):
        layers = [LayerGraph.from_mask(rng.random((40, 200)) < 0.1, "big", "a", "b")]
        layers.append(LayerGraph.from_mask(rng.random((200, 5)) < 0.05, "small", "b", "c"))
        run.write_snapshot(Snapshot(layers, epoch=epoch))
    with opened(write_report(run)) as page:
        assert page.locator("#view option").all_inner_texts() == ["big", "small"]
        assert "too many links" in page.locator("#disk-note").inner_text()
        before = picture(page, "mask")
        go(page, 1)
        assert picture(page, "mask") != before
        page.mouse.move(*[page.locator("#mask-over").bounding_box()[side] + 50 for side in ("x", "y")])
        assert page.locator("#tip").is_hidden()


def test_metrics_alone_and_one_epoch_alone_make_a_page(opened, tmp_path):
    metrics = Run.create(tmp_path / "metrics")
    metrics.write_metrics(pd.DataFrame({"epoch": [1], "layer": "", "metric": "test_accuracy", "value": [np.nan]}))
    with opened(write_report(metrics)) as page:
        assert page.locator("#network").is_hidden()
        assert page.locator("#chart-accuracy").inner_text() == "No accuracy was recorded."
    network = Run.create(tmp_path / "network")
    network.write_snapshot(Snapshot([LayerGraph.from_mask([[0, 0], [0, 0]])], epoch=3))
    with opened(write_report(network)) as page:
        assert page.locator("#epoch-told").inner_text() == "epoch 3"
        assert "4 neurons have no links" in page.locator("#disk-note").inner_text()
        page.locator("#play").click()
        assert page.locator("#play").get_attribute("aria-pressed") == "false"
