cpdef enum:
    ZERO = 0
    NAN = 1
    NEGINF = 2
    POSINF = 3

cdef enum:
    FIRST_NORMAL = 64
    FIRST_NONFINITE = 131008  # 0x7FF << 6
