"""What hands out blocks: who reads, and what is counted."""

from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pytest

from onebox.data.sources.table import TableSource
from onebox.data.view import View
from onebox.engine.reader import Reader
from onebox.engine.report import Meter


class Watched(TableSource):
    """A table that remembers which threads have read it."""

    def __init__(self, table: pa.Table) -> None:
        super().__init__(table)
        self.threads: set[int] = set()

    def read(self, *args):
        for columns in super().read(*args):
            self.threads.add(threading.get_ident())
            yield columns


@pytest.mark.parametrize("idle", [False, True])
def test_an_idle_thread_reads_while_another_works(idle):
    source = Watched(pa.table({"x": np.arange(300_000.0)}))
    view, meter = View(source), Meter()
    reader = Reader(view, None, meter, lambda: None, has_idle=lambda: idle)
    made = []
    for unit in view.layout.units:
        made += reader.work(unit, lambda unit, blocks: [block["x"].copy() for block in blocks])
    np.testing.assert_array_equal(np.concatenate(made), np.arange(300_000.0))
    assert (threading.get_ident() in source.threads) is not idle
    assert meter.rows == meter.position == 300_000
