"""From an object to a document with its arrays, and back.

The document names every class and function that the object needs. Those that are models of onebox
are imported without asking; whatever else a document names is listed and refused, and so are
pickles, unless the caller trusts where it comes from.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox.errors import CorruptFile, MissingDependency, NotTrusted, OneboxError
from onebox.persistence import (
    instances,
    numerical,
    pandas_tables,
    pickles,
    plain,
    polars_tables,
    tables,
)
from onebox.persistence.codec import Codec, Decoder, Encoder, Place
from onebox.persistence.names import (
    NAME,
    is_own,
    is_storable,
    name_of,
    needs_trust,
    own_version,
    resolve,
)

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
_PACKAGES: dict[str, Callable[[object], Codec | None]] = {
    "pandas": pandas_tables.find,
    "polars": polars_tables.find,
}
_BY_TAG = {
    codec.tag: codec
    for codec in (
        *_BY_TYPE.values(),
        *(codec for _, codec in _FAMILIES),
        *pandas_tables.CODECS,
        *polars_tables.CODECS,
        instances.OBJECT,
        pickles.PICKLE,
    )
}


def document_of(
    obj: object, *, pickle: bool = False, brief: bool = False
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `save` writes of an object: a document, and the arrays that it refers to.

    Parameters
    ----------
    obj : object
        The object.
    pickle : bool, default=False
        As in `save`.
    brief : bool, default=False
        Leave out what is there for people to read: the kind of the object and what wrote it.

    Raises
    ------
    WrongType, BadInput
        As `save`.
    """
    encoder = Encoder(_find_or_pickle if pickle else _find, pickles.PICKLE if pickle else None)
    node = encoder.encode(obj, Place(encoder))
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    if not brief:
        document["kind"] = name_of(type(obj))
        document["written_by"] = {
            "onebox": own_version(),
            "numpy": np.__version__,
            "python": platform.python_version(),
        }
    document["names"] = encoder.names
    if encoder.pickles:
        document["pickles"] = sorted(set(encoder.pickles))
    document["object"] = node
    return document, encoder.arrays


def needs_trust_of(document: Any, where: str = "The document") -> list[str]:
    """What in a document would run code of others if it were built.

    Parameters
    ----------
    document : object
        As `document_of` gives it, or whatever a file had in its place.
    where : str
        Where it is from, for messages.

    Returns
    -------
    list of str
        Names of classes and functions that are not models of onebox, then ``pickle of
        module:class`` for pickles. When it is empty, `build` runs nothing, even where the document
        does not tell the truth about its pickles.

    Raises
    ------
    CorruptFile
        It is no document, or names what is not in this onebox.

    Notes
    -----
    Cost: one look at each name; classes of onebox that it names are imported.
    """
    names, pickled = _checked_names(where, document)
    return _foreign(where, names, document) + [f"pickle of {name}" for name in pickled]


def build(
    where: str, document: Any, arrays: Mapping[str, NDArray[Any]], *, trust: bool = False
) -> Any:
    """Make the object that a document and its arrays describe.

    Parameters
    ----------
    where : str
        Where they are from, for messages.
    document, arrays
        As `document_of` gives them. Arrays become parts of the object, without a copy.
    trust : bool, default=False
        As in `load`.

    Raises
    ------
    NotTrusted, CorruptFile, MissingDependency
        As `load`.
    """
    names, pickled = _checked_names(where, document)
    named = _named(where, names, pickled, document, trust) if names or pickled else []
    decoder = Decoder(_BY_TAG, arrays, named, trust, where)
    try:
        return decoder.decode(document["object"])
    except (OneboxError, MemoryError):
        raise
    except Exception as error:  # a hostile document can go wrong in any way
        raise CorruptFile(f"{where} describes no object that can be built: {error!r}.") from error


def single_array(where: str, document: Any) -> str | None:
    """Name the member that is all there is in a document, if it is one array of numbers."""
    _checked_names(where, document)
    node = document.get("object")
    if isinstance(node, dict) and node.get("$") == "array":
        member = node.get("member")
        return member if isinstance(member, str) else None
    return None


def _find(value: object) -> Codec | None:
    """Choose the codec of a value."""
    kind = type(value)
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    for family, codec in _FAMILIES:
        if isinstance(value, family):
            return codec
    package = _PACKAGES.get(kind.__module__.partition(".")[0])
    if package and (found := package(value)):
        return found
    if is_storable(kind):
        return instances.OBJECT
    return instances.NAMED if _is_function(value) else None


def _find_or_pickle(value: object) -> Codec:
    """Choose the codec of a value, where pickles are allowed: objects of others are pickled whole."""
    codec = _find(value)
    if codec is None or (codec is instances.OBJECT and not is_own(type(value).__module__)):
        return pickles.PICKLE
    return codec


def _is_function(value: object) -> bool:
    return callable(value) and isinstance(getattr(value, "__qualname__", None), str)


def _checked_names(where: str, document: Any) -> tuple[list[str], list[str]]:
    """Make sure that a document is a saved object; its table of names and that of its pickles."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CorruptFile(f"{where} is a onebox file, but not one that save has written.")
    version, names = document.get("version"), document.get("names")
    pickled = document.get("pickles", [])
    if type(version) is not int or not isinstance(names, list) or not isinstance(pickled, list):
        raise CorruptFile(f"{where} has no version number or no table of names.")
    if version > VERSION:
        raise CorruptFile(
            f"{where} holds an object in version {version} of its format; this onebox reads "
            f"versions up to {VERSION}. Update onebox."
        )
    if names and not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
        raise CorruptFile(f"{where} has an entry that is not module:name in its names.")
    if pickled and not all(isinstance(name, str) for name in pickled):
        raise CorruptFile(f"{where} has an entry that is no text in its pickles.")
    return names, pickled


def _foreign(where: str, names: list[str], document: dict[str, Any]) -> list[str]:
    """The names whose import may run code that is not onebox's."""
    try:
        return [name for name in names if needs_trust(name)]
    except LookupError as error:
        raise CorruptFile(
            f"{where}{_written_by(document)} names what is not in onebox {own_version()}: "
            f"{error}. Load it with the version that wrote it."
        ) from error


def _named(
    where: str, names: list[str], pickled: list[str], document: dict[str, Any], trust: bool
) -> list[Any]:
    """Import what a file names, if that is of onebox or trusted."""
    foreign = _foreign(where, names, document)
    if (foreign or pickled) and not trust:
        reasons = []
        if foreign:
            reasons.append(
                f"needs {len(foreign)} names that are not classes of models in onebox: "
                f"{', '.join(foreign)}. Loading would import them, which runs their code."
            )
        if pickled:
            reasons.append(
                f"holds pickles of {', '.join(pickled)}. Loading would run whatever code is in them."
            )
        raise NotTrusted(f"{where} {' It '.join(reasons)} {pickles.REMEDY}")
    try:
        return [resolve(name) for name in names]
    except LookupError as error:
        raise MissingDependency(
            f"{where}{_written_by(document)} needs what is not installed here: {error}. Install "
            "what defines it."
        ) from error


def _written_by(document: dict[str, Any]) -> str:
    written_by = document.get("written_by")
    return f", written by {written_by}," if written_by else ""
