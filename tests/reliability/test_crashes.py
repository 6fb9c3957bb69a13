"""A training that is killed, stopped or runs out of disk goes on to the same bytes; nothing is lost, doubled or half.

Short in `make test`, with few measures. `make reliability` kills 50 times, in measuring, figures and report as well.
"""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from metrics import untimed

from netsparse import Run
from netsparse.training.checkpoint import checkpoint_epoch

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and forks")

CHILD = Path(__file__).with_name("child.py")
N_KILLS = int(os.environ.get("NETSPARSE_KILLS", "0"))
EPOCHS = 5
OPTIONS = ["--epochs", str(EPOCHS), "--batch-size", "32", "--scale", "1", "--sparsity", "0.9"]
# What tells of the time it took, in the run directory or its pictures; the lock is empty.
TIMED = {"environment.json", "log.txt", "metrics.parquet", "running_time.png", "captions.json", "report.html", ".lock"}


class Commands:
    """Runs commands of netsparse, each in a fork of one process that has imported everything."""

    def __init__(self, folder):
        self.log = folder / "said.txt"
        told = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.server = subprocess.Popen([sys.executable, str(CHILD)], **told)

    def run(self, folder, *arguments, meanwhile=lambda pid: None, **job):
        """Run a command, do something meanwhile; return its exit code and what it said."""
        job |= {"arguments": arguments, "folder": str(folder), "log": str(self.log), "few_measures": not N_KILLS}
        self.server.stdin.write(json.dumps(job) + "\n")
        self.server.stdin.flush()
        pid = int(self.server.stdout.readline())
        try:
            meanwhile(pid)
        finally:
            code = int(self.server.stdout.readline())
        return code, self.log.read_text()

    def end(self):
        self.server.stdin.close()
        self.server.stdout.close()
        self.server.wait(60)


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    made = Commands(tmp_path_factory.mktemp("commands"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def straight(commands, tmp_path_factory):
    """A run without interruption, and how long it took."""
    folder, started = tmp_path_factory.mktemp("straight"), time.monotonic()
    code, said = commands.run(folder, *train())
    assert code == 0, said
    return Run(folder / "run"), time.monotonic() - started


def send(pid, *numbers, when=lambda: True):
    """Send a process signals, more than half a second apart, as soon as something is so, unless it has ended."""
    try:
        while not when():
            os.kill(pid, 0)
            time.sleep(0.001)
        for number in numbers:
            os.kill(pid, number)
            time.sleep(0.6 if len(numbers) > 1 else 0)
    except ProcessLookupError:
        pass


def train(*more):
    return ["train", *OPTIONS, "--out", "run", *([] if N_KILLS else ["--no-figures"]), *more]


def go_on(folder):
    """Return the command that goes on with what is there: the same one again, if it had not begun."""
    has_begun = (folder / "run" / "config.toml").exists()
    return ["train", "--resume", "run", *([] if N_KILLS else ["--no-figures"])] if has_begun else train()


def files_of(run):
    return {str(path.relative_to(run.path)): path for path in sorted(run.path.rglob("*")) if path.is_file()}


def is_whole(run, reference):
    """Every file that is there is whole and what it shall be; no epoch is missing before the checkpoint."""
    expected = files_of(reference)
    for name, path in files_of(run).items():
        if name.endswith(".part") or path.name in (".writer.json", "checkpoint.safetensors", *TIMED):
            continue
        assert path.read_bytes() == expected[name].read_bytes(), name
    assert run.epochs == list(range(len(run.epochs)))
    if run.metrics_path.exists():
        done = run.metrics["epoch"].max()
        pd.testing.assert_frame_equal(
            untimed(run.metrics), untimed(reference.metrics[reference.metrics["epoch"] <= done])
        )
        assert done < len(run.epochs)
    if run.checkpoint_path.exists():
        assert checkpoint_epoch(run.checkpoint_path) <= run.metrics["epoch"].max()
    for name in ("captions.json", "environment.json"):
        for path in run.path.rglob(name):
            json.loads(path.read_text())
    if (run.path / "report.html").exists():
        assert (run.path / "report.html").read_text().rstrip().endswith("</html>")


def is_finished(run, reference):
    """It is as if nothing had happened, and nothing is left lying about."""
    is_whole(run, reference)
    assert list(files_of(run)) == list(files_of(reference))
    assert run.checkpoint_path.read_bytes() == reference.checkpoint_path.read_bytes()
    assert len(run.metrics) == len(reference.metrics)


def test_killed_at_any_moment_it_ends_with_the_same_bytes(commands, straight, tmp_path):
    """Killed within a write, which one and how far at random, or after a random time; and again as it is resumed."""
    reference, seconds = straight
    rng, kills, ends = random.Random(0), Counter(), 0
    while kills.total() < (N_KILLS or 6) or not ends:
        is_enough = kills.total() >= (N_KILLS or 6)
        stage = ("before", "half", "synced", "renamed", "time")[kills.total() % 5]
        write = rng.choice([rng.randint(1, 12), rng.randint(1, 50)]) if N_KILLS else rng.randint(2, 9)
        moment = rng.uniform(0, seconds)

        def kill_later(pid, moment=moment):
            at = time.monotonic() + moment
            send(pid, signal.SIGKILL, when=lambda: time.monotonic() >= at)

        how = {} if is_enough else {"meanwhile": kill_later} if stage == "time" else {"kill": (write, stage)}
        run, started = tmp_path / "run", time.monotonic()
        is_new = not run.exists()
        code, said = commands.run(tmp_path, *go_on(tmp_path), **how)
        assert code in (0, -signal.SIGKILL), said
        if is_new and not code:
            seconds = time.monotonic() - started  # the first run of all may have compiled kernels
        if code:
            kills[stage] += 1
            if (run / "snapshots").is_dir():
                is_whole(Run(run), reference)
        else:
            is_finished(Run(run), reference)
            shutil.rmtree(run)
            ends += 1
    print(f"killed {dict(kills)}, finished {ends} times")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_it_says_what_is_kept_and_goes_on(number, commands, straight, tmp_path):
    run = tmp_path / "run"
    checkpoint = run / "checkpoint.safetensors"
    code, said = commands.run(
        tmp_path,
        *train("--epochs", "2000", "--no-early-stop"),
        meanwhile=lambda pid: send(pid, number, when=checkpoint.exists),
    )
    run = Run(run)
    done = checkpoint_epoch(run.checkpoint_path)
    assert code == 130
    assert f"{done} of 2000 epochs are kept; go on with: netsparse train --resume run" in said
    assert "Traceback" not in said
    assert run.metrics["epoch"].max() == done
    assert run.epochs == list(range(run.epochs[-1] + 1))
    assert run.epochs[-1] in (done, done + 1)  # handed over just before the checkpoint: the signal may fall between
    assert not [name for name in files_of(run) if name.endswith(".part") or name == ".writer.json"]


def test_stopped_at_its_start_it_leaves_nothing(commands, tmp_path):
    run = tmp_path / "run"
    has_begun = (run / ".writer.json").exists
    code, said = commands.run(tmp_path, *train(), meanwhile=lambda pid: send(pid, signal.SIGTERM, when=has_begun))
    assert code == 130
    assert "Traceback" not in said
    assert not run.exists() or Run.create(run).epochs == []  # which takes what has not begun


def test_ctrl_c_twice_leaves_at_once(commands, straight, tmp_path):
    has_trained = (tmp_path / "run" / "metrics.parquet").exists
    # every snapshot takes two seconds: without the second signal it would save for long
    code, said = commands.run(
        tmp_path,
        *train(),
        slow=2.0,
        meanwhile=lambda pid: send(pid, signal.SIGINT, signal.SIGINT, when=has_trained),
    )
    assert code == 130
    assert "left at once" in said
    assert "Traceback" not in said
    is_whole(Run(tmp_path / "run"), straight[0])
    assert commands.run(tmp_path, *go_on(tmp_path))[0] == 0
    is_finished(Run(tmp_path / "run"), straight[0])


def mount(*arguments):
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system of its own can be mounted here: {done.stderr.strip()}")


@contextmanager
def small_disk(folder, size):
    """Mount a file system in memory, if that is allowed."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root on Linux")
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "netsparse-test", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_and_one_that_is_read_only_are_told(commands, straight, tmp_path):
    folder = tmp_path / "disk"
    run = straight[0]
    # what training needs at once: the snapshots, and the checkpoint twice while it is replaced
    size = sum(path.stat().st_size for path in run.snapshots_path.iterdir()) + 2 * run.checkpoint_path.stat().st_size
    with small_disk(folder, f"{size // 1500}k"):
        code, said = commands.run(folder, *train())
        assert code == 2, said
        assert f"cannot be written: {os.strerror(errno.ENOSPC)}" in said
        assert "epochs are kept; go on with: netsparse train --resume run" in said
        assert "Traceback" not in said
        is_whole(Run(folder / "run"), straight[0])
        assert not [name for name in files_of(Run(folder / "run")) if name.endswith(".part")]
        mount("-o", "remount,ro,size=20m", str(folder))
        code, said = commands.run(folder, *go_on(folder))
        assert code == 2
        assert f"run: cannot be written: {os.strerror(errno.EROFS)}" in said
        assert Run(folder / "run").snapshot(-1).n_links  # reading needs no lock
        mount("-o", "remount,rw", str(folder))
        assert commands.run(folder, *go_on(folder))[0] == 0
        is_finished(Run(folder / "run"), straight[0])


def test_a_file_that_may_grow_no_more_is_told(commands, straight, tmp_path):
    """The limit lets snapshots through, and no checkpoint: as a quota does, without root."""
    size = straight[0].snapshot_path(0).stat().st_size
    assert size < straight[0].checkpoint_path.stat().st_size
    code, said = commands.run(tmp_path, *train(), file_size=size + 1)
    assert code == 2
    assert f"run/checkpoint.safetensors cannot be written: {os.strerror(errno.EFBIG)}" in said
    assert f"0 of {EPOCHS} epochs are kept; go on with: netsparse train --resume run" in said
    assert "Traceback" not in said
    assert commands.run(tmp_path, *go_on(tmp_path))[0] == 0
    is_finished(Run(tmp_path / "run"), straight[0])
