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
        The most that may be written to the folder; by default what the disk holds.

    Attributes
    ----------
    path : pathlib.Path
        The folder.
    used_bytes : int
        What has been written, or is just being written.

    Notes
    -----
    Threads may share one. A process made by ``fork`` must make its own.

    Examples
    --------
    >>> import tempfile
    >>> with SpillFolder(tempfile.mkdtemp(), limit_bytes=1000) as folder:
    ...     with folder.writing(4):
    ...         _ = (folder.path / "block").write_bytes(b"data")
    ...     folder.used_bytes
    4
    >>> folder.path.exists()
    False
    """

    def __init__(self, root: str | os.PathLike[str], limit_bytes: int | None = None) -> None:
        root = Path(root)
        root.mkdir(parents=True, exist_ok=True)
        remove_orphans(root)
        self.path = temporary_beside(root / "spill")
        self.path.mkdir()
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._lock = threading.Lock()
        self._close = weakref.finalize(self, _remove_own, self.path, os.getpid())

    @contextmanager
    def writing(self, n_bytes: int) -> Iterator[None]:
        """Write so many bytes more to the folder, after making sure that there is room for them.

        Raises
        ------
        NotEnoughDisk
            The limit or the disk does not allow it, or the disk fills up on the way (others write
            to it too).
        """
        self._reserve(n_bytes)
        try:
            with full_disk_explained(self.path, n_bytes, REMEDY):
                yield
        except BaseException:
            self.release(n_bytes)
            raise

    def release(self, n_bytes: int) -> None:
        """Count so many bytes as deleted."""
        with self._lock:
            self.used_bytes -= n_bytes

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

    def _reserve(self, n_bytes: int) -> None:
        with self._lock:
            if self.limit_bytes is not None and self.used_bytes + n_bytes > self.limit_bytes:
                raise NotEnoughDisk(
                    f"Spilling {format_bytes(n_bytes)} more to {self.path.parent}, where "
                    f"{format_bytes(self.used_bytes)} are spilled already, goes beyond the disk "
                    f"limit of {format_bytes(self.limit_bytes)}. Raise `disk`, or raise `memory` "
                    "so that less is spilled."
                )
            require_free(self.path, n_bytes, REMEDY)
            self.used_bytes += n_bytes


def _remove_own(path: Path, pid: int) -> None:
    if os.getpid() == pid:  # a forked child must not take its parent's folder away
        with suppress(OSError):
            remove(path)
