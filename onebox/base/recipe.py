"""What a model was made of: data, versions and the machine that computed, kept with the model."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import scipy
import sklearn

from onebox._kernels import simd_level
from onebox.data.steps import Rename, Select
from onebox.data.steps.chain import Chain
from onebox.data.view import View
from onebox.engine.kept import machine_key
from onebox.persistence.names import own_version

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Recipe:
    """What a model was made of, beside its parameters.

    Attributes
    ----------
    data : str
        What was read, in a few words.
    files : tuple of (str, str)
        Paths and fingerprints; none for what lay in memory.
    features, target : tuple of str
        Names of the columns.
    target_ndim : int
    steps : tuple of str
        What was done to the rows beyond choosing columns, and "merge" or "partial_fit" for a model
        that went on from another; empty when nothing was.
    drop_missing, weighted : bool
    versions : tuple of (str, str)
        Of onebox, Python and the libraries that compute.
    build : tuple of (str, str)
        Kernels and processor; "key" changes with anything that can change the last bits.
    where : str or None
        The filter of a model fitted by the command line, as it was written.
    """

    data: str
    files: Pairs
    features: tuple[str, ...]
    target: tuple[str, ...]
    target_ndim: int
    steps: tuple[str, ...]
    drop_missing: bool
    weighted: bool
    versions: Pairs
    build: Pairs
    where: str | None = None

    @classmethod
    def of(cls, view: View) -> Recipe:
        """That of a fit to a view."""
        source = view.source
        traces = [source.trace(file) for file in dict.fromkeys(s.file for s in source.spans())]
        files = tuple((trace.path, trace.fingerprint) for trace in traces if trace is not None)
        schema = view.schema
        return cls(
            data=source.describe(), files=files, features=schema.names,
            target=() if schema.target is None else tuple(schema.target.names),
            target_ndim=schema.target_ndim, steps=_steps(view), drop_missing=view.drop_missing,
            weighted=schema.weighted, versions=_versions(), build=_build(),
        )  # fmt: skip

    def joined(self, other: Recipe, how: str) -> Recipe:
        """That of a model which goes on from both; `how` is added to the steps."""
        return replace(
            self,
            files=tuple(dict.fromkeys((*self.files, *other.files))),
            steps=tuple(dict.fromkeys((*self.steps, *other.steps, how))),
            weighted=self.weighted or other.weighted,
        )

    def __onebox_key__(self) -> None:
        """Nothing: what a model has learned is what tells it from others."""


def _steps(view: View) -> tuple[str, ...]:
    chains = (view.features, view.target, view.weight)
    named = [name for chain in chains if isinstance(chain, tuple) for name in _names(chain)]
    paired = ["array"] * sum(isinstance(chain, np.ndarray) for chain in chains)
    return (*named, *paired)


def _names(chain: Chain) -> list[str]:
    return [type(step).__name__.lower() for step in chain if not isinstance(step, Select | Rename)]


@lru_cache(maxsize=1)
def _versions() -> Pairs:
    return (
        ("onebox", own_version()), ("python", platform.python_version()), ("numpy", np.__version__),
        ("scipy", scipy.__version__), ("pyarrow", pa.__version__),
        ("scikit-learn", sklearn.__version__),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _build() -> Pairs:
    return (
        ("kernels", simd_level), ("machine", platform.machine()), ("key", machine_key()),
    )  # fmt: skip


def recipe_of(model: Any) -> Recipe | None:
    """The recipe of a model, that of a pipeline from its first and last step; None without one."""
    steps = [step for _, step in getattr(model, "steps", [("", model)])]
    told = [getattr(step, "recipe_", None) for step in steps]
    found: list[Recipe] = [recipe for recipe in told if isinstance(recipe, Recipe)]
    if not found:
        return None
    first, last = found[0], found[-1]
    if first is last:
        return first
    whole = {**vars(first), "target": last.target, "target_ndim": last.target_ndim}
    return Recipe(**{**whole, "weighted": last.weighted})
