"""Between columns and rows: Arrow columns into a row-major table and back, and finiteness.

Tables travel through the caches in tiles of a few rows and eight columns, so that every cache
line is read once and written once, whatever the number of columns.
"""
# ruff: noqa: F821 (kind codes and fused types are declared in layout.pxd)

import cython
from cython.cimports.libc.math import NAN, isfinite, isnan
from cython.cimports.libc.stdint import (
    int8_t,
    int16_t,
    int32_t,
    int64_t,
    uint8_t,
    uint16_t,
    uint32_t,
    uint64_t,
    uintptr_t,
)
from cython.cimports.onebox._kernels.pure.transpose import transpose
from cython.cimports.onebox._kernels.pure.words import trailing_zeros


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def convert(
    source: cython.pointer(number),
    count: cython.Py_ssize_t,
    out: cython.pointer(cython.floating),
) -> cython.void:
    i: cython.Py_ssize_t
    for i in range(count):
        out[i] = source[i]


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def convert_kind(
    address: int64_t,
    kind: uint8_t,
    start: cython.Py_ssize_t,
    count: cython.Py_ssize_t,
    out: cython.pointer(cython.floating),
) -> cython.void:
    raw: uintptr_t = address
    if kind == FLOAT64:
        convert(cython.cast(cython.pointer(cython.double), raw) + start, count, out)
    elif kind == FLOAT32:
        convert(cython.cast(cython.pointer(cython.float), raw) + start, count, out)
    elif kind == INT8:
        convert(cython.cast(cython.pointer(int8_t), raw) + start, count, out)
    elif kind == INT16:
        convert(cython.cast(cython.pointer(int16_t), raw) + start, count, out)
    elif kind == INT32:
        convert(cython.cast(cython.pointer(int32_t), raw) + start, count, out)
    elif kind == INT64:
        convert(cython.cast(cython.pointer(int64_t), raw) + start, count, out)
    elif kind == UINT8:
        convert(cython.cast(cython.pointer(uint8_t), raw) + start, count, out)
    elif kind == UINT16:
        convert(cython.cast(cython.pointer(uint16_t), raw) + start, count, out)
    elif kind == UINT32:
        convert(cython.cast(cython.pointer(uint32_t), raw) + start, count, out)
    elif kind == UINT64:
        convert(cython.cast(cython.pointer(uint64_t), raw) + start, count, out)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def blank_nulls(
    bitmap: int64_t,
    first_bit: int64_t,
    count: cython.Py_ssize_t,
    out: cython.pointer(cython.floating),
) -> cython.void:
    """Put NaN where the validity bitmap, read from `first_bit` on, holds a zero.

    At most 64 values: their bits are gathered into one word, which is zero where nothing is null.
    """
    address: uintptr_t = bitmap
    validity: cython.pointer(uint8_t) = cython.cast(cython.pointer(uint8_t), address)
    validity += first_bit >> 3
    shift: cython.int = first_bit & 7
    n_bytes: cython.Py_ssize_t = (shift + count + 7) >> 3
    nulls: uint64_t = 0
    i: cython.Py_ssize_t
    for i in range(min(n_bytes, 8)):
        nulls |= cython.cast(uint64_t, validity[i]) << (8 * i)
    nulls >>= shift
    if n_bytes > 8:
        nulls |= cython.cast(uint64_t, validity[8]) << (64 - shift)
    nulls = ~nulls
    if count < 64:
        nulls &= (cython.cast(uint64_t, 1) << count) - 1
    while nulls != 0:
        out[trailing_zeros(nulls)] = NAN
        nulls &= nulls - 1


def pack(
    addresses: cython.const[int64_t][::1],
    kinds: cython.const[uint8_t][::1],
    bitmaps: cython.const[int64_t][::1],
    bit_offsets: cython.const[int64_t][::1],
    out: cython.floating[:, ::1],
):
    """Interleave raw columns into the rows of `out`; nulls become NaN.

    Column j holds ``out.shape[0]`` contiguous values of the kind ``kinds[j]`` from
    ``addresses[j]`` on; where ``bitmaps[j]`` is not 0 it is the address of an Arrow validity
    bitmap whose first bit is number ``bit_offsets[j]``.
    """
    n_rows: cython.Py_ssize_t = out.shape[0]
    n_columns: cython.Py_ssize_t = out.shape[1]
    if addresses.shape[0] != n_columns or kinds.shape[0] != n_columns:
        raise ValueError("pack: one address and one kind a column of out")
    if bitmaps.shape[0] != n_columns or bit_offsets.shape[0] != n_columns:
        raise ValueError("pack: one bitmap and one bit offset a column of out")
    for code in kinds:
        if code > UINT64:
            raise ValueError(f"pack: unknown kind {code}")
    if n_rows == 0 or n_columns == 0:
        return
    buffer: cython.floating[512]
    sources: uintptr_t[8]
    row: cython.Py_ssize_t
    column: cython.Py_ssize_t
    j: cython.Py_ssize_t
    height: cython.Py_ssize_t
    width: cython.Py_ssize_t
    plain: uint8_t = FLOAT32 if cython.sizeof(buffer[0]) == 4 else FLOAT64
    with cython.nogil:
        for row in range(0, n_rows, 64):
            height = min(n_rows - row, TILE_ROWS)
            for column in range(0, n_columns, 8):
                width = min(n_columns - column, TILE_COLUMNS)
                for j in range(width):
                    if kinds[column + j] == plain and bitmaps[column + j] == 0:
                        sources[j] = addresses[column + j] + row * cython.sizeof(buffer[0])
                        continue
                    sources[j] = cython.cast(uintptr_t, cython.address(buffer[j * TILE_ROWS]))
                    convert_kind(
                        addresses[column + j],
                        kinds[column + j],
                        row,
                        height,
                        cython.address(buffer[j * TILE_ROWS]),
                    )
                    if bitmaps[column + j] != 0:
                        blank_nulls(
                            bitmaps[column + j],
                            bit_offsets[column + j] + row,
                            height,
                            cython.address(buffer[j * TILE_ROWS]),
                        )
                transpose(
                    cython.address(sources[0]),
                    height,
                    width,
                    cython.address(out[row, column]),
                    n_columns,
                )


def unpack(X: cython.const[cython.floating][:, ::1], out: cython.floating[:, ::1]):
    """Write the transpose of `X`, of shape (n, p), into `out`, of shape (p, n)."""
    n_rows: cython.Py_ssize_t = X.shape[0]
    n_columns: cython.Py_ssize_t = X.shape[1]
    if out.shape[0] != n_columns or out.shape[1] != n_rows:
        raise ValueError("unpack: out needs the transposed shape of X")
    buffer: cython.floating[512]
    sources: uintptr_t[8]
    row: cython.Py_ssize_t
    column: cython.Py_ssize_t
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    height: cython.Py_ssize_t
    width: cython.Py_ssize_t
    with cython.nogil:
        for row in range(0, n_rows, 64):
            height = min(n_rows - row, TILE_ROWS)
            for column in range(0, n_columns, 8):
                width = min(n_columns - column, TILE_COLUMNS)
                # By way of a buffer: written straight to out, columns whose addresses agree in
                # their low bits, as those of 2^k rows do, push one another out of the cache.
                for i in range(0, height, 8):
                    for j in range(min(height - i, 8)):
                        sources[j] = cython.cast(uintptr_t, cython.address(X[row + i + j, column]))
                    transpose(
                        cython.address(sources[0]),
                        width,
                        min(height - i, 8),
                        cython.address(buffer[i]),
                        TILE_ROWS,
                    )
                for j in range(width):
                    for i in range(height):
                        out[column + j, row + i] = buffer[j * TILE_ROWS + i]


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def sum_values(
    values: cython.pointer(cython.const[cython.floating]), count: cython.Py_ssize_t
) -> cython.floating:
    """Sum: finite only if every value is; not the converse, because it can overflow.

    A sum vectorises, where a test of every value with an early exit does not. It is not a sum of
    x * 0, which compilers that may reorder sums take for zero.
    """
    total: cython.floating = 0
    i: cython.Py_ssize_t
    for i in range(count):
        total += values[i]
    return total


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def find_nonfinite(
    values: cython.pointer(cython.const[cython.floating]),
    count: cython.Py_ssize_t,
    allow_nan: cython.bint,
) -> cython.Py_ssize_t:
    i: cython.Py_ssize_t
    if isfinite(sum_values(values, count)):
        return -1
    for i in range(count):
        if not isfinite(values[i]) and not (allow_nan and isnan(values[i])):
            return i
    return -1


def first_nonfinite(X: cython.const[cython.floating][:, ::1], allow_nan: cython.bint):
    """Find the flat index of the first NaN or infinity, or -1; only infinity if `allow_nan`."""
    size: cython.Py_ssize_t = X.shape[0] * X.shape[1]
    if size == 0:
        return -1
    values: cython.pointer(cython.const[cython.floating]) = cython.address(X[0, 0])
    start: cython.Py_ssize_t
    found: cython.Py_ssize_t = -1
    with cython.nogil:
        for start in range(0, size, 4096):
            found = find_nonfinite(values + start, min(size - start, 4096), allow_nan)
            if found >= 0:
                found += start
                break
    return found


def mark_finite_rows(X: cython.const[cython.floating][:, ::1], keep: uint8_t[::1]):
    """Clear ``keep[i]`` where row i of `X` holds a NaN or an infinity."""
    n_rows: cython.Py_ssize_t = X.shape[0]
    n_columns: cython.Py_ssize_t = X.shape[1]
    if keep.shape[0] != n_rows:
        raise ValueError("mark_finite_rows: keep needs one entry a row of X")
    if n_rows == 0 or n_columns == 0:
        return
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(n_rows):
            if find_nonfinite(cython.address(X[i, 0]), n_columns, False) >= 0:
                keep[i] = 0
