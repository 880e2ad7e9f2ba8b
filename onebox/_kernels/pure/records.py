"""Where the records of a CSV file end: newlines outside quotes, found 64 bytes at a time.

Eight bytes are compared in one word, the results gathered into a bit a byte; whether a byte lies
in quotes is the parity of the quotes before it, a prefix sum without carries (Langdale and Lemire,
"Parsing gigabytes of JSON per second", VLDB Journal 2019).
"""

import cython
from cython.cimports.libc.stdint import uint8_t, uint64_t
from cython.cimports.onebox._kernels.pure.words import (
    load_word,
    matches,
    parity_through,
    trailing_zeros,
)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def has_content(
    text: cython.pointer(cython.const[uint8_t]),
    start: cython.Py_ssize_t,
    stop: cython.Py_ssize_t,
) -> cython.bint:
    """Tell whether start .. stop holds anything but carriage returns."""
    while stop > start:
        stop -= 1
        if text[stop] != 13:
            return True
    return False


def scan_records(
    data: cython.const[uint8_t][::1], quote: cython.int, in_quotes: cython.bint,
    line_open: cython.bint,
):
    r"""Count the records that end in `data`, one buffer of a CSV file.

    A record ends at a newline outside quotes if its line holds more than carriage returns.

    Parameters
    ----------
    data : uint8 array
        The buffer.
    quote : int
        The quote character's code; -1 if nothing is quoted.
    in_quotes, line_open : bool
        What the previous buffer's scan returned; False at the start of a file.

    Returns
    -------
    n_records : int
    last_end : int
        Offset just behind the last newline outside quotes, or -1.
    in_quotes : bool
        Whether the buffer ends inside quotes.
    line_open : bool
        Whether it ends in a line that already holds more than carriage returns.
    """
    size: cython.Py_ssize_t = data.shape[0]
    if size == 0:
        return 0, -1, in_quotes, line_open
    text: cython.pointer(cython.const[uint8_t]) = cython.address(data[0])
    tail: uint8_t[64]
    block: cython.pointer(cython.const[uint8_t])
    ones: uint64_t = ~cython.cast(uint64_t, 0) // 255  # 0x01 in every byte
    newline_pattern: uint64_t = ones * 10
    quote_pattern: uint64_t = ones * cython.cast(uint64_t, quote & 255)
    newlines: uint64_t
    quotes: uint64_t
    word: uint64_t
    inside: uint64_t = 0
    n_records: cython.Py_ssize_t = 0
    line_start: cython.Py_ssize_t = 0
    last_end: cython.Py_ssize_t = -1
    start: cython.Py_ssize_t
    end: cython.Py_ssize_t
    i: cython.Py_ssize_t
    if in_quotes:
        inside = ~inside
    with cython.nogil:
        for start in range(0, size, 64):
            block = text + start
            if size - start < 64:
                for i in range(64):
                    tail[i] = text[start + i] if start + i < size else 0
                block = cython.address(tail[0])
            newlines = quotes = 0
            for i in range(8):
                word = load_word(block + 8 * i)
                newlines |= matches(word, newline_pattern) << (8 * i)
                quotes |= matches(word, quote_pattern) << (8 * i)
            if quote >= 0:
                quotes = parity_through(quotes) ^ inside
                inside = 0 - (quotes >> 63)
                newlines &= ~quotes
            while newlines != 0:
                end = start + trailing_zeros(newlines)
                newlines &= newlines - 1
                n_records += line_open or has_content(text, line_start, end)
                line_open = False
                line_start = last_end = end + 1
        in_quotes = inside != 0
        line_open = line_open or in_quotes or has_content(text, line_start, size)
    return n_records, last_end, in_quotes, line_open
