"""Who is whose neighbour: a graph, checked at the door and made connected."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from onebox._kernels import edges
from onebox.cluster.hierarchy.metrics import (
    COMPILED,
    Float64,
    Metric,
    between,
    directed,
    is_compiled,
)
from onebox.cluster.hierarchy.rows import LANES, require_room
from onebox.config import resolve
from onebox.errors import BadInput, BadValue

Int64 = NDArray[np.int64]
MOST_ENDS = 2**31 - 1  # of edges, which kernels number by 32 bits


@dataclass(frozen=True, eq=False)
class Graph:
    """A connected graph.

    Attributes
    ----------
    matrix : csr_array of bool, of shape (n, n)
        Symmetric, without a diagonal, indices sorted.
    n_components : int
        As it was given.
    """

    matrix: sp.csr_array
    n_components: int

    @property
    def ends(self) -> NDArray[np.int32]:
        """The two rows of every edge, the earlier first; in the order of the later, then the earlier."""
        m = self.matrix
        later = np.repeat(np.arange(m.shape[0], dtype=np.int32), np.diff(m.indptr))
        once = m.indices < later
        return np.column_stack([m.indices[once], later[once]]).astype(np.int32)


def checked(connectivity: Any, n_samples: int, things: str = "rows") -> sp.csr_array:
    """The graph of a connectivity matrix: two rows are neighbours where either entry is not zero.

    Parameters
    ----------
    connectivity : array or sparse matrix
    n_samples : int
    things : str, default="rows"
        What errors call that which is clustered.

    Returns
    -------
    csr_array of bool, of shape (n_samples, n_samples)
        Symmetric, without a diagonal.

    Raises
    ------
    BadInput
        When it is not square, does not fit the rows, or holds something negative.
    BadValue
        For a NaN or an infinity.
    """
    if not sp.issparse(connectivity):
        connectivity = np.atleast_2d(np.asarray(connectivity))
        if connectivity.dtype == object:
            connectivity = connectivity.astype(np.float64)
    if connectivity.ndim != 2 or connectivity.shape != (n_samples, n_samples):
        raise BadInput(
            f"connectivity has shape {connectivity.shape}, but there are {n_samples:,} {things}. Wrong "
            "shape for connectivity matrix: it needs a row and a column for each of them, as "
            "kneighbors_graph and grid_to_graph give."
        )
    matrix = sp.csr_array(connectivity)
    _require_weights(matrix)
    # Before the sum, so that weights cannot cancel.
    matrix = sp.csr_array((matrix.data != 0, matrix.indices, matrix.indptr), shape=matrix.shape)
    matrix = (matrix + matrix.T).tocsr()
    if matrix.diagonal().any():
        keep = matrix.tocoo()
        off = keep.row != keep.col
        matrix = sp.csr_array((keep.data[off], (keep.row[off], keep.col[off])), shape=matrix.shape)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    if matrix.nnz > MOST_ENDS:
        raise BadInput(
            f"connectivity has {matrix.nnz:,} entries; at most {MOST_ENDS:,} are possible."
        )
    return matrix


def _require_weights(matrix: sp.csr_array) -> None:
    bad = ~np.isfinite(matrix.data) | (matrix.data < 0)
    if not bad.any():
        return
    at = int(np.flatnonzero(bad)[0])
    value, column = matrix.data[at], matrix.indices[at]
    row = int(np.searchsorted(matrix.indptr, at, side="right")) - 1
    kind = BadInput if np.isfinite(value) else BadValue
    raise kind(
        f"connectivity holds {value} at row {row}, column {column}: {int(bad.sum()):,} entries are "
        "negative or not finite. It says who is whose neighbour, by any positive number, and no "
        "more: distances come from X."
    )


def connected(matrix: sp.csr_array, X: Float64, metric: Metric, disconnected: str) -> Graph:
    """A graph that is connected: as it is, or completed by edges between components.

    Parameters
    ----------
    matrix : csr_array
        What `checked` gave.
    X : array of shape (n, p)
    metric : str or callable
    disconnected : {"join", "refuse"}
        What to do with several components: join the closest rows of every two of them, as
        scikit-learn does, with a warning; or refuse.

    Raises
    ------
    BadInput
        When they are refused.
    NotEnoughMemory
        When there are so many that the edges between them do not fit the budget.
    """
    n_components, labels = connected_components(matrix, directed=False)
    if n_components <= 1:
        return Graph(matrix, 1)
    found = (
        f"the number of connected components of the connectivity matrix is {n_components} > 1, of "
        f"{_in_words(np.bincount(labels))} rows."
    )
    if disconnected == "refuse":
        raise BadInput(
            f"{found[0].upper()}{found[1:]} One tree cannot hold them, and disconnected='refuse' "
            "forbids to join them. Give more neighbours, cluster each component alone, or pass "
            "disconnected='join'."
        )
    pairs = n_components * (n_components - 1) // 2
    require_room(
        64 * pairs, resolve(), f"Joining {n_components:,} components by {pairs:,} edges",
        "Give more neighbours, or cluster each component alone.",
    )  # fmt: skip
    warnings.warn(
        f"{found} Completing it to avoid stopping the tree early: the closest rows of every two "
        f"components become neighbours, {pairs:,} edges. Give more neighbours to have no need of "
        "them, or disconnected='refuse' to make this an error.",
        stacklevel=5,
    )
    if is_compiled(metric):
        added = _closest(directed(X, metric), labels, n_components, COMPILED[str(metric)])
    else:
        added = _closest_of_any(X, labels, n_components, metric)
    ones = np.ones(2 * len(added), bool)
    both = np.concatenate([added, added[:, ::-1]])
    matrix = (matrix + sp.csr_array((ones, both.T), shape=matrix.shape)).tocsr()
    matrix.sort_indices()
    return Graph(matrix, int(n_components))


def _in_words(counts: Int64) -> str:
    shown = [f"{count:,}" for count in sorted(counts, reverse=True)[:4]]
    return ", ".join(shown) + (", ..." if len(counts) > 4 else "")


def _closest(X: Float64, labels: Any, n_components: int, absolute: bool) -> Int64:
    """The closest two rows of every two components."""
    counts = np.bincount(labels)
    blocks = -(-counts // LANES)
    start = np.cumsum(blocks) - blocks
    order = np.argsort(labels, kind="stable")
    slots = (
        np.arange(len(X))
        - (np.cumsum(counts) - counts)[labels[order]]
        + LANES * start[labels[order]]
    )
    lanes = np.full((blocks.sum(), X.shape[1], LANES), np.inf)
    lanes[slots // LANES, :, slots % LANES] = X[order]
    ends = np.empty((n_components * (n_components - 1) // 2, 2), np.int64)
    edges.closest(lanes, start, counts, absolute, np.empty(X.shape[1]), ends)
    if ends.min() < 0:
        raise BadInput(
            "Distances between components overflow float64. Scale X, by StandardScaler for one."
        )
    rows = np.empty(LANES * len(lanes), np.int64)
    rows[slots] = order
    return rows[ends]


def _closest_of_any(X: Float64, labels: Any, n_components: int, metric: Metric) -> Int64:
    members = [np.flatnonzero(labels == one) for one in range(n_components)]
    ends = []
    for one in range(n_components):
        for other in range(one):
            D = between(X, members[one], members[other], metric)
            i, j = np.unravel_index(D.argmin(), D.shape)
            ends.append((members[one][i], members[other][j]))
    return np.array(ends)
