"""A `netsparse` command that dies where it is told to: run by test_crashes.py, not by pytest.

It imports everything once, takes jobs by stdin, a line of JSON each, and does each in a fork of its own: it answers
with the process, then with its exit code.
"""

import json
import os
import resource
import signal
import sys
import time
from importlib import import_module


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Half:
    """A file that is killed half-way through its content."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, content):
        self.file.write(content[: len(content) // 2])
        self.file.flush()
        die()


def die_at(write, stage):
    """Have this process killed in its n-th call of `write_whole`, before it, half-way, before or after the rename."""
    import netsparse.storage as storage

    real, calls = storage.write_whole, iter(range(1, 10**6))
    replace, fdopen = os.replace, os.fdopen

    def write_whole(path, content):
        if next(calls) == write:
            if stage == "before":
                die()
            elif stage == "half":
                os.fdopen = lambda *told: Half(fdopen(*told))
            elif stage == "synced":
                os.replace = lambda *told: die()
            else:
                os.replace = lambda *told: (replace(*told), die())
        real(path, content)

    put(real, write_whole)


def slow_down(seconds):
    """Have every snapshot take its time."""
    import netsparse.storage as storage

    real = storage.write_whole
    put(real, lambda path, content: (time.sleep(seconds * path.name.startswith("epoch")), real(path, content)))


def measure_little():
    import netsparse.analysis.background as background

    choose = background.choose
    background.choose = lambda names: choose(["n_links", "density"])


def put(real, write_whole):
    """Put another `write_whole` wherever it has been imported, and where it will be imported from."""
    sys.modules["netsparse.storage"].write_whole = write_whole
    for module in list(sys.modules.values()):
        if getattr(module, "write_whole", None) is real:
            module.write_whole = write_whole


def run(job):
    from netsparse.cli import main

    if job.get("kill"):
        die_at(*job["kill"])
    if job["few_measures"]:
        measure_little()
    if job.get("slow"):
        slow_down(job["slow"])
    if job.get("file_size"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_size"], job["file_size"]))
    os.chdir(job["folder"])
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    main(job["arguments"])


def serve():
    # most of what a short run takes; torch's optimizers want the last one
    for name in ("analysis.background", "progress", "training.data", "training.loop"):
        import_module(f"netsparse.{name}")
    import_module("torch._dynamo")

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return json.loads(line)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


if __name__ == "__main__":
    job = serve()
    if job is not None:
        run(job)
