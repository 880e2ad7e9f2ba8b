"""A randomized SVD that says how far off it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import pi, sqrt
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from onebox.decomposition.krylov import PROBES, Leading
from onebox.decomposition.spectrum import project
from onebox.decomposition.truncated_svd import TruncatedSVD
from onebox.errors import BadInput

Float64 = NDArray[np.float64]

FACTOR = 10 * sqrt(2 / pi)  # Halko et al., lemma 4.1, for a failure in 10^PROBES


@dataclass(frozen=True)
class SVDError:
    """How far ``U @ diag(s) @ Vt`` is from the data, at the most.

    Attributes
    ----------
    frobenius : float
        Of the Frobenius norm; holds for certain, but for rounding of 1e-8 of that of the data.
    spectral : float
        Of the spectral norm.
    failure : float
        The probability with which `spectral` does not hold.
    """

    frobenius: float
    spectral: float
    failure: float = 10.0**-PROBES


class SVD(NamedTuple):
    """Leading singular vectors and values.

    Attributes
    ----------
    U : ndarray of shape (n, k), or a lazy Dataset
        ``X @ Vt.T / s``: orthonormal as far as the directions are singular vectors. A column is zero
        where s is.
    s : ndarray of float64 of shape (k,)
    Vt : ndarray of float64 of shape (k, p)
        Orthonormal rows.
    error : SVDError
    """

    U: Any
    s: Float64
    Vt: Float64
    error: SVDError


def randomized_svd(
    data: Any, k: int, *, n_oversamples: int = 10, n_iter: int = 7, random_state: Any = None
) -> SVD:
    """Singular value decomposition of the best rank k found, with its error.

    Parameters
    ----------
    data : array, sparse matrix, table, path or Dataset, of shape (n, p)
    k : int
        How many singular values.
    n_oversamples : int, default=10
        Directions of a pass beyond `k`.
    n_iter : int, default=7
        Passes after the first, at the most; no more are made once half a step adds less than 1e-4 of
        the sum of squares found. 0 makes a single pass.
    random_state : int, RandomState or None, default=None

    Returns
    -------
    SVD
        ``U, s, Vt, error``. U of a Dataset or a path is lazy: reading it takes one more pass.

    Raises
    ------
    BadInput, BadValue, SinglePass, WrongType, NotEnoughMemory
        As `TruncatedSVD`.

    Notes
    -----
    Cost: 1 to ``n_iter + 1`` passes, as `TruncatedSVD`; ten more directions in the first.

    Exactness: ``error.frobenius`` is what is left of the sum of squares, which the first pass adds
    up. ``error.spectral`` comes from ten random directions that the search never sees, multiplied in
    the first pass: the largest part of them that the approximation misses.

    Source: Halko, Martinsson & Tropp, SIAM Review 53 (2011), section 4.3; Tropp, Yurtsever, Udell &
    Cevher, "Streaming low-rank matrix approximation", SIAM J. Sci. Comput. 41 (2019), section 6, for
    errors of a single pass; Musco & Musco, NIPS 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.decomposition import randomized_svd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 5)) @ rng.normal(size=(5, 300)) + rng.normal(size=(2000, 300))
    >>> U, s, Vt, error = randomized_svd(X, 5, random_state=0)
    >>> rest = X - U * s @ Vt
    >>> bool(np.linalg.norm(rest) <= error.frobenius), bool(np.linalg.norm(rest, 2) <= error.spectral)
    (True, True)
    """
    if not (isinstance(k, Integral) and k >= 1):
        raise BadInput(
            f"k={k!r} must be an integer of 1 or more: so many singular values are found."
        )
    model = TruncatedSVD(k, n_iter=n_iter, n_oversamples=n_oversamples, random_state=random_state)
    found = model._find(data, probes=True)
    s = model.singular_values_
    divisor = np.where(s > 0, s, np.inf)
    origin = np.zeros(model.n_features_in_)
    left = partial(project, mean=origin, axes=model.components_, scale=divisor)
    fields = [(f"u{j}", None) for j in range(k)]
    U = model._apply(data, left, fields, takes_sparse=True)
    return SVD(U, s, model.components_, _error(found, k))


def _error(found: Leading, k: int) -> SVDError:
    left = found.total - float(found.squares[:k].sum())
    # What the space of all passes misses, and what of it is not among the first k: at right angles.
    beside = float(found.squares[k]) if k < len(found.squares) else 0.0
    return SVDError(sqrt(max(left, 0.0)), sqrt(FACTOR * found.probed + beside))
