from libc.stdint cimport uintptr_t

cdef extern from "placement.h":
    const size_t ALIGNMENT "ONEBOX_ALIGNMENT"
    int onebox_install() except -1
    bint onebox_offer(uintptr_t address, size_t capacity)
    bint onebox_withdraw(uintptr_t address)
