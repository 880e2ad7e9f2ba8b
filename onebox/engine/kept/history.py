"""What files were before: rows added at the end of a file leave what was read of it valid."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any

from onebox.config import Verify
from onebox.data.source import Source
from onebox.data.sources.trace import Trace
from onebox.engine.kept.shelf import Entries
from onebox.storage.hashing import hash_bytes

READERS = 4

Known = list[list[Any]]
"""Versions of one file, oldest first: fingerprint, size, first and last byte, hash of the samples."""


class History:
    """The versions of the files of one source.

    A version stands for an earlier one, too, when the file has grown since, and what was there
    then is still there: as far as its ends and 16 samples tell, or, with ``verify="content"``, all
    of its bytes.

    Parameters
    ----------
    source : Source
    entries : Entries
    verify : {"times", "content"}
    """

    def __init__(self, source: Source, entries: Entries, verify: Verify | None) -> None:
        self._source, self._entries = source, entries
        self._by_content = verify == "content"
        self.bytes_read = 0
        self._folders: dict[str, dict[str, Known]] = {}
        self._new: set[str] = set()
        self._traces: dict[str, Trace] = {}
        self._versions: dict[str, list[str]] = {}
        for file in dict.fromkeys(span.file for span in source.spans()):
            trace = source.trace(file)
            if trace is not None:
                self._traces[file] = trace
        self._contents = self._read_contents() if self._by_content else {}

    def versions(self, file: str) -> list[str]:
        """What this file is, latest first, and what it was; empty when nobody can tell."""
        if file not in self._versions:
            trace = self._traces.get(file)
            self._versions[file] = [] if trace is None else self._versions_of(file, trace)
        return self._versions[file]

    def keep(self) -> None:
        """Remember the versions of this run, once something has been kept of them."""
        for folder in self._new:
            self._entries.write(_folder_key(folder), self._folders[folder], _about(folder))
        self._new.clear()

    def _versions_of(self, file: str, trace: Trace) -> list[str]:
        now = self._contents.get(file, trace.fingerprint)
        if not now:
            return []
        if trace.place is None:
            return [now]
        folder = str(PurePosixPath(trace.path).parent)
        known = self._known(folder).setdefault(trace.name, [])
        prints = [one[0] for one in known]
        if now not in prints:
            if known and not self._continues(trace, known[-1]):
                known.clear()
            start, stop = trace.place
            known.append([now, trace.size, start, stop, self._samples(trace, start, stop)])
            self._new.add(folder)
            return [one[0] for one in reversed(known)]
        return prints[prints.index(now) :: -1]

    def _known(self, folder: str) -> dict[str, Known]:
        if folder not in self._folders:
            kept = self._entries.read(_folder_key(folder))
            self._folders[folder] = dict(kept) if isinstance(kept, dict) else {}
        return self._folders[folder]

    def _continues(self, trace: Trace, before: list[Any]) -> bool:
        _, size, start, stop, samples = before
        assert trace.place is not None
        if not (trace.size > size and trace.place[0] == start and trace.place[1] >= stop):
            return False
        return bool(self._samples(trace, start, stop) == samples)

    def _samples(self, trace: Trace, start: int, stop: int) -> str:
        if self._by_content:
            return trace.content(start, stop)
        return trace.samples(start, stop)

    def _read_contents(self) -> dict[str, str]:
        files = list(self._traces)
        with ThreadPoolExecutor(READERS) as pool:
            hashes = list(pool.map(lambda file: self._traces[file].content(), files))
        self.bytes_read += sum(trace.size for trace in self._traces.values())
        return dict(zip(files, hashes, strict=True))


def _about(folder: str) -> dict[str, Any]:
    return {"arguments": {"files of": folder}, "code": [], "version": ""}


def _folder_key(folder: str) -> str:
    return hash_bytes(f"files of {folder}".encode())
