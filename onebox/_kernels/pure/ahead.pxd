"""Asking for memory before it is needed, where it lies apart and the processor cannot guess it."""

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define onebox_fetch(address) __builtin_prefetch(address)
    #else
    #define onebox_fetch(address) ((void) 0)
    #endif
    """
    void fetch "onebox_fetch"(const void *address) noexcept nogil
