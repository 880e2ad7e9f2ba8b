"""How to run: memory, cores, disk, progress. Nothing in here ever changes an answer.

Three layers, the nearest wins: what the current ``ob.config`` sets, what was in force when a lazy
Dataset was made, and the defaults: the environment variables ``ONEBOX_MEMORY``, ``ONEBOX_N_JOBS``,
``ONEBOX_EXECUTOR``, ``ONEBOX_CACHE``, ``ONEBOX_DISK``, ``ONEBOX_PROGRESS`` and ``ONEBOX_VERIFY``,
then what the machine has.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, runtime_checkable

from onebox.errors import BadInput
from onebox.machine import available_cores, available_memory

Verify = Literal["times", "content"]

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
BINARY_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def parse_bytes(value: int | float | str, name: str = "memory") -> int:
    """Turn ``"2GB"``, ``"512 MiB"`` or a number into bytes.

    >>> parse_bytes("2GB"), parse_bytes("1.5 GiB"), parse_bytes(1000)
    (2000000000, 1610612736, 1000)
    """
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([kmgt]?)(i?)b?\s*", value.lower())
        if match is None or (match[3] and not match[2]):
            raise BadInput(f"{name}={value!r} is not a size; write it like '2GB' or '512MiB'.")
        value = float(match[1]) * (BINARY_UNITS if match[3] else UNITS)[match[2]]
    if not 0 <= value < float("inf"):
        raise BadInput(f"{name}={value!r} is not a size; write it like '2GB'.")
    return int(value)


def format_bytes(n: float) -> str:
    """Decimal bytes with two or three digits.

    >>> format_bytes(1_234_000_000), format_bytes(640), format_bytes(150e6)
    ('1.23 GB', '640 B', '150 MB')
    """
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(n) >= size:
            shown = n / size
            return f"{shown:.0f} {unit}" if shown >= 100 else f"{shown:.3g} {unit}"
    return f"{n:.0f} B"


# Who runs scans in other processes, by name: the module whose `crew` makes it. An address begins
# with the name ("dask://host:8786"), and objects of the library below are known by their class.
CREWS = {"processes": "onebox.parallel.crew", "dask": "onebox.executors.dask"}
LIBRARIES = {"distributed": "dask"}


@runtime_checkable
class Elsewhere(Protocol):
    """Runs tasks in other processes, as an `onebox.executors.Crew` does; it stands above this layer."""

    n_workers: int
    maps_memory: bool
    folds: bool


@runtime_checkable
class Cache(Protocol):
    """A cache of results, as `onebox.Memory` is one; it stands above this layer."""

    folder: Path


@dataclass(frozen=True)
class Settings:
    """One layer of configuration; None means not set on this layer."""

    memory: int | None = None
    n_jobs: int | None = None
    executor: Any = None
    cache: Path | Cache | None = None
    disk: int | None = None
    progress: bool | Callable[[Any], None] | None = None
    verify: Verify | None = None

    @property
    def cache_folder(self) -> Path | None:
        """Where indexes and spilled blocks go, if that has been said."""
        if self.cache is None or isinstance(self.cache, Path):
            return self.cache
        return self.cache.folder / "scratch"

    @property
    def summaries(self) -> Cache | None:
        """Where summaries of what has been read are kept, if anywhere."""
        return None if isinstance(self.cache, Path) else self.cache

    def over(self, below: Settings) -> Settings:
        """Return this layer where it says something, `below` where it does not."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(below, **{name: v for name, v in said.items() if v is not None})


# Plain calls add to the first, ``with`` blocks to the second, which every thread has its own of.
_process: list[Settings] = []
_context: ContextVar[tuple[Settings, ...]] = ContextVar("onebox_config", default=())


def settings_in_force() -> Settings:
    """Return what has been set, without the defaults: the layer that a lazy Dataset remembers."""
    said = Settings()
    for layer in (*_process, *_context.get()):
        said = layer.over(said)
    return said


def resolve(remembered: Settings | None = None) -> Settings:
    """Every field filled in: the current settings over the remembered ones over the defaults."""
    return settings_in_force().over(remembered or Settings()).over(_defaults())


def _defaults() -> Settings:
    env = os.environ
    memory, disk, cache = env.get("ONEBOX_MEMORY"), env.get("ONEBOX_DISK"), env.get("ONEBOX_CACHE")
    progress = env.get("ONEBOX_PROGRESS")
    n_jobs = env.get("ONEBOX_N_JOBS")
    return Settings(
        memory=_memory(memory, "ONEBOX_MEMORY") if memory else None,
        n_jobs=_jobs(n_jobs, "ONEBOX_N_JOBS") if n_jobs else _cores_at(_half_seconds()),
        executor=_executor(env.get("ONEBOX_EXECUTOR") or "threads", "ONEBOX_EXECUTOR"),
        cache=Path(cache) if cache else None,
        disk=parse_bytes(disk, "ONEBOX_DISK") if disk else None,
        progress=None if progress is None else progress.lower() not in ("0", "no", "false", ""),
        verify=_verify(env["ONEBOX_VERIFY"], "ONEBOX_VERIFY") if env.get("ONEBOX_VERIFY") else None,
    )


def memory_budget(settings: Settings) -> int:
    """Return the budget in bytes: what was asked, else three quarters of what is free now."""
    return settings.memory or _memory_at(_half_seconds()) * 3 // 4


# The machine is asked twice a second at the most: it takes longer to answer than a fit of a
# thousand rows.


@lru_cache(maxsize=1)
def _memory_at(half_second: int) -> int:
    return available_memory()


@lru_cache(maxsize=1)
def _cores_at(half_second: int) -> int:
    return available_cores()


def _half_seconds() -> int:
    return int(time.monotonic() * 2)


def _memory(value: int | float | str, name: str = "memory") -> int:
    size = parse_bytes(value, name)
    if not size:
        raise BadInput(f"{name}={value!r} must be larger than zero; write it like '2GB'.")
    return size


def _jobs(value: int | str, name: str = "n_jobs") -> int:
    try:
        count = int(value)
    except (ValueError, TypeError):
        raise BadInput(f"{name}={value!r} is not a number of workers.") from None
    if count == -1:
        return available_cores()
    if count < 1:
        raise BadInput(f"{name}={value!r} must be 1 or more, or -1 for every core.")
    return count


def _executor(value: Any, name: str = "executor") -> Any:
    known = isinstance(value, Executor | Elsewhere) or value in ("threads", "serial")
    if not (known or crew_name(value)):
        raise BadInput(
            f"{name}={value!r} is not known; use 'threads', 'processes', 'serial', "
            "'dask://host:8786', a dask.distributed.Client, or an object with the interface of "
            "concurrent.futures.Executor."
        )
    return value


def crew_name(executor: object) -> str | None:
    """Under which name it is known who runs scans in other processes; None for all else."""
    if isinstance(executor, str):
        name = executor.partition("://")[0]
        return name if name in CREWS else None
    return LIBRARIES.get(type(executor).__module__.partition(".")[0])


def _cache(value: str | os.PathLike[str] | Cache) -> Path | Cache:
    if isinstance(value, str | os.PathLike):
        return Path(value)
    if isinstance(value, Cache):
        return value
    raise BadInput(
        f"cache={value!r} is neither a folder nor a Memory. Write ob.config(cache=ob.Memory('.onebox'))."
    )


def _verify(value: str, name: str = "verify") -> Verify:
    if value == "times" or value == "content":
        return value  # type: ignore[return-value] # mypy does not narrow str by ==
    raise BadInput(f"{name}={value!r} is not known; use 'times' or 'content'.")


class config:  # noqa: N801 (used like a function and like a context manager)
    """Say how to run: never what comes out.

    As a plain call it holds for the whole process; in a ``with`` it holds inside the block.

    Parameters
    ----------
    memory : int or str
        What a run may add to the process, e.g. ``"2GB"``. Default: three quarters of what is free,
        the limits of a container respected.
    n_jobs : int
        Worker threads; -1 for every core (the default).
    executor : {"threads", "processes", "serial"}, an address, a client or an executor
        Where scans run: every fit, and all that describes data. "serial" runs them in the caller, so
        that ``breakpoint()`` works. ``"dask://host:8786"`` and a ``dask.distributed.Client`` stand
        for a cluster; anything with the interface of ``concurrent.futures.Executor`` will do, and
        so will an `onebox.executors.Crew`.
    cache : Memory or path
        A `Memory` keeps a summary of all that is read: the next fit of the same kind reads only
        what is new, and one that was killed goes on. A path is only the folder for indexes and
        spilled blocks.
    disk : int or str
        What may be spilled to the cache folder; blocks that do not fit are read anew in every pass.
        Default: half of what is free there.
    progress : bool or callable
        Show progress bars (default: in terminals and notebooks), or hand events to a function.
    verify : {"times", "content"}
        How a cache tells that a file is still the one that was read: by its size, its time of last
        change (ns) and its footer (the default), or by a hash of all its bytes, which takes reading
        them, but not decoding.

    Examples
    --------
    >>> import onebox as ob
    >>> with ob.config(memory="2GB", n_jobs=2):
    ...     ob.get_config().memory
    2000000000
    """

    def __init__(
        self,
        *,
        memory: int | float | str | None = None,
        n_jobs: int | None = None,
        executor: Any = None,
        cache: str | os.PathLike[str] | Cache | None = None,
        disk: int | float | str | None = None,
        progress: bool | Callable[[Any], None] | None = None,
        verify: str | None = None,
    ) -> None:
        self._asked = Settings(
            memory=None if memory is None else _memory(memory),
            n_jobs=None if n_jobs is None else _jobs(n_jobs),
            executor=None if executor is None else _executor(executor),
            cache=None if cache is None else _cache(cache),
            disk=None if disk is None else parse_bytes(disk, "disk"),
            progress=progress,
            verify=None if verify is None else _verify(verify),
        )
        _process.append(self._asked)

    def __enter__(self) -> Settings:
        # From here on it holds inside the block only. Compared by identity: equal ones are not it.
        for i, layer in enumerate(_process):
            if layer is self._asked:
                del _process[i]
                break
        _context.set((*_context.get(), self._asked))
        return resolve()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _context.set(_context.get()[:-1])


def get_config() -> Settings:
    """Return the settings in force, defaults filled in (`memory`, `disk`: None when not limited)."""
    return resolve()
