"""The factorised form in Triton, for layers whose tensors live on a GPU.

The same sums over the same look-ups as `netsparse.linkprediction.bipartite`, in float64; one program a link (u, a)
walks a – b – v and adds atomically, so only the last bit of a float64 sum depends on the order.

With ``TRITON_INTERPRET=1`` in the environment before Triton is imported, the kernels run on the CPU.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from netsparse.errors import NetsparseError
from netsparse.linkprediction.rules import FactorTable

# Packed co-degrees, int32, and counts of one block of rows take up to this many bytes each.
_PACKED_BYTES = 16 * 2**30
_COUNT_BYTES = 256 * 2**20


@triton.jit
def _count_two_walks(links, sources, start, index, back_start, back, first, n_columns, counts, BLOCK: tl.constexpr):
    """Count, for the source of every link, the walks over that link and one more: its co-degrees."""
    e = tl.load(links + tl.program_id(0))
    x = tl.load(sources + e)
    y = tl.load(index + e)
    stop = tl.load(back_start + y + 1)
    for q in range(tl.load(back_start + y), stop, BLOCK):
        at = q + tl.arange(0, BLOCK)
        inside = at < stop
        z = tl.load(back + at, mask=inside, other=0)
        tl.atomic_add(counts + (x - first) * n_columns + z, tl.full((BLOCK,), 1, tl.int32), mask=inside)


@triton.jit
def _pack(links, sources, column_start, rows, position, row_start, columns, blocks, first, n_target, counts,
          table_start, table_step, packed, BLOCK: tl.constexpr):  # fmt: skip
    """Write the codes of F(a, N(b)) for every link (a, b) of a run of columns."""
    q = tl.load(links + tl.program_id(0))
    a = tl.load(sources + q)
    b = tl.load(rows + q)
    code = tl.load(table_start + tl.load(column_start + a + 1) - tl.load(column_start + a))
    row = tl.load(row_start + b)
    degree = tl.load(row_start + b + 1) - row
    out = packed + tl.load(blocks + b) + tl.load(position + q) * degree
    for j in range(0, degree, BLOCK):
        at = j + tl.arange(0, BLOCK)
        inside = at < degree
        v = tl.load(columns + row + at, mask=inside, other=0)
        count = tl.load(counts + (a - first) * n_target + v, mask=inside, other=0)
        tl.store(out + at, (code + table_step * count).to(tl.int32), mask=inside)


@triton.jit
def _score(links, sources, row_start, columns, column_start, rows, position, blocks, packed, first, n_source, n_target,
           counts, values, table_start, table_step, scores, BLOCK: tl.constexpr):  # fmt: skip
    """Add the walks u – a – b – v over one link (u, a) to the scores of row u."""
    e = tl.load(links + tl.program_id(0))
    u = tl.load(sources + e)
    a = tl.load(columns + e)
    for q in range(tl.load(column_start + a), tl.load(column_start + a + 1)):
        b = tl.load(rows + q)
        if b != u:
            row = tl.load(row_start + b)
            degree = tl.load(row_start + b + 1) - row
            count = tl.load(counts + (u - first) * n_source + b)
            g = tl.load(values + tl.load(table_start + degree) + table_step * count)
            codes = packed + tl.load(blocks + b) + tl.load(position + q) * degree
            for j in range(0, degree, BLOCK):
                at = j + tl.arange(0, BLOCK)
                inside = at < degree
                v = tl.load(columns + row + at, mask=inside, other=0)
                f = tl.load(values + tl.load(codes + at, mask=inside, other=0), mask=inside, other=0.0)
                tl.atomic_add(scores + (u - first) * n_target + v, g * f, mask=inside)


class TritonScorer:
    """L3 scores of one layer by one rule, a block of rows at a time, as tensors on the layer's device.

    Parameters
    ----------
    rows, columns : torch.Tensor of int64, shape (n_links,)
        The links' ends in CSR order (sorted, unique).
    shape : tuple of int
        n_source, n_target.
    rule : str
        One of ``cn-l3``, ``ra-l3``, ``ch1-l3``, ``ch2-l3``, ``ch3-l3``.

    Raises
    ------
    NetsparseError
        If the packed co-degrees, Σ_b d_b² of them, do not fit.
    """

    def __init__(self, rows: torch.Tensor, columns: torch.Tensor, shape: tuple[int, int], rule: str) -> None:
        self.shape = shape
        self.device = rows.device
        n_source, n_target = shape
        self._sources, self._columns = rows, columns
        degrees = torch.bincount(rows, minlength=n_source)
        target_degrees = torch.bincount(columns, minlength=n_target)
        self._row_start, self._column_start = _starts(degrees), _starts(target_degrees)
        by_column = torch.argsort(columns, stable=True)
        self._rows, self._targets = rows[by_column], columns[by_column]
        self._position = by_column - self._row_start[self._rows]
        self._blocks = _starts(degrees**2)
        n_packed = int(self._blocks[-1])
        if 4 * n_packed > _PACKED_BYTES:
            raise NetsparseError(
                f"the layer's {n_packed} packed co-degrees take more than {_PACKED_BYTES >> 30} GiB on the device; "
                "score it on the CPU: LayerGraph.from_mask(mask.cpu())"
            )
        # degrees, not links, visit the host
        table = FactorTable(rule, torch.cat([degrees, target_degrees]).cpu().numpy())
        self._values = torch.from_numpy(table.values).to(self.device)
        self._table_start = torch.from_numpy(table.start).to(self.device)
        self._step = table.step
        largest = max(_largest(degrees), _largest(target_degrees), 1)
        self._block = min(128, max(16, triton.next_power_of_2(largest)))
        self._packed = torch.empty(max(n_packed, 1), dtype=torch.int32, device=self.device)
        for first, stop in _runs(n_target, 4 * n_target):
            links, counts = self._co_degrees(first, stop, transposed=True)
            self._launch(
                _pack, links, self._targets, self._column_start, self._rows, self._position, self._row_start,
                self._columns, self._blocks, first, n_target, counts, self._table_start, self._step, self._packed,
            )  # fmt: skip

    def __call__(self, first: int = 0, stop: int | None = None, dtype: str = "float64") -> torch.Tensor:
        """Return the scores of rows first … stop − 1, NaN at linked pairs."""
        n_source, n_target = self.shape
        stop = n_source if stop is None else stop
        scores = torch.zeros((stop - first, n_target), dtype=torch.float64, device=self.device)
        for begin, end in _runs(stop - first, 4 * n_source):
            links, counts = self._co_degrees(first + begin, first + end, transposed=False)
            self._launch(
                _score, links, self._sources, self._row_start, self._columns, self._column_start, self._rows,
                self._position, self._blocks, self._packed, first + begin, n_source, n_target, counts, self._values,
                self._table_start, self._step, scores[begin:end],
            )  # fmt: skip
        links = self._links_of(first, stop, transposed=False)
        scores[self._sources[links] - first, self._columns[links]] = torch.nan
        return scores.to(getattr(torch, dtype))

    def _links_of(self, first: int, stop: int, *, transposed: bool) -> torch.Tensor:
        start = self._column_start if transposed else self._row_start
        return torch.arange(int(start[first]), int(start[stop]), device=self.device)

    def _co_degrees(self, first: int, stop: int, *, transposed: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the links of source (or target) neurons first … stop − 1, and these neurons' co-degrees."""
        links = self._links_of(first, stop, transposed=transposed)
        n = self.shape[1] if transposed else self.shape[0]
        counts = torch.zeros((stop - first, n), dtype=torch.int32, device=self.device)
        there = (self._sources, self._row_start, self._columns)
        back = (self._targets, self._column_start, self._rows)
        (sources, start, index), (_, back_start, back_index) = (back, there) if transposed else (there, back)
        self._launch(_count_two_walks, links, sources, start, index, back_start, back_index, first, n, counts)
        return links, counts

    def _launch(self, kernel: Any, links: torch.Tensor, *arguments: Any) -> None:
        if len(links):
            kernel[(len(links),)](links, *arguments, BLOCK=self._block)


def _starts(sizes: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(torch.cumsum(sizes, 0), (1, 0))


def _largest(degrees: torch.Tensor) -> int:
    return int(degrees.max()) if len(degrees) else 0


def _runs(n: int, row_bytes: int) -> list[tuple[int, int]]:
    step = max(1, _COUNT_BYTES // max(row_bytes, 1))
    return [(first, min(first + step, n)) for first in range(0, n, step)]
