"""describe: every column of any type in one pass, and as much of it as a screen has room for."""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from rich.console import Console

import onebox as ob
from onebox.describe import Description
from onebox.errors import EmptyData

QUARTILES = ("25%", "50%", "75%")


@pytest.fixture
def width(monkeypatch: pytest.MonkeyPatch):
    return lambda columns: monkeypatch.setenv("COLUMNS", str(columns))


@pytest.fixture(scope="session")
def tables() -> Path:
    """Real tables, where they are present."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("ONEBOX_TEST_DATA", beside)) / "tables"
    if not folder.is_dir():
        pytest.skip(f"the real tables are not at {folder}; set ONEBOX_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def everything() -> pa.Table:
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=i % 40) for i in range(100)]
    return pa.table(
        {
            "number": [None, float("nan"), float("inf"), *np.linspace(0, 96, 97)],
            "count": [i % 5 for i in range(100)],
            "key": pa.array([2**60 + i for i in range(100)]),
            "yes": [i % 4 == 0 for i in range(100)],
            "price": [Decimal(i) / 4 for i in range(100)],
            "day": [None, *days[1:]],
            "moment": pa.array(days).cast(pa.timestamp("us", "UTC")),
            "span": [dt.timedelta(minutes=i) for i in range(100)],
            "clock": [dt.time(i % 24, 30) for i in range(100)],
            "word": [None, *["often"] * 60, *[f"word {i}" for i in range(39)]],
            "sort": pa.array(["a", "b"] * 50).dictionary_encode(),
            "bytes": [b"\xff\xfe"] * 100,
            "list": [None, *[[i, i] for i in range(99)]],
            "struct": [{"a": i} for i in range(100)],
            "never": pa.nulls(100),
        }
    )


def facts(described: Description) -> dict[str, dict[str, object]]:
    return {one["column"]: one for one in described.to_arrow().to_pylist()}


def test_every_type(everything: pa.Table) -> None:
    found = facts(ob.describe(everything))
    assert list(found) == everything.column_names
    number = found["number"]
    assert (number["count"], number["missing"], number["infinite"]) == (97, 2, 1)
    assert (number["min"], number["mean"], number["max"], number["top"]) == (0, 48, 96, None)
    assert found["yes"]["mean"] == 0.25
    assert (found["yes"]["distinct"], found["yes"]["top"], found["yes"]["top_count"]) == (
        2, "false", 75
    )  # fmt: skip
    np.testing.assert_allclose(found["price"]["mean"], 99 / 8)
    assert (found["key"]["distinct"], found["key"]["type"]) == (100, "int64")
    day = found["day"]
    assert (day["earliest"], day["latest"], day["missing"]) == ("2024-01-01", "2024-02-09", 1)
    assert found["moment"]["latest"].startswith("2024-02-09 00:00:00")
    assert found["span"]["latest"] == "1:39:00"
    assert found["clock"]["latest"].startswith("23:30:00")
    word = found["word"]
    assert (word["count"], word["missing"], word["distinct"]) == (99, 1, 40)
    assert (word["top"], word["top_count"], word["infinite"]) == ("often", 60, None)
    assert (found["sort"]["type"], found["sort"]["distinct"]) == ("dictionary<string>", 2)
    nested = found["list"]
    assert (nested["count"], nested["missing"], nested["distinct"]) == (99, 1, None)
    never = found["never"]
    assert (never["count"], never["missing"], never["mean"], never["distinct"]) == (0, 100, None, 0)


def test_real_mixed_table_against_pandas(tables: Path) -> None:
    described = ob.describe(tables / "birdstrikes.csv")
    frame = pd.read_csv(tables / "birdstrikes.csv", keep_default_na=False, na_values=[""])
    found = facts(described)
    assert described.report.rows == len(frame)
    assert described.report.passes == 1
    for name, column in frame.items():
        one = found[name]
        assert one["missing"] == column.isna().sum(), name
        assert one["count"] == column.notna().sum(), name
        exact = column.nunique()
        if one["distinct_is_exact"]:
            assert one["distinct"] == exact, name
        else:
            assert abs(one["distinct"] / exact - 1) < 0.07, name
        if column.dtype.kind in "if":
            np.testing.assert_allclose(one["mean"], column.mean(), rtol=1e-12)
            np.testing.assert_allclose(one["std"], column.std(), rtol=1e-10)
            quartiles = [one[q] for q in QUARTILES]
            np.testing.assert_allclose(quartiles, column.quantile([0.25, 0.5, 0.75]), rtol=1 / 64)
        if one["distinct_is_exact"]:
            counts = column.value_counts()
            assert one["top_count"] == counts.iloc[0], name
            tops = counts.index[counts == counts.iloc[0]].tolist()
            assert (float(one["top"]) if column.dtype.kind in "if" else one["top"]) in tops, name
    assert found["Flight Date"]["type"] == "date32[day]"
    assert (found["Flight Date"]["earliest"], found["Flight Date"]["latest"]) == (
        frame["Flight Date"].min(), frame["Flight Date"].max()
    )  # fmt: skip


def test_real_flights_against_pandas(tables: Path) -> None:
    found = facts(ob.describe(tables / "flights-200k.arrow"))
    with pa.memory_map(str(tables / "flights-200k.arrow")) as file:
        frame = pa.ipc.open_file(file).read_pandas()
    for name, column in frame.items():
        summary = column.astype(float).describe()
        for field in ("mean", "std", "min", "max"):
            np.testing.assert_allclose(found[name][field], summary[field], rtol=1e-9)
        quartiles = [found[name][q] for q in QUARTILES]
        if column.dtype.kind == "i":
            assert quartiles == [summary[q] for q in QUARTILES]
        np.testing.assert_allclose(quartiles, [summary[q] for q in QUARTILES], rtol=1 / 64)
    assert found["delay"]["top"] == str(frame["delay"].mode()[0])


def test_same_bits_for_any_workers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 120_000
    words = rng.choice(list("abc"), n)
    columns = {"x": rng.normal(size=n), "k": rng.integers(0, 10**6, n), "w": words}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet", row_group_size=20_000)
    with ob.config(executor="serial"):
        alone = ob.describe(tmp_path / "rows.parquet").to_arrow()
    for n_jobs in (1, 2, 4):
        with ob.config(n_jobs=n_jobs, memory="100MB"):
            assert ob.describe(tmp_path / "rows.parquet").to_arrow().equals(alone)


@pytest.mark.parametrize("form", ["dense", "sparse", "frame"])
def test_forms_of_rows(form: str) -> None:
    X = np.random.default_rng(0).poisson(0.5, (400, 3)).astype(float)
    data = {
        "dense": X,
        "sparse": sp.csr_array(X),
        "frame": pd.DataFrame(X, columns=["x0", "x1", "x2"]),
    }
    found = facts(ob.describe(data[form]))
    np.testing.assert_allclose([found[f"x{j}"]["mean"] for j in range(3)], X.mean(axis=0))
    assert [found[f"x{j}"]["50%"] for j in range(3)] == np.median(X, axis=0).tolist()


def test_of_a_dataset_after_its_steps(everything: pa.Table) -> None:
    data = ob.dataset(everything).drop_missing(["number"]).select(["number", "word"])
    described = ob.describe(data)
    assert described.report.rows == 97
    assert facts(described)["number"]["missing"] == 0


def test_no_rows_have_counts_of_zero() -> None:
    described = ob.describe(
        pa.table({"x": pa.array([], pa.float64()), "t": pa.array([], pa.string())})
    )
    found = facts(described)
    assert (found["x"]["count"], found["x"]["mean"], found["x"]["distinct"]) == (0, None, 0)
    assert (found["t"]["count"], found["t"]["top"], found["t"]["distinct"]) == (0, None, 0)
    assert repr(described).startswith("0 rows x 2 columns")


def test_no_columns_are_refused() -> None:
    with pytest.raises(EmptyData, match="0 columns"):
        ob.describe(ob.dataset({"x": [1, 2]}).drop("x"))


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_the_text_fits_the_terminal(columns: int, everything: pa.Table, width) -> None:
    width(columns)
    text = repr(ob.describe(everything))
    lines = text.splitlines()
    assert max(map(len, lines)) <= max(columns, 60)
    for name in everything.column_names:
        assert any(line.startswith(name) for line in lines)


def test_a_wide_terminal_shows_more(everything: pa.Table, width) -> None:
    described = ob.describe(everything)
    width(80)
    narrow = repr(described)
    width(220)
    wide = repr(described)
    for title in ("25%", "distinct", "top", "type"):
        assert title in wide
    assert len(wide) > len(narrow)
    assert "false (75%)" in wide
    assert "often (" in narrow


def test_estimates_are_marked(width) -> None:
    width(200)
    x = np.random.default_rng(0).normal(size=50_000)
    text = repr(ob.describe({"x": x, "few": np.arange(50_000) % 7}))
    assert "~" in text.splitlines()[3]
    assert "~" not in text.splitlines()[4]


def test_many_columns_are_cut_short(width) -> None:
    width(80)
    described = ob.describe(np.random.default_rng(0).normal(size=(50, 90)))
    assert "... and 30 more columns: see to_arrow()" in repr(described)
    assert described.to_arrow().num_rows == 90


def test_html_is_escaped() -> None:
    html = ob.describe({"<b>": [1.0, 2.0], "t": ["<script>", "<script>"]})._repr_html_()
    assert "<script>" not in html
    assert "&lt;b&gt;" in html
    assert html.count("<table>") == 2


def test_rich_shows_the_same(everything: pa.Table, width) -> None:
    width(100)
    console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    with console.file:
        console.print(ob.describe(everything))
    shown = [line.rstrip() for line in console.export_text().splitlines()]
    assert [line for line in shown if line] == [
        line for line in repr(ob.describe(everything)).splitlines() if line
    ]
