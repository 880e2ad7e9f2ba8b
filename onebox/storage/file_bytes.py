"""Bytes of a file at given places, with one read for all of a small file and for the end of any."""

from __future__ import annotations

import io
import mmap
import os
from functools import cached_property

from onebox.storage.locks import try_lock

KEPT_BYTES = 1 << 16


class FileBytes:
    """A file that is read in pieces.

    Parameters
    ----------
    path : path
        The file, which is opened here.

    Attributes
    ----------
    size : int
        Bytes of the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # not open(), which asks the system for more than is needed here: half the time of a small file
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            self.size = os.fstat(self._descriptor).st_size
            # What is small is held whole, so that nothing is looked up twice.
            self._kept_from = max(0, self.size - KEPT_BYTES)
            if self._kept_from:
                self._kept = memoryview(bytearray(KEPT_BYTES))
                self._read_into(self._kept_from, self._kept)
            else:
                self._kept = memoryview(os.read(self._descriptor, KEPT_BYTES))
                self.size = len(self._kept)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file, if that has not been done."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def at(self, start: int, stop: int) -> memoryview:
        """The bytes from `start` to `stop`, fewer where the file has fewer."""
        if start >= self._kept_from:
            return self._kept[start - self._kept_from : stop - self._kept_from]
        data = memoryview(bytearray(max(0, min(stop, self.size) - start)))
        return data[: self._read_into(start, data)]

    def into(self, start: int, data: memoryview) -> None:
        """Fill `data` with the bytes from `start` on; a short file leaves the rest as it is."""
        if start >= self._kept_from:
            kept = self.at(start, start + len(data))
            data[: len(kept)] = kept
        else:
            self._read_into(start, data)

    def mapped(self) -> mmap.mmap:
        """Map the file into memory, read-only, with a shared lock for as long as the map lives."""
        try_lock(self._descriptor, shared=True)
        return mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ)

    @cached_property
    def _file(self) -> io.FileIO:
        return io.FileIO(self._descriptor, closefd=False)

    def _read_into(self, start: int, data: memoryview) -> int:
        self._file.seek(start)
        done = 0
        while done < len(data):
            n_read = self._file.readinto(data[done:])  # may be short, and beyond 2 GB it is
            if not n_read:
                break
            done += n_read
        return done
