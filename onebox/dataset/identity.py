"""Which rows a Dataset has: equal for datasets whose rows can be read together."""

from __future__ import annotations

from collections.abc import Sequence

from onebox.data.steps import Draw, Select, Step
from onebox.data.view import View
from onebox.engine.kept.keys import chain_key


def content_of(view: View) -> object:
    """What the rows of a view are made of, for keys: its source, and its steps by their code.

    Files count by their paths, sizes and times of last change, what is in memory by its values.
    """
    source = view.source
    return [source.schema, source.content, chain_key(view.features), view.drop_missing]


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
