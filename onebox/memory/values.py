"""Results as values, from and to what lies in a cache folder."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy.typing as npt

from onebox.memory import kinds, packing
from onebox.memory.kinds import Keeper
from onebox.memory.recipes import Recipe, code_key
from onebox.memory.shelf import Origin, Shelf
from onebox.memory.survey import PACKED
from onebox.memory.trust import Signer
from onebox.persistence import build, document_of, needs_trust_of
from onebox.storage import container

Arrays = dict[str, npt.NDArray[Any]]

SMALL_BYTES = 32 << 10
HEADERS_BYTES = 4096


class Values:
    """Writes and reads the results of one function.

    Parameters
    ----------
    shelf : Shelf
        Where they lie.
    signer : Signer
        Signs those that would run code when they are read.
    name : str
        Of the function.
    compress : {None, "lz4", "zstd"}
        How large results are compressed.
    """

    def __init__(self, shelf: Shelf, signer: Signer, name: str, compress: str | None) -> None:
        self.shelf, self.signer, self.name, self.compress = shelf, signer, name, compress
        self._packed = f"A packed result of {name} in {shelf.folder / PACKED}"

    def write(self, key: str, value: Any, recipe: Recipe, seconds: float) -> None:
        """Put a result: small ones are packed, large ones get a file.

        Raises
        ------
        OneboxError, OSError, sqlite3.Error
            It cannot be kept.
        """
        origin = Origin(self.name, code_key(self.name, recipe["code"]), recipe["code"])
        special = kinds.of_value(value)
        if special is not None:
            self._write_special(key, value, *special, origin, recipe, seconds)
            return
        document, arrays = document_of(value, pickle=True, brief=True)
        if needs_trust_of(document):
            document["signature"] = self.signer.sign(key, document, arrays)
        raw, size = bytes.fromhex(key), sum(array.nbytes for array in arrays.values())
        if size <= SMALL_BYTES:
            body = packing.pack(document, arrays, recipe)
            if sum(map(len, body)) <= SMALL_BYTES:
                self.shelf.pack(raw, origin, body, seconds)
                return
        document["recipe"], document["seconds"] = recipe, seconds
        size += (1 + len(arrays)) * HEADERS_BYTES + len(json.dumps(document))
        with self.shelf.filing(raw, origin, size) as (path, _, done):
            # Not synced: after a power cut checksums tell, and the result is computed again.
            container.write(path, document, arrays, sync=False, compress=self.compress)
            done(seconds)

    def open(self, key: str, path: Path, mmap: bool) -> Any:
        """Read a result that has a file of its own.

        Raises
        ------
        FileNotFoundError, CorruptFile, NotTrusted, MissingDependency
            There is none that can be used.
        """
        keeper = kinds.of_suffix(path.suffix)
        if keeper is not None:
            return keeper.read(path)
        document, arrays = container.read(path, mmap=mmap)
        if mmap and needs_trust_of(document, str(path)):
            # what is signed must not change between the look at the signature and its use
            document, arrays = container.read(path)
        return self._built(str(path), key, document, arrays)

    def unpack(self, key: str, body: bytes) -> Any:
        """Read a result that is packed with others; raises as `open`."""
        document, arrays = packing.value(body, self._packed)
        return self._built(self._packed, key, document, arrays)

    def _write_special(
        self, key: str, value: Any, kind: int, keeper: Keeper, origin: Origin, recipe: Recipe,
        seconds: float,
    ) -> None:  # fmt: skip
        started = time.perf_counter()
        with self.shelf.filing(bytes.fromhex(key), origin, 0, kind) as (path, more, done):
            keeper.write(value, path, {"recipe": recipe, "seconds": seconds}, more)
            done(seconds + time.perf_counter() - started)  # it was lazy until then

    def _built(self, where: str, key: str, document: Any, arrays: Arrays) -> Any:
        needed = needs_trust_of(document, where)
        if needed:
            self.signer.require(where, key, document, arrays, needed)
        return build(where, document, arrays, trust=bool(needed))
