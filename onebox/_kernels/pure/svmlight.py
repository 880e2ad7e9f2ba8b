"""Text of lines ``label index:value index:value ... # comment`` as CSR."""

import cython
from cython.cimports.libc.stdint import int32_t, int64_t, uint8_t, uint64_t
from cython.cimports.libc.stdlib import strtod

# What `parse` stops at.
OK, NO_LABEL, NO_INDEX, NO_VALUE, NOT_RISING = 0, 1, 2, 3, 4


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def read_number(
    at: cython.pointer(cython.const[uint8_t]), out: cython.pointer(cython.double)
) -> cython.Py_ssize_t:
    """Read a number that a space, a colon or the end of a line follows; its length, 0 for none.

    Up to 19 digits and powers up to 22 are exact in one operation; strtod reads all others.
    """
    powers: cython.double[23]
    powers = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22]  # fmt: skip
    digits: uint64_t = 0
    n_digits: cython.int = 0
    n_behind: cython.int = 0
    i: cython.Py_ssize_t = 0
    end: cython.pointer(cython.char) = cython.NULL
    negative: cython.bint = at[0] == 45
    if at[0] == 45 or at[0] == 43:
        i = 1
    while 48 <= at[i] <= 57:
        digits = digits * 10 + (at[i] - 48)
        n_digits += 1
        i += 1
    if at[i] == 46:
        i += 1
        while 48 <= at[i] <= 57:
            digits = digits * 10 + (at[i] - 48)
            n_digits += 1
            n_behind += 1
            i += 1
    if (
        0 < n_digits <= 19 and n_behind <= 22 and digits < (cython.cast(uint64_t, 1) << 53)
        and (at[i] <= 32 or at[i] == 58 or at[i] == 35)
    ):  # fmt: skip
        out[0] = cython.cast(cython.double, digits) / powers[n_behind]
        if negative:
            out[0] = -out[0]
        return i
    if at[0] <= 32:  # which strtod would pass over, also over the end of a line
        return 0
    out[0] = strtod(cython.cast(cython.pointer(cython.char), at), cython.address(end))
    i = cython.cast(cython.pointer(cython.const[uint8_t]), end) - at
    return i if at[i] <= 32 or at[i] == 58 or at[i] == 35 else 0


def parse(
    text: bytes,
    labels: cython.double[::1],
    starts: int64_t[::1],
    columns: int32_t[::1],
    values: cython.double[::1],
):
    """Read whole lines; lines that are empty or a comment are none.

    Parameters
    ----------
    text : bytes
    labels : array of as many numbers as `text` has lines, and `starts` of one more
    columns, values : arrays of as many numbers as `text` has colons

    Returns
    -------
    n_rows, n_entries : int
    fault : int
        OK, or what is wrong.
    offset : int
        Where it is.
    """
    raw: cython.pointer(cython.const[cython.char]) = text
    at: cython.pointer(cython.const[uint8_t]) = cython.cast(
        cython.pointer(cython.const[uint8_t]), raw
    )
    size: cython.Py_ssize_t = len(text)
    i: cython.Py_ssize_t = 0
    length: cython.Py_ssize_t
    n_rows: cython.Py_ssize_t = 0
    n_entries: cython.Py_ssize_t = 0
    index: int64_t
    last: int64_t
    fault: cython.int = 0
    starts[0] = 0
    with cython.nogil:
        while i < size:
            while i < size and at[i] <= 32:
                i += 1
            if i < size and at[i] != 35:
                length = read_number(at + i, cython.address(labels[n_rows]))
                if length == 0 or at[i + length] == 58:
                    fault = 1
                    break
                i += length
                last = -1
                while i < size and at[i] != 10 and at[i] != 35:
                    if at[i] <= 32:
                        i += 1
                        continue
                    if at[i] == 113 and at[i + 1] == 105 and at[i + 2] == 100 and at[i + 3] == 58:
                        while at[i] > 32:  # the group of a ranking
                            i += 1
                        continue
                    index = 0
                    length = 0
                    while 48 <= at[i + length] <= 57 and length < 10:
                        index = index * 10 + (at[i + length] - 48)
                        length += 1
                    if length == 0 or at[i + length] != 58 or index > 2147483646:
                        fault = 2
                        break
                    if index <= last:
                        fault = 4
                        break
                    last = index
                    columns[n_entries] = cython.cast(int32_t, index)
                    i += length + 1
                    length = read_number(at + i, cython.address(values[n_entries]))
                    if length == 0 or at[i + length] == 58:
                        fault = 3
                        break
                    i += length
                    n_entries += 1
                if fault:
                    break
                n_rows += 1
                starts[n_rows] = n_entries
            while i < size and at[i] != 10:
                i += 1
    return n_rows, n_entries, fault, i
