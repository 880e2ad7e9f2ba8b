"""Under which keys the summaries of a scan's units are kept."""

from __future__ import annotations

from collections.abc import Sequence

from onebox.data.partition import Unit
from onebox.engine.kept.keeper import Keeper
from onebox.engine.kept.keys import place_key, unit_key


class UnitKeys:
    """Keys of units: the first to keep a summary under, all to look for it.

    A file that has grown has a key for each of the versions that its beginning had.

    Parameters
    ----------
    keeper : Keeper
    recipe : str
        Of what the summaries are made.
    units : sequence of Unit
        Whose keys are looked up once, before threads ask for them.
    """

    def __init__(self, keeper: Keeper, recipe: str, units: Sequence[Unit]) -> None:
        self._keeper, self._recipe = keeper, recipe
        self._known = {
            unit.first_partition: (
                unit.stop, self._of(keeper.places[unit.first_partition], unit)
            )
            for unit in units
        }  # fmt: skip

    def of(self, unit: Unit) -> list[bytes]:
        """Keys of a unit, or of a part of one; none when its file has no fingerprint."""
        stop, keys = self._known.get(unit.first_partition, (None, []))
        return keys if stop == unit.stop else self.anew(unit)

    def anew(self, unit: Unit) -> list[bytes]:
        """Keys of a unit that is none of those that were looked up."""
        return self._of(place_key(self._keeper.view, unit), unit)

    def _of(self, place: str, unit: Unit) -> list[bytes]:
        versions = self._keeper.history.versions(unit.span.file)
        return [unit_key(self._recipe, place, version) for version in versions]
