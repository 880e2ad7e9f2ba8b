"""Matrix products into accumulators; with the calls they inline, all that touches BLAS.

Arrays are row-major; BLAS is told of their transposes. Only sums of rows are accumulated
(``C += ...``), which is what summaries need.
"""

import cython
from cython.cimports.onebox._kernels.pure.blas_calls import add_gram, gemm


@cython.cfunc
@cython.inline
def check_gram(A: cython.const[cython.double][:, ::1], C: cython.double[:, ::1]):
    if C.shape[0] != A.shape[1] or C.shape[1] != A.shape[1]:
        raise ValueError(
            f"a Gram matrix of {A.shape[1]} columns has that many rows and columns, "
            f"not ({C.shape[0]}, {C.shape[1]})"
        )


def syrk(A: cython.const[cython.double][:, ::1], C: cython.double[:, ::1]):
    """Add ``A.T @ A`` to the lower triangle of `C`: the entries ``C[i, j]`` with ``j <= i``."""
    check_gram(A, C)
    n: cython.int = A.shape[0]
    p: cython.int = A.shape[1]
    if n == 0 or p == 0:
        return
    with cython.nogil:
        add_gram(n, p, cython.address(A[0, 0]), p, cython.address(C[0, 0]), p)


def syrk_panel(
    A: cython.const[cython.double][:, ::1],
    C: cython.double[:, ::1],
    start: cython.int,
    stop: cython.int,
):
    """Add ``A.T @ A`` to rows start .. stop of the lower triangle of `C`.

    Panels that cover all rows, in any order or at once, do together what `syrk` does.
    """
    check_gram(A, C)
    n: cython.int = A.shape[0]
    p: cython.int = A.shape[1]
    if not 0 <= start <= stop <= p:
        raise ValueError(f"syrk_panel: rows {start} .. {stop} of a matrix with {p}")
    if n == 0 or start == stop:
        return
    one: cython.double = 1
    with cython.nogil:
        if start > 0:
            gemm(
                False,
                True,
                start,
                stop - start,
                n,
                cython.address(A[0, 0]),
                p,
                cython.address(A[0, start]),
                p,
                one,
                cython.address(C[start, 0]),
                p,
            )
        add_gram(
            n, stop - start, cython.address(A[0, start]), p, cython.address(C[start, start]), p
        )


def gemm_tn(
    A: cython.const[cython.floating][:, ::1],
    B: cython.const[cython.floating][:, ::1],
    C: cython.floating[:, ::1],
):
    """Add ``A.T @ B`` to `C`."""
    n: cython.int = A.shape[0]
    p: cython.int = A.shape[1]
    q: cython.int = B.shape[1]
    if B.shape[0] != n or C.shape[0] != p or C.shape[1] != q:
        raise ValueError("gemm_tn: A (n, p), B (n, q) and C (p, q) do not fit together")
    if n == 0 or p == 0 or q == 0:
        return
    one: cython.floating = 1
    with cython.nogil:
        gemm(
            False,
            True,
            q,
            p,
            n,
            cython.address(B[0, 0]),
            q,
            cython.address(A[0, 0]),
            p,
            one,
            cython.address(C[0, 0]),
            q,
        )


def gemm_nt(
    A: cython.const[cython.floating][:, ::1],
    B: cython.const[cython.floating][:, ::1],
    C: cython.floating[:, ::1],
):
    """Write ``A @ B.T`` to `C`."""
    n: cython.int = A.shape[0]
    k: cython.int = A.shape[1]
    q: cython.int = B.shape[0]
    if B.shape[1] != k or C.shape[0] != n or C.shape[1] != q:
        raise ValueError("gemm_nt: A (n, k), B (q, k) and C (n, q) do not fit together")
    if n == 0 or q == 0:
        return
    if k == 0:
        C[:, :] = 0
        return
    zero: cython.floating = 0
    with cython.nogil:
        gemm(
            True,
            False,
            q,
            n,
            k,
            cython.address(B[0, 0]),
            k,
            cython.address(A[0, 0]),
            k,
            zero,
            cython.address(C[0, 0]),
            q,
        )
