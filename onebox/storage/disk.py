"""Room on the disk: asked for before a write, and explained when it runs out in the middle."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onebox.config import format_bytes
from onebox.errors import NotEnoughDisk

NETWORKS = {
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "gfs2", "gpfs", "lustre",
    "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs", "wekafs",
}  # fmt: skip
REMEDY = "Free some space there, or write to another disk."


def free_bytes(folder: str | os.PathLike[str]) -> int:
    """Bytes that this user may still write to the disk of a folder."""
    return shutil.disk_usage(folder).free


def is_on_network(path: str | os.PathLike[str]) -> bool:
    """Whether a file or folder, which need not exist, is known to lie on a network (Linux)."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as file:
            mounts = [line.split()[1:3] for line in file]
    except OSError:
        return False
    where = os.path.realpath(path)
    over = [
        (point, kind) for point, kind in mounts if f"{where}/".startswith(f"{point.rstrip('/')}/")
    ]
    return bool(over) and max(reversed(over), key=lambda mount: len(mount[0]))[1] in NETWORKS


def require_free(target: Path, needed: int, remedy: str = REMEDY) -> None:
    """Refuse a write that cannot fit, before it starts."""
    free = free_bytes(target.parent)
    if needed > free:
        raise NotEnoughDisk(
            f"{target} needs {format_bytes(needed)}; {format_bytes(free)} are free on the disk of "
            f"{target.parent}. {remedy}"
        )


@contextmanager
def full_disk_explained(
    target: Path, needed: int | None = None, remedy: str = f"Nothing was left behind. {REMEDY}"
) -> Iterator[None]:
    """Turn the system's "no space left" (or "quota exceeded") into an error with the numbers."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        size = "" if needed is None else f" of {format_bytes(needed)}"
        raise NotEnoughDisk(
            f"The disk filled up while {target}{size} was being written; "
            f"{format_bytes(free_bytes(target.parent))} are free on the disk of {target.parent} "
            f"now. {remedy}"
        ) from error
