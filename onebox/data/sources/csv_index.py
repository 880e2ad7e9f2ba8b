"""What is found out about a CSV file once, and kept in the cache folder: cuts, counts and types."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc as ipc

from onebox.data.sources.csv_cuts import Cuts
from onebox.storage.store import Store

VERSION = 2


@dataclass(frozen=True)
class Growth:
    """What the index of a longer file of the same beginning goes on from.

    Attributes
    ----------
    size : int
        Of the file.
    cuts : Cuts
        Before the last, incomplete read.
    n_closed : int
        Samples that rows added at the end cannot change.
    types : pyarrow.Schema
        What those tell.
    mark : str
        Hash of samples of the file's bytes, by which it is known as the beginning of a longer one.
    """

    size: int
    cuts: Cuts
    n_closed: int
    types: pa.Schema
    mark: str = ""


@dataclass(frozen=True)
class Index:
    """A CSV file's cuts and types.

    Attributes
    ----------
    schema : pyarrow.Schema
        Names from the header; types inferred from samples.
    edges : tuple of int
        Byte offsets of the chunks, from the end of the header to the end of the file.
    rows : tuple of int
        Records of each chunk; none for a compressed file.
    """

    schema: pa.Schema
    edges: tuple[int, ...]
    rows: tuple[int, ...]
    growth: Growth | None = None

    def dump(self) -> bytes:
        """As bytes, to be kept."""
        table = pa.table({"edge": self.edges, "rows": (*self.rows, 0)})
        metadata = {"schema": self.schema.serialize().to_pybytes()}
        if (growth := self.growth) is not None:
            metadata["types"] = growth.types.serialize().to_pybytes()
            rest = [growth.size, growth.cuts.plain(), growth.n_closed, growth.mark]
            metadata["growth"] = json.dumps(rest).encode()
        table = table.replace_schema_metadata(metadata)
        sink = pa.BufferOutputStream()
        with ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue().to_pybytes())

    @classmethod
    def load(cls, data: bytes) -> Index:
        """Read what `dump` wrote."""
        table = ipc.open_stream(data).read_all()
        metadata, growth = table.schema.metadata, None
        if b"growth" in metadata:
            size, cuts, n_closed, mark = json.loads(metadata[b"growth"])
            types = ipc.read_schema(pa.py_buffer(metadata[b"types"]))
            growth = Growth(size, Cuts.of(cuts), n_closed, types, mark)
        schema = ipc.read_schema(pa.py_buffer(metadata[b"schema"]))
        edges, rows = table["edge"].to_pylist(), table["rows"].to_pylist()
        return cls(schema, tuple(edges), tuple(rows[:-1]), growth)


def kept_index(
    folder: Path, name: str, version: str, make: Callable[[Index | None], Index]
) -> Index:
    """Take the index of a version of a file that is kept in a folder.

    `make` makes it if there is none, perhaps from that of another version; it is kept in its place.
    Nothing is kept of a file without a version.
    """
    if not version:
        return make(None)
    key, head = f"csv index {VERSION}: {name}", version.encode() + b"\0"
    before = None
    # A folder that cannot be used costs time only: the index is made anew next time.
    with contextlib.suppress(OSError):
        kept = Store(folder).get(key)
        if kept is not None:
            with contextlib.suppress(LookupError, TypeError, ValueError):  # of another version
                before = Index.load(kept.partition(b"\0")[2])
            if before is not None and kept.startswith(head):
                return before
    index = make(before)
    with contextlib.suppress(OSError):
        Store(folder).put(key, head + index.dump())
    return index
