"""The most frequent values of columns of any type, within a fixed number of counters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from onebox.aggregates.aggregate import Aggregate
from onebox.aggregates.results import ColumnResult
from onebox.aggregates.selection import ColumnNames, as_names, chosen_columns, is_scalar
from onebox.aggregates.values import (
    from_whole_numbers,
    has_whole_numbers,
    hashes,
    plain_type,
    present,
    texts,
    whole_numbers,
)
from onebox.data.block import Block
from onebox.data.schema import Schema
from onebox.errors import BadInput

Int64 = NDArray[np.int64]

TEXT_BYTES = 32
"""What a counter may take for its text, on average over the counters of a column."""


ARROW_SLACK = 256  # buffers are rounded up


@dataclass
class Counters:
    """Values of one column and how often they were seen, at the least."""

    values: pa.Array
    counts: Int64
    error: int = 0  # by how much a count can be too small; the most that a value not kept had


@dataclass
class TopValuesSummary:
    """Counters of the values seen, one set a column."""

    names: tuple[str, ...]
    counters: list[Counters]
    n_values: Int64  # (columns,): those that were there


@dataclass(frozen=True, repr=False, eq=False)
class TopValuesResult(ColumnResult):
    """The most frequent values, most frequent first; equal counts in the order of the values.

    Attributes
    ----------
    names : tuple of str
    values : tuple of pyarrow.Array
        Up to k values a column, of the column's type.
    counts : tuple of ndarray of int64
        How often each occurs: exact where `error` is 0, else too small by at most `error`.
    n_values : ndarray of int64
        Values of the column that are neither null nor NaN.
    n_kept : ndarray of int64
        Different values that have a counter: all there are where `error` is 0.
    error : ndarray of int64
        No value that is left out occurs more often than this.
    """

    values: tuple[pa.Array, ...]
    counts: tuple[Int64, ...]
    n_values: Int64
    n_kept: Int64
    error: Int64

    def to_arrow(self) -> pa.Table:
        """One row a column and value, values as text."""
        lengths = [len(counts) for counts in self.counts]
        shown = [text for values in self.values for text in texts(values)]
        counts = np.concatenate([*self.counts, np.empty(0, np.int64)])
        return pa.table(
            {
                "column": pa.array(np.repeat(np.array(self.names, object), lengths), pa.string()),
                "value": pa.array(shown, pa.string()),
                "count": counts,
                "share": counts / np.repeat(np.maximum(self.n_values, 1), lengths),
                "error": np.repeat(self.error, lengths),
            }
        )

    def _series(self) -> Iterator[tuple[str, Any]]:
        shown = [texts(values) for values in self.values]
        for rank in range(max(map(len, self.counts), default=0)):
            yield (
                f"{rank + 1}",
                [
                    f"{values[rank]} ({counts[rank]})" if rank < len(counts) else None
                    for values, counts in zip(shown, self.counts, strict=True)
                ],
            )
        yield "error", self.error


@dataclass(frozen=True)
class TopValues(Aggregate[TopValuesSummary]):
    """The k most frequent values of columns of any type but lists, structs and maps.

    Nulls and NaN are not counted.

    Parameters
    ----------
    k : int, default=10
    columns : str or tuple of str, default=None
        The columns to look at; None for every one whose values can be told apart.
    capacity : int, default=1024
        Counters a column. Every value that makes up more than ``2 / capacity`` of the rows is
        found.

    Notes
    -----
    Cost: 1 pass; summary 16 bytes a counter, 48 for text: counters whose texts take more than 32
    bytes on average are given up, as if there were fewer.

    Exactness: exact while a column has no more than `capacity` different values. Otherwise counts
    are too small by at most ``result.error``, itself at most ``2 / capacity`` of the rows, more
    where long texts use up the counters. Which counters survive depends on how the rows are split;
    the bound holds for any split. Rows count once, whatever weights they carry.

    Source: Misra & Gries, "Finding repeated elements", Science of Computer Programming 2 (1982);
    merged as in Agarwal et al., "Mergeable summaries", PODS 2012, section 2.

    Examples
    --------
    >>> import onebox as ob, pyarrow as pa
    >>> from onebox.aggregates import TopValues
    >>> birds = pa.table({"species": ["gull", "crow", "gull", None, "tern", "gull", "crow"]})
    >>> ob.aggregate(birds, TopValues(2))
                    1         2  error
    species  gull (3)  crow (2)      0
    """

    k: int = 10
    columns: ColumnNames = None
    capacity: int = 1024

    grouped: ClassVar[bool] = False
    no_error: ClassVar[str] = "its counts carry bounds of their own"

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.capacity:
            raise BadInput(f"k={self.k} must lie in 1 to capacity={self.capacity}.")
        object.__setattr__(self, "columns", as_names(self.columns))

    def reads(self, schema: Schema) -> tuple[str, ...]:
        return chosen_columns(schema, self.columns, is_scalar, "TopValues")

    def empty(self, schema: Schema) -> TopValuesSummary:
        names = self.reads(schema)
        kinds = [plain_type(schema.columns.field(name).type) for name in names]
        counters = [Counters(pa.array([], kind), np.empty(0, np.int64)) for kind in kinds]
        return TopValuesSummary(names, counters, np.zeros(len(names), np.int64))

    def nbytes(self, schema: Schema) -> int:
        total = 0
        for name in self.reads(schema):
            kind = plain_type(schema.columns.field(name).type)
            width = TEXT_BYTES + 8 if _is_text(kind) else max(_bit_width(kind) // 8, 1)
            total += self.capacity * (width + 8) + self.capacity // 8 + ARROW_SLACK
        return total

    def update(self, summary: TopValuesSummary, block: Block) -> None:
        for j, (name, counters) in enumerate(zip(summary.names, summary.counters, strict=True)):
            values = present(block.column(name))
            if len(values):
                summary.n_values[j] += len(values)
                self._add(counters, count_values(values, self.capacity))

    def merge(self, into: TopValuesSummary, other: TopValuesSummary) -> None:
        into.n_values += other.n_values
        for own, others in zip(into.counters, other.counters, strict=True):
            self._add(own, others)

    def _add(self, counters: Counters, other: Counters) -> None:
        counters.error += other.error
        if not len(other.counts):
            return
        # Encoded even when there was nothing before: dictionaries may hold a value twice.
        values = pa.concat_arrays([counters.values, other.values]).dictionary_encode()
        counts = np.zeros(len(values.dictionary), np.int64)
        codes = values.indices.to_numpy()
        np.add.at(counts, codes, np.concatenate([counters.counts, other.counts]))
        counters.values, counters.counts = values.dictionary, counts
        self._let_go(counters)

    def _let_go(self, counters: Counters) -> None:
        """Misra and Gries: what must go takes as much from every counter that stays."""
        order = np.argsort(-counters.counts, kind="stable")
        keep = self.capacity
        if _is_text(counters.values.type):
            sizes = pc.binary_length(counters.values).to_numpy()[order]
            keep = min(
                keep, int(np.searchsorted(np.cumsum(sizes), keep * TEXT_BYTES, side="right"))
            )
        if keep >= len(order):
            return
        lost = int(counters.counts[order[keep]])
        stays = np.sort(order[:keep])
        stays = stays[counters.counts[stays] > lost]
        counters.values = counters.values.take(pa.array(stays))
        counters.counts = counters.counts[stays] - lost
        counters.error += lost

    def result(self, summary: TopValuesSummary) -> TopValuesResult:
        best = [_best(counters, self.k) for counters in summary.counters]
        return TopValuesResult(
            names=summary.names,
            values=tuple(values for values, _ in best),
            counts=tuple(counts for _, counts in best),
            n_values=summary.n_values.copy(),
            n_kept=np.array([len(c.counts) for c in summary.counters], np.int64),
            error=np.array([c.error for c in summary.counters], np.int64),
        )


def count_values(array: pa.Array, capacity: int) -> Counters:
    """Count `present` values; values too rare to matter may be left out where there are many."""
    if pa.types.is_dictionary(array.type):
        coded = _count_whole_numbers(array.indices.to_numpy().astype(np.int64), capacity)
        coded.values = array.dictionary.take(coded.values)
        return coded
    if has_whole_numbers(array.type):
        found = _count_whole_numbers(whole_numbers(array), capacity)
        found.values = from_whole_numbers(found.values.to_numpy(), array.type)
        return found
    kept, error = array, 0
    if _has_many(array, capacity):
        keep, error = _frequent(hashes(array), capacity)
        kept = array.filter(pa.array(keep))
    return _counted(kept, error)


def _count_whole_numbers(numbers: Int64, capacity: int) -> Counters:
    low, high = int(numbers.min()), int(numbers.max())
    if high - low < 8 * len(numbers):
        counts = np.bincount(numbers - low)
        found = np.flatnonzero(counts)
        return Counters(pa.array(found + low), counts[found])
    array, error = pa.array(numbers), 0
    if _has_many(array, capacity):
        keep, error = _frequent(hashes(array), capacity)
        array = pa.array(numbers[keep])
    return _counted(array, error)


def _counted(array: pa.Array, error: int) -> Counters:
    values, counts = array.value_counts().flatten()
    return Counters(values, counts.to_numpy(), error)


def _has_many(array: pa.Array, capacity: int) -> bool:
    """Whether a few rows already show more different values than there are counters."""
    few = 2 * capacity
    return len(array) > few and len(array.slice(0, few).unique()) > capacity


def _frequent(hashed: NDArray[np.uint64], capacity: int) -> tuple[NDArray[np.bool_], int]:
    """Rows whose values may be frequent, and how often a value of the others occurs at the most.

    Counting every value of a column of keys costs ten times as much as counting by a few bits of
    their hashes. Where few rows share those bits, none of their values is frequent.
    """
    bits = (4 * capacity).bit_length()
    codes = (hashed >> np.uint64(64 - bits)).astype(np.int64)
    shared = np.bincount(codes, minlength=1 << bits)
    rare = shared <= len(hashed) // (capacity + 1)
    return ~rare[codes], int(shared[rare].max(initial=0))


def _best(counters: Counters, k: int) -> tuple[pa.Array, Int64]:
    values = counters.values
    if has_whole_numbers(values.type):
        keys: Any = whole_numbers(values)  # Arrow does not sort durations
        if values.type == pa.uint64():
            keys = keys.view(np.uint64)
    else:
        keys = values
    table = pa.table({"count": counters.counts, "value": keys})
    order = pc.sort_indices(table, [("count", "descending"), ("value", "ascending")])[:k]
    return values.take(order), counters.counts[order.to_numpy()]


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    )


def _bit_width(kind: pa.DataType) -> int:
    return 0 if pa.types.is_null(kind) else int(kind.bit_width)
