"""Sizes of pages are read off their headers, whatever the pages hold."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.data.open import open_source
from onebox.data.sources.parquet_pages import page_sizes

N_ROWS = 30_000
MANY = 10_000


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    words = np.array(["short", "a word of several letters" * 3, "ä", ""])
    return pa.table(
        {
            "real": rng.random(N_ROWS),
            "few": rng.integers(0, 50, N_ROWS),
            "gaps": pa.array(rng.random(N_ROWS), mask=rng.random(N_ROWS) < 0.3),
            "text": words[rng.integers(0, 4, N_ROWS)],
            "yes": rng.random(N_ROWS) < 0.5,
            "list": pa.array([[1, 2], None, []] * (N_ROWS // 3)),
        }
    )


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("use_dictionary", [True, False])
@pytest.mark.parametrize("page", [1000, 2**20])
def test_pages_fill_their_chunk(table, tmp_path, compression, version, use_dictionary, page):
    path = tmp_path / "f.parquet"
    pq.write_table(
        table, path, compression=compression, data_page_version=version, data_page_size=page,
        use_dictionary=use_dictionary, write_page_checksum=True,
    )  # fmt: skip
    group = pq.read_metadata(path).row_group(0)
    for j in range(group.num_columns):
        chunk = group.column(j)
        first = min(chunk.dictionary_page_offset or chunk.data_page_offset, chunk.data_page_offset)
        stop = first + chunk.total_compressed_size
        with pa.OSFile(str(path)) as handle:
            sizes = page_sizes(handle, first, stop, MANY)
            with pytest.raises(ValueError, match="no header of a page"):
                page_sizes(handle, stop - 8, stop + 100_000, MANY)
        assert 0 < sizes.packed <= chunk.total_compressed_size
        assert 0 < sizes.unpacked <= chunk.total_uncompressed_size
        assert (sizes.dictionary > 0) == chunk.has_dictionary_page


@given(st.binary(max_size=200))
def test_what_is_no_header_is_refused_or_read_as_one(data):
    try:
        sizes = page_sizes(pa.BufferReader(data), 0, len(data), 3)
    except ValueError:
        return
    assert min(sizes) >= 0


def write_with_pages(path, page_bytes):
    text = pa.array(["a text of some length " * 40] * 20 + ["another"] * 20).take(
        pa.array(np.arange(20_000) % 40)
    )
    pq.write_table(
        pa.table({"text": text}), path, use_dictionary=False, data_page_size=page_bytes,
        write_batch_size=100,
    )  # fmt: skip


def test_readers_are_known_to_hold_large_pages(tmp_path):
    needs = []
    for page_bytes in (2**19, 2**23):
        write_with_pages(tmp_path / f"{page_bytes}.parquet", page_bytes)
        source = open_source(tmp_path / f"{page_bytes}.parquet")
        needs.append(source.reading_bytes(source.spans()[0], ["text"], 1000))
    usual, large = needs
    assert usual < 3 * 2**20
    assert large > usual + 6 * 2**20


def test_damaged_pages_are_found_when_they_are_read_not_before(tmp_path):
    path = tmp_path / "f.parquet"
    write_with_pages(path, 2**23)
    data = bytearray(path.read_bytes())
    data[4:40] = bytes(36)
    path.write_bytes(data)
    source = open_source(path)
    assert source.reading_bytes(source.spans()[0], ["text"], 1000) > 2**20
    with pytest.raises(ValueError, match="row group 0, is damaged"):
        list(source.read(source.spans()[0], 0, -1, ["text"], 1000))
