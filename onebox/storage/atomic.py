"""Files and folders that appear whole or not at all.

Everything is written under a temporary name beside its target and renamed when it is complete. A
crash, an interrupt or a full disk leaves the old file as it was. What a killed process could not
clean up carries its owner in the name and is removed by `remove_orphans`.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from onebox.errors import BadInput
from onebox.storage.disk import full_disk_explained, require_free
from onebox.storage.processes import OWNER_PATTERN, owner_is_dead, owner_of_this_process

TEMPORARY = re.compile(rf"\..*\.({OWNER_PATTERN})-[0-9a-f]{{8}}\.onebox-tmp", re.DOTALL)


@contextmanager
def atomic_file(
    path: str | os.PathLike[str], *, expected_bytes: int | None = None, sync: bool = True
) -> Iterator[BinaryIO]:
    """Write a file that replaces `path` when the ``with`` block ends well.

    Parameters
    ----------
    path : path
        The target. A symbolic link is followed: the file it points to is replaced.
    expected_bytes : int, optional
        How much will be written, if known: refused at once when the disk has less.
    sync : bool, default=True
        Wait until the bytes are on the disk before the rename, so that the file survives a power
        cut. Without it, what is there after one may be damaged: only for what carries checksums
        and can be made again.

    Yields
    ------
    file
        Opened for binary writing; what was written can be read back.

    Raises
    ------
    NotEnoughDisk
        The disk is too small, or fills up on the way.
    BadInput
        The target's folder does not exist, or the target is not a regular file.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "answer.txt"
    >>> with atomic_file(target) as file:
    ...     _ = file.write(b"42")
    ...     target.exists()
    False
    >>> target.read_bytes()
    b'42'
    """
    target = _target(path)
    if target.exists() and not target.is_file():
        raise BadInput(f"{target} is not a regular file and cannot be replaced. Name another path.")
    with full_disk_explained(target, expected_bytes):
        if expected_bytes is not None:
            require_free(target, expected_bytes)
        temporary = temporary_beside(target)
        try:
            with open(temporary, "x+b") as file:
                yield file
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    if sync:
        _sync_folder(target.parent)


@contextmanager
def atomic_directory(path: str | os.PathLike[str], *, replace: bool = False) -> Iterator[Path]:
    """Fill a folder that takes the name `path` when the ``with`` block ends well.

    Parameters
    ----------
    path : path
        The target: absent, or an empty folder.
    replace : bool, default=False
        Allow a folder with something in it, which is swapped out last and then deleted.

    Yields
    ------
    pathlib.Path
        The temporary folder to write into.

    Raises
    ------
    BadInput
        The target is a file, or a folder that is not empty and `replace` is False.
    NotEnoughDisk
        The disk fills up on the way.
    """
    target = _target(path)
    _require_free_name(target, replace)
    with full_disk_explained(target):
        temporary = temporary_beside(target)
        temporary.mkdir()
        try:
            yield temporary
            _sync_folder(temporary)
            _require_free_name(target, replace)
            _swap_in(temporary, target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    _sync_folder(target.parent)


def remove_orphans(folder: str | os.PathLike[str]) -> list[Path]:
    """Delete the temporary files and folders that dead processes left in a folder.

    Returns what was deleted. Those of living processes and of other machines stay.
    """
    removed = []
    with os.scandir(folder) as entries:
        for entry in entries:
            match = TEMPORARY.fullmatch(entry.name)
            if match and owner_is_dead(match[1]):
                with suppress(OSError):  # another user's, or removed by another process just now
                    remove(Path(entry.path))
                    removed.append(Path(entry.path))
    return removed


def remove(path: Path) -> None:
    """Delete a file or a whole folder; it may be gone already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def temporary_beside(target: Path) -> Path:
    """Make up a name in the folder of `target` that says which process it belongs to."""
    # The target's name is cut because most file systems end names at 255 bytes.
    name = f".{target.name[:40]}.{owner_of_this_process()}-{secrets.token_hex(4)}.onebox-tmp"
    return target.with_name(name)


def _target(path: str | os.PathLike[str]) -> Path:
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise BadInput(f"{target} cannot be written: there is no folder {target.parent}. Make it.")
    return target


def _require_free_name(target: Path, replace: bool) -> None:
    if target.exists() and not target.is_dir():
        raise BadInput(f"{target} is a file, and a folder is to be written there. Name another.")
    if not replace and target.is_dir() and any(target.iterdir()):
        raise BadInput(
            f"The folder {target} exists and is not empty. Name another, or allow replacing it."
        )


def _swap_in(temporary: Path, target: Path) -> None:
    if not target.exists():
        os.rename(temporary, target)
        return
    # Not a temporary name: were the process killed between the two renames, the old content
    # would be taken for an orphan.
    old = target.with_name(f"{target.name}.replaced-{secrets.token_hex(4)}")
    os.rename(target, old)
    try:
        os.rename(temporary, target)
    except BaseException:
        os.rename(old, target)
        raise
    shutil.rmtree(old)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder for this and does not need it
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
