"""Every kernel test runs once for each SIMD level that this machine has."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from onebox._kernels import available_levels


@pytest.fixture(scope="session", params=available_levels())
def kernel(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Return a function that imports a kernel module, by name, at the level under test."""
    return lambda name: import_module(f"onebox._kernels.{request.param}.{name}")
