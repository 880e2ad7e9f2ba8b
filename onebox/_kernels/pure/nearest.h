/* The nearest of many centres for 16 rows at once, for processors with AVX2 and FMA.

   A matrix product of BLAS packs both factors and stores all scores, which takes longer than the
   arithmetic when rows are short. Here the scores of 4 centres for 2 vectors of rows stay in
   registers until they have been compared. In C, because no compiler keeps a small array of
   accumulators in registers on its own. */

#include <immintrin.h>

/* Compare `width` centres from number c on with the best so far, and, if `two`, with the second best. */
static inline __attribute__((always_inline)) void onebox_compare(
    const float *columns, const float *centers, const float *half_norms, ptrdiff_t n_columns,
    ptrdiff_t c, const int width, const int two, __m256 *best, __m256 *second, __m256i *label)
{
    __m256 scores[4][2];
    for (int q = 0; q < width; q++)
        for (int v = 0; v < 2; v++)
            scores[q][v] = _mm256_set1_ps(half_norms[c + q]);
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        const __m256 row0 = _mm256_loadu_ps(columns + 16 * j);
        const __m256 row1 = _mm256_loadu_ps(columns + 16 * j + 8);
        for (int q = 0; q < width; q++) {
            const __m256 value = _mm256_broadcast_ss(centers + (c + q) * n_columns + j);
            scores[q][0] = _mm256_fnmadd_ps(value, row0, scores[q][0]);
            scores[q][1] = _mm256_fnmadd_ps(value, row1, scores[q][1]);
        }
    }
    for (int q = 0; q < width; q++)
        for (int v = 0; v < 2; v++) {
            const __m256 score = scores[q][v];
            const __m256 closer = _mm256_cmp_ps(score, best[v], _CMP_LT_OQ);
            const __m256 number = _mm256_castsi256_ps(_mm256_set1_epi32((int) (c + q)));
            if (two)
                second[v] = _mm256_min_ps(second[v], _mm256_max_ps(best[v], score));
            label[v] = _mm256_castps_si256(
                _mm256_blendv_ps(_mm256_castsi256_ps(label[v]), number, closer));
            best[v] = _mm256_blendv_ps(best[v], score, closer);
        }
}

/* Find the least score, half_norms[c] - <row, centre c>, its first c, and, if `two`, the next least
   score, for 16 rows that are given column by column. */
static inline __attribute__((always_inline)) void onebox_nearest_of(
    const float *columns, const float *centers, const float *half_norms, ptrdiff_t n_columns,
    ptrdiff_t n_clusters, const int two, float *best_out, float *second_out, int32_t *label_out)
{
    __m256 best[2], second[2];
    __m256i label[2];
    ptrdiff_t c = 0;
    for (int v = 0; v < 2; v++) {
        best[v] = second[v] = _mm256_set1_ps(INFINITY);
        label[v] = _mm256_setzero_si256();
    }
    for (; c + 4 <= n_clusters; c += 4)
        onebox_compare(columns, centers, half_norms, n_columns, c, 4, two, best, second, label);
    switch (n_clusters - c) {
    case 3:
        onebox_compare(columns, centers, half_norms, n_columns, c, 3, two, best, second, label);
        break;
    case 2:
        onebox_compare(columns, centers, half_norms, n_columns, c, 2, two, best, second, label);
        break;
    case 1:
        onebox_compare(columns, centers, half_norms, n_columns, c, 1, two, best, second, label);
    }
    for (int v = 0; v < 2; v++) {
        _mm256_storeu_ps(best_out + 8 * v, best[v]);
        _mm256_storeu_si256((__m256i *) (label_out + 8 * v), label[v]);
        if (two)
            _mm256_storeu_ps(second_out + 8 * v, second[v]);
    }
}

static inline void onebox_nearest(
    const float *columns, const float *centers, const float *half_norms, ptrdiff_t n_columns,
    ptrdiff_t n_clusters, int32_t *label)
{
    float best[16];
    onebox_nearest_of(
        columns, centers, half_norms, n_columns, n_clusters, 0, best, NULL, label);
}

static inline void onebox_nearest_two(
    const float *columns, const float *centers, const float *half_norms, ptrdiff_t n_columns,
    ptrdiff_t n_clusters, float *best, float *second, int32_t *label)
{
    onebox_nearest_of(
        columns, centers, half_norms, n_columns, n_clusters, 1, best, second, label);
}

/* Squared norms of 16 rows, less `middle` unless that is NULL. */
static inline void onebox_squared_norms(
    const float *columns, const float *middle, ptrdiff_t n_columns, float *norms)
{
    __m256 sums[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        const __m256 from = middle ? _mm256_broadcast_ss(middle + j) : _mm256_setzero_ps();
        for (int v = 0; v < 2; v++) {
            const __m256 value = _mm256_sub_ps(_mm256_loadu_ps(columns + 16 * j + 8 * v), from);
            sums[v] = _mm256_fmadd_ps(value, value, sums[v]);
        }
    }
    for (int v = 0; v < 2; v++)
        _mm256_storeu_ps(norms + 8 * v, sums[v]);
}
