"""Columns added into a few by a hash of their number."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import scipy.sparse as sp
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from onebox.random_projection.matrix import Signs, hashes
from onebox.random_projection.projection import RandomProjection
from onebox.random_projection.sign_factor import SignFactor


class CountSketch(RandomProjection):
    """Reduce the number of columns by adding each to one of a few, with a random sign.

    Parameters
    ----------
    n_components : int, default=100
        Columns that come out.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    n_components_ : int
    components_ : sparse matrix of float64 of shape (n_components, n_features)
        Made when it is asked for; one entry in each column, plus or minus one.
    seed_ : int
        What the matrix is a function of; drawn with `random_state`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport
        Of no pass: values are not read.

    Raises
    ------
    BadValue
        For a NaN or an infinity that `transform` meets, naming its place.
    WrongType
        For a column that is not numeric.

    Notes
    -----
    Cost: `fit` reads no values of a Dataset. `transform` takes one addition for each entry of X, the
    least of all projections: a sparse matrix becomes a sparse one of no more entries. The matrix takes
    20 bytes for each column; where that is more than 32 MB, it is made again and not kept.

    Exactness: every column of the matrix is a function of the seed and of its number alone. Squared
    distances are without bias, with a variance of at most ``2 / n_components`` of their square, as those
    of the denser projections; but where few columns outweigh the others and two of them meet, the
    error is as large as these, which no choice of `n_components` by the lemma of Johnson and
    Lindenstrauss rules out.

    Source: Charikar, Chen & Farach-Colton, "Finding frequent items in data streams", ICALP 2002;
    Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009, lemma 2;
    Clarkson & Woodruff, "Low rank approximation and regression in input sparsity time", STOC 2013.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from onebox.random_projection import CountSketch
    >>> X = sp.random_array((100, 50_000), density=0.001, rng=np.random.default_rng(0)).tocsr()
    >>> Z = CountSketch(n_components=2_000, random_state=0).fit_transform(X)
    >>> Z.shape, Z.nnz <= X.nnz
    ((100, 2000), True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    compute_inverse_components = False

    def __init__(self, n_components: int = 100, *, random_state: Any = None) -> None:
        self.n_components = n_components
        self.random_state = random_state

    @property
    def components_(self) -> sp.csr_matrix:
        """The matrix, of shape (n_components, n_features): made when it is asked for."""
        check_is_fitted(self)
        return self._function().matrix(self.n_features_in_)

    def _function(self) -> AddHashed:
        return AddHashed(self.seed_, self.n_components_)


@dataclass(frozen=True)
class AddHashed(SignFactor):
    """Adds every column to one, or takes it away from it."""

    @property
    def scale(self) -> float:
        return 1.0

    def nbytes(self, n_columns: int) -> float:
        return 20 * n_columns

    def panel(self, first: int, n_columns: int) -> Signs:
        return hashes(self.seed, self.n_components, first, n_columns)
