"""Every overlapping patch of some pictures as the rows of a table that is never held.

A patch of 12 x 12 pixels in three colours is a row of 432 numbers. Two photographs of 427 x 640
pixels are 1.6 MB; their 523,328 patches would be 904 MB. They are made when a block is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.data.columns import Columns, MatrixColumns
from onebox.data.partition import Span
from onebox.data.source import Source
from onebox.errors import MissingDependency
from onebox.storage.hashing import hash_bytes

Picture = NDArray[np.float32]
PATCH = 12
PHOTOGRAPHS = ("china.jpg", "flower.jpg")


class Patches(Source):
    """All patches of pictures, row by row, then column by column.

    Parameters
    ----------
    pictures : sequence of ndarray of shape (height, width, 3), float32
        What to cut, with values from 0 to 1.
    size : int
        Pixels of a patch in each direction.

    Examples
    --------
    >>> import numpy as np
    >>> import onebox as ob
    >>> picture = np.zeros((5, 7, 3), np.float32)
    >>> ob.dataset(Patches([picture], size=2)).shape
    (24, 12)
    """

    raw = True

    def __init__(self, pictures: Sequence[Picture], size: int = PATCH) -> None:
        self.size = size
        # Colours of a pixel lie side by side, so that one row of a patch is one run of numbers.
        self._pictures = [np.ascontiguousarray(p, np.float32) for p in pictures]
        self._names = tuple(
            f"{colour}_{row}_{column}"
            for row in range(size)
            for column in range(size)
            for colour in ("red", "green", "blue")
        )
        self._fingerprints = [hash_bytes(picture.tobytes()) for picture in self._pictures]

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(name, pa.float32()) for name in self._names])

    def spans(self) -> list[Span]:
        spans = []
        for index, picture in enumerate(self._pictures):
            down, across = self._places(picture)
            rows = down * across
            # Nothing comes from a disk; counted as read are the numbers that are handed over.
            nbytes = rows * len(self._names) * 4
            key = self._fingerprints[index]
            spans.append(Span(f"picture {index}", index, 0, rows, nbytes, key, seekable=True))
        return spans

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        picture = self._pictures[span.index]
        for first in range(start, stop, rows_per_batch):
            rows = self._cut(picture, first, min(first + rows_per_batch, stop))
            yield MatrixColumns(rows, self._names).select(names)

    @property
    def token(self) -> object:
        return ("patches", self.size, *self._fingerprints)

    def describe(self) -> str:
        return f"{self.size} x {self.size} patches of {len(self._pictures)} pictures"

    def _places(self, picture: Picture) -> tuple[int, int]:
        """How many patches fit from top to bottom, and from left to right."""
        return picture.shape[0] - self.size + 1, picture.shape[1] - self.size + 1

    def _cut(self, picture: Picture, start: int, stop: int) -> NDArray[np.float32]:
        """Cut the patches from number `start` up to `stop`."""
        across = self._places(picture)[1]
        width = 3 * self.size
        lines = picture.reshape(len(picture), -1)
        windows = np.lib.stride_tricks.sliding_window_view(lines, (self.size, width))[:, ::3]
        out = np.empty((stop - start, self.size, width), np.float32)
        at = start
        while at < stop:
            row, column = divmod(at, across)
            count = min(across - column, stop - at)
            out[at - start : at - start + count] = windows[row, column : column + count]
            at += count
        return out.reshape(stop - start, -1)


def photographs() -> list[Picture]:
    """Read the two photographs that scikit-learn ships: 427 x 640 pixels, values from 0 to 1.

    Raises
    ------
    MissingDependency
        Without Pillow, which reads JPEG.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingDependency(
            "The photographs of the demo are JPEG files. Pillow reads them, and is not installed: "
            "pip install 'onebox[plot]'."
        ) from None
    folder = files("sklearn") / "datasets" / "images"
    pictures = []
    for name in PHOTOGRAPHS:
        with (folder / name).open("rb") as file:
            pictures.append(np.asarray(Image.open(file), np.float32) / np.float32(255))
    return pictures
