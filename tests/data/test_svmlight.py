"""svmlight files against scikit-learn's reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

import onebox as ob
from onebox.data.sources.paths import find_files
from onebox.data.sources.svmlight import SvmlightSource
from onebox.data.view import View
from onebox.decomposition import TruncatedSVD
from onebox.errors import BadInput, MissingColumn, NotEnoughMemory
from onebox.linear_model import Ridge


def written(path: Path, *, n: int = 700, p: int = 40, zero_based: bool = True) -> Path:
    rng = np.random.default_rng(0)
    X = sp.random_array((n, p), density=0.15, rng=rng, format="csr")
    dump_svmlight_file(X, rng.normal(size=n), str(path), zero_based=zero_based)
    return path


@pytest.mark.parametrize("zero_based", [True, False])
@pytest.mark.parametrize("chunk_bytes", [300, 2**22])
def test_as_scikit_learn(tmp_path: Path, zero_based: bool, chunk_bytes: int) -> None:
    path = written(tmp_path / "rows.svmlight", zero_based=zero_based)
    X, y = load_svmlight_file(str(path))
    source = SvmlightSource(find_files(path), chunk_bytes=chunk_bytes)
    data = ob.dataset(source)
    assert data.n_rows == len(y)
    assert data.columns == [*(f"x{j}" for j in range(X.shape[1])), "y"]
    np.testing.assert_array_equal(data.drop("y").to_numpy(), X.toarray())
    np.testing.assert_array_equal(data["y"].to_numpy(), y)
    view = View(source).sparsely()
    assert sum(block.csr.nnz for unit in view.layout.units for block in view.blocks(
        unit, ob.data.scratch.Scratch())) == X.nnz + np.count_nonzero(y)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=False),
            st.dictionaries(st.integers(0, 30), st.floats(allow_nan=False), max_size=6),
            st.sampled_from(["", " # 3:4", "#"]), st.sampled_from([" ", "  ", "\t"]),
            st.sampled_from(["{!r}", "{:.3e}", "{:.0f}", "{:+.25f}"]),
        ),
        min_size=1, max_size=9,
    ),
    st.sampled_from(["\n", "\r\n", "\n\n", "\n# comment: 1:2\n"]), st.booleans(),
)  # fmt: skip
def test_numbers_as_python_reads_them(tmp_path_factory, rows, ending: str, ends: bool) -> None:
    path = tmp_path_factory.mktemp("lines") / "rows.svm"
    lines, expected = [], []
    for label, entries, comment, space, form in rows:
        texts = {j: form.format(value) for j, value in sorted(entries.items())}
        told = space.join([form.format(label), "qid:3", *(f"{j}:{t}" for j, t in texts.items())])
        lines.append(told + comment)
        expected.append((float(form.format(label)), {j: float(t) for j, t in texts.items()}))
    path.write_bytes((ending.join(lines) + (ending if ends else "")).encode())
    source = SvmlightSource(find_files(path), chunk_bytes=64)
    first = source._first
    batches = [
        batch for s in source.spans() for batch in source.read(s, 0, -1, source.schema.names, 9)
    ]
    found = sp.vstack([batch.data for batch in batches]).toarray()
    for row, (label, entries) in zip(found, expected, strict=True):
        assert row[-1] == label
        for j, value in entries.items():
            assert row[j - first] == value


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("a 1:2", "begins with no number"), ("1:2 3:4", "begins with no number"),
        ("1 2", "has no index and colon"), ("1 x:2", "has no index and colon"),
        ("1 -1:2", "has no index and colon"), ("1 9999999999:2", "has no index and colon"),
        ("1 1:", "has no number behind a colon"), ("1 1:2:3", "has no number behind a colon"),
        ("1 1: 2", "has no number behind a colon"), ("1 2:1 2:3", "has indices that do not rise"),
    ],
)  # fmt: skip
def test_faults_name_their_place(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "rows.svmlight"
    path.write_text(f"1 1:2\n{line}\n1 1:2\n")
    with pytest.raises(BadInput, match=rf"rows.svmlight, byte \d+: the line '{line}' {fault}"):
        ob.dataset(path).n_rows  # noqa: B018 (reads)


def test_models_of_files_and_of_matrices_are_the_same(tmp_path: Path) -> None:
    for i in range(3):
        written(tmp_path / f"part-{i}.libsvm")
    data = ob.dataset(tmp_path)
    X = sp.vstack([load_svmlight_file(str(tmp_path / f"part-{i}.libsvm"))[0] for i in range(3)])
    bits = set()
    for how in ({}, {"n_jobs": 1}, {"n_jobs": 4}, {"memory": "40MB", "disk": 0}):
        with ob.config(**how):
            found = TruncatedSVD(3, random_state=0).fit(data.drop("y"))
        bits.add(found.components_.tobytes())
        same = TruncatedSVD(3, random_state=0).fit(X)
        np.testing.assert_allclose(found.singular_values_, same.singular_values_, rtol=1e-12)
        lazy = found.transform(data.drop("y")).to_numpy()
        np.testing.assert_allclose(lazy, X @ found.components_.T, atol=1e-12)
    assert len(bits) == 1
    model = Ridge().fit(data.drop("y"), data["y"])
    y = np.concatenate([load_svmlight_file(str(tmp_path / "part-0.libsvm"))[1]] * 3)
    np.testing.assert_allclose(model.coef_, Ridge().fit(X.toarray(), y).coef_, atol=1e-10)


def test_columns_by_name(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.txt")
    data = ob.dataset(path, format="svmlight", columns=["y", "x3"])
    X, y = load_svmlight_file(str(path))
    np.testing.assert_array_equal(data.to_numpy(), np.column_stack([y, X.toarray()[:, 3]]))
    with pytest.raises(MissingColumn, match="'x400' is not in"):
        ob.dataset(path, format="svmlight", columns=["x400"])


def test_wide_rows_need_what_their_entries_take(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = sp.random_array((20_000, 30_000), density=0.0005, rng=rng, format="csr")
    dump_svmlight_file(X, np.zeros(20_000), str(tmp_path / "rows.svmlight"))
    data = ob.dataset(tmp_path / "rows.svmlight").drop("y")
    with ob.config(memory="150MB", n_jobs=1):
        model = TruncatedSVD(2, n_iter=1, n_oversamples=2, random_state=0).fit(data)
        assert model.fit_report_.rows == 20_000
        with pytest.raises(NotEnoughMemory):
            data.to_numpy()
