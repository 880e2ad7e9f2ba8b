"""What the first units of a walk have come to, kept among the units' own summaries.

Data grow at their end: a walk over last month's units and some more goes on from what those have come
to, without a merge of each. A few such states are kept on the way, for when a file comes in between or
goes. Where none is found, or none is worth its bytes, the units' own summaries are merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onebox.aggregates.aggregate import Aggregate
from onebox.data.partition import Unit
from onebox.engine.fold import Groups, n_groups
from onebox.engine.kept.keeper import Keeper
from onebox.engine.kept.shelf import Shelf
from onebox.engine.kept.states import State, packed_state, state_of
from onebox.engine.kept.unit_keys import UnitKeys
from onebox.storage.hashing import hash_bytes

SPARSE = 8  # bytes of units' summaries for each byte of states; 1 at the end of a walk


class Prefixes:
    """States of one walk.

    Parameters
    ----------
    keeper : Keeper
    shelf : Shelf
        That has the units' summaries.
    units : sequence of Unit
        Of the walk.
    parts : sequence of Aggregate
    classes : list of dict of str to type
        Of their summaries.
    keys : UnitKeys
    """

    def __init__(
        self, keeper: Keeper, shelf: Shelf, units: Sequence[Unit],
        parts: Sequence[Aggregate[Any]], classes: list[dict[str, type]], keys: UnitKeys,
    ) -> None:  # fmt: skip
        self._keeper, self._shelf, self._units = keeper, shelf, units
        self._parts, self._classes = parts, classes
        self._keys = _chained(units, keys)
        schema = keeper.view.schema
        self._nbytes = sum(n_groups(part) * part.nbytes(schema) for part in parts)
        self._n_kept = self._bytes_then = 0

    def find(self) -> State | None:
        """The state after the most units."""
        for n_units in range(len(self._keys), 0, -1):
            key = self._keys[n_units - 1]
            packed = self._shelf.find(key) if key in self._shelf else None
            state = (
                None if packed is None else state_of(n_units, packed, self._parts, self._classes)
            )
            if state is not None:
                self._n_kept = n_units
                return state
        return None

    def offer(self, n_done: int, groups: Sequence[Groups], rows: int, dropped: int) -> None:
        """Keep the state after some units, if enough has been read since the one before.

        Raises
        ------
        WrongType
            When it holds what cannot be kept.
        """
        share = 1 if n_done == len(self._units) else SPARSE
        read = self._shelf.taken_bytes - self._bytes_then
        if n_done > len(self._keys) or read < share * self._nbytes:
            return
        if self._nbytes > self._keeper.batch_bytes:
            return  # its copy would take more memory than a batch
        packed = packed_state(groups, [None] * len(groups), rows, dropped)
        data_bytes = sum(map(self._keeper.bytes_of, self._units[self._n_kept : n_done]))
        self._shelf.put(self._keys[n_done - 1], packed, data_bytes)
        self._n_kept, self._bytes_then = n_done, self._shelf.taken_bytes


def _chained(units: Sequence[Unit], keys: UnitKeys) -> list[bytes]:
    """Keys of the first unit, the first two and so on, up to one whose file nobody can recognise."""
    # With the numbers of partitions, which decide the groups, as a walk may be over some units only.
    chain, before = [], b"prefix"
    for unit in units:
        known = keys.of(unit)
        if not known:
            break
        before = bytes.fromhex(hash_bytes(b"%s %s %d" % (before, known[0], unit.first_partition)))
        chain.append(before)
    return chain
