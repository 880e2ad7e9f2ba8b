"""Statistical learning for data larger than memory, on one machine.

The public names are loaded when they are first used, so that ``import onebox`` costs little.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from onebox.aggregates import join
    from onebox.base import fingerprint, fit
    from onebox.config import config, get_config
    from onebox.dataset import Dataset, aggregate, concat, dataset
    from onebox.describe import describe
    from onebox.engine.accuracy.target import Absolute, Relative
    from onebox.memory import Memory
    from onebox.parallel.pmap import pmap
    from onebox.persistence import load, save

_HOMES = {
    "Absolute": "onebox.engine.accuracy.target",
    "Dataset": "onebox.dataset",
    "Memory": "onebox.memory",
    "Relative": "onebox.engine.accuracy.target",
    "aggregate": "onebox.dataset",
    "concat": "onebox.dataset",
    "config": "onebox.config",
    "dataset": "onebox.dataset",
    "describe": "onebox.describe",
    "fingerprint": "onebox.base",
    "fit": "onebox.base",
    "get_config": "onebox.config",
    "join": "onebox.aggregates",
    "load": "onebox.persistence",
    "pmap": "onebox.parallel.pmap",
    "save": "onebox.persistence",
}

__all__ = [
    "Absolute",
    "Dataset",
    "Memory",
    "Relative",
    "aggregate",
    "concat",
    "config",
    "dataset",
    "describe",
    "fingerprint",
    "fit",
    "get_config",
    "join",
    "load",
    "pmap",
    "save",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        try:  # onebox.linear_model and the like, without an import of their own
            return importlib.import_module(f"onebox.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"onebox.{name}":
                raise
            raise AttributeError(f"module 'onebox' has no attribute {name!r}") from None
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(types.ModuleType):
    """A package whose submodules do not take the place of the public functions of the same name.

    Importing ``onebox.config`` would otherwise put the module where ``ob.config(...)`` belongs.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
