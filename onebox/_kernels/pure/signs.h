/* A column of a tile of rows, added to some sums and taken from others.

   Without `restrict` compilers expect the column to change with the sums, and add number by number.

   Included once a type, with REAL and NAME defined. */

static inline void NAME(
    const REAL *restrict column, const int32_t *restrict rows, ptrdiff_t n_plus, ptrdiff_t n_all,
    REAL *restrict sums)
{
    ptrdiff_t i = 0;
    for (; i < n_plus; i++) {
        REAL *restrict into = sums + rows[i] * (ptrdiff_t) ONEBOX_TILE;
        for (int r = 0; r < ONEBOX_TILE; r++)
            into[r] += column[r];
    }
    for (; i < n_all; i++) {
        REAL *restrict into = sums + rows[i] * (ptrdiff_t) ONEBOX_TILE;
        for (int r = 0; r < ONEBOX_TILE; r++)
            into[r] -= column[r];
    }
}

#undef REAL
#undef NAME
