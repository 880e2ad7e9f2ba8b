"""Filters: what is done to a frame before it is compressed, so that like bytes lie together.

A general compressor looks for repeated runs of bytes. The bytes of numbers repeat in other ways:
all exponents are alike, neighbours differ by little, a column takes few different values, what was
measured has few decimals. Each filter brings one of these out, and undoes itself exactly, bit by
bit, on any bytes.

A frame is a whole number of units: little-endian integers of 1, 2, 4 or 8 bytes. The filter for
decimals takes units of 4 and 8 bytes as floating-point numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

UNITS = (1, 2, 4, 8)
COUNT = struct.Struct("<I")
MOST_VALUES = 1 << 16  # of a dictionary: codes take two bytes
MOST_DECIMALS = 16
SPECIAL = {  # -0.0, and NaN as arithmetic makes it, with either sign
    4: (1 << 31, 0x7FC0 << 16, 0xFFC0 << 16),
    8: (1 << 63, 0x7FF8 << 48, 0xFFF8 << 48),
}
ARROW_UNITS = {1: pa.uint8(), 2: pa.uint16(), 4: pa.uint32(), 8: pa.uint64()}

Bytes = npt.NDArray[np.uint8]


def unit_of(dtype: np.dtype[Any]) -> int:
    """The bytes of one number in an array, as filters see it."""
    if dtype.kind not in "biufcmMU":
        return 1
    size = 4 if dtype.kind == "U" else dtype.itemsize // (2 if dtype.kind == "c" else 1)
    return size if size in UNITS else 8 if size % 8 == 0 and size else 1


def encode(name: str, frame: memoryview, unit: int) -> memoryview:
    """Apply a filter to a frame."""
    return FILTERS[name][0](np.frombuffer(frame, np.uint8), unit).data


def decode(name: str, data: memoryview, unit: int, out: memoryview) -> None:
    """Undo a filter, and write the frame to `out`.

    Raises
    ------
    ValueError
        The data are not what the filter makes of a frame of that size.
    """
    FILTERS[name][1](np.frombuffer(data, np.uint8), unit, np.frombuffer(out, np.uint8))


def longest(name: str, frame_bytes: int) -> int:
    """The most bytes that a filter makes of a frame."""
    return frame_bytes + {"dictionary": COUNT.size, "decimal": 2}.get(name, 0)


def _same(frame: Bytes, unit: int) -> Bytes:
    return frame


def _copy(data: Bytes, unit: int, out: Bytes) -> None:
    _require(len(data), len(out))  # numpy would repeat a single byte
    out[:] = data


def _shuffle(frame: Bytes, unit: int) -> Bytes:
    """All first bytes of the units, then all second ones, and so on."""
    return np.ascontiguousarray(frame.reshape(-1, unit).T).reshape(-1)


def _unshuffle(data: Bytes, unit: int, out: Bytes) -> None:
    _require(len(data), len(out))
    n_units = len(out) // unit
    for byte in range(unit):  # not one transposed copy: numpy takes three to ten times as long
        out[byte::unit] = data[byte * n_units : (byte + 1) * n_units]


def _delta(frame: Bytes, unit: int) -> Bytes:
    """Differences of neighbours, modulo 2 to the bits of a unit, shuffled."""
    numbers = frame.view(f"<u{unit}")
    steps = numbers.copy()
    steps[1:] -= numbers[:-1]
    return _shuffle(steps.view(np.uint8), unit)


def _undelta(data: Bytes, unit: int, out: Bytes) -> None:
    _unshuffle(data, unit, out)
    numbers = out.view(f"<u{unit}")
    np.add.accumulate(numbers, dtype=numbers.dtype, out=numbers)


def _dictionary(frame: Bytes, unit: int) -> Bytes:
    """The different values, in order of appearance, then a code for each unit.

    Codes are numbers of one byte, or of two when there are more than 256 values, shuffled. When
    that takes more bytes than the frame, the count of values is 0 and the frame follows as it is.
    """
    n_units = len(frame) // unit
    values = pa.Array.from_buffers(ARROW_UNITS[unit], n_units, [None, pa.py_buffer(frame)])
    # An early way out: a hash table of many different values is slow.
    head = values[: n_units // 16]
    if 4 * len(head.dictionary_encode().dictionary) <= 3 * len(head):
        found = values.dictionary_encode()
        n_values = len(found.dictionary)
        width = 1 if n_values <= 256 else 2
        if n_values <= MOST_VALUES and n_values * unit + n_units * width <= len(frame):
            table = np.frombuffer(found.dictionary.buffers()[1], np.uint8, n_values * unit)
            codes = np.frombuffer(found.indices.buffers()[1], np.int32, n_units)
            return np.concatenate([_count(n_values), table, *_planes(codes, width)])
    return np.concatenate([_count(0), frame])


def _undictionary(data: Bytes, unit: int, out: Bytes) -> None:
    if len(data) < COUNT.size:
        raise ValueError(f"{len(data)} bytes where a dictionary should be")
    (n_values,) = COUNT.unpack_from(data.data)
    rest = data[COUNT.size :]
    if n_values == 0:
        _copy(rest, unit, out)
        return
    width = 1 if n_values <= 256 else 2
    table, planes = rest[: n_values * unit].view(f"<u{unit}"), rest[n_values * unit :]
    codes = np.empty(len(out) // unit, f"<u{width}")
    _unshuffle(planes, width, codes.view(np.uint8))
    if len(codes) and codes.max() >= len(table):
        raise ValueError(f"code {codes.max()} in a dictionary of {len(table)} values")
    # not mode="raise", which goes by way of a copy
    np.take(table, codes, out=out.view(f"<u{unit}"), mode="clip")


def _decimal(frame: Bytes, unit: int) -> Bytes:
    """Integers that make the numbers when they are divided by a power of ten.

    A byte with the exponent, one with the bytes of an integer, and the integers, shuffled. The
    lowest three integers stand for `SPECIAL`. When there are other numbers among them, or the
    integers need more than four bytes, both bytes are 0 and the frame follows as it is.
    """
    if unit in SPECIAL:
        numbers = frame.view(f"<f{unit}")
        sample = numbers[:: max(1, len(numbers) // 512)]
        for exponent in range(MOST_DECIMALS):
            # what holds for the sample need not hold for all
            if _integers(sample, exponent) is None:
                continue
            integers = _integers(numbers, exponent)
            if integers is not None:
                width = integers.itemsize
                head = np.array([exponent, width], np.uint8)
                return np.concatenate([head, *_planes(integers, width)])
    return np.concatenate([np.zeros(2, np.uint8), frame])


def _integers(numbers: npt.NDArray[Any], exponent: int) -> npt.NDArray[Any] | None:
    """The integers behind decimals, if all numbers come back from them with the same bits."""
    scale, bits = float(10**exponent), numbers.view(f"<u{numbers.itemsize}")
    with np.errstate(all="ignore"):
        wide = np.multiply(numbers, scale, dtype=np.float64)
        np.rint(wide, out=wide)
        least, most = np.fmin.reduce(wide, initial=0), np.fmax.reduce(wide, initial=0)
        widths = (w for w in (1, 2, 4) if 3 - (1 << 8 * w - 1) <= least <= most < 1 << 8 * w - 1)
        width = next(widths, None)
        if width is None:
            return None
        integers = wide.astype(f"<i{width}")
        np.divide(integers, scale, out=wide)
        n_wrong = np.count_nonzero(wide.astype(numbers.dtype, copy=False).view(bits.dtype) != bits)
    for code, special in enumerate(SPECIAL[numbers.itemsize]):
        if n_wrong:
            where = bits == special
            np.putmask(integers, where, code - (1 << 8 * width - 1))
            n_wrong -= np.count_nonzero(where)
    return None if n_wrong else integers


def _undecimal(data: Bytes, unit: int, out: Bytes) -> None:
    exponent, width = data[:2].tolist()
    if width == 0:
        _copy(data[2:], unit, out)
        return
    if width not in (1, 2, 4) or unit not in SPECIAL or exponent >= MOST_DECIMALS:
        raise ValueError(f"decimals {exponent} of {width} bytes in units of {unit}")
    integers = np.empty(len(out) // unit, f"<i{width}")
    _unshuffle(data[2:], width, integers.view(np.uint8))
    numbers = out.view(f"<f{unit}")
    np.divide(integers, float(10**exponent), out=numbers, dtype=np.float64, casting="same_kind")
    lowest = -(1 << 8 * width - 1)
    if len(integers) and integers.min() < lowest + 3:
        for code, special in enumerate(SPECIAL[unit]):
            np.putmask(out.view(f"<u{unit}"), integers == lowest + code, special)


def _planes(integers: npt.NDArray[Any], width: int) -> list[Bytes]:
    """The same as `_shuffle`, for the lowest bytes of integers, in half the time."""
    return [(integers >> 8 * byte).astype(np.uint8) for byte in range(width)]


def _require(found: int, wanted: int) -> None:
    if found != wanted:
        raise ValueError(f"{found} bytes where {wanted} should be")


def _count(n_values: int) -> Bytes:
    return np.frombuffer(COUNT.pack(n_values), np.uint8)


FILTERS: dict[str, tuple[Callable[[Bytes, int], Bytes], Callable[[Bytes, int, Bytes], None]]] = {
    "none": (_same, _copy),
    "shuffle": (_shuffle, _unshuffle),
    "delta": (_delta, _undelta),
    "decimal": (_decimal, _undecimal),
    "dictionary": (_dictionary, _undictionary),
}
