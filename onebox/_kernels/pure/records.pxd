from libc.stdint cimport uint8_t

cdef enum:
    LINE_START = 0
    FIELD_START = 1
    IN_FIELD = 2
    IN_QUOTES = 3
    BEHIND_QUOTE = 4  # one that closed, unless another one follows

cdef struct Scan:
    const uint8_t *text
    int quote  # -1 if nothing is quoted
    int delimiter
    int state
    Py_ssize_t n_records
    Py_ssize_t last_end  # just behind the last line end, or -1
