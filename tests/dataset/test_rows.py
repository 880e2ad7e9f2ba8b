"""What can be done to the rows of a Dataset: filters, samples, splits, concatenation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onebox as ob
from onebox.data.block import Block
from onebox.errors import BadInput, MissingColumn, SinglePass, WrongType


def keys(data: ob.Dataset) -> list[int]:
    return data["k"].to_numpy().tolist()


# Filters


def test_filter(data, table):
    some = data.filter((pc.field("x") > 0) & (pc.field("city") == "city 3"))
    expected = table.filter((pc.field("x") > 0) & (pc.field("city") == "city 3"))
    assert some.to_arrow().equals(expected)
    assert some.n_rows == len(expected)
    assert some.drop("x").to_arrow().equals(expected.drop_columns(["x"]))
    with pytest.raises(WrongType, match="takes an Arrow expression"):
        data.filter("x > 0")
    with pytest.raises(BadInput, match="does not fit the columns"):
        data.filter(pc.field("nobody") > 0)


def test_filters_see_what_was_made_before_them(data, table):
    made = data.assign(y=lambda block: block["k"] % 10).filter(pc.field("y") == 3)
    assert keys(made) == list(range(3, 1000, 10))
    assert keys(made.filter(pc.field("k") > 500)) == list(range(503, 1000, 10))


def test_drop_missing(data, table):
    assert keys(data.drop_missing("hole")) == [i for i in range(1000) if i % 10 != 3]
    whole = [i for i in range(1000) if i % 10 != 3 and i % 97 != 5]
    assert keys(data.drop_missing()) == whole
    assert data.drop_missing("city", "hole").n_rows == len(whole)
    numbers = np.array([[1.0, np.nan], [np.inf, 2.0], [3.0, 4.0]])
    assert ob.dataset(numbers).drop_missing().to_numpy().tolist() == [[3, 4]]
    with pytest.raises(MissingColumn):
        data.drop_missing("nobody")


def test_rows_keep_their_order_whatever_happens_to_them(data):
    made = data.filter(pc.field("x") > -1).assign(z=lambda block: block["k"]).drop_missing("city")
    assert keys(made) == sorted(keys(made))
    assert keys(made.sample(fraction=0.3)) == sorted(keys(made.sample(fraction=0.3)))
    with ob.config(n_jobs=4):
        assert keys(made.split()[0]) == sorted(keys(made.split()[0]))


EVEN = pc.bit_wise_and(pc.field("k"), 1) == 0


def whole_rows(table: pa.Table) -> pa.Array:
    valid = np.ones(len(table), bool)
    for column in table.columns:
        valid &= column.is_valid().to_numpy()
    return pa.array(valid)


STEPS = {
    "select": (lambda d: d.select("k", "x"), lambda t: t.select(["k", "x"])),
    "filter": (lambda d: d.filter(EVEN), lambda t: t.filter(EVEN)),
    "drop_missing": (lambda d: d.drop_missing(), lambda t: t.filter(whole_rows(t))),
    "assign": (
        lambda d: d.assign(x=lambda block: block["x"] + 1),
        lambda t: t.set_column(
            t.column_names.index("x"), "x", pa.chunked_array([t["x"].to_numpy() + 1])
        ),
    ),
    "rename and back": (lambda d: d.rename({"x": "q"}).rename({"q": "x"}), lambda t: t),
}


@settings(max_examples=25, deadline=None)
@given(names=st.lists(st.sampled_from(sorted(STEPS)), max_size=5))
def test_any_chain_of_steps_does_what_it_does_to_a_table(names, table):
    data, expected = ob.dataset(table.combine_chunks()), table
    for name in names:
        lazy, eager = STEPS[name]
        data, expected = lazy(data), eager(expected)
    assert data.to_arrow().equals(expected)
    assert data.n_rows == len(expected)


# Samples and splits


def write(folder, name: str, first: int, n: int) -> None:
    columns = {"k": np.arange(first, first + n), "user": np.arange(first, first + n) // 10}
    pq.write_table(pa.table(columns), folder / name, row_group_size=700)


@pytest.fixture
def growing(tmp_path):
    write(tmp_path, "a.parquet", 0, 2000)
    write(tmp_path, "b.parquet", 10_000, 1500)
    return tmp_path


@pytest.mark.parametrize("by", [None, "user"])
def test_files_that_come_go_and_grow_move_no_other_row(growing, by):
    def drawn():
        data = ob.dataset(growing)
        _, test = data.split(test=0.3, random_state=4, by=by)
        return set(keys(test)), set(keys(data.sample(fraction=0.2, random_state=4, by=by)))

    before = drawn()
    write(growing, "0-first.parquet", 50_000, 900)
    write(growing, "z.parquet", 60_000, 900)
    for old, new in zip(before, drawn(), strict=True):
        assert {k for k in new if k < 50_000} == old
        assert any(k >= 50_000 for k in new)
    (growing / "b.parquet").unlink()
    for old, new in zip(before, drawn(), strict=True):
        assert {k for k in new if k < 50_000} == {k for k in old if k < 10_000}
    write(growing, "a.parquet", 0, 3500)  # as if rows had been appended
    for old, new in zip(before, drawn(), strict=True):
        assert {k for k in new if k < 2000} == {k for k in old if k < 10_000}


def test_row_groups_and_columns_do_not_matter_to_a_draw(growing, tmp_path_factory):
    data = ob.dataset(growing)
    table = data.to_arrow()
    other = tmp_path_factory.mktemp("other")
    pq.write_table(table[:2000], other / "a.parquet", row_group_size=99)
    pq.write_table(table[2000:].select(["k"]), other / "b.parquet", row_group_size=10_000)
    again = ob.dataset(other, columns=["k"])
    assert keys(again.sample(fraction=0.2)) == keys(data.sample(fraction=0.2))
    filtered = data.filter(EVEN).sample(fraction=0.2)
    assert keys(filtered) == [k for k in keys(data.sample(fraction=0.2)) if k % 2 == 0]


def test_a_split_parts_the_rows(data):
    train, test = data.split(test=0.25, random_state=1)
    assert sorted(keys(train) + keys(test)) == list(range(1000))
    assert 180 < test.n_rows < 320
    assert keys(data.split(test=0.25, random_state=2)[1]) != keys(test)
    nothing, everything = data.split(test=1.0)
    assert (nothing.n_rows, everything.n_rows) == (0, 1000)


def test_rows_of_one_value_stay_together(growing):
    data = ob.dataset(growing)
    train, test = data.split(test=0.4, by="user")
    users = set(train["user"].to_numpy()), set(test["user"].to_numpy())
    assert not users[0] & users[1]
    assert 0.25 < len(users[1]) / (len(users[0]) + len(users[1])) < 0.55
    sample = data.sample(fraction=0.5, by="user")
    for user in set(sample["user"].to_numpy()):
        assert (sample["user"].to_numpy() == user).sum() == 10
    text = data.assign(user=lambda block: block["user"].astype(str))
    assert [int(u) for u in text.split(test=0.4, by="user")[1]["user"].to_numpy()]
    with pytest.raises(MissingColumn, match="'nobody'"):
        data.split(by="nobody")


def test_draws_after_draws_are_independent_of_them(growing):
    data = ob.dataset(growing)
    half = data.sample(fraction=0.5, random_state=3)
    quarter = half.sample(fraction=0.5, random_state=3)
    assert 0.4 < quarter.n_rows / half.n_rows < 0.6
    eighth = quarter.sample(fraction=0.5, random_state=3)
    assert 0.4 < eighth.n_rows / quarter.n_rows < 0.6
    _, test = half.split(test=0.5, random_state=3)
    assert 0.4 < test.n_rows / half.n_rows < 0.6
    apart = set(keys(data.split(test=0.5, random_state=3)[1])) & set(keys(half))
    assert 0.4 < len(apart) / half.n_rows < 0.6, "a split is no sample"


@pytest.mark.parametrize("n", [0, 1, 17, 999, 1000, 5000])
def test_a_sample_of_a_number_of_rows_has_that_many(data, n):
    made = data.sample(n, random_state=7)
    assert made.n_rows == min(n, 1000)
    assert len(set(keys(made))) == min(n, 1000)
    assert set(keys(made)) <= set(keys(data.sample(2 * n, random_state=7)))


def test_a_sample_after_a_filter_has_that_many_too(data):
    some = data.filter(pc.field("x") > 0)
    assert some.sample(50).n_rows == 50
    assert set(keys(some.sample(50))) <= set(keys(some))
    assert some.sample(10_000).n_rows == some.n_rows
    dropping = ob.dataset(data.select("k", "hole"), on_missing="drop")
    assert dropping.sample(100).n_rows == 100


def test_every_row_has_about_the_same_chance():
    data = ob.dataset({"k": np.arange(2000)})
    drawn = np.zeros(2000)
    for seed in range(60):
        drawn[data.sample(fraction=0.25, random_state=seed)["k"].to_numpy()] += 1
    # 60 draws with a chance of 1/4: mean 15, variance 11.25; their sum of squares is chi-squared.
    statistic = ((drawn - 15) ** 2 / 11.25).sum()
    assert abs(statistic - 2000) < 5 * np.sqrt(2 * 2000)


def test_samples_that_make_no_sense(data):
    for options in ({}, {"n": 3, "fraction": 0.5}):
        with pytest.raises(BadInput, match="either n= or fraction="):
            data.sample(**options)
    with pytest.raises(BadInput, match=r"fraction=1.5 is a share"):
        data.sample(fraction=1.5)
    with pytest.raises(BadInput, match=r"test=-0.1 is a share"):
        data.split(test=-0.1)
    with pytest.raises(BadInput, match="n is 0 or more"):
        data.sample(-1)
    with pytest.raises(BadInput, match="fraction= with by="):
        data.sample(5, by="k")


# Several, and the first few


def test_concat(data, table):
    twice = data.concat(data)
    assert twice.n_rows == 2000
    assert twice.to_arrow().equals(pa.concat_tables([table, table]))
    assert ob.concat([data]).to_arrow().equals(table)
    three = ob.concat([ob.dataset(table[:10]), ob.dataset(table[10:30]), ob.dataset(table[30:])])
    assert three.to_arrow().equals(table)
    assert keys(three.sample(fraction=0.5)) == sorted(keys(three.sample(fraction=0.5)))


def test_concat_of_what_does_not_go_together(data, table):
    with pytest.raises(BadInput, match="no datasets"):
        ob.concat([])
    with pytest.raises(BadInput, match=r"different steps \(none; filter\)"):
        ob.concat([data, data.filter(pc.field("x") > 0)])
    with pytest.raises(BadInput, match="different steps"):
        ob.concat([data, ob.dataset(data, on_missing="drop")])
    with pytest.raises(BadInput, match="'city'"):
        ob.concat([ob.dataset(table), ob.dataset(table.drop_columns(["city"]))])


def test_steps_after_concat_and_the_same_steps_before(data, table):
    positive = pc.field("x") > 0
    after = ob.concat([data, data]).filter(positive)
    before = ob.concat([data.filter(positive), data.filter(positive)])
    assert after.to_arrow().equals(before.to_arrow())


@pytest.mark.parametrize("n", [0, 1, 5, 300, 999, 1000, 4000])
def test_head(data, table, n):
    assert data.head(n).equals(table[:n])
    some = table.filter(pc.field("x") > 0)
    assert data.filter(pc.field("x") > 0).head(n).equals(some[:n])


def test_head_of_made_columns_has_their_types(data):
    made = data.map(lambda block: block["k"], schema=pa.schema([("x0", pa.float32())]))
    assert made.head(2).schema.field("x0").type == pa.float32()
    assert made.head(2)["x0"].to_pylist() == [0, 1]


def test_blocks(data, table):
    blocks = list(data.blocks())
    assert all(isinstance(block, Block) for block in blocks)
    assert sum(len(block) for block in blocks) == 1000
    together = pa.Table.from_batches([block.to_arrow() for block in blocks])
    assert together.equals(table), "each may be kept"
    numbers = [block.X for block in data[["x", "k"]].blocks()]
    np.testing.assert_array_equal(np.concatenate(numbers)[:, 0], table["x"].to_numpy())
    assert blocks[0].first_row == 0


def test_blocks_are_read_as_they_are_asked_for(table):
    drawn = []

    def stream():
        for i in range(10):
            drawn.append(i)
            yield pa.table({"a": np.arange(40_000.0)})

    data = ob.dataset(stream)
    drawn.clear()
    next(data.blocks())
    assert len(drawn) <= 1


def test_a_stream_that_can_be_read_once(table):
    data = ob.dataset(iter(table.to_batches(max_chunksize=100)))
    assert data.schema.equals(table.schema)
    assert data.to_arrow().equals(table)
    with pytest.raises(SinglePass, match=r"read once, and was read already.*persist\(path\)"):
        data.to_arrow()
    with pytest.raises(SinglePass):
        len(data)


def test_partitions(folder):
    partitions = ob.dataset(folder).partitions
    assert [(p.file, p.first_row, p.n_rows) for p in partitions] == [
        ("0.parquet", 0, 120),
        ("0.parquet", 120, 120),
        ("0.parquet", 240, 60),
        ("1.parquet", 0, 50),
        *[("2.parquet", first, min(120, 650 - first)) for first in range(0, 650, 120)],
    ]
    assert [p.number for p in partitions] == list(range(10))
