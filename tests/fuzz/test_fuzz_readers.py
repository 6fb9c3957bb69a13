"""Every reader on files changed at random: clear errors only, in bounded time and memory. By hand: ``make fuzz``.

``NETSPARSE_FUZZ_MINUTES`` says for how long each form is tried (default: 1). What fails is shrunk by Hypothesis and
printed; the last file that was read lies in pytest's temporary folder (``--basetemp``) even if the process dies.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import netsparse as ns
from netsparse import LayerGraph, NetsparseError, Snapshot
from netsparse.masks.form import FORMS

MINUTES = float(os.environ.get("NETSPARSE_FUZZ_MINUTES", "1"))

# What a reader may be told to take, and what the process may take beside what it has: other libraries' buffers.
MAX_BYTES, SPARE_BYTES = 50_000_000, 3 * 2**30

# Longest time for one small file.
SECONDS = 10

# Numbers that break careless code, as bytes of binary files and as words of text.
NUMBERS = [0, 1, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**64 - 1]
WORDS = [
    b"nan",
    b"inf",
    b"-1",
    b"1e400",
    b"9" * 30,
    b"\xff\xfe",
    b"\0",
    b"\n",
    b",",
    b'"',
    b"../",
    b"<",
    b">",
    b"{",
    b"}",
]


def _whole_number(size: int) -> st.SearchStrategy[bytes]:
    return st.sampled_from(NUMBERS).map(lambda n: (n % 2 ** (8 * size)).to_bytes(size, "little"))


_PIECES = st.one_of(
    st.binary(min_size=1, max_size=12),
    _whole_number(4),
    _whole_number(8),
    st.sampled_from(WORDS),
    st.sampled_from(NUMBERS).map(lambda n: str(n).encode()),
)

# (what to do, where as a share of the file, how long, bytes)
_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "overwrite", "delete", "double", "number"]),
        st.floats(0, 1, allow_nan=False),
        st.integers(0, 40),
        _PIECES,
    ),
    min_size=1,
    max_size=5,
)


def changed(content: bytes, changes: list[tuple[str, float, int, bytes]]) -> bytes:
    """Change a file's content."""
    for what, share, length, piece in changes:
        place = int(share * len(content))
        if what == "flip" and place < len(content):
            content = content[:place] + bytes([content[place] ^ (1 << (length % 8))]) + content[place + 1 :]
        elif what == "cut":
            content = content[:place]
        elif what == "insert":
            content = content[:place] + piece + content[place:]
        elif what == "overwrite":
            content = content[:place] + piece + content[place + len(piece) :]
        elif what == "delete":
            content = content[:place] + content[place + length :]
        elif what == "double":
            content = content[:place] + content[place : place + length] + content[place:]
        elif what == "number":  # the next number of a text
            end = next((i for i in range(place, len(content)) if chr(content[i]).isdigit()), None)
            if end is not None:
                stop = next((i for i in range(end, len(content)) if not chr(content[i]).isdigit()), len(content))
                content = content[:end] + piece + content[stop:]
    return content


def _network() -> Snapshot:
    rng = np.random.default_rng(0)
    mask = rng.random((4, 3)) < 0.6
    first = LayerGraph.from_mask(mask, "fc1", "input", "hidden")
    weights = rng.standard_normal(first.n_links).astype(np.float32)
    return Snapshot([LayerGraph("fc1", first.biadjacency, "input", "hidden", weights)], epoch=2)


@pytest.fixture(scope="session")
def seeds(tmp_path_factory, write_small_masks) -> dict[str, bytes]:
    """Small files that are in order: of every form that is written, and as other programs write them."""
    folder = tmp_path_factory.mktemp("seeds")
    found = write_small_masks(folder)
    for name, form in FORMS.items():
        if form.write is not None:
            path = folder / f"written-{name}{''.join(form.endings[:1])}"
            form.write(_network(), path)
            found[path.name] = path.read_bytes()
    return found


@pytest.fixture
def bounded() -> Iterator[None]:
    """Let the process take no more than some memory beside what it has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + SPARE_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


NAMES = [*(f"written-{name}{''.join(form.endings[:1])}" for name, form in FORMS.items() if form.write), "FOREIGN"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("bounded")
@pytest.mark.filterwarnings("default")
def test_changed_files_are_read_or_refused(tmp_path, seeds, name):
    foreign = [other for other in seeds if not other.startswith("written-")]
    choice = st.sampled_from(foreign) if name == "FOREIGN" else st.just(name)
    for file, content in seeds.items():
        (tmp_path / file).write_bytes(content)
    for file in seeds:
        ns.load(tmp_path / file)  # in order before they are changed; imports and compiles

    @given(choice, _CHANGES, st.booleans())
    @settings(
        max_examples=500,
        deadline=1000 * SECONDS,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def try_once(file: str, changes: list[tuple[str, float, int, bytes]], graph: bool) -> None:
        (tmp_path / file).write_bytes(changed(seeds[file], changes))
        try:
            found = ns.scan(tmp_path / file, graph=graph, max_bytes=MAX_BYTES)
            if found.graph is None:
                found.snapshot()
        except NetsparseError as error:
            if file not in str(error) or "more memory than there is" in str(error):
                raise AssertionError(str(error)) from error
        (tmp_path / file).write_bytes(seeds[file])

    end, tried = time.monotonic() + 60 * MINUTES, 0
    while time.monotonic() < end:
        seed(tried)(try_once)()
        tried += 1


def test_the_forms_that_are_not_written_have_a_seed(seeds):
    """So that no form is forgotten."""
    not_written = {name for name, form in FORMS.items() if form.write is None}
    assert not_written <= {"sharded"}
    assert "model.index.json" in seeds
