"""What changes the key of a function, and what does not: small modules, written and imported."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap

import pytest

from onebox.memory.code import fingerprint

HELPERS = """
import math

SCALE = 10

def double(x):
    return 2 * x

def unrelated(x):
    return x
"""

MAIN = """
import functools
import dataclasses
from dataclasses import dataclass
import helpers
from helpers import SCALE, double

LIMIT = 3
OFFSETS = [1, 2]

def inner(x):
    return x + LIMIT

def middle(x):
    # adds
    return inner(x) * 2

def factory(k):
    def scaled(x):
        return k * x
    return scaled

times = factory(4)

def twice(function):
    @functools.wraps(function)
    def wrapper(*args):
        return 2 * function(*args)
    return wrapper

@twice
def decorated(x):
    return x - 1

class Base:
    shift = 1

    def base_method(self):
        return self.shift

class Model(Base):
    depth = 5

    def fit(self, x):
        '''Fit it.'''
        return self.depth + x

    @classmethod
    def make(cls):
        return cls().limit()

    def limit(self):
        return OFFSETS

    @property
    def size(self):
        return 7

    @staticmethod
    def plain(x):
        return x + 8

@dataclass
class Options:
    alpha: float = 0.5
    names: list = dataclasses.field(default_factory=lambda: ["a"])

key_function = lambda x: x[0]

def unrelated(x):
    return x

def work(x, mode="fast", *, power=2):
    '''Work on it.'''
    def nested(value):
        return value + 100
    total: float = 0.0
    for item in x:
        total += middle(item) ** power
    squares = sum(item * item for item in x if item > 11)
    model = Model.make()
    opts = Options()
    text = f"{total:.3f}"
    return (total, squares, times(x), decorated(x), model, nested(x), opts, text,
            sorted(x, key=key_function), sorted(x, key=lambda pair: pair[1]),
            SCALE, double(x), helpers.SCALE)
"""


class Workshop:
    """Modules ``main`` and ``helpers`` in a folder, imported anew for every version of them."""

    def __init__(self, folder):
        self.folder = folder

    def load(self, main=MAIN, helpers=HELPERS):
        sys.path.insert(0, str(self.folder))
        importlib.invalidate_caches()
        try:
            for name, text in {"helpers": helpers, "main": main}.items():
                sys.modules.pop(name, None)
                path = self.folder / f"{name}.py"
                path.write_text(text)
                spec = importlib.util.spec_from_file_location(name, path)
                module = importlib.util.module_from_spec(spec)
                sys.modules[name] = module
                exec(compile(text, str(path), "exec"), vars(module))
            return module
        finally:
            sys.path.remove(str(self.folder))

    def key(self, main=MAIN, helpers=HELPERS, name="work"):
        return self.code(main, helpers, name).key

    def code(self, main=MAIN, helpers=HELPERS, name="work"):
        return fingerprint(getattr(self.load(main, helpers), name), key_of=key_of)


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


@pytest.fixture
def workshop(tmp_path):
    before = {name: sys.modules.get(name) for name in ("main", "helpers")}
    yield Workshop(tmp_path)
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module


MISSES = {
    "callee": ("inner(x) * 2", "inner(x) * 3"),
    "callee of a callee": ("return x + LIMIT", "return x - LIMIT"),
    "global": ("LIMIT = 3", "LIMIT = 4"),
    "type of a global": ("LIMIT = 3", "LIMIT = 3.0"),
    "closure": ("factory(4)", "factory(5)"),
    "default": ('mode="fast"', 'mode="slow"'),
    "default of a keyword": ("power=2", "power=3"),
    "decorator": ("return 2 * function(*args)", "return 3 * function(*args)"),
    "decorator taken away": ("@twice\n", ""),
    "below a decorator": ("return x - 1", "return x - 2"),
    "method": ("return self.depth + x", "return self.depth - x"),
    "base class": ("return self.shift", "return -self.shift"),
    "attribute of a base class": ("shift = 1", "shift = 2"),
    "other base": ("class Model(Base)", "class Model"),
    "class attribute": ("depth = 5", "depth = 6"),
    "property": ("return 7", "return 70"),
    "static method": ("return x + 8", "return x + 9"),
    "global of a class method": ("OFFSETS = [1, 2]", "OFFSETS = [1, 3]"),
    "nested function": ("value + 100", "value + 101"),
    "name of a nested function": ("nested", "renamed"),
    "lambda": ("pair[1]", "pair[2]"),
    "named lambda": ("lambda x: x[0]", "lambda x: x[1]"),
    "generator expression": ("item > 11", "item > 12"),
    "operator": ("total += middle", "total -= middle"),
    "keyword in a call": ("sorted(x, key=key", "sorted(x, cmp=key"),
    "field of a dataclass": ("alpha: float = 0.5", "alpha: float = 0.6"),
    "type of a field": ("alpha: float = 0.5", "alpha: int = 0.5"),
    "default factory of a field": ('["a"]', '["b"]'),
    "options of a dataclass": ("@dataclass\n", "@dataclass(frozen=True)\n"),
    "added method": ("depth = 5\n", "depth = 5\n    def more(self): pass\n"),
    "format": (".3f", ".4f"),
    "parameter": ("def work(x,", "def work(x, y=None,"),
    "order of statements": ("    model = Model.make()\n    opts = Options()\n",
                            "    opts = Options()\n    model = Model.make()\n"),
}  # fmt: skip


@pytest.mark.parametrize("change", MISSES)
def test_a_change_of_meaning_misses_and_going_back_hits(workshop, change):
    old, new = MISSES[change]
    assert old in MAIN
    before = workshop.key()
    assert workshop.key(MAIN.replace(old, new)) != before
    assert workshop.key() == before


@pytest.mark.parametrize(
    ("old", "new"), [("SCALE = 10", "SCALE = 11"), ("return 2 * x", "return x * 2")]
)
def test_a_change_in_another_module_misses(workshop, old, new):
    assert workshop.key() != workshop.key(helpers=HELPERS.replace(old, new))


@pytest.mark.parametrize("use", ["helpers.SCALE", "SCALE"])
def test_constants_of_other_modules_are_followed_by_either_import(workshop, use):
    main = f"import helpers\nfrom helpers import SCALE\ndef work(x): return x * {use}\n"
    changed = HELPERS.replace("SCALE = 10", "SCALE = 11")
    assert workshop.key(main) != workshop.key(main, changed)
    assert workshop.key(main) == workshop.key(main, HELPERS.replace("return 2 * x", "return 3"))


HITS = {
    "comment": ("    # adds\n", "    # adds things\n\n"),
    "docstring": ("'''Work on it.'''", "'''Work hard.'''"),
    "no docstring": ("    '''Work on it.'''\n", ""),
    "docstring of a method": ("'''Fit it.'''", "'''Fit.'''"),
    "layout": ("total += middle(item) ** power", "total += (middle( item )\n            **power)"),
    "lines above": ("import functools\n", "\n\n\nX = 1\nimport functools\n"),
    "quotes": ("'''Fit it.'''", '"""Fit it."""'),
    "quotes in an expression": ('mode="fast"', "mode='fast'"),
    "order of imports": ("import functools\nimport dataclasses\n",
                         "import dataclasses\nimport functools\n"),
    "another import": ("import functools\n", "import functools, json\n"),
    "unrelated function": ("def unrelated(x):\n    return x", "def unrelated(x):\n    return -x"),
    "local variable": ("total", "sum_of_all"),
    "loop variable": ("item", "element"),
    "annotation of a local variable": ("total: float = 0.0", "total = 0.0"),
    "annotation of a parameter": ("def inner(x):", "def inner(x: int) -> int:"),
    "statement that does nothing": ("opts = Options()", "opts = Options(); pass"),
    "order of methods": ("    shift = 1\n\n    def base_method(self):\n        return self.shift\n",
                         "    def base_method(self):\n        return self.shift\n    shift = 1\n"),
    "variable of a factory": ("def factory(k):\n    def scaled(x):\n        return k * x",
                              "def factory(n):\n    def scaled(x):\n        return n * x"),
}  # fmt: skip


@pytest.mark.parametrize("change", HITS)
def test_a_change_of_form_hits(workshop, change):
    old, new = HITS[change]
    assert old in MAIN
    assert workshop.key() == workshop.key(MAIN.replace(old, new))


LOCALS = {
    "comprehension": (
        "def work(x):\n    b = [a for a in x]\n    return {c: c for c in b if c}, (a for a in b)",
        "def work(x):\n    q = [p for p in x]\n    return {r: r for r in q if r}, (s for s in q)",
    ),
    "one name for two variables": (
        "def work(x):\n    a = 1\n    return a, [b for b in x]",
        "def work(x):\n    a = 1\n    return a, [a for a in x]",
    ),
    "nested function": (
        "def work(x):\n    a = 1\n    def g(y):\n        nonlocal a\n        a += y\n    return g",
        "def work(x):\n    n = 1\n    def g(y):\n        nonlocal n\n        n += y\n    return g",
    ),
    "exception": (
        "def work(x):\n    try: return x\n    except ValueError as e: raise KeyError from e",
        "def work(x):\n    try: return x\n    except ValueError as err: raise KeyError from err",
    ),
    "walrus": (
        "def work(x):\n    return [a for y in x if (a := y)], a",
        "def work(x):\n    return [b for z in x if (b := z)], b",
    ),
    "match": (
        "def work(x):\n    match x:\n        case [a, *b] | {'k': a, **b}: return a, b\n",
        "def work(x):\n    match x:\n        case [c, *d] | {'k': c, **d}: return c, d\n",
    ),
    "with, for, del, import": (
        "def work(x):\n    import json as a\n    with x as (b, c):\n        del c\n    return a.dumps(b)",
        "def work(x):\n    import json as p\n    with x as (q, r):\n        del r\n    return p.dumps(q)",
    ),
    "lambda": (
        "def work(x):\n    a = 2\n    return lambda y: y + a",
        "def work(x):\n    b = 2\n    return lambda y: y + b",
    ),
}


@pytest.mark.parametrize("kind", LOCALS)
def test_names_of_local_variables_do_not_matter(workshop, kind):
    old, new = LOCALS[kind]
    assert workshop.key(old) == workshop.key(new)


DIFFERENT = {
    "swapped variables": (
        "def work(x):\n    a, b = x\n    return a - b",
        "def work(x):\n    a, b = x\n    return b - a",
    ),
    "global or local": (
        "a = 1\ndef work(x):\n    a = 1\n    return a",
        "a = 1\ndef work(x):\n    b = 1\n    return a",
    ),
    "declared global": (
        "a = 1\ndef work(x):\n    global a\n    a = x\n    return a",
        "a = 1\ndef work(x):\n    a = x\n    return a",
    ),
    "nonlocal or local": (
        "def work(x):\n    a = 1\n    def g():\n        nonlocal a\n        a = 2\n    g()\n    return a",
        "def work(x):\n    a = 1\n    def g():\n        a = 2\n    g()\n    return a",
    ),
    "variable around a comprehension": (
        "def work(x):\n    a = x\n    [b for b in x]\n    return a",
        "def work(x):\n    a = x\n    [(a := b) for b in x]\n    return a",
    ),
    "names that are looked at": (
        "def work(x):\n    a = 1\n    return locals()",
        "def work(x):\n    b = 1\n    return locals()",
    ),
    "f-string that prints its source": (
        "def work(x):\n    a = 1\n    return f'{a=}'",
        "def work(x):\n    b = 1\n    return f'{b=}'",
    ),
    "parameter": ("def work(x): return x", "def work(y): return y"),
    "kind of parameter": ("def work(x): return x", "def work(x, /): return x"),
    "async": ("def work(x): return x", "async def work(x): return x"),
    "1 and True": ("def work(x): return 1", "def work(x): return True"),
    "text and bytes": ("def work(x): return 'a'", "def work(x): return b'a'"),
    "names of attributes": ("def work(x): return x.a", "def work(x): return x.b"),
    "keyword default of a lambda": (
        "def work(x): return lambda a, *, b=1: a",
        "def work(x): return lambda a, *, b: a",
    ),
    "index or tuple": ("def work(x): return x[1:2]", "def work(x): return x[1:2,]"),
    "conversion in an f-string": ("def work(x): return f'{x}'", "def work(x): return f'{x!s}'"),
    "two globals swapped": (
        "A, B = 1, 2\ndef work(x): return A - B",
        "A, B = 2, 1\ndef work(x): return A - B",
    ),
    "metaclass": (
        "class M(type):\n    def go(c): return 1\nclass work(metaclass=M): pass",
        "class M(type):\n    def go(c): return 2\nclass work(metaclass=M): pass",
    ),
    "slots": (
        "class work:\n    __slots__ = ('a', 'b')",
        "class work:\n    __slots__ = ('a', 'c')",
    ),
    "order of fields": (
        "import dataclasses\n@dataclasses.dataclass\nclass work:\n    a: int\n    b: int",
        "import dataclasses\n@dataclasses.dataclass\nclass work:\n    b: int\n    a: int",
    ),
    "attribute of a function": (
        "def g(): pass\ng.n = 1\ndef work(x): return g.n",
        "def g(): pass\ng.n = 2\ndef work(x): return g.n",
    ),
    "docstring that is read": (
        "def g():\n    'one'\ndef work(x): return g.__doc__",
        "def g():\n    'two'\ndef work(x): return g.__doc__",
    ),
    "decorator with an argument": (
        "def by(k): return lambda f: lambda *a: f(*a) + k\n@by(1)\ndef work(x): return x",
        "def by(k): return lambda f: lambda *a: f(*a) + k\n@by(2)\ndef work(x): return x",
    ),
    "alias of a library's function": (
        "from math import sin as m\ndef work(x): return m(x)",
        "from math import cos as m\ndef work(x): return m(x)",
    ),
    "private names": (
        "class A:\n    def f(self): return self.__x\nwork = A.f",
        "class B:\n    def f(self): return self.__x\nwork = B.f",
    ),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_what_a_name_means_matters(workshop, kind):
    old, new = DIFFERENT[kind]
    assert workshop.key(old) != workshop.key(new)


def test_the_key_is_the_same_in_other_processes_and_for_other_hash_seeds(workshop):
    here = workshop.key()
    script = textwrap.dedent(
        f"""
        import sys
        sys.path[:0] = [{str(workshop.folder)!r}, {os.path.dirname(__file__)!r}]
        from test_code import key_of
        from onebox.memory.code import fingerprint
        import main
        print(fingerprint(main.work, key_of=key_of).key)
        """
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = [sys.executable, "-c", script]
        assert subprocess.check_output(run, env=environment, text=True).strip() == here


def test_the_key_of_a_fixed_source_is_fixed_for_ever(workshop):
    # The same on every supported Python: a change here makes all stored results of users stale.
    golden = textwrap.dedent(
        '''
        LIMIT = 3
        class Point:
            x = 1
            def move(self, by, /, *rest, far: int = 2, **more):
                """Move."""
                return [self.x + each for each in rest if (y := each)], y, f"{by!r:>{far}} {LIMIT}"
        def helper(value):
            try:
                return value[1:, ::2] @ -1.5e3
            except (ValueError, KeyError) as error:
                raise RuntimeError("a" 'b') from error
        async def work(x, *, deep=True):
            match x:
                case Point(x=1) | None: yield await helper(x)
                case {"a": [first, *_], **rest}: print(first, rest)
            async with x as y: yield lambda z=1: (z, y, deep, {**x, 1: ...}, 2j, b"x")
        '''
    )
    assert workshop.key(golden) == "6e92bd088735057677c3b77b74bdf5d0"
