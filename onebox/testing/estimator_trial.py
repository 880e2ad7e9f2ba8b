"""One estimator on trial: rows in several forms, models fitted on them, and what the models say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils import get_tags

from onebox.base import OnePass
from onebox.dataset import Dataset, dataset
from onebox.testing.comparison import first_difference

N_ROWS, N_COLUMNS = 600, 5
ROWS_PER_GROUP = 97
ANSWERS = ("predict", "transform", "decision_function", "score_samples")
UNEQUAL = ("fit_report_", "summary_", "feature_names_in_")  # cost, parts of sums, names of columns


@dataclass
class Trial:
    """One estimator, and rows to fit it on in several forms."""

    estimator: Any
    folder: Path
    tolerance: float

    @cached_property
    def X(self) -> NDArray[np.float64]:
        rng = np.random.default_rng(0)
        spread = 3.0 ** np.arange(N_COLUMNS)  # directions that can be told apart
        groups = rng.integers(0, 3, size=(N_ROWS, 1))
        return (rng.normal(size=(N_ROWS, N_COLUMNS)) + 20 * groups + 5) * spread

    @cached_property
    def y(self) -> NDArray[Any] | None:
        supervised = self.labels or is_regressor(self.estimator)
        if not (supervised or get_tags(self.estimator).target_tags.required):
            return None
        response = self.X @ np.linspace(-1, 1, N_COLUMNS) + 100
        return np.digitize(response, np.quantile(response, [0.3, 0.6])) if self.labels else response

    @property
    def labels(self) -> bool:
        return bool(is_classifier(self.estimator))

    @property
    def one_pass(self) -> bool:
        return isinstance(self.estimator, OnePass) and self.estimator.keeps_summary

    @cached_property
    def names(self) -> list[str]:
        return [f"c{j}" for j in range(N_COLUMNS)]

    @cached_property
    def file(self) -> Dataset:
        """The rows in a Parquet file of several row groups, with a column `y` where needed."""
        path = self.folder / "rows.parquet"
        if not path.exists():
            columns = dict(zip(self.names, self.X.T, strict=True))
            if self.y is not None:
                columns["y"] = self.y
            pq.write_table(pa.table(columns), path, row_group_size=ROWS_PER_GROUP)
        return dataset(path)

    def from_file(self) -> tuple[Dataset, Dataset | None]:
        return self.file.select(self.names), None if self.y is None else self.file["y"]

    def fitted(self, X: Any, y: Any = None) -> Any:
        made = clone(self.estimator)
        if "random_state" in made.get_params():
            made.set_params(random_state=0)
        return made.fit(X) if y is None else made.fit(X, y)

    def part(self, rows: slice) -> tuple[Any, Any]:
        return self.X[rows], None if self.y is None else self.y[rows]

    def answers(self, model: Any, X: Any) -> dict[str, Any]:
        """What a model says of rows, as arrays."""
        said = {}
        for name in ANSWERS:
            if hasattr(model, name):
                made = getattr(model, name)(X)
                said[name] = made.to_numpy() if isinstance(made, Dataset) else made
        return said

    def require(self, holds: bool, law: str, fact: str) -> None:
        if not holds:
            raise AssertionError(f'{self.estimator!r} breaks the law "{law}": {fact}.')

    def require_same(self, one: Any, other: Any, law: str, tolerance: float | None = None) -> None:
        difference = first_difference(one, other, tolerance)
        self.require(difference is None, law, str(difference))

    def require_refusal(self, act: Callable[[], Any], kind: type[Exception], law: str) -> str:
        try:
            act()
        except kind as error:
            return str(error)
        except Exception as error:
            raise AssertionError(
                f'{self.estimator!r} breaks the law "{law}": it raised {type(error).__name__}, not '
                f"{kind.__name__}: {error}."
            ) from error
        raise AssertionError(f'{self.estimator!r} breaks the law "{law}": it did not raise.')


def state(model: Any, leave_out: tuple[str, ...] = UNEQUAL) -> dict[str, Any]:
    """The fitted attributes of a model."""
    return {
        name: value
        for name, value in sorted(vars(model).items())
        if name.endswith("_") and not name.startswith("_") and name not in leave_out
    }
