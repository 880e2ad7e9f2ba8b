"""Which rows need no look at the centres, as bounds on their distances tell that nothing changed.

For every row a lower bound on the distance to all centres but its own is kept from pass to pass. While
it, less what centres have moved since, exceeds the distance to the row's own centre, the own one is
the nearest; so it is when no other centre is within twice that distance of it. The distance to the own
centre is computed anew, as the row is read in any case.

Source: Hamerly, "Making k-means even faster", SDM 2010.
"""

import cython
from cython.cimports.libc.math import sqrt
from cython.cimports.libc.stdint import int32_t


def open_rows(
    X: cython.const[cython.floating][:, ::1],
    centers: cython.const[cython.double][:, ::1],
    apart: cython.const[cython.float][::1],
    offset: cython.float,
    relative: cython.double,
    absolute: cython.double,
    labels: cython.const[int32_t][::1],
    bounds: cython.const[cython.float][::1],
    rows: int32_t[::1],
):
    """Write to `rows` which rows may have another label by now; returns how many.

    ``bounds[i]`` less `offset` is at most the distance of row i to every centre but its own,
    ``apart[c]`` at most that of centre c to every other. Squared distances count as different when
    they differ by more than `relative` times the less and `absolute`.
    """
    n_rows: cython.Py_ssize_t = X.shape[0]
    p: cython.Py_ssize_t = X.shape[1]
    if not (
        centers.shape[1] == p > 0
        and apart.shape[0] == centers.shape[0]
        and labels.shape[0] == bounds.shape[0] == n_rows
        and rows.shape[0] >= n_rows
    ):
        raise ValueError("the shapes of rows, centres and bounds do not fit together")
    n_open: cython.Py_ssize_t = 0
    own: cython.double
    other: cython.double
    difference: cython.double
    reach: cython.float
    up: cython.float = 1 + 2.0**-21  # more than rounding to float32 takes
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    c: cython.Py_ssize_t
    with cython.nogil:
        for i in range(n_rows):
            c = labels[i]
            # Two sums: one would have to wait for itself.
            own = 0
            other = 0
            for j in range(p // 2):
                difference = X[i, j] - centers[c, j]
                own += difference * difference
            for j in range(p // 2, p):
                difference = X[i, j] - centers[c, j]
                other += difference * difference
            own += other
            reach = cython.cast(cython.float, sqrt(own + relative * own + absolute)) * up
            rows[n_open] = i
            # "not above" rather than "at most": a NaN leaves a row open
            n_open += (not bounds[i] - offset > reach) & (not apart[c] > 2 * reach)
    return n_open
