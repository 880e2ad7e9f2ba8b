"""Between a tree of Python values and JSON: the walk in both directions.

The walk knows about sharing, cycles and depth; what a value of some type looks like is the business
of its `Codec`. Where the caller allows pickles, what its codec refuses is pickled. A node is None, a
boolean, a string, a number, or a dict whose key ``"$"`` names the codec. A value that is met again
gets an ``"id"`` where it stood first, and a ``"ref"`` afterwards.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, TypeAlias

import numpy.typing as npt

from onebox.errors import BadInput, WrongType

Node: TypeAlias = Any
MAX_DEPTH = 100
MAX_PLAIN_INTEGER = 2**63


@dataclass(frozen=True)
class Codec:
    """How values of some types are written and read.

    Parameters
    ----------
    tag : str
        What the file calls them.
    types : tuple of type
        The exact types, not their subclasses.
    pack : callable
        From a value and its place to the fields of its node.
    unpack : callable
        From the node, its fields decoded with the help of the `Decoder`, back to the value.
    kind : {"shared", "frozen", "atom"}
        Two references to a shared or frozen value are one again after loading. Atoms have no
        identity worth keeping. Keys of dicts and items of sets are atoms, and frozen values of
        atoms; items of object arrays are atoms.
    """

    tag: str
    types: tuple[type, ...]
    pack: Callable[[Any, Place], dict[str, Node]]
    unpack: Callable[[dict[str, Node], Decoder], Any]
    kind: Literal["shared", "frozen", "atom"] = "shared"


def is_plain(value: object) -> bool:
    """Whether JSON itself has a form for a value that loses nothing."""
    kind = type(value)
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]
    if kind is int:
        return -MAX_PLAIN_INTEGER <= value < MAX_PLAIN_INTEGER  # type: ignore[operator]
    return value is None or kind is bool or kind is str


@dataclass
class Encoder:
    """Collects what one saved object consists of.

    Parameters
    ----------
    find : callable
        From a value to its codec, None if there is none.
    fallback : Codec, optional
        That of pickles, where they are allowed.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Members of the file.
    names : list of str
        The table of names of classes and functions.
    pickles : list of str
        Names of the classes of what was pickled.
    """

    find: Callable[[object], Codec | None]
    fallback: Codec | None = None
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    pickles: list[str] = field(default_factory=list)
    # The values are held so that no id is given to a second one; no node: not finished yet.
    _seen: dict[int, tuple[object, dict[str, Node] | None]] = field(default_factory=dict)
    _n_shared: int = 0

    def encode(self, value: object, place: Place) -> Node:
        """Turn a value into a node."""
        if is_plain(value):
            return value
        codec = self.find(value)
        if codec is None:
            place.refuse(
                f"is a {type(value).__module__}.{type(value).__qualname__}, which cannot be saved. "
                "Replace it by arrays, numbers, text, or containers of them",
                WrongType,
            )
        if place.depth > MAX_DEPTH:
            place.refuse(f"is nested deeper than {MAX_DEPTH} levels. Flatten it", remedy="")
        if place.within == "array" and codec.kind != "atom":
            place.refuse(f"is of kind {codec.tag}, inside an object array. Use a list", WrongType)
        if place.within == "key" and codec.kind == "shared":
            place.refuse(f"is of kind {codec.tag}, used as a key. Use text or numbers", WrongType)
        if place.within:
            return {"$": codec.tag, **codec.pack(value, place)}
        if codec.kind == "atom":
            return self._packed(value, codec, place)
        return self._encode_shared(value, codec, place)

    def _encode_shared(self, value: object, codec: Codec, place: Place) -> Node:
        if id(value) in self._seen:
            _, node = self._seen[id(value)]
            if node is None:
                place.refuse("refers back to what it is a part of. Break the cycle", remedy="")
            if "id" not in node:
                self._n_shared += 1
                node["id"] = self._n_shared
            return {"$": "ref", "id": node["id"]}
        self._seen[id(value)] = value, None
        node = self._packed(value, codec, place)
        self._seen[id(value)] = value, node
        return node

    def _packed(self, value: object, codec: Codec, place: Place) -> dict[str, Node]:
        """Make a node of a value; of a pickle of the value, when its codec refuses it."""
        before = len(self.arrays), len(self._seen), len(self.names), len(self.pickles)
        try:
            return {"$": codec.tag, **codec.pack(value, place)}
        except BadInput as error:
            refused = getattr(error, "place", None)
            # Keys and items of arrays cannot be pickled on their own: what holds them is.
            is_here = refused is place or (refused is not None and refused.within != "")
            if self.fallback is None or codec is self.fallback or not is_here:
                raise
            self._go_back(*before)
            try:
                return {"$": self.fallback.tag, **self.fallback.pack(value, place)}
            except BadInput:
                raise error from None  # the codec's own reason says more

    def _go_back(self, n_arrays: int, n_seen: int, n_names: int, n_pickles: int) -> None:
        """Forget the parts of a value that is pickled after all."""
        for name in list(self.arrays)[n_arrays:]:
            del self.arrays[name]
        for number in list(self._seen)[n_seen:]:
            del self._seen[number]
        del self.names[n_names:], self.pickles[n_pickles:]


@dataclass(frozen=True)
class Place:
    """Where the encoder stands, for messages and for the names of members."""

    encoder: Encoder
    path: str = "object"
    depth: int = 0
    within: Literal["", "key", "array"] = ""

    def child(self, value: object, label: str) -> Node:
        """Encode a part; `label` is what leads to it, such as ``".alpha"``."""
        place = Place(self.encoder, self.path + label, self.depth + 1, self.within)
        return self.encoder.encode(value, place)

    def children(self, values: Iterable[object]) -> list[Node]:
        """Encode the items of a sequence."""
        return [v if is_plain(v) else self.child(v, f"[{i}]") for i, v in enumerate(values)]

    def only(self, within: Literal["key", "array"]) -> Place:
        """Stay here, and accept only what may be a key or an item of an array."""
        return Place(self.encoder, self.path, self.depth, within)

    def array(self, array: npt.NDArray[Any]) -> str:
        """Make an array a member of the file and return the member's name."""
        steps = re.sub(r"[^A-Za-z0-9_]+", ".", self.path.removeprefix("object")).strip(".")[-80:]
        name = steps.lstrip(".") or "object"
        while name in self.encoder.arrays:
            name += "_"
        self.encoder.arrays[name] = array
        return name

    def name(self, name: str) -> int:
        """Put a name into the table and return its number."""
        if name not in self.encoder.names:
            self.encoder.names.append(name)
        return self.encoder.names.index(name)

    def refuse(
        self, reason: str, kind: type[BadInput] = BadInput, *, remedy: str = "or save it with pickle=True"
    ) -> NoReturn:  # fmt: skip
        """Say what cannot be saved, and where it is."""
        remedy = f"; {remedy}" if remedy and self.encoder.fallback is None else ""
        error = kind(f"{self.path} {reason}, then save again{remedy}.")
        error.place = self  # type: ignore[attr-defined]
        raise error


@dataclass
class Decoder:
    """Builds what a file describes.

    Parameters
    ----------
    codecs : mapping of str to Codec
        By tag.
    arrays : mapping of str to ndarray
        Members of the file.
    named : list
        The classes and functions of the file's table of names: the decoder has no other access to
        code, but through pickles.
    trust : bool, default=False
        Whether pickles may be loaded.
    where : str
        What is read, for messages.
    """

    codecs: Mapping[str, Codec]
    arrays: Mapping[str, npt.NDArray[Any]]
    named: list[Any]
    trust: bool = False
    where: str = ""
    _made: dict[int, Any] = field(default_factory=dict)

    def decode(self, node: Node) -> Any:
        """Turn a node into a value; whatever is wrong with it raises some exception."""
        if type(node) is not dict:
            if type(node) is list:
                raise TypeError("a list where a value should be")
            return node
        if node["$"] == "ref":
            return self._made[node["id"]]
        value = self.codecs[node["$"]].unpack(node, self)
        if "id" in node:
            self._made[node["id"]] = value
        return value
