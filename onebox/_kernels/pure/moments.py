"""Count, mean, central moments to the fourth and extremes of columns, and how they merge.

A column's state is a row of eleven doubles: count, number of NaN, +inf and -inf, mean, the sums
of the second, third and fourth powers of the deviations from it, minimum and maximum, all over the
finite values, and what rounding took from the mean. Tiles of 1,024 values are centred on their own
mean and merged into the state with Pébay's formulas (Sandia report SAND2008-6212). A mean of 1e8
costs no digits that way; without the rest of the mean it would cost two of them at each merge.
"""
# ruff: noqa: F821 (positions in the state are declared in moments.pxd)

import cython
from cython.cimports.libc.math import INFINITY, isfinite, isnan


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def start_state(state: cython.p_double) -> cython.void:
    i: cython.Py_ssize_t
    for i in range(WIDTH):
        state[i] = 0
    state[MINIMUM] = INFINITY
    state[MAXIMUM] = -INFINITY


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def merge_state(
    into: cython.p_double, other: cython.pointer(cython.const[cython.double])
) -> cython.void:
    """Pébay's pairwise update; a side without finite values leaves the other's bits alone."""
    i: cython.Py_ssize_t
    for i in range(N_NAN, N_NEGINF + 1):
        into[i] += other[i]
    if other[COUNT] == 0:
        return
    if into[COUNT] == 0:
        into[COUNT] = other[COUNT]
        for i in range(MEAN, WIDTH):
            into[i] = other[i]
        return
    a: cython.double = into[COUNT]
    b: cython.double = other[COUNT]
    n: cython.double = a + b
    delta: cython.double = subtract_with_rest(
        other[MEAN], other[MEAN_REST], into[MEAN], into[MEAN_REST]
    )
    step: cython.double = delta / n
    cross: cython.double = delta * step * a * b
    into[M4] += (
        other[M4]
        + cross * step * step * (a * a - a * b + b * b)
        + 6 * step * step * (a * a * other[M2] + b * b * into[M2])
        + 4 * step * (a * other[M3] - b * into[M3])
    )
    into[M3] += other[M3] + cross * step * (a - b) + 3 * step * (a * other[M2] - b * into[M2])
    into[M2] += other[M2] + cross
    into[MEAN] = add_with_rest(
        into[MEAN], into[MEAN_REST] + step * b, cython.address(into[MEAN_REST])
    )
    if not isfinite(into[MEAN_REST]):
        into[MEAN_REST] = 0
    into[COUNT] = n
    into[MINIMUM] = min(into[MINIMUM], other[MINIMUM])
    into[MAXIMUM] = max(into[MAXIMUM], other[MAXIMUM])


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def extremes(
    values: cython.pointer(cython.const[cython.floating]),
    count: cython.Py_ssize_t,
    tile: cython.p_double,
) -> cython.void:
    """Minimum and maximum of finite values, in lanes: a plain minimum does not vectorise."""
    low: cython.floating[64]
    high: cython.floating[64]
    i: cython.Py_ssize_t
    lane: cython.Py_ssize_t
    x: cython.floating
    for lane in range(LANES):
        low[lane] = high[lane] = values[0]
    for i in range(0, count - LANES + 1, 64):
        for lane in range(LANES):
            x = values[i + lane]
            low[lane] = x if x < low[lane] else low[lane]
            high[lane] = x if x > high[lane] else high[lane]
    for i in range(count - count % LANES, count):
        low[0] = min(low[0], values[i])
        high[0] = max(high[0], values[i])
    for lane in range(LANES):
        tile[MINIMUM] = min(tile[MINIMUM], low[lane])
        tile[MAXIMUM] = max(tile[MAXIMUM], high[lane])


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def finite_tile(
    values: cython.pointer(cython.const[cython.floating]),
    count: cython.Py_ssize_t,
    total: cython.double,
    state: cython.p_double,
) -> cython.void:
    """Merge `count` finite values, whose sum is `total`."""
    tile: cython.double[11]
    mean: cython.double = total / count
    rest: cython.double = 0
    m2: cython.double = 0
    m3: cython.double = 0
    m4: cython.double = 0
    d: cython.double
    square: cython.double
    i: cython.Py_ssize_t
    for i in range(count):
        d = values[i] - mean
        square = d * d
        rest += d
        m2 += square
        m3 += square * d
        m4 += square * square
    # The mean above is rounded: move the sums of powers to the exact one.
    rest /= count
    start_state(cython.address(tile[0]))
    tile[COUNT] = count
    tile[MEAN] = mean
    tile[MEAN_REST] = rest
    tile[M2] = m2 - count * rest * rest
    tile[M3] = m3 - 3 * rest * m2
    tile[M4] = m4 - 4 * rest * m3
    extremes(values, count, cython.address(tile[0]))
    merge_state(state, cython.address(tile[0]))


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def keep_finite(
    values: cython.pointer(cython.const[cython.floating]),
    count: cython.Py_ssize_t,
    out: cython.pointer(cython.floating),
    state: cython.p_double,
) -> cython.Py_ssize_t:
    """Copy the finite values to `out`, count the others in `state`; return how many were kept."""
    kept: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    for i in range(count):
        out[kept] = values[i]
        if isfinite(values[i]):
            kept += 1
        elif isnan(values[i]):
            state[N_NAN] += 1
        elif values[i] > 0:
            state[N_POSINF] += 1
        else:
            state[N_NEGINF] += 1
    return kept


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def sum_values(
    values: cython.pointer(cython.const[cython.floating]), count: cython.Py_ssize_t
) -> cython.double:
    total: cython.double = 0
    i: cython.Py_ssize_t
    for i in range(count):
        total += values[i]
    return total


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def sum_products(
    values: cython.pointer(cython.const[cython.floating]),
    weights: cython.pointer(cython.const[cython.double]),
    count: cython.Py_ssize_t,
) -> cython.double:
    total: cython.double = 0
    i: cython.Py_ssize_t
    for i in range(count):
        total += weights[i] * values[i]
    return total


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def update_column(
    values: cython.pointer(cython.const[cython.floating]),
    size: cython.Py_ssize_t,
    state: cython.p_double,
) -> cython.void:
    buffer: cython.floating[1024]
    tile: cython.pointer(cython.const[cython.floating])
    start: cython.Py_ssize_t
    count: cython.Py_ssize_t
    total: cython.double
    for start in range(0, size, 1024):
        count = min(size - start, TILE)
        tile = values + start
        total = sum_values(tile, count)
        if not isfinite(total):
            count = keep_finite(tile, count, cython.address(buffer[0]), state)
            if count == 0:
                continue
            tile = cython.address(buffer[0])
            total = sum_values(tile, count)
        finite_tile(tile, count, total, state)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def weighted_tile(
    values: cython.pointer(cython.const[cython.floating]),
    weights: cython.pointer(cython.const[cython.double]),
    count: cython.Py_ssize_t,
    total_weight: cython.double,
    total: cython.double,
    state: cython.p_double,
) -> cython.void:
    """Merge finite values whose weights, none zero, sum to `total_weight`, products to `total`."""
    tile: cython.double[11]
    mean: cython.double = total / total_weight
    rest: cython.double = 0
    m2: cython.double = 0
    m3: cython.double = 0
    m4: cython.double = 0
    d: cython.double
    square: cython.double
    i: cython.Py_ssize_t
    for i in range(count):
        d = values[i] - mean
        square = weights[i] * d * d
        rest += weights[i] * d
        m2 += square
        m3 += square * d
        m4 += square * d * d
    rest /= total_weight
    start_state(cython.address(tile[0]))
    tile[COUNT] = total_weight
    tile[MEAN] = mean
    tile[MEAN_REST] = rest
    tile[M2] = m2 - total_weight * rest * rest
    tile[M3] = m3 - 3 * rest * m2
    tile[M4] = m4 - 4 * rest * m3
    extremes(values, count, cython.address(tile[0]))
    merge_state(state, cython.address(tile[0]))


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def keep_finite_weighted(
    values: cython.pointer(cython.const[cython.floating]),
    weights: cython.pointer(cython.const[cython.double]),
    count: cython.Py_ssize_t,
    out: cython.pointer(cython.floating),
    out_weights: cython.p_double,
    state: cython.p_double,
) -> cython.Py_ssize_t:
    """Copy the finite values that weigh anything; add the weights of the others to `state`."""
    kept: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    for i in range(count):
        out[kept] = values[i]
        out_weights[kept] = weights[i]
        if isfinite(values[i]):
            kept += weights[i] > 0
        elif isnan(values[i]):
            state[N_NAN] += weights[i]
        elif values[i] > 0:
            state[N_POSINF] += weights[i]
        else:
            state[N_NEGINF] += weights[i]
    return kept


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def update_weighted_column(
    values: cython.pointer(cython.const[cython.floating]),
    weights: cython.pointer(cython.const[cython.double]),
    size: cython.Py_ssize_t,
    state: cython.p_double,
) -> cython.void:
    kept_values: cython.floating[1024]
    kept_weights: cython.double[1024]
    tile: cython.pointer(cython.const[cython.floating])
    tile_weights: cython.pointer(cython.const[cython.double])
    start: cython.Py_ssize_t
    count: cython.Py_ssize_t
    n_weightless: cython.Py_ssize_t
    total: cython.double
    total_weight: cython.double
    i: cython.Py_ssize_t
    for start in range(0, size, 1024):
        count = min(size - start, TILE)
        tile = values + start
        tile_weights = weights + start
        total = sum_products(tile, tile_weights, count)
        n_weightless = 0
        for i in range(count):
            n_weightless += tile_weights[i] == 0
        if n_weightless > 0 or not isfinite(total):
            count = keep_finite_weighted(
                tile,
                tile_weights,
                count,
                cython.address(kept_values[0]),
                cython.address(kept_weights[0]),
                state,
            )
            tile = cython.address(kept_values[0])
            tile_weights = cython.address(kept_weights[0])
            total = sum_products(tile, tile_weights, count)
        if count > 0:
            total_weight = sum_values(tile_weights, count)
            weighted_tile(tile, tile_weights, count, total_weight, total, state)


def update(x: cython.const[cython.floating][::1], state: cython.double[::1]):
    """Add the values of one column to its state."""
    if state.shape[0] != WIDTH:
        raise ValueError("update: a state has 11 entries")
    if x.shape[0] == 0:
        return
    with cython.nogil:
        update_column(cython.address(x[0]), x.shape[0], cython.address(state[0]))


def update_columns(Xt: cython.const[cython.floating][:, ::1], state: cython.double[:, ::1]):
    """Add the rows of `Xt`, of shape (n_columns, n), each a column, to their states."""
    if state.shape[0] != Xt.shape[0] or state.shape[1] != WIDTH:
        raise ValueError("update_columns: one state of 11 entries a column")
    if Xt.shape[1] == 0:
        return
    j: cython.Py_ssize_t
    with cython.nogil:
        for j in range(Xt.shape[0]):
            update_column(cython.address(Xt[j, 0]), Xt.shape[1], cython.address(state[j, 0]))


def update_weighted_columns(
    Xt: cython.const[cython.floating][:, ::1],
    w: cython.const[cython.double][::1],
    state: cython.double[:, ::1],
):
    """Add the rows of `Xt` to their states; value i of each counts ``w[i]`` times.

    Weights are finite and not negative. All counts become sums of weights; a value of weight
    zero changes nothing, not even the extremes.
    """
    if state.shape[0] != Xt.shape[0] or state.shape[1] != WIDTH or w.shape[0] != Xt.shape[1]:
        raise ValueError("update_weighted_columns: one state a column, one weight a value")
    if Xt.shape[1] == 0:
        return
    j: cython.Py_ssize_t
    with cython.nogil:
        for j in range(Xt.shape[0]):
            update_weighted_column(
                cython.address(Xt[j, 0]),
                cython.address(w[0]),
                Xt.shape[1],
                cython.address(state[j, 0]),
            )


def merge(into: cython.double[:, ::1], other: cython.const[cython.double][:, ::1]):
    """Merge the states of the same columns over other rows into `into`."""
    if into.shape[0] != other.shape[0] or into.shape[1] != WIDTH or other.shape[1] != WIDTH:
        raise ValueError("merge: one state of 11 entries a column on both sides")
    j: cython.Py_ssize_t
    with cython.nogil:
        for j in range(into.shape[0]):
            merge_state(cython.address(into[j, 0]), cython.address(other[j, 0]))
