"""Random numbers as a function of (key, row): no state, so any order of reading draws alike."""

import cython
from cython.cimports.libc.stdint import int64_t, uint64_t
from cython.cimports.onebox._kernels.pure.mixing import draw64, mix64


def row_hashes(key: uint64_t, first_row: int64_t, out: uint64_t[::1]):
    """Write the random numbers of rows first_row, first_row + 1, ... under `key`."""
    mixed_key: uint64_t = mix64(key)
    first: uint64_t = first_row
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(out.shape[0]):
            out[i] = draw64(mixed_key, first + cython.cast(uint64_t, i))


def row_hashes_at(key: uint64_t, rows: cython.const[int64_t][::1], out: uint64_t[::1]):
    """Write the random numbers of `rows` under `key`."""
    if rows.shape[0] != out.shape[0]:
        raise ValueError("row_hashes_at: one number a row")
    mixed_key: uint64_t = mix64(key)
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(out.shape[0]):
            out[i] = draw64(mixed_key, cython.cast(uint64_t, rows[i]))


def mix(key: uint64_t, hashes: cython.const[uint64_t][::1], out: uint64_t[::1]):
    """Write random numbers of values, given by their hashes, under `key`."""
    if hashes.shape[0] != out.shape[0]:
        raise ValueError("mix: one number a hash")
    mixed_key: uint64_t = mix64(key)
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(out.shape[0]):
            out[i] = draw64(mixed_key, hashes[i])
