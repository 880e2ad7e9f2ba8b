"""Where the records of a CSV file end: line ends outside quotes, found 64 bytes at a time.

Stretches without quotes are compared eight bytes in one word. Where quotes occur, every byte moves
a state machine, because a quote means something at the start of a field only (``5" pipe`` opens
nothing); counting the parity of quotes would lose the records after it.
"""

import cython
from cython.cimports.libc.stdint import uint8_t, uint64_t
from cython.cimports.onebox._kernels.pure.words import load_word, matches, trailing_zeros

# States: 0 start of a line, 1 start of a field, 2 in a field, 3 in quotes, 4 just behind a quote
# that closed, unless another one follows.


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
    text: cython.pointer(cython.const[uint8_t]) = cython.address(data[0])
    ones: uint64_t = ~cython.cast(uint64_t, 0) // 255  # 0x01 in every byte
    newline_pattern: uint64_t = ones * 10
    return_pattern: uint64_t = ones * 13
    quote_pattern: uint64_t = ones * cython.cast(uint64_t, quote & 255)
    line_ends: uint64_t
    quotes: uint64_t
    word: uint64_t
    n_records: cython.Py_ssize_t = 0
    line_start: cython.Py_ssize_t
    last_end: cython.Py_ssize_t = -1
    start: cython.Py_ssize_t = 0
    stop: cython.Py_ssize_t
    i: cython.Py_ssize_t
    with cython.nogil:
        while start < size:
            stop = start + 64
            line_ends = 0
            quotes = 1
            if stop <= size and state < 3:
                quotes = 0
                for i in range(8):
                    word = load_word(text + start + 8 * i)
                    line_ends |= matches(word, newline_pattern) << (8 * i)
                    line_ends |= matches(word, return_pattern) << (8 * i)
                    if quote >= 0:
                        quotes |= matches(word, quote_pattern)
            if quotes == 0:
                line_start = start if state == 0 else start - 1  # an open line holds something
                while line_ends != 0:
                    i = start + trailing_zeros(line_ends)
                    line_ends &= line_ends - 1
                    n_records += i > line_start
                    line_start = last_end = i + 1
                if line_start == stop:
                    state = 0
                else:
                    state = 1 if text[stop - 1] == delimiter else 2
            else:
                stop = min(stop, size)
                for i in range(start, stop):
                    if state == 3:
                        if text[i] == quote:
                            state = 4
                    elif text[i] == 10 or text[i] == 13:
                        n_records += state != 0
                        last_end = i + 1
                        state = 0
                    elif text[i] == delimiter:
                        state = 1
                    elif text[i] == quote and state != 2:
                        state = 3  # opens a field, or goes on after a doubled quote
                    else:
                        state = 2
            start = stop
    return n_records, last_end, state
