"""Statistical learning for data larger than memory, on one machine.

The public names are loaded when they are first used, so that ``import onebox`` costs little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from onebox.aggregates import join
    from onebox.config import config, get_config
    from onebox.dataset import Dataset, aggregate, concat, dataset
    from onebox.describe import describe
    from onebox.persistence import load, save

_HOMES = {
    "Dataset": "onebox.dataset",
    "aggregate": "onebox.dataset",
    "concat": "onebox.dataset",
    "config": "onebox.config",
    "dataset": "onebox.dataset",
    "describe": "onebox.describe",
    "get_config": "onebox.config",
    "join": "onebox.aggregates",
    "load": "onebox.persistence",
    "save": "onebox.persistence",
}

__all__ = [
    "Dataset",
    "aggregate",
    "concat",
    "config",
    "dataset",
    "describe",
    "get_config",
    "join",
    "load",
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
    globals()[name] = value  # a submodule of the same name must not take its place later
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
