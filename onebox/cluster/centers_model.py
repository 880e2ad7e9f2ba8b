"""What every model does that consists of centres: labels, distances, score; and what it refuses."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from onebox.base.estimator import Estimator
from onebox.cluster.centers import Centers
from onebox.cluster.lloyd import Inertia, label, transform
from onebox.data.scratch import Scratch
from onebox.data.view import View
from onebox.dataset import Dataset
from onebox.engine.run import Run
from onebox.errors import BadInput, EmptyData

STARTS = ("k-means||", "k-means++", "random")


class CentersModel(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    ClusterMixin,  # type: ignore[misc]
    Estimator,
):
    """A model of ``cluster_centers_``."""

    n_clusters: int
    init: Any
    n_init: int | str
    max_iter: int
    tol: float
    cluster_centers_: Any

    def predict(self, X: Any) -> Any:
        """Index of the nearest centre of every row: an array, or a lazy Dataset for a Dataset."""
        check_is_fitted(self)
        find = partial(_label, centers=self.cluster_centers_)
        return self._apply(X, find, [("label", np.int32)], takes_sparse=True)

    def transform(self, X: Any) -> Any:
        """Distance of every row to every centre."""
        check_is_fitted(self)
        names = self.get_feature_names_out()
        distances = partial(_transform, centers=self.cluster_centers_)
        fields = [(name, self.cluster_centers_.dtype) for name in names]
        return self._apply(X, distances, fields, takes_sparse=True)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the inertia of these rows; one pass."""
        check_is_fitted(self)
        view, settings = self._training_view(X, None, sample_weight, reset=False)
        view = view.sparsely()
        scoring = Inertia(Centers(self.cluster_centers_.astype(np.float64), view.schema.dtype))
        with Run(view, [scoring], settings=settings, job=f"{type(self).__name__} score") as run:
            return -scoring.result(run.scan(scoring))

    def __getstate__(self) -> dict[str, Any]:
        """What copies and files hold: all but lazy labels, which would read the rows of the fit."""
        state = dict(super().__getstate__())
        if isinstance(state.get("labels_"), Dataset):
            del state["labels_"]
        return state

    def _start_of(self, n_features: int) -> NDArray[np.float64]:
        """The centres that `init` is."""
        given = np.array(self.init, dtype=np.float64)
        if given.shape != (self.n_clusters, n_features):
            raise BadInput(
                f"init has shape {given.shape}; {self.n_clusters} clusters of {n_features} "
                f"features need ({self.n_clusters}, {n_features})."
            )
        if not np.isfinite(given).all():
            row, column = np.argwhere(~np.isfinite(given))[0]
            raise BadInput(f"init is {given[row, column]} in centre {row}, column {column}.")
        return given

    def _warn_of_duplicates(self, n_filled: int, *, stacklevel: int) -> None:
        if n_filled < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_filled}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=stacklevel,
            )

    def _check_parameters(self) -> None:
        if not is_count(self.n_clusters):
            raise BadInput(f"n_clusters={self.n_clusters!r} must be an integer of 1 or more.")
        if isinstance(self.init, str) and self.init not in STARTS:
            raise BadInput(f"init={self.init!r} must be one of {STARTS} or an array of centres.")
        if self.max_iter < 1:
            raise BadInput(f"max_iter={self.max_iter!r} must be 1 or more.")
        if not self.tol >= 0:
            raise BadInput(f"tol={self.tol!r} must be 0 or more.")
        if self.n_init != "auto" and not is_count(self.n_init):
            raise BadInput(f"n_init={self.n_init!r} must be 'auto' or an integer of 1 or more.")

    def _refuse_too_few(self, n_rows: int | None, view: View) -> None:
        if n_rows == 0:
            raise EmptyData(
                f"{type(self).__name__} was given 0 rows: {view.source.describe()} holds none, or its "
                "filters leave none. It needs at least one (a minimum of 1 is required)."
            )
        if n_rows is not None and n_rows < self.n_clusters:
            raise BadInput(
                f"n_samples={n_rows} should be >= n_clusters={self.n_clusters}: ask for fewer clusters."
            )

    def _refuse_too_few_weights(self, n_rows: int) -> None:
        """`n_rows` are those of the sample, which takes none without weight."""
        if n_rows < self.n_clusters:
            raise BadInput(
                f"{n_rows} rows have a weight above 0, and n_clusters={self.n_clusters} clusters need "
                "as many: ask for fewer clusters, or give other weights."
            )


def _label(X: Any, *, centers: Any) -> NDArray[np.int32]:
    return label(X, centers.astype(np.float64), Scratch())


def _transform(X: Any, *, centers: Any) -> Any:
    return transform(X, centers.astype(np.float64)).astype(centers.dtype)


def is_count(value: Any) -> bool:
    """Whether a value is an integer of 1 or more."""
    return isinstance(value, int | np.integer) and bool(value >= 1)
