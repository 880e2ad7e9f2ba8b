"""Leaving groups out: the algebra, and what it costs the answers themselves (nothing)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import onebox as ob
from onebox.aggregates import (
    Count,
    DistinctCount,
    Extremes,
    Gram,
    Histogram,
    Mean,
    Moments,
    Quantiles,
    Sample,
    TopValues,
)
from onebox.aggregates.aggregate import parts_of
from onebox.dataset import as_dataset
from onebox.decomposition import PCA
from onebox.engine.accuracy.jackknife import delete_group, leave_one_out
from onebox.errors import BadInput, NotEnoughMemory
from onebox.impute import SimpleImputer
from onebox.linear_model import LinearRegression, Ridge, RidgeClassifier
from onebox.metrics import accuracy_score, mean_squared_error, r2_score
from onebox.pipeline import make_pipeline
from onebox.preprocessing import StandardScaler


@pytest.fixture(scope="module")
def X() -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.normal(size=(6400, 3)) @ rng.normal(size=(3, 3)) + 4


@pytest.fixture(scope="module")
def y(X) -> np.ndarray:
    return X @ [1, 0, -2] + np.random.default_rng(4).normal(size=len(X))


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=40),
    st.integers(2, 8),
)
def test_of_a_mean_it_is_the_variance_between_groups(values, n_groups):
    values = np.resize(np.array(values), n_groups * (len(values) // n_groups + 1))
    groups = values.reshape(n_groups, -1)
    left_out = np.array([np.delete(groups, g, axis=0).mean() for g in range(n_groups)])
    spread = delete_group(values.mean(), left_out, np.full(n_groups, 1 / n_groups))
    expected = groups.mean(axis=1).std(ddof=1) / np.sqrt(n_groups)
    assert spread.standard_error == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_groups_of_unlike_sizes_weigh_as_they_should():
    """For a mean with known group means, the formula of Busing et al. by hand."""
    rng = np.random.default_rng(0)
    groups = [rng.normal(size=n) for n in (50, 80, 120, 30, 60)]
    whole = np.concatenate(groups)
    sizes = np.array(list(map(len, groups)))
    left_out = np.array([np.delete(whole, np.arange(a, a + n)).mean()
                         for a, n in zip(np.cumsum(sizes) - sizes, sizes, strict=True)])  # fmt: skip
    spread = delete_group(whole.mean(), left_out, sizes / sizes.sum())
    h = sizes.sum() / sizes
    pseudo = h * whole.mean() - (h - 1) * left_out
    assert pseudo == pytest.approx([one.mean() for one in groups])
    middle = 5 * whole.mean() - ((1 - sizes / sizes.sum()) * left_out).sum()
    expected = np.sqrt(((pseudo - middle) ** 2 / (h - 1)).mean())
    assert spread.standard_error == pytest.approx(expected)


def test_left_out_states_are_those_of_the_other_rows(X):
    recipe = Gram()
    view = as_dataset(X[:400]).view
    blocks = [X[i : i + 50] for i in range(0, 400, 50)]
    groups = [_summary(recipe, block) for block in blocks]
    before = [recipe.result(one).xx.copy() for one in groups]
    for g, summary in enumerate(leave_one_out(recipe, groups)):
        others = np.concatenate([one for i, one in enumerate(blocks) if i != g])
        expected = np.cov(others.T) * (len(others) - 1)
        np.testing.assert_allclose(recipe.result(summary).xx, expected, rtol=1e-12)
    for one, xx in zip(groups, before, strict=True):
        assert np.array_equal(recipe.result(one).xx, xx)
    assert view.layout.n_rows == 400


def _summary(recipe, rows):
    from onebox.engine.run import scan

    return scan(as_dataset(rows).view, recipe)[0]


@pytest.mark.parametrize("n_rows", [100, 6400])
def test_answers_keep_their_bits(X, y, n_rows):
    X, y = X[:n_rows], y[:n_rows]
    asked = (Moments(), Gram(), Quantiles([0.1, 0.5]), Count(), Histogram(4, (0, 8)))
    told = ob.aggregate(X, *asked, standard_error=True)
    for with_error, plain in zip(told, ob.aggregate(X, *asked), strict=True):
        for name, value in vars(plain).items():
            if isinstance(value, np.ndarray):
                assert np.array_equal(getattr(with_error.result, name), value, equal_nan=True)
    for model in (Ridge(), LinearRegression(), PCA(2), StandardScaler(), SimpleImputer()):
        plain = type(model)(**model.get_params()).fit(X, y)
        ob.fit(model, X, y, standard_error=True) if hasattr(model, "predict") else ob.fit(
            model, X, standard_error=True
        )
        for name in model._smooth_attributes():
            assert np.array_equal(getattr(model, name), getattr(plain, name)), name


def test_many_partitions_need_one_pass(tmp_path, X):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({f"x{j}": X[:, j] for j in range(3)})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=100)
    told = ob.aggregate(tmp_path / "rows.parquet", Moments(), standard_error=True)
    assert told.report.passes == 1
    plain = ob.aggregate(tmp_path / "rows.parquet", Moments())
    assert np.array_equal(told.result.mean, plain.mean)
    expected = X.std(axis=0) / np.sqrt(len(X))
    np.testing.assert_allclose(told["mean"].standard_error, expected, rtol=0.35)
    assert told["mean"].degrees_of_freedom == 31


def test_errors_are_those_of_theory(X, y):
    """Within the noise of 31 degrees of freedom: 13 % standard deviation, so 45 %."""
    n = len(X)
    told = ob.aggregate(X, Moments(), Gram(), Quantiles(0.5), standard_error=True)
    near = {"rtol": 0.45}
    np.testing.assert_allclose(told[0]["mean"].standard_error, X.std(axis=0) / n**0.5, **near)
    fourth = ((X - X.mean(axis=0)) ** 4).mean(axis=0) - X.var(axis=0) ** 2
    np.testing.assert_allclose(told[0]["variance"].standard_error, (fourth / n) ** 0.5, **near)
    r = np.corrcoef(X.T)[0, 1]
    np.testing.assert_allclose(
        told[1]["correlation"].standard_error[0, 1], (1 - r**2) / n**0.5, **near
    )
    density = stats.norm.pdf(0) / X.std(axis=0)
    np.testing.assert_allclose(told[2]["0.5"].standard_error, 0.5 / density / n**0.5, **near)
    model = ob.fit(LinearRegression(), X, y, standard_error=True)
    Z = X - X.mean(axis=0)
    covariance = np.linalg.inv(Z.T @ Z) * np.var(y - model.predict(X))
    np.testing.assert_allclose(model.coef_standard_error_, np.sqrt(covariance.diagonal()), **near)
    assert model.accuracy_["coef_"].columns == ("x0", "x1", "x2")


def test_components_are_aligned_before_they_are_compared():
    """Equal variances let components swap and turn round from group to group."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6400, 4)) * [3, 3.02, 1, 1.2]
    accuracy = ob.fit(PCA(4), X, standard_error=True).accuracy_
    assert accuracy["components_"].standard_error[2:].max() < 0.2
    assert accuracy["explained_variance_"].standard_error.max() < 0.6
    assert np.ndim(accuracy["noise_variance_"].value) == 0


def test_metrics(X, y):
    predicted = y + np.random.default_rng(0).normal(size=len(y))
    error = mean_squared_error(y, predicted, standard_error=True)
    assert error.value == mean_squared_error(y, predicted)
    squares = (y - predicted) ** 2
    assert float(error.standard_error) == pytest.approx(squares.std() / len(y) ** 0.5, rel=0.45)
    assert r2_score(y, predicted, standard_error=True).value == r2_score(y, predicted)
    hits = accuracy_score(y > 0, predicted > 0, standard_error=True)
    share = hits.value
    assert float(hits.standard_error) == pytest.approx(
        (share * (1 - share) / len(y)) ** 0.5, rel=0.45
    )
    with pytest.raises(BadInput, match="normalize"):
        accuracy_score(y > 0, y > 0, normalize=False, standard_error=True)


def test_a_second_reading_is_counted(X):
    told = ob.aggregate(X[:100], Moments(), standard_error=True)
    assert told.report.passes == 2


def test_weights_count(X):
    """A weight of zero takes a row away; weights of two change nothing."""
    w = (np.arange(len(X)) % 2).astype(float)
    weighted = ob.aggregate(X, Mean("x0"), sample_weight=w, standard_error=True)
    alone = ob.aggregate(X[1::2], Mean("x0"), standard_error=True)
    assert weighted.value == pytest.approx(alone.value)
    assert float(weighted.standard_error) == pytest.approx(float(alone.standard_error), rel=0.5)
    double = ob.aggregate(X, Mean("x0"), sample_weight=np.full(len(X), 2.0), standard_error=True)
    once = ob.aggregate(X, Mean("x0"), standard_error=True)
    assert float(double.standard_error) == pytest.approx(float(once.standard_error))


def test_a_pipeline_tells_of_every_step(X, y):
    model = ob.fit(make_pipeline(StandardScaler(), Ridge()), X, y, standard_error=True)
    assert "mean_" in model[0].accuracy_
    assert model[1].coef_standard_error_.shape == (3,)


def test_a_classifier(X):
    labels = np.where(X[:, 0] > 4, "late", "early")
    for class_weight in (None, "balanced"):
        plain = RidgeClassifier(class_weight=class_weight).fit(X, labels)
        told = ob.fit(RidgeClassifier(class_weight=class_weight), X, labels, standard_error=True)
        assert np.array_equal(plain.coef_, told.coef_)
        assert (told.coef_standard_error_ > 0).all()
    rare = labels.astype(object)
    rare[7] = "never"
    model = ob.fit(RidgeClassifier(), X, rare, standard_error=True)
    with pytest.raises(BadInput, match="class occurs in one of them only"):
        model.coef_standard_error_  # noqa: B018


def test_errors_are_saved_with_the_model(X, y, tmp_path):
    model = ob.fit(Ridge(), X, y, standard_error=True)
    ob.save(model, tmp_path / "model.onebox")
    again = ob.load(tmp_path / "model.onebox")
    assert np.array_equal(again.coef_standard_error_, model.coef_standard_error_)


def test_a_fit_that_goes_on_forgets_its_errors(X, y):
    model = ob.fit(Ridge(), X, y, standard_error=True)
    assert "coef_" in model.accuracy_
    model.partial_fit(X, y)
    with pytest.raises(AttributeError, match="standard_error=True"):
        model.coef_standard_error_  # noqa: B018
    model = ob.fit(Ridge(), X, y, standard_error=True)
    model.merge(Ridge().fit(X, y))
    assert not hasattr(model, "accuracy_")
    assert not hasattr(model, "coef_standard_error_")


def test_what_has_no_standard_error_says_why(X):
    dates = ob.dataset({"day": np.arange("2024-01", "2024-03", dtype="datetime64[D]")})
    for data, recipe, why in (
        (dates, Extremes(), "extremes of some rows"),
        (X, Sample(5), "a sample is no estimate"),
        (dates, TopValues(2), "bounds of their own"),
    ):
        with pytest.raises(BadInput, match=why):
            ob.aggregate(data, recipe, standard_error=True)
    counted = ob.aggregate(X, DistinctCount(), standard_error=True)["distinct"]
    assert counted.standard_error / counted.value == pytest.approx(np.full(3, 1.04 / 64))
    with pytest.raises(BadInput, match="part of the rows"):
        ob.aggregate(X, DistinctCount(), error=0.1)
    with pytest.raises(BadInput, match="median"):
        ob.fit(SimpleImputer(strategy="median"), X, standard_error=True)


def test_one_row_has_no_groups():
    with pytest.raises(BadInput, match="1 rows are 1 group"):
        ob.aggregate(np.array([[1.0, 2.0]]), Moments(), standard_error=True)


def test_a_stream_is_one_group(tmp_path):
    blocks = [np.random.default_rng(i).normal(size=(10, 2)) for i in range(40)]
    with pytest.raises(BadInput, match=r"400 rows are 1 group.*persist"):
        ob.aggregate(ob.dataset(iter(blocks)), Moments(), standard_error=True)
    kept = ob.dataset(iter(blocks)).persist(tmp_path / "kept")
    told = ob.aggregate(kept, Moments(), standard_error=True)
    assert told["mean"].degrees_of_freedom == 30  # 400 rows in pieces of 13


def test_what_does_not_vary_has_no_error():
    told = ob.aggregate(np.full((1000, 2), 7.0), Moments(), standard_error=True)
    assert np.array_equal(told["mean"].standard_error, [0, 0])
    assert told["mean"].trusted.all()
    assert np.array_equal(told["mean"].interval(), np.full((2, 2), 7.0))


def test_large_summaries_are_refused_with_the_numbers():
    with pytest.raises(NotEnoughMemory, match=r"Gram of 600 columns takes 2\.\d+ MB.*32 of them"):
        ob.aggregate(np.zeros((50, 600)), Gram(), standard_error=True)


def test_memory_is_planned_for_32_summaries(X):
    plain = ob.fit(Ridge(), X, X[:, 0], standard_error=True).fit_report_
    assert plain.projected_memory > 128 * 8 * 16
    assert len(parts_of(Gram())) == 1
