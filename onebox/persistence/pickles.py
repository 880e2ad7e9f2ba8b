"""The codec of last resort: pickles, for whoever asks for them and trusts what is read.

A pickle is of protocol 5, with the memory of arrays out of band: each array is a member of the file,
written without a second copy, and arrays that are loaded lie where they were read to. What is
pickled is pickled whole: what it shares with the rest of the saved object is stored twice.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt

from onebox.errors import MissingDependency, NotTrusted, WrongType
from onebox.persistence.codec import Codec, Decoder, Node, Place
from onebox.persistence.names import name_of
from onebox.storage.chunks import flat_bytes

PROTOCOL = 5
REMEDY = "If you trust where it comes from, use load(path, trust=True)."
NUMBERS = set("?bBhHiIlLqQefd")


def _pack(value: Any, place: Place) -> dict[str, Node]:
    buffers: list[pickle.PickleBuffer] = []
    try:
        data = pickle.dumps(value, PROTOCOL, buffer_callback=buffers.append)
    except Exception as error:  # the object's own code runs
        place.refuse(
            f"is a {name_of(type(value))}, which cannot be pickled either: {error!r}. Replace it",
            WrongType,
        )
    name = name_of(type(value))
    place.encoder.pickles.append(name)
    return {
        "class": name,
        "member": place.array(np.frombuffer(data, np.uint8)),
        "buffers": [place.array(_numbers(buffer)) for buffer in buffers],
    }


def _numbers(buffer: pickle.PickleBuffer) -> npt.NDArray[Any]:
    """View the memory of a buffer as what it holds, which compresses better than bytes."""
    kind = memoryview(buffer).format
    return np.frombuffer(buffer.raw(), kind if kind in NUMBERS else np.uint8)


def _unpack(node: dict[str, Node], decoder: Decoder) -> Any:
    if not decoder.trust:
        raise NotTrusted(
            f"{decoder.where} holds a pickle of {node.get('class')}: loading it would run whatever "
            f"code is in it. {REMEDY}"
        )
    buffers = [flat_bytes(decoder.arrays[name]) for name in node["buffers"]]
    try:
        return pickle.loads(decoder.arrays[node["member"]].data, buffers=buffers)
    except ImportError as error:
        raise MissingDependency(
            f"{decoder.where} holds a pickle of {node.get('class')}, which needs what is not "
            f"installed here: {error}. Install what defines it."
        ) from error


PICKLE = Codec("pickle", (), _pack, _unpack)
