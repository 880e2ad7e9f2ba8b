"""Kept results: found again when they should be, never when they should not, never torn."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
import sklearn.linear_model
import sklearn.pipeline
import sklearn.preprocessing

import onebox as ob
from onebox.errors import BadInput
from onebox.linear_model import Ridge
from onebox.preprocessing import StandardScaler

FACTOR = 2


@pytest.fixture
def memory(tmp_path) -> ob.Memory:
    return ob.Memory(tmp_path / "cache")


@pytest.fixture
def count():
    """Counts the calls that reach a function; not part of any key."""
    return Counter()


class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def __onebox_key__(self) -> None:
        return None


def files(memory: ob.Memory) -> list:
    return [p for p in memory.folder.rglob("*") if p.is_file()]


def test_a_result_is_computed_once(memory, count):
    @memory.cache
    def doubled(x, *rest, scale=2, **more):
        """Twice."""
        count.calls += 1
        return x * scale

    X = np.arange(12.0).reshape(3, 4)
    first = doubled(X)
    assert np.array_equal(first, X * 2)
    for again in (
        doubled(X.copy()), doubled(np.asfortranarray(X)), doubled(x=X), doubled(X, scale=2),
    ):  # fmt: skip
        assert np.array_equal(again, first)
    assert count.calls == 1
    doubled(X, scale=3), doubled(X + 1), doubled(X, 1), doubled(X, other=1)
    assert count.calls == 5
    assert doubled.__doc__ == "Twice."
    assert doubled.__wrapped__(X).sum() == first.sum()
    assert len(files(memory)) == 1  # small results are packed together; no leases are left


def test_what_it_names_counts(memory, count, monkeypatch):
    @memory.cache
    def scaled(x):
        count.calls += 1
        return x * FACTOR

    assert scaled(3) == scaled(3) == 6
    monkeypatch.setitem(globals(), "FACTOR", 5)
    assert "constant" in scaled.explain(3)
    assert scaled(3) == 15
    monkeypatch.setitem(globals(), "FACTOR", 2)
    assert scaled(3) == 6
    assert count.calls == 2


@pytest.mark.parametrize(
    "value",
    [
        None, 3, "text", [1, (2.5, None)], {"a": {1, 2}}, b"bytes", np.float32(1.5),
        pa.table({"a": [1, None], "b": ["x", "y"]}),
    ],
    ids=str,
)  # fmt: skip
def test_results_of_many_kinds(memory, count, value):
    @memory.cache
    def given(key):
        count.calls += 1
        return value

    assert given(1) == given(1) == value
    assert count.calls == 1


def test_models(memory, count):
    @memory.cache
    def fitted(X, y, alpha):
        count.calls += 1
        return Ridge(alpha).fit(X, y)

    X = np.random.default_rng(0).normal(size=(50, 3))
    one, two = (fitted(X, X[:, 0], 1.0) for _ in range(2))
    assert count.calls == 1
    assert np.array_equal(one.coef_, two.coef_)

    @memory.cache
    def predicted(model, X):
        count.calls += 1
        return model.predict(X)

    predicted(one, X), predicted(two, X), predicted(Ridge(1.0).fit(X, X[:, 0]), X)
    assert count.calls == 2


def test_ignored_arguments_versions_and_age(memory, count):
    def plain(x, verbose=False):
        count.calls += 1
        return x

    kept = memory.cache(plain, ignore=["verbose"], version=1)
    kept(1), kept(1, verbose=True), kept(1, True)
    assert count.calls == 1
    memory.cache(plain, ignore="verbose", version=2)(1)
    assert count.calls == 2
    aged = memory.cache(plain, version=3, expires=0.2)
    aged(1), aged(1)
    assert count.calls == 3
    time.sleep(0.3)
    assert "expired" in aged.explain(1)
    aged(1)
    assert count.calls == 4


def test_files_by_what_is_in_them(memory, count, tmp_path):
    @memory.cache(files=["path"])
    def lines(path):
        count.calls += 1
        return 1

    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("a"), two.write_text("a")
    lines(one), lines(two), lines(str(one))
    assert count.calls == 1
    two.write_text("b")
    lines(two), lines(one), lines([one, two]), lines([str(one), two])
    assert count.calls == 3
    with pytest.raises(BadInput, match="three"):
        lines(tmp_path / "three.txt")
    with pytest.raises(BadInput, match=r"files names 'x', which .* does not take"):
        memory.cache(len, files="x")


def test_questions(memory):
    @memory.cache
    def summed(a, b=1):
        return a + b

    assert not summed.is_cached(1)
    assert "nothing of this function is kept" in summed.explain(1)
    summed(1)
    assert summed.is_cached(1)
    assert summed.explain(1).startswith("A hit")
    assert summed.explain(1, 2).splitlines()[1:] == ["argument b"]
    assert summed.forget(1)
    assert not summed.forget(1)
    assert not summed.is_cached(1)


def test_a_handle_loads_nothing(memory, count):
    @memory.cache
    def large(n):
        count.calls += 1
        return {"rows": np.ones((n, 10))}

    handle = large.ref(1000)
    rows = handle.get()["rows"]
    assert not rows.flags.owndata
    assert not rows.flags.writeable
    assert rows.sum() == 10_000
    assert large.ref(1000).path == handle.path
    assert count.calls == 1
    large.forget(1000)
    with pytest.raises(BadInput, match="not there any more"):
        handle.get()


def test_methods(memory, count):
    class Model:
        def __init__(self, power):
            self.power = power

        @memory.cache
        def raised(self, x):
            count.calls += 1
            return x**self.power

    assert Model(2).raised(3) == Model(2).raised(3) == 9
    assert Model(3).raised(3) == 27
    assert count.calls == 2


def test_async_functions(memory, count):
    @memory.cache
    async def slow(x):
        count.calls += 1
        await asyncio.sleep(0.05)
        return x * 2

    async def main():
        assert await asyncio.gather(slow(1), slow(1), slow(2)) == [2, 2, 4]
        assert await slow(1) == 2
        assert slow.ref(1).get() == 2

    asyncio.run(main())
    assert count.calls == 2
    with pytest.raises(BadInput, match="Await"):
        slow.ref(7)


def test_an_error_is_not_kept(memory, count):
    @memory.cache
    def fails(x):
        count.calls += 1
        raise ValueError(x)

    for _ in range(2):
        with pytest.raises(ValueError, match="1"):
            fails(1)
    assert count.calls == 2
    assert not files(memory)


def test_threads_compute_once(memory, count):
    @memory.cache
    def slow(x):
        count.calls += 1
        time.sleep(0.2)
        return x

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(slow, [5] * 8)) == [5] * 8
    assert count.calls == 1


WORKER = """
    import os, sys, time
    import onebox as ob
    memory = ob.Memory(sys.argv[1])

    @memory.cache(ignore=["log", "seconds"])
    def slow(x, log, seconds):
        with open(log, "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(seconds)
        return list(range(x))

    print(len(slow(1000, sys.argv[2], float(sys.argv[3]))))
"""


def start(memory, log, seconds):
    command = [sys.executable, "-c", textwrap.dedent(WORKER), memory.folder, log, seconds]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)


def test_processes_compute_once(memory, tmp_path):
    log = tmp_path / "log"
    started = [start(memory, log, 1.0) for _ in range(8)]
    assert [process.communicate()[0].strip() for process in started] == ["1000"] * 8
    assert len(log.read_text().split()) == 1


ASYNC_WORKER = """
    import asyncio, os, sys
    import onebox as ob
    memory = ob.Memory(sys.argv[1])

    @memory.cache(ignore=["log"])
    async def slow(x, log):
        with open(log, "a") as file:
            file.write(f"{os.getpid()}\\n")
        await asyncio.sleep(1.0)
        return x

    async def main():
        beats = 0
        async def beat():
            nonlocal beats
            while True:
                await asyncio.sleep(0.01)
                beats += 1
        beating = asyncio.ensure_future(beat())
        results = await asyncio.gather(slow(1, sys.argv[2]), slow(1, sys.argv[2]))
        assert beats > 3, beats
        print(results)

    asyncio.run(main())
"""


def test_async_functions_of_several_processes_compute_once(memory, tmp_path):
    log = tmp_path / "log"
    command = [sys.executable, "-c", textwrap.dedent(ASYNC_WORKER), str(memory.folder), str(log)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0].strip() for process in started] == ["[1, 1]"] * 3
    assert len(log.read_text().split()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_killed_owner_is_taken_over(memory, tmp_path):
    log = tmp_path / "log"
    owner = start(memory, log, 60)
    while not (log.exists() and log.read_text()):
        time.sleep(0.02)
    heir = start(memory, log, 0)
    time.sleep(0.3)
    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate()
    assert heir.communicate(timeout=30)[0].strip() == "1000"
    assert len(log.read_text().split()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_killed_while_writing(memory):
    """Whatever the moment, a later read is right."""
    code = """
        import sys
        import numpy as np, onebox as ob
        memory = ob.Memory(sys.argv[1])

        @memory.cache
        def made(seed):
            return np.random.default_rng(seed).normal(size=300_000)

        for seed in range(1000):
            made(seed)
            print(seed, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(memory.folder)]
    rng = np.random.default_rng(0)
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.communicate()
    kept = [p for p in memory.folder.rglob("*.onebox") if not p.name.startswith(".")]
    assert kept
    for path in kept:
        assert len(ob.load(path)) == 300_000


def test_damage_is_noticed(memory, count):
    @memory.cache
    def made(x):
        count.calls += 1
        return np.arange(x)

    made(5000)
    (path,) = memory.folder.rglob("*.onebox")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="computed again"):
        assert made(5000).sum() == np.arange(5000).sum()
    assert count.calls == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made(5000)
    assert count.calls == 2


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(memory, count):
    memory.folder.mkdir()
    memory.folder.chmod(0o500)
    check_goes_on(memory, count)


def test_a_folder_that_is_a_file(memory, count):
    memory.folder.write_text("no folder")
    check_goes_on(memory, count)


def check_goes_on(memory, count):
    @memory.cache
    def made(x):
        count.calls += 1
        return x

    with pytest.warns(UserWarning, match="not kept"):
        assert made(1) == 1
    assert count.calls == 1


def test_pipelines_of_scikit_learn(memory):
    X = np.random.default_rng(0).normal(size=(100, 3))
    steps = [("scale", StandardScaler()), ("ridge", Ridge())]
    kept = sklearn.pipeline.Pipeline(steps, memory=memory).fit(X, X[:, 0])
    again = sklearn.pipeline.Pipeline(steps, memory=memory).fit(X, X[:, 0])
    plain = sklearn.pipeline.make_pipeline(StandardScaler(), Ridge()).fit(X, X[:, 0])
    assert np.array_equal(kept.predict(X), plain.predict(X))
    assert np.array_equal(again.predict(X), plain.predict(X))
    assert not sklearn.pipeline.Pipeline(steps, memory=memory).memory.cache(len).is_cached([1])


@pytest.mark.parametrize("compress", ["lz4", "zstd"])
def test_compressed(memory, compress):
    def rounded(n):
        return {"x": np.random.default_rng(0).normal(size=n).round(1)}

    plain = memory.cache(rounded)
    dense = ob.Memory(memory.folder.with_name("dense"), compress=compress).cache(rounded)
    assert np.array_equal(plain(100_000)["x"], dense(100_000)["x"])
    assert np.array_equal(plain(100_000)["x"], dense(100_000)["x"])
    assert np.array_equal(plain(100_000)["x"], dense.ref(100_000).get()["x"])
    sizes = [cached.ref(100_000).path.stat().st_size for cached in (plain, dense)]
    assert sizes[1] < sizes[0] / 2
    with pytest.raises(BadInput, match="compress='gzip'"):
        ob.Memory("cache", compress="gzip")


def test_callables_of_all_kinds(memory, count):
    def added(a, b):
        count.calls += 1
        return a + b

    class Scaled:
        def __init__(self, factor):
            self.factor = factor

        def method(self, x):
            count.calls += 1
            return self.factor * x

        def __call__(self, x):
            count.calls += 1
            return self.factor + x

    for function, other, expected in (
        (functools.partial(added, 2), functools.partial(added, 3), 6),
        (Scaled(2).method, Scaled(3).method, 8),
        (Scaled(2), Scaled(3), 6),
    ):
        count.calls = 0
        assert memory.cache(function)(4) == memory.cache(function)(4) == expected
        assert count.calls == 1
        memory.cache(other)(4)
        assert count.calls == 2


def test_what_cannot_be_kept(memory):
    async def items():
        yield 1

    with pytest.raises(BadInput, match="async generator function"):
        memory.cache(items)
    with pytest.raises(BadInput, match=r"'y', which .* does not take"):
        memory.cache(ignore=["y"])(lambda x: x)
    kept = memory.cache(lambda x: x)
    with pytest.raises(BadInput, match="argument 'x'"):
        kept(threading.Lock())
    with pytest.raises(TypeError, match="missing"):
        kept()
