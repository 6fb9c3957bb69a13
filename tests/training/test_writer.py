import contextlib
import threading
import time

import pytest
import torch

from netsparse import NetsparseError
from netsparse.training.writer import BackgroundWriter, copy_to_host


def test_jobs_are_done_in_order_in_a_thread_of_their_own():
    done, threads = [], set()
    with BackgroundWriter() as writer:
        for i in range(50):
            writer.submit(lambda i=i: (done.append(i), threads.add(threading.current_thread().name)))
    assert done == list(range(50))
    assert threads == {"netsparse-writer"}


def test_no_more_than_a_few_jobs_wait():
    gate, submitted = threading.Event(), []

    def submit_many(writer):
        for i in range(30):
            writer.submit(gate.wait)
            submitted.append(i)

    with BackgroundWriter() as writer:
        thread = threading.Thread(target=submit_many, args=(writer,))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()  # it waits for room
        assert len(submitted) < 15
        gate.set()
        thread.join(10)
    assert len(submitted) == 30


@pytest.mark.parametrize("way_out", [None, KeyboardInterrupt])
def test_of_spaced_jobs_the_first_and_the_last_are_done_and_few_between(way_out):
    done = []

    def keep(i):
        done.append(i)
        time.sleep(0.02)

    with contextlib.suppress(KeyboardInterrupt), BackgroundWriter() as writer:
        for i in range(60):
            writer.submit_spaced(keep, i)
            writer.submit(done.append, "between")
            time.sleep(0.002)
        if way_out:
            raise way_out
    kept = [i for i in done if i != "between"]
    assert done.count("between") == 60
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (0, 59)
    assert len(kept) < 20


@pytest.mark.parametrize("way_out", [KeyboardInterrupt, ValueError])
def test_what_was_handed_over_is_done_also_when_training_dies(way_out):
    done = []

    def train():
        with BackgroundWriter() as writer:
            for i in range(5):
                writer.submit(done.append, i)
            raise way_out

    with pytest.raises(way_out):
        train()
    assert done == list(range(5))


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(NetsparseError, match="x cannot be written: No such file"), BackgroundWriter() as writer:
        writer.submit((tmp_path / "nowhere" / "x").write_bytes, b"")
    done = []
    writer = BackgroundWriter()
    writer.submit(lambda: 1 / 0)

    def submit_many():
        for _ in range(1000):
            writer.submit(done.append, 1)

    with pytest.raises(ZeroDivisionError):
        submit_many()
    with pytest.raises(ZeroDivisionError):
        writer.__exit__(None, None, None)
    assert len(done) < 1000


def test_an_error_of_the_writer_beside_another_one_is_logged(caplog):
    def train():
        with BackgroundWriter() as writer:
            writer.submit(lambda: 1 / 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()
    assert "not everything was written: division by zero" in caplog.text


def test_copies_are_of_the_moment():
    tensors = {"a": torch.arange(6).reshape(2, 3).t(), "b": torch.ones(2, requires_grad=True)}
    copies = copy_to_host(tensors)
    tensors["a"].zero_()
    with torch.no_grad():
        tensors["b"].zero_()
    held = copies()
    assert held["a"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert held["a"].is_contiguous()
    assert held["b"].tolist() == [1, 1]
