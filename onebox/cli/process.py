"""The process as ours: what it has taken, what a run may still take, and what keeps it small.

As a library onebox changes nothing of the process that it is imported into. A command is a process
of its own, started for one job: here libraries that would only take memory are kept out, and the
allocator gives back what is freed.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.machinery
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import onebox as ob
from onebox.cli.options import Keeping, Resources
from onebox.config import format_bytes
from onebox.engine.report import resident_bytes
from onebox.errors import NotEnoughMemory

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


class _NoPandas:
    """An import hook that knows no pandas.

    scikit-learn imports pandas wherever it is installed, for frames that no command ever sees.
    """

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name == "pandas" or name.startswith("pandas."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def keep_small() -> None:
    """Make the process one that takes little and gives back; before anything heavy is imported."""
    sys.meta_path.insert(0, _NoPandas)
    # Arrow's own pool keeps what is freed: the next step of a pipeline would find it taken.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    mallopt = _from_libc("mallopt")
    if mallopt is not None:
        # One arena: what one thread frees, another takes. Thresholds of 256 kB give back still
        # sooner, and cost a third of the time in page faults.
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, 8 * 2**20)
        mallopt(_TRIM_THRESHOLD, 16 * 2**20)


def give_back() -> None:
    """Return what is free within the process to the system."""
    gc.collect()
    trim = _from_libc("malloc_trim")
    if trim is not None:
        trim(0)


def peak_bytes() -> int:
    """Tell the most that this process has ever had resident; 0 where the system does not know."""
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def late(module: str) -> Any:
    """Import a part of the command line that is heavy: when a command runs, not for ``--help``."""
    return importlib.import_module(f"onebox.cli.{module}")


@contextmanager
def bounded(how: Resources, keeping: Keeping = Keeping()) -> Iterator[None]:  # noqa: B008 (frozen)
    """Run within what is left of ``--memory`` now that everything a command needs is imported.

    What is read is kept in the cache, if there is one.

    Raises
    ------
    NotEnoughMemory
        When nothing is left, or what is left does not do.
    """
    give_back()
    taken, limit = resident_bytes(), how.memory_bytes
    if limit is not None and limit <= taken:
        raise NotEnoughMemory(
            f"--memory {how.memory} bounds the whole process, and the program and its libraries "
            f"take {format_bytes(taken)} before a row is read. Raise --memory."
        )
    left = None if limit is None else limit - taken
    cache = None if keeping.cache is None else ob.Memory(keeping.cache)
    progress = False if how.quiet else None
    with ob.config(
        memory=left, n_jobs=how.jobs, progress=progress, cache=cache, verify=keeping.verify
    ):
        try:
            yield
        except NotEnoughMemory as error:
            if left is not None:
                error.add_note(
                    f"--memory {how.memory} bounds the whole process: {format_bytes(taken)} are "
                    f"taken by the program and its libraries, {format_bytes(left)} are left to run"
                )
            raise


def _from_libc(name: str) -> Any:
    """Find a function of the C library; None where it has no such function."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None
