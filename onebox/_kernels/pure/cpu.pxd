cdef extern from *:
    """
    #if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)
    #include <intrin.h>
    static int onebox_supports_v3(void) {
        int leaf1[4], leaf7[4];
        __cpuid(leaf1, 0);
        if (leaf1[0] < 7) return 0;
        __cpuid(leaf1, 1);
        __cpuidex(leaf7, 7, 0);
        int fma = (leaf1[2] >> 12) & 1, movbe = (leaf1[2] >> 22) & 1;
        int osxsave = (leaf1[2] >> 27) & 1, f16c = (leaf1[2] >> 29) & 1;
        int bmi = (leaf7[1] >> 3) & 1, avx2 = (leaf7[1] >> 5) & 1, bmi2 = (leaf7[1] >> 8) & 1;
        if (!(fma && movbe && osxsave && f16c && bmi && avx2 && bmi2)) return 0;
        return (_xgetbv(0) & 6) == 6;
    }
    #elif (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    static int onebox_supports_v3(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
            && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    }
    #else
    static int onebox_supports_v3(void) { return 0; }
    #endif
    """
    bint onebox_supports_v3() noexcept nogil
