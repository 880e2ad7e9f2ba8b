"""Steps one after the other: scikit-learn's Pipeline, whose steps hand Datasets on lazily.

On arrays it is scikit-learn's in every respect. On a Dataset each transformer is fitted in a scan
of its own, and the next step reads through its lazy transform: nothing in between is held or
written.
"""

from __future__ import annotations

from typing import Any

import sklearn.pipeline
from sklearn.pipeline import _name_estimators

from onebox.base.inputs import is_lazy
from onebox.engine.report import FitReport
from onebox.errors import WrongType


class Pipeline(sklearn.pipeline.Pipeline):  # type: ignore[misc]
    """Transformers in a row, and an estimator at the end.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and estimators; all but the last transform.
    transform_input : list of str, default=None
    memory : None, str or joblib.Memory, default=None
        Where fitted transformers are cached; only None for Datasets.
    verbose : bool, default=False
        Whether to print how long each step took.

    Attributes
    ----------
    named_steps : Bunch
    classes_ : ndarray, when the last step is a classifier
    n_features_in_ : int
    feature_names_in_ : ndarray of str, where the columns have names
    fit_report_ : FitReport
        What all steps cost together.

    Raises
    ------
    WrongType
        For a Dataset, when a step cannot take one.

    Notes
    -----
    Cost: the passes of every step; a step that is fitted computes those before it anew, block by
    block.

    Exactness: that of the steps.

    Examples
    --------
    >>> import numpy as np
    >>> from onebox.linear_model import Ridge
    >>> from onebox.pipeline import Pipeline
    >>> from onebox.preprocessing import StandardScaler
    >>> X = np.array([[0.0, 10.0], [1.0, 30.0], [2.0, 20.0], [3.0, 40.0]])
    >>> model = Pipeline([("scale", StandardScaler()), ("ridge", Ridge())])
    >>> model.fit(X, [1.0, 2.0, 3.0, 4.0]).predict([[1.5, 25.0]])
    array([2.5])
    """

    @property
    def accepts_datasets(self) -> bool:
        """Whether every step takes a Dataset."""
        return all(_accepts(step) for _, step in self.steps)

    @property
    def fit_report_(self) -> FitReport:
        """What all steps cost together."""
        reports = [getattr(step, "fit_report_", None) for _, step in self.steps]
        known = [report for report in reports if report is not None]
        if not known:
            raise AttributeError("This pipeline has no fit_report_: no step with one is fitted.")
        return FitReport(
            rows=known[-1].rows,
            rows_dropped=known[-1].rows_dropped,
            passes=sum(report.passes for report in known),
            bytes_read=sum(report.bytes_read for report in known),
            bytes_spilled=sum(report.bytes_spilled for report in known),
            seconds=sum(report.seconds for report in known),
            cache_hits=sum(report.cache_hits for report in known),
            peak_memory=max(report.peak_memory for report in known),
            budget=known[-1].budget,
            n_workers=max(report.n_workers for report in known),
            partitions=sum(report.partitions for report in known),
            partitions_reused=sum(report.partitions_reused for report in known),
            passes_reused=sum(report.passes_reused for report in known),
            bytes_reused=sum(report.bytes_reused for report in known),
            reading=known[-1].reading,
        )

    def _fit(self, X: Any, *args: Any, **kwargs: Any) -> Any:
        # What fit, fit_transform and fit_predict have in common.
        if is_lazy(X):
            self._refuse_foreign_steps()
        return super()._fit(X, *args, **kwargs)

    def _refuse_foreign_steps(self) -> None:
        if self.memory is not None:
            raise WrongType(
                "Pipeline(memory=...) caches results for arrays; a Dataset has none to cache. "
                "Leave memory=None."
            )
        for name, step in self.steps:
            if not _accepts(step):
                kind = type(step)
                raise WrongType(
                    f"Step {name!r} is a {kind.__module__}.{kind.__qualname__}, which cannot take "
                    "a Dataset. Use the step of onebox of that name if there is one, fit on a "
                    "part that fits in memory (dataset.sample(n).to_numpy()), or give the class "
                    "the attribute accepts_datasets = True if it reads Datasets block by block."
                )


def make_pipeline(
    *steps: Any, memory: Any = None, transform_input: list[str] | None = None, verbose: bool = False
) -> Pipeline:
    """Make a Pipeline whose steps are named after their classes.

    Parameters
    ----------
    *steps : estimators
    memory, transform_input, verbose
        As in `Pipeline`.

    Returns
    -------
    Pipeline

    Examples
    --------
    >>> from onebox.linear_model import Ridge
    >>> from onebox.pipeline import make_pipeline
    >>> from onebox.preprocessing import StandardScaler
    >>> list(make_pipeline(StandardScaler(), Ridge()).named_steps)
    ['standardscaler', 'ridge']
    """
    return Pipeline(
        _name_estimators(steps), transform_input=transform_input, memory=memory, verbose=verbose
    )


def _accepts(step: Any) -> bool:
    return step is None or step == "passthrough" or bool(getattr(step, "accepts_datasets", False))
