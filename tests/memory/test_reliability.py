"""What a cache must survive: kills, flipped bits, full disks, folders that vanish."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pytest

import onebox as ob

CALLS: list[object] = []
KILLS = int(os.environ.get("ONEBOX_TEST_KILLS", "12"))  # 200 take four minutes


def packed(seed):
    CALLS.append(seed)
    return np.random.default_rng(seed).normal(size=200)


def filed(seed):
    CALLS.append(seed)
    return np.random.default_rng(seed).normal(size=8_000)


def streamed(seed):
    CALLS.append(seed)
    rng = np.random.default_rng(seed)
    for _ in range(4):
        yield rng.normal(size=500)


def stacked(cached, seed):
    result = cached(seed)
    return np.concatenate(list(result)) if cached.function is streamed else result


@pytest.mark.parametrize("function", [packed, filed, streamed], ids=lambda f: f.__name__)
def test_a_thousand_flipped_bits(tmp_path, monkeypatch, function):
    """Wherever a bit flips, what a call returns is right, and only what was hit is made again."""
    rng = np.random.default_rng(0)
    memory = ob.Memory(tmp_path / "cache")
    expected = {}
    for seed in range(20):
        expected[seed] = stacked(memory.cache(function), seed)
    names = [p for p in sorted(memory.folder.rglob("*")) if p.is_file()]
    whole = {p: p.read_bytes() for p in names}
    noticed = 0
    for turn in range(340):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"index {turn}"))  # no machine knows it
        path = names[rng.integers(len(names))]
        content = bytearray(whole[path])
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        CALLS.clear()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fresh = ob.Memory(tmp_path / "cache").cache(function)
            for seed in rng.choice(20, 3, replace=False):
                assert np.array_equal(stacked(fresh, int(seed)), expected[int(seed)])
        assert caught or not CALLS
        noticed += bool(caught)
        for p in memory.folder.rglob("*"):  # as it was
            if p.is_file() and p not in whole:
                p.unlink()
        for p, data in whole.items():
            if not p.exists() or p.read_bytes() != data:
                p.write_bytes(data)
    assert noticed > 10


WRITER = """
    import sys, warnings
    import numpy as np, onebox as ob
    warnings.simplefilter("error")
    memory = ob.Memory(sys.argv[1], limit="3MB")

    @memory.cache
    def packed(seed):
        return np.random.default_rng(seed).normal(size=100)

    @memory.cache
    def filed(seed):
        return np.random.default_rng(seed).normal(size=20_000)

    @memory.cache
    def streamed(seed):
        rng = np.random.default_rng(seed)
        for _ in range(5):
            yield rng.normal(size=1000)

    print("ready", flush=True)
    rng = np.random.default_rng()
    while True:
        seed = int(rng.integers(60))
        assert np.array_equal(packed(seed), packed.__wrapped__(seed))
        assert np.array_equal(filed(seed), filed.__wrapped__(seed))
        for one, two in zip(streamed(seed), streamed.__wrapped__(seed), strict=True):
            assert np.array_equal(one, two)
"""


def kill_at_random(folder, times, seconds):
    """Two processes at once on one folder; one after the other is killed."""
    rng = np.random.default_rng(1)
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(folder)]
    running = []
    try:
        for _ in range(times):
            while len(running) < 2:
                started = subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
                running.append(started)
                assert started.stdout.readline() == "ready\n", started.stderr.read()
            time.sleep(rng.uniform(0, seconds))
            for one in running:
                assert one.poll() is None, one.stderr.read()
            victim = running.pop(rng.integers(2))
            victim.kill()
            victim.communicate()
    finally:
        for rest in running:
            rest.kill()
            rest.communicate()


def test_kills_at_random_moments(tmp_path):
    """Whatever the moment, later calls are right, and warn of nothing."""
    folder = tmp_path / "cache"
    kill_at_random(folder, KILLS, 0.3)
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 3.15e6 + 800_000


FULL = """
import json, os, warnings, sqlite3
import numpy as np, onebox as ob
memory = ob.Memory("cache")

@memory.cache
def made(size, seed=0):
    return np.random.default_rng(seed).bytes(size)

@memory.cache
def items(n):
    for i in range(n):
        yield bytes(100_000)

def told(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, [str(w.message) for w in caught]

made(50_000)
large, why_large = told(lambda: made(10_000_000))
stream, why_stream = told(lambda: sum(map(len, items(100))))
small = [told(lambda: made(20_000, seed)) for seed in range(300)]
left = [n for _, _, names in os.walk("cache") for n in names if n.endswith("tmp")]
print(json.dumps({
    "large": len(large), "why large": why_large, "stream": stream, "why stream": why_stream,
    "small": sum(len(r) for r, _ in small), "warned": sum(bool(w) for _, w in small),
    "again": [len(made(50_000)), made.is_cached(50_000), made.is_cached(20_000, 0)], "left": left,
}))
"""


def test_a_full_disk(on_tiny_disk):
    told = json.loads(on_tiny_disk(FULL))
    assert told["large"] == 10_000_000
    assert "not kept" in told["why large"][0]
    assert "free" in told["why large"][0]
    assert told["stream"] == 100 * 100_000
    assert len(told["why stream"]) == 1
    assert told["small"] == 300 * 20_000
    assert 50 < told["warned"] < 250
    assert told["again"] == [50_000, True, True]
    assert told["left"] == []


def test_a_folder_that_vanishes_on_the_way(tmp_path):
    memory = ob.Memory(tmp_path / "cache")
    kept = [memory.cache(function) for function in (packed, filed, streamed)]
    for turn in range(3):
        for cached in kept:
            CALLS.clear()
            assert len(stacked(cached, turn)) == len(stacked(cached, turn))
            assert len(CALLS) == 1
            if turn == 1:
                shutil.rmtree(tmp_path / "cache")


def test_many_threads_and_small_results(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    memory = ob.Memory(tmp_path / "cache", limit="1MB")
    cached = memory.cache(packed)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(cached, [i % 50 for i in range(2000)]))
    for i, result in enumerate(results):
        assert np.array_equal(result, packed(i % 50))
