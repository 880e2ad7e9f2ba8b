/* Up to eight columns, given by their addresses, side by side.

   With AVX2 four rows of four columns at a time change places within registers, which takes a third
   of the time of a loop over single numbers.

   Included once a type, with REAL, INDEX (the integer of the same width) and NAME defined. */

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

#if defined(__GNUC__) && defined(__AVX2__)
#define FOUR PASTE(NAME, _four)

typedef REAL FOUR __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

#if defined(__clang__) || __GNUC__ >= 12
#define PICK(x, y, i, j, k, l) __builtin_shufflevector(x, y, i, j, k, l)
#else
typedef INDEX PASTE(NAME, _index) __attribute__((vector_size(4 * sizeof(REAL))));
#define PICK(x, y, i, j, k, l) __builtin_shuffle(x, y, (PASTE(NAME, _index)){i, j, k, l})
#endif

static inline __attribute__((always_inline)) void PASTE(NAME, _four_by_four)(
    const uintptr_t *columns, ptrdiff_t row, REAL *out, ptrdiff_t stride)
{
    const FOUR a = *((const FOUR *) ((const REAL *) columns[0] + row));
    const FOUR b = *((const FOUR *) ((const REAL *) columns[1] + row));
    const FOUR c = *((const FOUR *) ((const REAL *) columns[2] + row));
    const FOUR d = *((const FOUR *) ((const REAL *) columns[3] + row));
    /* Pairs within halves first, then halves: what AVX2 does in one instruction each. */
    const FOUR ab_even = PICK(a, b, 0, 4, 2, 6), ab_odd = PICK(a, b, 1, 5, 3, 7);
    const FOUR cd_even = PICK(c, d, 0, 4, 2, 6), cd_odd = PICK(c, d, 1, 5, 3, 7);
    *(FOUR *) out = PICK(ab_even, cd_even, 0, 1, 4, 5);
    *(FOUR *) (out + stride) = PICK(ab_odd, cd_odd, 0, 1, 4, 5);
    *(FOUR *) (out + 2 * stride) = PICK(ab_even, cd_even, 2, 3, 6, 7);
    *(FOUR *) (out + 3 * stride) = PICK(ab_odd, cd_odd, 2, 3, 6, 7);
}
#endif

/* Write rows 0 .. n_rows - 1 of `width` columns to `out`, whose rows are `stride` apart. */
static void NAME(
    const uintptr_t *columns, ptrdiff_t n_rows, ptrdiff_t width, REAL *out, ptrdiff_t stride)
{
    ptrdiff_t row = 0;
#ifdef FOUR
    if (width == 8)
        for (; row + 4 <= n_rows; row += 4) {
            PASTE(NAME, _four_by_four)(columns, row, out + row * stride, stride);
            PASTE(NAME, _four_by_four)(columns + 4, row, out + row * stride + 4, stride);
        }
#endif
    for (; row < n_rows; row++)
        for (ptrdiff_t j = 0; j < width; j++)
            out[row * stride + j] = ((const REAL *) columns[j])[row];
}

#undef PASTE_
#undef PASTE
#undef FOUR
#undef PICK
#undef REAL
#undef INDEX
#undef NAME
