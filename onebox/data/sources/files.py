"""What sources of files share: a handle a file, its fingerprint, the check before reading.

Files are opened through pyarrow's filesystems, so that a path on another kind of storage is the
same thing with another filesystem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.fs as pafs

from onebox.data.source import Source
from onebox.data.sources.trace import Trace
from onebox.errors import BadInput, CorruptFile, DataChanged

READ_ERRORS = (pa.ArrowException, OSError, EOFError)
"""What libraries raise on a file that they cannot make sense of."""


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
    """A filesystem and some of its files, in the order of their rows.

    Attributes
    ----------
    filesystem : pyarrow.fs.FileSystem
    files : tuple of File
    label : str
        What messages call them.
    tags : dict of str to str
        ETags of objects that have been asked for, by path; "" where the store knows none.
    """

    filesystem: pafs.FileSystem
    files: tuple[File, ...]
    label: str
    tags: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_local(self) -> bool:
        return isinstance(self.filesystem, pafs.LocalFileSystem)

    def version(self, file: File) -> str:
        """What tells a file from what it was before: size and time, or size and ETag of an object.

        Empty where the storage knows neither. An object that is stored again keeps its ETag when its
        bytes are the same, and times of objects are in whole seconds.
        """
        if self.is_local:
            return file.fingerprint
        if file.path not in self.tags:
            with self.filesystem.open_input_file(file.path) as handle:
                self.note_tag(file, handle)
        tag = self.tags[file.path]
        if tag:
            return f"{file.size}-{tag}"
        return file.fingerprint if file.modified else ""

    def note_tag(self, file: File, handle: pa.NativeFile) -> None:
        """Take the ETag of an object that is open anyway."""
        if not self.is_local:
            self.tags[file.path] = _tag_of(handle)

    def check(self, file: File) -> None:
        """Refuse a file that is no longer the one the dataset was opened on."""
        if self.tags.get(file.path):
            self._check_tag(file)
            return
        info = self.filesystem.get_file_info(file.path)
        if info.type != pafs.FileType.File:
            raise DataChanged(f"{file.key} is gone. Open the dataset again with ob.dataset(...).")
        if (info.size, info.mtime_ns or 0) != (file.size, file.modified):
            raise DataChanged(
                f"{file.key} changed after the dataset was opened: it had {file.size:,} bytes and "
                f"has {info.size:,} now, or was written again. Open the dataset again with "
                "ob.dataset(...)."
            )

    def _check_tag(self, file: File) -> None:
        try:
            with self.filesystem.open_input_file(file.path) as handle:
                tag = _tag_of(handle)
        except FileNotFoundError:
            raise DataChanged(
                f"{file.key} is gone. Open the dataset again with ob.dataset(...)."
            ) from None
        if tag != self.tags[file.path]:
            raise DataChanged(
                f"{file.key} changed after the dataset was opened: its ETag was "
                f"{self.tags[file.path]} and is {tag} now. Open the dataset again with "
                "ob.dataset(...)."
            )

    def failure(self, file: File, place: str, error: Exception) -> Exception:
        """Make the error to raise when reading a file failed: it changed, or it is no good."""
        try:
            self.check(file)
        except DataChanged as changed:
            return changed
        return unreadable(file.key, place, error)

    @property
    def token(self) -> object:
        return (self.filesystem.type_name, tuple((f.path, f.fingerprint) for f in self.files))


class FileSource(Source):
    """Rows of files of one format.

    Parameters
    ----------
    folder : Folder
        The files.
    columns : sequence of str, optional
        The columns to see, in this order; files may differ in all others.
    """

    kind: ClassVar[str]

    def __init__(self, folder: Folder, columns: Sequence[str] | None = None) -> None:
        self.folder = folder
        self.columns = None if columns is None else tuple(columns)
        self._traces: dict[str, Trace] = {}

    def __getstate__(self) -> dict[str, Any]:
        """All but traces, which are of this machine."""
        return {**vars(self), "_traces": {}}

    @cached_property
    def _files(self) -> dict[str, File]:
        return {file.key: file for file in self.folder.files}

    @property
    def token(self) -> object:
        return self.folder.token

    def trace(self, file: str) -> Trace:
        if file not in self._traces:
            known = self._files[file]
            place = self._place(known) if self.folder.is_local else None
            disk, version = self.folder.filesystem, self._fingerprint(known)
            self._traces[file] = Trace(disk, known.path, version, known.size, place)
        return self._traces[file]

    def _fingerprint(self, file: File) -> str:
        """That of the file's spans: its version, and what a footer or header adds; "" if unknown."""
        version, more = self.folder.version(file), self._shape(file)
        return f"{version}-{more}" if version and more else version

    def _shape(self, file: File) -> str:
        """Hash of a footer or header, where there is one."""
        return ""

    def _place(self, file: File) -> tuple[int, int] | None:
        """The bytes that stay where they are when rows are added at the end."""
        return None

    def describe(self) -> str:
        count = len(self.folder.files)
        return f"{count:,} {self.kind} file{'s' if count != 1 else ''} in {self.folder.label}"


def _tag_of(handle: pa.NativeFile) -> str:
    """ETag of an open object; "" where there is none."""
    try:
        told = {name.lower(): value for name, value in (handle.metadata() or {}).items()}
    except NotImplementedError:
        return ""
    tag = told.get("etag", b"")  # S3 and Azure write ETag, Google etag
    return (tag.decode() if isinstance(tag, bytes) else str(tag)).strip('"')


def unreadable(key: str, place: str, error: Exception) -> BadInput:
    """Make the error to raise when a library cannot make sense of a file."""
    reason = " ".join(str(error).split())[:300]
    if isinstance(error, PermissionError):
        return BadInput(f"{key} cannot be read: permission denied. Check who may read it.")
    if isinstance(error, FileNotFoundError):
        return BadInput(f"{key} cannot be read: there is no such file.")
    return CorruptFile(
        f"{key}{place} is damaged or not what its name says: {reason}. Get a whole copy of the "
        "file, or leave it out of the list of paths."
    )
