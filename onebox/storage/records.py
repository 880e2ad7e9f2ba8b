"""Records one after the other in a file that only grows: what small results and streams are kept in.

The file begins with 64 bytes: ``onebox records 1`` and a line feed, zeros up to byte 48, a random
salt of 8 bytes, and the xxh3-64 of the 56 bytes before. Records follow, each a header of 64 bytes
and a body, padded with zeros to a multiple of 16 bytes. All numbers are little-endian:

====== ====== =======================================================
offset bytes  meaning
====== ====== =======================================================
0      4      ``ob1R``
4      1      kind, given by whoever writes; three zeros follow
8      8      length of the body, without padding
16     16     key
32     8      time of writing, seconds since 1970, as float64
40     8      seconds that the value took to make, as float64
48     8      xxh3-64 of the body
56     8      xxh3-64 of the 56 bytes before, with the salt as its seed
====== ====== =======================================================

A torn end (a killed writer, a power cut) or a flipped bit is noticed, and what comes after a damaged
record is found again. The salt keeps a body that itself holds records from being taken for some.
"""

from __future__ import annotations

import os
import secrets
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from xxhash import xxh3_64, xxh3_64_intdigest

from onebox.errors import CorruptFile

Buffer: TypeAlias = bytes | bytearray | memoryview

FILE_MAGIC = b"onebox records 1\n"
FILE_HEAD = struct.Struct("<48sQ")
MAGIC = b"ob1R"
HEADER = struct.Struct("<4sB3xQ16sddQ")
CHECKSUM = struct.Struct("<Q")
HEADER_BYTES = 64
ALIGNMENT = 16
SEARCH_BYTES = 1 << 20
BINARY: int = getattr(os, "O_BINARY", 0)  # or Windows changes line feeds
PIECES = 500  # buffers that one call of the system takes


class Record(NamedTuple):
    """Where a record's body is, and what its header says."""

    kind: int
    key: bytes
    body: int
    length: int
    time: float
    seconds: float
    checksum: int

    @property
    def start(self) -> int:
        """Where the header is."""
        return self.body - HEADER_BYTES

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.body + -(-self.length // ALIGNMENT) * ALIGNMENT


class RecordFile:
    """A file of records. Appending is for one writer at a time, which its user sees to.

    Parameters
    ----------
    descriptor : int
        An open file, which `begin` or this class has written. Closed by `close`.
    where : str
        Its name in messages.

    Raises
    ------
    CorruptFile
        The file is something else, or its beginning is damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryFile() as file:
    ...     records = RecordFile.begin(os.dup(file.fileno()), "example")
    ...     kept = records.append(1, bytes(16), [b"hello ", b"world"], 0.0, 0.0)
    ...     records.read(kept.body, kept.length, kept.checksum), [r.length for r in records.scan()]
    ...     records.close()
    (b'hello world', [11])
    """

    def __init__(self, descriptor: int, where: str) -> None:
        self.descriptor, self.where = descriptor, where
        head = pread(descriptor, HEADER_BYTES, 0)
        good = len(head) == HEADER_BYTES and head.startswith(FILE_MAGIC)
        if not good or xxh3_64_intdigest(head[:-8]) != CHECKSUM.unpack(head[-8:])[0]:
            raise CorruptFile(f"{where} ({self.size} bytes) does not begin like a file of records.")
        _, self._salt = FILE_HEAD.unpack(head[:-8])

    @classmethod
    def begin(cls, descriptor: int, where: str) -> RecordFile:
        """Begin a file that is empty."""
        head = FILE_HEAD.pack(FILE_MAGIC, secrets.randbits(64))
        _write(descriptor, [head + CHECKSUM.pack(xxh3_64_intdigest(head))], 0)
        return cls(descriptor, where)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self.descriptor).st_size

    def append(
        self, kind: int, key: bytes, body: Sequence[Buffer], time: float, seconds: float,
        at: int | None = None,
    ) -> Record:  # fmt: skip
        """Write a record at the end.

        Parameters
        ----------
        kind : int
            0 to 255.
        key : bytes
            16 of them.
        body : sequence of bytes-like
            Pieces that make up the body.
        time, seconds : float
            When it was made, and how long that took.
        at : int, optional
            Where the end is, if that is known.
        """
        state = xxh3_64()
        for piece in body:
            state.update(piece)
        length = sum(map(len, body))
        start = self.size if at is None else at
        checksum = state.intdigest()
        head = HEADER.pack(MAGIC, kind, length, key, time, seconds, checksum)
        head += CHECKSUM.pack(xxh3_64_intdigest(head, seed=self._salt))
        record = Record(kind, key, start + HEADER_BYTES, length, time, seconds, checksum)
        _write(self.descriptor, [head, *body, bytes(record.end - record.body - length)], start)
        return record

    def record_at(self, start: int) -> Record | None:
        """Read the header at a place; None when there is none, or a damaged one."""
        return self._parse(pread(self.descriptor, HEADER_BYTES, start), start)

    def read(self, body: int, length: int, checksum: int) -> bytes:
        """Read the body of a record and check it.

        Raises
        ------
        CorruptFile
            It is not what was written.
        """
        data = pread(self.descriptor, length, body)
        if len(data) != length or xxh3_64_intdigest(data) != checksum:
            raise CorruptFile(
                f"{self.where}: the record at bytes {body} to {body + length - 1} does not match its "
                "checksum: the file was damaged after it was written."
            )
        return data

    def scan(
        self, start: int = HEADER_BYTES, damaged: Callable[[int, int], None] | None = None
    ) -> Iterator[Record]:
        """Go through the records from a place on, over damaged stretches. Bodies are not read.

        A record that would end beyond the file is torn, or still being written: it is left out.

        Parameters
        ----------
        start : int
            Where to begin.
        damaged : callable, optional
            Told where each damaged stretch between records begins and ends.
        """
        at, size = start, self.size
        while at + HEADER_BYTES <= size:
            record = self.record_at(at)
            if record is None or record.end > size:
                found = self._search(at + ALIGNMENT, size)
                if found is None:
                    return
                if damaged is not None:
                    damaged(at, found)
                at = found
            else:
                yield record
                at = record.end

    def close(self) -> None:
        """Close the file, if that has not been done."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _parse(self, header: bytes, at: int) -> Record | None:
        if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
            return None
        (own,) = CHECKSUM.unpack_from(header, HEADER.size)
        if xxh3_64_intdigest(header[: HEADER.size], seed=self._salt) != own:
            return None
        _, kind, length, key, time, seconds, checksum = HEADER.unpack_from(header)
        return Record(kind, key, at + HEADER_BYTES, length, time, seconds, checksum)

    def _search(self, start: int, size: int) -> int | None:
        """Find the next whole record behind a damaged place."""
        for at in range(start, size, SEARCH_BYTES):
            piece = pread(self.descriptor, SEARCH_BYTES + HEADER_BYTES, at)
            place = piece.find(MAGIC)
            while 0 <= place < SEARCH_BYTES:
                record = self._parse(piece[place : place + HEADER_BYTES], at + place)
                if record is not None and record.end <= size:
                    return at + place
                place = piece.find(MAGIC, place + 1)
        return None


def _write(descriptor: int, pieces: list[Buffer], at: int) -> None:
    data = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
    if len(data) > PIECES:
        data = [memoryview(b"".join(data))]
    while data:
        written = pwritev(descriptor, data, at)
        at += written
        while data and written >= len(data[0]):
            written -= len(data.pop(0))
        if written:
            data[0] = data[0][written:]


if sys.platform != "win32":
    pread = os.pread
    pwritev = os.pwritev

else:
    _lock = threading.Lock()

    def pread(descriptor: int, length: int, offset: int, /) -> bytes:
        """As `os.pread`, which Windows lacks."""
        with _lock:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, length)

    def pwritev(descriptor: int, buffers: list[memoryview], offset: int, /) -> int:
        """As `os.pwritev`, which Windows lacks."""
        with _lock:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.write(descriptor, buffers[0])
