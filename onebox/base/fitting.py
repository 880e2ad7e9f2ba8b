"""``ob.fit``: a fit that says how far off it can be, or stops when it is close enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onebox.base.accuracy import Asked, asking
from onebox.base.one_pass import OnePass
from onebox.engine.accuracy.anytime import EarlyStop, OnInterrupt
from onebox.engine.accuracy.target import Target, Wanted
from onebox.errors import BadInput


def fit(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    standard_error: bool = False,
    error: Wanted | Mapping[str, Wanted] | None = None,
    confidence: float = 0.95,
    random_state: int = 0,
    on_interrupt: OnInterrupt = "raise",
) -> Any:
    """Fit an estimator, and keep what tells how far off it can be.

    Parameters
    ----------
    estimator : estimator of one pass, or Pipeline of such
        Fitted in place. Each step of a pipeline is asked for itself: the errors of a later step
        take the earlier ones as they are.
    X, y, sample_weight
        As in the estimator's ``fit``.
    standard_error : bool, default=False
        Whether the model gets ``accuracy_``, and ``coef_standard_error_`` and the like. What is
        fitted keeps its bits.
    error : float, Absolute, Relative or dict of these by the attribute's name, optional
        Stop reading when the confidence interval of the first attribute (``coef_``,
        ``explained_variance_``, ``mean_``) reaches no further than this to each side, or of those
        that a dict names. A number is relative to the largest entry in magnitude.
    confidence : float, default=0.95
        Of these intervals.
    random_state : int, default=0
        Seed of the order in which parts of the data are read when `error` is given.
    on_interrupt : {"raise", "answer"}, default="raise"
        With `error`: whether Ctrl-C leaves the model fitted on what was read.

    Returns
    -------
    The estimator. ``accuracy_["coef_"]`` is an `Estimate`; ``fit_report_.reading`` says how much was
    read.

    Raises
    ------
    BadInput
        For estimators of several passes, and for those of one pass whose attributes do not change
        smoothly with the rows; for an `error` that is not positive, or a `confidence` outside 0
        to 1.
    SinglePass
        When `error` is given and the rows come in one order only.
    NotEnoughMemory
        When the summary is too large to keep 32 of them.

    Notes
    -----
    Cost: that of the fit, and 128 summaries; a second pass where rows fill fewer than 32 partitions.
    Standard errors are computed when asked for: 32 solutions.

    Source: Kott, "The delete-a-group jackknife", Journal of Official Statistics 17 (2001).

    Examples
    --------
    >>> import numpy as np, onebox as ob
    >>> from onebox.linear_model import Ridge
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(4000, 2))
    >>> model = ob.fit(Ridge(), X, X @ [1, 2] + rng.normal(size=4000), standard_error=True)
    >>> model.accuracy_["coef_"]
                coef_
    x0  1.015 ± 0.017
    x1  2.015 ± 0.016
    >>> model.coef_standard_error_.round(3)
    array([0.017, 0.016])
    """
    steps = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    for step in steps:
        if not (isinstance(step, OnePass) or step is None or step == "passthrough"):
            raise BadInput(
                f"{type(step).__name__} is not learned from one summary that merges: groups of rows "
                "tell nothing of its errors. ob.fit is for estimators of one pass; call "
                "estimator.fit(X, y) instead."
            )
    stop = None
    if error is not None:
        stop = EarlyStop(Target.of(error, confidence, "largest"), random_state, on_interrupt)
    elif not standard_error:
        raise BadInput(
            "ob.fit was asked for nothing beside a fit; give standard_error=True or error=0.01, or "
            "call estimator.fit(X, y)."
        )
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    with asking(Asked(stop)):
        return estimator.fit(X, **weights) if y is None else estimator.fit(X, y, **weights)
