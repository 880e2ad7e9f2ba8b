"""What save refuses, and that it leaves old files whole."""

from __future__ import annotations

import functools
import io
import os
import threading
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pandas as pd
import pytest
import scipy.special
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

import onebox
from onebox.errors import BadInput, NotEnoughDisk, WrongType

Point = namedtuple("Point", "x y")


class Plain:
    pass


class Nearby(Ridge):
    pass


def make_class():
    class Local(Ridge):
        pass

    return Local


def cycle_of_lists():
    items = [1]
    items.append((items,))
    return {"a": items}


def cycle_of_dicts():
    outer = {}
    outer["inner"] = {"outer": outer}
    return outer


def nest(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"steps": [1, {"f": lambda x: x}]},
            r"object\['steps'\]\[1\]\['f'\] is .*<lambda>.* with def",
        ),
        ([make_class()()], r"object\[0\] is .*make_class.<locals>.Local.* top level"),
        (Ridge(alpha=Plain()), r"object\.alpha is a .*Plain, which cannot be saved\. Replace it"),
        (Ridge(alpha=Ridge().fit), r"object\.alpha is .*fit"),
        (functools.partial(max, 1), "is a functools.partial"),
        (scipy.special.expit, r"is a numpy\.ufunc"),
        (io.BytesIO(), "is a _io.BytesIO"),
        (threading.Lock(), "lock, which cannot"),
        (os, "is a builtins.module"),
        ((i for i in ()), "generator"),
        (OrderedDict(a=1), "is a collections.OrderedDict"),
        (defaultdict(list), "is a collections.defaultdict"),
        (Point(1, 2), "Point, which cannot"),
        (pd.Timestamp(0), r"is a pandas\..*Timestamp"),
        (np.ma.masked_array([1], [True]), r"is a numpy\.ma.*MaskedArray"),
        (np.rec.array([(1,)], dtype=[("a", int)]), "recarray"),
        (np.rec.array([(1,)], dtype=[("a", int)])[0], r"has the dtype \(numpy\.record"),
        (np.array(["a"], np.dtypes.StringDType()), r"has the dtype StringDType"),
        (np.array([[1], None], object), r"object\[0\] is of kind list, inside an object array"),
        (
            np.array([np.zeros(2), None], object),
            r"object\[0\] is of kind array, inside an object",
        ),
        ({np.random.default_rng(0): 1}, "is of kind generator, used as a key"),
        (np.zeros(1, [("a", object)]), "has the dtype"),
        (RandomForestRegressor(2).fit([[0], [1]], [0, 1]), r"object\.estimators_\[0\]\.tree_ is"),
    ],
    ids=lambda value: repr(value)[:25],
)
def test_what_cannot_be_saved_is_named_with_its_place(tmp_path, value, message):
    with pytest.raises(WrongType, match=message):
        onebox.save(value, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (cycle_of_lists, r"object\['a'\]\[1\]\[0\] refers back .* Break the cycle"),
        (cycle_of_dicts, r"object\['inner'\]\['outer'\] refers back"),
        (lambda: nest(200), "nested deeper than 100 levels"),
    ],
)
def test_cycles_and_depth_are_refused(tmp_path, make, message):
    with pytest.raises(BadInput, match=message):
        onebox.save(make(), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_nesting_within_the_limit_is_fine(tmp_path):
    onebox.save(nest(100), tmp_path / "x")
    assert onebox.load(tmp_path / "x") == nest(100)


def test_objects_that_refer_to_themselves_are_refused(tmp_path, models):
    model = models.Model()
    model.parent_ = models.Summary(1, [model])
    with pytest.raises(BadInput, match=r"object\.parent_\.sums\[0\] refers back"):
        onebox.save(model, tmp_path / "x")


def test_classes_of_onebox_that_are_not_models_are_refused(tmp_path, models):
    for value, message in [
        (models.NotStorable(), "NotStorable, which cannot be saved"),
        (models.WithDestructor, "WithDestructor"),
        (models.DictModel(), "cannot be built bare"),
        (models.Access.READ | models.Access.WRITE, "a combination of flags"),
    ]:
        if value is models.WithDestructor:
            value = object.__new__(value)
            value.path = tmp_path / "gone"
            value.path.write_bytes(b"")
        with pytest.raises(BadInput, match=message):
            onebox.save(value, tmp_path / "x")


def test_a_class_that_hides_behind_another_name_is_refused(tmp_path):
    Nearby.__qualname__ = "Plain"
    with pytest.raises(WrongType, match="another object of that name"):
        onebox.save(Nearby(), tmp_path / "x")


def test_a_refused_object_leaves_the_old_file(tmp_path):
    onebox.save(1, tmp_path / "x")
    with pytest.raises(WrongType):
        onebox.save([np.zeros(3), Plain()], tmp_path / "x")
    assert onebox.load(tmp_path / "x") == 1


SAVING = """
import sys
import numpy as np
import onebox
n = 0
while True:
    n += 1
    onebox.save({"n": n, "data": np.full(1_000_000, n)}, sys.argv[1])
    print(n, flush=True)
"""


def test_kill_in_the_middle_of_saving_leaves_a_whole_file(tmp_path, child):
    path = tmp_path / "model.onebox"
    for n_saved in (1, 2, 4):
        with child(SAVING, path) as process:
            for _ in range(n_saved):
                process.line()
            process.kill()
        loaded = onebox.load(path, verify=True)
        assert loaded["n"] >= n_saved
        assert (loaded["data"] == loaded["n"]).all()
    onebox.save(0, path)  # removes what the killed ones left
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_too_small_keeps_the_old_model(on_tiny_disk):
    printed = on_tiny_disk(
        """
import numpy as np
import onebox
from onebox.errors import NotEnoughDisk
onebox.save({"coef_": np.arange(100_000)}, "model.onebox")
try:
    onebox.save({"coef_": np.zeros(500_000)}, "model.onebox")
except NotEnoughDisk as error:
    print(error)
print(os.listdir("."), len(onebox.load("model.onebox")["coef_"]))
"""
    )
    assert "model.onebox needs 4 MB; 3.39 MB are free" in printed
    assert printed.endswith("['model.onebox'] 100000\n")
    assert issubclass(NotEnoughDisk, OSError)
