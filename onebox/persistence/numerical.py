"""Codecs of numpy and scipy: arrays, scalars, dtypes, random generators, sparse matrices."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from onebox.errors import WrongType
from onebox.persistence.codec import Codec, Decoder, Node, Place
from onebox.persistence.plain import from_text, to_text

BIT_GENERATORS = (
    np.random.PCG64,
    np.random.PCG64DXSM,
    np.random.MT19937,
    np.random.Philox,
    np.random.SFC64,
)
INDEXES = {
    "csr": ("indices", "indptr"),
    "csc": ("indices", "indptr"),
    "bsr": ("indices", "indptr"),
    "dia": ("offsets",),
}
SPARSE = {
    (name, is_array): getattr(sp, f"{name}_array" if is_array else f"{name}_matrix")
    for name in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
    for is_array in (False, True)
}


def _pack_array(value: npt.NDArray[Any], place: Place) -> dict[str, Node]:
    if value.dtype.kind == "O":
        items = place.only("array").children(value.ravel().tolist())
        order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        return {"objects": items, "shape": list(value.shape), "order": order}
    _dtype_text(value.dtype, place)
    return {"member": place.array(np.asarray(value))}


def _unpack_array(node: dict[str, Node], decoder: Decoder) -> npt.NDArray[Any]:
    if "member" in node:
        return decoder.arrays[node["member"]]
    array = np.empty(len(node["objects"]), object)
    for i, item in enumerate(node["objects"]):
        array[i] = decoder.decode(item)
    return np.asarray(array.reshape(node["shape"]), order=node["order"])


def _dtype_text(dtype: np.dtype[Any], place: Place) -> str:
    """Write a dtype as .npy files do, if that says all there is to it."""
    if dtype.kind == "O":
        return "|O"
    if not dtype.hasobject:
        described: Any = np.lib.format.dtype_to_descr(dtype)
        restored: Any = np.lib.format.descr_to_dtype(described)
        if restored == dtype and restored.type is dtype.type:
            return described if isinstance(described, str) else repr(described)
    place.refuse(f"has the dtype {dtype}, which files do not hold. Convert it", WrongType)


def _dtype_from(text: str) -> np.dtype[Any]:
    description: Any = ast.literal_eval(text) if text.startswith("[") else text
    return np.lib.format.descr_to_dtype(description)


def _pack_scalar(value: np.generic, place: Place) -> dict[str, Node]:
    if value.dtype.hasobject or value.dtype.type is not type(value):
        place.refuse(f"is a {type(value).__qualname__}, which files do not hold. Convert it")
    data = value.tobytes()[: value.dtype.itemsize]  # empty text gives the bytes of one letter
    return {"dtype": _dtype_text(value.dtype, place), "base64": to_text(data)}


def _unpack_scalar(node: dict[str, Node], decoder: Decoder) -> Any:
    dtype, data = _dtype_from(node["dtype"]), from_text(node["base64"])
    if dtype.hasobject or dtype.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes make no scalar of dtype {dtype}")
    return np.ndarray((), dtype, data)[()]


def _pack_seeds(value: np.random.SeedSequence, place: Place) -> dict[str, Node]:
    return {"state": place.child(value.state, ".state")}


def _unpack_seeds(node: dict[str, Node], decoder: Decoder) -> np.random.SeedSequence:
    return np.random.SeedSequence(**decoder.decode(node["state"]))


def _pack_bits(value: Any, place: Place) -> dict[str, Node]:
    seeds = value.seed_seq if isinstance(value.seed_seq, np.random.SeedSequence) else None
    return {"seeds": place.child(seeds, ".seed_seq"), "state": place.child(value.state, ".state")}


def _unpack_bits(node: dict[str, Node], decoder: Decoder) -> Any:
    seeds = decoder.decode(node["seeds"])
    return _with_state(decoder.decode(node["state"]), 0 if seeds is None else seeds)


def _with_state(state: dict[str, Any], seed: int | np.random.SeedSequence = 0) -> Any:
    # numpy does not check these, and uses them as offsets into memory
    if not 0 <= state["state"].get("pos", 0) <= 624 or not 0 <= state.get("buffer_pos", 0) <= 4:
        raise ValueError("a random generator with a position outside of its buffer")
    made: Any = {kind.__name__: kind for kind in BIT_GENERATORS}[state["bit_generator"]](seed)
    made.state = state
    return made


def _pack_random_state(value: np.random.RandomState, place: Place) -> dict[str, Node]:
    return {"state": place.child(value.get_state(legacy=False), ".state")}


def _unpack_random_state(node: dict[str, Node], decoder: Decoder) -> np.random.RandomState:
    state = decoder.decode(node["state"])
    generator = np.random.RandomState(_with_state(state))
    generator.set_state(state)
    return generator


def _pack_sparse(value: Any, place: Place) -> dict[str, Node]:
    indexes = INDEXES.get(value.format)
    stored = value if indexes else value.tocoo()
    parts = [getattr(stored, name) for name in indexes] if indexes else stored.coords
    return {
        "format": value.format,
        "array": isinstance(value, sp.sparray),
        "shape": list(value.shape),
        "data": place.child(stored.data, ".data"),
        "indexes": place.child(tuple(parts), ".indexes"),
    }


def _unpack_sparse(node: dict[str, Node], decoder: Decoder) -> Any:
    name, is_array, shape = node["format"], node["array"], tuple(node["shape"])
    data, parts = decoder.decode(node["data"]), decoder.decode(node["indexes"])
    indexes = INDEXES.get(name)
    if not indexes:
        matrix = SPARSE["coo", is_array]((data, parts), shape=shape)
        if name == "coo":
            matrix.coords = parts
        return matrix.asformat(name)
    matrix = SPARSE[name, is_array]((data, *parts), shape=shape)
    for attribute, part in zip(indexes, parts, strict=True):
        setattr(matrix, attribute, part)  # scipy narrows them to int32 on the way in
    if name != "dia":
        # an index outside would be a write outside of the buffers, later
        matrix.check_format(full_check=True)
    return matrix


CODECS = [
    Codec("array", (np.ndarray, np.memmap), _pack_array, _unpack_array),
    Codec("seed_sequence", (np.random.SeedSequence,), _pack_seeds, _unpack_seeds),
    Codec("bit_generator", BIT_GENERATORS, _pack_bits, _unpack_bits),
    Codec(
        "generator",
        (np.random.Generator,),
        lambda value, place: {"bits": place.child(value.bit_generator, ".bit_generator")},
        lambda node, decoder: np.random.Generator(decoder.decode(node["bits"])),
    ),
    Codec("random_state", (np.random.RandomState,), _pack_random_state, _unpack_random_state),
    Codec("sparse", tuple(SPARSE.values()), _pack_sparse, _unpack_sparse),
]
SCALAR = Codec("scalar", (), _pack_scalar, _unpack_scalar, "atom")
DTYPE = Codec(
    "dtype",
    (),
    lambda value, place: {"dtype": _dtype_text(value, place)},
    lambda node, decoder: _dtype_from(node["dtype"]),
    "atom",
)
