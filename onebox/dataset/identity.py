"""Which rows a Dataset has: equal for datasets whose rows can be read together."""

from __future__ import annotations

from collections.abc import Sequence

from onebox.data.steps import Draw, Select, Step


def deciding(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps on which it depends which rows there are.

    What changes columns counts when a later step looks at columns to drop rows; choosing among
    columns changes none.
    """
    deciding: list[Step] = []
    changes: list[Step] = []
    for step in steps:
        if step.drops_rows:
            if not (isinstance(step, Draw) and step.by is None):
                deciding += changes
                changes = []
            deciding.append(step)
        elif not isinstance(step, Select):
            changes.append(step)
    return tuple(deciding)
