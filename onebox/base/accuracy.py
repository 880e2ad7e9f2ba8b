"""Standard errors of fitted attributes, computed when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from onebox.data.schema import Schema
from onebox.engine.accuracy import Estimate, GroupStates
from onebox.engine.accuracy.anytime import EarlyStop


@dataclass(frozen=True)
class Asked:
    """What `ob.fit` wants beside a fit.

    Attributes
    ----------
    stop : EarlyStop or None
        When to stop reading; None reads everything.
    """

    stop: EarlyStop | None = None


_asked: ContextVar[Asked | None] = ContextVar("onebox_accuracy", default=None)


@contextmanager
def asking(asked: Asked) -> Iterator[None]:
    """Fits inside keep what standard errors are computed from."""
    token = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(token)


def asked() -> Asked | None:
    """What the fits of this context are asked for."""
    return _asked.get()


@dataclass(frozen=True, eq=False)
class Accuracy(Mapping[str, Estimate]):
    """How far fitted attributes can be off, by name.

    ``model.accuracy_["coef_"]`` is an `Estimate`: its ``standard_error``, its ``interval(0.95)``,
    and whether to trust it. Computed at the first question, from the groups' summaries.

    Attributes
    ----------
    model : estimator
        Fitted; a copy that nobody changes.
    schema : Schema
    summary : object
        What the model was made of.
    states : GroupStates
    """

    model: Any
    schema: Schema
    summary: Any
    states: GroupStates
    _known: dict[str, Estimate] = field(default_factory=dict, repr=False)

    def estimates(self) -> tuple[Estimate, ...]:
        """Every smooth attribute with its standard error.

        Raises
        ------
        BadInput
            When there are fewer than two groups of rows.
        """
        if not self._known:
            full = self.model._answers(self.summary, self.schema)

            def answers(summary: Any) -> Mapping[str, Any]:
                made: dict[str, Any] = self.model._answers(summary, self.schema)
                return made

            names = tuple(self.schema.names)
            made = self.states.estimates(answers, full, names, by_column=self.model._by_column)
            self._known.update((one.name, one) for one in made)
        return tuple(self._known.values())

    def __getitem__(self, name: str) -> Estimate:
        self.estimates()
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter([one.name for one in self.estimates()])

    def __len__(self) -> int:
        return len(self.estimates())

    def __repr__(self) -> str:
        alone = [one for one in self.estimates() if np.ndim(one.value) == 0]
        arrays = [repr(one) for one in self.estimates() if np.ndim(one.value)]
        return "\n".join([*arrays, *(f"{one.name}: {one!r}" for one in alone)])
