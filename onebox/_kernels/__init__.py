"""Compiled loops: serial, no GIL, no allocation, no Python objects; they write into ``out``.

One module is no loop: `placement` has numpy make arrays in memory that is offered for them.

Every kernel module is compiled twice: for any processor (``baseline``) and, on x86-64, for
processors with AVX2 and FMA (``v3``). The better one that this machine runs is picked here, and
``from onebox._kernels import moments`` hands it out. ``ONEBOX_SIMD=baseline`` forces the portable
one, ``ONEBOX_SIMD=v3`` insists on the fast one. Modules load on first use, because two of them
need scipy's BLAS, which is slow to import.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

try:
    from onebox._kernels.baseline.cpu import supports_v3
except ModuleNotFoundError:
    raise ImportError(
        f"onebox was imported from {os.path.dirname(os.path.dirname(__file__))}, which is a source "
        "folder without compiled kernels. Start Python in another folder to use the installed one, "
        "or compile them in place with `pip install -e .`."
    ) from None

MODULES = (
    "all_pairs",
    "bounded",
    "distinct",
    "edges",
    "entries",
    "forest",
    "gram",
    "graph_linkage",
    "graph_ward",
    "histogram",
    "kmeans",
    "layout",
    "moments",
    "nearest",
    "nearest_two",
    "octaves",
    "pair_chain",
    "placement",
    "prim",
    "records",
    "sampling",
    "signs",
    "sparse_kmeans",
    "svmlight",
    "ward_chain",
)


def available_levels() -> tuple[str, ...]:
    """List the SIMD levels that are built and that this processor runs, lowest first."""
    has_v3 = supports_v3() and find_spec("onebox._kernels.v3.layout") is not None
    return ("baseline", "v3") if has_v3 else ("baseline",)


def choose_level(requested: str, available: tuple[str, ...]) -> str:
    """Settle the SIMD level from ``ONEBOX_SIMD`` (empty for the best one)."""
    if not requested:
        return available[-1]
    if requested not in ("baseline", "v3"):
        raise ImportError(
            f"ONEBOX_SIMD is {requested!r}; it can be 'baseline' or 'v3'. "
            "Unset it to use the best level that this processor runs."
        )
    if requested not in available:
        raise ImportError(
            f"ONEBOX_SIMD is {requested!r}, but only {', '.join(available)} is available: this "
            "processor lacks AVX2, FMA or BMI, or onebox was built without that level. "
            "Unset ONEBOX_SIMD or set it to 'baseline'."
        )
    return requested


simd_level: str = choose_level(os.environ.get("ONEBOX_SIMD", ""), available_levels())


def __getattr__(name: str) -> ModuleType:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{simd_level}.{name}")
    sys.modules[f"{__name__}.{name}"] = module
    globals()[name] = module
    return module
