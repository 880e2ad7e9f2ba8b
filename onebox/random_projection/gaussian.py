"""Random projection with a matrix of normal numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from onebox.random_projection.matrix import Factor, normals
from onebox.random_projection.projection import RandomProjection


class GaussianRandomProjection(RandomProjection):
    """Reduce the number of columns with a matrix of normal numbers, keeping distances within `eps`.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Columns that come out; "auto" takes what `johnson_lindenstrauss_min_dim` says for the number
        of rows and `eps`.
    eps : float, default=0.1
        For ``n_components="auto"``: the largest relative error of squared distances.
    compute_inverse_components : bool, default=False
        Whether `fit` computes the pseudo-inverse for `inverse_transform`, once.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    n_components_ : int
    components_ : ndarray of float64 of shape (n_components, n_features)
        Made when it is asked for; variance ``1 / n_components``.
    inverse_components_ : ndarray of float64 of shape (n_features, n_components), on request
    seed_ : int
        What the matrix is a function of; drawn with `random_state`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport
        Of no pass: values are not read.

    Raises
    ------
    BadInput
        When "auto" asks for more components than X has columns.
    BadValue
        For a NaN or an infinity that `transform` meets, naming its place.
    WrongType
        For a column that is not numeric.

    Notes
    -----
    Cost: `fit` reads no values of a Dataset. `transform` takes ``2 n_components n_features`` operations a
    row, by BLAS. A matrix of more than 32 MB is made again for every block of rows and not kept.
    `SparseRandomProjection` takes a fraction of that for
    distances that are kept as well, where no few columns outweigh the others.

    Exactness: every column of the matrix is a function of the seed and of its number alone.

    Source: Johnson & Lindenstrauss, Contemp. Math. 26 (1984); Dasgupta & Gupta, Random Struct.
    Algorithms 22 (2003).

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.random_projection import GaussianRandomProjection
    >>> X = np.random.default_rng(0).normal(size=(100, 4_000))
    >>> Z = GaussianRandomProjection(n_components=500, random_state=0).fit_transform(X)
    >>> Z.shape
    (100, 500)
    """

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        eps: float = 0.1,
        compute_inverse_components: bool = False,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.eps = eps
        self.compute_inverse_components = compute_inverse_components
        self.random_state = random_state

    @property
    def components_(self) -> NDArray[np.float64]:
        """The matrix, of shape (n_components, n_features): made when it is asked for."""
        check_is_fitted(self)
        function = self._function()
        panels = [panel for _, panel in function.panels(self.n_features_in_)]
        return np.ascontiguousarray(np.vstack(panels).T) * function.scale

    def _function(self) -> TimesNormals:
        return TimesNormals(self.seed_, self.n_components_)


@dataclass(frozen=True)
class TimesNormals(Factor):
    """Multiplies rows by a matrix of normal numbers."""

    @property
    def scale(self) -> float:
        """The standard deviation of the matrix."""
        return 1 / sqrt(self.n_components)

    def nbytes(self, n_columns: int) -> float:
        return 8 * self.n_components * n_columns

    def panel(self, first: int, n_columns: int) -> NDArray[np.float64]:
        return normals(self.seed, self.n_components, first, n_columns)

    def __call__(self, X: Any) -> Any:
        out = np.zeros((X.shape[0], self.n_components), X.dtype)
        for first, panel in self.panels(X.shape[1]):
            out += X[:, first : first + len(panel)] @ panel.astype(X.dtype, copy=False)
        out *= X.dtype.type(self.scale)
        return out
