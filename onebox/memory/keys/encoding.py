"""What keys are made of: every value is one short text of bytes, or a name and parts.

A value has a *code*, and no code is the beginning of another one, so that what follows cannot be
read in two ways:

========================  ==========================================================================
plain value               its form in `marshal`, version 2, which says the type and the length:
                          None, booleans, numbers, short text and bytes, ``...``, and short lists and
                          tuples of them (their first bytes are letters and signs)
short dict of them        ``02``, then its sorted keys and their values as one such list
bytes of any length       ``01``, their number, their hash (`Raw`)
everything else           ``00``, the hash of ``00``, its name and the codes of its parts
                          (`Description`)
========================  ==========================================================================

`marshal` is Python's own form for constants in compiled files. Version 2 has no references in it:
it depends on values only, and it has been the same since Python 2.5.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from marshal import dumps
from types import EllipsisType, NoneType
from typing import Any, TypeAlias

from xxhash import xxh3_128

from onebox.errors import BadInput, WrongType

ATOMS = frozenset({NoneType, bool, int, float, complex, str, bytes, EllipsisType})
TEXTS = frozenset({str, bytes})
SORTABLE = frozenset({int, str, bytes})  # not float: a NaN has no place in an order

MARSHAL_VERSION = 2
LONGEST_TEXT = 1 << 14  # longer ones are hashed where they lie
RUN = 4096  # items that are coded together

Buffer: TypeAlias = Any  # what xxhash reads: contiguous bytes
Parts: TypeAlias = Iterable[tuple[object, object]]


class Unkeyable(Exception):
    """Why a value has no key; the walk adds what it is and where."""

    def __init__(self, reason: str, kind: type[BadInput] = WrongType) -> None:
        super().__init__(reason)
        self.reason, self.kind = reason, kind


@dataclass(slots=True)
class Raw:
    """Bytes in any number of pieces; how they are cut does not count."""

    pieces: Iterable[Buffer]

    def code(self) -> bytes:
        """Hash the pieces, without holding the GIL for long ones."""
        state, n_bytes = xxh3_128(), 0
        for piece in self.pieces:
            state.update(piece)
            n_bytes += memoryview(piece).nbytes
        return b"\1" + n_bytes.to_bytes(8, "little") + state.digest()


@dataclass(slots=True)
class Description:
    """A value that is not plain.

    Parameters
    ----------
    tag : str
        What kind of value it is.
    parts : iterable of (name, value)
        What it consists of: anything that has a key, `Raw` and `Description` too. Their values
        and their order count; their names are for messages.
    form : str
        How a message leads to a part: a template for the name.
    unordered : bool
        Whether the order of the parts is left out.
    """

    tag: str
    parts: Parts
    form: str = ".{}"
    unordered: bool = False


Describe: TypeAlias = Callable[[Any], Description]


def plain_code(value: Any) -> bytes | None:
    """Code a plain value; None for others, and for what is too long to copy."""
    kind = type(value)
    if kind in ATOMS:
        return (
            None if kind in TEXTS and len(value) > LONGEST_TEXT else dumps(value, MARSHAL_VERSION)
        )
    if kind is list or kind is tuple:
        return dumps(value, MARSHAL_VERSION) if len(value) <= RUN and is_flat(value) else None
    if kind is dict and len(value) <= RUN and set(map(type, value)) <= {str}:
        names = sorted(value)
        items = [*names, *map(value.__getitem__, names)]
        return b"\2" + dumps(items, MARSHAL_VERSION) if is_flat(items) else None
    return None


def is_flat(items: Collection[Any]) -> bool:
    """Whether all items are plain and none is long."""
    # exact types: marshal would take any array for its bytes
    kinds = set(map(type, items))
    if not kinds <= ATOMS:
        return False
    if kinds == {str} or kinds == {bytes}:
        return max(map(len, items)) <= LONGEST_TEXT
    return kinds.isdisjoint(TEXTS) or all(
        len(item) <= LONGEST_TEXT for item in items if type(item) in TEXTS
    )


def runs(
    names: Sequence[object], items: list[Any] | tuple[Any, ...]
) -> Iterator[tuple[object, object]]:
    """Yield items as parts: where a whole run of them is plain, its codes in one piece."""
    for start in range(0, len(items), RUN):
        run = items[start : start + RUN]
        if is_flat(run):
            yield names[start], Raw([dumps(run, MARSHAL_VERSION)])
        else:
            yield from zip(names[start : start + RUN], run, strict=True)


def sorted_parts(mapping: dict[Any, Any]) -> Iterator[tuple[object, object]]:
    """Yield the keys of a mapping, which can be sorted, and then the values in the same order."""
    names = sorted(mapping)
    yield "keys", names
    yield from runs(names, [mapping[name] for name in names])


def name_of(value: Any) -> str:
    """Say ``module:qualname`` as a class or a function itself does."""
    return f"{getattr(value, '__module__', None)}:{getattr(value, '__qualname__', None)}"
