"""Small facts kept on disk between runs: bytes by key, each in a file of its own.

For what can be made again, such as the index of a CSV file: an entry that is damaged or missing is
simply not there. Processes may read and write one store at the same time.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from xxhash import xxh3_128_digest

from onebox.storage.atomic import atomic_file, remove_orphans
from onebox.storage.hashing import hash_bytes

MAGIC = b"onebox store 1\n"
DIGEST_BYTES = 16


class Store:
    """Bytes by key in a folder.

    Parameters
    ----------
    folder : path
        Where the entries are; made when the first one is put.

    Examples
    --------
    >>> import tempfile
    >>> store = Store(tempfile.mkdtemp())
    >>> store.put("trips.csv 1024", b"offsets")
    >>> store.get("trips.csv 1024")
    b'offsets'
    >>> store.get("trips.csv 2048") is None
    True
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        if self.folder.is_dir():
            remove_orphans(self.folder)

    def get(self, key: str) -> bytes | None:
        """Bytes that were put under a key; None if there are none, or no whole ones.

        Warns
        -----
        UserWarning
            The entry was damaged. It is deleted.
        """
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        head = MAGIC + xxh3_128_digest(content[len(MAGIC) + DIGEST_BYTES :])
        named = key.encode() + b"\0"
        if content.startswith(head + named):
            return content[len(head + named) :]
        if not content.startswith(head):
            warnings.warn(
                f"{path} ({len(content)} bytes), a cached entry, is damaged; it is deleted and "
                "will be made again.",
                stacklevel=2,
            )
        path.unlink(missing_ok=True)
        return None

    def put(self, key: str, value: bytes) -> None:
        """Keep bytes under a key, in place of what was there."""
        body = key.encode() + b"\0" + value
        self.folder.mkdir(parents=True, exist_ok=True)
        # not synced: after a power cut the checksum tells, and the entry is made again
        with atomic_file(self._path(key), expected_bytes=len(body), sync=False) as file:
            file.write(MAGIC + xxh3_128_digest(body) + body)

    def _path(self, key: str) -> Path:
        return self.folder / f"{hash_bytes(key.encode())}.entry"
