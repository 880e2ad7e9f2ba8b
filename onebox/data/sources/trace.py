"""How a cache recognises a file: by its fingerprint, as the beginning of a longer one, by its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow.fs as pafs
from xxhash import xxh3_128

CHUNK_BYTES = 4 * 2**20
WINDOWS, WINDOW_BYTES, END_BYTES = 16, 1024, 4096


@dataclass(frozen=True)
class Trace:
    """One file of a source, as it was when the source was opened.

    Attributes
    ----------
    filesystem : pyarrow.fs.FileSystem
    path : str
        As the filesystem knows it.
    fingerprint : str
        That of its spans; "" where the storage tells neither a time nor an ETag.
    size : int
    place : tuple of two ints, or None
        The bytes that stay in their place when rows are added at the end; None where adding rows
        moves what is there, and on remote storage, whose files are replaced as a whole.
    """

    filesystem: pafs.FileSystem
    path: str
    fingerprint: str
    size: int
    place: tuple[int, int] | None

    @property
    def name(self) -> str:
        """Tells the file from all others of this machine."""
        return f"{self.filesystem.type_name}:{self.path}"

    def content(self, start: int = 0, stop: int | None = None) -> str:
        """Hash of all bytes of a range, or of the file. Cost: one read of them."""
        state = xxh3_128()
        with self.filesystem.open_input_file(self.path) as file:
            file.seek(start)
            left = (self.size if stop is None else stop) - start
            while left and (chunk := file.read(min(CHUNK_BYTES, left))):
                state.update(chunk)
                left -= len(chunk)
        return f"content-{state.hexdigest()}"

    def samples(self, start: int, stop: int) -> str:
        """Hash of the ends of a range of bytes and of 16 windows in between; 24 kB at the most.

        Not of all bytes: to tell rows added at the end from another file must cost less than to
        read what was there before. An old value changed in place while rows are added can escape;
        ``ob.config(verify="content")`` is for those who do that.
        """
        state = xxh3_128(f"{start} {stop}".encode())
        with self.filesystem.open_input_file(self.path) as file:
            for first, length in _windows(start, stop):
                state.update(file.read_at(length, first))
        return str(state.hexdigest())


def _windows(start: int, stop: int) -> Iterator[tuple[int, int]]:
    length = stop - start
    if length <= WINDOWS * WINDOW_BYTES + 2 * END_BYTES:
        yield start, length
        return
    yield start, END_BYTES
    yield stop - END_BYTES, END_BYTES
    for i in range(1, WINDOWS + 1):
        yield start + length * i // (WINDOWS + 1), WINDOW_BYTES
