"""Rows of svmlight (libsvm) files, as CSR.

Opening a file streams it once: to cut it about every 4 MB at the end of a line, and to learn how many
rows, entries and columns there are. Of `label index:value ...` the label becomes the last column,
"y", and entries the columns before; comments and `qid:` are passed over. Indices begin with 0 when
a file of the dataset has one, else with 1, as in scikit-learn's ``load_svmlight_file``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from onebox._kernels import svmlight
from onebox.data.columns import Columns, SparseColumns
from onebox.data.partition import Span
from onebox.data.schema import require_columns
from onebox.data.sources.array import entry_bytes
from onebox.data.sources.files import READ_ERRORS, File, FileSource, Folder
from onebox.errors import BadInput, CorruptFile

CHUNK_BYTES = 4 * 2**20
LINE_LIMIT = 64 * 2**20
WORKSPACE = 5  # times the text: itself, and room for what it holds at the most
TARGET = "y"
FAULTS = {
    svmlight.NO_LABEL: "begins with no number",
    svmlight.NO_INDEX: "has no index and colon",
    svmlight.NO_VALUE: "has no number behind a colon",
    svmlight.NOT_RISING: "has indices that do not rise",
}


@dataclass(frozen=True)
class Chunk:
    """Some whole lines of a file."""

    offset: int
    nbytes: int
    n_rows: int
    n_entries: int
    lowest: int  # index; that of no entry is beyond all
    highest: int  # -1 when there is none


class SvmlightSource(FileSource):
    """Rows of svmlight files.

    Parameters
    ----------
    folder : Folder
        The files.
    columns : sequence of str, optional
        The columns to see, in this order.
    chunk_bytes : int
        Bytes between cuts.
    """

    kind: ClassVar[str] = "svmlight"

    def __init__(
        self, folder: Folder, columns: Sequence[str] | None = None, *, chunk_bytes: int = CHUNK_BYTES
    ) -> None:  # fmt: skip
        super().__init__(folder, columns)
        self.chunk_bytes = chunk_bytes

    @cached_property
    def _chunks(self) -> dict[str, list[Chunk]]:
        return {file.key: self._cut(file) for file in self.folder.files}

    def _cut(self, file: File) -> list[Chunk]:
        chunks, rest, offset = [], b"", 0
        try:
            with self.folder.filesystem.open_input_file(file.path) as handle:
                while data := handle.read(self.chunk_bytes):
                    text = rest + data
                    end = text.rfind(b"\n") + 1
                    text, rest = text[:end], text[end:]
                    if len(rest) > LINE_LIMIT:
                        raise CorruptFile(
                            f"{file.key} has a line of more than {LINE_LIMIT:,} bytes, from byte "
                            f"{offset + end:,} on. It is no svmlight file."
                        )
                    if text:
                        chunks.append(self._seen(file, text, offset))
                        offset += len(text)
        except READ_ERRORS as error:
            raise self.folder.failure(file, "", error) from error
        return [*chunks, self._seen(file, rest, offset)] if rest else chunks

    def _seen(self, file: File, text: bytes, offset: int) -> Chunk:
        rows, _ = _parsed(text, file.key, offset)
        used = rows.indices
        lowest, highest = (int(used.min()), int(used.max())) if len(used) else (2**31, -1)
        return Chunk(offset, len(text), rows.shape[0], rows.nnz, lowest, highest)

    @cached_property
    def _first(self) -> int:
        """The index of the first column."""
        lowest = min((one.lowest for each in self._chunks.values() for one in each), default=1)
        return int(lowest > 0)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """All columns, the label last."""
        highest = max((one.highest for each in self._chunks.values() for one in each), default=-1)
        return (*(f"x{j}" for j in range(highest + 1 - self._first)), TARGET)

    @cached_property
    def _schema(self) -> pa.Schema:
        seen = self._names if self.columns is None else self.columns
        require_columns(list(self._names), list(seen), self.folder.label)
        return pa.schema([(name, pa.float64()) for name in seen])

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @cached_property
    def _spans(self) -> list[Span]:
        spans = []
        for file in self.folder.files:
            first, fingerprint = 0, self._fingerprint(file)
            for i, chunk in enumerate(self._chunks[file.key]):
                spans.append(Span(file.key, i, first, chunk.n_rows, chunk.nbytes, fingerprint))
                first += chunk.n_rows
        return spans

    def spans(self) -> list[Span]:
        return self._spans

    @cached_property
    def _entry_row_bytes(self) -> int:
        every = [one for each in self._chunks.values() for one in each]
        n_rows = sum(one.n_rows for one in every)
        return entry_bytes(sum(one.n_entries for one in every) + n_rows, n_rows, np.dtype(float))

    @property
    def entry_row_bytes(self) -> int | None:
        return self._entry_row_bytes

    def read(
        self, span: Span, start: int, stop: int, names: Sequence[str], rows_per_batch: int
    ) -> Iterator[Columns]:
        file = self._files[span.file]
        self.folder.check(file)
        chunk = self._chunks[span.file][span.index]
        try:
            with self.folder.filesystem.open_input_file(file.path) as handle:
                handle.seek(chunk.offset)
                text = handle.read(chunk.nbytes)
        except READ_ERRORS as error:
            raise self.folder.failure(file, f", part {span.index},", error) from error
        rows, labels = _parsed(text, span.file, chunk.offset)
        del text
        self.folder.check(file)
        yield self._as_columns(rows, labels).select(names)

    def _as_columns(self, rows: sp.csr_array, labels: np.ndarray) -> Columns:
        p = len(self._names) - 1
        shifted = sp.csr_array(
            (rows.data, rows.indices - self._first, rows.indptr), (len(labels), p)
        )
        both = sp.hstack([shifted, sp.csr_array(labels[:, None])], format="csr")
        return SparseColumns(sp.csr_array(both), self._names)

    def reading_bytes(self, span: Span, names: Sequence[str], rows_per_batch: int) -> int:
        return WORKSPACE * span.nbytes


def _parsed(text: bytes, key: str, offset: int) -> tuple[sp.csr_array, np.ndarray]:
    """Entries, by their indices as they stand, and labels of whole lines."""
    n_lines, n_colons = text.count(b"\n") + 1, text.count(b":")
    labels, starts = np.empty(n_lines), np.empty(n_lines + 1, np.int64)
    columns, values = np.empty(n_colons, np.int32), np.empty(n_colons)
    n_rows, n_entries, fault, at = svmlight.parse(text, labels, starts, columns, values)
    if fault != svmlight.OK:
        begin = text.rfind(b"\n", 0, at) + 1
        line = text[begin:].partition(b"\n")[0][:60].decode(errors="replace")
        raise BadInput(
            f"{key}, byte {offset + at:,}: the line {line!r} {FAULTS[fault]}. A line of svmlight is "
            "'label index:value index:value ...'; correct it, or leave the file out."
        )
    shape = (n_rows, int(columns[:n_entries].max(initial=0)) + 1)
    parts = (values[:n_entries], columns[:n_entries], starts[: n_rows + 1])
    return sp.csr_array(parts, shape=shape), labels[:n_rows]
