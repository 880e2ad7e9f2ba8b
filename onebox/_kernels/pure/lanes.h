/* Distances of one row to 16 that lie side by side.

   The sums stay in registers while the columns go by. In C, because no compiler keeps a small array
   of accumulators in registers on its own; GCC's and Clang's vector types do. Other compilers get
   vectors of one. Every lane sums its columns in their order, whatever the processor. */

#if defined(__GNUC__)
#if defined(__AVX__)
#define ONEBOX_WIDTH 4
#else
#define ONEBOX_WIDTH 2
#endif
typedef double onebox_lanes __attribute__((vector_size(8 * ONEBOX_WIDTH), aligned(8), may_alias));
typedef long long onebox_bits __attribute__((vector_size(8 * ONEBOX_WIDTH)));
#define ONEBOX_ABS(x) ((onebox_lanes) ((onebox_bits) (x) & 0x7fffffffffffffffLL))
#else
#define ONEBOX_WIDTH 1
typedef double onebox_lanes;
#define ONEBOX_ABS(x) fabs(x)
#endif
#define ONEBOX_VECTORS (16 / ONEBOX_WIDTH)

static inline onebox_lanes onebox_load(const double *values, int v)
{
    return *(const onebox_lanes *) (values + ONEBOX_WIDTH * v);
}

/* Add to 16 sums the squares of the differences between a row and those in the lanes. */
static inline void onebox_add_squares(
    const double *block, const double *row, ptrdiff_t n_columns, double *sums)
{
    onebox_lanes total[ONEBOX_VECTORS];
    for (int v = 0; v < ONEBOX_VECTORS; v++)
        total[v] = onebox_load(sums, v);
    for (ptrdiff_t j = 0; j < n_columns; j++, block += 16)
        for (int v = 0; v < ONEBOX_VECTORS; v++) {
            const onebox_lanes difference = onebox_load(block, v) - row[j];
            total[v] += difference * difference;
        }
    for (int v = 0; v < ONEBOX_VECTORS; v++)
        *(onebox_lanes *) (sums + ONEBOX_WIDTH * v) = total[v];
}

/* The same with absolute values. */
static inline void onebox_add_absolute(
    const double *block, const double *row, ptrdiff_t n_columns, double *sums)
{
    onebox_lanes total[ONEBOX_VECTORS];
    for (int v = 0; v < ONEBOX_VECTORS; v++)
        total[v] = onebox_load(sums, v);
    for (ptrdiff_t j = 0; j < n_columns; j++, block += 16)
        for (int v = 0; v < ONEBOX_VECTORS; v++) {
            const onebox_lanes difference = onebox_load(block, v) - row[j];
            total[v] += ONEBOX_ABS(difference);
        }
    for (int v = 0; v < ONEBOX_VECTORS; v++)
        *(onebox_lanes *) (sums + ONEBOX_WIDTH * v) = total[v];
}

/* The least of 16 values. */
static inline double onebox_least(const double *values)
{
    double low[4];
    for (int lane = 0; lane < 4; lane++) {
        low[lane] = values[lane];
        for (int i = 4 + lane; i < 16; i += 4)
            low[lane] = values[i] < low[lane] ? values[i] : low[lane];
    }
    low[0] = low[1] < low[0] ? low[1] : low[0];
    low[2] = low[3] < low[2] ? low[3] : low[2];
    return low[2] < low[0] ? low[2] : low[0];
}
