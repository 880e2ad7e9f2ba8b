"""Standard errors of means, and descriptions of a part of the rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.aggregates import Moments
from onebox.errors import BadInput


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    rng = np.random.default_rng(0)
    n = 100_000
    table = pa.table(
        {
            "plain": rng.normal(5, 2, n),
            "sorted": np.sort(rng.normal(5, 2, n)),
            "gaps": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "text": pa.array(np.where(rng.random(n) < 0.3, "x", "y")),
        }
    )
    path = tmp_path_factory.mktemp("described") / "rows.parquet"
    pq.write_table(table, path, row_group_size=500)
    return path


def test_means_have_errors_and_marks(path):
    table = ob.describe(path).to_arrow()
    told = ob.aggregate(path, Moments(), standard_error=True)["mean"]
    assert table["mean_standard_error"].to_pylist()[:3] == pytest.approx(told.standard_error)
    assert table["mean_is_trusted"].to_pylist() == [*told.trusted.tolist(), None]
    assert told.trusted.tolist() == [True, False, True]
    assert table["mean"].to_pylist()[:3] == ob.aggregate(path, Moments()).mean.tolist()


def test_a_page_shows_them(path, tmp_path):
    ob.describe(path).to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "mean ± se" in page
    assert " ?" in page


def test_a_few_rows_have_errors_too():
    X = np.random.default_rng(0).normal(size=(500, 2))
    table = ob.describe(X).to_arrow()
    assert table["mean_standard_error"].to_pylist() == pytest.approx([500**-0.5] * 2, rel=0.1)
    assert ob.describe(X).report.passes == 1
    assert ob.describe(X[:1]).to_arrow()["mean_standard_error"].to_pylist() == [None, None]
    assert ob.describe(X[:0]).to_arrow()["mean_standard_error"].to_pylist() == [None, None]


def test_a_part_will_do(path):
    data = ob.dataset(path).drop("sorted")
    described = ob.describe(data, error=0.03, random_state=3)
    share = described.report.reading.share
    assert share < 0.2
    assert f"read {share:.2g} of the rows" in described.note
    assert described.note in repr(described)
    exact, about = ob.describe(data).to_arrow(), described.to_arrow()
    for name in ("mean", "std", "50%"):
        assert about[name].to_pylist()[:2] == pytest.approx(exact[name].to_pylist()[:2], abs=0.2)
    assert about["count"].to_pylist()[2] == described.report.rows
    errors = np.array(about["mean_standard_error"].to_pylist()[:2])
    assert (1.96 * errors < 0.031 * np.array(exact["std"].to_pylist()[:2])).all()


def test_it_ends_on_the_page(path, tmp_path):
    described = ob.describe(ob.dataset(path).drop("sorted"), error=0.03)
    described.to_html(tmp_path / "page.html")
    assert "of the rows, drawn at random" in (tmp_path / "page.html").read_text()


def test_what_no_part_tells(path):
    described = ob.describe(path, error=0.001)
    assert described.report.reading.share == 1
    assert "no part of them would do" in described.note
    with pytest.raises(BadInput, match="no column is numeric"):
        ob.describe(ob.dataset(path)[["text"]], error=0.1)
    with pytest.raises(BadInput, match="positive"):
        ob.describe(path, error=0)
