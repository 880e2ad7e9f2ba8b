"""A 64-bit mixer, inlined into the kernels that hash and draw."""

from libc.stdint cimport uint64_t


cdef inline uint64_t mix64(uint64_t x) noexcept nogil:
    """Stafford's variant 13 of the 64-bit finaliser, as in SplitMix64 (Steele et al., 2014)."""
    x ^= x >> 30
    x *= <uint64_t> 0xBF58476D1CE4E5B9ULL
    x ^= x >> 27
    x *= <uint64_t> 0x94D049BB133111EBULL
    return x ^ (x >> 31)


cdef inline uint64_t draw64(uint64_t mixed_key, uint64_t counter) noexcept nogil:
    """A random number for (key, counter): two rounds, the key between them."""
    return mix64(mix64(counter + <uint64_t> 0x9E3779B97F4A7C15ULL) ^ mixed_key)
