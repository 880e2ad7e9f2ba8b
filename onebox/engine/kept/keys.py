"""What a kept summary was made of, as a key.

Three parts. The *recipe*: the aggregates, the steps that rows go through, the columns and their
types, the cuts, and the machine that computes. The *place*: which rows of which file. The *version*
of the file. Other files, the order of files and the number of workers are in none of them.
"""

from __future__ import annotations

import hashlib
import pickle
import platform
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from onebox._kernels import simd_level
from onebox.aggregates.aggregate import Aggregate, parts_of
from onebox.data.partition import Unit
from onebox.data.steps import Assign, Filter, Map
from onebox.data.steps.chain import Chain
from onebox.data.view import View
from onebox.memory.code import fingerprint
from onebox.memory.keys import key_of
from onebox.persistence.names import is_own, name_of, own_version
from onebox.storage.hashing import hash_array, hash_bytes

VERSION = 2
"""Raised when entries of an older onebox must not be used."""


def recipe_key(view: View, aggregates: Sequence[Aggregate[Any]]) -> str:
    """Key of all that a unit's summaries depend on but its rows.

    Raises
    ------
    WrongType
        When a step or an aggregate holds something that has no key.
    """
    parts = [part for aggregate in aggregates for part in parts_of(aggregate)]
    schema, columns = view.source.schema, view.source_columns
    about = {
        "version": VERSION,
        "machine": machine_key(),
        "aggregates": [aggregate_key(part) for part in parts],
        "columns": pa.schema([schema.field(name) for name in columns]),
        "named": view.source.named,
        "features": chain_key(view.features),
        "target": _role_key(view.target),
        "target_ndim": view.target_ndim,
        "weight": _role_key(view.weight),
        "drop_missing": view.drop_missing,
        "rows_per_block": view.layout.rows_per_block,
        "schema": [str(kind) for kind in view.schema.kinds],
    }
    return key_of(about, key_of_code=_code_key)


def aggregate_key(aggregate: Aggregate[Any]) -> list[object]:
    """Key of an aggregate: its class, version and parameters; of one of the user's, also its code."""
    kind = type(aggregate)
    code = "" if is_own(kind.__module__) else _code_key(kind)
    return [name_of(kind), kind.version, code, key_of(aggregate, key_of_code=_code_key)]


def chain_key(chain: Chain) -> list[object]:
    """Keys of the steps that rows go through, functions by their code."""
    return [_step_key(step) for step in chain]


def _step_key(step: Any) -> object:
    name = name_of(type(step))
    if isinstance(step, Filter):
        return [name, pickle.dumps(step.expression)]  # its text leaves parts of long lists out
    if isinstance(step, Map):
        return [name, _function_key(step.function), step.after, step.takes_missing]
    if isinstance(step, Assign):
        return [name, step.name, _function_key(step.function), step.type]
    return [name, key_of(step, key_of_code=_code_key)]


def _function_key(function: Any) -> str:
    if is_own(
        type(function).__module__
    ):  # a model's step: a function of onebox and what it learned
        return key_of(function, key_of_code=_code_key)
    return _code_key(function)


def _role_key(role: Chain | NDArray[Any] | None) -> object:
    if isinstance(role, np.ndarray):
        return ["array", role.dtype.str, role.shape[1:]]
    return None if role is None else chain_key(role)


def _code_key(function: Any) -> str:
    return fingerprint(function, key_of=value_key).key


def value_key(value: object) -> str:
    """Key of any value, functions and classes by their code."""
    return key_of(value, key_of_code=_code_key)


@lru_cache(maxsize=1)
def machine_key() -> str:
    """Key of what can change the last bits of a sum: kernels, BLAS, libraries, the processor's kind."""
    blas = sorted(
        f"{one.get('internal_api')} {one.get('version')} {one.get('architecture')}"
        for one in threadpool_info()
        if one.get("user_api") == "blas"
    )
    core: Any = getattr(np, "_core", None)
    features = getattr(getattr(core, "_multiarray_umath", None), "__cpu_features__", {})
    about = [
        str(VERSION), own_version(), simd_level, _kernel_build(), np.__version__, scipy.__version__,
        pa.__version__, platform.machine(), *blas, *sorted(n for n, has in features.items() if has),
    ]  # fmt: skip
    return hash_bytes("\0".join(about).encode())


def machine_name() -> str:
    """What `machine_key` stands for, in a few words for people."""
    return (
        f"onebox {own_version()} with {simd_level} kernels (numpy {np.__version__}, scipy "
        f"{scipy.__version__}, pyarrow {pa.__version__}, {machine_key()[:8]})"
    )


def _kernel_build() -> str:
    """Hash of the compiled kernels in use."""
    folder = Path(str(sys.modules["onebox._kernels"].__file__)).parent / simd_level
    state = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.iterdir()):
        if path.suffix in (".so", ".pyd"):
            state.update(path.read_bytes())
    return state.hexdigest()


def place_key(view: View, unit: Unit) -> str:
    """Key of a unit's rows: where they are in their file, and what is paired with them from memory.

    What a longer file of the same beginning changes is left out, so that units before the growing
    end keep their keys.
    """
    span = unit.span
    edges = tuple(edge - unit.start if edge >= 0 else -1 for edge in unit.edges)
    length = () if span.seekable else (span.n_rows, span.nbytes)
    about = (span.file, span.index, span.first_row, *length, unit.start, unit.stop, edges)
    paired = [
        _rows_key(role, unit) for role in (view.target, view.weight) if isinstance(role, np.ndarray)
    ]
    return hash_bytes(f"{about!r} {paired!r}".encode())


def _rows_key(role: NDArray[Any], unit: Unit) -> str:
    first = unit.global_row or 0
    rows = role[first:] if unit.n_rows is None else role[first : first + unit.n_rows]
    return key_of(rows) if rows.dtype == object else hash_array(rows)


def unit_key(recipe: str, place: str, version: str) -> bytes:
    """Key of a unit's summaries: 16 bytes."""
    return bytes.fromhex(hash_bytes(f"{recipe} {place} {version}".encode()))
