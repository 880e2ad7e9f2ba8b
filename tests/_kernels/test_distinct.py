from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

Kernel = Callable[[str], Any]
BITS = 12
MASK = (1 << 64) - 1


def mix64(x: int) -> int:
    """The mixer in arbitrary precision: the hashes are part of stored summaries."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def hash_text(text: bytes) -> int:
    state = mix64(len(text) + 1)
    whole = len(text) // 8 * 8
    for start in range(0, whole, 8):
        state = (mix64(state ^ int.from_bytes(text[start : start + 8], "little")) + 1) & MASK
    return mix64(state ^ int.from_bytes(text[whole:], "little"))


def note(registers: np.ndarray, hashes: list[int]) -> np.ndarray:
    bits = len(registers).bit_length() - 1
    for value in hashes:
        rest = format(value & ((1 << (64 - bits)) - 1), f"0{64 - bits}b")
        rank = len(rest) - len(rest.lstrip("0")) + 1
        place = value >> (64 - bits)
        registers[place] = max(registers[place], rank)
    return registers


def estimate(registers: np.ndarray) -> float:
    m = len(registers)
    zeros = int((registers == 0).sum())
    raw = 0.7213 / (1 + 1.079 / m) * m**2 / (2.0 ** -registers.astype(float)).sum()
    return m * np.log(m / zeros) if raw <= 2.5 * m and zeros else raw


def split_texts(texts: list[bytes], dtype: type) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *map(len, texts)]).astype(dtype)
    return offsets, np.frombuffer(b"".join(texts), np.uint8)


@given(values=st.lists(st.integers(0, MASK), max_size=50), bits=st.integers(4, 16))
def test_registers_keep_the_greatest_rank(kernel: Kernel, values: list[int], bits: int) -> None:
    values += [0, MASK, 1 << (64 - bits)]
    registers = np.zeros(1 << bits, np.uint8)
    kernel("distinct").update_hashes(np.array(values, np.uint64), registers)
    np.testing.assert_array_equal(registers, note(np.zeros(1 << bits, np.uint8), values))


def test_integers_and_floats_are_hashed_by_their_bits(kernel: Kernel) -> None:
    values = np.array([0, 1, -1, 2**62, -(2**63)])
    registers = np.zeros(1 << BITS, np.uint8)
    kernel("distinct").update_int64(values, registers)
    hashes = [mix64(int(value)) for value in values.view(np.uint64)]
    np.testing.assert_array_equal(registers, note(np.zeros(1 << BITS, np.uint8), hashes))
    floats = np.array([0.5, -2.0, np.inf, 5e-324])
    registers = np.zeros(1 << BITS, np.uint8)
    kernel("distinct").update_floats(floats, registers)
    hashes = [mix64(int(value)) for value in floats.view(np.uint64)]
    np.testing.assert_array_equal(registers, note(np.zeros(1 << BITS, np.uint8), hashes))


@pytest.mark.parametrize("n_values", [100, 5_000, 300_000])
def test_the_estimate_is_close(kernel: Kernel, n_values: int) -> None:
    registers = np.zeros(1 << BITS, np.uint8)
    values = np.repeat(np.arange(n_values, dtype=np.float64), 2)
    values.flags.writeable = False
    kernel("distinct").update_floats(values, registers)
    assert estimate(registers) == pytest.approx(n_values, rel=4 * 1.04 / 2 ** (BITS / 2))


def test_which_floats_are_one_value(kernel: Kernel) -> None:
    distinct = kernel("distinct")
    plain, other = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
    distinct.update_floats(np.array([0.0, 1.5, np.inf]), plain)
    distinct.update_floats(np.array([-0.0, np.nan, 1.5, np.inf], np.float32), other)
    np.testing.assert_array_equal(plain, other)
    negative = np.zeros(256, np.uint8)
    distinct.update_floats(np.array([-1.5]), negative)
    assert (negative != plain).any()


@given(texts=st.lists(st.binary(max_size=40), max_size=20))
def test_strings_hash_alike_everywhere(kernel: Kernel, texts: list[bytes]) -> None:
    distinct = kernel("distinct")
    expected = [hash_text(text) for text in texts]
    for dtype, hash_strings in (
        (np.int32, distinct.hash_strings32),
        (np.int64, distinct.hash_strings64),
    ):
        out = np.zeros(len(texts), np.uint64)
        hash_strings(*split_texts(texts, dtype), out)
        assert out.tolist() == expected


def test_similar_strings_fall_apart(kernel: Kernel) -> None:
    texts = [b"\0" * n for n in range(40)] + [b"user%07d" % n for n in range(20_000)]
    out = np.empty(len(texts), np.uint64)
    kernel("distinct").hash_strings32(*split_texts(texts, np.int32), out)
    assert len(set(out.tolist())) == len(texts)
    ones = np.unpackbits(out.view(np.uint8)).reshape(-1, 64).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 0.02


def test_a_slice_of_strings_starts_anywhere(kernel: Kernel) -> None:
    offsets, data = split_texts([b"ab", b"cde", b"f"], np.int32)
    out = np.empty(2, np.uint64)
    kernel("distinct").hash_strings32(offsets[1:].copy(), data, out)
    assert out.tolist() == [hash_text(b"cde"), hash_text(b"f")]


def test_bad_shapes_are_refused(kernel: Kernel) -> None:
    distinct = kernel("distinct")
    with pytest.raises(ValueError, match="a power of two from 16 on, not 100"):
        distinct.update_int64(np.zeros(1, np.int64), np.zeros(100, np.uint8))
    with pytest.raises(ValueError, match="lead out of the data"):
        distinct.hash_strings32(
            np.array([0, 5], np.int32), np.zeros(4, np.uint8), np.empty(1, np.uint64)
        )
    with pytest.raises(ValueError, match="one offset more"):
        distinct.hash_strings64(
            np.array([0], np.int64), np.zeros(4, np.uint8), np.empty(1, np.uint64)
        )
