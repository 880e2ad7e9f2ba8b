"""Text of lines ``label index:value index:value ... # comment`` as CSR."""
# ruff: noqa: F821 (Reader, POWERS and the faults are declared in svmlight.pxd)

import cython
from cython.cimports.libc.stdint import int32_t, int64_t, uint8_t, uint64_t
from cython.cimports.libc.stdlib import strtod


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
        out[0] = cython.cast(cython.double, digits) / POWERS[n_behind]
        if negative:
            out[0] = -out[0]
        return i
    if at[0] <= 32:  # which strtod would pass over, also over the end of a line
        return 0
    out[0] = strtod(cython.cast(cython.pointer(cython.char), at), cython.address(end))
    i = cython.cast(cython.pointer(cython.const[uint8_t]), end) - at
    return i if at[i] <= 32 or at[i] == 58 or at[i] == 35 else 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def read_index(
    at: cython.pointer(cython.const[uint8_t]), out: cython.pointer(int64_t)
) -> cython.Py_ssize_t:
    """Read an index that a colon follows; its length, 0 for none."""
    index: int64_t = 0
    length: cython.Py_ssize_t = 0
    while 48 <= at[length] <= 57 and length < 10:
        index = index * 10 + (at[length] - 48)
        length += 1
    if at[length] != 58 or index > 2147483646:
        return 0
    out[0] = index
    return length


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def read_label(r: cython.pointer(Reader), out: cython.pointer(cython.double)) -> cython.int:
    length: cython.Py_ssize_t = read_number(r.at, out)
    if length == 0 or r.at[length] == 58:
        return NO_LABEL
    r.at += length
    return OK


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def read_entry(r: cython.pointer(Reader), last: cython.pointer(int64_t)) -> cython.int:
    """Read an index above the last one, and its value."""
    index: int64_t
    length: cython.Py_ssize_t = read_index(r.at, cython.address(index))
    if length == 0:
        return NO_INDEX
    if index <= last[0]:
        return NOT_RISING
    last[0] = index
    r.columns[r.n_entries] = cython.cast(int32_t, index)
    r.at += length + 1
    length = read_number(r.at, r.values + r.n_entries)
    if length == 0 or r.at[length] == 58:
        return NO_VALUE
    r.at += length
    r.n_entries += 1
    return OK


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def read_entries(r: cython.pointer(Reader)) -> cython.int:
    """Read up to the end of a line or a comment."""
    last: int64_t = -1
    fault: cython.int = OK
    while fault == OK and r.at < r.end and r.at[0] != 10 and r.at[0] != 35:
        if r.at[0] <= 32:
            r.at += 1
        elif r.at[0] == 113 and r.at[1] == 105 and r.at[2] == 100 and r.at[3] == 58:
            while r.at[0] > 32:  # qid, the group of a ranking
                r.at += 1
        else:
            fault = read_entry(r, cython.address(last))
    return fault


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
    r: Reader
    n_rows: cython.Py_ssize_t = 0
    fault: cython.int = OK
    r.at = cython.cast(cython.pointer(cython.const[uint8_t]), raw)
    r.end = r.at + len(text)
    r.columns = cython.address(columns[0])
    r.values = cython.address(values[0])
    r.n_entries = starts[0] = 0
    with cython.nogil:
        while r.at < r.end:
            while r.at < r.end and r.at[0] <= 32:
                r.at += 1
            if r.at < r.end and r.at[0] != 35:
                fault = read_label(cython.address(r), cython.address(labels[n_rows]))
                if fault == OK:
                    fault = read_entries(cython.address(r))
                if fault != OK:
                    break
                n_rows += 1
                starts[n_rows] = r.n_entries
            while r.at < r.end and r.at[0] != 10:
                r.at += 1
    return n_rows, r.n_entries, fault, len(text) - (r.end - r.at)
