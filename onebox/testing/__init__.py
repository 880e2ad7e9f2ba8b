"""The laws that everything built on onebox obeys, as functions to call in tests."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onebox.testing.aggregates import check_aggregate
    from onebox.testing.estimators import check_onebox_estimator

_HOMES = {
    "check_aggregate": "onebox.testing.aggregates",
    "check_onebox_estimator": "onebox.testing.estimators",
}

__all__ = ["check_aggregate", "check_onebox_estimator"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
