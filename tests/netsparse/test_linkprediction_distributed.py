"""Two gloo processes give what one process gives."""

import subprocess
import sys

import numpy as np
import pytest

from netsparse import LayerGraph, predict_links
from netsparse.linkprediction.distributed import share_rows

PROGRAM = """
import sys, numpy as np, torch.distributed as dist
from netsparse import LayerGraph
from netsparse.linkprediction.distributed import predict_links
rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", store=dist.FileStore(folder + "/store", 2), rank=rank, world_size=2)
layer = LayerGraph.from_mask(np.load(folder + "/mask.npy"))
found = {}
for ties in ("spcorr", "random"):
    for k in (0, 1, 40, 300, 10**6):
        for rule in ("ch3-l3", "ch2-l3n"):
            if k == 10**6 and ties == "spcorr" and rule == "ch2-l3n":
                continue
            best = predict_links(layer, k, rule, ties, seed=7)
            found[f"{ties} {k} {rule}"] = np.array([best.source, best.target, best.score.view(np.int32)])
np.savez(f"{folder}/rank{rank}.npz", **found)
dist.destroy_process_group()
"""


def test_two_processes_give_what_one_gives(tmp_path):
    rng = np.random.default_rng(0)
    mask = rng.random((60, 50)) < 0.06
    mask[0] = True  # a hub: its row is most of the work
    np.save(tmp_path / "mask.npy", mask)
    ranks = [subprocess.Popen([sys.executable, "-c", PROGRAM, str(rank), str(tmp_path)]) for rank in range(2)]
    assert [process.wait(timeout=300) for process in ranks] == [0, 0]
    layer = LayerGraph.from_mask(mask)
    first, second = (np.load(tmp_path / f"rank{rank}.npz") for rank in range(2))
    assert len(first.files) == 19
    for name in first.files:
        ties, k, rule = name.split()
        best = predict_links(layer, int(k), rule, ties, seed=7)
        expected = np.array([best.source, best.target, best.score.view(np.int32)])
        assert np.array_equal(first[name], expected), name
        assert np.array_equal(second[name], expected), name


@pytest.mark.parametrize("costs", [[], [0, 0, 0], [100, 1, 1], [1, 1, 100], list(range(10))])
def test_shares_of_rows_follow_one_another(costs):
    for n in (1, 2, 5):
        shares = share_rows(np.array(costs), n)
        assert len(shares) == n
        assert [row for first, stop in shares for row in range(first, stop)] == list(range(len(costs)))
