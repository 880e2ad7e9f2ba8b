cpdef enum:
    COUNT = 0
    N_NAN = 1
    N_POSINF = 2
    N_NEGINF = 3
    MEAN = 4
    M2 = 5
    M3 = 6
    M4 = 7
    MINIMUM = 8
    MAXIMUM = 9
    WIDTH = 10

cdef enum:
    TILE = 1024
    LANES = 64
