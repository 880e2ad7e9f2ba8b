"""The three jobs of the demo, each a few lines of what a user would write."""

from __future__ import annotations

from typing import Any

import onebox as ob
from onebox.cluster import KMeans
from onebox.decomposition import PCA
from onebox.describe import describe
from onebox.pipeline import make_pipeline
from onebox.preprocessing import StandardScaler

N_COMPONENTS = 64
N_CENTERS = 64
MAX_ITER = 12


def overview(data: ob.Dataset) -> Any:
    """Every column described, in one pass."""
    return describe(data)


def components(data: ob.Dataset) -> Any:
    """Principal components of the standardised columns, in two passes."""
    return make_pipeline(StandardScaler(), PCA(n_components=N_COMPONENTS)).fit(data)


def centers(data: ob.Dataset) -> Any:
    """Typical patches, in a pass to start, one an iteration, and one for the inertia.

    The columns are not standardised first: all of them are brightnesses from 0 to 1, so that
    distances mean the same everywhere, and the centres are patches as they are.
    """
    return KMeans(N_CENTERS, max_iter=MAX_ITER, random_state=0).fit(data)
