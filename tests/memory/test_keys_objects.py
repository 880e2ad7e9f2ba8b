"""Keys of objects by class and state; what has none is refused with its place; golden keys."""

from __future__ import annotations

import copy
import datetime as dt
import enum
import functools
import io
import pickle
import re
import socket
import sys
import threading
from collections import namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler as TheirScaler

from onebox.errors import BadInput, WrongType
from onebox.linear_model import Ridge
from onebox.memory.keys import key_of
from onebox.preprocessing import StandardScaler


class Colour(enum.Enum):
    RED = 1
    CRIMSON = 1
    BLUE = 2


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    ONE = 1


@dataclass
class Settings:
    alpha: float
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Frozen:
    alpha: float


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    @functools.cached_property
    def total(self):
        return sum(vars(self).values())


class Other(Plain):
    pass


class Slotted:
    __slots__ = ("__hidden", "x")

    def __init__(self, x, hidden=0):
        self.x, self.__hidden = x, hidden


class Both(Slotted):
    def __init__(self, x, y):
        super().__init__(x)
        self.y = y


class WithHandle:
    def __init__(self, value):
        self.value, self.lock = value, threading.Lock()

    def __getstate__(self):
        return {"value": self.value}


class KnowsItsKey:
    def __init__(self, name, noise):
        self.name, self.noise = name, noise

    def __onebox_key__(self):
        return {"name": self.name}


class Words(list):
    pass


class Tagged(dict):
    tag = None


class Odd(int):
    def __int__(self):
        return 7

    def __repr__(self):
        return "odd"


Pair = namedtuple("Pair", "a b")
Couple = namedtuple("Couple", "a b")

DIFFERENT = [
    Colour.RED, Colour.BLUE, Permission.READ, Permission.READ | Permission.WRITE, Level.ONE, 1,
    Settings(1.0), Settings(2.0), Settings(1.0, ["a"]), Frozen(1.0), Plain(alpha=1.0, names=[]),
    Plain(), Plain(x=1), Plain(x=True), Plain(y=1), Other(x=1), {"x": 1}, Slotted(1), Slotted(1, 2),
    Slotted(2), Both(1, 2), Both(2, 1), WithHandle(1), WithHandle(2), KnowsItsKey("a", 0), Plain,
    KnowsItsKey("b", 0), {"name": "a"}, Words([1]), [1], Words(), Tagged(a=1), {"a": 1}, Pair(1, 2),
    Couple(1, 2), (1, 2), Odd(1), Odd(2), Other, int, np.float64, np.dtype("f8"), Pair, list[int],
    re.compile("a"), re.compile("a", re.ASCII), re.compile(b"a"), functools.partial(int),
    functools.partial(int, "1"), functools.partial(int, base=2), PurePosixPath("a"), len, max,
    Ridge(), Ridge(alpha=2.0), TheirScaler(), StandardScaler(), ValueError("a"), ValueError("b"),
    np.random.default_rng(0).normal, [].append, [1].append, io.BytesIO(b"a"), io.BytesIO(b"b"),
]  # fmt: skip


def test_objects_differ_by_class_and_state():
    keys = [key_of(value) for value in DIFFERENT]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("value", DIFFERENT, ids=lambda value: type(value).__name__)
def test_copies_have_the_same_key(value):
    assert key_of(copy.deepcopy(value)) == key_of(value)


def test_the_same_in_another_form():
    assert key_of(Colour.RED) == key_of(Colour.CRIMSON)
    assert key_of(KnowsItsKey("a", 0)) == key_of(KnowsItsKey("a", 1))
    one, other = Plain(a=1, b=2), Plain(b=2, a=1)
    assert one.total == 3
    assert key_of(one) == key_of(other)
    settings = Settings(1.0)
    settings.scratch = 5
    assert key_of(settings) == key_of(Settings(1.0))
    tagged = Tagged(a=1)
    tagged.tag = "x"
    assert key_of(tagged) != key_of(Tagged(a=1))


@pytest.mark.parametrize(
    "estimator",
    [
        Ridge(), StandardScaler(), TheirScaler(), SGDClassifier(random_state=0),
        make_pipeline(TheirScaler(), RandomForestClassifier(3, random_state=0)),
        HistGradientBoostingRegressor(max_iter=3, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)  # fmt: skip
def test_estimators_by_parameters_and_fitted_state(estimator):
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    one, other = (clone(estimator).fit(X, y) for _ in range(2))
    for fitted in (one, other):
        vars(fitted).pop("fit_report_", None)  # says how long it took
    key = key_of(one)
    assert key == key_of(other) == key_of(pickle.loads(pickle.dumps(one)))
    assert key != key_of(clone(estimator))
    assert key != key_of(clone(estimator).fit(2 * X, y))


def test_functions_and_classes_go_to_the_hook():
    def function():
        return 1

    seen = []

    def key_of_code(value):
        seen.append(value)
        return value.__name__

    hooked = functools.partial(key_of, key_of_code=key_of_code)
    one = hooked({"f": [function], "bound": Plain().__init__, "class": Plain})
    assert one == hooked({"f": [function], "bound": Plain().__init__, "class": Plain})
    assert one != hooked({"f": [hooked.func], "bound": Plain().__init__, "class": Plain})
    assert {function, Plain.__init__, Plain} <= set(seen)
    cached = functools.lru_cache(function)
    assert hooked(cached) != hooked(function)
    with pytest.raises(WrongType, match=r"value\[0\], of type function"):
        key_of([function])

    def refuses(value):
        raise WrongType(f"{value.__name__} has no source")

    with pytest.raises(WrongType, match=r"value\[0\], of type function.*function has no source"):
        key_of([function], key_of_code=refuses)


@pytest.mark.parametrize(
    "handle",
    [
        threading.Lock(), threading.RLock(), object(), sys, iter([1]), (i for i in ()), zip(),
        map(len, []),
        super(Plain), {}.keys(), threading.local(), re.match("a", "a"), sys.stdout,
        pa.RecordBatchReader.from_batches(pa.schema([]), []),
        compile("1", "a", "eval"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_has_no_key_is_refused_with_its_place(handle):
    with pytest.raises(WrongType) as raised:
        key_of({"x": [1, 2, 3, Plain(handle=handle)]}, argument="data")
    assert str(raised.value).startswith("argument 'data'['x'][3].handle, of type ")
    assert str(raised.value).endswith(
        "Leave the argument out with ignore=['data'], or give the class that holds it a method "
        "__onebox_key__."
    )
    with pytest.raises(WrongType, match=r"^value\[4\].value\[1\], of type "):
        key_of({4: Pair(0, handle), "a": 1})


def test_sockets_and_files_are_refused(tmp_path):
    with socket.socket() as one, open(tmp_path / "a", "wb") as other:
        for handle in (one, other):
            with pytest.raises(WrongType, match=r"value\['a'\]\.handle"):
                key_of({"a": Plain(handle=handle)})


def test_errors_in_methods_of_others_are_told():
    class Broken:
        def __onebox_key__(self):
            raise OSError("no network")

    class Torn:
        def __getstate__(self):
            raise OSError("no disk")

    for value, reason in ((Broken(), "no network"), (Torn(), "no disk")):
        with pytest.raises(WrongType, match=reason) as raised:
            key_of([value])
        assert isinstance(raised.value.__cause__, OSError)


def test_a_long_way_is_shortened():
    value = object()
    for _ in range(5000):
        value = [value]
    with pytest.raises(WrongType) as raised:
        key_of(value)
    assert len(str(raised.value)) < 700


def test_a_set_and_a_key_are_places_too():
    with pytest.raises(WrongType, match=r"value\{<object object at .*>\}, of type object"):
        key_of({object(), 1})
    with pytest.raises(BadInput, match=r"value\[<object object at .*>\], of type object"):
        key_of({object(): 1, "a": 1})


GOLDEN = {
    "plain": ((1, "a", None, 2.5, True, b"c"), "8b6d2dc6ca684cc9616226789d2206ab"),
    "nested": (
        {"x": [1, {2, 3}], 4: {"y": (Decimal("1.5"), dt.date(2020, 1, 2))}},
        "08d180a328464e176d92356f0ff67d30",
    ),
    "long": (list(range(10_000)), "3d42c947338053a18f203d40a0383664"),
    "array": (np.arange(12, dtype="<f8").reshape(3, 4).T, "f3751b20c54271c991cad8b858f5db8e"),
    "records": (
        np.array([(1, 2.5)], [("a", "<i4"), ("b", "<f8")]),
        "99371c18c4e78854a44afebd7a44a3da",
    ),
    "sparse": (sp.csr_array(np.eye(3)), "f0d6dd58d49b3ff83c0af1c371500aa7"),
    "table": (
        pa.table({"a": [1, None, 3], "b": ["x", "", None], "c": [[1], [], None]}),
        "0e345352d3f4867f71103cd0e38ff92b",
    ),
    "object": (PurePosixPath("a/b.csv"), "8f1756d524cf18a88c3330e9e116d75b"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_keys(name):
    value, key = GOLDEN[name]
    assert key_of(value) == key
