/* The nearest of many centres for a few rows at once, for processors with AVX2 and FMA.

   A matrix product of BLAS packs both factors and stores all scores, which takes longer than the
   arithmetic when rows are short. Here the scores of 4 centres for 2 vectors of rows stay in
   registers until they have been compared. In C, because no compiler keeps a small array of
   accumulators in registers on its own; GCC's and Clang's vector types do.

   Included once a type, with REAL, INDEX (the integer of the same width) and NAME defined. */

#define LANES ((ptrdiff_t) (32 / sizeof(REAL)))
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define VECTOR PASTE(NAME, _vector)
#define MASK PASTE(NAME, _mask)

typedef REAL VECTOR __attribute__((vector_size(32), aligned(sizeof(REAL)), may_alias));
typedef INDEX MASK __attribute__((vector_size(32), aligned(sizeof(REAL)), may_alias));

/* Compare WIDTH centres from number c on with the best so far, for two vectors of rows. */
static inline __attribute__((always_inline)) void PASTE(NAME, _group)(
    const REAL *columns, const REAL *centers, const REAL *half_norms, ptrdiff_t n_columns,
    ptrdiff_t c, const int width, VECTOR *best, MASK *label)
{
    VECTOR scores[4][2];
    for (int q = 0; q < width; q++)
        for (int v = 0; v < 2; v++)
            scores[q][v] = (VECTOR){0} + half_norms[c + q];
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        const VECTOR first = *(const VECTOR *) (columns + 2 * LANES * j);
        const VECTOR second = *(const VECTOR *) (columns + 2 * LANES * j + LANES);
        for (int q = 0; q < width; q++) {
            const REAL value = centers[(c + q) * n_columns + j];
            scores[q][0] -= value * first;
            scores[q][1] -= value * second;
        }
    }
    for (int q = 0; q < width; q++)
        for (int v = 0; v < 2; v++) {
            const MASK closer = scores[q][v] < best[v];
            const MASK number = (MASK){0} + (INDEX) (c + q);
            label[v] = (closer & number) | (~closer & label[v]);
            best[v] = (VECTOR) ((closer & (MASK) scores[q][v]) | (~closer & (MASK) best[v]));
        }
}

/* Write the least score, half_norms[c] - <row, centre c>, and its first c for 2 * LANES rows,
   given column by column. */
static void NAME(
    const REAL *columns, const REAL *centers, const REAL *half_norms, ptrdiff_t n_columns,
    ptrdiff_t n_clusters, REAL *best_out, int32_t *label_out)
{
    VECTOR best[2] = {(VECTOR){0} + (REAL) INFINITY, (VECTOR){0} + (REAL) INFINITY};
    MASK label[2] = {{0}, {0}};
    if (n_clusters < 4) {
        for (ptrdiff_t c = 0; c < n_clusters; c++)
            PASTE(NAME, _group)(columns, centers, half_norms, n_columns, c, 1, best, label);
    } else {
        for (ptrdiff_t c = 0; c < n_clusters; c += 4) {
            /* The last group overlaps the one before: a centre met again is not closer. */
            const ptrdiff_t start = c < n_clusters - 4 ? c : n_clusters - 4;
            PASTE(NAME, _group)(columns, centers, half_norms, n_columns, start, 4, best, label);
        }
    }
    for (ptrdiff_t i = 0; i < 2 * LANES; i++) {
        best_out[i] = best[i / LANES][i % LANES];
        label_out[i] = (int32_t) label[i / LANES][i % LANES];
    }
}

#undef LANES
#undef PASTE_
#undef PASTE
#undef VECTOR
#undef MASK
#undef REAL
#undef INDEX
#undef NAME
