"""The film: kernels against plain twins, ways from epoch to epoch, files, and what is refused before any work."""

import errno
import io
import itertools
import shutil
import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import label

import netsparse as ns
from netsparse import LayerGraph, NetsparseError, Run, Snapshot
from netsparse.analysis.background import embed_run
from netsparse.cli import main
from netsparse.cli.options import epochs_of
from netsparse.errors import NothingToDrawError
from netsparse.figures.disks import Disk, disks_of, embedded_epochs
from netsparse.figures.film import _reel, film
from netsparse.figures.film_files import gif
from netsparse.figures.film_stage import Curve, Panel, Stage
from netsparse.figures.film_steps import Keyframe, Step, moments
from netsparse.figures.raster import add_dots, add_lines
from netsparse.figures.source import curve_of


@pytest.fixture(scope="module")
def embedded(trained_run, tmp_path_factory) -> Run:
    """The trained run with embeddings at all epochs."""
    folder = tmp_path_factory.mktemp("film") / "run"
    shutil.copytree(trained_run.path, folder)
    run = Run(folder)
    embed_run(run)
    return run


def disk(theta, radius, epoch=0, community=None, degree=None) -> Disk:
    n = len(theta)
    whole = np.zeros(n, np.int64)
    return Disk(
        "fc",
        epoch,
        np.array(["a"] * n),
        np.arange(n),
        np.array(theta, float),
        np.array(radius, float),
        whole if community is None else np.array(community),
        whole + 1 if degree is None else np.array(degree),
        {"gamma": 2.0, "modularity": np.nan, "angular_separability": 0.5, "anp_rate": np.nan},
    )


def key(found: Disk, links=()) -> Keyframe:
    n = len(found.theta)
    return Keyframe(found, np.array(sorted(a * n + b for a, b in links), np.int64))


# Kernels


def lines_twin(shape, starts, ends, weights, inks):
    """Every pixel of a line's longer side: how near it is, times how much longer the line is than that side."""
    ink = np.zeros((*shape, inks.shape[1]))
    for (x0, y0), (x1, y1), weight, own in zip(starts, ends, weights, inks, strict=True):
        for i, j in np.ndindex(shape):
            along, across = (j, i) if abs(x1 - x0) >= abs(y1 - y0) else (i, j)
            a0, b0, a1, b1 = (x0, y0, x1, y1) if abs(x1 - x0) >= abs(y1 - y0) else (y0, x0, y1, x1)
            if a0 != a1 and min(a0, a1) <= along <= max(a0, a1):
                middle = b0 + (b1 - b0) / (a1 - a0) * (along - a0)
                share = max(0.0, 1 - abs(across - middle)) * np.hypot(1, (b1 - b0) / (a1 - a0))
                ink[i, j] += weight * share * own
    return ink


def dots_twin(image, places, radii, square, colours, alpha, edge):
    image = image.astype(float)
    i, j = np.indices(image.shape[:2])
    for (x, y), radius, is_square, colour, there in zip(places, radii, square, colours, alpha, strict=True):
        dx, dy = np.abs(j - x), np.abs(i - y)
        distance = np.maximum(dx, dy) if is_square else np.hypot(dx, dy)
        cover = np.clip(radius + 0.5 - distance, 0, 1)
        inside = np.divide(np.clip(radius - edge + 0.5 - distance, 0, 1), cover, np.zeros_like(cover), where=cover > 0)
        own = 1 + inside[:, :, None] * (colour - 1)
        image += there * cover[:, :, None] * (own - image)
    return image


def test_lines_lie_where_a_plain_twin_puts_them():
    rng = np.random.default_rng(0)
    starts, ends = rng.uniform(-5, 30, (2, 60, 2))
    ends[:6] = starts[:6] + np.array([[4, 4], [4, -4], [0, 7], [7, 0], [0, 0], [-3, 0]])
    weights, inks = rng.random(60), rng.random((60, 2))
    weights[10] = 0
    ink = np.zeros((23, 26, 2), np.float32)
    add_lines(ink, starts, ends, weights, inks)
    np.testing.assert_allclose(ink, lines_twin((23, 26), starts, ends, weights, inks), atol=1e-4)


def test_a_line_has_as_much_ink_as_it_is_long():
    angle = np.linspace(0, 2 * np.pi, 50)
    ends = 50 + 40 * np.column_stack([np.cos(angle), np.sin(angle)])
    for end in ends:
        ink = np.zeros((101, 101, 1), np.float32)
        add_lines(ink, np.full((1, 2), 50.0), end[None], np.ones(1), np.ones((1, 1)))
        assert ink.sum() == pytest.approx(40, abs=1.5)


def test_dots_lie_where_a_plain_twin_puts_them():
    rng = np.random.default_rng(1)
    n = 40
    places, radii = rng.uniform(-3, 27, (n, 2)), rng.uniform(0.2, 6, n)
    square, colours, alpha = rng.random(n) < 0.5, rng.random((n, 3)), rng.random(n)
    alpha[:5] = 0
    image = rng.random((21, 24, 3)).astype(np.float32)
    wanted = dots_twin(image, places, radii, square, colours, alpha, 0.7)
    add_dots(image, places, radii, square, colours, alpha, 0.7)
    np.testing.assert_allclose(image, wanted, atol=1e-4)


def test_nothing_to_draw_leaves_the_image_and_dots_on_one_place_lie_over_each_other_in_their_order():
    none = np.zeros((0, 2))
    ink, image = np.zeros((4, 5, 2), np.float32), np.full((4, 5, 3), 0.5, np.float32)
    add_lines(ink, none, none, np.zeros(0), none)
    add_dots(image, none, np.zeros(0), np.zeros(0, bool), np.zeros((0, 3)), np.zeros(0), 0.5)
    assert not ink.any()
    assert (image == 0.5).all()
    tied = np.full((3, 2), 2.0), np.full(3, 1.5), np.array([False, True, False]), np.eye(3), np.array([1.0, 0.5, 0.5])
    wanted = dots_twin(image, *tied, 0.3)
    add_dots(image, *tied, 0.3)
    np.testing.assert_allclose(image, wanted, atol=1e-6)
    np.testing.assert_allclose(image[2, 2], [0.25, 0.25, 0.5], atol=1e-6)  # red, half green, half blue

    same = np.tile([[0.0, 1.0]], (4, 1)), np.tile([[4.0, 1.0]], (4, 1)), np.ones(4), np.ones((4, 2))
    add_lines(ink, *same)
    np.testing.assert_allclose(ink, lines_twin((4, 5), *same), atol=1e-6)


# Steps


def test_a_step_begins_and_ends_at_the_epochs(embedded):
    for layer in embedded.layer_names(0):
        disks = disks_of(embedded.measures, layer)
        for a, b in itertools.pairwise(disks):
            keys = [Keyframe.of(one, embedded.snapshot(one.epoch)[layer]) for one in (a, b)]
            step = Step(*keys)
            for t, one, keyframe in ((0.0, a, keys[0]), (1.0, b, keys[1])):
                scene = step.at(t)
                inside = one.embedded
                np.testing.assert_allclose(scene.xy[inside], one.xy[inside], atol=1e-12)
                np.testing.assert_array_equal(scene.alpha, inside)
                np.testing.assert_array_equal(scene.degree, one.degree)
                np.testing.assert_array_equal(scene.colours, keyframe.colours)
                seen = scene.weights > 0
                links = scene.tails[seen] * len(inside) + scene.heads[seen]
                both = inside[keyframe.keys // len(inside)] & inside[keyframe.keys % len(inside)]
                np.testing.assert_array_equal(links, keyframe.keys[both])
            assert np.isfinite(step.at(0.5).xy).all()


def test_neurons_take_the_shorter_arc_over_zero():
    step = Step(key(disk([0.2, 6.2], [1, 2])), key(disk([6.2, 0.3], [1, 2])))
    for t in np.linspace(0, 1, 11):
        assert step.at(t).xy[0, 0] > 0  # never through the left half
    middle = step.at(0.5).xy
    assert np.arctan2(*middle[0, ::-1]) == pytest.approx((0.2 + 6.2 - 2 * np.pi) / 2)
    assert np.arctan2(*middle[1, ::-1]) == pytest.approx((0.3 + 6.2 - 2 * np.pi) / 2)


def test_who_dies_fades_where_it_was_and_who_comes_where_it_will_be():
    nan = np.nan
    before = key(disk([1.0, 2.0, nan], [3.0, 4.0, nan]), [(0, 1)])
    after = key(disk([1.5, nan, 3.0], [3.0, nan, 3.5]), [(0, 2)])
    step = Step(before, after)
    places = before.disk.xy[1], after.disk.xy[2]
    seen = [step.at(t) for t in (0, 0.25, 0.5, 1)]
    assert [scene.alpha[1] for scene in seen] == [1, 0.75, 0.5, 0]
    assert [scene.alpha[2] for scene in seen] == [0, 0.25, 0.5, 1]
    for scene in seen:
        np.testing.assert_allclose(scene.xy[1:], places)
    old, new = zip(*(scene.weights for scene in seen), strict=True)
    assert list(old) == [1, 0.75**2, 0.25, 0]
    assert list(new) == [0, 0.25**2, 0.25, 1]


def test_links_have_the_colour_of_the_community_that_they_lie_in():
    one = key(disk([0, 1, 2], [1, 1, 1], community=[0, 0, 1]), [(0, 1), (0, 2)])
    colours = Step(one, one).at(0.3).link_colours
    np.testing.assert_allclose(colours, [one.colours[0], [0x77 / 255] * 3])


def test_nothing_jumps_from_frame_to_frame(embedded):
    reel = _reel(embedded, None)
    when = moments(reel.changes, 96)
    assert len(when) == 96
    assert (when[0], when[-1]) == ((0, 0.0), (len(reel.epochs) - 2, 1.0))
    for layer in range(len(reel.panels)):
        scenes = [reel.steps(k)[layer].at(t) for k, t in when]
        for a, b in itertools.pairwise(scenes):
            assert np.abs(b.alpha - a.alpha).max() < 0.2
            stays = (a.alpha > 0) & (b.alpha > 0)
            assert np.hypot(*(b.xy - a.xy)[stays].T).max() < 0.4


def test_the_more_moves_the_longer_it_takes():
    when = moments([1.0, 0.0, 3.0], 200)
    counts = np.bincount([step for step, _ in when])
    assert counts[2] > 2 * counts[0] > 10 * counts[1] > 0
    times = [step + t for step, t in when]
    assert times == sorted(times)
    assert moments([0.0, 0.0], 2) == [(0, 0.0), (1, 1.0)]


def test_a_table_of_other_snapshots_is_refused(embedded):
    layer = embedded.snapshot(0)["sandwich1"]
    with pytest.raises(NetsparseError, match="was not made from these snapshots"):
        Keyframe.of(disk([0.0], [1.0]), layer)


# The stage


def test_a_frame_shows_neurons_at_their_places():
    stage = Stage("t", [Panel("fc", 1, 4, 1)], [], (0, 1), 100)
    found = disk([0.0, np.pi / 2], [2.0, 2.0], community=[0, 1], degree=[4, 4])
    image = stage.frame(0.0, [found], [Step(key(found), key(found)).at(0)])
    assert image.shape == (stage.height, stage.width, 3)
    assert stage.height % 2 == stage.width % 2 == 0
    blue, orange = (0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)
    places = [np.argwhere((image == colour).all(axis=2)).mean(axis=0) for colour in (blue, orange)]
    assert places[0][1] - places[1][1] == pytest.approx(places[0][0] - places[1][0], abs=1)  # right and up alike
    assert places[0][1] > places[1][1]


@pytest.mark.parametrize("dpi", [100, 160])
def test_every_layer_is_seen_whatever_their_number(dpi):
    found = disk([0.0, np.pi / 2, np.pi, -np.pi / 2], [2.0] * 4, degree=[4] * 4)  # all on the rim
    scene = Step(key(found), key(found)).at(0)
    for n in range(1, 13):
        stage = Stage("t", [Panel("fc", 4, 4, 1)] * n, [], (0, 1), dpi)
        image = stage.frame(0.0, [found] * n, [scene] * n)
        _, n_dots = label((image == (0x00, 0x72, 0xB2)).all(axis=2))
        assert n_dots == 4 * n


def test_a_palette_has_the_communities_and_fits_a_gif():
    curves = [Curve(name, curve_of(ns.measure(LayerGraph.from_mask([[1]])), name), "#123456", "-") for name in "ab"]
    palette = Stage("t", [Panel("fc", 1, 4, 1)], curves, (0, 1), 100).palette
    assert len(palette) < 256
    assert {(0, 0, 0), (255, 255, 255), (0x00, 0x72, 0xB2), (0x12, 0x34, 0x56)} <= set(map(tuple, palette.tolist()))


# Files


def decoded(path) -> tuple[bytes, str]:
    """Return the pixels of all frames, and what the decoder tells; imageio's own reader leaves pipes open."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout, done.stderr.decode()


def test_mp4_has_the_frames_and_equal_bytes_twice(embedded, tmp_path):
    done = []
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for path in paths:
        options = {"fps": 8, "seconds": 1.5, "on_progress": lambda *progress: done.append(progress)}
        assert film(embedded, path, ["sandwich1"], **options) == path
    assert done == [(k + 1, 12) for k in range(12)] * 2
    pixels, told = decoded(paths[0])
    assert len(pixels) == (12 + 4 + 12) * 768 * 974 * 3
    assert all(word in told for word in ("h264", "yuv420p", "768x974", "8 fps"))
    content = paths[0].read_bytes()
    assert content == paths[1].read_bytes()
    assert content[4:8] == b"ftyp"
    assert content.index(b"moov") < content.index(b"mdat")  # a browser begins before all is there
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.mp4", "b.mp4"]


def test_gif_has_the_time_and_equal_bytes_twice(embedded, tmp_path):
    paths = [film(embedded, tmp_path / name, ["sandwich2"], seconds=1) for name in ("a.gif", "b.GIF")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with Image.open(paths[0]) as image:
        assert image.size[0] == 480
        assert image.info["loop"] == 0
        times = []
        for k in range(image.n_frames):
            image.seek(k)
            times.append(image.info["duration"])
        assert sum(times) == 10 * 100 + 500 + 1500
        assert times[0] >= 600
        assert times[-1] >= 1600


def test_gif_takes_the_nearest_colour():
    palette = np.array([[255, 255, 255], [250, 250, 250], [0, 0x72, 0xB2], [0, 0, 0]], np.uint8)
    frame = np.array([[[255, 255, 255], [249, 250, 251], [2, 0x70, 0xB0], [9, 9, 9]]], np.uint8)
    with Image.open(io.BytesIO(gif([frame], palette, [100]))) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB"))[0], palette)


def test_an_interrupted_film_leaves_what_was_there_and_no_encoder(embedded, tmp_path, monkeypatch):
    started = []
    popen = imageio_ffmpeg._io.subprocess.Popen

    def note(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(imageio_ffmpeg._io.subprocess, "Popen", note)
    path = tmp_path / "film.mp4"
    path.write_bytes(b"before")

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        film(embedded, path, seconds=1, on_progress=interrupt)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    assert [process.poll() for process in started] != []
    assert None not in [process.poll() for process in started]


def test_a_disk_that_runs_full_is_told(embedded, tmp_path, monkeypatch):
    def fail(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(sys.modules["netsparse.figures.film"], "write_whole", fail)
    with pytest.raises(NetsparseError, match=r"film\.gif: cannot be written: No space left"):
        film(embedded, tmp_path / "film.gif", seconds=0.5)


def test_without_an_encoder_the_message_says_so(embedded, tmp_path, monkeypatch):
    def fail() -> str:
        raise RuntimeError("No ffmpeg exe could be found.\nInstall it")

    monkeypatch.setattr(imageio_ffmpeg._io, "get_ffmpeg_exe", fail)
    with pytest.raises(NetsparseError, match=r"encoder failed \(No ffmpeg exe could be found.\); .* \.gif"):
        film(embedded, tmp_path / "film.mp4", seconds=1)


# What is refused, and odd runs


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("film.avi", {}, r"written as \.mp4 or \.gif"),
        ("film", {}, r"written as \.mp4 or \.gif"),
        ("none/film.mp4", {}, "cannot be written"),
        ("folder.gif", {}, "it is a folder"),
        ("film.mp4", {"fps": 0}, "frames a second are above 0 and at most 120"),
        ("film.mp4", {"fps": float("nan")}, "frames a second"),
        ("film.gif", {"fps": 60}, "at most 50"),
        ("film.mp4", {"seconds": -1}, "seconds are above 0"),
        ("film.mp4", {"layers": ["sandwich1", "sandwich9"]}, "no layer 'sandwich9'; choose from: sandwich1, sandwich2"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(name, options, message, embedded, tmp_path, monkeypatch):
    (tmp_path / "folder.gif").mkdir()
    monkeypatch.setattr("netsparse.run.Run.measures", property(lambda run: pytest.fail("work")))
    with pytest.raises(NetsparseError, match=message):
        film(embedded, tmp_path / name, **options)


def test_a_film_needs_two_epochs(tmp_path):
    run = Run.create(tmp_path / "run")
    with pytest.raises(NetsparseError, match="at least two epochs; there are those of none"):
        film(run, tmp_path / "film.gif")
    run.write_snapshot(Snapshot([LayerGraph.from_mask([[1, 0]])], epoch=3))
    with pytest.raises(NetsparseError, match=r"at least two epochs; there are those of 3"):
        film(run, tmp_path / "film.gif")


def run_of(folder, snapshots, *, measured: bool = True) -> Run:
    run = Run.create(folder)
    for epoch, layers in enumerate(snapshots):
        run.write_snapshot(Snapshot(layers, epoch=epoch))
    if measured:
        embed_run(run)
    return run


def test_layers_that_cannot_be_embedded_and_runs_that_are_not_measured(tmp_path):
    full = [[LayerGraph.from_mask(np.ones((3, 3)), "fc")]] * 2
    with pytest.raises(NothingToDrawError, match=r"fewer than two epochs .*all degrees are equal"):
        film(run_of(tmp_path / "full", full), tmp_path / "film.gif")
    with pytest.raises(NothingToDrawError, match="measure the run first: netsparse film"):
        film(run_of(tmp_path / "new", full, measured=False), tmp_path / "film.gif")
    many = [[LayerGraph.from_mask(np.eye(2), f"l{i}", f"a{i}", f"b{i}") for i in range(13)]] * 2
    with pytest.raises(NetsparseError, match="at most 12 layers, not 13"):
        film(run_of(tmp_path / "many", many, measured=False), tmp_path / "film.gif")


def test_an_epoch_without_embedding_is_an_empty_disk(tmp_path, random_layer):
    names = [(f"l{i}", f"a{i}", f"b{i}") for i in range(2)]
    none = LayerGraph.from_mask(np.zeros((20, 15)), *names[0])
    snapshots = [
        [random_layer(1, names=names[0]), random_layer(2, names=names[1])],
        [none, random_layer(3, names=names[1])],
        [random_layer(4, names=names[0]), random_layer(5, names=names[1])],
    ]
    reel = _reel(run_of(tmp_path / "run", snapshots), None)
    assert reel.epochs == [0, 1, 2]
    assert not reel.keyframes[0][1].disk.embedded.any()
    assert reel.keyframes[0][1].disk.numbers["anp_rate"] == 0
    assert reel.title == "run"
    (curve,) = reel.curves  # the run has no metrics, nor the network's measures
    assert curve.name == "mean ANP rate"
    assert curve.shares.index.tolist() == [0, 1, 2]
    assert 40 < curve.shares[1] < 60 < curve.shares[0] <= 100


def test_many_layers_with_odd_names_on_one_stage(tmp_path, random_layer):
    odd = ["a$b^{c", "<script>", "[red]x[/red]", "a.very.long.name.of.a.layer.that.does.not.fit.above.its.disk", "µ"]
    names = [(name, f"a{i}", f"b{i}") for i, name in enumerate(odd)]
    snapshots = [[random_layer(10 * epoch + i, names=own) for i, own in enumerate(names)] for epoch in range(2)]
    path = film(run_of(tmp_path / "run", snapshots), tmp_path / "film.gif", fps=4, seconds=0.5)
    with Image.open(path) as image:
        assert image.size[0] == 800
        assert image.size[1] > 600  # two rows, of three and two


def test_the_command_measures_what_is_missing(trained_run, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"
    shutil.copytree(trained_run.path, folder)
    monkeypatch.chdir(tmp_path)
    main(["film", "run", "--layer", "sandwich1", "--out", "film.gif", "--seconds", "1", "--fps", "5", "--jobs", "1"])
    assert capsys.readouterr().out == "film.gif\n"
    run = Run(folder)
    assert [one.epoch for one in disks_of(run.measures, "sandwich1")] == run.epochs
    with Image.open("film.gif") as image:
        assert image.n_frames > 1


def test_the_command_films_the_epochs_that_are_chosen_and_of_many_some(trained_run, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"
    shutil.copytree(trained_run.path, folder)
    run = Run(folder)
    run.measures_path.unlink()
    small = ["film", str(folder), "--layer", "sandwich1", "--seconds", "1", "--fps", "5", "--jobs", "1"]
    main([*small, "--epochs", "0:4:2", "--out", str(tmp_path / "chosen.gif")])
    assert embedded_epochs(run.measures, "sandwich1") == [0, 2, 4]
    run.measures_path.unlink()
    monkeypatch.setattr(sys.modules["netsparse.figures.film"], "MOST_EPOCHS", 2)
    main([*small, "--out", str(tmp_path / "some.gif")])
    assert embedded_epochs(run.measures, "sandwich1") == [0, 4]
    assert "2 of 5 epochs are filmed; --epochs chooses" in capsys.readouterr().err
    for epochs, told in (("0,9", "no snapshot of epoch 9; there are 0, 1, 2, 3, 4"), ("3", "chosen is that of 3")):
        with pytest.raises(SystemExit):
            main([*small, "--epochs", epochs, "--out", str(tmp_path / "none.gif")])
        assert told in capsys.readouterr().err
    assert not (tmp_path / "none.gif").exists()


@pytest.mark.parametrize(("text", "epochs"), [("0,60", [0, 60]), ("-1", [-1]), ("5,0:4:2,7:8", [5, 0, 2, 4, 7, 8])])
def test_epochs_are_told_by_commas_and_ranges(text, epochs):
    assert epochs_of(text) == epochs


@pytest.mark.parametrize("text", ["x", "1:", "3:9:0", "-3:4", "1:2:3:4", ""])
def test_epochs_that_are_none_are_refused(text):
    with pytest.raises(NetsparseError, match="such as 0:60:10; not"):
        epochs_of(text)


def test_the_command_refuses_before_it_measures(trained_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("netsparse.analysis.background.embed_run", lambda *_: pytest.fail("work"))
    with pytest.raises(SystemExit) as end:
        main(["film", str(trained_run.path), "--fps", "0", "--out", str(tmp_path / "film.mp4")])
    assert end.value.code == 2
    assert "frames a second" in capsys.readouterr().err
