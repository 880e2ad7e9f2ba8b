"""Summaries of units, kept one by one where they are small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from onebox.aggregates.aggregate import Aggregate
from onebox.data.partition import Unit
from onebox.engine.fold import n_groups
from onebox.engine.kept import beginnings
from onebox.engine.kept.batches import Packed, Shares
from onebox.engine.kept.keeper import Keeper
from onebox.engine.kept.prefixes import Prefixes
from onebox.engine.kept.shelf import Shelf, warn_of_another_version
from onebox.engine.kept.unit_keys import UnitKeys
from onebox.memory.entries import MISSING


@dataclass(frozen=True)
class Found:
    """The summaries of a unit that were kept.

    Attributes
    ----------
    shares : list of dict of int to summary
        By group.
    rows, dropped : int
    """

    shares: Shares
    rows: int
    dropped: int


class UnitSummaries:
    """What a scan keeps of its units.

    Parameters
    ----------
    keeper : Keeper
    recipe : str
        Under which their batches are.
    about : dict
        What is written beside them, for people.
    units : sequence of Unit
        Of the walk.
    parts : sequence of Aggregate
    classes : list of dict of str to type
        Of their summaries.
    keys : UnitKeys

    Attributes
    ----------
    prefixes : Prefixes
        What the first of them have come to.
    """

    def __init__(
        self, keeper: Keeper, recipe: str, about: dict[str, Any], units: Sequence[Unit],
        parts: Sequence[Aggregate[Any]], classes: list[dict[str, type]], keys: UnitKeys,
    ) -> None:  # fmt: skip
        self._keeper, self._parts, self._classes, self._keys = keeper, parts, classes, keys
        self._shelf = Shelf(
            keeper.entries, MISSING, recipe, about, keeper.view.stored_bytes, keeper.batch_bytes
        )
        self.prefixes = Prefixes(keeper, self._shelf, units, parts, classes, keys)

    @property
    def full(self) -> bool:
        """Whether no more are kept."""
        return self._shelf.full

    def has(self, unit: Unit) -> bool:
        """Whether the summaries of a unit are listed."""
        return any(key in self._shelf for key in self._keys.of(unit))

    def find(self, unit: Unit) -> Found | None:
        """The summaries of a unit, read at some time before; safe to call from any thread."""
        return self._find(unit, self._keys.of(unit))

    def find_beginning(self, unit: Unit) -> tuple[Unit, Found] | None:
        """What the unit begins with, read when it was shorter."""
        for begun in beginnings.possible(self._keeper.view, unit):
            keys = [key for key in self._keys.anew(begun) if key in self._shelf]
            found = self._find(begun, keys) if keys else None
            if found is not None:
                return begun, found
        return None

    def keep(self, unit: Unit, shares: Shares, rows: int, dropped: int) -> None:
        """Keep the summaries of a unit; they are copied now. Safe to call from any thread.

        Raises
        ------
        WrongType
            When they hold what cannot be kept.
        """
        keys = self._keys.of(unit)
        if not keys:
            return
        first = unit.first_partition
        turned = [
            {(group - first) % n_groups(part): one for group, one in share.items()}
            for part, share in zip(self._parts, shares, strict=True)
        ]
        self._shelf.put(keys[0], Packed.of(turned, rows, dropped), self._keeper.bytes_of(unit))

    def settle(self) -> None:
        """Write what is left, and see whether all of it is taken."""
        self._shelf.close()

    def close(self, *, write: bool) -> BaseException | None:
        """Write what is left, or drop it; returns what went wrong with any."""
        self._shelf.close(write=write)
        return self._shelf.trouble

    def forget(self) -> None:
        """Delete all of them."""
        self._shelf.forget()

    def _find(self, unit: Unit, keys: Sequence[bytes]) -> Found | None:
        for key in keys:
            packed = self._shelf.find(key)
            if packed is None:
                continue
            try:
                shares = packed.shares(self._classes)
            except Exception:
                warn_of_another_version()
                return None
            first = unit.first_partition
            turned = [
                {(first + group) % n_groups(part): one for group, one in share.items()}
                for part, share in zip(self._parts, shares, strict=True)
            ]
            return Found(turned, packed.rows, packed.dropped)
        return None
