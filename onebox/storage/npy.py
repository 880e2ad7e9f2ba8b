"""Headers of ``.npy`` files: written as numpy does, and read without running or believing anything."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from io import BytesIO
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from onebox.errors import BadInput

LONGEST_HEADER = 10_000  # that numpy reads unasked
CANONICAL = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<>|]\w+(?:\[\w+\])?)', 'fortran_order': (True|False), "
    rb"'shape': \((|\d+,|\d+(?:, \d+)+)\), \} *\n",
    re.DOTALL,
)


class Described(NamedTuple):
    """What a header says of the data that follow."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    n_bytes: int

    @property
    def order(self) -> Literal["C", "F"]:
        """The order of the axes in memory."""
        return "F" if self.fortran else "C"


def header_of(name: str, array: npt.NDArray[Any]) -> bytes:
    """Write the header of an array.

    Raises
    ------
    BadInput
        The format has no form for the dtype.
    """
    if array.dtype.hasobject:
        raise BadInput(
            f"The array {name} of dtype {array.dtype} holds Python objects, which are never "
            "written. Convert it to numbers or to fixed-width text."
        )
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    try:
        header = _header(array.dtype, array.shape, fortran)
    except LookupError:
        raise BadInput(
            f"The dtype {array.dtype} of the array {name} has no form in .npy files."
        ) from None
    except ValueError as error:
        raise BadInput(f"The dtype of the array {name} cannot be written: {error}.") from None
    if len(header) > LONGEST_HEADER:
        raise BadInput(
            f"The dtype of the array {name} takes {len(header)} bytes to describe; at most "
            f"{LONGEST_HEADER} are read. Split its fields over several arrays."
        )
    return header


@lru_cache(maxsize=256)
def parse_header(header: bytes) -> Described:
    """Read a header, of which the text is no longer than numpy reads unasked.

    Raises
    ------
    Exception
        Of any class, as numpy raises for hostile headers; or a ValueError that says what is wrong.
    """
    canonical = CANONICAL.fullmatch(header)
    if canonical and len(header) == 10 + int.from_bytes(header[8:10], "little"):
        descr, fortran, sides = canonical.groups()
        dtype: np.dtype[Any] = np.dtype(descr.decode())
        shape = tuple(int(side) for side in sides.split(b",") if side)
        is_fortran = fortran == b"True"
    else:
        stream = BytesIO(header)
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"version {version} of the .npy format")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if stream.tell() != len(header):
            raise ValueError("the data are not where they should be")
    if dtype.hasobject:
        raise ValueError(f"dtype {dtype} would have to be unpickled")
    if min(shape, default=0) < 0:
        raise ValueError(f"shape {shape} makes no bytes of data")
    return Described(shape, is_fortran, dtype, math.prod(shape) * dtype.itemsize)


@lru_cache(maxsize=256)
def _header(dtype: np.dtype[Any], shape: tuple[int, ...], fortran: bool) -> bytes:
    descr = np.lib.format.dtype_to_descr(dtype)
    if np.lib.format.descr_to_dtype(descr) != dtype:
        raise LookupError(descr)
    header = BytesIO()
    described = {"descr": descr, "fortran_order": fortran, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()
