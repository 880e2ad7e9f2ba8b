"""Other aggregates and other ways to put files together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.aggregates import Moments
from onebox.aggregates.aggregate import Aggregate
from onebox.engine.reader import Reader
from onebox.linear_model import Ridge

from .conftest import learned, rows_of

POWER = 2


@dataclass
class Sums:
    total: np.ndarray


@dataclass(frozen=True)
class Powers(Aggregate[Sums]):
    """An aggregate of a user, with a constant and a function of theirs."""

    column: str
    grouped: ClassVar[bool] = True

    def empty(self, schema):
        return Sums(np.zeros(1))

    def update(self, summary, block):
        summary.total += (block[self.column] ** POWER).sum()

    def merge(self, into, other):
        into.total += other.total

    def result(self, summary):
        return float(summary.total[0])

    def nbytes(self, schema):
        return 8


def hits(memory, data, *aggregates):
    with ob.config(cache=memory):
        return ob.aggregate(data, *aggregates)


def test_an_aggregate_of_the_user_is_known_by_its_code(folder, memory, monkeypatch):
    data = ob.dataset(str(folder))
    read, original = [], Reader.work

    def counted(self, unit, task, on_drop=None):
        read.append(unit)
        return original(self, unit, task, on_drop)

    monkeypatch.setattr(Reader, "work", counted)
    expected = ob.aggregate(data, Powers("a"))
    assert hits(memory, data, Powers("a")) == expected
    read.clear()
    assert hits(memory, data, Powers("a")) == expected
    assert not read
    hits(memory, data, Powers("b"))
    assert len(read) == 30
    read.clear()
    monkeypatch.setitem(globals(), "POWER", 3)
    assert hits(memory, data, Powers("a")) != expected
    assert len(read) == 30


@dataclass(frozen=True)
class Lost(Powers):
    """Its summary holds what cannot be kept."""

    def empty(self, schema):
        sums = Sums(np.zeros(1))
        sums.total = np.zeros(1)
        sums.lock = {1, 2}
        return sums


def test_what_cannot_be_kept_is_computed_with_a_warning(folder, memory):
    data = ob.dataset(str(folder))
    with pytest.warns(UserWarning, match="is not kept"):
        made = hits(memory, data, Lost("a"))
    assert made == ob.aggregate(data, Powers("a"))


def test_folders_that_are_columns_and_datasets_one_after_the_other(tmp_path, memory, sha256):
    for i in range(3):
        part = tmp_path / "hive" / f"month={i}"
        part.mkdir(parents=True)
        pq.write_table(rows_of(i), part / "rows.parquet", row_group_size=700)

    def ask(cache):
        data = ob.dataset(str(tmp_path / "hive"))
        both = ob.concat([ob.dataset(str(tmp_path / "hive" / f"month={i}")) for i in (2, 0)])
        with ob.config(cache=cache) if cache else ob.config():
            return [
                ob.aggregate(data.select("month", "a"), Moments()),
                ob.aggregate(both.select("a", "b"), Moments()),
            ]

    expected = sha256(ask(None))
    assert sha256(ask(memory)) == sha256(ask(memory)) == expected


def test_fits_that_stop_early_find_what_they_have_read(folder, memory, sha256):
    data = ob.dataset(str(folder))
    X, y = data.select("a", "b", "c", "d"), data["y"]

    def fit(cache):
        with ob.config(cache=cache) if cache else ob.config():
            return ob.fit(Ridge(), X, y, error=0.05)

    whole, first, second = fit(None), fit(memory), fit(memory)
    assert sha256(learned(first)) == sha256(learned(second)) == sha256(learned(whole))
    assert second.fit_report_.bytes_read == 0


def test_fingerprints(folder):
    data = ob.dataset(str(folder))
    X, y = data.select("a", "b", "c", "d"), data["y"]
    one, other = Ridge().fit(X, y), Ridge().fit(X, y)
    assert ob.fingerprint(one) == ob.fingerprint(other)
    assert ob.fingerprint(one) != ob.fingerprint(one, data=False)
    assert ob.fingerprint(one) != ob.fingerprint(Ridge(alpha=2.0).fit(X, y))
    other.coef_ = other.coef_.copy()
    other.coef_[0] = np.nextafter(other.coef_[0], 1)
    assert ob.fingerprint(one) != ob.fingerprint(other)


def test_a_saved_model_keeps_fingerprint_and_recipe(folder, tmp_path):
    data = ob.dataset(str(folder))
    model = Ridge().fit(data.select("a", "b"), data["y"])
    ob.save(model, tmp_path / "model.onebox")
    back = ob.load(tmp_path / "model.onebox")
    assert ob.fingerprint(back) == ob.fingerprint(model)
    assert back.recipe_ == model.recipe_
    assert len(back.recipe_.files) == 6


def test_models_that_do_not_belong_together_do_not_merge(folder):
    data = ob.dataset(str(folder))
    X, y = data.select("a", "b"), data["y"]
    model = Ridge().fit(X, y)
    with pytest.raises(ob.errors.NotMergeable, match=r"alpha=1\.0 here, 2\.0 there"):
        model.merge(Ridge(alpha=2.0).fit(X, y))
    with pytest.raises(ob.errors.NotMergeable, match="columns"):
        model.merge(Ridge().fit(data.select("a", "c"), y))
    with pytest.raises(ob.errors.NotMergeable, match="with and without weights"):
        model.merge(Ridge().fit(X, y, sample_weight=data["n"]))
    other = Ridge().fit(X, y)
    versions = (("onebox", "0.0.9"), *other._recipe.versions[1:])
    object.__setattr__(other._recipe, "versions", versions)
    with pytest.raises(ob.errors.NotMergeable, match=r"versions.*0\.0\.9 there"):
        model.merge(other)


def test_the_same_rows_in_another_folder_are_described_the_same(folder, tmp_path):
    one = ob.fingerprint(ob.describe(str(folder)))
    folder.rename(tmp_path / "elsewhere")
    assert ob.fingerprint(ob.describe(str(tmp_path / "elsewhere"))) == one
