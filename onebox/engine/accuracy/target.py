"""How close an answer has to be before reading may stop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, TypeAlias

import numpy as np

from onebox.engine.accuracy.estimate import Estimate, checked_confidence
from onebox.errors import BadInput


@dataclass(frozen=True)
class Absolute:
    """Half the width of an interval, in the units of the answer.

    Parameters
    ----------
    error : float

    Examples
    --------
    >>> import onebox as ob
    >>> ob.Absolute(0.5)
    Absolute(error=0.5)
    """

    error: float

    def __post_init__(self) -> None:
        _refuse(self.error)

    def limits(self, estimate: Estimate) -> Any:
        return np.full(np.shape(estimate.value), self.error)


@dataclass(frozen=True)
class Relative:
    """Half the width of an interval, as a share of the answer.

    Parameters
    ----------
    error : float
    to : {"value", "largest"}, default="value"
        Of what: of each number itself, or of the largest of the array in magnitude, so that a
        coefficient of zero asks for no infinite precision.

    Examples
    --------
    >>> import onebox as ob
    >>> ob.Relative(0.01, to="largest")
    Relative(error=0.01, to='largest')
    """

    error: float
    to: Literal["value", "largest"] = "value"

    def __post_init__(self) -> None:
        _refuse(self.error)
        if self.to not in ("value", "largest"):
            raise BadInput(f"Relative(to={self.to!r}) must be 'value' or 'largest'.")

    def limits(self, estimate: Estimate) -> Any:
        sizes = np.abs(np.asarray(estimate.value, np.float64))
        if self.to == "largest" and sizes.size:
            sizes = np.full(sizes.shape, np.nanmax(sizes))
        return self.error * sizes


Wanted: TypeAlias = float | Absolute | Relative


@dataclass(frozen=True)
class Target:
    """What every interval has to keep within.

    Attributes
    ----------
    wanted : mapping of str to Absolute or Relative, or None
        By answer; None stands for the first answer, with `default`.
    default : Absolute or Relative
    confidence : float
    """

    wanted: Mapping[str, Absolute | Relative] | None
    default: Absolute | Relative
    confidence: float

    @classmethod
    def of(
        cls,
        error: Wanted | Mapping[str, Wanted],
        confidence: float,
        to: Literal["value", "largest"],
    ) -> Target:
        """Take what users write apart.

        Raises
        ------
        BadInput
            For an error that is not positive, or a confidence outside 0 to 1.
        """
        confidence = checked_confidence(confidence)
        if isinstance(error, Mapping):
            if not error:
                raise BadInput("error={} names no answer; give a number, or {'coef_': 0.01}.")
            parts = {name: _one(one, to) for name, one in error.items()}
            return cls(parts, next(iter(parts.values())), confidence)
        return cls(None, _one(error, to), confidence)

    def require_known(self, names: Iterable[str]) -> None:
        """Refuse answers that do not exist."""
        known = list(names)
        for name in self.wanted or ():
            if name not in known:
                raise BadInput(
                    f"error names {name!r}, of which there is no standard error; there are: "
                    f"{', '.join(map(repr, known))}."
                )

    def met(self, estimates: Iterable[tuple[Estimate, ...]]) -> bool:
        """Whether all that is asked about is close enough; of each aggregate, its first answer."""
        for some in estimates:
            for at, estimate in enumerate(some):
                if self.wanted is None:
                    rule = self.default if at == 0 else None
                else:
                    rule = self.wanted.get(estimate.name)
                if rule is not None and not self._close(estimate, rule):
                    return False
        return True

    def _close(self, estimate: Estimate, rule: Absolute | Relative) -> bool:
        half = estimate.quantile(self.confidence) * estimate.standard_error
        # What is NaN whatever is read, such as the mean of a column without values, waits for
        # nothing.
        return bool((np.isnan(np.asarray(estimate.value)) | (half <= rule.limits(estimate))).all())


def _one(error: Wanted, to: Literal["value", "largest"]) -> Absolute | Relative:
    if isinstance(error, Absolute | Relative):
        return error
    if isinstance(error, bool) or not isinstance(error, int | float | np.number):
        raise BadInput(
            f"error={error!r} must be a number such as 0.01, ob.Absolute(...), ob.Relative(...), or "
            "a dict of these by the answer's name."
        )
    return Relative(float(error), to)


def _refuse(error: float) -> None:
    if not (error > 0 and isfinite(error)):
        raise BadInput(
            f"error={error!r} must be a positive number: half the width of the interval that is "
            "good enough. For the answer of all rows leave it out."
        )
