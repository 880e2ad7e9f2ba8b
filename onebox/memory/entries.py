"""Results on disk: one file an entry, named by its key, which says what it was made of."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from onebox.errors import CorruptFile, MissingDependency, NotTrusted, OneboxError, WrongType
from onebox.memory.lease import lease
from onebox.persistence import document_of, load
from onebox.persistence.names import needs_trust
from onebox.storage import container

Recipe = dict[str, Any]

SUFFIX = ".onebox"
MISSING = object()
LOOKED_AT = 50  # entries that are compared with a call that misses


class Entries:
    """The entries of one function in a folder.

    Parameters
    ----------
    folder : path
    name : str
        Of the function; entries lie in a subfolder of that name.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / re.sub(r"[^\w.-]", "_", name)

    def path(self, key: str) -> Path:
        """Where the entry of a key is, or would be."""
        return self.folder / f"{key}{SUFFIX}"

    def age(self, key: str, now: float) -> float | None:
        """Seconds since an entry was written; None when there is none."""
        try:
            return now - self.path(key).stat().st_mtime
        except OSError:
            return None

    def read(self, key: str, *, mmap: bool = False) -> Any:
        """The result of a key, `MISSING` when there is none that can be used.

        Warns
        -----
        UserWarning
            The entry is damaged, and deleted; or it needs what is not trusted or not installed.
        """
        path = self.path(key)
        try:
            return load(path, mmap=mmap)
        except FileNotFoundError:
            return MISSING
        except CorruptFile as error:
            _warn(f"{error} This cached result is deleted and computed again.")
            with suppress(OSError):
                path.unlink()
        except (NotTrusted, MissingDependency, OSError) as error:
            _warn(f"{error} The result is computed again.")
        return MISSING

    def write(self, key: str, value: Any, recipe: Recipe) -> bool:
        """Keep a result; False, with a warning, when that is not possible."""
        try:
            document, arrays = document_of(value)
            foreign = [name for name in document["names"] if needs_trust(name)]
            if foreign:
                raise WrongType(
                    f"it holds {', '.join(foreign[:3])}, which is not of onebox and would run its "
                    "own code when it is read"
                )
            self.folder.mkdir(parents=True, exist_ok=True)
            # Not synced: after a power cut checksums tell, and the result is computed again.
            container.write(self.path(key), {**document, "recipe": recipe}, arrays, sync=False)
        except (OneboxError, OSError) as error:
            _warn(f"A result of {self.folder.name} is not kept: {error}")
            return False
        return True

    def forget(self, key: str) -> bool:
        """Delete an entry; whether there was one."""
        try:
            self.path(key).unlink()
        except FileNotFoundError:
            return False
        return True

    def leased(self, key: str) -> Any:
        """A context in which nobody else on this machine computes the same result."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = os.access(self.folder, os.W_OK)
        except OSError:
            probe = False
        return lease(self.folder / f".{key}.lease") if probe else nullcontext()

    def recipes(self) -> Iterator[Recipe]:
        """What the latest entries were made of."""
        try:
            paths = sorted(self.folder.glob(f"*{SUFFIX}"), key=_written, reverse=True)
        except OSError:
            return
        for path in paths[:LOOKED_AT]:
            with suppress(CorruptFile, OSError):
                document, _ = container.read(path, mmap=True)
                yield document["recipe"]


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)
