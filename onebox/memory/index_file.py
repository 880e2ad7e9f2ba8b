"""The file of an index: on a local disk, of one user, made anew when damaged or of another version."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from onebox.storage.disk import is_on_network
from onebox.storage.hashing import hash_bytes
from onebox.storage.spill import default_cache_folder

VERSION = 3
CHANGES = ".changes"  # suffix of the file beside it in which changes are counted
UNUSED_SECONDS = 90 * 86400.0  # after which the index of a folder is deleted
LOOK_SECONDS = 86400.0
BUSY_SECONDS = 10.0
CACHE_BYTES = 2 << 20

SCHEMA = """
create table about (name text primary key, value text);
create table segments (name text primary key, scanned integer);
create table codes (code blob primary key, function text, parts text, segment text);
create table results (
    key blob primary key, code blob, segment text, body integer, length integer, checksum integer,
    bytes integer, written real, seconds real, weight real, used real, hits integer
);
create table forgotten (key blob primary key, time real) without rowid;
create table promised (owner text, bytes integer);
create table size (bytes integer);
insert into size values (0);
"""


def open_database(folder: Path) -> tuple[sqlite3.Connection, Path | None]:
    """The database of a cache folder and its path; one in memory where there is no place for it."""
    name = hash_bytes(os.fsencode(os.path.realpath(folder)))
    about = f"{VERSION} {name}"
    for folder in _index_folders():
        path = folder / f"{name}.sqlite"
        with suppress(OSError, sqlite3.Error):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _require_own(folder)
            if not path.exists():
                _remove_unused(folder)
            try:
                return _prepared(str(path), about), path
            except sqlite3.OperationalError:  # in use for long, or on a disk that fails
                continue
            except (sqlite3.DatabaseError, UnicodeDecodeError):  # damaged
                remove_index(path)
                return _prepared(str(path), about), path
    return _prepared(":memory:", about), None


def _index_folders() -> list[Path]:
    """Folders on local disks, the better one first."""
    user = str(os.geteuid()) if hasattr(os, "geteuid") else ""
    first = default_cache_folder() / "index"
    second = Path(tempfile.gettempdir()) / f"onebox-index-{user}"
    return [second] if is_on_network(first) else [first, second]


def _require_own(folder: Path) -> None:
    """Refuse what another user could write to, and so say where results are."""
    if hasattr(os, "geteuid"):
        status = folder.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise PermissionError(f"{folder} can be written to by others.")


def _remove_unused(folder: Path) -> None:
    """Delete databases of folders that nobody has used for long; looks about once a day."""
    looked = folder / "looked"
    with suppress(OSError):
        if time.time() - looked.stat().st_mtime < LOOK_SECONDS:
            return
    looked.touch()
    for path in folder.glob("*.sqlite"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > UNUSED_SECONDS:
                remove_index(path)


def remove_index(path: Path) -> None:
    """Delete a database."""
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), path.with_suffix(CHANGES)):
        file.unlink(missing_ok=True)


def _prepared(path: str, about: str) -> sqlite3.Connection:
    base = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        base.execute("pragma journal_mode = wal")
        base.execute("pragma synchronous = normal")
        base.execute(f"pragma cache_size = -{CACHE_BYTES >> 10}")
        if _about(base) != about:
            base.execute("begin immediate")
            if _about(base) != about:  # nobody else has done it meanwhile
                for (table,) in base.execute("select name from sqlite_master where type = 'table'"):
                    base.execute(f"drop table {table}")
                for statement in SCHEMA.strip().split(";\n"):
                    base.execute(statement)
                base.execute("insert into about values ('about', ?)", (about,))
            base.execute("commit")
    except BaseException:
        base.close()
        raise
    return base


def _about(base: sqlite3.Connection) -> str | None:
    try:
        row = base.execute("select value from about where name = 'about'").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    return None if row is None else str(row[0])
