"""HyperLogLog registers (Flajolet et al., 2007) with 64-bit hashes, and hashes of strings.

The first bits of a hash choose a register, which keeps the greatest rank seen: one more than the
number of leading zeros in the bits that follow. Registers of two sets merge by their maximum.
"""

import cython
from cython.cimports.libc.stdint import int32_t, int64_t, uint8_t, uint64_t
from cython.cimports.libc.string import memcpy
from cython.cimports.onebox._kernels.pure.mixing import mix64
from cython.cimports.onebox._kernels.pure.words import leading_zeros, load_word


@cython.cfunc
def index_bits(n_registers: cython.Py_ssize_t) -> cython.int:
    if n_registers < 16 or n_registers > 1 << 24 or n_registers & (n_registers - 1):
        raise ValueError(f"registers: their number is a power of two from 16 on, not {n_registers}")
    return 63 - leading_zeros(cython.cast(uint64_t, n_registers))


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def note(hash_: uint64_t, bits: cython.int, registers: cython.pointer(uint8_t)) -> cython.void:
    register: uint64_t = hash_ >> (64 - bits)
    # The bit set behind the end bounds the rank.
    rest: uint64_t = (hash_ << bits) | (cython.cast(uint64_t, 1) << (bits - 1))
    rank: uint8_t = 1 + leading_zeros(rest)
    if rank > registers[register]:
        registers[register] = rank


def update_floats(x: cython.const[cython.floating][::1], registers: uint8_t[::1]):
    """Note the values of `x` but NaN; zeros are one value, float32 counts as float64."""
    bits: cython.int = index_bits(registers.shape[0])
    value: cython.double
    raw: uint64_t
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(x.shape[0]):
            value = x[i]
            if value != value:
                continue
            if value == 0:
                raw = 0
            else:
                memcpy(cython.address(raw), cython.address(value), 8)
            note(mix64(raw), bits, cython.address(registers[0]))


def update_int64(x: cython.const[int64_t][::1], registers: uint8_t[::1]):
    """Note the values of `x`."""
    bits: cython.int = index_bits(registers.shape[0])
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(x.shape[0]):
            note(mix64(cython.cast(uint64_t, x[i])), bits, cython.address(registers[0]))


def update_hashes(h: cython.const[uint64_t][::1], registers: uint8_t[::1]):
    """Note values given by their well mixed hashes."""
    bits: cython.int = index_bits(registers.shape[0])
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(h.shape[0]):
            note(h[i], bits, cython.address(registers[0]))


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def hash_bytes(text: cython.pointer(cython.const[uint8_t]), length: cython.Py_ssize_t) -> uint64_t:
    state: uint64_t = mix64(cython.cast(uint64_t, length) + 1)
    rest: uint64_t = 0
    i: cython.Py_ssize_t
    for i in range(0, length - 7, 8):
        state = mix64(state ^ load_word(text + i)) + 1
    for i in range(length & ~7, length):
        rest |= cython.cast(uint64_t, text[i]) << (8 * (i & 7))
    return mix64(state ^ rest)


def hash_strings32(
    offsets: cython.const[int32_t][::1], data: cython.const[uint8_t][::1], out: uint64_t[::1]
):
    """Hash the byte ranges offsets[i] .. offsets[i + 1] of `data`; the same on every machine."""
    if offsets.shape[0] != out.shape[0] + 1:
        raise ValueError("hash_strings32: one offset more than hashes")
    if out.shape[0] == 0:
        return
    if offsets[0] < 0 or offsets[out.shape[0]] > data.shape[0]:
        raise ValueError("hash_strings32: the offsets lead out of the data")
    text: cython.pointer(cython.const[uint8_t]) = cython.NULL
    if data.shape[0] > 0:
        text = cython.address(data[0])
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(out.shape[0]):
            out[i] = hash_bytes(text + offsets[i], offsets[i + 1] - offsets[i])


def hash_strings64(
    offsets: cython.const[int64_t][::1], data: cython.const[uint8_t][::1], out: uint64_t[::1]
):
    """Do as `hash_strings32` does, for large strings; equal bytes hash alike in both."""
    if offsets.shape[0] != out.shape[0] + 1:
        raise ValueError("hash_strings64: one offset more than hashes")
    if out.shape[0] == 0:
        return
    if offsets[0] < 0 or offsets[out.shape[0]] > data.shape[0]:
        raise ValueError("hash_strings64: the offsets lead out of the data")
    text: cython.pointer(cython.const[uint8_t]) = cython.NULL
    if data.shape[0] > 0:
        text = cython.address(data[0])
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(out.shape[0]):
            out[i] = hash_bytes(text + offsets[i], offsets[i + 1] - offsets[i])
