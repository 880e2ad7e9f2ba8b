"""Where the distance of a pair is, among the distances of all pairs of n rows.

Rows come in bands of eight. Band b holds, for every row j from 8 b on, its distances to the eight
rows of the band side by side. So the distances of one row to those before it are a line of memory
(64 bytes) for eight, and those to the rows behind it follow each other at a line each, which processors
foresee. In scipy's condensed form, each of those before it takes a line of its own, unforeseen.

Only entries with j behind the row of the band mean anything.
"""

cdef enum:
    BAND = 8


cdef inline Py_ssize_t band_start(Py_ssize_t band, Py_ssize_t n) noexcept nogil:
    return 8 * (band * n - 4 * band * (band - 1))


cdef inline Py_ssize_t place_in(Py_ssize_t band, Py_ssize_t j, Py_ssize_t n) noexcept nogil:
    """Where the distances of row j to those of a band begin."""
    return band_start(band, n) + 8 * (j - 8 * band)


cdef inline Py_ssize_t size_of(Py_ssize_t n) noexcept nogil:
    """Entries that n rows take."""
    return band_start((n + 7) >> 3, n)
