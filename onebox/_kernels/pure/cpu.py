"""What the processor can do: decides which build of the kernels is loaded."""

import cython


def supports_v3() -> cython.bint:
    """Tell whether this processor and operating system run x86-64-v3 code (AVX2, FMA, BMI)."""
    return onebox_supports_v3()  # noqa: F821 (declared in cpu.pxd)
