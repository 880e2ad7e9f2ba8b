"""How to run: memory, cores, disk, progress. Nothing in here ever changes an answer.

Three layers, the nearest wins: what the current ``ob.config`` sets, what was in force when a lazy
Dataset was made, and the defaults (environment variables ``ONEBOX_MEMORY``, ``ONEBOX_N_JOBS``,
``ONEBOX_EXECUTOR``, ``ONEBOX_CACHE``, ``ONEBOX_DISK``, ``ONEBOX_PROGRESS``, then what the machine has).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import ContextVar, Token
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from onebox.errors import BadInput

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
BINARY_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def parse_bytes(value: int | float | str, name: str = "memory") -> int:
    """Turn ``"2GB"``, ``"512 MiB"`` or a number into bytes.

    >>> parse_bytes("2GB"), parse_bytes("1.5 GiB"), parse_bytes(1000)
    (2000000000, 1610612736, 1000)
    """
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([0-9.]+)\s*([kmgt]?)(i?)b?\s*", value.lower())
        if match is None or match[1].count(".") > 1 or (match[3] and not match[2]):
            raise BadInput(f"{name}={value!r} is not a size; write it like '2GB' or '512MiB'.")
        value = float(match[1]) * (BINARY_UNITS if match[3] else UNITS)[match[2]]
    if not value > 0:
        raise BadInput(f"{name}={value!r} must be larger than zero; write it like '2GB'.")
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


@dataclass(frozen=True)
class Settings:
    """One layer of configuration; None means not set on this layer."""

    memory: int | None = None
    n_jobs: int | None = None
    executor: str | Executor | None = None
    cache: Path | None = None
    disk: int | None = None
    progress: bool | Callable[[Any], None] | None = None

    def over(self, below: Settings) -> Settings:
        """This layer where it says something, `below` where it does not."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(below, **{name: v for name, v in said.items() if v is not None})


_process = Settings()
_context: ContextVar[Settings] = ContextVar("onebox_config", default=Settings())


def settings_in_force() -> Settings:
    """What has been set here, without the defaults: the layer that a lazy Dataset remembers."""
    return _context.get().over(_process)


def resolve(remembered: Settings = Settings()) -> Settings:  # noqa: B008 (frozen)
    """Every field filled in: the current settings over the remembered ones over the defaults."""
    return settings_in_force().over(remembered).over(_defaults())


def _defaults() -> Settings:
    env = os.environ
    memory, disk, cache = env.get("ONEBOX_MEMORY"), env.get("ONEBOX_DISK"), env.get("ONEBOX_CACHE")
    progress = env.get("ONEBOX_PROGRESS")
    return Settings(
        memory=parse_bytes(memory, "ONEBOX_MEMORY") if memory else None,
        n_jobs=_checked_jobs(env.get("ONEBOX_N_JOBS") or available_cores()),
        executor=env.get("ONEBOX_EXECUTOR") or "threads",
        cache=Path(cache) if cache else None,
        disk=parse_bytes(disk, "ONEBOX_DISK") if disk else None,
        progress=None if progress is None else progress.lower() not in ("0", "no", "false", ""),
    )


def memory_budget(settings: Settings) -> int:
    """The budget in bytes: what was asked, else three quarters of what is free now."""
    return settings.memory or available_memory() * 3 // 4


def available_cores() -> int:
    """Cores this process may use: its affinity, and its container's quota (cgroup v2)."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, max(1, int(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return cores


def available_memory() -> int:
    """Bytes that can be had without swapping: the machine's, and the container's (cgroup v2)."""
    free = _machine_memory()
    try:
        folder = Path("/sys/fs/cgroup")
        limit = (folder / "memory.max").read_text().strip()
        if limit != "max":
            free = min(free, int(limit) - int((folder / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return max(free, 64 * 2**20)


def _machine_memory() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        # macOS and others tell what they have, not what is free: assume half.
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return 4 * 10**9


def _checked_jobs(n_jobs: int | str) -> int:
    try:
        count = int(n_jobs)
    except ValueError:
        raise BadInput(f"n_jobs={n_jobs!r} is not a number of workers.") from None
    if count == -1:
        return available_cores()
    if count < 1:
        raise BadInput(f"n_jobs={n_jobs!r} must be 1 or more, or -1 for every core.")
    return count


class config:  # noqa: N801 (used like a function and like a context manager)
    """Say how to run: never what comes out.

    As a plain call it holds for the whole process; in a ``with`` it holds inside the block.

    Parameters
    ----------
    memory : int or str
        What a run may add to the process, e.g. ``"2GB"``. Default: three quarters of what is free.
    n_jobs : int
        Worker threads; -1 for every core (the default).
    executor : {"threads", "serial"} or concurrent.futures.Executor
        Where tasks run. "serial" runs them in the caller, so that ``breakpoint()`` works.
    cache : path
        Folder for indexes and spilled blocks.
    disk : int or str
        What may be spilled to the cache folder. Default: half of what is free there.
    progress : bool or callable
        Show progress bars (default: in terminals and notebooks), or hand events to a function.

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
        memory: int | str | None = None,
        n_jobs: int | None = None,
        executor: str | Executor | None = None,
        cache: str | os.PathLike[str] | None = None,
        disk: int | str | None = None,
        progress: bool | Callable[[Any], None] | None = None,
    ) -> None:
        if isinstance(executor, str) and executor not in ("threads", "serial"):
            raise BadInput(
                f"executor={executor!r} is not known; use 'threads', 'serial' or an object with "
                "the interface of concurrent.futures.Executor."
            )
        self._asked = Settings(
            memory=None if memory is None else parse_bytes(memory),
            n_jobs=None if n_jobs is None else _checked_jobs(n_jobs),
            executor=executor,
            cache=None if cache is None else Path(cache),
            disk=None if disk is None else parse_bytes(disk, "disk"),
            progress=progress,
        )
        global _process
        self._before = _process
        _process = self._asked.over(_process)
        self._token: Token[Settings] | None = None

    def __enter__(self) -> Settings:
        global _process
        _process = self._before
        self._token = _context.set(self._asked.over(_context.get()))
        return resolve()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._token is not None
        _context.reset(self._token)


def get_config() -> Settings:
    """The settings in force, defaults filled in (`memory` and `disk` stay None when not limited)."""
    return resolve()
