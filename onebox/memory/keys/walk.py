"""`key_of`: a name for a value, the same wherever an equal value is met again.

The walk in this file goes through a value and its parts without recursion, so that depth costs
memory only; what values consist of is said by the describers of the modules beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from marshal import dumps
from pathlib import PurePath
from types import FunctionType
from typing import Any, NoReturn

from xxhash import xxh3_128, xxh3_128_hexdigest

from onebox.errors import BadInput
from onebox.memory.keys import arrays, frames, objects, plain, tables
from onebox.memory.keys.encoding import (
    MARSHAL_VERSION,
    Describe,
    Description,
    Raw,
    Unkeyable,
    name_of,
    plain_code,
)

_BY_TYPE = {**plain.BY_TYPE, **arrays.BY_TYPE}
_FAMILIES = [*arrays.FAMILIES, *tables.FAMILIES, *objects.FAMILIES]
LONGEST_PATH = 300


def key_of(
    value: object,
    *,
    files_by_content: bool = False,
    key_of_code: Callable[[Any], str] | None = None,
    argument: str | None = None,
) -> str:
    """Key of a value: equal for equal values, in any process and on any machine.

    Parameters
    ----------
    value : object
        Numbers, text, bytes, dates, paths and containers of them; numpy arrays, scalars, dtypes and
        random generators; scipy sparse matrices; tables, columns and types of pyarrow, pandas and
        polars; dataclasses, enumerations, estimators, and any object whose attributes have keys.
        An object that knows its own key has a method ``__onebox_key__()`` that returns some value
        with a key.
    files_by_content : bool, default=False
        Let a `pathlib` path stand for what is in the file and for its suffix, instead of for its
        text. A string is never taken for a path.
    key_of_code : callable, optional
        From a Python function or a class to its key. Without it functions are refused, and classes
        go by their names.
    argument : str, optional
        The name of the argument that the value was handed over as, for messages.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    WrongType
        Something in the value has no key, such as an open file, a lock or a generator. The message
        says where it is.
    BadInput
        The value contains itself, or a file to be read is not there.

    Notes
    -----
    Cost: one read of arrays and tables, which are hashed where they lie and without holding the
    GIL. What is strided, has nulls or is a long text is copied piece by piece; sparse matrices that
    are not CSR or CSC, or not in canonical order, are copied once.

    Exactness: what counts is the type and every bit of the value. So ``1``, ``1.0``, ``True`` and
    ``numpy.int64(1)`` differ, as do lists and tuples, sets and frozensets, ``0.0`` and ``-0.0``,
    NaNs with other bits, and dtypes of another byte order. A subclass differs from its base. What
    does not count:

    * the order of dicts and sets (that of an ``OrderedDict`` counts), and whether equal parts are
      one object or several;
    * the memory layout of arrays, padding, and whether they are mapped files or read-only;
    * in Arrow data, how columns are cut into chunks, offsets, and what lies beneath a null; the
      dictionary of a dictionary array and the metadata of a schema do count;
    * in sparse matrices, the order of entries and the width of indices; format and stored zeros
      count;
    * of a dataclass, anything but its fields; values kept by ``functools.cached_property``.

    Objects go by the name of their class and by what is in them, not by the code of their methods.
    Keys depend on the machine for ``numpy.longdouble``, and on its byte order for arrays.

    Examples
    --------
    >>> import numpy as np
    >>> key_of({"alpha": 0.5, "n": 3}) == key_of({"n": 3, "alpha": 0.5})
    True
    >>> key_of([1, 2]) == key_of([1, True])
    False
    >>> table = np.arange(6.0).reshape(2, 3)
    >>> key_of(table) == key_of(np.asfortranarray(table))
    True
    >>> key_of({"x": [1, iter("")]}, argument="data")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    onebox.errors.WrongType: argument 'data'['x'][1], of type str_ascii_iterator, has no key: ...
    """
    code = plain_code(value)
    if code is not None:
        return xxh3_128_hexdigest(code)
    return _Walk(files_by_content, key_of_code, argument).digest(value).hex()


@dataclass(slots=True)
class _Frame:
    """A value whose parts are being hashed."""

    name: object
    value: object
    form: str
    parts: Iterator[tuple[object, object]]
    state: Any
    codes: list[bytes] | None
    flat: bool = True

    def add(self, code: bytes) -> None:
        if self.codes is None:
            self.state.update(code)
        else:
            self.codes.append(code)

    def close(self) -> bytes:
        if self.codes is not None:
            self.state.update(b"".join(sorted(self.codes)))
        digest: bytes = self.state.digest()
        return digest


@dataclass
class _Walk:
    """One walk through a value.

    Digests of parts are kept until its end, so that what is referred to twice is hashed once;
    those of values with nothing but plain parts are not, as they are soon made again.
    """

    files_by_content: bool
    key_of_code: Callable[[Any], str] | None
    argument: str | None
    frames: list[_Frame] = field(default_factory=list)
    # the values are held so that no id is given to a second one
    seen: dict[int, tuple[object, bytes]] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)

    def digest(self, value: object) -> bytes:
        """Hash a value that is not plain."""
        self._enter(None, value)
        while True:
            frame = self.frames[-1]
            if self._add_parts(frame):
                digest = self._leave()
                if not self.frames:
                    return digest
                self.frames[-1].add(b"\0" + digest)

    def _add_parts(self, frame: _Frame) -> bool:
        """Add codes of parts until one has to be walked itself; tell whether that was all."""
        try:
            for name, part in frame.parts:
                code = self._code(frame, part)
                if code is None:
                    self._enter(name, part)
                    return False
                frame.add(code)
        except Unkeyable as error:  # from a describer that goes through its value lazily
            self._refuse(error, frame.value)
        return True

    def _code(self, frame: _Frame, part: object) -> bytes | None:
        """Code a part that is plain, raw or known already."""
        code = plain_code(part)
        if code is None:
            frame.flat = False
            if type(part) is Raw:
                return part.code()
            if id(part) in self.seen:
                return b"\0" + self.seen[id(part)][1]
        return code

    def _enter(self, name: object, part: object) -> None:
        """Begin with the parts of a value."""
        try:
            if id(part) in self.open:
                raise Unkeyable("it refers back to what it is a part of", BadInput)
            description = self._describe(part)
        except Unkeyable as error:
            self._refuse(error, part, name)
        state = xxh3_128(b"\0" + dumps(description.tag, MARSHAL_VERSION))
        codes: list[bytes] | None = [] if description.unordered else None
        parts = iter(description.parts)
        self.frames.append(_Frame(name, part, description.form, parts, state, codes))
        self.open.add(id(part))

    def _leave(self) -> bytes:
        frame = self.frames.pop()
        self.open.discard(id(frame.value))
        digest = frame.close()
        if not frame.flat and type(frame.value) is not Description:
            self.seen[id(frame.value)] = frame.value, digest
        return digest

    def _describe(self, value: Any) -> Description:
        if type(value) is Description:
            return value
        if self.files_by_content and isinstance(value, PurePath):
            return plain.describe_file(value)
        if self.key_of_code and isinstance(value, FunctionType | type):
            return self._describe_code(value, self.key_of_code)
        kind: Any = type(value)
        return _describer(kind)(value)

    def _describe_code(self, value: object, key_of_code: Callable[[Any], str]) -> Description:
        try:
            return Description("code", [("code", key_of_code(value))])
        except BadInput as error:
            raise Unkeyable(f"its code has none ({error})", type(error)) from error

    def _refuse(self, error: Unkeyable, value: object, *names: object) -> NoReturn:
        """Say what has no key, why, where it is and what can be done."""
        # a frame knows its own name, and how to write those of its parts
        named = [*(frame.name for frame in self.frames[1:]), *names]
        steps = [frame.form.format(name) for frame, name in zip(self.frames, named, strict=False)]
        path = "".join(steps)
        if len(path) > LONGEST_PATH:
            path = f"{path[: LONGEST_PATH // 2]}...{path[-LONGEST_PATH // 2 :]}"
        if self.argument is None:
            place, remedy = "value", "Replace it"
        else:
            place = f"argument {self.argument!r}"
            remedy = f"Leave the argument out with ignore=[{self.argument!r}]"
        kind = name_of(type(value)).removeprefix("builtins:").replace(":", ".")
        raise error.kind(
            f"{place}{path}, of type {kind}, has no key: {error.reason}. {remedy}, or give the class "
            "that holds it a method __onebox_key__."
        ) from error.__cause__


@lru_cache(maxsize=1024)
def _describer(kind: type) -> Describe:
    """Choose what describes values of a type."""
    if hasattr(kind, "__onebox_key__"):
        return objects.describe_own
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    for family, describe in _FAMILIES:
        if issubclass(kind, family):
            return describe
    return frames.describer(kind) or objects.describer(kind)
