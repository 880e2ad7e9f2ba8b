"""Where the records of a CSV file end: line ends outside quotes, found 64 bytes at a time.

Stretches without quotes are compared eight bytes in one word. Where quotes occur, every byte moves
a state machine, because a quote means something at the start of a field only (``5" pipe`` opens
nothing); counting the parity of quotes would lose the records after it.
"""
# ruff: noqa: F821 (Scan and the states are declared in records.pxd)

import cython
from cython.cimports.libc.stdint import uint8_t, uint64_t
from cython.cimports.onebox._kernels.pure.words import load_word, matches, trailing_zeros


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def find_line_ends(
    s: cython.pointer(Scan), start: cython.Py_ssize_t, line_ends: cython.pointer(uint64_t)
) -> cython.bint:
    """Set a bit for every line end of the 64 bytes; returns whether there is no quote among them."""
    ones: uint64_t = ~cython.cast(uint64_t, 0) // 255  # 0x01 in every byte
    quote_pattern: uint64_t = ones * cython.cast(uint64_t, s.quote & 255)
    quotes: uint64_t = 0
    word: uint64_t
    i: cython.Py_ssize_t
    line_ends[0] = 0
    for i in range(8):
        word = load_word(s.text + start + 8 * i)
        line_ends[0] |= matches(word, ones * 10) << (8 * i)
        line_ends[0] |= matches(word, ones * 13) << (8 * i)
        if s.quote >= 0:
            quotes |= matches(word, quote_pattern)
    return quotes == 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def count_line_ends(
    s: cython.pointer(Scan), start: cython.Py_ssize_t, line_ends: uint64_t
) -> cython.void:
    """Pass 64 bytes outside quotes, by their line ends."""
    i: cython.Py_ssize_t
    # An open line holds something.
    line_start: cython.Py_ssize_t = start if s.state == LINE_START else start - 1
    while line_ends != 0:
        i = start + trailing_zeros(line_ends)
        line_ends &= line_ends - 1
        s.n_records += i > line_start
        line_start = s.last_end = i + 1
    if line_start == start + 64:
        s.state = LINE_START
    else:
        s.state = FIELD_START if s.text[start + 63] == s.delimiter else IN_FIELD


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def follow(
    state: cython.int, byte: cython.int, quote: cython.int, delimiter: cython.int
) -> cython.int:
    """The state after one more byte."""
    if state == IN_QUOTES:
        return BEHIND_QUOTE if byte == quote else IN_QUOTES
    if byte == 10 or byte == 13:
        return LINE_START
    if byte == quote and state != IN_FIELD and quote != delimiter:
        return IN_QUOTES  # opens a field, or goes on after a doubled quote
    return FIELD_START if byte == delimiter else IN_FIELD


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def walk(s: cython.pointer(Scan), start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.void:
    """Pass some bytes one by one."""
    before: cython.int
    i: cython.Py_ssize_t
    for i in range(start, stop):
        before = s.state
        s.state = follow(before, s.text[i], s.quote, s.delimiter)
        if s.state == LINE_START:
            s.n_records += before != LINE_START
            s.last_end = i + 1


def scan_records(
    data: cython.const[uint8_t][::1], quote: cython.int, delimiter: cython.int, state: cython.int
):
    r"""Count the records that end in `data`, one buffer of a CSV file.

    A record ends at a carriage return or newline outside quotes; empty lines are none.

    Parameters
    ----------
    data : uint8 array
        The buffer.
    quote, delimiter : int
        Codes of the two characters; a quote of -1 if nothing is quoted.
    state : int
        What the previous buffer's scan returned; 0 at the start of a file.

    Returns
    -------
    n_records : int
    last_end : int
        Offset just behind the last line end outside quotes, or -1.
    state : int
        0 at the start of a line, 3 within quotes; else a line is open.
    """
    size: cython.Py_ssize_t = data.shape[0]
    if size == 0:
        return 0, -1, state
    s: Scan
    line_ends: uint64_t
    start: cython.Py_ssize_t
    s.text = cython.address(data[0])
    s.quote = quote
    s.delimiter = delimiter
    s.state = state
    s.n_records = 0
    s.last_end = -1
    with cython.nogil:
        for start in range(0, size, 64):
            if (
                start + 64 <= size
                and s.state < IN_QUOTES
                and find_line_ends(cython.address(s), start, cython.address(line_ends))
            ):
                count_line_ends(cython.address(s), start, line_ends)
            else:
                walk(cython.address(s), start, min(start + 64, size))
    return s.n_records, s.last_end, s.state
