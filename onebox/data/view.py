"""What a scan walks: a source, the steps its rows go through, and the roles of the columns.

X, y and weights of one row identity are read together: the columns that any of them needs are read
once, the steps that they share are applied once, and each goes on with its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onebox.data.block import Block
from onebox.data.columns import Columns
from onebox.data.partition import Layout, Span, Unit
from onebox.data.reading import Ahead, cut
from onebox.data.schema import Schema
from onebox.data.scratch import Scratch
from onebox.data.source import Source
from onebox.data.steps import Filter, Map, Rename, Select, UnitRows
from onebox.data.steps.chain import Chain, applied, columns_needed, passed_through, schema_after
from onebox.data.widths import has_any_length, type_width
from onebox.errors import BadValue

KEEP_SPARSE = Select | Rename | UnitRows  # steps that make no matrix of rows that came as CSR
SPANS_LOOKED_AT = 64


@dataclass(frozen=True, eq=False)
class View:
    """A source, what is done to its rows, and which columns play which part.

    Attributes
    ----------
    source : Source
    features : tuple of Step
        From the source's columns to X.
    target : tuple of Step, ndarray or None
        From the source's columns to y; an array pairs by row number.
    target_ndim : int
        1 when y has one dimension, 2 when it is a table of targets.
    weight : tuple of Step, ndarray or None
        Likewise for the weights of the rows.
    drop_missing : bool
        Drop (and count) rows with a missing value in X, y or weight, instead of refusing them.
    recut : Layout, optional
        Other units and partitions than those that all fits share: finer ones, or in another order.
    as_sparse : bool
        Whether who asks takes rows that came as CSR as such: their blocks are cut, and counted in
        the budget, by what the entries take.
    """

    source: Source
    features: Chain = ()
    target: Chain | NDArray[Any] | None = None
    target_ndim: int = 1
    weight: Chain | NDArray[Any] | None = None
    drop_missing: bool = False
    recut: Layout | None = None
    as_sparse: bool = False

    @cached_property
    def schema(self) -> Schema:
        target: pa.Schema | None = None
        if isinstance(self.target, np.ndarray):
            kinds = self.target.reshape(len(self.target), -1)
            kind = pa.string() if kinds.dtype.kind in "OUS" else pa.from_numpy_dtype(kinds.dtype)
            target = pa.schema([(f"y{j}", kind) for j in range(kinds.shape[1])])
        elif self.target is not None:
            target = schema_after(self.source.schema, self.target)
        features = schema_after(self.source.schema, self.features)
        return Schema(features, target, self.target_ndim, self.weight is not None)

    @cached_property
    def source_columns(self) -> list[str]:
        """The columns of the source that have to be read, in the source's order."""
        needed: set[str] = set()
        for chain in self._chains:
            needed |= columns_needed(self.source.schema, chain)
        if not needed:  # rows must still be counted
            needed = set(self.source.schema.names[:1])
        return [name for name in self.source.schema.names if name in needed]

    @property
    def _chains(self) -> list[Chain]:
        return [c for c in (self.features, self.target, self.weight) if isinstance(c, tuple)]

    @property
    def drops_rows(self) -> bool:
        """Whether rows get lost on the way, so that counts are known after reading only."""
        return self.drop_missing or any(step.drops_rows for step in self.features)

    @cached_property
    def source_rows(self) -> int | None:
        """Rows before any filter; None when only reading can tell."""
        counts = [span.n_rows for span in self.source.spans()]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    @cached_property
    def layout(self) -> Layout:
        """The units and partitions: a function of the data and the columns read only."""
        if self.recut is not None:
            return self.recut
        if self.entry_row_bytes is not None:
            return Layout.cut(self.source.spans(), self.entry_row_bytes)
        made = sum(map(type_width, self.schema.kinds))
        return Layout.cut(self.source.spans(), max(self.decoded_row_bytes, made))

    @cached_property
    def entry_row_bytes(self) -> int | None:
        """Bytes of the entries of one row, where rows stay sparse; None where they do not."""
        plain = all(isinstance(step, KEEP_SPARSE) for chain in self._chains for step in chain)
        stays = self.as_sparse and plain and not self.drop_missing
        return self.source.entry_row_bytes if stays else None

    @property
    def _becomes_dense_late(self) -> bool:
        """Whether rows that come as CSR are first made a matrix by a function that takes them."""
        if self.drop_missing or self.source.entry_row_bytes is None or len(self._chains) > 1:
            return False
        first = next((step for step in self.features if not isinstance(step, KEEP_SPARSE)), None)
        return isinstance(first, Map) and first.takes_sparse

    @cached_property
    def decoded_row_bytes(self) -> int:
        """Bytes of one row of the columns that are read, as the reader hands them over."""
        entries = self.source.entry_row_bytes
        if entries is not None and (self.entry_row_bytes is not None or self._becomes_dense_late):
            return entries
        if not any(self._chains):  # every column is read and handed on as it is
            return sum(map(type_width, self.schema.kinds)) + self._more_than_types_tell
        schema, read = self.source.schema, set(self.source_columns)
        widths = (type_width(f.type) for f in schema if f.name in read)
        return sum(widths) + self._more_than_types_tell

    @property
    def reads_text(self) -> bool:
        """Whether a column is read whose values are of any length, as far as types tell."""
        return bool(self._texts)

    @cached_property
    def _texts(self) -> list[str]:
        if self.features:
            schema = self.source.schema
            kinds = zip(schema.names, schema.types, strict=True)
        else:  # the same, remembered
            kinds = zip(self.schema.names, self.schema.kinds, strict=True)
        texts = [name for name, kind in kinds if has_any_length(kind)]
        read = set(self.source_columns) if texts else set()
        return [name for name in texts if name in read]

    @cached_property
    def _more_than_types_tell(self) -> int:
        """What text and the like take in a row beyond the guess, as far as files tell."""
        # The first ones, so that files added at the end change no cut of those before; a power of
        # two, so that a file that comes or goes among them changes none either, or hardly ever.
        spans = [span for span in self.source.spans()[:SPANS_LOOKED_AT] if span.n_rows]
        if not self._texts or not spans:
            return 0
        told = sum(self.source.unpacked_bytes(span, self._texts) for span in spans)
        guess = sum(type_width(self.source.schema.field(name).type) for name in self._texts)
        more = max(0, told // sum(span.n_rows or 0 for span in spans) - guess)
        return 1 << (more - 1).bit_length() if more else 0

    @cached_property
    def stored_bytes(self) -> int:
        """Bytes that reading all columns that are needed takes from the disk."""
        source, names = self.source, self.source_columns
        return sum(source.stored_bytes(span, names) for span in source.spans())

    @property
    def row_bytes(self) -> int:
        """Bytes of one row in canonical form: X, y and weight."""
        schema = self.schema
        features = self.entry_row_bytes or schema.n_features * schema.dtype.itemsize
        return features + 8 * (schema.n_targets + schema.weighted)

    def blocks(
        self, unit: Unit, scratch: Scratch, on_drop: Callable[[int], None] | None = None,
        ahead: Ahead | None = None,
    ) -> Iterator[Block]:  # fmt: skip
        """The blocks of a unit in order, each within one partition.

        A partition of which no row remains gives no block. `on_drop` is told how many rows
        `drop_missing` took from a block; `ahead` may read a batch while blocks are worked on, and
        parts of it at a time.
        """
        shared, rest = self._shared_steps
        if self.skips(unit):
            return
        partitions = list(unit.partitions())
        at = 0
        size = self.layout.rows_per_block
        for offset, columns in cut(self.source, unit, self.source_columns, size, ahead):
            while at + 1 < len(partitions) and offset >= unit.edges[at + 1]:
                at += 1
            first = unit.span.first_row + offset
            block = applied(shared, Block(columns, partitions[at], first, scratch=scratch))
            if block.n_rows:
                made = self._assemble(block, rest, unit, offset)
                for chain in self._segments[1:]:
                    made = _whole_rows(made, on_drop)
                    made = made.with_features(applied(chain, made), None)
                if len(self._segments) > 1:
                    made = made.with_features(made, self.schema.dtype)
                made = _whole_rows(made, on_drop) if self.drop_missing else made
                if made.n_rows:
                    yield made

    @cached_property
    def _shared_steps(self) -> tuple[Chain, list[Chain]]:
        """The steps that all roles begin with, and what each of them does after that."""
        chains = self._chains
        chains[0] = self._segments[0]
        n = 0
        while all(len(chain) > n and chain[n] == chains[0][n] for chain in chains):
            n += 1
        return chains[0][:n], [chain[n:] for chain in chains]

    @cached_property
    def _segments(self) -> list[Chain]:
        """The steps of the features, cut where rows with missing values must be gone."""
        cuts = [
            i for i, step in enumerate(self.features)
            if self.drop_missing and isinstance(step, Map | UnitRows) and not step.takes_missing
        ]  # fmt: skip
        return [self.features[i:j] for i, j in pairwise([0, *cuts, len(self.features)])]

    def skips(self, unit: Unit) -> bool:
        """Whether the file's statistics prove that a filter on its own columns leaves no row."""
        for step in self._shared_steps[0]:
            if isinstance(step, Select):
                continue
            if not isinstance(step, Filter):
                return False
            if not self.source.may_match(unit.span, step.expression):
                return True
        return False

    def _assemble(self, base: Block, rest: list[Chain], unit: Unit, offset: int) -> Block:
        """Give the rows their roles."""
        made = []
        for chain in rest:
            made.append(applied(chain, base))
        features = made[0]
        roles: list[Columns | NDArray[Any] | None] = []
        following = iter(made[1:])
        for role in (self.target, self.weight):
            if isinstance(role, np.ndarray):
                start = _global_row(unit, offset)
                roles.append(role[start : start + features.n_rows])
            else:
                roles.append(None if role is None else next(following).columns)
        return Block(
            features.columns, base.partition, base.first_row, features.rows,
            target=roles[0], target_ndim=self.target_ndim, weight=roles[1], scratch=base.scratch,
            dtype=self.schema.dtype if len(self._segments) == 1 else None,
        )  # fmt: skip

    def refuse_known_nulls(self, spans: Sequence[Span]) -> None:
        """Refuse nulls that the footers of some spans tell of, before a row is read.

        Raises
        ------
        BadValue
            Naming the column, the count, and the file.
        """
        if self.drops_rows or not self.source.tells_nulls:
            return
        untouched = passed_through(self.source.schema, self._chains)
        for span in spans:
            for name, nulls in zip(
                untouched, self.source.null_counts(span, untouched), strict=True
            ):
                if nulls:
                    raise BadValue(
                        f"Column {name!r} has {nulls:,} null{'s' if nulls != 1 else ''} in "
                        f"{span.place}, which is known without reading a row. Fill them "
                        "(SimpleImputer), drop their rows (dataset(..., on_missing='drop') or "
                        ".drop_missing()), or leave the column out."
                    )

    def sparsely(self) -> View:
        """The same for who takes rows that came as CSR as such."""
        return self if self.source.entry_row_bytes is None else replace(self, as_sparse=True)

    def without_roles(self) -> View:
        """The features alone."""
        return replace(self, target=None, weight=None)


def _whole_rows(block: Block, on_drop: Callable[[int], None] | None) -> Block:
    """The rows of a block without a missing value."""
    keep = block.finite_rows()
    n_dropped = block.n_rows - int(keep.sum())
    if n_dropped and on_drop is not None:
        on_drop(n_dropped)
    return block.take(keep) if n_dropped else block


def _global_row(unit: Unit, offset: int) -> int:
    assert unit.global_row is not None
    return unit.global_row + offset - unit.start
