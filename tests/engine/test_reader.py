"""What hands out blocks: who reads, and what is counted."""

from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pytest

from onebox.data.partition import Span
from onebox.data.sources.table import TableSource
from onebox.data.view import View
from onebox.engine.reader import Reader
from onebox.engine.report import Meter


class Watched(TableSource):
    """A table that is read in small batches and remembers which threads have read it."""

    def __init__(self, table: pa.Table) -> None:
        super().__init__(table)
        self.in_memory = False
        self.threads: set[int] = set()

    def spans(self):
        return [Span("f", 0, 0, self.table.num_rows, 8 * self.table.num_rows, "", seekable=False)]

    def read(self, span, start, stop, names, rows_per_batch):
        for at in range(start, stop, 5000):
            self.threads.add(threading.get_ident())
            yield from super().read(span, at, min(at + 5000, stop), names, rows_per_batch)


@pytest.mark.parametrize("idle", [False, True])
def test_an_idle_thread_reads_while_another_works(idle):
    source = Watched(pa.table({"x": np.arange(300_000.0)}))
    view, meter = View(source), Meter()
    reader = Reader(view, None, meter, lambda: None, has_idle=lambda: idle)
    made = []
    for unit in view.layout.units:
        made += reader.work(unit, lambda unit, blocks: [block["x"].copy() for block in blocks])
    np.testing.assert_array_equal(np.concatenate(made), np.arange(300_000.0))
    assert (len(source.threads) > 1) is idle
    assert meter.rows == meter.position == 300_000
