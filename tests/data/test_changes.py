"""Files that are no longer what they were when the dataset was opened, in every format."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from onebox.data.open import open_source
from onebox.errors import DataChanged

TABLE = pa.table({"x0": np.arange(3000.0) + 0.5, "x1": np.arange(3000.0) / 7})
WRITERS = {
    "x.parquet": pq.write_table,
    "x.csv": pacsv.write_csv,
    "x.arrow": feather.write_feather,
    "x.npy": lambda table, path: np.save(path, table.to_pandas().to_numpy()),
}


@pytest.fixture(params=WRITERS)
def path(request, tmp_path):
    path = tmp_path / request.param
    WRITERS[request.param](TABLE, path)
    return path


def touch(path) -> None:
    """As if written again with the same content."""
    later = path.stat().st_mtime_ns + 1_000_000_000
    os.utime(path, ns=(later, later))


def test_a_second_pass_over_the_same_file(path, read):
    source = open_source(path)
    assert read(source).equals(TABLE)
    assert read(source).equals(TABLE)
    assert open_source(path).token == source.token


def test_a_file_touched_between_two_passes(path, read):
    source = open_source(path)
    read(source)
    touch(path)
    with pytest.raises(DataChanged, match=rf"{path.name} changed .*written again.*ob.dataset"):
        read(source)
    assert open_source(path).token != source.token
    assert read(path).equals(TABLE)


def test_a_file_touched_while_it_is_read(path):
    source = open_source(path)
    (span,) = source.spans()
    batches = source.read(span, 0, span.n_rows, source.schema.names, 1000)
    next(batches)
    touch(path)
    with pytest.raises(DataChanged, match=rf"{path.name} changed"):
        list(batches)


def test_a_file_that_is_gone(path, read):
    source = open_source(path)
    _ = source.schema
    path.unlink()
    with pytest.raises(DataChanged, match=rf"{path.name} is gone"):
        read(source)
