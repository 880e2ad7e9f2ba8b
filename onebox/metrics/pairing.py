"""True values beside predicted ones: what metrics scan, however the two were handed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from onebox.aggregates.aggregate import Aggregate
from onebox.base.inputs import checked_weight
from onebox.config import Settings
from onebox.data.view import View
from onebox.dataset import Dataset, as_dataset, pair
from onebox.engine.accuracy import Estimate, scan_with_errors
from onebox.engine.run import scan
from onebox.errors import MismatchedRows


@dataclass(frozen=True)
class Pairs:
    """True and predicted values, row by row.

    Attributes
    ----------
    view : View
        One of them as features, the other as target.
    settings : Settings
    swapped : bool
        Whether it is the true values that stand as features.
    """

    view: View
    settings: Settings
    swapped: bool

    @classmethod
    def of(cls, y_true: Any, y_pred: Any, sample_weight: Any, *, labels: bool = False) -> Pairs:
        """Pair arrays row by row; Datasets of one identity are read together.

        Raises
        ------
        MismatchedRows
            When the two, or the weights, do not belong together.
        """
        # An array can stand beside a dataset, not the other way round.
        swapped = isinstance(y_true, Dataset) and not isinstance(y_pred, Dataset)
        first, second = (y_true, y_pred) if swapped else (y_pred, y_true)
        if not isinstance(second, Dataset):
            second = _checked(second, "y_pred" if swapped else "y_true")
        if not isinstance(first, Dataset):
            first = _checked(first, "y_pred")
            first = as_dataset({"label": first.ravel()} if labels else first)
        if sample_weight is not None and not isinstance(sample_weight, Dataset):
            sample_weight = checked_weight(sample_weight, first)
        view = pair(first, second, sample_weight)
        schema = view.schema
        if schema.n_features != schema.n_targets:
            raise MismatchedRows(
                f"y_true and y_pred have different number of output "
                f"({schema.n_targets}!={schema.n_features}): give both one column a target."
            )
        return cls(view, first.settings, swapped)

    def measure(self, aggregate: Aggregate[Any]) -> Any:
        """What an aggregate with a flag `swapped` says of them; one pass."""
        recipe = replace(aggregate, swapped=self.swapped)  # type: ignore[type-var]
        summary, _ = scan(self.view, recipe, settings=self.settings)
        return recipe.result(summary)

    def estimate(
        self, aggregate: Aggregate[Any], name: str, answer: Callable[[Any], Any]
    ) -> Estimate:
        """What is answered from an aggregate's result, with its standard error; one pass."""
        recipe = replace(aggregate, swapped=self.swapped)  # type: ignore[type-var]

        def answers(summary: Any) -> dict[str, Any]:
            return {name: answer(recipe.result(summary))}

        summary, states, report = scan_with_errors(
            self.view, recipe, settings=self.settings, job=name
        )
        (made,) = states[0].estimates(answers, answers(summary), None, by_column=False)
        return replace(made, report=report)


def _checked(values: Any, name: str) -> NDArray[Any]:
    checked = check_array(
        values, ensure_2d=False, dtype=None, ensure_all_finite=False, input_name=name
    )
    return np.asarray(checked)
