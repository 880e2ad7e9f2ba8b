"""Rows times a sparse matrix of signs, whatever draws the signs."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from onebox._kernels import signs as kernel
from onebox.random_projection.matrix import Factor, Signs


@dataclass(frozen=True)
class SignFactor(Factor):
    """Adds columns and takes them away."""

    @property
    @abstractmethod
    def scale(self) -> float:
        """What the entries of the matrix are, but for the sign."""

    def matrix(self, n_columns: int) -> sp.csr_matrix:
        """The matrix, of shape (n_components, n_columns)."""
        panels = [panel.matrix for _, panel in self.panels(n_columns)]
        made = sp.hstack(panels, format="csr")
        made.data *= self.scale
        return made

    def __call__(self, X: Any) -> Any:
        if sp.issparse(X):
            return (X @ self.matrix(X.shape[1]).T.astype(X.dtype)).toarray()
        X = np.ascontiguousarray(X)
        out = np.zeros((len(X), self.n_components), X.dtype)
        sums = np.empty((self.n_components, kernel.tile_rows()), X.dtype)
        panel: Signs
        for first, panel in self.panels(X.shape[1]):
            kernel.project(X, first, panel.starts, panel.rows, self.scale, sums, out)
        return out
