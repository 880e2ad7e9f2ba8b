"""The Dataset itself: what can be asked of it, and the lazy steps that can be put on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from onebox.config import Settings, resolve
from onebox.data.block import Block
from onebox.data.open import open_source
from onebox.data.partition import Partition
from onebox.data.schema import parse_type, require_columns
from onebox.data.scratch import FreshMemory
from onebox.data.source import Source
from onebox.data.sources.concat import ConcatSource
from onebox.data.steps import (
    Assign,
    Cast,
    Draw,
    DropMissing,
    Filter,
    Map,
    Rename,
    Select,
    Step,
)
from onebox.data.view import View
from onebox.dataset import counting, gather, show, writers
from onebox.dataset.functions import column_type, table_schema
from onebox.dataset.identity import content_of, deciding
from onebox.errors import BadInput, WrongType


class Dataset:
    """An immutable, lazy view of rows: a source, the steps put on it, and the settings it was made under.

    Made by :func:`onebox.dataset`. Nothing is read but the schema until a fit, a scan, or one of
    ``to_numpy``, ``to_arrow``, ``to_parquet``, ``persist``, ``blocks``, ``head`` asks for rows.
    Every method returns a new Dataset. The order of rows is kept.

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> ds = ob.dataset({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
    >>> ds.columns
    ['a', 'b']
    >>> ds.assign(c=lambda block: block["a"] * block["b"])["c"].to_numpy()
    array([0.5, 3. , 7.5])
    """

    def __init__(self, view: View, settings: Settings, *, ndim: int = 2) -> None:
        self.view = view
        self.ndim = ndim
        self.remembered = settings
        self._counted: int | None = None

    # What it is

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self.view.schema.columns

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        return list(self.schema.names)

    @property
    def n_rows(self) -> int:
        """Rows. Known from footers and indexes, or counted in one pass where a filter drops some."""
        if self._counted is None:
            known = None if self.view.drops_rows else self.view.layout.n_rows
            self._counted = counting.count_rows(self) if known is None else known
        return self._counted

    @property
    def known_n_rows(self) -> int | None:
        """Rows, where they are known without reading; else None."""
        if self._counted is None and not self.view.drops_rows:
            return self.view.layout.n_rows
        return self._counted

    def __len__(self) -> int:
        return self.n_rows

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns), or (rows,) for one column taken by its name."""
        return (self.n_rows,) if self.ndim == 1 else (self.n_rows, len(self.columns))

    @property
    def partitions(self) -> list[Partition]:
        """The units of reading, caching and merging."""
        return list(self.view.layout.partitions())

    @property
    def named(self) -> bool:
        """Whether the columns' names come from the data."""
        made = any(
            not isinstance(step, Select | Filter | Draw | DropMissing) for step in self._steps
        )
        return self.view.source.named or made

    @property
    def identity(self) -> object:
        """Equal for datasets whose rows are the same: the source, and the steps that decide on rows."""
        return (self.view.source.token, deciding(self._steps), self.view.drop_missing)

    def __onebox_key__(self) -> object:
        return content_of(self.view), self.ndim

    @property
    def settings(self) -> Settings:
        """How a run over it would go: what is set now over what was set when it was made."""
        return resolve(self.remembered)

    @property
    def _steps(self) -> tuple[Step, ...]:
        return self.view.features

    def __repr__(self) -> str:
        return show.text(self)

    def _repr_html_(self) -> str:
        return show.html(self)

    # Columns

    def select(self, *names: str | Sequence[str]) -> Dataset:
        """Keep these columns, in this order."""
        return self._then(Select(_flat(names)))

    def drop(self, *names: str | Sequence[str]) -> Dataset:
        """Leave these columns out."""
        gone = _flat(names)
        require_columns(self.columns, list(gone))
        return self._then(Select(tuple(name for name in self.columns if name not in gone)))

    def rename(self, names: Mapping[str, str]) -> Dataset:
        """Give columns new names: ``{old: new}``."""
        return self._then(Rename(tuple(names.items())))

    def __getitem__(self, key: str | Sequence[str]) -> Dataset:
        """``ds["c"]``: one column, one dimension. ``ds[["c"]]``: a table of one column."""
        if isinstance(key, str):
            return self._then(Select((key,)), ndim=1)
        if isinstance(key, list | tuple) and all(isinstance(name, str) for name in key):
            return self.select(*key)
        raise WrongType(
            f"A Dataset is indexed by column names, not by {type(key).__name__}: rows are not held, so "
            "they cannot be picked one by one. Use .split or .sample for parts of the rows, "
            ".filter(expression) for a condition, .head(n) for the first ones."
        )

    def cast(self, types: Mapping[str, pa.DataType | str]) -> Dataset:
        """Change the types of columns: ``{"delay": "float32"}`` or Arrow types."""
        return self._then(Cast(tuple((n, parse_type(kind, "cast")) for n, kind in types.items())))

    def assign(self, **functions: Callable[[Block], Any]) -> Dataset:
        """Add columns, or replace some, by functions of a block.

        ``function(block)`` returns one value a row; ``block["name"]`` is a column as a numpy array.
        To learn the type it is first called with a block of no rows.
        """
        made = self
        for name, function in functions.items():
            kind = column_type(function, made.schema, name)
            made = made._then(Assign(name, function, kind))
        return made

    def map(self, function: Callable[[Block], Any], schema: pa.Schema | None = None) -> Dataset:
        """Replace every block by what a function makes of it, row for row.

        Parameters
        ----------
        function : callable
            Takes a block; returns a matrix, an Arrow table, a dict of columns or a data frame with
            as many rows.
        schema : pyarrow.Schema, optional
            What comes out. Default: learned by calling `function` with a block of no rows.
        """
        if schema is None:
            schema = table_schema(function, self.schema, "map(function)")
        return self._then(Map(function, schema))

    # Rows

    def filter(self, expression: pc.Expression) -> Dataset:
        """Keep the rows for which an Arrow expression is true, e.g. ``pc.field("delay") > 0``.

        Whole row groups are skipped where the file's statistics prove that no row can match.
        """
        if not isinstance(expression, pc.Expression):
            raise WrongType(
                f"filter takes an Arrow expression such as pyarrow.compute.field('delay') > 0, not a "
                f"{type(expression).__name__}."
            )
        return self._then(Filter(expression))

    def drop_missing(self, *names: str | Sequence[str]) -> Dataset:
        """Drop rows with a null, NaN or infinity in these columns; in any, when none is named."""
        return self._then(DropMissing(_flat(names) or tuple(self.columns)))

    def sample(
        self,
        n: int | None = None,
        fraction: float | None = None,
        *,
        random_state: int = 0,
        by: str | None = None,
    ) -> Dataset:
        """Rows drawn without replacement: `n` of them (one pass finds which), or about a fraction.

        The draw depends on the seed and the row's file and place only, or, with `by`, on the value
        of a column: files that come or go move no other row's draw, and rows with one value stay
        together.
        """
        if (n is None) == (fraction is None):
            raise BadInput("sample takes either n= or fraction=.")
        purpose = self._purpose("sample")
        if fraction is not None:
            _share(fraction, "fraction")
            return self._then(Draw(random_state, purpose, 0.0, float(fraction), by))
        assert n is not None
        if n < 0 or (by is not None):
            raise BadInput(
                f"sample(n={n}, by={by!r}): n is 0 or more, and goes with rows, not with `by`; use "
                "fraction= with by=."
            )
        high = counting.draw_limit(self, n, random_state, purpose)
        return self._then(Draw(random_state, purpose, 0.0, high))

    def split(
        self, test: float = 0.2, *, random_state: int = 0, by: str | None = None
    ) -> tuple[Dataset, Dataset]:
        """Two datasets, train and test: each row falls to one of them by a keyed draw.

        Stable when files come, go or grow; ``by="user"`` keeps a user's rows together.
        """
        _share(test, "test")
        purpose = self._purpose("split")
        return (
            self._then(Draw(random_state, purpose, float(test), 1.0, by)),
            self._then(Draw(random_state, purpose, 0.0, float(test), by)),
        )

    def concat(self, *others: Dataset) -> Dataset:
        """These rows, then those of the others.

        They need the same columns, and the same steps on their rows: concatenate first, then
        filter.
        """
        for other in others:
            if (other._steps, other.view.drop_missing) != (self._steps, self.view.drop_missing):
                raise BadInput(
                    "concat was given datasets that went through different steps "
                    f"({show.steps(self) or 'none'}; {show.steps(other) or 'none'}). Concatenate them as "
                    "they were opened and apply the steps to the result, or write each down with "
                    ".to_parquet(path) first."
                )
        if not others:
            return self
        source = ConcatSource([one.view.source for one in (self, *others)])
        return Dataset(replace(self.view, source=source), self.remembered, ndim=self.ndim)

    # Rows out

    def blocks(self) -> Iterator[Block]:
        """The blocks in order, one at a time; each may be kept. Costs one pass, read as asked for."""
        for unit in self.view.layout.units:
            yield from self.view.blocks(unit, FreshMemory())

    def head(self, n: int = 5) -> pa.Table:
        """The first rows, as an Arrow table."""
        batches, missing = [], n
        for block in self.blocks():
            batches.append(block.as_batch(self.schema).slice(0, missing))
            missing -= batches[-1].num_rows
            if missing <= 0:
                break
        return pa.Table.from_batches(batches, schema=self.schema)

    def to_numpy(self) -> NDArray[Any]:
        """All rows as one array, within the memory budget; one dimension for one column."""
        return gather.to_numpy(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        made = self.to_numpy()
        return made if dtype is None else made.astype(dtype, copy=False)

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table, within the memory budget."""
        return gather.to_arrow(self)

    def to_parquet(self, path: str | os.PathLike[str], *, compression: str = "zstd") -> Dataset:
        """Write the rows down, in order, never holding more than a few blocks.

        A path that ends in ``.parquet`` becomes one file, any other a folder of files. Either
        appears whole or not at all. Returns the dataset of what was written.
        """
        writers.to_parquet(self, path, compression)
        return self._opened(open_source(path))

    def persist(self, path: str | os.PathLike[str]) -> Dataset:
        """Write numeric columns as one raw ``.npy`` matrix, which later passes read without decoding.

        Returns the dataset of what was written, with the same names. Types become the canonical
        one: float32 where every column fits it exactly, else float64.
        """
        return self._opened(open_source(writers.persist(self, path), columns=self.columns))

    # Within the house

    def _opened(self, source: Source) -> Dataset:
        """What was written down of this one."""
        return Dataset(View(source), self.remembered, ndim=self.ndim)

    def _then(self, step: Step, *, ndim: int = 2) -> Dataset:
        view = replace(self.view, features=(*self.view.features, step))
        step.schema(self.schema)  # what does not fit is refused here, where the user stands
        return Dataset(view, self.remembered, ndim=ndim)

    def mapped(
        self, function: Callable[[Block], Any], schema: pa.Schema, *, ndim: int = 2,
        takes_sparse: bool = False,
    ) -> Dataset:  # fmt: skip
        """`map` with a schema, for estimators: one dimension where the answer has one."""
        step = Map(function, schema, takes_missing=False, takes_sparse=takes_sparse)
        return self._then(step, ndim=ndim)

    def _purpose(self, what: str) -> str:
        # A draw after a draw must be independent of it, although the seed is the same.
        return f"{what}{sum(isinstance(step, Draw) for step in self._steps)}"


def _flat(names: Sequence[str | Sequence[str]]) -> tuple[str, ...]:
    flat: list[str] = []
    for name in names:
        flat.extend([name] if isinstance(name, str) else name)
    return tuple(flat)


def _share(value: float, name: str) -> None:
    if not 0 <= value <= 1:
        raise BadInput(f"{name}={value!r} is a share of the rows: between 0 and 1.")
