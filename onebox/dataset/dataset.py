"""The Dataset itself: what can be asked of it, and the lazy steps that can be put on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from onebox.config import Settings, resolve, settings_in_force
from onebox.data.block import Block
from onebox.data.columns import TableColumns
from onebox.data.open import open_source
from onebox.data.partition import Partition
from onebox.data.schema import is_numeric, require_columns
from onebox.data.scratch import FreshMemory
from onebox.data.sources.concat import ConcatSource
from onebox.data.source import Source
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
    as_array,
    as_columns,
)
from onebox.data.view import View
from onebox.dataset import show, writers
from onebox.errors import BadInput, OneboxError, WrongType

if TYPE_CHECKING:
    import pyarrow.fs as pafs

Missing = Literal["refuse", "drop"]


class Dataset:
    """An immutable, lazy view of rows: a source, the steps put on it, and the settings it was made under.

    Made by :func:`onebox.dataset`. Nothing is read but the schema until a fit, a scan, or one of
    ``to_numpy``, ``to_arrow``, ``to_parquet``, ``persist``, ``blocks``, ``head`` asks for rows. Every
    method returns a new Dataset. The order of rows is kept.

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
        self._settings = settings
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
            self._counted = writers.count_rows(self) if known is None else known
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
        made = any(not isinstance(step, Select | Filter | Draw | DropMissing) for step in self._steps)
        return self.view.source.named or made

    @property
    def identity(self) -> object:
        """Equal for datasets whose rows are the same: the source, and the steps that drop rows."""
        dropping = tuple(step for step in self._steps if step.drops_rows)
        return (self.view.source.token, dropping, self.view.drop_missing)

    @property
    def settings(self) -> Settings:
        """How a run over it would go: what is set now over what was set when it was made."""
        return resolve(self._settings)

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
        made = []
        for name, kind in types.items():
            try:
                made.append((name, pa.type_for_alias(kind) if isinstance(kind, str) else kind))
            except ValueError:
                raise BadInput(
                    f"cast: {kind!r} names no Arrow type; use e.g. 'float64', 'int32', 'string', "
                    "'date32', or a pyarrow.DataType."
                ) from None
        return self._then(Cast(tuple(made)))

    def assign(self, **functions: Callable[[Block], Any]) -> Dataset:
        """Add columns, or replace some, by functions of a block.

        ``function(block)`` returns one value a row; ``block["name"]`` is a column as a numpy array.
        To learn the type it is first called with a block of no rows.
        """
        made = self
        for name, function in functions.items():
            answer = made._try_on_nothing(function, f"assign({name}=...)")
            made = made._then(Assign(name, function, as_array(answer, 0, f"assign({name}=...)").type))
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
            answer = self._try_on_nothing(function, "map(function)")
            schema = as_columns(answer, None, "map(function)").to_batch().schema.remove_metadata()
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

        The draw depends on the seed and the row's file and place only, or, with `by`, on the value of
        a column: files that come or go move no other row's draw, and rows with one value stay
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
        high = writers.draw_limit(self, n, random_state, purpose)
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
        """These rows, then those of the others."""
        return concat([self, *others])

    # Rows out

    def blocks(self) -> Iterator[Block]:
        """The blocks in order, one at a time; each may be kept. Costs one pass, read as asked for."""
        for unit in self.view.layout.units:
            yield from self.view.blocks(unit, FreshMemory())

    def head(self, n: int = 5) -> pa.Table:
        """The first rows, as an Arrow table."""
        batches, missing = [], n
        for block in self.blocks():
            batches.append(block.to_arrow().slice(0, missing))
            missing -= batches[-1].num_rows
            if missing <= 0:
                break
        return pa.Table.from_batches(batches, schema=self.schema)

    def to_numpy(self) -> NDArray[Any]:
        """All rows as one array, within the memory budget; one dimension for one column."""
        return writers.to_numpy(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        made = self.to_numpy()
        return made if dtype is None else made.astype(dtype, copy=False)

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table, within the memory budget."""
        return writers.to_arrow(self)

    def to_parquet(self, path: str | os.PathLike[str], *, compression: str = "zstd") -> Dataset:
        """Write the rows down, in order, never holding more than a few blocks.

        A path that ends in ``.parquet`` becomes one file, any other a folder of files. Either appears
        whole or not at all. Returns the dataset of what was written.
        """
        writers.to_parquet(self, path, compression)
        return dataset(path)

    def persist(self, path: str | os.PathLike[str]) -> Dataset:
        """Write numeric columns as one raw ``.npy`` matrix, which later passes read without decoding.

        Returns the dataset of what was written, with the same names. Types become the canonical one:
        float32 where every column fits it exactly, else float64.
        """
        for field in self.schema:
            if not is_numeric(field.type):
                raise WrongType(
                    f"persist writes a matrix of numbers, but column {field.name!r} has type "
                    f"{field.type}. Leave it out with .drop({field.name!r}), or use .to_parquet(path)."
                )
        written = writers.persist(self, path)
        new = dataset(written)
        return new.rename(dict(zip(new.columns, self.columns, strict=True)))

    # Within the house

    def _then(self, step: Step, *, ndim: int = 2) -> Dataset:
        view = replace(self.view, features=(*self.view.features, step))
        step.schema(self.schema)  # what does not fit is refused here, where the user stands
        return Dataset(view, self._settings, ndim=ndim)

    def mapped(
        self, function: Callable[[Block], Any], schema: pa.Schema, *, ndim: int = 2
    ) -> Dataset:
        """`map` with a schema, for estimators: one dimension where the answer has one."""
        return self._then(Map(function, schema), ndim=ndim)

    def _purpose(self, what: str) -> str:
        # A draw after a draw must be independent of it, although the seed is the same.
        return f"{what}{sum(isinstance(step, Draw) for step in self._steps)}"

    def _try_on_nothing(self, function: Callable[[Block], Any], job: str) -> Any:
        nothing = TableColumns(pa.RecordBatch.from_pylist([], schema=self.schema))
        block = Block(nothing, Partition(0, "", 0, 0, ""), 0)
        try:
            return function(block)
        except OneboxError:
            raise
        except Exception as error:
            error.add_note(
                f"onebox: {job} was called with a block of no rows to learn what comes out. Make it "
                "work on no rows, or use .map(function, schema=...) to say what comes out."
            )
            raise


def dataset(
    x: Any,
    *,
    columns: Sequence[str] | None = None,
    on_missing: Missing = "refuse",
    format: str | None = None,
    types: Mapping[str, pa.DataType | str] | None = None,
    filesystem: pafs.FileSystem | None = None,
) -> Dataset:
    """Open anything that holds rows, lazily: nothing is read but the schema.

    Parameters
    ----------
    x : array, sparse matrix, table, path, list of paths, glob, folder, generator or Dataset
        numpy and scipy.sparse; whatever speaks Arrow (pandas, polars, DuckDB); files and folders of
        Parquet, CSV, Arrow/Feather and ``.npy``; generators of blocks (which can be read once).
    columns : sequence of str, optional
        Only these columns.
    on_missing : {"refuse", "drop"}
        What a fit does with rows that have a missing value in what it uses: refuse the first, naming
        its place, or drop and count them (``fit_report_.rows_dropped``).
    format : str, optional
        "parquet", "csv", "arrow" or "npy", where the names of the files do not tell.
    types : mapping of str to type, optional
        Types of CSV columns, instead of those inferred.
    filesystem : pyarrow.fs.FileSystem, optional
        Where the paths are.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> ob.dataset(np.zeros((1000, 3))).n_rows
    1000
    """
    if on_missing not in ("refuse", "drop"):
        raise BadInput(f"on_missing={on_missing!r} must be 'refuse' or 'drop'.")
    drop = on_missing == "drop"
    if isinstance(x, Dataset):
        made = Dataset(replace(x.view, drop_missing=x.view.drop_missing or drop), x._settings, ndim=x.ndim)
    else:
        source: Source = open_source(x, format=format, types=types, filesystem=filesystem)
        one = getattr(x, "ndim", 2) == 1
        made = Dataset(View(source, drop_missing=drop), settings_in_force(), ndim=1 if one else 2)
    return made.select(*columns) if columns is not None else made


def concat(datasets: Sequence[Dataset]) -> Dataset:
    """The rows of several datasets, one after the other.

    They need the same columns, and the same steps on their rows: concatenate first, then filter.
    """
    if not datasets:
        raise BadInput("concat needs at least one dataset.")
    first = datasets[0]
    for other in datasets[1:]:
        if other.view.features != first.view.features:
            raise BadInput(
                "concat was given datasets that went through different steps. Concatenate them as they "
                "were opened and apply the steps to the result, or write each down with "
                ".to_parquet(path) first."
            )
    source = ConcatSource([one.view.source for one in datasets])
    return Dataset(replace(first.view, source=source), first._settings, ndim=first.ndim)


def _flat(names: Sequence[str | Sequence[str]]) -> tuple[str, ...]:
    flat: list[str] = []
    for name in names:
        flat.extend([name] if isinstance(name, str) else name)
    return tuple(flat)


def _share(value: float, name: str) -> None:
    if not 0 <= value <= 1:
        raise BadInput(f"{name}={value!r} is a share of the rows: between 0 and 1.")
