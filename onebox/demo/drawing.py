"""The demo's picture: the photographs, the components and the centres of their patches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox.demo.patches import Picture
from onebox.errors import MissingDependency
from onebox.storage.atomic import atomic_file

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.uint8]

ZOOM = 4  # picture elements of a patch's pixel
GAP = 3  # picture elements between patches
DPI = 150


def draw(path: Path, pictures: Sequence[Picture], components: Floats, centers: Floats) -> None:
    """Draw photographs, components and centres side by side into a PNG.

    Parameters
    ----------
    path : Path
    pictures : sequence of ndarray of shape (height, width, 3)
        Values from 0 to 1.
    components : ndarray of shape (n_components, 3 * size * size)
        Each is shown on a scale of its own: grey is zero.
    centers : ndarray of shape (n_centers, 3 * size * size)
        Values from 0 to 1, shown as they are, dark ones first.

    Raises
    ------
    MissingDependency
        Without matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependency(
            "The picture was not drawn: matplotlib is not installed. pip install 'onebox[plot]'."
        ) from None
    figure = Figure(figsize=(13.2, 5.2), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(pictures), 3, width_ratios=(0.78, 1, 1))
    for row, picture in enumerate(pictures):
        _show(figure.add_subplot(grid[row, 0]), _pixels(picture), "")
    panels = (
        (f"{len(components)} principal components", normalised(components)),
        (f"{len(centers)} centres of k-means", by_brightness(centers)),
    )
    for column, (title, patches) in enumerate(panels, start=1):
        _show(figure.add_subplot(grid[:, column]), mosaic(patches), title)
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def normalised(components: Floats) -> Floats:
    """Each component on a scale of its own from 0 to 1, with zero at 0.5."""
    largest = np.abs(components).max(axis=1, keepdims=True)
    return np.asarray(0.5 + 0.5 * components / np.where(largest > 0, largest, 1))


def by_brightness(patches: Floats) -> Floats:
    """Sort patches, dark ones first."""
    return patches[np.argsort(patches.mean(axis=1), kind="stable")]


def mosaic(patches: Floats) -> Pixels:
    """Patches of values from 0 to 1, enlarged and laid out in a square, row by row."""
    size = round((patches.shape[1] / 3) ** 0.5)
    across = int(np.ceil(len(patches) ** 0.5))
    down = -(-len(patches) // across)
    step = size * ZOOM + GAP
    out = np.full((down * step - GAP, across * step - GAP, 3), 255, np.uint8)
    for number, patch in enumerate(_pixels(patches).reshape(-1, size, size, 3)):
        row, column = divmod(number, across)
        large = patch.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
        out[row * step :, column * step :][: size * ZOOM, : size * ZOOM] = large
    return out


def _pixels(values: Floats) -> Pixels:
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def _show(axes: Any, image: Pixels, title: str) -> None:
    axes.imshow(image, interpolation="nearest")
    axes.set_title(title, fontsize=13)
    axes.set_axis_off()
