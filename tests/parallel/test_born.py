"""Results that are born in memory that can be sent: nobody may notice but by the time it takes."""

from __future__ import annotations

import os
import sys
from contextvars import copy_context
from functools import partial

import numpy as np
import pytest

import onebox as ob
from onebox._kernels import placement
from onebox.parallel.shared import segment as segments
from onebox.parallel.shared.mapping import HUGE_PAGE, Mapping
from onebox.parallel.shared.offers import MOST_ALIKE, SMALLEST
from onebox.parallel.shared.parcel import close_all, unpack
from onebox.parallel.shared.segment import Segment
from onebox.parallel.shared.senders import Results
from onebox.parallel.workers.pool import POOL

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="arrays are pickled there")
pmap = partial(ob.pmap, n_jobs=1, executor="processes")

N = SMALLEST // 4  # numbers: twice the bytes that are the least


def needs_memory_ahead():
    segment = Segment(SMALLEST)
    if not segment.make_ready():
        pytest.skip("the system gives no shared memory before it is touched")
    segment.close()


@pytest.fixture(autouse=True)
def fresh_workers():
    """Workers that hold no memory of tests before."""
    POOL.shut_down()


@pytest.fixture
def results():
    """What packs results, after one that waits for another of N numbers; numpy is not changed."""
    needs_memory_ahead()
    made = Results(keep_bytes=2**28)
    send(made, np.ones(N))
    yield made
    made.close()


def in_its_context(function):
    """Run a function while numpy takes offers, and give numpy back as it was."""

    def run(*arguments):
        placement.install()
        return function(*arguments)

    return copy_context().run(run)


def send(results, value, forget=None):
    """Send a value there and back; `forget` drops what else holds it before it goes."""
    parcel = results.pack(value)
    del value
    if forget is not None:
        forget()
    descriptors: list[int] = []
    wire = parcel.wire(descriptors)
    found = unpack(wire, descriptors)
    close_all(descriptors)
    results.sent()
    return found


def is_offered(results, array):
    return results.offers.under(array.ctypes.data, array.nbytes) is not None


# In workers


def born(x, n=N):
    """An array, and whether it lies in shared memory."""
    array = np.full(n, float(x))
    address = array.ctypes.data
    with open("/proc/self/maps") as lines:
        for line in lines:
            start, stop = (int(word, 16) for word in line.split()[0].split("-"))
            if start <= address < stop:
                return array, "/memfd:onebox" in line
    return array, False


@pytest.mark.skipif(sys.platform != "linux", reason="memory is looked at through /proc")
def test_results_like_the_last_one_are_born_where_they_are_sent_from():
    needs_memory_ahead()
    found = list(pmap(born, range(8)))
    assert [shared for _, shared in found] == [False] + [True] * 7
    for x, (array, _) in enumerate(found):
        assert array.min() == array.max() == x


def test_what_a_task_keeps_is_not_what_the_caller_writes_to():
    kept: list[np.ndarray] = []

    def keep(x):
        before = [float(array.min()) for array in kept]
        kept.append(np.full(N, float(x)))
        return before, kept[-1]

    for x, (before, array) in enumerate(pmap(keep, range(6))):
        array -= 100
        assert before == list(range(x))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_has_memory_of_its_own():
    def forked(x):
        array = np.full(N, float(x))
        here, there = os.pipe()
        pid = os.fork()
        if pid == 0:
            array += 100
            os.write(there, np.float64(array.max()).tobytes())
            os._exit(0)
        array += 0.5
        os.waitpid(pid, 0)
        theirs = np.frombuffer(os.read(here, 8))[0]
        os.close(here)
        os.close(there)
        return theirs, array

    for x, (theirs, array) in enumerate(pmap(forked, range(5))):
        assert theirs == x + 100
        assert array.min() == array.max() == x + 0.5


def test_what_is_written_after_a_fork_stays_out_of_the_segment(results):
    def run():
        array = np.full(N, 1.0)
        segment = results.offers.under(array.ctypes.data, array.nbytes)
        results.offers.before_fork()
        array[0] = 2.0
        lease = segment.lease(writable=False)
        shared = np.frombuffer(os.pread(lease, 8, 0))[0]
        os.close(lease)
        return shared, [array]

    shared, held = in_its_context(run)
    assert (shared, held[0][0]) == (1.0, 2.0)
    found = send(results, held[0], forget=held.clear)
    assert found[:3].tolist() == [2.0, 1.0, 1.0]


def test_workers_offer_again_after_a_fork(results):
    def run():
        array = np.full(N, 1.0)
        results.offers.before_fork()
        del array
        send(results, np.ones(N))
        return is_offered(results, np.full(N, 1.0))

    assert in_its_context(run)


# One by one


def test_an_array_that_is_let_go_of_is_sent_without_a_copy(results):
    def run():
        held = [np.full(N, 7.0)]
        segment = results.offers.under(held[0].ctypes.data, held[0].nbytes)
        found = send(results, held[0], forget=held.clear)
        descriptor = segment.lease(writable=True)
        os.pwrite(descriptor, np.float64(5.0).tobytes(), 0)
        os.close(descriptor)
        return found

    found = in_its_context(run)
    assert found[:2].tolist() == [5.0, 7.0]  # one memory on both sides


def test_two_views_of_an_array_are_two_arrays(results):
    def run():
        held = [np.full(N, 7.0)]
        return send(results, (held[0][:], held[0][1:]), forget=held.clear)

    first, second = in_its_context(run)
    first[:] = 0
    assert second.min() == 7.0


def test_a_piece_does_not_take_the_whole_along(results):
    def run():
        array = np.full(N, 7.0)
        assert is_offered(results, array)
        assert not is_offered(results, array[: N // 3])
        return send(results, array[: N // 3])

    assert np.array_equal(in_its_context(run), np.full(N // 3, 7.0))


def test_zeros_stay_with_the_system_which_gives_them_when_they_are_touched(results):
    assert not in_its_context(lambda: is_offered(results, np.zeros(N)))


def test_other_threads_and_sizes_are_left_alone(results):
    assert not is_offered(results, np.full(N, 1.0))  # no handler here
    assert not in_its_context(lambda: is_offered(results, np.full(N // 3, 1.0)))
    assert not in_its_context(lambda: is_offered(results, np.full(3 * N, 1.0)))


@pytest.mark.parametrize("size", [N // 2, N, 4 * N])
def test_resized_arrays_keep_what_they_hold(results, size):
    def run():
        array = np.arange(float(N))
        assert is_offered(results, array)
        array.resize(size, refcheck=False)
        return array

    array = in_its_context(run)
    assert np.array_equal(array[:N], np.arange(float(min(N, size))))


def test_offers_are_few_and_within_what_may_be_kept(results):
    for _ in range(5):
        send(results, np.ones(N))
    assert results.segments.reserved == MOST_ALIKE * 8 * N
    results.close()
    assert results.segments.reserved == 0
    small = Results(keep_bytes=8 * N - 1)
    send(small, np.ones(N))
    assert small.segments.reserved == 0


def test_an_offer_is_at_a_multiple_of_huge_pages_and_comes_back_once():
    assert not placement.offer(0, SMALLEST)
    assert not placement.offer(4096, SMALLEST)
    assert not placement.withdraw(2**21)
    taken = [place for place in range(1, 40) if placement.offer(place * 2**21, 1)]
    assert len(taken) == 16
    assert all(placement.withdraw(place * 2**21) for place in taken)
    assert not placement.withdraw(2**21)


def test_small_pages_are_taken_once_huge_ones_were_slow(monkeypatch):
    needs_memory_ahead()
    monkeypatch.setattr(segments, "_huge_pages_are_slow", [False])
    monkeypatch.setattr(segments, "SLOW", -1)
    tried = []
    make_huge = Mapping.make_huge
    monkeypatch.setattr(
        Mapping, "make_huge", lambda self, slowest: tried.append(1) or make_huge(self, slowest)
    )
    for _ in range(3):
        segment = Segment(6 * HUGE_PAGE + 1)
        assert segment.make_ready()
        segment.write(np.arange(100, dtype=np.uint8))
        assert segment.bytes(100).tolist() == list(range(100))
        assert not segment.bytes(segment.capacity)[100:].any()
        segment.close()
    assert len(tried) == (1 if segments._huge_pages_are_slow[0] else 3)
