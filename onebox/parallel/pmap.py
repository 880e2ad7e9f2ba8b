"""`pmap`: like the built-in ``map``, with the tasks running in parallel."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any, Literal, TypeVar, overload

import numpy as np

from onebox.config import config, crew_name, memory_budget, resolve, settings_in_force
from onebox.errors import BadInput
from onebox.parallel.backends import Backend
from onebox.parallel.backends.foreign import Foreign
from onebox.parallel.backends.serial import Serial
from onebox.parallel.backends.threads import Threads
from onebox.parallel.loop import Loop
from onebox.parallel.pace import Pace
from onebox.parallel.progress import Listener, watch
from onebox.parallel.share import cores_of_each, workers_for
from onebox.parallel.task import Call

if sys.platform == "win32":
    import loky
else:
    from onebox.parallel.backends.processes import Processes

T = TypeVar("T")

Where = Literal["auto", "threads", "processes", "serial"] | Executor


@overload
def pmap(
    function: Callable[..., T], *iterables: Iterable[Any], n_jobs: int | None = None,
    executor: Where | None = None, ordered: bool = True, chunk: int | Literal["auto"] = "auto",
    on_error: Literal["raise"] = "raise", timeout: float | None = None, retries: int = 0,
    random_state: int | np.random.Generator | None = None, progress: bool | Listener = False,
) -> Generator[T, None, None]: ...  # fmt: skip


@overload
def pmap(
    function: Callable[..., T], *iterables: Iterable[Any], n_jobs: int | None = None,
    executor: Where | None = None, ordered: bool = True, chunk: int | Literal["auto"] = "auto",
    on_error: Literal["return"], timeout: float | None = None, retries: int = 0,
    random_state: int | np.random.Generator | None = None, progress: bool | Listener = False,
) -> Generator[T | Exception, None, None]: ...  # fmt: skip


def pmap(
    function: Callable[..., Any], *iterables: Iterable[Any], n_jobs: int | None = None,
    executor: Where | None = None, ordered: bool = True, chunk: int | Literal["auto"] = "auto",
    on_error: Literal["raise", "return"] = "raise", timeout: float | None = None, retries: int = 0,
    random_state: int | np.random.Generator | None = None, progress: bool | Listener = False,
) -> Generator[Any, None, None]:  # fmt: skip
    """Call a function with each of many inputs, in parallel, and yield what it returns.

    Nothing happens until the first result is asked for. Then inputs are drawn as workers need
    them, by the thread that takes the results, and tasks run a little ahead of it.

    Parameters
    ----------
    function : callable
        Anything, closures and functions of a notebook included. Large arrays that every task needs
        are best a part of it (``functools.partial(fit, X)``): they are sent once.
    *iterables : iterable
        The arguments, one from each for a task; the shortest ends the loop.
    n_jobs : int, optional
        Workers; -1 for every core. Default: as `config` says, the limits of a container
        respected. Inside a task of another loop no more than its share of the cores.
    executor : {"auto", "processes", "threads", "serial"} or concurrent.futures.Executor, optional
        Where tasks run. "auto": in the caller if `n_jobs` is 1 and there is no `timeout`, else in
        processes. Default: what ``ob.config(executor=...)`` says, "auto" when it says nothing.
    ordered : bool, default=True
        Whether results come in the order of the inputs, or as they are finished.
    chunk : int or "auto", default="auto"
        Tasks that are handed over together. "auto" starts with one and takes as many as run in
        50 ms; a worker gives back what turns out to take longer.
    on_error : {"raise", "return"}, default="raise"
        What becomes of a task that fails for good. "raise": results before it are yielded, then its
        exception is raised and the rest is cancelled. "return": the exception comes in the place
        of the result.
    timeout : float, optional
        Seconds that a task may run, in processes only: its worker is killed.
    retries : int, default=0
        How often a task that raised, ran out of time or lost its worker is run again.
    random_state : int or numpy.random.Generator, optional
        Every task is called with a ``random_state=`` of its own, a `numpy.random.Generator` that
        depends on this seed and the task's number only.
    progress : bool or callable, default=False
        Show a bar, or hand events to a function.

    Returns
    -------
    generator
        Of results. ``close()`` it, or drop it, to cancel what has not been taken.

    Raises
    ------
    BadInput
        At once, for an argument that cannot be used.
    WorkerDied, TaskTimeout
        For a task whose process ended, or whose time was over.
    NotEnoughMemory
        When arguments in memory would have to be copied that are larger than the budget.
    Exception
        What a task raised, with the traceback of where it ran and a note with the task's number and
        its arguments.

    Notes
    -----
    Cost: drawn and not yet taken are never more than 4 tasks a worker, or, if that is more, as many
    as the caller lately took in 0.1 s, up to 10,000; and, with more than one task in work, results
    for a share of the `memory` of `config`. Large arrays (1 MB and more) cross between processes
    in memory that both map, written once; memory-mapped ones are not copied at all. Arguments
    of that size are read-only in worker processes.

    Exactness: the results are the same, bit for bit, for any `n_jobs`, `chunk` and executor, as long
    as the function is: BLAS and OpenMP have one thread in tasks everywhere.

    Examples
    --------
    >>> import onebox as ob
    >>> def square(x):
    ...     return x**2
    >>> list(ob.pmap(square, range(5), n_jobs=2))
    [0, 1, 4, 9, 16]

    What fails can come in place:

    >>> list(ob.pmap(lambda x: 1 / x, [1, 0], n_jobs=2, on_error="return"))
    [1.0, ZeroDivisionError('division by zero')]
    """
    _check(function, iterables, chunk, on_error, timeout, retries)
    n_workers = workers_for(n_jobs)
    call = Call(function, _entropy(random_state))
    size = None if chunk == "auto" else int(chunk)
    where = _resolved(executor, n_workers, timeout)
    if where == "serial":
        n_workers, size = 1, 1
    share = memory_budget(resolve()) // (n_workers + 1)
    loop = Loop(
        call.name, zip(*iterables, strict=False), _backend(where, call, n_workers, timeout, share),
        Pace(n_workers, size, share, ahead=where != "serial"), watch(call.name, progress, iterables),
        ordered=ordered, catch=on_error == "return", retries=retries,
    )  # fmt: skip
    return loop.results()


def _check(
    function: object, iterables: tuple[object, ...], chunk: object, on_error: object,
    timeout: float | None, retries: int,
) -> None:  # fmt: skip
    if not callable(function):
        raise BadInput(
            f"pmap takes a function first, and {function!r:.60} cannot be called. Write "
            "pmap(function, inputs)."
        )
    if not iterables:
        raise BadInput("pmap has nothing to loop over. Write pmap(function, inputs).")
    if chunk != "auto" and not _is_count(chunk, least=1):
        raise BadInput(f"chunk={chunk!r} is neither 'auto' nor a number of tasks.")
    if on_error not in ("raise", "return"):
        raise BadInput(f"on_error={on_error!r} is not known; use 'raise' or 'return'.")
    if timeout is not None and not timeout > 0:
        raise BadInput(f"timeout={timeout!r} must be more than 0 seconds, or None.")
    if not _is_count(retries, least=0):
        raise BadInput(f"retries={retries!r} must be 0 or more.")


def _is_count(value: object, *, least: int) -> bool:
    return isinstance(value, int) and value >= least


def _entropy(random_state: int | np.random.Generator | None) -> int | None:
    if random_state is None:
        return None
    if isinstance(random_state, np.random.Generator):
        return int.from_bytes(random_state.bytes(16), "little")
    if _is_count(random_state, least=0):
        return random_state
    raise BadInput(
        f"random_state={random_state!r} is neither a number from 0 on nor a numpy.random.Generator."
    )


def _resolved(asked: object, n_workers: int, timeout: float | None) -> Where:
    """Where tasks run: asked for here, in the settings, or by the rule of "auto"."""
    if asked is None:
        asked = settings_in_force().executor or os.environ.get("ONEBOX_EXECUTOR") or "auto"
    if asked == "auto":
        asked = "serial" if n_workers == 1 and timeout is None else "processes"
    if crew_name(asked) == "dask" and not isinstance(asked, str):
        client: Any = asked
        asked = client.get_executor()
    if asked == "processes" and sys.platform == "win32":
        asked = loky.get_reusable_executor(n_workers)
    if asked in ("threads", "serial", "processes") or isinstance(asked, Executor):
        where: Where = asked
    else:
        raise BadInput(
            f"executor={asked!r} is not known to pmap; use 'auto', 'processes', 'threads', 'serial', a "
            "concurrent.futures.Executor or a dask.distributed.Client."
        )
    if timeout is not None and where != "processes":
        name = where if isinstance(where, str) else type(where).__name__
        raise BadInput(
            f"timeout={timeout:g} cannot be kept with executor={name!r}: a task that hangs there cannot "
            "be stopped. Use executor='processes', whose workers can be killed."
        )
    return where


def _backend(
    where: Where, call: Call, n_workers: int, timeout: float | None, share: int
) -> Backend:
    cores = cores_of_each(n_workers)
    if where == "serial":
        return Serial(call)
    if where == "threads":
        with config(n_jobs=cores, memory=share):
            context = copy_context()
        return Threads(call, n_workers, cores=cores, context=context)
    if isinstance(where, Executor):
        return Foreign(call, where, n_workers)
    budget = memory_budget(resolve())
    return Processes(call, n_workers, timeout=timeout, cores=cores, memory=share, budget=budget)
