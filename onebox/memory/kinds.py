"""Results that have a file format of their own: those of layers above this one, found by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from onebox.memory.index import FORMATS
from onebox.persistence.names import name_of

KEEPERS = {"onebox.dataset.dataset:Dataset": (".parquet", "onebox.dataset.kept")}


class Keeper(Protocol):
    """A module that writes and reads results of a kind."""

    def write(
        self, value: Any, path: Path, note: dict[str, Any], more: Callable[[int], None]
    ) -> None:
        """Write a result and a note, atomically; `more` asks for room for so many bytes."""

    def read(self, path: Path) -> Any:
        """Read a result back; as long as it lives the file is locked, so that it stays."""

    def note(self, path: Path) -> dict[str, Any]:
        """Read the note."""


def of_value(value: object) -> tuple[int, Keeper] | None:
    """The number of the format for a result, and what writes it; None for an ordinary one."""
    found = KEEPERS.get(name_of(type(value)))
    return None if found is None else (FORMATS.index(found[0]), _imported(found[1]))


def is_lazy(value: object) -> bool:
    """Whether a result is computed when it is written down or used."""
    return name_of(type(value)) in KEEPERS


def of_suffix(suffix: str) -> Keeper | None:
    """What reads files of a suffix; None for an ordinary one."""
    for own, module in KEEPERS.values():
        if own == suffix:
            return _imported(module)
    return None


def _imported(module: str) -> Keeper:
    keeper: Any = importlib.import_module(module)
    return keeper  # type: ignore[no-any-return]
