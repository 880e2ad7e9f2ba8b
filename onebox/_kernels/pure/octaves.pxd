cpdef enum:
    ZERO = 0
    NAN = 1
    NEGINF = 2
    POSINF = 3
    USED = 4  # slots, no total
    N_TOTALS = 5
    EXPONENTS = 2048
    BUCKETS = 128  # of one octave: 64 for positive values, then 64 for negative ones
    MAX_SLOTS = 250
    MAX_WINDOW = 8192

# What a column has held so far, and how it is therefore counted.
cpdef enum:
    NARROW = 0  # whole numbers in a narrow window: each by itself
    WHOLE = 1  # whole numbers: by octave
    ANY = 2  # numbers: by octave

cdef enum:
    FREE = 0
    LOW = 254  # counts as zero
    SPECIAL = 255  # the exponent of NaN and infinities
