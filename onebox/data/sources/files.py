"""What all sources of files share: one handle a file, its fingerprint, and the check before reading.

Files are opened through pyarrow's filesystems, so that a path on another kind of storage is the same
thing with another filesystem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.fs as pafs

from onebox.errors import BadInput, CorruptFile, DataChanged, SchemaMismatch


@dataclass(frozen=True)
class File:
    """One file of a dataset.

    Attributes
    ----------
    path : str
        As the filesystem knows it.
    key : str
        Relative to the dataset's root: names the file in samples, messages and caches.
    size : int
        Bytes.
    modified : int
        Modification time in nanoseconds.
    """

    path: str
    key: str
    size: int
    modified: int

    @property
    def fingerprint(self) -> str:
        return f"{self.size}-{self.modified}"


@dataclass(frozen=True)
class Folder:
    """A filesystem and some of its files, in the order of their keys."""

    filesystem: pafs.FileSystem
    files: tuple[File, ...]
    label: str

    def check(self, file: File) -> None:
        """Refuse a file that is no longer the one the dataset was opened on."""
        info = self.filesystem.get_file_info(file.path)
        if info.type != pafs.FileType.File:
            raise DataChanged(f"{file.key} is gone. Open the dataset again with ob.dataset(...).")
        if (info.size, info.mtime_ns) != (file.size, file.modified):
            raise DataChanged(
                f"{file.key} changed after the dataset was opened: it had {file.size:,} bytes and has "
                f"{info.size:,} now, or was written again. Open the dataset again with ob.dataset(...)."
            )

    @property
    def token(self) -> object:
        return (self.label, tuple((f.path, f.fingerprint) for f in self.files))


def settle_schemas(schemas: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
    """One schema for all files, or an error that names the file and column that differ.

    Types that widen without loss (int32 and int64, float and double, null and anything) are widened;
    columns must be the same by name, in any order.
    """
    _, first = schemas[0]
    fields = {f.name: f for f in first.remove_metadata()}
    for key, schema in schemas[1:]:
        if schema.equals(first):
            continue
        extra = [n for n in schema.names if n not in fields]
        gone = [n for n in fields if n not in schema.names]
        if extra or gone:
            what = f"has a column {extra[0]!r} that" if extra else f"lacks the column {gone[0]!r} that"
            other = f"{schemas[0][0]} has not" if extra else f"{schemas[0][0]} has"
            raise SchemaMismatch(
                f"{key} {what} {other}. All files of one dataset need the same columns; open them "
                "apart, or hand over columns=[...] with those they share."
            )
        for field in schema.remove_metadata():
            fields[field.name] = _widened(fields[field.name], field, schemas[0][0], key)
    return pa.schema(list(fields.values()))


def _widened(one: pa.Field, other: pa.Field, one_key: str, other_key: str) -> pa.Field:
    if one.type == other.type:
        return one
    try:
        return pa.unify_schemas(
            [pa.schema([one]), pa.schema([other])], promote_options="permissive"
        ).field(0)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        raise SchemaMismatch(
            f"Column {one.name!r} is {one.type} in {one_key} and {other.type} in {other_key}. Give "
            "the column one type in all files, or leave it out."
        ) from None


def unreadable(key: str, place: str, error: Exception) -> BadInput:
    """The error to raise when a library cannot make sense of a file."""
    reason = " ".join(str(error).split())[:300]
    if isinstance(error, PermissionError):
        return BadInput(f"{key} cannot be read: permission denied. Check who may read it.")
    if isinstance(error, FileNotFoundError):
        return BadInput(f"{key} cannot be read: there is no such file.")
    return CorruptFile(
        f"{key}{place} is damaged or not what its name says: {reason}. Get a whole copy of the file, "
        "or leave it out of the list of paths."
    )
