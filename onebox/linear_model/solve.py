"""Linear equations with a Gram matrix: Cholesky, and the least norm where columns depend on others.

Columns are scaled to unit length first, so that units of measurement (grams or tonnes) decide
neither the rounding nor which columns count as dependent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.linalg import lapack

from onebox.engine.limiter import blas_for, single_threaded_blas

Float64 = NDArray[np.float64]

DEPENDENT = 1e-12
"""Eigenvalues of the scaled Gram matrix below this share of the largest count as zero."""


@dataclass(frozen=True)
class NormalEquations:
    """``(gram + alpha I) coef = moment``.

    Attributes
    ----------
    gram : ndarray of shape (p, p)
        Its lower triangle is read.
    moment : ndarray of shape (p, q)
    constant : ndarray of bool of shape (p,)
        Columns that do not vary: their coefficients are zero.
    deficient : bool
        Whether fewer rows than columns are known to lie behind it.
    """

    gram: Float64
    moment: Float64
    constant: NDArray[np.bool_]
    deficient: bool = False

    def of_targets(self, some: NDArray[np.bool_]) -> NormalEquations:
        """The same for some of the targets."""
        return replace(self, moment=self.moment[:, some])

    def solve(self, alpha: float = 0.0, tolerance: float = DEPENDENT) -> tuple[Float64, int]:
        """Coefficients of shape (p, q), of the least norm where there are many; and the rank."""
        if alpha > 0 or not self.deficient:
            with single_threaded_blas():  # several take little less time, and sum in another order
                coef = self._cholesky(alpha, tolerance)
            if coef is not None:
                return coef, len(self.gram) - int(self.constant.sum())
        with blas_for(len(self.gram)):
            return self._least_norm(alpha, tolerance)

    def _scaled(self, alpha: float) -> tuple[Float64, Float64]:
        """The matrix with a unit diagonal, and the scale of the columns."""
        matrix = self.gram.copy()
        diagonal = np.einsum("ii->i", matrix)
        diagonal += alpha
        with np.errstate(divide="ignore"):
            scale = np.where(self.constant, 0.0, 1 / np.sqrt(diagonal))
        matrix *= scale[:, None]
        matrix *= scale
        return matrix, scale

    def _cholesky(self, alpha: float, tolerance: float) -> Float64 | None:
        """The solution, or None where some column depends on others."""
        matrix, scale = self._scaled(alpha)
        np.einsum("ii->i", matrix)[self.constant] = 1
        p = len(matrix)
        # The lower triangle of a C array is the upper one of the Fortran array that LAPACK sees.
        frobenius = np.sqrt(max(2 * float(np.vdot(matrix, matrix)) - p, 1.0))
        factor, failed = lapack.dpotrf(matrix.T, lower=0, clean=0, overwrite_a=1)
        if failed:
            return None
        reciprocal, _ = lapack.dpocon(factor, frobenius, uplo="U")
        if reciprocal < tolerance:
            return None
        solution, _ = lapack.dpotrs(factor, self.moment * scale[:, None], lower=0, overwrite_b=1)
        return np.asarray(solution * scale[:, None])

    def _least_norm(self, alpha: float, tolerance: float) -> tuple[Float64, int]:
        """The shortest of all solutions, by the eigenvectors of the scaled matrix."""
        matrix, scale = self._scaled(alpha)
        varying = ~self.constant
        scale = scale[varying, None]
        values, vectors = scipy.linalg.eigh(
            matrix[np.ix_(varying, varying)].T, lower=False, overwrite_a=True, driver="evr"
        )
        epsilon = float(np.finfo(np.float64).eps)
        kept = values > max(tolerance, len(values) * epsilon) * values.max(initial=0.0)
        basis = vectors[:, kept]
        seen = (basis.T @ (self.moment[varying] * scale)) / values[kept, None]
        if kept.all():
            coef = (basis @ seen) * scale
        else:
            # The least norm is asked of unscaled coefficients: these lie in the span of the rows.
            span, triangle = scipy.linalg.qr(basis / scale, mode="economic", overwrite_a=True)
            coef = span @ scipy.linalg.solve_triangular(triangle, seen, trans="T")
        whole = np.zeros_like(self.moment)
        whole[varying] = coef
        return whole, int(kept.sum())


def constant_columns(
    scatter: Float64, mean: Float64, weight: float, n_rows: int
) -> NDArray[np.bool_]:
    """Columns whose spread about the mean is no more than the rounding of that mean."""
    rounding = weight * (n_rows * np.finfo(np.float64).eps * mean) ** 2
    return np.asarray(scatter.diagonal() <= rounding)
