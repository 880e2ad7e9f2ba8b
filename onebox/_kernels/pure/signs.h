/* A column of a tile of rows, added to some sums and taken from others, and the sum of columns.

   In vectors, because compilers unroll so short a loop into single numbers. GCC's and Clang's vector
   types; other compilers get vectors of one. Without `restrict` the column is expected to change with
   the sums, and does not stay in registers.

   Included once a type, with REAL and NAME defined. */

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define VECTOR PASTE(NAME, _vector)

#if defined(__GNUC__)
#if defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
typedef REAL VECTOR __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
#else
typedef REAL VECTOR;
#endif
#define VECTORS ((int) (ONEBOX_TILE_BYTES / sizeof(VECTOR)))

static inline void PASTE(NAME, _add_column)(
    const REAL *restrict column, const int32_t *restrict rows, ptrdiff_t n_plus, ptrdiff_t n_all,
    REAL *restrict sums)
{
    VECTOR *restrict tile = (VECTOR *) sums;
    VECTOR held[VECTORS];
    for (int v = 0; v < VECTORS; v++)
        held[v] = ((const VECTOR *) column)[v];
    ptrdiff_t i = 0;
    for (; i < n_plus; i++) {
        VECTOR *restrict into = tile + rows[i] * (ptrdiff_t) VECTORS;
        for (int v = 0; v < VECTORS; v++)
            into[v] += held[v];
    }
    for (; i < n_all; i++) {
        VECTOR *restrict into = tile + rows[i] * (ptrdiff_t) VECTORS;
        for (int v = 0; v < VECTORS; v++)
            into[v] -= held[v];
    }
}

/* The sum of `n` columns, at least one, in whatever order is fast. */
static inline REAL PASTE(NAME, _sum)(const REAL *restrict columns, ptrdiff_t n)
{
    const VECTOR *restrict values = (const VECTOR *) columns;
    VECTOR held[VECTORS];
    for (int v = 0; v < VECTORS; v++)
        held[v] = values[v];
    for (ptrdiff_t j = 1; j < n; j++)
        for (int v = 0; v < VECTORS; v++)
            held[v] += values[j * VECTORS + v];
    REAL sum = 0;
    for (size_t r = 0; r < ONEBOX_TILE_BYTES / sizeof(REAL); r++)
        sum += ((const REAL *) held)[r];
    return sum;
}

#undef PASTE_
#undef PASTE
#undef VECTOR
#undef VECTOR_BYTES
#undef VECTORS
#undef REAL
#undef NAME
