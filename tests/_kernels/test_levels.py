from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import onebox._kernels as kernels

REPORT = "import onebox._kernels as k; print(k.simd_level, k.layout.__name__)"


def run_with_level(level: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "ONEBOX_SIMD"}
    if level is not None:
        environment["ONEBOX_SIMD"] = level
    return subprocess.run(
        [sys.executable, "-P", "-c", REPORT], env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("level", kernels.available_levels())
def test_the_environment_chooses_the_level(level: str) -> None:
    ran = run_with_level(level)
    assert ran.stdout.split() == [level, f"onebox._kernels.{level}.layout"], ran.stderr


def test_the_best_level_is_the_default() -> None:
    assert run_with_level(None).stdout.split()[0] == kernels.available_levels()[-1]


def test_an_unknown_level_is_refused() -> None:
    ran = run_with_level("avx1024")
    assert ran.returncode != 0
    assert "ONEBOX_SIMD is 'avx1024'; it can be 'baseline' or 'v3'" in ran.stderr


def test_a_level_that_the_machine_lacks_is_refused() -> None:
    with pytest.raises(ImportError, match="only baseline is available"):
        kernels.choose_level("v3", ("baseline",))


def test_only_kernels_are_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'numpy'"):
        kernels.numpy  # noqa: B018


@pytest.mark.parametrize("name", kernels.MODULES)
def test_every_kernel_is_built_and_leaves_subnormals_alone(
    kernel: Callable[[str], Any], name: str
) -> None:
    assert kernel(name).__doc__
    assert np.float64(5e-324) * np.float64(1.0) > 0
