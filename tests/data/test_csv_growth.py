"""A CSV file that has grown: its index is that of the whole file, and only the new rows are read."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebox import config
from onebox.data.sources import csv_cuts, csv_text
from onebox.data.sources.csv import CsvSource
from onebox.data.sources.csv_text import Text
from onebox.data.sources.paths import find_files

RECORDS = st.lists(
    st.sampled_from(
        ["1,2", "10,20", ",7", "2.5,x", '"a\nb",1', "", "2024-01-01,9", "," + "9" * 70]
    ),
    max_size=60,
)


@contextmanager
def fine():
    """Reads and samples so small that short files have many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_cuts, "READ_BYTES", 64)
        patch.setattr(csv_cuts, "SAMPLE_EVERY", 64)
        patch.setattr(csv_text, "SAMPLE_BYTES", 24)
        patch.setattr(csv_text, "FIRST_SAMPLE_BYTES", 48)
        yield


def source_of(path: Path) -> CsvSource:
    return CsvSource(find_files(path), chunk_bytes=256)


def index_of(path: Path):
    return next(iter(source_of(path)._indexes.values()))


@settings(max_examples=30)
@given(parts=st.lists(RECORDS, min_size=1, max_size=4), ends=st.booleans())
def test_it_is_that_of_a_file_that_was_so_long_from_the_first(tmp_path_factory, parts, ends):
    folder = tmp_path_factory.mktemp("csv")
    path, text = folder / "x.csv", "p,q\n"
    with fine():
        for number, part in enumerate(parts):
            text += "".join(f"{record}\n" for record in part)
            path.write_text(text if ends else text.removesuffix("\n"))
            with config(cache=folder / "cache"):
                grown = index_of(path)
            with config(cache=folder / f"other {number}"):
                assert grown == index_of(path)


@pytest.fixture
def reads(monkeypatch):
    """Whether the index could be made of the new rows, each time that this was tried."""
    seen: list[object] = []
    original = Text.grown

    def grown(self, before, size):
        index = original(self, before, size)
        seen.append(index is not None)
        return index

    monkeypatch.setattr(Text, "grown", grown)
    return seen


def test_only_what_is_new_is_streamed(tmp_path, reads, counted_reads):
    path, line = tmp_path / "x.csv", "12345,67890,1.5\n"
    path.write_text("a,b,c\n" + line * 600_000)  # 9.6 MB
    with config(cache=tmp_path / "cache"):
        _ = index_of(path)
        with path.open("a") as file:
            file.write(line * 10_000)
        with counted_reads() as new:
            grown = index_of(path)
    assert reads == [True]
    assert sum(grown.rows) == 610_000
    assert new.nbytes < 3 * 2**20  # a megabyte before the old end, samples, the header


def test_what_changed_before_the_end_is_seen(tmp_path, reads):
    path, line = tmp_path / "x.csv", "12345,67890,1.5\n"
    path.write_text("a,b,c\n" + line * 1000)
    with config(cache=tmp_path / "cache"):
        _ = index_of(path)
        path.write_text("a,b,c\n" + "12345,67890,x.5\n" * 1000 + line)
        assert str(index_of(path).schema.field("c").type) == "string"
    assert reads == []


def test_first_values_in_the_new_rows_make_the_index_anew(tmp_path, reads):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,\n" * 1_000_000)
    with config(cache=tmp_path / "cache"):
        assert str(index_of(path).schema.field("b").type) == "null"
        for line, told in (("1,\n", True), ("1,5\n", False)):
            reads.clear()
            with path.open("a") as file:
                file.write(line)
            grown = index_of(path)
            assert reads == [told]
    with config(cache=tmp_path / "other"):
        assert replace(grown, growth=None) == replace(index_of(path), growth=None)
