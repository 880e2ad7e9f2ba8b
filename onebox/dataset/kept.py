"""Datasets as results in a cache: written down as one Parquet file, and opened lazily."""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from onebox.config import settings_in_force
from onebox.data.block import Block
from onebox.data.open import open_source
from onebox.data.view import View
from onebox.dataset.dataset import Dataset
from onebox.dataset.writers import WRITER_BYTES, write_rows
from onebox.engine.run import Run
from onebox.errors import CorruptFile
from onebox.storage.atomic import atomic_file
from onebox.storage.locks import try_lock

NOTE = b"onebox result"
STEP_BYTES = 1 << 20


def write(data: Dataset, path: Path, note: dict[str, Any], more: Callable[[int], None]) -> None:
    """Write the rows and a note to a file, atomically.

    Parameters
    ----------
    data : Dataset
    path : path
        Ends in ``.parquet``.
    note : dict
        Anything that `json` takes.
    more : callable
        Asks for room for so many bytes.

    Notes
    -----
    Cost: one pass over the data.
    """
    text = json.dumps({**note, "ndim": data.ndim, "drop_missing": data.view.drop_missing})
    run = Run(
        data.view.without_roles(), [], settings=data.settings, job="cache", task_bytes=WRITER_BYTES
    )
    with (
        atomic_file(path, sync=False) as file,
        pq.ParquetWriter(file, data.schema, compression="zstd", write_page_checksum=True) as writer,
        run,
    ):
        writer.add_key_value_metadata({NOTE: text.encode()})
        write_rows(writer, data.schema, _with_room(run.blocks(), file, more))


def read(path: Path) -> Dataset:
    """Open what was written. The file is locked for as long as the dataset, or one made of it, lives.

    Raises
    ------
    CorruptFile
        The file is damaged.
    """
    found = note(path)
    descriptor = os.open(path, os.O_RDONLY)
    try_lock(descriptor, shared=True)
    try:
        source = open_source(path)
    except BaseException:
        os.close(descriptor)
        raise
    weakref.finalize(source, os.close, descriptor)
    view = View(source, drop_missing=found["drop_missing"])
    return Dataset(view, settings_in_force(), ndim=found["ndim"])


def note(path: Path) -> dict[str, Any]:
    """Read the note of a file.

    Raises
    ------
    CorruptFile
        The file is damaged, or has none.
    """
    try:
        found: dict[str, Any] = json.loads(pq.read_metadata(path).metadata[NOTE])
    except (pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        raise CorruptFile(f"{path} is no dataset that was kept: {error!r}.") from error
    return found


def _with_room(
    blocks: Iterable[Block], file: BinaryIO, more: Callable[[int], None]
) -> Iterator[Block]:
    asked = 0
    for block in blocks:
        yield block
        while file.tell() + STEP_BYTES > asked:
            more(STEP_BYTES)
            asked += STEP_BYTES
