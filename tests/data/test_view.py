"""Laws of a View: the same rows in the same blocks, whatever hands them over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.data.columns import Columns
from onebox.data.open import open_source
from onebox.data.partition import Span
from onebox.data.scratch import FreshMemory
from onebox.data.source import Source
from onebox.data.sources.concat import ConcatSource
from onebox.data.sources.hive import HiveSource
from onebox.data.sources.table import TableSource
from onebox.data.steps import Assign, Filter, Select
from onebox.data.view import View
from onebox.errors import BadValue


class Stuttering(Source):
    """The rows of a table in one span, handed over in batches of any lengths."""

    def __init__(self, table: pa.Table, lengths: Sequence[int]) -> None:
        self.inner, self.lengths = TableSource(table), lengths

    @property
    def schema(self) -> pa.Schema:
        return self.inner.schema

    def spans(self) -> list[Span]:
        return [Span("f", 0, 0, self.inner.table.num_rows, 0, "")]

    @property
    def token(self) -> object:
        return self.inner.token

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        (whole,) = self.inner.spans()
        at, i = start, 0
        while at < stop:
            end = min(at + self.lengths[i % len(self.lengths)], stop)
            yield from self.inner.read(whole, at, end, names, rows_per_batch)
            at, i = end, i + 1


@given(n_rows=st.integers(0, 3000), lengths=st.lists(st.integers(1, 2000), min_size=1, max_size=5))
def test_blocks_do_not_depend_on_what_the_reader_hands_over(small_blocks, blocks, n_rows, lengths):
    table = pa.table({"n": np.arange(n_rows), "t": np.arange(n_rows).astype(str)})
    expected = [range(at, min(at + 512, n_rows)) for at in range(0, n_rows, 512)]
    got = list(blocks(small_blocks(Stuttering(table, lengths))))
    assert [block["n"].tolist() for block in got] == [list(rows) for rows in expected]
    assert [block["t"].tolist() for block in got] == [[str(i) for i in rows] for rows in expected]
    assert [block.first_row for block in got] == [rows.start for rows in expected]


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory, mixed):
    """The same numbers in every form that can hold them."""
    folder = tmp_path_factory.mktemp("forms")
    frame = mixed.select(["whole", "small"]).to_pandas().astype("float64").fillna(0.5)
    frame = pd.DataFrame({"x0": frame["whole"], "x1": frame["small"]})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    array = frame.to_numpy()
    pq.write_table(table, folder / "x.parquet", row_group_size=1234)
    frame.to_csv(folder / "x.csv", index=False)
    with pa.ipc.new_file(folder / "x.arrow", table.schema) as writer:
        writer.write_table(table, 777)
    np.save(folder / "c.npy", array)
    np.save(folder / "f.npy", np.asfortranarray(array))
    return frame, {
        "frame": frame,
        "table": table,
        "array": array,
        "stream": lambda: iter([array[:100], array[100:]]),
        **{path.name: path for path in sorted(folder.iterdir())},
    }


FORMS = ["frame", "table", "array", "stream", "x.parquet", "x.csv", "x.arrow", "c.npy", "f.npy"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_matrix(everywhere, blocks, form):
    frame, forms = everywhere
    view = View(open_source(forms[form]))
    made = list(blocks(view))
    assert np.array_equal(np.concatenate([block.X for block in made]), frame.to_numpy())
    for block in made:
        assert block.X.flags.c_contiguous
        assert block.X.dtype == view.schema.dtype == np.float64
        assert np.array_equal(block.values(["x1", "x0"]), block.X.T[::-1])


@pytest.mark.parametrize("form", FORMS)
def test_filters_agree_with_pandas(everywhere, read, form):
    frame, forms = everywhere
    expected = frame[(frame["x0"] > 100) & (frame["x1"] < 50)].reset_index(drop=True)
    got = read(open_source(forms[form]), Filter((pc.field("x0") > 100) & (pc.field("x1") < 50)))
    assert got.to_pandas().equals(expected)


@pytest.mark.parametrize("form", FORMS)
def test_blocks_know_the_rows_they_hold(everywhere, small_blocks, blocks, form):
    frame, forms = everywhere
    source = open_source(forms[form])
    for step in ((), (Filter(pc.field("x0") > 100),)):
        for block in blocks(small_blocks(source, *step)):
            rows = frame.iloc[block.file_rows()]
            assert rows.to_numpy().tolist() == block.X.tolist()
            partition = block.partition
            assert block.file_rows()[0] >= partition.first_row
            if partition.n_rows is not None:
                assert block.file_rows()[-1] < partition.first_row + partition.n_rows


def test_pieces_of_a_seekable_source_are_those_of_one_that_is_not(small_blocks, mixed):
    whole = small_blocks(Stuttering(mixed, [100])).layout.partitions()
    pieces = small_blocks(TableSource(mixed)).layout.partitions()
    assert [p.first_row for p in whole] == [p.first_row for p in pieces]


def test_only_the_columns_needed_are_read(mixed):
    view = View(
        TableSource(mixed), (Filter(pc.field("yes") & (pc.field("small") > 3)), Select(("real",)))
    )
    assert set(view.source_columns) == {"yes", "small", "real"}
    made = (Assign("new", lambda block: block["real"], pa.float64()), Select(("whole",)))
    assert View(TableSource(mixed), made).source_columns == ["whole"]


def test_roles_are_read_together(mixed, blocks):
    source = TableSource(mixed)
    keep = Filter(pc.field("yes"))
    frame = mixed.to_pandas()
    kept = frame[frame["yes"] & frame["word"].notna() & (frame["whole"] >= 0)]
    positive = Filter(pc.field("word").is_valid() & (pc.field("whole") >= 0))
    view = View(
        source,
        (keep, positive, Select(("whole",))),
        target=(keep, positive, Select(("word",))),
        weight=(keep, positive, Select(("whole",))),
    )
    got = list(blocks(view))
    assert np.concatenate([block.X.ravel() for block in got]).tolist() == kept["whole"].tolist()
    assert np.concatenate([block.y for block in got]).tolist() == kept["word"].tolist()
    assert np.concatenate([block.weight for block in got]).tolist() == kept["whole"].tolist()


def test_arrays_pair_by_row_over_spans(tmp_path, mixed, blocks):
    pq.write_table(mixed, tmp_path / "a.parquet", row_group_size=777)
    pq.write_table(mixed, tmp_path / "b.parquet")
    y = np.arange(10_000)
    view = View(open_source(tmp_path), (Select(("whole",)),), target=y, weight=y.astype(float))
    got = list(blocks(view))
    assert np.concatenate([block.y for block in got]).tolist() == y.tolist()
    assert np.concatenate([block.weight for block in got]).tolist() == y.tolist()


def test_rows_with_gaps_are_dropped_and_counted(mixed, blocks):
    names = ["real", "small"]
    view = View(TableSource(mixed), (Select(tuple(names)),), drop_missing=True)
    dropped = []
    kept = [
        block
        for unit in view.layout.units
        for block in view.blocks(unit, FreshMemory(), dropped.append)
    ]
    expected = mixed.to_pandas()[names].dropna()
    assert np.concatenate([block.X for block in kept]).tolist() == expected.to_numpy().tolist()
    assert sum(dropped) == mixed.num_rows - len(expected)


def test_nulls_that_footers_tell_are_refused_before_reading(tmp_path, mixed):
    pq.write_table(mixed, tmp_path / "x.parquet", row_group_size=2000)
    view = View(open_source(tmp_path / "x.parquet"), (Select(("whole", "real")),))
    with pytest.raises(BadValue, match=r"'real' has \d+ nulls in x.parquet"):
        view.refuse_known_nulls(view.source.spans())
    for other in (
        View(view.source, (Select(("whole",)),)),
        View(view.source, view.features, drop_missing=True),
    ):
        other.refuse_known_nulls(other.source.spans())


def test_row_groups_that_cannot_match_are_not_read(tmp_path):
    table = pa.table({"n": np.arange(4000)})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=1000)
    view = View(open_source(tmp_path / "x.parquet"), (Filter(pc.field("n") >= 3500),))
    assert [view.skips(unit) for unit in view.layout.units] == [True, True, True, False]


def test_a_source_that_counts_nulls_says_that_it_tells_of_them(tmp_path):
    table = pa.table({"a": [1.0, None], "b": [1, 2]})
    folder = tmp_path / "year=2024"
    folder.mkdir()
    pq.write_table(table, folder / "part.parquet")
    in_memory, file = open_source(table), open_source(folder / "part.parquet")
    hive = open_source(tmp_path)
    assert isinstance(hive, HiveSource)
    for source in (in_memory, file, hive, ConcatSource([file, in_memory])):
        assert source.tells_nulls
        assert source.null_counts(source.spans()[0], ["a"])[0] == 1
        with pytest.raises(BadValue, match=r"'a' has 1 null.*known without reading"):
            View(source).refuse_known_nulls(source.spans())
    assert not open_source(np.ones((2, 2))).tells_nulls
