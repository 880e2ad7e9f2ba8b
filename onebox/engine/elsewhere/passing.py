"""One pass elsewhere: unit by unit, merged on the cluster, or file by file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any

from onebox.data.partition import Unit
from onebox.engine.elsewhere import workshop
from onebox.engine.elsewhere.caller import Elsewhere
from onebox.engine.elsewhere.merging import Gathered, added, as_groups, as_one
from onebox.engine.elsewhere.travel import Errand, Findings, Order
from onebox.engine.fold import Groups
from onebox.engine.kept import KeptScan, State
from onebox.engine.need import is_large
from onebox.engine.reader import Reader
from onebox.engine.small import Made, SmallWalk, found_in
from onebox.engine.tasks import Results


class Passing:
    """One pass over some units.

    Parameters
    ----------
    run : Elsewhere
    groups : sequence of Groups
    reader : Reader
        For what the cache is asked.
    """

    def __init__(self, run: Elsewhere, groups: Sequence[Groups], reader: Reader) -> None:
        self._run, self._groups, self._reader = run, groups, reader
        self._large = [is_large(one.aggregate, run.view) for one in groups]
        self._order = Order(tuple(one.aggregate for one in groups), run.trail.scans)

    def takes(self, units: Sequence[Unit], state: State | None) -> bool:
        """Whether workers can do it: not for streams, nor for one accumulator of rows in memory."""
        view = self._run.view
        if not self._run.can_read(units):
            return False
        if not any(self._large):
            return True
        roles = view.target, view.weight
        half_done = state is not None and any(one is not None for one in state.held)
        in_memory = not view.source.travels or any(hasattr(one, "shape") for one in roles)
        return not (half_done or in_memory)

    def steps(
        self, units: Sequence[Unit], kept: KeptScan | None, n_done: int, *, whole: bool, merge: bool
    ) -> Results[None]:
        """Merge what every unit has into the groups.

        `whole` says that these are all units, and nobody asks for the groups in between; `merge`
        that one summary of everything will do, in place of one a group.
        """
        if any(self._large):
            return self._by_file(units, kept, n_done)
        if self._run.crew.folds and kept is None and whole:
            return self._folded(units, merge=merge)
        return SmallWalk(self._groups, units, self, kept, n_done).steps()

    def in_order(self, units: Sequence[Unit], kept: KeptScan | None) -> Results[Made]:
        """What every unit has, found in the cache or made by the crew."""
        at = 0
        while at < len(units):
            made = None if kept is None else found_in(kept, units[at], self._reader)
            if made is not None:
                at += 1
                yield made
                continue
            errands = self._unknown(units[at:], kept)
            with closing(self._run.map(workshop.summaries, errands, self._order)) as results:
                for found in results:
                    self._count(found, units[at : at + 1])
                    at += 1
                    yield found.made[0]

    def _unknown(self, units: Sequence[Unit], kept: KeptScan | None) -> Iterator[Errand]:
        """Errands for the units that come first and are not in the cache."""
        for number, unit in enumerate(units):
            if number and kept is not None and kept.find(unit) is not None:
                return
            yield self._run.errand(unit)

    def _folded(self, units: Sequence[Unit], *, merge: bool) -> Results[None]:
        if not units:
            return
        run, n_done = self._run, 0
        end = as_one if merge else as_groups
        errands = map(run.errand, units)
        with closing(run.fold(workshop.summaries, added, end, errands, self._order)) as counts:
            for count in counts:
                self._went_past(units[n_done : n_done + count])
                n_done += count
                yield
        run.count(run.outcome)
        for group, summaries in zip(self._groups, run.outcome.groups, strict=True):
            group.summaries = summaries

    def _by_file(self, units: Sequence[Unit], kept: KeptScan | None, n_done: int) -> Results[None]:
        files = [tuple(some) for _, some in groupby(units[n_done:], lambda unit: unit.span.file)]
        errands = [Errand(some) for some in files]
        found: Results[Findings] = self._run.map(
            workshop.file_summaries, errands, self._order, self._large
        )
        with closing(found) as results:
            for some, one in zip(files, results, strict=True):
                self._count(one, some)
                self._add_file(one)
                n_done += len(some)
                if kept is not None:
                    kept.rows += sum(made.rows for made in one.made)
                    kept.dropped += sum(made.dropped for made in one.made)
                    none: list[Any] = [None] * len(self._groups)
                    last = n_done == len(units)
                    kept.note_state(n_done, self._groups, none, last=last)
                for _ in some:
                    yield

    def _add_file(self, found: Findings) -> None:
        for at, (group, held) in enumerate(zip(self._groups, found.held, strict=True)):
            if held is not None:
                group.add({0: held}, reuse=False)
                continue
            for made in found.made:
                group.add(made.shares[at], reuse=False)

    def _count(self, found: Findings, units: Sequence[Unit]) -> None:
        counts = Gathered([])
        counts.count(found)
        self._run.count(counts)
        self._went_past(units)

    def _went_past(self, units: Sequence[Unit]) -> None:
        for unit in units:
            self._run.meter.saw(position=unit.n_rows or 0)
