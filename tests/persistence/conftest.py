"""Classes for these tests in a real module of the package `onebox`, as its own models are."""

from __future__ import annotations

import importlib
import sys
from itertools import count

import pytest

import onebox

MODULE = "onebox.models_of_a_test"
SOURCE = """
import os
import threading
from dataclasses import dataclass, field
from enum import Enum, Flag
from functools import cached_property
from os import system
from typing import Any


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Access(Flag):
    READ = 1
    WRITE = 2


@dataclass
class Summary:
    n_rows: int
    sums: Any
    note: Any = None


@dataclass(frozen=True)
class Recipe:
    columns: tuple[str, ...] = ()
    colour: Colour = Colour.RED

    @cached_property
    def expensive(self):
        return object()


@dataclass(slots=True)
class Slotted:
    a: Any
    b: Any = 2


@dataclass(frozen=True, slots=True)
class FrozenSlotted:
    a: Any


class Model:
    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def get_params(self, deep=True):
        return {"alpha": self.alpha}


class Locked(Model):
    def __init__(self, alpha=1.0):
        super().__init__(alpha)
        self.lock = threading.Lock()

    def __getstate__(self):
        return {"alpha": self.alpha}

    def __setstate__(self, state):
        self.alpha = state["alpha"]
        self.lock = threading.Lock()


class WithoutLock(Locked):
    __setstate__ = None


class Outer:
    @dataclass
    class Inner:
        value: Any


class NotStorable:
    pass


class WithDestructor(Model):
    def __del__(self):
        os.remove(self.path)


class DictModel(dict):
    def get_params(self):
        return {}


def function(x):
    return x


alias = Model
"""


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    (folder / "models_of_a_test.py").write_text(SOURCE)
    onebox.__path__.append(str(folder))
    try:
        yield importlib.import_module(MODULE)
    finally:
        onebox.__path__.remove(str(folder))
        del sys.modules[MODULE]


@pytest.fixture(scope="session")
def there_and_back(tmp_path_factory):
    """Save and load."""
    folder, numbers = tmp_path_factory.mktemp("saved"), count()

    def run(value, *, compress=None, pickle=False, **how):
        path = folder / f"{next(numbers)}.onebox"  # Windows does not replace files that are mapped
        onebox.save(value, path, compress=compress, pickle=pickle)
        return onebox.load(path, **how)

    return run
