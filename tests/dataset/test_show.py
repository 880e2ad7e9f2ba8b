"""How datasets show themselves: without reading."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import onebox as ob
from onebox.errors import DataChanged


def test_text(folder):
    shown = repr(ob.dataset(folder)).splitlines()
    assert shown[0].startswith("<Dataset 1,000 rows x 6 columns: 3 Parquet files in ")
    assert shown[1] == "  x     double"
    assert shown[3] == "  city  string"
    assert len(shown) == 7


def test_steps_and_unknown_counts(folder):
    some = ob.dataset(folder).filter(pc.field("x") > 0).assign(y=lambda b: b["x"]).select("x", "y")
    shown = repr(some)
    assert "rows not counted yet x 2 columns" in shown
    assert shown.endswith("after filter, assign")
    assert len(some) > 0
    assert f"{len(some):,} rows x 2 columns" in repr(some)


def test_many_columns_are_cut():
    shown = repr(ob.dataset(np.ones((2, 100))))
    assert shown.endswith("... and 88 more")
    assert shown.count("\n") == 13
    assert "1 column:" in repr(ob.dataset(np.ones((2, 1))))
    assert "... and 88 more" in ob.dataset(np.ones((2, 100)))._repr_html_()


def test_html(folder):
    html = ob.dataset(folder)._repr_html_()
    assert html.startswith("<table>")
    assert "1,000 rows x 6 columns" in html
    assert "<tr><td>city</td><td>string</td></tr>" in html
    evil = ob.dataset(pa.table({"<script>": [1.0]}))._repr_html_()
    assert "<script>" not in evil
    assert "&lt;script&gt;" in evil


def test_files_may_be_gone_by_then(folder):
    data = ob.dataset(folder)
    before, html = repr(data), data._repr_html_()
    for file in folder.iterdir():
        file.unlink()
    some = data.filter(pc.field("x") > 0).rename({"k": "q"})
    assert (repr(data), data._repr_html_()) == (before, html)
    assert "q     int32" in repr(some)
    assert data.n_rows == 1000
    assert len(data.partitions) == 10
    with pytest.raises(DataChanged):
        data.to_arrow()


def test_no_block_of_a_stream_is_used_up():
    drawn = []

    def blocks():
        for i in range(3):
            drawn.append(i)
            yield np.ones((5, 2))

    data = ob.dataset(blocks())
    some = data.filter(pc.field("x0") > 0).rename({"x0": "a"})
    assert "rows not counted yet" in repr(some)
    assert "rows not counted yet" in some._repr_html_()
    assert drawn in ([], [0]), "one for the schema"
    assert some.n_rows == 15
