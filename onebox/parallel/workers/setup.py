"""What a worker takes over from its parent before it loads a function: the same world."""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle

from onebox.config import Settings, config, settings_in_force
from onebox.parallel import share

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS", "RAYON_NUM_THREADS",
    ),
    "1",
)  # fmt: skip
"""Pools of threads that libraries open, each at one: workers are what the cores are for."""

Filter = tuple[str, str, Any, str, int]


@dataclass(frozen=True)
class Setup:
    """The parent's world at the moment of a call.

    Attributes
    ----------
    settings : Settings
        What `onebox.config` says, with the worker's share of memory and cores.
    cores : int
        That share: what the loops that a task runs may use.
    entropy : int or None
        What random generators are made from.
    folder : str or None
        The current one.
    path : list of str
        Where modules are found.
    environment : dict
    levels : dict
        Of loggers, by name; "" is the root.
    disabled : int
        What `logging.disable` was told.
    filters : list
        Of warnings.
    spare_bytes : int
        How much memory to keep for the results to come.
    """

    settings: Settings
    cores: int
    entropy: int | None
    folder: str | None
    path: list[str]
    environment: dict[str, str]
    levels: dict[str, int]
    disabled: int
    filters: list[Filter]
    spare_bytes: int

    @classmethod
    def here(cls, entropy: int | None, cores: int, memory: int) -> Setup:
        """Take it from this process."""
        folder = None
        with suppress(OSError):
            folder = os.getcwd()
        return cls(
            _portable(settings_in_force(), cores, memory), cores, entropy, folder,
            [str(entry) for entry in sys.path], dict(os.environ), _levels(),
            logging.root.manager.disable, _filters(), memory // 8,
        )  # fmt: skip

    def apply(self, stack: ExitStack) -> None:
        """Take it over; what ends with the call is put on the stack."""
        sys.path[:] = self.path
        with suppress(OSError):
            if self.folder is not None:
                os.chdir(self.folder)
        _take_environment({**self.environment, **ONE_THREAD, "LOKY_MAX_CPU_COUNT": str(self.cores)})
        share.give(self.cores)
        said = self.settings
        stack.enter_context(
            config(
                memory=said.memory, n_jobs=said.n_jobs, executor=said.executor, cache=said.cache,
                disk=said.disk, progress=said.progress, verify=said.verify,
            )
        )  # fmt: skip
        for logger, level in self.levels.items():
            logging.getLogger(logger or None).setLevel(level)
        logging.disable(self.disabled)
        _take_filters(self.filters)


def _portable(settings: Settings, cores: int, memory: int) -> Settings:
    executor = settings.executor if isinstance(settings.executor, str) else None
    cache = settings.cache
    try:
        cloudpickle.dumps(cache)
    except Exception:  # of a kind that stays in its process
        cache = None
    return replace(
        settings, memory=memory, n_jobs=cores, executor=executor, cache=cache, progress=False
    )


def _take_environment(wanted: dict[str, str]) -> None:
    # What differs only: each variable takes the system its time, and a new worker is in a hurry.
    found = dict(os.environ)
    for name in found.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if found.get(name) != value:
            os.environ[name] = value


def _levels() -> dict[str, int]:
    levels = {"": logging.root.level}
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and logger.level:
            levels[name] = logger.level
    return levels


def _filters() -> list[Filter]:
    # What to show once is for the caller to decide, who hears of all workers.
    filters = []
    for action, text, category, module, line in warnings.filters:
        action = action if action in ("error", "ignore", "always") else "default"
        filters.append((action, _pattern(text), category, _pattern(module), line))
    return filters


def _pattern(said: Any) -> str:
    if said is None:
        return ""
    return str(said.pattern) if isinstance(said, re.Pattern) else re.escape(said) + r"\Z"


def _take_filters(filters: list[Filter]) -> None:
    warnings.resetwarnings()
    for action, text, category, module, line in filters:
        warnings.filterwarnings(action, text, category, module, line, append=True)  # type: ignore[arg-type]
