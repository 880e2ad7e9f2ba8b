"""Eigenvalues and eigenvectors of a covariance, and the Gaussian that they describe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import linear_sum_assignment

from onebox.engine.limiter import blas_for
from onebox.errors import BadInput

Float64 = NDArray[np.float64]

FEW = 4  # below this share of all, eigenvectors are computed one by one
WORK = 38  # numbers of scratch a column, with which LAPACK works on blocks of columns


@dataclass(frozen=True)
class Spectrum:
    """The leading eigenvectors of a covariance.

    Attributes
    ----------
    variances : ndarray of shape (k,)
        Eigenvalues, largest first.
    axes : ndarray of shape (k, p)
        Eigenvectors; the entry of the largest magnitude is positive.
    total : float
        Sum of all p eigenvalues.
    """

    variances: Float64
    axes: Float64
    total: float

    @classmethod
    def of(cls, scatter: Float64, freedom: int, n_leading: int) -> Spectrum:
        """Decompose ``scatter / freedom``, whose lower triangle is read."""
        p = len(scatter)
        # The lower triangle of a C array is the upper one of the Fortran array that LAPACK sees.
        covariance = (scatter / freedom).T
        total = float(np.trace(covariance))
        few = 0 < n_leading <= p // FEW
        with blas_for(p):
            # Not by way of scipy.linalg.eigh, which takes as long again for a small matrix.
            values, vectors, n_found, _, failed = lapack.dsyevr(
                covariance, lower=0, overwrite_a=1, range="I" if few else "A", iu=p,
                il=p - n_leading + 1 if few else 1, lwork=WORK * p, liwork=10 * p,
            )  # fmt: skip
        if failed:
            raise LinAlgError(f"LAPACK's dsyevr failed on {p:,} columns with code {failed}")
        values, vectors = values[:n_found], vectors[:, :n_found]
        values = np.maximum(values[::-1][:n_leading], 0)
        axes = np.ascontiguousarray(vectors.T[::-1][:n_leading])
        largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
        axes[largest < 0] *= -1
        return cls(values, axes, total)

    def reaching(self, share: float) -> int:
        """How many leading directions explain more than a share of the variance."""
        return int(np.searchsorted(np.cumsum(self.variances) / self.total, share, side="right")) + 1


def aligned(axes: Float64, to: Float64) -> tuple[NDArray[np.intp], Float64]:
    """The order and the signs that bring axes next to others: each next to its most parallel one."""
    cosines = axes @ to.T
    rows, columns = linear_sum_assignment(-np.abs(cosines))
    order = rows[np.argsort(columns)]
    signs = np.where(cosines[order, np.arange(len(order))] < 0, -1.0, 1.0)
    return order, signs


def project(X: Any, *, mean: Float64, axes: Float64, scale: Float64 | None) -> Any:
    """Coordinates of rows along axes, in the dtype of X, divided by `scale` if there is one."""
    if sp.issparse(X):
        out = (X @ axes.T - axes @ mean).astype(X.dtype, copy=False)
    elif X.dtype == np.float64:
        out = X @ axes.T
        out -= axes @ mean
    else:
        # Centred before it is rounded: a large mean leaves float32 few digits for the difference.
        centred = np.subtract(X, mean, dtype=np.float64).astype(X.dtype)
        out = centred @ axes.T.astype(X.dtype)
    if scale is not None:
        out /= scale.astype(X.dtype, copy=False)
    return out


def restore(Z: Any, *, mean: Float64, axes: Float64, scale: Float64 | None) -> Any:
    """Rows from their coordinates."""
    whole = Z.astype(np.float64, copy=False)
    return (whole if scale is None else whole * scale) @ axes + mean


def log_likelihood(
    X: Any, *, mean: Float64, axes: Float64, variances: Float64, noise: float
) -> Float64:
    """Log-density of rows under a Gaussian with these variances, and `noise` in other directions.

    Nothing of the size of the covariance is made.
    """
    k, p = axes.shape
    centred = np.subtract(X, mean, dtype=np.float64)
    squares = (centred @ axes.T) ** 2
    distance = (squares / variances).sum(axis=1)
    log_volume = np.log(variances).sum()
    if k < p:
        outside = np.einsum("ij,ij->i", centred, centred) - squares.sum(axis=1)
        distance += np.maximum(outside, 0) / noise
        log_volume += (p - k) * np.log(noise)
    return np.asarray(-0.5 * (distance + log_volume + p * np.log(2 * np.pi)))


def require_density(variances: Float64, noise: float, n_features: int) -> None:
    """Refuse a Gaussian that is flat in some direction.

    Raises
    ------
    BadInput
    """
    flat = int((variances == 0).sum()) + (n_features - len(variances)) * (noise == 0)
    if flat:
        raise BadInput(
            f"The rows did not vary in {flat} of {n_features} directions, so that they have no "
            "density and no likelihood. Keep fewer components, or fit on more rows than columns."
        )
