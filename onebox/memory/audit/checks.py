"""Whether all that is in a cache folder is whole."""

from __future__ import annotations

import os
import sqlite3
import time
import warnings
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from onebox.errors import CorruptFile, NotTrusted
from onebox.memory import packing, streams
from onebox.memory.audit.folder import (
    OURS_BY_NAME,
    ROOM,
    UNKNOWN,
    content,
    opened,
    result_files,
    shelf_of,
)
from onebox.memory.audit.found import Audit
from onebox.memory.audit.index_check import IndexCheck
from onebox.memory.index import FORMATS, Result
from onebox.memory.lease import lease
from onebox.memory.limit import delete_unless_open
from onebox.memory.memory import Memory
from onebox.memory.rewrite import codes_in_use, rewrite
from onebox.memory.survey import PACKED, RESULT, survey_segments
from onebox.memory.trust import Signed, Signer
from onebox.memory.values import Arrays
from onebox.persistence import compact, needs_trust_of
from onebox.storage.atomic import remove_orphans
from onebox.storage.file_bytes import FileBytes
from onebox.storage.locks import try_lock
from onebox.storage.reader import Reader
from onebox.storage.records import HEADER_BYTES, Record, RecordFile
from onebox.storage.zip_index import read_members


def verify(memory: Memory) -> Audit:
    """Check all that is in the folder, and delete what is damaged: it is computed again when needed.

    Others may go on using the cache.

    Raises
    ------
    BadInput
        There is no cache.

    Notes
    -----
    Cost: one read of the folder. No more is held than 1 MB of a file, or one item of a generator;
    signed results are mapped.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of damage, which is listed
        return Auditor(memory).run()


class Auditor:
    """One run of `verify`."""

    def __init__(self, memory: Memory) -> None:
        self.shelf, self.found = shelf_of(memory, change=True), Audit()
        own = memory._folder.signer
        other: Signed = "private" if own.signed == "group" else "group"
        signers = (own, Signer(memory.folder, other))
        self._signers = [signer for signer in signers if signer.path.exists()]
        self._broken: dict[str, list[Record]] = {}  # segments, with damaged results
        self._torn: set[str] = set()  # segments with what a killed process has left at the end
        self._files: set[Path] = set()  # damaged ones
        self._unsigned: list[tuple[str, Record, str]] = []  # in segments: if they still count

    def run(self) -> Audit:
        """Look at everything, then put right what is wrong."""
        shelf, started = self.shelf, time.time()
        self._remove_orphans()
        index = IndexCheck(shelf, self.found)
        index.or_new(index.require)
        for name in shelf.segments.sizes():
            with suppress(FileNotFoundError):  # rewritten just now
                self._check_segment(name)
        for path in [*result_files(shelf.folder, FORMATS)]:
            with suppress(FileNotFoundError, sqlite3.Error):  # deleted just now; not known as ours
                if path.suffix in OURS_BY_NAME or shelf.index.find(bytes.fromhex(path.stem)):
                    self._check_file(path)
        damaged = {*self._broken, *(path.stem for path in self._files)}
        index.or_new(lambda: index.compare(started, damaged))
        self._note_unsigned()
        for path in self._files:
            try:
                shelf.forget(path.parent.name, bytes.fromhex(path.stem))
            except OSError as error:
                self.found.stay.append(f"{path} cannot be deleted: {error}.")
        for name in {*self._broken, *self._torn}:
            self._rewrite(name)
        shelf.segments.seal()
        shelf.survey()
        self.found.results = content(shelf)[0]
        return self.found

    def _remove_orphans(self) -> None:
        folder = self.shelf.folder
        for place in (folder, *(entry for entry in folder.iterdir() if entry.is_dir())):
            with suppress(OSError):
                self.found.orphans += len(remove_orphans(place))
        for path in (*folder.glob(".*.lease"), *folder.glob(f"{PACKED}/.*.lease")):
            self.found.orphans += delete_unless_open(path)  # those that are held stay

    def _damage(self, name: str, text: str, *records: Record) -> None:
        self._broken.setdefault(name, []).extend(records)
        self.found.damaged.append(text)

    def _check_segment(self, name: str) -> None:
        with opened(self.shelf.segments.path(name)) as descriptor:
            idle = try_lock(descriptor)  # so that nobody writes to it meanwhile
            try:
                file = RecordFile(descriptor, str(self.shelf.segments.path(name)))
            except CorruptFile as error:
                self._damage(name, str(error))
                return
            end, size = HEADER_BYTES, file.size
            for record in file.scan():
                if record.start > end:
                    self._damage(name, _no_records(file, end, record.start))
                end = record.end
                self._check_record(name, file, record)
            if idle and end < size:
                if size - end < HEADER_BYTES or file.record_at(end) is not None:
                    self._torn.add(name)  # a killed process has not finished it
                else:
                    self._damage(name, _no_records(file, end, size))
            self.found.bytes += size

    def _check_record(self, name: str, file: RecordFile, record: Record) -> None:
        try:
            body = file.read(record.body, record.length, record.checksum)
            if record.kind == RESULT:
                where = f"The result {record.key.hex()} in {file.where}"
                if not self._check_signature(where, record.key.hex(), *packing.value(body, where)):
                    self._unsigned.append((name, record, self.found.unsigned.pop()))
        except CorruptFile as error:
            self._damage(name, str(error), record)

    def _check_file(self, path: Path) -> None:
        try:
            self.found.bytes += path.stat().st_size
            check = {".onebox": self._check_container, ".records": self._check_stream}
            check.get(path.suffix, _check_table)(path)
        except CorruptFile as error:
            self.found.damaged.append(str(error))
            self._files.add(path)
        except FileNotFoundError:
            raise
        except OSError as error:
            self.found.damaged.append(str(error))
            self.found.stay.append(f"{path} cannot be read, and stays.")

    def _check_container(self, path: Path) -> None:
        where = str(path)
        with closing(FileBytes(path)) as source:
            for member, _ in read_members(where, source):
                for number, (start, stop) in enumerate(member.spans()):
                    member.check_frame(where, number, source.at(start, stop))
        with Reader(path) as opened:
            document = opened.document()
            arrays = opened.arrays(mmap=True) if _needed(document) else {}
            self._check_signature(where, path.stem, document, arrays)

    def _check_stream(self, path: Path) -> None:
        n, end, ended, signed = 0, HEADER_BYTES, False, True
        with opened(path) as descriptor:
            file = RecordFile(descriptor, str(path))
            for record in file.scan():
                if ended or record.start != end or int.from_bytes(record.key, "little") != n:
                    break
                where = f"{path}: item {n}"
                body = file.read(record.body, record.length, record.checksum)
                ended, end = record.kind == streams.END, record.end
                if ended:
                    document, arrays = packing.value(body, where)
                else:
                    document, arrays = compact.from_buffer(memoryview(body), where)
                if signed:  # once is enough
                    signed = self._check_signature(where, f"{path.stem}:{n}", document, arrays)
                n += 1
            if not ended or end != file.size:
                raise CorruptFile(f"{path} is damaged, or cut short, behind byte {end}.")

    def _check_signature(self, where: str, key: str, document: Any, arrays: Arrays) -> bool:
        """Note a result that would run code and is not signed; whether all is well with it."""
        needed = _needed(document)
        reason = (
            f"{where} needs {', '.join(needed[:3])}, which would run code, and there is no key here "
            "that it could be signed with: it is not opened."
        )
        for signer in self._signers if needed else ():
            try:
                signer.require(where, key, document, arrays, needed)
                return True
            except NotTrusted as error:
                reason = str(error)
        if needed:
            self.found.unsigned.append(reason)
        return not needed

    def _result(self, name: str, record: Record) -> Result | None:
        """What the index has of a record, unless it counts no more: deleted, or replaced."""
        found = self.shelf.index.find(record.key)
        counts = found is not None and (found.segment, found.body) == (name, record.body)
        return found if counts else None

    def _note_unsigned(self) -> None:
        for name, record, reason in self._unsigned:
            found = self._result(name, record)
            if found is not None:
                query = "select function from codes where code = ?"
                function = [*self.shelf.index.rows(query, (found.code,)), (UNKNOWN,)][0][0]
                self.found.unsigned.append(f"{function}: {reason}")

    def _rewrite(self, name: str) -> None:
        """Leave what is damaged out of a segment."""
        shelf = self.shelf
        with lease(os.path.join(shelf.folder, ROOM)):
            survey_segments(shelf.index, shelf.segments)
            if rewrite(shelf.index, shelf.segments, name, set(), codes_in_use(shelf.index)):
                self.found.orphans += name in self._torn
                return
        for record in self._broken.get(name, ()):
            if self._result(name, record) is not None:
                shelf.forget("", record.key)
        if name in self._broken:
            self.found.stay.append(
                f"{shelf.segments.path(name)} is another user's, or in use by another process: what "
                "is damaged in it stays, and is not used. Verify again when that has ended."
            )


def _check_table(path: Path) -> None:
    """Read a dataset that was kept."""
    try:
        reading: dict[str, Any] = {"pre_buffer": False, "buffer_size": 1 << 20}
        with pq.ParquetFile(path, page_checksum_verification=True, **reading) as file:
            for _ in file.iter_batches(1 << 14, use_threads=False):
                pass
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise CorruptFile(f"{path} cannot be read: {error}.") from error


def _no_records(file: RecordFile, start: int, stop: int) -> str:
    return (
        f"{file.where}: bytes {start} to {stop - 1} are no records: the file was damaged after it "
        "was written."
    )


def _needed(document: Any) -> list[str]:
    """What a result would run; nothing, if it cannot be read by this version anyway."""
    try:
        return needs_trust_of(document)
    except CorruptFile:
        return []
