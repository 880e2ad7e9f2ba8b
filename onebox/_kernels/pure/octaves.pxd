cpdef enum:
    ZERO = 0
    NAN = 1
    NEGINF = 2
    POSINF = 3
    N_TOTALS = 4
    EXPONENTS = 2048
    BUCKETS = 128  # of one octave: 64 for positive values, then 64 for negative ones
    MAX_SLOTS = 250

cdef enum:
    FREE = 0
    LOW = 254  # counts as zero
    SPECIAL = 255  # the exponent of NaN and infinities
