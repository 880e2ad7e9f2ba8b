"""BLAS for both float types, column-major as BLAS has it; inlined into the kernels that call it."""

from cython cimport floating
from scipy.linalg.cython_blas cimport dgemm, dsyrk, sgemm


cdef inline void gemm(
    bint transpose_a, bint transpose_b, int m, int n, int k,
    const floating *a, int lda, const floating *b, int ldb,
    floating beta, floating *c, int ldc,
) noexcept nogil:
    """c = op(a) @ op(b) + beta * c, column-major as BLAS has it."""
    cdef char trans_a = b"T" if transpose_a else b"N"
    cdef char trans_b = b"T" if transpose_b else b"N"
    cdef floating one = 1
    if floating is float:
        sgemm(&trans_a, &trans_b, &m, &n, &k, &one, <float *> a, &lda, <float *> b, &ldb,
              &beta, c, &ldc)
    else:
        dgemm(&trans_a, &trans_b, &m, &n, &k, &one, <double *> a, &lda, <double *> b, &ldb,
              &beta, c, &ldc)


cdef inline void add_gram(
    int n, int p, const double *a, int lda, double *c, int ldc
) noexcept nogil:
    """Add a.T @ a, of n row-major rows, to the triangle of c that is lower in row-major terms."""
    cdef char uplo = b"U"
    cdef char trans = b"N"
    cdef double one = 1.0
    dsyrk(&uplo, &trans, &p, &n, &one, <double *> a, &lda, &one, c, &ldc)
