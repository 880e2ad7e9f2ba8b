"""From what a person writes (a path, a list, a glob, a folder, a URI) to the files that are meant.

Files of a folder or a glob come in the plain order of their keys ("part-10" before "part-2"); a
list keeps its own order. The key of a file is its path below the dataset's root: the folder that
was given, the part of a glob before its first wildcard, the parent that all paths of a list share.
Roots of globs and lists end before the first ``name=value`` folder, so that those become columns.
"""

from __future__ import annotations

import difflib
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs

from onebox.data.sources.files import File, Folder
from onebox.errors import BadInput, EmptyData

EXTENSIONS = {
    "parquet": (".parquet", ".parq", ".pq"),
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "arrow": (".arrow", ".feather", ".ipc", ".arrows"),
    "npy": (".npy",),
    "svmlight": (".svmlight", ".libsvm", ".svm"),
}
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}

_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")


def find_files(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    filesystem: pafs.FileSystem | None = None,
) -> Folder:
    """Every file that is meant, with its key.

    Raises
    ------
    BadInput
        A path is not there, or a file is named twice.
    EmptyData
        A folder holds no file, or a glob matches none.
    """
    one = isinstance(paths, str | os.PathLike)
    given = [
        os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)
    ]
    if not given:
        raise EmptyData("The list of paths is empty. Hand over at least one path.")
    places = [_place(path, filesystem) for path in given]
    disk = places[0][0]
    if any(other != disk for other, _ in places):
        raise BadInput("The paths lie on different filesystems. Open them apart and use .concat.")
    found: list[pafs.FileInfo] = []
    roots = []
    for shown, (_, path) in zip(given, places, strict=True):
        root, infos = _matches(disk, path, shown)
        roots.append(root)
        found += infos
    root = roots[0] if one else posixpath.commonpath(roots)
    if not one or has_wildcard(places[0][1]):
        root = _before_hive_parts(root)
    _refuse_twins(found)
    files = tuple(
        File(info.path, posixpath.relpath(info.path, root), info.size, info.mtime_ns or 0)
        for info in found
    )
    label = (
        given[0] if one else f"{given[0]} and {len(given) - 1:,} more" if given[1:] else given[0]
    )
    return Folder(disk, files, label)


def has_wildcard(path: str) -> bool:
    """Whether a path is a glob.

    >>> has_wildcard("trips/*.parquet"), has_wildcard("trips/2024.parquet")
    (True, False)
    """
    return any(character in path for character in "*?[")


def format_of(key: str) -> str | None:
    """Tell a file's format by its name; None when it tells none.

    >>> format_of("a/b.parquet"), format_of("b.CSV.gz"), format_of("notes.md")
    ('parquet', 'csv', None)
    """
    stem, extension = posixpath.splitext(key.lower())
    if extension in COMPRESSIONS:
        format = format_of(stem)
        return format if format in ("csv", "tsv") else None
    return next((name for name, known in EXTENSIONS.items() if extension in known), None)


def one_format(folder: Folder) -> str:
    """Tell the format that all files of a dataset have by their names.

    Raises
    ------
    BadInput
        Names of several formats, or of none that is known.
    """
    formats = {file.key: format_of(file.key) for file in folder.files}
    first = formats[folder.files[0].key]
    if first is not None and set(formats.values()) == {first}:
        return first
    counts = Counter(_extension(key) for key in formats)
    shown = ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
    known = ", ".join(extension for group in EXTENSIONS.values() for extension in group)
    if len(counts) == 1 or set(formats.values()) == {None}:
        raise BadInput(
            f"The format of {folder.files[0].key} is not known by its name ({shown}). Known are "
            f"{known} (.csv and .tsv also with {', '.join(COMPRESSIONS)}). Say what it is: "
            "format='parquet', 'csv', 'tsv', 'arrow', 'npy' or 'svmlight'."
        )
    raise BadInput(
        f"{folder.label} holds files of several kinds: {shown}. A dataset has one format: pick the "
        f"files with a glob such as '**/*{counts.most_common(1)[0][0]}', or open the kinds apart."
    )


def _extension(key: str) -> str:
    stem, extension = posixpath.splitext(posixpath.basename(key).lower())
    if extension in COMPRESSIONS:
        return posixpath.splitext(stem)[1] + extension
    return extension or "without extension"


def _place(path: str, filesystem: pafs.FileSystem | None) -> tuple[pafs.FileSystem, str]:
    if filesystem is not None:
        return filesystem, path.rstrip("/") or "/"
    if _URI.match(path):
        try:
            disk, inner = pafs.FileSystem.from_uri(path)
        except (pa.ArrowException, OSError) as error:
            raise BadInput(f"{path!r} cannot be opened: {' '.join(str(error).split())}") from error
        return disk, inner.rstrip("/") or "/"
    local = os.path.abspath(os.path.expanduser(path))
    return pafs.LocalFileSystem(), Path(local).as_posix()


def _matches(disk: pafs.FileSystem, path: str, shown: str) -> tuple[str, list[pafs.FileInfo]]:
    """Find the root that a path stands for and its files in order."""
    info = _info(disk, path, shown)
    if info.type == pafs.FileType.File:
        return posixpath.dirname(path), [info]
    if info.type == pafs.FileType.Directory:
        files = sorted(_below(disk, path, shown), key=lambda file: str(file.path))
        if not files:
            raise EmptyData(
                f"The folder {shown!r} holds no data files (names that begin with '.' or '_' are "
                "passed over). Check the path."
            )
        return path, files
    if not has_wildcard(path):
        raise BadInput(f"There is no file or folder {shown!r}.{_near_miss(disk, path)}")
    parts = path.split("/")
    fixed = next(i for i, part in enumerate(parts) if has_wildcard(part))
    root = "/".join(parts[:fixed]) or "/"
    matched = {match.path: match for match in _expand(disk, root, parts[fixed:], shown)}
    files = []
    for match in matched.values():
        is_folder = match.type == pafs.FileType.Directory
        files += _below(disk, match.path, shown) if is_folder else [match]
    if not files:
        raise EmptyData(f"No file matches {shown!r}.{_near_miss(disk, root)} Check the pattern.")
    return root, sorted(files, key=lambda file: str(file.path))


def _expand(
    disk: pafs.FileSystem, root: str, parts: Sequence[str], shown: str
) -> Iterator[pafs.FileInfo]:
    """Files and folders below `root` that match the parts of a glob."""
    head, rest = parts[0], parts[1:]
    if not has_wildcard(head):
        info = _info(disk, posixpath.join(root, head), shown)
        if info.type == pafs.FileType.Directory and rest:
            yield from _expand(disk, info.path, rest, shown)
        elif info.type != pafs.FileType.NotFound and not rest:
            yield info
        return
    for info in _entries(disk, root, shown):
        is_folder = info.type == pafs.FileType.Directory
        if head == "**":
            if is_folder and not _is_hidden(info.base_name):
                yield from _expand(disk, info.path, parts, shown)
            elif not is_folder and not rest and not _is_hidden(info.base_name):
                yield info
        elif fnmatchcase(info.base_name, head) and (head[0] == "." or info.base_name[0] != "."):
            if not rest:
                yield info
            elif is_folder:
                yield from _expand(disk, info.path, rest, shown)
    if head == "**" and rest:
        yield from _expand(disk, root, rest, shown)


def _below(disk: pafs.FileSystem, folder: str, shown: str) -> Iterator[pafs.FileInfo]:
    """All files below a folder, except hidden ones."""
    for info in _entries(disk, folder, shown):
        if _is_hidden(info.base_name):
            continue
        if info.type == pafs.FileType.Directory:
            yield from _below(disk, info.path, shown)
        elif info.type == pafs.FileType.File:
            yield info


def _entries(disk: pafs.FileSystem, folder: str, shown: str) -> list[pafs.FileInfo]:
    selector = pafs.FileSelector(folder, recursive=False, allow_not_found=True)
    try:
        return list(disk.get_file_info(selector))
    except OSError as error:
        raise BadInput(f"{shown!r} cannot be listed: {' '.join(str(error).split())}") from error


def _info(disk: pafs.FileSystem, path: str, shown: str) -> pafs.FileInfo:
    try:
        return disk.get_file_info(path)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{shown!r} cannot be looked up: {' '.join(str(error).split())}") from error


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _before_hive_parts(root: str) -> str:
    parts = root.split("/")
    fixed = next((i for i, part in enumerate(parts) if "=" in part), len(parts))
    return "/".join(parts[:fixed]) or "/"


def _near_miss(disk: pafs.FileSystem, path: str) -> str:
    parent, name = posixpath.split(path)
    try:
        there = [info.base_name for info in _entries(disk, parent, path)]
    except BadInput:
        return ""
    close = difflib.get_close_matches(name, there, n=1)
    return f" Did you mean {close[0]!r}?" if close and close[0] != name else ""


def _refuse_twins(found: Sequence[pafs.FileInfo]) -> None:
    paths = Counter(info.path for info in found)
    path, count = paths.most_common(1)[0]
    if count > 1:
        raise BadInput(
            f"{path} is named {count} times; its rows would count {count} times. Name it once."
        )
