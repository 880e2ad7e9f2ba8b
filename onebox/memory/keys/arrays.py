"""What numpy's and scipy's objects consist of: arrays, scalars, dtypes, generators, sparse matrices.

The bytes of an array are hashed where they lie if they are in C order. Everything else is put into
C order piece by piece.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from onebox.memory.keys.encoding import Describe, Description, Raw, Unkeyable, name_of, runs
from onebox.storage.chunks import byte_chunks, flat_bytes

PIECE_BYTES = 1 << 20
USER_DEFINED = 256  # numbers of dtypes that other packages have registered
TILE = 64  # rows and columns: one side of a tile lies together in either order


def describe_array(value: npt.NDArray[Any]) -> Description:
    """Describe an array by dtype, shape and content; field by field, as padding does not count."""
    dtype = value.dtype
    named = dtype.num < USER_DEFINED and dtype.kind not in "VO"
    head: list[tuple[object, object]] = [
        ("dtype", dtype.str if named else dtype),
        ("shape", value.shape),
    ]
    if dtype.names is not None:
        plain = value.view(np.ndarray)
        fields = ((name, describe_array(plain[name])) for name in dtype.names)
        return Description("fields", chain(head, fields), "[{!r}]")
    if dtype.kind in "OT":
        items = value.ravel().tolist()
        return Description("objects", chain(head, runs(range(len(items)), items)), ".flat[{}]")
    return Description("array", [*head, ("data", Raw(_pieces(value)))])


def _pieces(array: npt.NDArray[Any]) -> Iterator[memoryview]:
    """Yield the bytes of an array in C order; a piece is valid until the next one."""
    if array.dtype.char in "gG":
        array = _without_padding(array)
    if array.flags.c_contiguous:
        yield flat_bytes(array)
    elif array.ndim > 1 and array.size and abs(array.strides[0]) < abs(array.strides[-1]):
        yield from _tiles(array)
    else:
        yield from byte_chunks(array, PIECE_BYTES)


def _tiles(array: npt.NDArray[Any]) -> Iterator[memoryview]:
    """Turn some rows at a time, tile by tile: going along them would miss the cache each time."""
    if array.ndim == 2:
        array = array[:, np.newaxis]
    row_bytes = array[0].nbytes
    n_rows = max(1, PIECE_BYTES // row_bytes, min(TILE, 16 * PIECE_BYTES // row_bytes))
    buffer = np.empty((n_rows, *array.shape[1:]), array.dtype)
    for start in range(0, len(array), n_rows):
        rows = array[start : start + n_rows]
        turned = buffer[: len(rows)]
        for column in range(0, array.shape[-1], TILE):
            at = slice(column, column + TILE)
            for second in range(array.shape[1]):
                turned[:, second, ..., at] = rows[:, second, ..., at]
        yield flat_bytes(turned)


def _without_padding(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Leave out the bytes beside the 80 bits of a long double, which are of no meaning."""
    real = array[..., np.newaxis].view(array.real.dtype)
    data = np.ascontiguousarray(real)[..., np.newaxis].view(np.uint8)
    return data[..., :10] if np.finfo(np.longdouble).nmant == 63 else data


def _describe_subclass(value: npt.NDArray[Any]) -> Description:
    parts = [
        ("class", name_of(type(value))),
        ("array", describe_array(value.view(np.ndarray))),
        ("__dict__", dict(getattr(value, "__dict__", {}))),
    ]
    return Description("array subclass", parts)


def _describe_masked(value: np.ma.MaskedArray[Any, Any]) -> Description:
    nothing: Any = np.zeros((), value.dtype)[()]
    parts = [
        ("class", name_of(type(value))),
        ("mask", describe_array(np.ma.getmaskarray(value))),
        ("data", describe_array(np.asarray(value.filled(nothing)))),
        ("fill_value", describe_array(np.asarray(value.fill_value))),
    ]
    return Description("masked", parts)


def _describe_scalar(value: np.generic) -> Description:
    if value.dtype.type is not type(value):
        raise Unkeyable("it is of a class that numpy does not know")
    return Description("scalar", [("value", describe_array(np.asarray(value)))])


def _describe_dtype(value: np.dtype[Any]) -> Description:
    if value.names is not None and value.fields is not None:
        fields = {name: tuple(value.fields[name]) for name in value.names}
        parts: Any = (tuple(value.names), fields, value.itemsize)
    elif value.subdtype is not None:
        parts = value.subdtype
    elif value.kind == "T":
        parts = (repr(value),)
    else:
        parts = (value.str, name_of(value.type) if value.num >= USER_DEFINED else "")
    return Description("dtype", [("parts", parts)])


def _describe_ufunc(value: np.ufunc) -> Description:
    name = value.__name__
    for module in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(module), name, None) is value:
            return Description("ufunc", [("name", f"{module}.{name}")])
    raise Unkeyable("it is a ufunc of neither numpy nor scipy")


def _describe_seeds(value: np.random.SeedSequence) -> Description:
    return Description("seeds", [("state", value.state)])


def _describe_bits(value: np.random.BitGenerator) -> Description:
    seeds = value.seed_seq if isinstance(value.seed_seq, np.random.SeedSequence) else None
    return Description("bits", [("seed_seq", seeds), ("state", dict(value.state))])


def _describe_generator(value: np.random.Generator) -> Description:
    return Description("generator", [("bit_generator", value.bit_generator)])


def _describe_random_state(value: np.random.RandomState) -> Description:
    return Description("random state", [("state", value.get_state(legacy=False))])


def _describe_sparse(value: Any) -> Description:
    """Describe a sparse matrix by its entries in one order, whatever order they are stored in."""
    head: list[tuple[object, object]] = [("class", name_of(type(value))), ("shape", value.shape)]
    if value.format == "bsr":
        head.append(("blocksize", value.blocksize))
    in_order = _compressed if value.format in ("csr", "csc") else _coordinates
    data, indexes = in_order(value)
    # scipy's own choice between them depends on how the matrix was made
    narrow = max((*value.shape, len(data))) <= np.iinfo(np.int32).max
    width = np.int32 if narrow else np.int64
    arrays = [describe_array(index.astype(width, copy=False)) for index in indexes]
    named = [(f"index {i}", array) for i, array in enumerate(arrays)]
    return Description("sparse", [*head, *named, ("data", describe_array(data))])


def _compressed(value: Any) -> tuple[npt.NDArray[Any], list[npt.NDArray[Any]]]:
    # a matrix of its own: what it finds out about its order is not written into the original
    parts = (value.data, value.indices, value.indptr)
    stored = type(value)(parts, shape=value.shape, copy=False)
    if not stored.has_canonical_format:
        stored = stored.copy()
        stored.sum_duplicates()
    n_stored = int(stored.indptr[-1])  # what lies beyond is spare room
    return stored.data[:n_stored], [stored.indptr, stored.indices[:n_stored]]


def _coordinates(value: Any) -> tuple[npt.NDArray[Any], list[npt.NDArray[Any]]]:
    stored = value.tocoo(copy=True)
    stored.has_canonical_format = False  # scipy would believe what it was told once
    stored.sum_duplicates()
    return stored.data, list(stored.coords)


BY_TYPE: dict[type, Describe] = {np.ndarray: describe_array, np.memmap: describe_array}
FAMILIES: list[tuple[type, Describe]] = [
    (np.ma.MaskedArray, _describe_masked),
    (np.ndarray, _describe_subclass),
    (np.generic, _describe_scalar),
    (np.dtype, _describe_dtype),
    (np.ufunc, _describe_ufunc),
    (np.random.SeedSequence, _describe_seeds),
    (np.random.BitGenerator, _describe_bits),
    (np.random.Generator, _describe_generator),
    (np.random.RandomState, _describe_random_state),
    (sp.sparray, _describe_sparse),
    (sp.spmatrix, _describe_sparse),
]
