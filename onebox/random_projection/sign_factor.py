"""Rows times a sparse matrix of signs, whatever draws the signs."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import scipy.sparse as sp
from numpy.typing import NDArray

from onebox._kernels import signs as kernel
from onebox.base.outputs import Writer
from onebox.data.scratch import Scratch
from onebox.random_projection.matrix import Factor


@dataclass(frozen=True)
class SignFactor(Factor, Writer):
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
        """From a sparse matrix to the projections of its rows."""
        return (X @ self.matrix(X.shape[1]).T.astype(X.dtype)).toarray()

    def write(self, X: Any, out: NDArray[Any]) -> bool:
        room = Scratch().take("room", kernel.room(self.n_components, X.itemsize), X.dtype)
        return all(
            kernel.project(X, first, panel.starts, panel.rows, self.scale, room, first > 0, out)
            for first, panel in self.panels(X.shape[1])
        )
