"""What a run asks of the cache once: which files these are, and where its entries go."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from onebox.aggregates.aggregate import Aggregate
from onebox.config import Settings, memory_budget
from onebox.data.partition import Unit
from onebox.data.view import View
from onebox.engine.kept.history import History
from onebox.engine.kept.keys import machine_key, machine_name, place_key
from onebox.engine.kept.shelf import BATCH_BYTES, Entries
from onebox.engine.need import is_large
from onebox.storage.hashing import hash_bytes

BUILDS_KEY = hash_bytes(b"builds")
BATCHES_HELD = 7  # gathering, being written, two that are read, and a state of no more than one


def batch_bytes(budget: int) -> int:
    """Bytes of summaries that are written together."""
    return min(BATCH_BYTES, budget // 100)


def held_bytes(
    view: View, scans: Sequence[Sequence[Aggregate[Any]]], settings: Settings, budget: int
) -> int:
    """Bytes that keeping summaries takes beside what the scans need."""
    if not _is_kept(view, settings):
        return 0
    large = [
        sum(part.nbytes(view.schema) for part in parts if is_large(part, view)) for parts in scans
    ]
    # A state holds the accumulator of a file and that of the files before it, copied and squeezed.
    return BATCHES_HELD * batch_bytes(budget) + 4 * max(large, default=0)


class Keeper:
    """Finds and keeps what the scans of one run make of the units of one view.

    Parameters
    ----------
    view : View
    settings : Settings
        Their cache is a `Memory`.
    job : str
        What messages call the run.
    """

    def __init__(self, view: View, settings: Settings, job: str) -> None:
        self.view, self.job = view, job
        memory: Any = settings.summaries
        self.entries: Entries = memory.entries("summaries")
        self.entries.refresh(now=True)  # what a killed process has written counts, too
        self.history = History(view.source, self.entries, settings.verify)
        self.batch_bytes = batch_bytes(memory_budget(settings))
        self._builds = self._known_builds(memory.folder)

    @classmethod
    def of(cls, view: View, settings: Settings, job: str) -> Keeper | None:
        """The keeper of a run; None where nothing is to be kept, or nobody could recognise it."""
        if not _is_kept(view, settings):
            return None
        keeper = cls(view, settings, job)
        return keeper if any(map(keeper.history.versions, _files(view))) else None

    def remember(self) -> None:
        """Write down which files these were, and which onebox this is, once something is kept."""
        self.history.keep()
        if machine_key() not in self._builds:
            self._builds[machine_key()] = machine_name()
            about = {"arguments": {"builds": "of onebox"}, "code": [], "version": ""}
            self.entries.write(BUILDS_KEY, self._builds, about)

    def _known_builds(self, folder: object) -> dict[str, str]:
        """The builds that have filled this cache; warns when this one is not among them."""
        kept = self.entries.read(BUILDS_KEY)
        builds = dict(kept) if isinstance(kept, dict) else {}
        if builds and machine_key() not in builds:
            warnings.warn(
                f"The cache in {folder} was filled by {' and by '.join(builds.values())}. This is "
                f"{machine_name()}, whose sums may differ in the last bits: what those have read is "
                "read again.",
                stacklevel=3,
            )
        return builds

    @cached_property
    def places(self) -> dict[int, str]:
        """Keys of the places of units, by their first partition."""
        units = self.view.layout.units
        return {unit.first_partition: place_key(self.view, unit) for unit in units}

    def everything(self, recipe: str) -> str | None:
        """Key of a scan of all units; None when a file has no version."""
        parts = []
        for unit in self.view.layout.units:
            versions = self.history.versions(unit.span.file)
            if not versions:
                return None
            parts.append(f"{self.places[unit.first_partition]} {versions[0]}")
        return hash_bytes(f"{recipe} {parts!r}".encode())

    def bytes_of(self, unit: Unit) -> int:
        """Bytes that reading a unit takes from the disk."""
        total = self.view.source.stored_bytes(unit.span, self.view.source_columns)
        if unit.n_rows is None or not unit.span.n_rows:
            return total
        return total * unit.n_rows // unit.span.n_rows


def _is_kept(view: View, settings: Settings) -> bool:
    source = view.source
    return settings.summaries is not None and not (source.single_pass or source.in_memory)


def _files(view: View) -> list[str]:
    return list(dict.fromkeys(span.file for span in view.source.spans()))
