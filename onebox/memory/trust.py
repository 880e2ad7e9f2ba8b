"""Signatures under results that would run code when they are read.

A result that is made of arrays, text and models of onebox is read by anybody: nothing in it runs.
One that needs pickle, or classes of other packages, is signed with a secret key over its own key and
all of its bytes, and is not opened unless the signature is right.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from onebox.errors import NotTrusted
from onebox.storage.chunks import byte_chunks

KEY_BYTES = 32
CHUNK_BYTES = 1 << 20
GROUP_KEY = "group.key"
SIGNED = ("format", "version", "names", "pickles", "object")  # all of a document that is used
Signed = Literal["private", "group"]


class Signer:
    """Signs with a key of the user alone, or with one that all who read a folder share.

    Parameters
    ----------
    folder : path
        The cache folder, in which a group's key lies.
    signed : {"private", "group"}
        Which key.
    """

    def __init__(self, folder: Path, signed: Signed) -> None:
        self.path = folder / GROUP_KEY if signed == "group" else private_key_path()
        self.folder, self.signed = folder, signed

    def __reduce__(self) -> Any:
        return Signer, (self.folder, self.signed)  # not the key

    def sign(
        self, key: str, document: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> str:
        """Signature of a result under its key, as hexadecimal digits.

        Notes
        -----
        Cost: one read of the arrays.
        """
        state = blake3(b"onebox result\0" + key.encode() + b"\0", key=self._secret)
        for name, array in arrays.items():
            head = [name, np.lib.format.dtype_to_descr(array.dtype), array.shape]
            state.update(json.dumps(head).encode() + b"\0")
            for chunk in byte_chunks(array, CHUNK_BYTES):
                state.update(chunk)
        plain = [document.get(name) for name in SIGNED]
        state.update(json.dumps(plain, sort_keys=True).encode())
        return state.hexdigest()

    def require(
        self, where: str, key: str, document: dict[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]], needed: list[str],
    ) -> None:  # fmt: skip
        """Make sure that a result was signed with this key.

        Raises
        ------
        NotTrusted
            It was not.
        """
        given = document.get("signature")
        right = isinstance(given, str) and hmac.compare_digest(
            given.encode(), self.sign(key, document, arrays).encode()
        )
        if not right:
            raise NotTrusted(
                f"{where} needs {', '.join(needed[:3])}, which would run code, and is "
                f"{'not signed' if given is None else 'signed by somebody else'}: it is not opened. "
                "If you know who wrote it and trust them, share a folder with signed='group'; if "
                "not, delete it and ask how it came there."
            )

    @cached_property
    def _secret(self) -> bytes:
        if not self.path.exists():
            self._make()
        _require_private(self.path, self.signed)
        secret = self.path.read_bytes()
        if len(secret) != KEY_BYTES:
            raise NotTrusted(
                f"{self.path} ({len(secret)} bytes) is no key of {KEY_BYTES} bytes. Delete it: "
                "results that were signed with it are computed again."
            )
        return secret

    def _make(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        hidden = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        mode = 0o600 if self.signed == "private" else 0o640
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            os.write(descriptor, secrets.token_bytes(KEY_BYTES))
            os.close(descriptor)
            with suppress(FileExistsError):  # somebody else was first
                os.link(hidden, self.path)
        finally:
            hidden.unlink()


def private_key_path() -> Path:
    """Where the user's own key is."""
    chosen = os.environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(chosen):
        return Path(chosen) / "onebox" / "results.key"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home())) / "onebox" / "results.key"
    return Path.home() / ".config" / "onebox" / "results.key"


def _require_private(path: Path, signed: Signed) -> None:
    if sys.platform == "win32":
        return
    status = path.stat()
    shared = stat.S_IMODE(status.st_mode) & (0o077 if signed == "private" else 0o007)
    if shared or (signed == "private" and status.st_uid != os.geteuid()):
        raise NotTrusted(
            f"{path} (mode {stat.S_IMODE(status.st_mode):o}, user {status.st_uid}) can be read by "
            "others, who could sign with it. Delete it: a new one is made, and results that were "
            "signed with it are computed again."
        )
