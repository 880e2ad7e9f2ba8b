"""The summaries of units of one recipe, many in one entry, with an index of whose they are.

Entries of their own would take longer to write than small units to read. A thread writes what has
gathered twice a second, so that a kill loses no more than that. Two runs may fill one shelf: each
adds to the index what the other has put there; what is lost in a tie is computed again.
"""

from __future__ import annotations

import secrets
import threading
import time
import warnings
from collections import OrderedDict
from typing import Any, Protocol

import numpy as np

from onebox.engine.kept.batches import Packed, batch_of, packed_of
from onebox.storage.hashing import hash_bytes

FLUSH_SECONDS = 0.5
BATCH_BYTES = 4 * 2**20
LOADED = 2  # batches at hand at a time: units are asked for nearly in order
KEY_BYTES = 16
FREE_BYTES = 64 * 2**20
SHARE = 1 / 10
LEISURE = 50  # as long as a write took, times this, none is begun for the sake of time: 2 %
SLOWEST = 4
LITTLE_BYTES = 2**18  # kept of any unit; of a larger one, no more than half its bytes


def warn_of_another_version() -> None:
    """Tell that a kept summary has a form that this onebox does not know."""
    warnings.warn(
        "Summaries in the cache were written in another form, by another version of onebox. What they "
        "stand for is computed again.",
        stacklevel=2,
    )


class Entries(Protocol):
    """What a shelf needs of a `Memory`."""

    def refresh(self, *, now: bool = False) -> None: ...
    def read(self, key: str) -> Any: ...
    def write(self, key: str, value: Any, recipe: dict[str, Any]) -> bool: ...
    def forget(self, key: str) -> bool: ...


class Shelf:
    """Packed summaries by the keys of units.

    Parameters
    ----------
    entries : Entries
    missing : object
        What `entries` gives for what is not there.
    recipe : str
        Key of all that the units have in common.
    about : dict
        What is written beside the entries, for people.
    data_bytes : int
        Bytes of the data that the units make up: no more than a tenth of that is written, or 64 MB.
    batch_bytes : int
        Bytes that are written together.

    Attributes
    ----------
    taken_bytes : int
        Of summaries that were given to it.
    full : bool
        Whether no more are taken.
    trouble : Exception or None
        What went wrong with writing.
    """

    def __init__(
        self, entries: Entries, missing: object, recipe: str, about: dict[str, Any],
        data_bytes: int, batch_bytes: int = BATCH_BYTES,
    ) -> None:  # fmt: skip
        self._batch_bytes = batch_bytes
        self._entries, self._missing, self._about = entries, missing, about
        self._index_key = hash_bytes(f"index {recipe}".encode())
        self._most = max(FREE_BYTES, int(data_bytes * SHARE))
        self._places: dict[bytes, tuple[str, int]] = {}
        self._sizes: dict[str, int] = {}
        self._mine: dict[str, list[bytes]] = {}
        self._lost: set[str] = set()
        self._loaded: OrderedDict[str, list[Packed] | None] = OrderedDict()
        self._reading = threading.Lock()
        self._turn = threading.Condition()
        self._pending: list[tuple[bytes, Packed, int]] = []
        self._pending_bytes, self._since, self._next = 0, 0.0, 0.0
        self._writer: threading.Thread | None = None
        self._closing = False
        self.taken_bytes = 0
        self.full = False
        self.trouble: BaseException | None = None
        self._take_index()

    def __contains__(self, key: bytes) -> bool:
        place = self._places.get(key)
        return place is not None and place[0] not in self._lost

    def find(self, key: bytes) -> Packed | None:
        """The summaries of a unit, if they are here; safe to call from any thread."""
        place = self._places.get(key)
        if place is None:
            return None
        batch, number = place
        with self._reading:
            if batch not in self._loaded:
                self._loaded[batch] = self._load(batch)
                if self._loaded[batch] is None:
                    self._lost.add(batch)
                while len(self._loaded) > LOADED:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(batch)
            units = self._loaded[batch]
        return units[number] if units is not None and number < len(units) else None

    def put(self, key: bytes, packed: Packed, unit_bytes: int) -> None:
        """Keep the summaries of a unit of some bytes, soon."""
        if self.full or self.trouble is not None:
            return
        with self._turn:
            while self._pending_bytes > 2 * self._batch_bytes and self.trouble is None:
                self._turn.wait()
            if not self._pending:
                self._since = time.monotonic()
            self._pending.append((key, packed, unit_bytes))
            self._pending_bytes += len(packed.data)
            self.taken_bytes += len(packed.data)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, daemon=True)
                self._writer.start()
            self._turn.notify_all()

    def close(self, *, write: bool = True) -> None:
        """Wait until everything is written, or let go what is not."""
        with self._turn:
            if not write:
                self._pending, self._pending_bytes = [], 0
            self._closing = True
            self._turn.notify_all()
        if self._writer is not None:
            self._writer.join()

    def forget(self) -> None:
        """Delete all of it: something that says more has taken its place."""
        if self._sizes:
            for batch in self._sizes:
                self._entries.forget(batch)
            self._entries.forget(self._index_key)

    # Reading

    def _take_index(self) -> None:
        """Learn what is here, from whatever run."""
        index = self._entries.read(self._index_key)
        try:
            for batch, (size, keys) in index.items() if isinstance(index, dict) else ():
                self._sizes[batch] = size
                data = keys.tobytes()
                for number in range(len(data) // KEY_BYTES):
                    key = data[number * KEY_BYTES : (number + 1) * KEY_BYTES]
                    self._places[key] = (
                        batch,
                        number,
                    )  # of two, the later: it took the place of one lost
        except (TypeError, ValueError, AttributeError):
            warn_of_another_version()

    def _load(self, batch: str) -> list[Packed] | None:
        value = self._entries.read(batch)
        if value is self._missing:
            return None
        try:
            return packed_of(value)
        except Exception:  # what is damaged, `entries` has told already
            warn_of_another_version()
            return None

    # Writing

    def _write_all(self) -> None:
        try:
            while True:
                with self._turn:
                    while not self._closing and not self._due():
                        self._turn.wait(FLUSH_SECONDS / 2 if self._pending else None)
                    some, self._pending, self._pending_bytes = self._pending, [], 0
                    self._turn.notify_all()
                    if not some and self._closing:
                        return
                if some:
                    self._write(some)
        except BaseException as error:
            with self._turn:
                self.trouble = error
                self._turn.notify_all()

    def _due(self) -> bool:
        if not self._pending:
            return False
        now = time.monotonic()
        old = now - self._since >= FLUSH_SECONDS and now >= self._next
        return old or self._pending_bytes >= self._batch_bytes

    def _write(self, some: list[tuple[bytes, Packed, int]]) -> None:
        start = time.thread_time()
        self._write_batch(some)
        took = time.thread_time() - start
        self._next = time.monotonic() + min(LEISURE * took, SLOWEST * FLUSH_SECONDS)

    def _write_batch(self, some: list[tuple[bytes, Packed, int]]) -> None:
        value = batch_of([packed for _, packed, _ in some])
        size = value["data"].nbytes + len(value["units"])
        worth = sum(max(LITTLE_BYTES, nbytes // 2) for _, _, nbytes in some)
        if self.full or size > worth or sum(self._sizes.values()) + size > self._most:
            self.full = True
            return
        batch = secrets.token_hex(16)
        if not self._entries.write(batch, value, self._about):
            self.full = True
            return
        self._mine[batch] = [key for key, _, _ in some]
        self._sizes[batch] = size
        self._write_index()

    def _write_index(self) -> None:
        """Say what is here: what others have written meanwhile, and what this run has."""
        self._entries.refresh()
        index = self._entries.read(self._index_key)
        index = dict(index) if isinstance(index, dict) else {}
        for batch in list(self._lost):  # readers add to it meanwhile
            index.pop(batch, None)
        for batch, keys in self._mine.items():
            index[batch] = (self._sizes[batch], np.frombuffer(b"".join(keys), np.uint8))
        self._entries.write(self._index_key, index, self._about)
