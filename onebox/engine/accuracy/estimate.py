"""An answer with its standard error, and with its doubts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from onebox.aggregates.results import format_cell, text_table
from onebox.engine.report import FitReport
from onebox.errors import BadInput

Float64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

DOUBTS = {
    "alike": "rows of one partition are alike: as a sample, they count for fewer than they are",
    "ordered": "neighbouring parts of the data pull the same way: the rows lie in some order",
    "outlying": "one part of the data outweighs the others: a heavy tail, or a few odd rows",
}
MARK = "?"


def checked_confidence(confidence: float) -> float:
    """A confidence between 0 and 1.

    Raises
    ------
    BadInput
    """
    if not 0 < confidence < 1:
        raise BadInput(
            f"confidence={confidence!r} must lie between 0 and 1, as 0.95 does: the share of such "
            "intervals that hold the truth."
        )
    return float(confidence)


@dataclass(frozen=True, repr=False, eq=False)
class Estimate:
    """A number or an array of numbers, each with a standard error.

    ``float(estimate)`` is the number itself, ``value`` has it with the bits of an answer without
    errors.

    Attributes
    ----------
    name : str
    value : float or ndarray
    standard_error : ndarray of the same shape
    degrees_of_freedom : int
        Of the t distribution; 0 where an exact or asymptotic error takes the normal one.
    columns : tuple of str, or None
        What the first axis stands for.
    design_effect : ndarray
        By how much the variance of a mean of these partitions exceeds that of as many independent
        rows: of each column, or the largest.
    doubts : dict of str to ndarray of bool
        Reasons why an interval should not be trusted, and for which entries.
    report : FitReport or None
        What the pass cost, and how much it read.
    """

    name: str
    value: Any
    standard_error: Float64
    degrees_of_freedom: int
    columns: tuple[str, ...] | None
    design_effect: Float64
    doubts: Mapping[str, Bools]
    report: FitReport | None = None

    @property
    def trusted(self) -> Bools:
        """Whether nothing speaks against the standard error, for each entry."""
        spoken = np.zeros(np.shape(self.standard_error), np.bool_)
        for of in self.doubts.values():
            spoken |= _along(of, spoken.ndim)
        return ~spoken

    def quantile(self, confidence: float = 0.95) -> float:
        """By how many standard errors an interval reaches to each side."""
        tail = (1 - checked_confidence(confidence)) / 2
        freedom = self.degrees_of_freedom
        return float(stats.t.isf(tail, freedom) if freedom else stats.norm.isf(tail))

    def interval(self, confidence: float = 0.95) -> tuple[Any, Any]:
        """The lower and the upper end of a confidence interval.

        Raises
        ------
        BadInput
            For a confidence outside 0 to 1.
        """
        half = self.quantile(confidence) * self.standard_error
        low, high = self.value - half, self.value + half
        return (float(low), float(high)) if np.ndim(self.value) == 0 else (low, high)

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        if np.ndim(self.value) == 0:
            error, trusted = float(self.standard_error), bool(self.trusted)
            shown = with_error(float(self.value), error, trusted)
            return "\n".join([shown, *self._reasons()])
        rows = self.columns
        if rows is None or len(rows) != len(self.value) or np.ndim(self.value) != 1:
            rows = tuple("".join(f"[{i}]" for i in at) for at in np.ndindex(np.shape(self.value)))
        return "\n".join([text_table([("", rows), (self.name, self._cells())]), *self._reasons()])

    def _cells(self) -> list[str]:
        values = np.ravel(self.value).tolist()
        errors, trusted = self.standard_error.ravel().tolist(), self.trusted.ravel().tolist()
        return list(map(with_error, values, errors, trusted))

    def _reasons(self) -> list[str]:
        spoken = [reason for reason, of in self.doubts.items() if np.any(of)]
        return [f"{MARK} {DOUBTS[reason]}{self._effect(reason)}" for reason in spoken]

    def _effect(self, reason: str) -> str:
        effect = self.design_effect[np.isfinite(self.design_effect)]
        if reason != "alike" or not effect.size:
            return ""
        return f" (design effect {effect.max():.3g})"


@dataclass(frozen=True, repr=False, eq=False)
class Estimates(Mapping[str, Estimate]):
    """The answers of one aggregate with their standard errors, by name.

    Attributes
    ----------
    result : object
        What the aggregate answers without standard errors, bit for bit; smooth or not.
    estimates : tuple of Estimate
    report : FitReport or None
        What the pass cost, and how much it read.
    """

    result: Any
    estimates: tuple[Estimate, ...]
    report: FitReport | None = None

    def __getitem__(self, name: str) -> Estimate:
        for one in self.estimates:
            if one.name == name:
                return one
        raise KeyError(f"no {name!r} here; there are {', '.join(self)}")

    def __iter__(self) -> Iterator[str]:
        return (one.name for one in self.estimates)

    def __len__(self) -> int:
        return len(self.estimates)

    def to_arrow(self) -> pa.Table:
        """One row a column of the data: each answer, its standard error, whether to trust it."""
        shown = [one for one in self.estimates if _is_by_column(one)]
        if not shown:
            raise BadInput("These answers are not one a column of the data; take them by name.")
        table: dict[str, Any] = {"column": pa.array(shown[0].columns, pa.string())}
        for one in shown:
            table[one.name] = pa.array(np.asarray(one.value, np.float64))
            table[f"{one.name}_standard_error"] = pa.array(one.standard_error)
            table[f"{one.name}_trusted"] = pa.array(one.trusted)
        return pa.table(table)

    def __repr__(self) -> str:
        together = [one for one in self.estimates if _is_by_column(one)]
        parts = [] if not together else [_table(together)]
        alone = [one for one in self.estimates if not _is_by_column(one)]
        parts += [f"{one.name}: {one!r}" for one in alone if np.ndim(one.value) == 0]
        parts += [repr(one) for one in alone if np.ndim(one.value)]
        return "\n".join(parts)


def _table(estimates: list[Estimate]) -> str:
    series: list[tuple[str, Any]] = [("", estimates[0].columns)]
    reasons: dict[str, None] = {}
    for one in estimates:
        series.append((one.name, one._cells()))
        reasons.update(dict.fromkeys(one._reasons()))
    return "\n".join([text_table(series), *reasons])


def _is_by_column(one: Estimate) -> bool:
    return np.ndim(one.value) == 1 and one.columns is not None


def with_error(value: float, error: float, trusted: bool) -> str:
    """As many digits as the error leaves meaning.

    >>> with_error(15.23456, 0.0312, True), with_error(1523.4, 12.0, False)
    ('15.235 ± 0.031', '1523 ± 12 ?')
    """
    mark = "" if trusted else f" {MARK}"
    if not (np.isfinite(value) and np.isfinite(error)) or error <= 0:
        return f"{format_cell(float(value))} ± {format_cell(float(error))}{mark}"
    digits = 1 - int(np.floor(np.log10(error)))
    size = np.log10(max(abs(value), error))
    if digits > 8 or size > 9:
        return f"{value:.6g} ± {error:.2g}{mark}"
    digits = max(digits, 0)
    return f"{value:.{digits}f} ± {error:.{digits}f}{mark}"


def _along(of: Bools, ndim: int) -> Bools:
    """Doubts about columns, of which an answer may have several entries each."""
    return of.reshape(of.shape + (1,) * (ndim - of.ndim)) if of.ndim < ndim else of
