"""The state of a walk over units, kept where the units' own summaries are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.data.partition import Unit
from onebox.engine.fold import Groups, n_groups
from onebox.engine.kept.batches import Packed, Shares
from onebox.engine.kept.checkpoint import Checkpoint
from onebox.engine.kept.keeper import Keeper
from onebox.engine.kept.shelf import KEY_BYTES, warn_of_another_version
from onebox.engine.kept.unit_keys import UnitKeys
from onebox.storage.hashing import hash_bytes


@dataclass(frozen=True)
class State:
    """What a walk goes on from.

    Attributes
    ----------
    n_units : int
        That are done.
    groups : list of list of summary or None
        For each aggregate, one a group.
    held : list of summary or None
        For each aggregate, the accumulator of the file that is not complete.
    rows, dropped : int
    """

    n_units: int
    groups: list[list[Any]]
    held: list[Any]
    rows: int
    dropped: int


class WalkStates:
    """The latest state of a walk, and that before the last unit.

    The second is kept for itself: the last unit changes when rows are added to it.

    Parameters
    ----------
    keeper : Keeper
    recipe : str
    about : dict
        What is written beside them, for people.
    parts : sequence of Aggregate
    classes : list of dict of str to type
        Of their summaries.
    keys : UnitKeys
    units : sequence of Unit
        The walk.
    """

    def __init__(
        self, keeper: Keeper, recipe: str, about: dict[str, Any], parts: Sequence[Aggregate[Any]],
        classes: list[dict[str, type]], keys: UnitKeys, units: Sequence[Unit],
    ) -> None:  # fmt: skip
        self._parts, self._classes = parts, classes
        self._keys, self._units = keys, units
        place = keeper.places[units[0].first_partition] if units else ""
        self._latest, self._before_last = (
            Checkpoint(keeper.entries, hash_bytes(f"{which} {recipe} {place}".encode()), about)
            for which in ("state", "state before")
        )

    def find(self) -> State | None:
        """What the walk can go on from, when its first units are those of a state."""
        keys = [self._keys.of(unit) for unit in self._units]
        for entry in (self._latest, self._before_last):
            loaded = entry.load() if keys else None
            n_units = 0 if loaded is None else _n_common(loaded[0], keys)
            if loaded is not None and n_units:
                return state_of(n_units, loaded[1], self._parts, self._classes)
        return None

    def is_due(self, n_done: int) -> bool:
        """Whether to keep the state now."""
        return n_done == len(self._units) - 1 or self._latest.is_due()

    def keep(
        self, n_done: int, groups: Sequence[Groups], held: Sequence[Any], rows: int, dropped: int
    ) -> None:
        """Keep a state; it is copied now, and written while the walk goes on.

        Raises
        ------
        WrongType
            When it holds what cannot be kept.
        """
        keys = [self._keys.of(unit) for unit in self._units[:n_done]]
        if not all(keys):
            return
        position = np.frombuffer(b"".join(one[0] for one in keys), np.uint8)

        entry = self._before_last if n_done == len(self._units) - 1 else self._latest
        entry.write(position, lambda: packed_state(groups, held, rows, dropped))

    def wait(self) -> None:
        """Until they are on the disk."""
        self._latest.wait()
        self._before_last.wait()

    def forget(self) -> None:
        """Delete them."""
        self._latest.forget()
        self._before_last.forget()


def packed_state(groups: Sequence[Groups], held: Sequence[Any], rows: int, dropped: int) -> Packed:
    """Copy a state: the accumulators that are held have the place of group -1."""
    shares: Shares = []
    for group, holds in zip(groups, held, strict=True):
        share = {g: one for g, one in enumerate(group.summaries) if one is not None}
        shares.append(share if holds is None else {**share, -1: holds})
    return Packed.of(shares, rows, dropped)


def state_of(
    n_units: int, packed: Packed, parts: Sequence[Aggregate[Any]], classes: list[dict[str, type]]
) -> State | None:
    """The state that was packed; None, with a warning, where it has another form."""
    try:
        shares = packed.shares(classes)
    except Exception:
        warn_of_another_version()
        return None
    groups = [
        [share.get(g) for g in range(n_groups(part))]
        for part, share in zip(parts, shares, strict=True)
    ]
    held = [share.get(-1) for share in shares]
    return State(n_units, groups, held, packed.rows, packed.dropped)


def _n_common(position: NDArray[np.uint8], keys: Sequence[Sequence[bytes]]) -> int:
    """How many units a state has seen, when these are the first of the units now; else 0."""
    seen = position.tobytes()
    n_units = len(seen) // KEY_BYTES
    if n_units > len(keys):
        return 0
    for i in range(n_units):
        if seen[i * KEY_BYTES : (i + 1) * KEY_BYTES] not in keys[i]:
            return 0
    return n_units
