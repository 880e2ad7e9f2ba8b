"""`save` and `load`: models and what they are made of, in files that never run code unasked.

A saved object is a container (`onebox.storage.container`): arrays are ordinary ``.npy`` members,
the rest is JSON, and classes are given by name. Loading imports classes of onebox; whatever else a
file names is listed and refused, unless the caller trusts the file. Pickles are written and read
for those who ask for them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from onebox.errors import BadInput
from onebox.persistence.objects import (
    FORMAT,
    build,
    document_of,
    needs_trust_of,
    single_array,
)
from onebox.storage import container
from onebox.storage.atomic import remove_orphans

__all__ = ["FORMAT", "build", "document_of", "load", "needs_trust_of", "save"]


def save(
    obj: object, path: str | os.PathLike[str], *,
    compress: Literal["lz4", "zstd"] | None = None, pickle: bool = False,
) -> None:  # fmt: skip
    """Write an object to a file, atomically.

    Estimators (fitted or not), dataclasses and enumerations, and what they are made of: numbers,
    text, bytes, dates and times, lists, tuples, dicts, sets; numpy arrays, scalars, dtypes and
    random generators; scipy sparse matrices; Arrow tables, columns, scalars and schemas; frames,
    series and indexes of pandas and polars. What is referred to twice is stored once. Functions and
    classes are stored by name.

    Parameters
    ----------
    obj : object
        What to save.
    path : path
        The file, by custom ``*.onebox``. An existing one is replaced when the new one is whole.
    compress : {None, "lz4", "zstd"}
        Compress what shrinks by it: "zstd" for small files, "lz4" for fast ones. Compressed arrays
        cannot be mapped into memory.
    pickle : bool, default=False
        Pickle what has no other form in files, and objects of classes outside onebox. Such a file
        is only loaded with ``trust=True``.

    Raises
    ------
    WrongType
        Something in the object cannot be stored, such as a lambda; the message says where it is.
    BadInput
        The object contains itself, is nested deeper than 100 levels, or `compress` is not known.
    NotEnoughDisk
        The disk is too small; nothing is left behind.

    Notes
    -----
    Cost: one read of the arrays; no second copy of them is held, except of Arrow data, and of
    frames whose columns are not held side by side. Compressing takes as many threads as the setting
    ``n_jobs`` says.

    Exactness: every bit of numbers and arrays, NaN payloads included; C and Fortran order. Strided
    views come back in C order. Values kept by ``functools.cached_property`` are left out.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, onebox as ob
    >>> path = tempfile.mkdtemp() + "/settings.onebox"
    >>> ob.save({"alpha": 0.1, "classes": np.array(["no", "yes"])}, path)
    >>> ob.load(path)
    {'alpha': 0.1, 'classes': array(['no', 'yes'], dtype='<U3')}
    """
    document, arrays = document_of(obj, pickle=pickle)
    folder = Path(os.path.realpath(path)).parent
    if folder.is_dir():
        remove_orphans(folder)
    container.write(path, document, arrays, compress=compress)


def load(
    path: str | os.PathLike[str], *, trust: bool = False, mmap: bool = False, verify: bool = False,
    rows: slice | None = None,
) -> Any:  # fmt: skip
    """Read an object that `save` has written.

    Parameters
    ----------
    path : path
        The file.
    trust : bool, default=False
        Import the classes and functions of other packages that the file names, and load its
        pickles. They run their own code, now and when the object is used: only for files from a
        source you trust.
    mmap : bool, default=False
        Map arrays into memory, read-only, instead of copying them. Their data are not checked.
        Compressed arrays are decompressed into memory, and checked.
    verify : bool, default=False
        Check the data of mapped arrays too. Copies are always checked.
    rows : slice, optional
        Of a file that holds one array: these rows only, with step 1; negative numbers count from
        the end.

    Returns
    -------
    object
        Built without calling anything of its class, unless that is a ``__setstate__`` of onebox.

    Raises
    ------
    NotTrusted
        The file names something outside onebox or holds pickles; the message lists exactly what
        would be imported and loaded.
    CorruptFile
        The file is damaged, of a newer format, or describes nothing that can be built.
    BadInput
        `rows` is asked of something else than an array with rows.
    NotEnoughMemory
        Compressed arrays would expand to more than there is.
    MissingDependency
        Something that the file names or holds data of is not installed.

    Notes
    -----
    Cost: one read of the file; with ``mmap=True`` and without `verify`, of the headers only; with
    `rows`, of the 1 MB frames that hold them, which are checked.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, onebox as ob
    >>> path = tempfile.mkdtemp() + "/squares.onebox"
    >>> ob.save(np.arange(1000) ** 2, path, compress="zstd")
    >>> ob.load(path, rows=slice(10, 13))
    array([100, 121, 144])

    Models of other packages run their own code:

    >>> from sklearn.linear_model import Ridge
    >>> ob.save(Ridge(alpha=0.5), path)
    >>> ob.load(path)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    onebox.errors.NotTrusted: ...sklearn.linear_model._ridge:Ridge...
    >>> ob.load(path, trust=True)
    Ridge(alpha=0.5)
    """
    if rows is not None:
        return _load_rows(path, rows, mmap)
    document, arrays = container.read(path, mmap=mmap, verify=verify)
    return build(os.fspath(path), document, arrays, trust=trust)


def _load_rows(path: str | os.PathLike[str], rows: slice, mmap: bool) -> Any:
    if mmap:
        raise BadInput(
            f"{os.fspath(path)}: rows={rows!r} and mmap=True ask for different things. Leave one "
            "out; what mmap=True returns can be sliced."
        )
    with container.Reader(path) as opened:
        document = opened.document()
        name = single_array(opened.path, document)
        if name not in opened.names:
            raise BadInput(
                f"{opened.path} holds a {document.get('kind')}, not one array of numbers: rows="
                f"{rows!r} has no meaning there. Load the whole."
            )
        return opened.rows(name, rows)
