"""Results of generators: items written as they come, and played back one at a time.

The file is one of records (`onebox.storage.records`): one of kind ITEM for each item, its number for
a key and its value as in `onebox.persistence.compact` for a body; then one of kind END, whose body is
the recipe and the value that the generator returned, as in `onebox.memory.packing`. It gets its name
when the generator is exhausted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

from onebox.errors import CorruptFile
from onebox.memory import packing
from onebox.memory.trust import Signer
from onebox.persistence import build, compact, document_of, needs_trust_of
from onebox.storage.atomic import temporary_beside
from onebox.storage.locks import try_lock
from onebox.storage.records import BINARY, HEADER_BYTES, Record, RecordFile

ITEM, END = 4, 5
KIND = 1  # the number of the format, see onebox.memory.index
Recipe = dict[str, Any]


class Recorder:
    """Writes the items of a generator.

    Parameters
    ----------
    path : path
        The file, which appears with `finish`.
    key : str
        Of the result.
    signer : Signer
    more : callable
        Asks for room for so many bytes more.
    """

    def __init__(self, path: Path, key: str, signer: Signer, more: Callable[[int], None]) -> None:
        self.path, self.key = path, key
        self._signer, self._more = signer, more
        self._hidden = temporary_beside(path)
        descriptor = os.open(self._hidden, os.O_RDWR | BINARY | os.O_CREAT | os.O_EXCL, 0o666)
        self._file = RecordFile.begin(descriptor, str(path))
        self._end, self._n, self._asked = HEADER_BYTES, 0, 0

    def item(self, value: Any) -> None:
        """Write an item.

        Raises
        ------
        BadInput
            It cannot be stored.
        OSError
            There is no room.
        """
        document, arrays = self._document(value, self._n)
        self._append(ITEM, compact.to_buffers(document, arrays), 0.0)
        self._n += 1

    def finish(self, returned: Any, recipe: Recipe, seconds: float) -> None:
        """Write the end, and give the file its name."""
        document, arrays = self._document(returned, self._n)
        document["parts"] = recipe["code"]
        self._append(END, [bytes(16), *packing.pack(document, arrays, recipe)], seconds)
        self._file.close()
        os.replace(self._hidden, self.path)

    def drop(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._hidden.unlink()

    def _document(self, value: Any, number: int) -> tuple[dict[str, Any], Any]:
        document, arrays = document_of(value, pickle=True, brief=True)
        if needs_trust_of(document):
            document["signature"] = self._signer.sign(f"{self.key}:{number}", document, arrays)
        return document, arrays

    def _append(self, kind: int, body: list[Any], seconds: float) -> None:
        size = sum(map(len, body)) + 2 * HEADER_BYTES
        if self._end + size > self._asked:
            self._more(max(size, self._end // 8))  # in steps that grow with the file
            self._asked += max(size, self._end // 8)
        key = self._n.to_bytes(16, "little")
        self._end = self._file.append(kind, key, body, time.time(), seconds, self._end).end


def play(path: Path, key: str, signer: Signer) -> Generator[Any, None, Any]:
    """Yield the items in a file, one at a time, and return what the generator returned.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    CorruptFile
        It is damaged, after the items that have been yielded.
    NotTrusted
        It was written by somebody else, and would run code.
    """
    file = _opened(path)
    try:
        n = 0
        for record in file.scan():
            if int.from_bytes(record.key, "little") != n or record.kind not in (ITEM, END):
                break
            where = f"{path}: item {n}"
            body = file.read(record.body, record.length, record.checksum)
            if record.kind == END:
                return _value(where, f"{key}:{n}", signer, *packing.value(body, where))
            document, arrays = compact.from_buffer(memoryview(body), where, copy=True)
            yield _value(where, f"{key}:{n}", signer, document, arrays)
            n += 1
        raise CorruptFile(f"{path} is damaged behind item {n}: what follows cannot be read.")
    finally:
        file.close()


def last(path: Path) -> tuple[Recipe, float]:
    """What the items in a file were made of, and the seconds that took.

    Raises
    ------
    CorruptFile
        The file has no end.
    """
    file = _opened(path)
    try:
        end: Record | None = None
        for end in file.scan():  # noqa: B007 (the last one is wanted)
            pass
        if end is None or end.kind != END:
            raise CorruptFile(f"{path} has no end.")
        body = file.read(end.body, end.length, end.checksum)
        document, _ = packing.value(body, str(path))
        return {**packing.recipe(body), "code": document["parts"]}, end.seconds
    finally:
        file.close()


def _opened(path: Path) -> RecordFile:
    descriptor = os.open(path, os.O_RDONLY | BINARY)
    try:
        try_lock(descriptor, shared=True)  # so that it is not deleted when room is made
        return RecordFile(descriptor, str(path))
    except BaseException:
        os.close(descriptor)
        raise


def _value(where: str, key: str, signer: Signer, document: dict[str, Any], arrays: Any) -> Any:
    needed = needs_trust_of(document, where)
    if needed:
        signer.require(where, key, document, arrays, needed)
    return build(where, document, arrays, trust=bool(needed))
