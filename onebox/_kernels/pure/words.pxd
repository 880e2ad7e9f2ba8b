"""Bit work on 64-bit words, inlined: what needs C literals or the compiler's builtins."""

from libc.stdint cimport uint8_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(_MSC_VER) && !defined(__clang__)
    #include <intrin.h>
    static __inline int onebox_leading_zeros(uint64_t x) {
        unsigned long top;
        _BitScanReverse64(&top, x);
        return 63 - (int) top;
    }
    static __inline int onebox_trailing_zeros(uint64_t x) {
        unsigned long low;
        _BitScanForward64(&low, x);
        return (int) low;
    }
    #else
    static inline int onebox_leading_zeros(uint64_t x) { return __builtin_clzll(x); }
    static inline int onebox_trailing_zeros(uint64_t x) { return __builtin_ctzll(x); }
    #endif
    """
    int leading_zeros "onebox_leading_zeros"(uint64_t x) noexcept nogil
    int trailing_zeros "onebox_trailing_zeros"(uint64_t x) noexcept nogil


cdef inline uint64_t load_word(const uint8_t *text) noexcept nogil:
    """Read 8 bytes, least significant first whatever the machine."""
    cdef uint64_t word = 0
    cdef int i
    for i in range(8):
        word |= <uint64_t> text[i] << (8 * i)
    return word


cdef inline uint64_t matches(uint64_t word, uint64_t pattern) noexcept nogil:
    """Set bit i where byte i of `word` equals the byte that `pattern` repeats."""
    cdef uint64_t low_bits = 0x7F7F7F7F7F7F7F7FULL
    cdef uint64_t differs = word ^ pattern
    differs = ((differs & low_bits) + low_bits) | differs | low_bits
    # ~differs holds 0x80 in the equal bytes; the product moves those bits side by side.
    return ((~differs >> 7) * <uint64_t> 0x0102040810204080ULL) >> 56
