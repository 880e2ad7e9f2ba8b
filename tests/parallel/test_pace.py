"""How many tasks go together, and how far ahead."""

from __future__ import annotations

from onebox.parallel.pace import MOST_AHEAD, Pace


def test_chunks_grow_with_tiny_tasks_and_a_fast_consumer():
    pace = Pace(2, None, 10**9, ahead=True)
    assert pace.chunk == 1
    sizes = []
    for _ in range(50):
        pace.consumed(1e-7)
        pace.ran(pace.chunk, pace.chunk * 1e-5, 0)
        sizes.append(pace.chunk)
    assert sizes == sorted(sizes)
    assert sizes[-1] == MOST_AHEAD // 8
    assert pace.window == MOST_AHEAD


def test_long_tasks_go_alone():
    pace = Pace(2, None, 10**9, ahead=True)
    for _ in range(50):
        pace.consumed(1e-7)
        pace.ran(1, 0.2, 0)
    assert pace.chunk == 1


def test_one_long_task_is_enough_to_be_careful():
    pace = Pace(2, None, 10**9, ahead=True)
    for _ in range(50):
        pace.consumed(1e-7)
        pace.ran(pace.chunk, pace.chunk * 1e-5, 0)
    pace.ran(1, 1.0, 0)
    assert pace.chunk == 1


def test_a_slow_consumer_keeps_chunks_small():
    pace = Pace(2, None, 10**9, ahead=True)
    for _ in range(50):
        pace.consumed(0.05)
        pace.ran(1, 1e-6, 0)
    assert pace.chunk == 1
    assert pace.window == 8


def test_results_that_fill_the_budget_stop_it():
    pace = Pace(2, None, 100, ahead=True)
    assert pace.fitting(0, 5) >= 1
    pace.ran(1, 0.1, 40)
    assert pace.fitting(0, 0) == 2
    assert pace.fitting(40, 1) == 0
    assert pace.fitting(1000, 0) == 1  # one can always run


def test_what_the_caller_said_holds():
    pace = Pace(2, 10, 10**9, ahead=True)
    pace.ran(10, 100.0, 0)
    assert pace.chunk == 10
    assert pace.window == 40
    assert not pace.divisible
