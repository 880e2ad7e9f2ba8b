"""The laws that every estimator obeys, and the function that holds an estimator to them."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

from onebox.config import config
from onebox.dataset import Dataset, dataset
from onebox.errors import BadInput, BadValue, NotMergeable, WrongType
from onebox.persistence import load, save
from onebox.persistence.names import is_own
from onebox.testing.estimator_trial import ANSWERS, N_ROWS, Trial, state


def check_onebox_estimator(
    estimator: Any,
    *,
    expected_failed_checks: dict[str, str] | None = None,
    tolerance: float = 1e-9,
) -> None:
    """Hold an estimator to scikit-learn's checks and to the laws of onebox.

    The laws: arrays, Datasets and Parquet files of the same rows give the same model and the same
    answers; the fitted state and the answers have the same bits for any number of workers and any
    executor; what comes out of a Dataset is a lazy Dataset that keeps the state it was made with;
    columns match by name; ``partial_fit`` over parts, and ``merge`` of models of parts, give the
    model of the whole, and the order of the rows does not matter, where there is one pass, and
    ``merge`` is refused where there are several; a model survives saving and loading; a clone is
    not fitted; text, NaN and infinities are refused, naming column and row.

    Parameters
    ----------
    estimator : estimator
        Not fitted. Of several passes only the score is compared where the rows come from different
        places, as draws depend on these.
    expected_failed_checks : dict of str to str, default=None
        Checks of scikit-learn that may fail, each with a reason.
    tolerance : float, default=1e-9
        What models of the same rows, cut differently, may differ by: relative to the largest entry
        of each array.

    Raises
    ------
    AssertionError
        Naming the law, or scikit-learn's check, that is broken.

    Examples
    --------
    >>> from onebox.preprocessing import StandardScaler
    >>> from onebox.testing import check_onebox_estimator
    >>> check_onebox_estimator(StandardScaler())
    """
    _check_grammar(estimator, expected_failed_checks or {})
    with tempfile.TemporaryDirectory() as folder, config(progress=False):
        trial = Trial(estimator, Path(folder), tolerance)
        for law in LAWS:
            law(trial)


def _check_grammar(estimator: Any, expected: dict[str, str]) -> None:
    results = check_estimator(
        estimator, expected_failed_checks=expected, on_skip=None, on_fail=None
    )
    failed = [result for result in results if result["status"] == "failed"]
    if failed:
        shown = "; ".join(f"{one['check_name']}: {one['exception']!r}" for one in failed)
        raise AssertionError(f"{estimator!r} fails checks of scikit-learn: {shown}") from failed[0][
            "exception"
        ]


def forms_agree(trial: Trial) -> None:
    """Fit on an array, a Dataset and a file."""
    law = "arrays, Datasets and files of the same rows give the same model"
    X, y = trial.X, trial.y
    model = trial.fitted(X, y)
    of_dataset, of_file = trial.fitted(dataset(X), y), trial.fitted(*trial.from_file())
    columns, _ = trial.from_file()
    if not trial.one_pass:
        for other, rows in ((of_dataset, dataset(X)), (of_file, columns)):
            if hasattr(model, "score"):
                mine, theirs = model.score(X, y), other.score(rows, y)
                trial.require_same(float(mine), float(theirs), f"{law} (score)", 0.01)
        return
    trial.require_same(state(model), state(of_dataset), f"{law} (Dataset)", trial.tolerance)
    trial.require_same(state(model), state(of_file), f"{law} (Parquet)", trial.tolerance)
    law = "arrays, Datasets and files of the same rows get the same answers"
    for other in (dataset(X), columns):
        said = trial.answers(model, X)
        trial.require_same(said, trial.answers(model, other), law, trial.tolerance)


def bits_do_not_depend_on_workers(trial: Trial) -> None:
    """Fit and answer with one worker and several."""
    law = "the same bits for any number of workers and any executor"
    columns, y = trial.from_file()
    seen: list[Any] = []
    for n_jobs, executor in ((1, "serial"), (1, "threads"), (2, "threads"), (4, "threads")):
        with config(n_jobs=n_jobs, executor=executor):
            model = trial.fitted(columns, y)
            said = trial.answers(model, columns)
            kept = {k: v for k, v in state(model, ("fit_report_",)).items() if not _is_lazy(v)}
            seen.append((kept, said))
        trial.require_same(seen[0], seen[-1], f"{law} ({n_jobs}, {executor})")


def answers_are_lazy(trial: Trial) -> None:
    """Answer for a Dataset, then change the model."""
    law = "what comes out of a Dataset is a lazy Dataset"
    columns, y = trial.from_file()
    model = trial.fitted(columns, y)
    for name in ANSWERS:
        if not hasattr(model, name):
            continue
        made = getattr(model, name)(columns)
        trial.require(isinstance(made, Dataset), law, f"{name} gave a {type(made).__name__}")
        before = made.to_numpy()
        other = trial.fitted(trial.X[::-1] * 2, trial.y)
        vars(model).update(vars(other))
        trial.require_same(made.to_numpy(), before, f"{law} with the state of then ({name})")
        model = trial.fitted(columns, y)


def columns_match_by_name(trial: Trial) -> None:
    """Hand over columns in another order, and too few."""
    law = "columns match by name"
    columns, y = trial.from_file()
    model = trial.fitted(columns, y)
    trial.require_same(list(model.feature_names_in_), trial.names, "feature_names_in_ are columns")
    shuffled = trial.file.select(trial.names[::-1])
    same = trial.answers(model, columns)
    if not same:
        return
    trial.require_same(trial.answers(model, shuffled), same, law)
    fewer = trial.file.select(trial.names[1:])
    message = trial.require_refusal(lambda: trial.answers(model, fewer), BadInput, law)
    trial.require(trial.names[0] in message, law, f"a missing column is not named: {message}")


def parts_make_the_whole(trial: Trial) -> None:
    """Learn in parts, and merge models of parts."""
    half = N_ROWS // 3
    parts = [trial.part(slice(0, half)), trial.part(slice(half, None))]
    if not trial.one_pass:
        law = "models of several passes refuse to merge"
        models = [trial.fitted(*part) for part in parts]
        if not hasattr(models[0], "merge"):
            return
        trial.require_refusal(lambda: models[0].merge(models[1]), NotMergeable, law)
        return
    whole = state(trial.fitted(trial.X, trial.y))
    law = "partial_fit over parts gives the model of the whole"
    model = clone(trial.estimator)
    for X, y in parts:
        if trial.labels:
            model.partial_fit(X, y, classes=np.unique(np.asarray(trial.y)))
        else:
            model.partial_fit(X, y)
    trial.require_same(state(model), whole, law, trial.tolerance)
    law = "merge gives the model of the whole"
    one, other = (trial.fitted(*part) for part in parts)
    before = copy.deepcopy(state(other, ()))
    trial.require(one.merge(other) is one, law, "it does not return the model itself")
    trial.require_same(state(one), whole, law, trial.tolerance)
    trial.require_same(state(other, ()), before, "merge leaves the other model as it was")
    law = "models of different columns refuse to merge"
    narrow = trial.fitted(trial.X[:, 1:], trial.y)
    trial.require_refusal(lambda: one.merge(narrow), NotMergeable, law)


def order_does_not_matter(trial: Trial) -> None:
    """Fit on rows sorted both ways."""
    if not trial.one_pass:
        return
    law = "rows in ascending and descending order give the same model"
    order = np.argsort(trial.X[:, 0])
    one, other = (
        trial.fitted(trial.X[way], None if trial.y is None else trial.y[way])
        for way in (order, order[::-1])
    )
    trial.require_same(state(one), state(other), law, min(trial.tolerance, 1e-10))


def models_survive_storing(trial: Trial) -> None:
    """Save, load, and go on."""
    law = "a model survives saving and loading"
    model = trial.fitted(trial.X, trial.y)
    path = trial.folder / "model.onebox"
    save(model, path)
    again = load(path, trust=not is_own(type(model).__module__))
    trial.require(type(again) is type(model), law, f"a {type(again).__name__} was loaded")
    trial.require_same(state(again, ()), state(model, ()), law)
    trial.require_same(trial.answers(again, trial.X), trial.answers(model, trial.X), law)
    if trial.one_pass:
        law = "a loaded model goes on learning"
        for each in (model, again):
            each.merge(trial.fitted(trial.X, trial.y))
        trial.require_same(state(again), state(model), law)


def clones_are_not_fitted(trial: Trial) -> None:
    """Clone a fitted model."""
    law = "a clone has the parameters and nothing else"
    model = trial.fitted(trial.X, trial.y)
    made = clone(model)
    trial.require(not state(made, ()), law, f"it has {list(state(made, ()))}")
    trial.require_same(repr(made.get_params(deep=False)), repr(model.get_params(deep=False)), law)


def bad_columns_are_named(trial: Trial) -> None:
    """Fit on text, NaN and infinity."""
    tags = get_tags(trial.estimator).input_tags
    columns, _ = trial.from_file()
    y = trial.y
    if not tags.string:
        law = "a text column is refused by its name"
        text = columns.assign(word=lambda block: np.full(block.n_rows, "a", dtype="U1"))
        message = trial.require_refusal(partial(trial.fitted, text, y), WrongType, law)
        trial.require("'word'" in message, law, f"the message is {message!r}")
    for value, allowed in ((np.nan, tags.allow_nan), (np.inf, False)):
        if allowed:
            continue
        law = f"{value} is refused by column and row"
        X = trial.X.copy()
        X[123, 2] = value
        message = trial.require_refusal(partial(trial.fitted, X, y), BadValue, law)
        trial.require("x2" in message, law, f"the message is {message!r}")


LAWS: tuple[Callable[[Trial], None], ...] = (
    forms_agree,
    bits_do_not_depend_on_workers,
    answers_are_lazy,
    columns_match_by_name,
    parts_make_the_whole,
    order_does_not_matter,
    models_survive_storing,
    clones_are_not_fitted,
    bad_columns_are_named,
)


def _is_lazy(value: Any) -> bool:
    return isinstance(value, Dataset)
