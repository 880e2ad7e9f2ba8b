/* Sums of products of columns that lie in panels of 12, for processors with AVX2 and FMA.

   A panel holds 12 columns row by row. The products of 4 columns of one panel with the 12 of another
   take twelve vector registers, in which they stay while the rows go by: every row costs 7 loads for
   12 fused multiply-adds, so that the arithmetic is all that limits the speed. BLAS reaches two
   thirds of it here, for it packs both factors, although they are one matrix. In C, because no
   compiler keeps a small array of accumulators in registers on its own; GCC's and Clang's vector
   types do. */

typedef double onebox_four __attribute__((vector_size(32), aligned(8), may_alias));

/* Add the products of columns a[0..3] and b[0..11] to `n_lines` lines of c, one a column of a. Line
   r has `first + r * step` entries, at most 12: those left of the diagonal, or all. */
static void onebox_add_products(
    const double *a, const double *b, ptrdiff_t n_rows, double *c, ptrdiff_t stride,
    ptrdiff_t n_lines, ptrdiff_t first, ptrdiff_t step)
{
    /* The lines of a large matrix are far away: they come while the products are made. */
    for (ptrdiff_t r = 0; r < n_lines; r++) {
        __builtin_prefetch(c + r * stride, 1);
        __builtin_prefetch(c + r * stride + 8, 1);
    }
    onebox_four sums[4][3];
    for (int r = 0; r < 4; r++)
        for (int v = 0; v < 3; v++)
            sums[r][v] = (onebox_four){0};
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const onebox_four b0 = *(const onebox_four *) (b + 12 * i);
        const onebox_four b1 = *(const onebox_four *) (b + 12 * i + 4);
        const onebox_four b2 = *(const onebox_four *) (b + 12 * i + 8);
        for (int r = 0; r < 4; r++) {
            const double value = a[12 * i + r];
            sums[r][0] += value * b0;
            sums[r][1] += value * b1;
            sums[r][2] += value * b2;
        }
    }
    for (ptrdiff_t r = 0; r < n_lines; r++) {
        const ptrdiff_t n_entries = first + r * step;
        if (n_entries >= 12)
            for (int v = 0; v < 3; v++)
                *(onebox_four *) (c + r * stride + 4 * v) += sums[r][v];
        else
            for (ptrdiff_t j = 0; j < n_entries; j++)
                c[r * stride + j] += sums[r][j / 4][j % 4];
    }
}
