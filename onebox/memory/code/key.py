"""The key of a function: of all the code of the user that it may run, and of the constants in it.

What counts is the meaning of the code and the values of what it names, not where it is written: see
`fingerprint`. A syntax tree is found (`source`) and written as a text (`scopes`, `writer`, `syntax`), or
the bytecode is where there is no source (`bytecode`); names are followed (`functions`, `classes`, `walk`)
into modules of the user, and end at installed packages (`origin`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from weakref import WeakKeyDictionary

from onebox.memory.code.classes import follow_class
from onebox.memory.code.functions import follow_function
from onebox.memory.code.walk import ACTIVE, Part, Walk
from onebox.storage.hashing import hash_json

__all__ = ["CodeKey", "Part", "fingerprint"]

_MOST_KNOWN = 1000


@dataclass(frozen=True)
class CodeKey:
    """The key of a function, and what it is made of.

    Parameters
    ----------
    key
        32 hexadecimal digits.
    parts
        Everything that was followed: name, kind and own key. Kinds are ``function``, ``class``,
        ``constant`` (a global), ``default``, ``closure``, ``attribute`` and ``package``, whose key is a
        version.
    unfollowed
        What the key does not hold, with the place.
    """

    key: str
    parts: tuple[Part, ...]
    unfollowed: tuple[str, ...]


def fingerprint(function: object, *, key_of: Callable[[object], str]) -> CodeKey:
    """Key of a function's code and of all that it names, however deep.

    Parameters
    ----------
    function
        A function, method, class, `functools.partial` or other callable.
    key_of
        The key of a value. It may come back here for functions and classes inside the value; such
        keys hold within the key that is being made and must not be kept.

    Returns
    -------
    CodeKey
        Equal keys for equal code, whatever the process, the hash seed or the file it stands in.

    Notes
    -----
    **Counts**: syntax trees; names of functions, parameters, keywords and attributes; defaults;
    variables of functions around; globals; functions, methods and classes of the user's own modules
    (all that is neither in the standard library nor in ``site-packages``), with bases, attributes
    and annotations of classes; decorators, by the wrapper that they made; versions of installed packages
    and, for the standard library, of Python (3.11).

    **Does not count**: comments, docstrings, layout, line, file and module; names of local variables;
    annotations of functions and variables (but below decorators of installed packages, such as numba's,
    which read them); `pass`; loggers and locks; built-in functions.

    **Unfollowed**: names that are not defined; `eval`, `exec`, `globals`, `import_module`; modules of the
    user that are handed on as values; compiled code of the user; values without a key; variables that
    the function itself changes, such as a dict that it keeps results in.

    Modules of the user that a function imports when it runs are imported to be followed. Where source is
    missing, or no longer that of the code that runs, bytecode and Python's version stand for it.

    Cost: the first time, reading and compiling the files of the functions, milliseconds. Then about
    0.1 µs for each name met, and `key_of` for each value that may have changed in place: lists,
    dicts, arrays, objects.

    Examples
    --------
    >>> def scaled(factor):
    ...     return lambda x: factor * x
    >>> twice = fingerprint(scaled(2), key_of=repr)
    >>> twice.key == fingerprint(scaled(2), key_of=repr).key
    True
    >>> twice.key == fingerprint(scaled(3), key_of=repr).key
    False
    """
    active = ACTIVE.get()
    if active is not None:
        return CodeKey(hash_json(active.token(function, _name(function), "value")), (), ())
    # Compared by identity: a metaclass may say otherwise.
    keepable = isinstance(function, FunctionType | type) and _hash(function) is object.__hash__
    known = _KNOWN.get(function) if keepable else None
    if known is not None and known[0].key_of == key_of and known[0].holds():
        return known[1]
    walk = Walk(key_of)
    root = walk.token(function, _name(function), "value")
    while walk.pending:
        part, around = walk.pending.popleft()
        label = walk.part(part, around)[1]
        walk.contents[label] = (
            follow_class(walk, part)
            if isinstance(part, type)
            else follow_function(walk, part, around)
        )
    code_key = CodeKey(walk.key(root), tuple(walk.parts), tuple(walk.unfollowed))
    if keepable:
        if len(_KNOWN) >= _MOST_KNOWN:
            # A walk that meets its own function keeps it alive; this bounds how many.
            _KNOWN.clear()
        _KNOWN[function] = walk, code_key
    return code_key


def _hash(function: object) -> object:
    return type(function).__hash__


def _name(function: object) -> str:
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"


_KNOWN: WeakKeyDictionary[object, tuple[Walk, CodeKey]] = WeakKeyDictionary()
