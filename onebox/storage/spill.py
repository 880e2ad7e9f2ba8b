"""A folder for blocks that do not fit into memory, gone when the process is.

Each process spills into a subfolder of its own below the cache folder. The subfolder is deleted
when it is closed, when the program ends, or, after a kill, by the next process that spills.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from onebox.config import format_bytes
from onebox.errors import NotEnoughDisk
from onebox.storage.atomic import remove, remove_orphans, temporary_beside
from onebox.storage.disk import full_disk_explained, require_free

REMEDY = (
    "Free some space there, name another folder with `cache`, or raise `memory` so that less is "
    "spilled."
)


def default_cache_folder() -> Path:
    r"""Find the folder where programs of this user keep what can be made again.

    ``$XDG_CACHE_HOME/onebox`` if that is set, else the platform's own: ``~/.cache/onebox`` on
    Linux, ``~/Library/Caches/onebox`` on macOS, ``%LOCALAPPDATA%\onebox\Cache`` on Windows. The
    folder need not exist yet.
    """
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(chosen):  # relative ones are to be ignored by that standard
        return Path(chosen) / "onebox"
    try:
        home = Path.home()
    except RuntimeError:  # a container's user without an entry in the user table
        return Path(tempfile.gettempdir()) / "onebox"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "onebox" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "onebox"
    return home / ".cache" / "onebox"


class SpillFolder:
    """A temporary folder of this process that keeps within the disk it is given.

    Parameters
    ----------
    root : path
        The cache folder; made if it is not there.
    limit_bytes : int, optional
        The most that the files in here may take together; by default what the disk holds.

    Attributes
    ----------
    path : pathlib.Path
        The folder.
    used_bytes : int
        What its files take, those that are still being written counted in full.

    Notes
    -----
    Threads may share one. A process made by ``fork`` must make its own.

    Examples
    --------
    >>> import tempfile
    >>> with SpillFolder(tempfile.mkdtemp(), limit_bytes=1000) as folder:
    ...     with folder.create("block-0", 4) as file:
    ...         _ = file.write(b"data")
    ...     (folder.path / "block-0").read_bytes(), folder.used_bytes
    (b'data', 4)
    """

    def __init__(self, root: str | os.PathLike[str], limit_bytes: int | None = None) -> None:
        root = Path(root)
        root.mkdir(parents=True, exist_ok=True)
        remove_orphans(root)
        self.path = temporary_beside(root / "spill")
        self.path.mkdir()
        self.limit_bytes = limit_bytes
        self._lock = threading.RLock()
        self._sizes: dict[str, int] = {}
        self._in_writing: dict[str, int] = {}
        self._close = weakref.finalize(self, _remove_own, self.path, os.getpid())

    @property
    def used_bytes(self) -> int:
        """Bytes of all files, those in writing counted in full."""
        with self._lock:
            return sum(self._sizes.values()) + sum(self._in_writing.values())

    @contextmanager
    def create(self, name: str, n_bytes: int) -> Iterator[BinaryIO]:
        """Write a new file of `n_bytes`, after making sure that there is room for it.

        Raises
        ------
        NotEnoughDisk
            The limit or the disk does not allow it, or the disk fills up on the way (others write
            to it too). The file is then removed.
        """
        target = self.path / name
        self._reserve(target, n_bytes)
        try:
            with full_disk_explained(target, n_bytes, REMEDY), open(target, "xb") as file:
                yield file
            with self._lock:
                self._sizes[name] = target.stat().st_size
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        finally:
            with self._lock:
                del self._in_writing[name]

    def remove(self, name: str) -> None:
        """Delete one file and give its room back."""
        with self._lock:
            del self._sizes[name]
        (self.path / name).unlink()

    def close(self) -> None:
        """Delete the folder and all that is in it."""
        self._close()

    def __enter__(self) -> SpillFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _reserve(self, target: Path, n_bytes: int) -> None:
        with self._lock:
            if target.name in self._sizes or target.name in self._in_writing:
                raise FileExistsError(f"{target} has been spilled already.")
            used = self.used_bytes
            if self.limit_bytes is not None and used + n_bytes > self.limit_bytes:
                raise NotEnoughDisk(
                    f"Spilling {format_bytes(n_bytes)} more to {self.path.parent}, where "
                    f"{format_bytes(used)} are spilled already, goes beyond the disk limit of "
                    f"{format_bytes(self.limit_bytes)}. Raise `disk`, or raise `memory` so that "
                    "less is spilled."
                )
            # What other threads have reserved but not written yet is no longer free.
            require_free(target, n_bytes + sum(self._in_writing.values()), REMEDY)
            self._in_writing[target.name] = n_bytes


def _remove_own(path: Path, pid: int) -> None:
    if os.getpid() == pid:  # a forked child must not take its parent's folder away
        with suppress(OSError):
            remove(path)
