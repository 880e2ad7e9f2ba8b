"""`save` and `load`: models and what they are made of, in files that never run code.

A saved object is a container (`onebox.storage.container`): arrays are ordinary ``.npy`` members,
the rest is JSON, and classes are given by name. Loading imports classes of onebox; whatever else a
file names is listed and refused, unless the caller trusts the file.
"""

from __future__ import annotations

import os
import platform
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox.errors import CorruptFile, MissingDependency, NotTrusted, OneboxError
from onebox.persistence import instances, numerical, plain, tables
from onebox.persistence.codec import Codec, Decoder, Encoder, Place
from onebox.persistence.names import NAME, is_storable, name_of, needs_trust, own_version, resolve
from onebox.storage import container
from onebox.storage.atomic import remove_orphans

FORMAT = "onebox object"
VERSION = 1

_BY_TYPE = {kind: codec for codec in plain.CODECS + numerical.CODECS for kind in codec.types}
_FAMILIES: list[tuple[type, Codec]] = [
    (np.generic, numerical.SCALAR),
    (np.dtype, numerical.DTYPE),
    *tables.FAMILIES,
    (type, instances.NAMED),
    (Enum, instances.ENUM),
]
_BY_TAG = {
    codec.tag: codec
    for codec in (*_BY_TYPE.values(), *(codec for _, codec in _FAMILIES), instances.OBJECT)
}


def save(obj: object, path: str | os.PathLike[str]) -> None:
    """Write an object to a file, atomically.

    Estimators (fitted or not), dataclasses and enumerations, and what they are made of: numbers,
    text, bytes, dates and times, lists, tuples, dicts, sets; numpy arrays, scalars, dtypes and
    random generators; scipy sparse matrices; Arrow tables, columns, scalars and schemas. What is
    referred to twice is stored once. Functions and classes are stored by name.

    Parameters
    ----------
    obj : object
        What to save.
    path : path
        The file, by custom ``*.onebox``. An existing one is replaced when the new one is whole.

    Raises
    ------
    WrongType
        Something in the object cannot be stored, such as a lambda; the message says where it is.
    BadInput
        The object contains itself, or is nested deeper than 100 levels.
    NotEnoughDisk
        The disk is too small; nothing is left behind.

    Notes
    -----
    Cost: one read of the arrays; no second copy of them is held, except of Arrow data.

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
    document, arrays = document_of(obj)
    folder = Path(os.path.realpath(path)).parent
    if folder.is_dir():
        remove_orphans(folder)
    container.write(path, document, arrays)


def document_of(obj: object) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `save` writes of an object: a document, and the arrays that it refers to.

    Raises
    ------
    WrongType, BadInput
        As `save`.
    """
    encoder = Encoder(_find)
    node = encoder.encode(obj, Place(encoder))
    document = {
        "format": FORMAT,
        "version": VERSION,
        "kind": name_of(type(obj)),
        "written_by": {
            "onebox": own_version(),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "names": encoder.names,
        "object": node,
    }
    return document, encoder.arrays


def load(
    path: str | os.PathLike[str], *, trust: bool = False, mmap: bool = False, verify: bool = False
) -> Any:
    """Read an object that `save` has written.

    Parameters
    ----------
    path : path
        The file.
    trust : bool, default=False
        Import the classes and functions of other packages that the file names. They run their own
        code, now and when the object is used: only for files from a source you trust.
    mmap : bool, default=False
        Map arrays into memory, read-only, instead of copying them. Their data are not checked.
    verify : bool, default=False
        Check the data of mapped arrays too. Copies are always checked.

    Returns
    -------
    object
        Built without calling anything of its class, unless that is a ``__setstate__`` of onebox.

    Raises
    ------
    NotTrusted
        The file names something outside onebox; the message lists exactly what would be imported.
    CorruptFile
        The file is damaged, of a newer format, or describes nothing that can be built.
    MissingDependency
        With ``trust=True``: something that the file names is not installed.

    Notes
    -----
    Cost: one read of the file; with ``mmap=True`` and without `verify`, of the headers only.

    Examples
    --------
    >>> import tempfile
    >>> import onebox as ob
    >>> from sklearn.linear_model import Ridge
    >>> path = tempfile.mkdtemp() + "/ridge.onebox"
    >>> ob.save(Ridge(alpha=0.5), path)
    >>> ob.load(path)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    onebox.errors.NotTrusted: ...sklearn.linear_model._ridge:Ridge...
    >>> ob.load(path, trust=True)
    Ridge(alpha=0.5)
    """
    where = os.fspath(path)
    document, arrays = container.read(path, mmap=mmap, verify=verify)
    names = _checked_names(where, document)
    decoder = Decoder(_BY_TAG, arrays, _named(where, names, document.get("written_by"), trust))
    try:
        return decoder.decode(document["object"])
    except (OneboxError, MemoryError):
        raise
    except Exception as error:  # a hostile document can go wrong in any way
        raise CorruptFile(f"{where} describes no object that can be built: {error!r}.") from error


def _find(value: object) -> Codec | None:
    """Choose the codec of a value."""
    kind = type(value)
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    for family, codec in _FAMILIES:
        if isinstance(value, family):
            return codec
    if is_storable(kind):
        return instances.OBJECT
    is_function = callable(value) and isinstance(getattr(value, "__qualname__", None), str)
    return instances.NAMED if is_function else None


def _checked_names(where: str, document: Any) -> list[str]:
    """Make sure that a document is a saved object, and return its table of names."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CorruptFile(f"{where} is a onebox file, but not one that save has written.")
    version, names = document.get("version"), document.get("names")
    if type(version) is not int or not isinstance(names, list):
        raise CorruptFile(f"{where} has no version number or no table of names.")
    if version > VERSION:
        raise CorruptFile(
            f"{where} holds an object in version {version} of its format; this onebox reads "
            f"versions up to {VERSION}. Update onebox."
        )
    if not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
        raise CorruptFile(f"{where} has an entry that is not module:name in its names.")
    return names


def _named(where: str, names: list[str], written_by: object, trust: bool) -> list[Any]:
    """Import what a file names, if that is of onebox or trusted."""
    try:
        foreign = [name for name in names if needs_trust(name)]
    except LookupError as error:
        raise CorruptFile(
            f"{where}, written by {written_by}, names what is not in onebox {own_version()}: "
            f"{error}. Load it with the version that wrote it."
        ) from error
    if foreign and not trust:
        raise NotTrusted(
            f"{where} needs {len(foreign)} names that are not classes of models in onebox: "
            f"{', '.join(foreign)}. Loading would import them, which runs their code. If you trust "
            "where the file comes from, use load(path, trust=True)."
        )
    try:
        return [resolve(name) for name in names]
    except LookupError as error:
        raise MissingDependency(
            f"{where}, written by {written_by}, needs what is not installed here: {error}. Install "
            "what defines it."
        ) from error
