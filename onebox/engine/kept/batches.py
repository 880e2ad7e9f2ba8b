"""Several packed summaries as one value that a `Memory` keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.engine.kept.packing import Numbers, Packer, unpacked
from onebox.storage.compression import decompress

CODEC = "lz4"  # zstd makes sketches smaller, and is slower to undo
Shares = list[dict[int, Any]]


@dataclass(frozen=True)
class Packed:
    """The summaries of one unit.

    Attributes
    ----------
    forms : list of dict of int to str
        For each aggregate, the forms of its shares by group, counted from the unit's first.
    data : bytes or ndarray of uint8
        Their numbers.
    rows, dropped : int
        That came through, and that were left out for a missing value.
    """

    forms: list[dict[int, str]]
    data: Any
    rows: int
    dropped: int

    @classmethod
    def of(cls, shares: Shares, rows: int, dropped: int) -> Packed:
        """Copy shares.

        Raises
        ------
        WrongType
            When they hold what cannot be kept.
        """
        packer = Packer()
        forms = [
            {group: packer.pack(one) for group, one in share.items()} for share in shares
        ]  # fmt: skip
        return cls(forms, packer.joined(), rows, dropped)

    def shares(self, classes: Sequence[dict[str, type]]) -> Shares:
        """The shares again, as views of `data`."""
        numbers = Numbers(self.data)
        return [
            {group: unpacked(form, numbers, known) for group, form in forms.items()}
            for forms, known in zip(self.forms, classes, strict=True)
        ]


def batch_of(packed: Sequence[Packed]) -> dict[str, Any]:
    """Packed summaries as one value of plain parts and one array."""
    known: dict[str, int] = {}
    units = []
    for one in packed:
        forms = [
            [[group, known.setdefault(form, len(known))] for group, form in part.items()]
            for part in one.forms
        ]
        units.append([len(one.data), one.rows, one.dropped, forms])
    data = b"".join(one.data for one in packed)
    squeezed = pa.Codec(CODEC).compress(data, asbytes=True)
    return {
        "units": json.dumps({"forms": list(known), "units": units}, separators=(",", ":")),
        "size": len(data),
        "data": np.frombuffer(squeezed, np.uint8),
    }


def packed_of(batch: dict[str, Any]) -> list[Packed]:
    """What `batch_of` put together."""
    about = json.loads(batch["units"])
    data: NDArray[np.uint8] = np.empty(batch["size"], np.uint8)
    squeezed: Any = np.ascontiguousarray(batch["data"])
    decompress(CODEC, "none", 1, squeezed, data.data)
    made, at = [], 0
    for size, rows, dropped, parts in about["units"]:
        forms = [{group: about["forms"][number] for group, number in part} for part in parts]
        made.append(Packed(forms, data[at : at + size], rows, dropped))
        at += size
    return made
