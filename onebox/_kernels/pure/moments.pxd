cdef extern from *:
    """
    /* Volatile, because these kernels are compiled with sums that may be reordered. */

    /* a + b and what rounding took from it (Knuth's two-sum). */
    static inline double onebox_add(double a, double b, double *rest) {
        volatile double sum = a + b;
        volatile double of_b = sum - a;
        volatile double of_a = sum - of_b;
        volatile double rest_of_a = a - of_a;
        *rest = rest_of_a + (b - of_b);
        return sum;
    }
    /* (a + a_rest) - (b + b_rest) */
    static inline double onebox_subtract(double a, double a_rest, double b, double b_rest) {
        volatile double difference = a - b;
        return difference + (a_rest - b_rest);
    }
    """
    double add_with_rest "onebox_add"(double a, double b, double *rest) noexcept nogil
    double subtract_with_rest "onebox_subtract"(
        double a, double a_rest, double b, double b_rest
    ) noexcept nogil

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
    MEAN_REST = 10
    WIDTH = 11

cdef enum:
    TILE = 1024
    LANES = 64
