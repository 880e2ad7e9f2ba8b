"""Real files and the one way in which these tests read them: through the blocks of a View."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from onebox.data.block import Block
from onebox.data.open import open_source
from onebox.data.partition import Layout
from onebox.data.scratch import FreshMemory
from onebox.data.source import Source
from onebox.data.view import View


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """Keep the indexes that these tests make away from the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("ONEBOX_CACHE", str(folder))
        yield folder


def blocks_of(view: View) -> Iterator[Block]:
    for unit in view.layout.units:
        yield from view.blocks(unit, FreshMemory())


def table_of(view: View) -> pa.Table:
    batches = [block.to_arrow() for block in blocks_of(view)]
    return pa.Table.from_batches(batches, schema=view.schema.columns)


@pytest.fixture(scope="session")
def blocks() -> Callable[[View], Iterator[Block]]:
    """The blocks of a view, in order."""
    return blocks_of


@pytest.fixture(scope="session")
def read() -> Callable[..., pa.Table]:
    """All rows of a source, or of what the front door opens, as a table."""

    def read(x, *steps, **options) -> pa.Table:
        source = x if isinstance(x, Source) else open_source(x, **options)
        return table_of(View(source, tuple(steps)))

    return read


@pytest.fixture(scope="session")
def small_blocks() -> Callable[..., View]:
    """A view that is cut into blocks of 512 rows, so that small data have many."""

    def make(source: Source, *steps) -> View:
        view = View(source, tuple(steps))
        view.__dict__["layout"] = Layout.cut(source.spans(), 10**6)
        return view

    return make


@pytest.fixture(scope="session")
def mixed() -> pa.Table:
    """5,000 rows of every kind of column, with gaps."""
    rng = np.random.default_rng(7)
    n = 5_000
    gaps = rng.random(n) < 0.1
    words = np.array(["north", "south", "east", "west", ""])[rng.integers(0, 5, n)]
    days = rng.integers(0, 20_000, n).astype("datetime64[D]")
    return pa.table(
        {
            "real": pa.array(rng.normal(size=n), mask=gaps),
            "whole": rng.integers(-1000, 1000, n),
            "small": pa.array(rng.integers(0, 100, n).astype(np.int16), mask=gaps[::-1]),
            "word": pa.array(words, mask=gaps),
            "kind": pa.array(words).dictionary_encode(),
            "day": pa.array(days),
            "moment": pa.array(days.astype("datetime64[ms]"), mask=gaps),
            "yes": pa.array(rng.random(n) < 0.5),
            "price": pa.array(np.round(rng.random(n) * 100, 2)).cast(
                pa.decimal128(9, 2), safe=False
            ),
        }
    )


@pytest.fixture(scope="session")
def shared_tables() -> Path:
    """Real tables, where they are present."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("ONEBOX_TEST_DATA", beside)) / "tables"
    if not folder.is_dir():
        pytest.skip(f"the real tables are not at {folder}; set ONEBOX_TEST_DATA")
    return folder
