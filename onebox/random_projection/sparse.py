"""Random projection with a matrix that is almost empty."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from numbers import Real
from typing import Any, ClassVar

import scipy.sparse as sp
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from onebox.random_projection.matrix import Signs, counted, signs
from onebox.random_projection.projection import RandomProjection
from onebox.random_projection.sign_factor import SignFactor


class SparseRandomProjection(RandomProjection):
    """Reduce the number of columns with a very sparse random matrix, keeping distances within `eps`.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Columns that come out; "auto" takes what `johnson_lindenstrauss_min_dim` says for the number
        of rows and `eps`.
    density : float or "auto", default="auto"
        Share of entries that are not zero; "auto" is ``1 / sqrt(n_features)``.
    eps : float, default=0.1
        For ``n_components="auto"``: the largest relative error of squared distances.
    dense_output : bool, default=False
        Whether a sparse matrix becomes a dense one.
    compute_inverse_components : bool, default=False
        Whether `fit` computes the pseudo-inverse for `inverse_transform`, once.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    n_components_ : int
    density_ : float
        A multiple of 1/65,536.
    components_ : sparse matrix of float64 of shape (n_components, n_features)
        Made when it is asked for.
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
    Cost: `fit` reads no values of a Dataset. `transform` adds, for every row, as many numbers as the
    matrix has entries that are not zero: about ``n_components * sqrt(n_features)``. The matrix takes four
    bytes for each of them and 16 for each column; where that is more than 32 MB, it is made again for
    every block of rows and not kept.

    Exactness: every column of the matrix is a function of the seed and of its number alone. Sums run
    over the columns in order, in the dtype of X.

    Source: Li, Hastie & Church, "Very sparse random projections", KDD 2006; Achlioptas, J. Comput.
    Syst. Sci. 66 (2003).

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.random_projection import SparseRandomProjection
    >>> X = np.random.default_rng(0).normal(size=(100, 4_000))
    >>> projection = SparseRandomProjection(n_components=500, random_state=0).fit(X)
    >>> Z = projection.transform(X)
    >>> Z.shape, round(projection.density_, 4)
    ((100, 500), 0.0158)
    >>> before = np.linalg.norm(X[0] - X[1])
    >>> abs(np.linalg.norm(Z[0] - Z[1]) / before - 1) < 0.1
    np.True_
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RandomProjection._parameter_constraints,
        "density": [Interval(Real, 0.0, 1.0, closed="right"), StrOptions({"auto"})],
        "dense_output": ["boolean"],
    }

    density_: float

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        density: float | str = "auto",
        eps: float = 0.1,
        dense_output: bool = False,
        compute_inverse_components: bool = False,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.density = density
        self.eps = eps
        self.dense_output = dense_output
        self.compute_inverse_components = compute_inverse_components
        self.random_state = random_state

    @property
    def components_(self) -> sp.csr_matrix:
        """The matrix, of shape (n_components, n_features): made when it is asked for."""
        check_is_fitted(self)
        return self._function().matrix(self.n_features_in_)

    def _settle(self) -> None:
        density = 1 / sqrt(self.n_features_in_) if self.density == "auto" else float(self.density)
        self.density_ = counted(density)

    def _function(self) -> AddSigns:
        return AddSigns(self.seed_, self.n_components_, self.density_)

    def _project_sparse(self, X: Any) -> Any:
        out = super()._project_sparse(X)
        return out.toarray() if self.dense_output else out


@dataclass(frozen=True)
class AddSigns(SignFactor):
    """Adds columns and takes them away, as a sparse matrix of signs says.

    Attributes
    ----------
    density : float
    """

    density: float

    @property
    def scale(self) -> float:
        return 1 / sqrt(self.density * self.n_components)

    def nbytes(self, n_columns: int) -> float:
        return n_columns * (16 + 4 * self.n_components * self.density)

    def panel(self, first: int, n_columns: int) -> Signs:
        return signs(self.seed, self.n_components, first, n_columns, self.density)
