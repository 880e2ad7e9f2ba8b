"""Random projection with a matrix of normal numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from onebox.random_projection.matrix import normals
from onebox.random_projection.projection import RandomProjection

PANEL_NUMBERS = 1 << 21  # of the matrix that are made at a time
KEPT_PANELS = 8


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
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names

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
    row, by BLAS. The matrix is made in panels of two million numbers, of which eight are kept: a larger
    one is made again for every block of rows. `SparseRandomProjection` takes a fraction of that for
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
        return TimesNormals(self._seed, self.n_components_)

    def _project_sparse(self, X: Any) -> Any:
        return X @ self.components_.T.astype(X.dtype)


@dataclass(frozen=True)
class TimesNormals:
    """Multiplies rows by a matrix of normal numbers.

    Attributes
    ----------
    seed, n_components : int
    """

    seed: int
    n_components: int

    @property
    def scale(self) -> float:
        """The standard deviation of the matrix."""
        return 1 / sqrt(self.n_components)

    def panels(self, n_columns: int) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Parts of the matrix, a row for each column of X, and the column that each begins with."""
        width = max(PANEL_NUMBERS // self.n_components, 1)
        make = _kept_normals if n_columns <= KEPT_PANELS * width else normals
        for first in range(0, n_columns, width):
            yield first, make(self.seed, self.n_components, first, min(width, n_columns - first))

    def __call__(self, X: Any) -> Any:
        out = np.zeros((len(X), self.n_components), X.dtype)
        for first, panel in self.panels(X.shape[1]):
            out += X[:, first : first + len(panel)] @ panel.astype(X.dtype, copy=False)
        out *= X.dtype.type(self.scale)
        return out


_kept_normals = lru_cache(maxsize=KEPT_PANELS)(normals)
