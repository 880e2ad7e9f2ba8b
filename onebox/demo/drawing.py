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

ZOOM = 8  # picture elements of a patch's pixel
GAP = 14  # picture elements between patches, and between photographs
MARGIN, HEADING = 40, 64  # picture elements around everything, and above for titles
DPI = 100


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
        from matplotlib.image import imsave
    except ImportError:
        raise MissingDependency(
            "The picture was not drawn: matplotlib is not installed. pip install 'onebox[plot]'."
        ) from None
    panels = {
        "the photographs": stacked([_pixels(picture) for picture in pictures]),
        f"{len(components)} principal components": mosaic(normalised(components)),
        f"{len(centers)} centres of k-means": mosaic(by_brightness(centers)),
    }
    width = sum(panel.shape[1] + MARGIN for panel in panels.values()) + MARGIN
    height = max(panel.shape[0] for panel in panels.values()) + HEADING + MARGIN
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    canvas: Any = FigureCanvasAgg(figure)
    left, places = MARGIN, []
    for title, panel in panels.items():
        places.append(left)
        middle = (left + panel.shape[1] / 2) / width
        figure.text(middle, 1 - HEADING / 2 / height, title, size=22, ha="center", va="center")
        left += panel.shape[1] + MARGIN
    canvas.draw()
    page = np.array(canvas.buffer_rgba())[:, :, :3]
    # Pasted, pixel for pixel: an image artist would take 60 MB to enlarge them.
    for left, panel in zip(places, panels.values(), strict=True):
        page[HEADING:, left:][: panel.shape[0], : panel.shape[1]] = panel
    with atomic_file(path) as file:
        imsave(file, page, format="png")


def stacked(images: Sequence[Pixels]) -> Pixels:
    """Images below each other, with white between them."""
    height = sum(len(image) + GAP for image in images) - GAP
    out = np.full((height, max(image.shape[1] for image in images), 3), 255, np.uint8)
    top = 0
    for image in images:
        out[top:, :][: len(image), : image.shape[1]] = image
        top += len(image) + GAP
    return out


def normalised(components: Floats) -> Floats:
    """Each component on a scale of its own from 0 to 1, with zero at 0.5."""
    largest = np.abs(components).max(axis=1, keepdims=True)
    return np.asarray(0.5 + 0.5 * components / np.where(largest > 0, largest, 1))


def by_brightness(patches: Floats) -> Floats:
    """The patches, dark ones first."""
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
