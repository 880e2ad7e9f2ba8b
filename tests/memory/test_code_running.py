"""Keys of functions in a running program: changed in place, wrapped, without files, in circles."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import linecache
import logging
import sys
import threading
import types
import weakref

import numpy as np
import pytest

from onebox.memory.code import fingerprint


def key_of(value):
    """Stand in for the key of a value: functions come back, as they do from the real one."""
    if callable(value) and hasattr(value, "__qualname__"):
        return fingerprint(value, key_of=key_of).key
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}[{','.join(map(key_of, value))}]"
    if isinstance(value, dict):
        return f"dict[{','.join(f'{key!r}:{key_of(item)}' for key, item in value.items())}]"
    if hasattr(value, "read"):
        raise TypeError(f"a {type(value).__name__} has no key")
    if type(value).__repr__ is object.__repr__:
        return f"{type(value).__qualname__}{key_of(vars(value))}"
    return repr(value)


def code(function):
    return fingerprint(function, key_of=key_of)


def key(function):
    return code(function).key


@pytest.fixture
def cell():
    """Runs source as a notebook does: each cell a file of its own that only linecache knows."""
    made = []

    def run(source, namespace=None):
        name = f"<cell {len(made)} of {id(made)}>"
        made.append(name)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        namespace = {"__name__": "__main__"} if namespace is None else namespace
        exec(compile(source, name, "exec"), namespace)
        return namespace

    yield run
    for name in made:
        linecache.cache.pop(name, None)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Makes a package below site-packages, with a version."""

    def install(name, source, version):
        site = tmp_path / "site-packages"
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (site / f"{name}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "RECORD").write_text(f"{name}.py,,\n")
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    before = set(sys.modules)
    yield install
    for name in set(sys.modules) - before:
        del sys.modules[name]


# Where the source is


def test_lambdas_on_one_line_are_told_apart():
    first, second, outer = lambda x: x + 1, lambda x: x + 2, lambda x: lambda y: x + 3 + y
    keys = [key(first), key(second), key(outer), key(outer(0))]
    assert len(set(keys)) == 4
    assert key(first) == key(lambda x: x + 1)


def test_notebook_cells_have_source(cell):
    one = cell("def f(x):\n    y = x\n    return y\n")["f"]
    two = cell("# again\n\ndef f(x):\n    z = x  # other name\n    return z\n")["f"]
    assert key(one) == key(two)
    assert key(one) != key(cell("def f(x):\n    z = x\n    return -z\n")["f"])


def test_a_file_edited_while_the_program_runs_is_not_believed(cell):
    source = "def f(x):\n    return x + 1\n"
    running = cell(source)["f"]
    name = running.__code__.co_filename
    edited = source.replace("1", "2")
    linecache.cache[name] = (len(edited), None, edited.splitlines(keepends=True), name)
    assert key(running) not in (key(cell(source)["f"]), key(cell(edited)["f"]))


@pytest.mark.parametrize(
    ("source", "same"),
    [
        ("def f(x):\n    a = [b for b in x]\n    return a", True),
        ("def f(x):\n    q = [p for p in x]\n    return q", True),
        ("def f(x):\n    a = [b for b in x]\n    return b", False),
        ("def f(x):\n    a = [b + 1 for b in x]\n    return a", False),
        ("def f(y):\n    a = [b for b in y]\n    return a", False),
    ],
)
def test_without_source_the_bytecode_counts(source, same):
    def made(text):
        namespace = {"__name__": "__main__"}
        exec(text, namespace)
        return namespace["f"]

    assert (
        key(made(source)) == key(made("def f(x):\n    a = [b for b in x]\n    return a"))
    ) == same


def test_without_source_names_are_followed_too():
    namespace = {"__name__": "__main__", "LIMIT": 3}
    exec("def g(x): return x\ndef f(x): return [g(y) for y in x if y < LIMIT]", namespace)
    before = key(namespace["f"])
    namespace["LIMIT"] = 4
    changed = key(namespace["f"])
    exec("def g(x): return -x", namespace)
    assert len({before, changed, key(namespace["f"])}) == 3


def test_without_source_variables_of_functions_around_count():
    def made(k):
        namespace = {"__name__": "__main__"}
        exec(
            "def make(k):\n  def f(x):\n    def g(y): return y + x + k\n    return g\n  return f",
            namespace,
        )
        return namespace["make"](k)

    assert key(made(1)) == key(made(1)) != key(made(2))


# A second look


LIMITS = [1, 2]


class Model:
    depth = 1

    def fit(self, x):
        return x


def uses_much(x):
    return Model().fit(x), LIMITS, helper(x), undefined_yet(x)  # noqa: F821


def helper(x, by=1):
    return x + by


def changes_in_place(monkeypatch):
    yield
    monkeypatch.setattr(Model, "depth", 2)
    yield
    monkeypatch.setattr(Model, "added", 3, raising=False)
    yield
    monkeypatch.setattr(Model, "fit", lambda self, x: -x)
    yield
    monkeypatch.setitem(globals(), "LIMITS", [1, 2, 3])
    yield
    LIMITS.append(4)
    yield
    monkeypatch.setattr(helper, "__defaults__", (2,))
    yield
    monkeypatch.setattr(helper, "__code__", (lambda x, by: x - by).__code__)
    yield
    monkeypatch.setitem(globals(), "helper", abs)
    yield
    monkeypatch.setitem(globals(), "undefined_yet", round)
    yield


def test_a_change_in_place_is_seen_at_once_and_forgotten_when_undone(monkeypatch):
    before = key(uses_much)
    seen = []
    for _ in changes_in_place(monkeypatch):
        assert key(uses_much) == key(uses_much)
        seen.append(key(uses_much))
    assert len(set(seen)) == 10
    LIMITS[:] = [1, 2]
    monkeypatch.undo()
    assert key(uses_much) == before == seen[0]


def test_a_name_that_hides_a_builtin_is_seen(cell):
    space = cell("def f(x):\n    return len(x)\n")
    before = key(space["f"])
    space["len"] = lambda x: 3
    assert key(space["f"]) != before


def test_variables_of_functions_around_are_looked_at_again():
    def make():
        k = 1

        def set_k(value):
            nonlocal k
            k = value

        return (lambda x: x * k), set_k

    function, set_k = make()
    before = key(function)
    set_k(2)
    assert key(function) != before
    set_k(1)
    assert key(function) == before


def test_a_second_look_walks_nothing():
    assert code(helper) is code(helper)


def test_arrays_that_were_let_go_are_not_held(cell):
    space = cell("def f(x):\n    return x + DATA\n")
    space["DATA"] = np.zeros(10)
    key(space["f"])
    let_go = weakref.ref(space.pop("DATA"))
    gc.collect()
    assert let_go() is None


# What functions are wrapped in


def plain(x):
    return x + 1


def other(x):
    return x + 2


class Callable:
    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return x * self.by


@functools.singledispatch
def dispatched(x):
    return x


WRAPPED = {
    "function": lambda f: f,
    "partial": lambda f: functools.partial(f, 1),
    "lru_cache": lambda f: functools.lru_cache(f),
    "context manager": contextlib.contextmanager,
    "staticmethod": staticmethod,
    "property": property,
    "wraps": lambda f: functools.wraps(f)(lambda x: 3),
    "in a class": lambda f: type("C", (), {"method": f, "__module__": __name__}),
    "in a list": lambda f: functools.partial(helper, [f]),
    "closure": lambda f: lambda x: f(x),
    "default": lambda f: lambda x, g=f: g(x),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_functions_are_found_inside_others(kind):
    wrap = WRAPPED[kind]
    assert key(wrap(plain)) == key(wrap(plain)) != key(wrap(other))


def test_methods_and_callable_objects_hold_their_object():
    assert key(Callable(1)) == key(Callable(1)) != key(Callable(2))
    assert key(Callable(1).__call__) == key(Callable(1).__call__) != key(Callable(2).__call__)
    assert key(functools.partial(plain, 1)) != key(functools.partial(plain, 2))
    assert key(functools.partial(plain, x=1)) != key(functools.partial(plain, 1))


def test_all_cases_of_a_dispatched_function_count(cell):
    space = cell("from functools import singledispatch\n@singledispatch\ndef d(x): return x\n")
    cell("def f(x): return d(x)", space)
    before = key(space["f"])
    space["d"].register(int, lambda x: -x)
    assert key(space["f"]) != before


def test_special_classes_of_the_library(cell):
    source = """
import enum, typing
from collections import namedtuple
class Color(enum.Enum):
    RED = 1
    def nice(self): return self.name
    def _private(self): return self.value + 1
class Row(typing.NamedTuple):
    a: int = 3
Pair = namedtuple("Pair", "x y")
T = typing.TypeVar("T")
def f(x): return Color.RED, Row(), Pair(x, x), T, list[int], dict[str, Row]
"""
    before = code(cell(source)["f"])
    assert before.unfollowed == ()
    assert before.key == key(cell(source)["f"])
    for old, new in [("RED = 1", "RED = 2"), ("a: int = 3", "a: int = 4"), ("x y", "y x"),
                     ("self.name", "self.value"), ("self.value + 1", "1"),
                     ("RED = 1", "RED = 1\n    BLUE = 2")]:  # fmt: skip
        assert key(cell(source.replace(old, new))["f"]) != before.key, old


# Circles


def test_recursion_ends(cell):
    source = """
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
class Node:
    def next(self): return Node()
    def up(self): return super().up()
"""
    first, second = cell(source), cell(source.replace("n != 0", "n > 0"))
    assert key(first["even"]) == key(cell(source)["even"]) != key(second["even"])
    assert key(first["odd"]) != key(second["odd"])
    assert key(first["Node"]) == key(second["Node"])
    assert key(first["Node"].up) == key(second["Node"].up)


def test_a_registry_that_holds_its_own_reader(cell):
    source = "def f(x): return TABLE[x](x)\ndef g(x): return x + 1\nTABLE = {'f': f, 'g': g}\n"
    first, again = cell(source), cell(source)
    assert key(first["f"]) == key(first["f"]) == key(again["f"])
    assert key(first["f"]) != key(cell(source.replace("+", "-"))["f"])
    assert key(first["f"]) != key(cell(source.replace("'f': f, 'g': g", "'f': g, 'g': f"))["f"])


def test_closures_of_one_factory_at_other_places_differ(cell):
    source = (
        "def by(k): return lambda x: x * k\nTABLE = {'a': by(1), 'b': by(2)}\ndef f(): return TABLE"
    )
    swapped = source.replace("by(1), 'b': by(2)", "by(2), 'b': by(1)")
    assert key(cell(source)["f"]) == key(cell(source)["f"]) != key(cell(swapped)["f"])


def test_a_long_chain_of_functions(cell):
    lines = [f"def f{i}(x): return f{i + 1}(x)" for i in range(3000)]
    space = cell("\n".join([*lines, "def f3000(x): return x"]))
    assert len(code(space["f0"]).parts) == 3001


# Imports


def test_modules_of_the_user_are_followed_by_attribute(tmp_path, monkeypatch, cell):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lot").mkdir()
    (tmp_path / "lot" / "__init__.py").touch()
    (tmp_path / "lot" / "tools.py").write_text("def used(x): return x\ndef unused(x): return x\n")
    source = "def f(x):\n    from lot import tools\n    return tools.used(x)\n"
    outside = "import lot.tools\ndef f(x): return lot.tools.used(x)\n"
    first, second = key(cell(source)["f"]), key(cell(outside)["f"])
    tools = sys.modules["lot.tools"]
    monkeypatch.setattr(tools, "unused", None)
    assert (first, second) == (key(cell(source)["f"]), key(cell(outside)["f"]))
    monkeypatch.setattr(tools, "used", tools.unused)
    assert first != key(cell(source)["f"])
    assert second != key(cell(outside)["f"])
    for name in ("lot", "lot.tools"):
        del sys.modules[name]


def test_installed_packages_count_by_version(installed, cell, tmp_path, monkeypatch):
    package = installed("wheelwright", "def spin(x): return x\n", "1.0")
    found = code(cell("import wheelwright\ndef f(x): return wheelwright.spin(x)")["f"])
    assert ("wheelwright", "package", "1.0") in found.parts
    before = found.key
    monkeypatch.setattr(package, "spin", None)
    assert key(cell("import wheelwright\ndef f(x): return wheelwright.spin(x)")["f"]) == before
    inside = code(cell("def f(x):\n    from wheelwright import spin\n    return spin(x)")["f"])
    assert ("wheelwright", "package", "1.0") in inside.parts


def test_decorators_of_installed_packages_hide_what_they_were_given(installed, cell):
    installed(
        "wrapright",
        "import functools\n"
        "class Compiled:\n"
        "    def __init__(self, f): functools.update_wrapper(self, f)\n"
        "    def __call__(self, x): return x\n"
        "def jit(fast): return Compiled\n"
        "def made(k): return lambda x: x * k\n",
        "2.0",
    )
    source = (
        "from wrapright import jit\nFAST = 1\n"
        "@jit(fast=FAST)\ndef g(x: int): return x\ndef f(x): return g(x)"
    )
    before = key(cell(source)["f"])
    assert key(cell(source)["f"]) == before
    for old, new in [("FAST = 1", "FAST = 2"), ("fast=FAST", "fast=3"), ("int", "float"),
                     ("return x\n", "return -x\n")]:  # fmt: skip
        assert key(cell(source.replace(old, new))["f"]) != before, old
    source = "import wrapright\ng = wrapright.made(1)\ndef f(x): return g(x)"
    assert key(cell(source)["f"]) != key(cell(source.replace("1", "2"))["f"])


def test_compiled_functions_count_by_the_version_of_their_package(cell):
    found = code(cell("from numpy import add, sum\nfrom numpy.random import normal\n"
                      "def f(x): return add(x, sum(normal()))")["f"])  # fmt: skip
    assert [part[:2] for part in found.parts if part.kind == "package"] == [("numpy", "package")]
    assert found.unfollowed == ()


# What is not followed


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("def f(x): return eval(x)", "eval()"),
        ("def f(x): exec(x)", "exec()"),
        ("def f(x): return globals()[x]", "globals()"),
        ("import importlib\ndef f(x): return importlib.import_module(x)", "importlib.import_module()"),
        ("from importlib import import_module\ndef f(x): return import_module(x)", "import_module()"),
        ("def f(x): return nowhere(x)", "nowhere is not defined"),
        ("def f(x):\n    from nowhere import at_all", "nowhere.at_all cannot be imported"),
        ("def f(x): return getattr(mine, x)", "what is taken from the module mine"),
        ("def f(x, module=mine): return module.at(x)", "what is taken from the module mine"),
        ("def f(x): return mine.lost", "mine.lost is not defined"),
        ("KEPT = {}\ndef f(x):\n    KEPT[x] = 1\n    return KEPT[x]", "KEPT is changed by the function"),
        ("KEPT = {}\ndef f(x): return KEPT.setdefault(x, 1)", "KEPT is changed by the function"),
        ("n = 0\ndef f(x):\n    global n\n    n += 1", "n is changed by the function"),
        ("import tempfile\nfile = tempfile.TemporaryFile()\ndef f(x): return file", "without a key"),
    ],
)  # fmt: skip
def test_what_is_not_followed_is_listed(source, text, cell, monkeypatch):
    mine = types.ModuleType("mine")
    monkeypatch.setitem(sys.modules, "mine", mine)
    space = cell(source, {"__name__": "__main__", "mine": mine})
    (line,) = code(space["f"]).unfollowed
    assert text in line
    assert line.startswith("__main__.f")
    if "file" in space:
        space["file"].close()


def test_results_kept_in_a_dict_do_not_change_the_key(cell):
    space = cell("KEPT = {}\ndef f(x):\n    KEPT[x] = 1\n    return KEPT[x]")
    before = key(space["f"])
    space["KEPT"][1] = 1
    assert key(space["f"]) == before


def test_loggers_and_locks_are_harmless(cell):
    space = cell("def f(x):\n    with lock: log.info(x)")
    space.update(lock=threading.Lock(), log=logging.getLogger("a"))
    before = code(space["f"])
    space["log"] = logging.getLogger("b")
    assert key(space["f"]) == before.key
    assert before.unfollowed == ()


def test_parts_name_what_was_followed(cell):
    found = code(cell("import numpy as np\nLIMIT = 3\ndef g(x, by=2): return x\n"
                      "def f(x): return np.sum(g(x) + LIMIT)")["f"])  # fmt: skip
    names = [part[:2] for part in found.parts]
    assert sorted(names) == [
        ("__main__.LIMIT", "constant"),
        ("__main__.f", "function"),
        ("__main__.g", "function"),
        ("__main__.g.by", "default"),
        ("numpy", "package"),
    ]
    assert {part.name: part.key for part in found.parts}["numpy"] == np.__version__
