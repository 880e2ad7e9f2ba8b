"""The laws that every aggregate keeps, one function each: it raises when the law is broken."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import pickle
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from onebox.aggregates.aggregate import Tiled
from onebox.data.scratch import FreshMemory
from onebox.errors import BadInput, BadValue, OneboxError
from onebox.persistence import load, save
from onebox.testing.rows import Rows
from onebox.testing.trial import Trial

FEW = 24  # rows that are also handed over one by one


def recipe_is_frozen(trial: Trial) -> None:
    law = "the recipe is a frozen dataclass that survives pickling"
    kind = type(trial.aggregate)
    frozen = dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen
    trial.require(frozen, law, f"{kind.__name__} is not @dataclass(frozen=True)")
    try:
        again = pickle.loads(pickle.dumps(trial.aggregate))
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        fact = f"{error}; define the class at the top of a module"
        raise AssertionError(trial.broken(law, fact)) from error
    one, other = trial.update(trial.empty(), trial.rows), trial.empty()
    trial.update(other, trial.rows, again)
    trial.require_same(one, other, law)


def empty_is_a_value(trial: Trial) -> None:
    law = "empty(schema) is a new summary of no rows"
    one, other = trial.empty(), trial.empty()
    before = copy.deepcopy(other)
    trial.require_same(one, other, law)
    trial.weigh(one)
    trial.update(one, trial.rows)
    trial.require_same(other, before, law + ", sharing nothing with another")
    with contextlib.suppress(OneboxError):  # no rows, no answer: said clearly
        trial.result(other)
    trial.require_same(other, before, "result leaves the summary as it was")


def used_memory_is_empty_again(trial: Trial) -> None:
    used = trial.update(trial.empty(), trial.rows)
    law = "emptied(s, schema) is the summary of no rows"
    trial.require_same(trial.aggregate.emptied(used, trial.rows.schema), trial.empty(), law)


def empty_merges_without_trace(trial: Trial) -> None:
    seen = trial.update(trial.empty(), trial.rows)
    for law, into, other in (
        ("merge(s, empty) == s", copy.deepcopy(seen), trial.empty()),
        ("merge(empty, s) == s", trial.empty(), copy.deepcopy(seen)),
    ):
        trial.aggregate.merge(into, other)
        trial.require_same(into, seen, law)


def no_rows_change_nothing(trial: Trial) -> None:
    law = "a block of no rows changes nothing"
    nothing = trial.rows.part(0, 0)
    trial.require_same(trial.update(trial.empty(), nothing), trial.empty(), law)
    seen = trial.update(trial.empty(), trial.rows)
    trial.require_same(trial.update(copy.deepcopy(seen), nothing), seen, law)


def splits_agree(trial: Trial) -> None:
    whole = trial.result(trial.run([[0, len(trial.rows)]]))
    for split, cuts in trial.splits(len(trial.rows)).items():
        summary = trial.run(cuts)
        law = f"any split gives the same result ({split})"
        trial.require_same(trial.result(summary), whole, law, trial.tolerance)
        law = f"the same split gives the same bits ({split})"
        trial.require_same(trial.run(cuts), summary, law)


def merging_is_any_tree(trial: Trial) -> None:
    n = len(trial.rows)
    edges = [n * i // 4 for i in range(5)]
    whole = trial.result(trial.run([[0, n]]))
    for tree in ([(0, 1), (2, 3), (0, 2)], [(3, 1), (0, 2), (3, 0)]):
        parts = [trial.update(trial.empty(), trial.rows.part(*ends)) for ends in pairwise(edges)]
        for into, other in tree:
            trial.aggregate.merge(parts[into], parts[other])
        merged = trial.result(parts[tree[-1][0]])
        law = "summaries merge in any tree and order"
        trial.require_same(merged, whole, law, trial.tolerance)


def rows_come_one_by_one(trial: Trial) -> None:
    few = trial.rows.part(0, FEW)
    n = len(few)
    whole = trial.result(trial.run([[0, n]], few))
    for split, cuts in {
        "blocks of one row": [list(range(n + 1))],
        "partitions of one row": [[i, i + 1] for i in range(n)],
    }.items():
        law = f"any split gives the same result ({split})"
        trial.require_same(trial.result(trial.run(cuts, few)), whole, law, trial.tolerance)


def update_is_a_function(trial: Trial) -> None:
    law = "the same rows give the same bits"
    one, other = (trial.update(trial.empty(), trial.rows) for _ in range(2))
    trial.require_same(one, other, law)


def update_leaves_the_block(trial: Trial) -> None:
    law = "update leaves the block as it was"
    block, same = (
        trial.rows.part(0, len(trial.rows)).block(FreshMemory(), trial.aggregate) for _ in range(2)
    )
    trial.aggregate.update(trial.empty(), block)
    for name in ("to_arrow", "X", "y", "weight"):
        try:
            ours, theirs = getattr(block, name), getattr(same, name)
        except (TypeError, AttributeError):
            continue  # text has no X, rows may have no y
        ours, theirs = (ours(), theirs()) if callable(ours) else (ours, theirs)
        trial.require_same(ours, theirs, law)


def update_keeps_nothing_of_the_block(trial: Trial) -> None:
    law = "update keeps nothing that lies in the block or its scratch"
    n = len(trial.rows)
    kept, spoiled = trial.empty(), trial.empty()
    trial.aggregate.update(kept, trial.rows.part(0, n).block(FreshMemory(), trial.aggregate))
    trial.update(spoiled, trial.rows)
    trial.require_same(spoiled, kept, law)


def result_leaves_the_summary(trial: Trial) -> None:
    law = "result leaves the summary as it was"
    n = len(trial.rows)
    summary = trial.update(trial.empty(), trial.rows.part(0, n // 2))
    before = copy.deepcopy(summary)
    early = trial.result(summary)
    trial.require_same(summary, before, law)
    kept = copy.deepcopy(early)
    trial.update(summary, trial.rows.part(n // 2, n))
    trial.require_same(early, kept, "a result does not change when the summary goes on")


def summaries_survive(trial: Trial) -> None:
    n = len(trial.rows)
    half = trial.update(trial.empty(), trial.rows.part(0, n // 2))
    straight = trial.update(copy.deepcopy(half), trial.rows.part(n // 2, n))
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[Any], Any]] = {
            "copying": copy.deepcopy,
            "pickling": lambda summary: pickle.loads(pickle.dumps(summary)),
            "storing": lambda summary: _stored(summary, Path(folder) / "summary.onebox"),
        }
        for way, send in ways.items():
            law = f"a summary survives {way} in mid-run"
            try:
                arrived = send(half)
            except Exception as error:
                raise AssertionError(trial.broken(law, repr(error))) from error
            trial.require_same(arrived, half, law)
            trial.require_same(trial.update(arrived, trial.rows.part(n // 2, n)), straight, law)


def bad_values_are_met_alike(trial: Trial) -> None:
    n = len(trial.rows)
    for value in ("NaN", "infinity", "null"):
        met = {}
        for at in (0, n // 2, n - 1):
            rows = trial.rows.damaged(at, value)
            if rows is None:
                return
            for split, cuts in list(trial.splits(n).items())[::3]:
                met[f"row {at}, {split}"] = _met(trial, rows, cuts)
        refused = [place for place, result in met.items() if isinstance(result, BadValue)]
        law = f"a column with {value} is refused wherever it stands, or nowhere"
        trial.require(
            len(refused) in (0, len(met)),
            law,
            f"refused at {', '.join(refused)} and accepted elsewhere",
        )
        if trial.aggregate.refuses_missing and value != "infinity":
            law = "refuses_missing is true"
            trial.require(bool(refused), law, f"a column with {value} was accepted")
        if not refused:
            first, second, *_ = met.values()
            law = f"any split gives the same result, with {value} in the data"
            trial.require_same(first, second, law, trial.tolerance)


def tiles_are_independent(trial: Trial) -> None:
    recipe = trial.aggregate
    if not isinstance(recipe, Tiled):
        return
    summaries = []
    for step in (1, -1):
        summary = trial.empty()
        prepared = recipe.prepare(summary, trial.rows.block(FreshMemory(), recipe))
        for tile in range(recipe.n_tiles(summary))[::step]:
            recipe.update_tile(summary, prepared, tile)
        summaries.append(summary)
    trial.require_same(summaries[0], summaries[1], "tiles can be updated in any order")
    whole = trial.result(trial.update(trial.empty(), trial.rows))
    law = "update does what its tiles do"
    trial.require_same(trial.result(summaries[0]), whole, law, trial.tolerance)


# What breaks an earlier law would look like something else in a later one.
LAWS: tuple[Callable[[Trial], None], ...] = (
    update_is_a_function,
    update_leaves_the_block,
    update_keeps_nothing_of_the_block,
    result_leaves_the_summary,
    empty_is_a_value,
    used_memory_is_empty_again,
    recipe_is_frozen,
    empty_merges_without_trace,
    no_rows_change_nothing,
    tiles_are_independent,
    splits_agree,
    merging_is_any_tree,
    rows_come_one_by_one,
    summaries_survive,
    bad_values_are_met_alike,
)


def _met(trial: Trial, rows: Rows, cuts: list[list[int]]) -> Any:
    try:
        with np.errstate(all="ignore"):
            return trial.result(trial.run(cuts, rows))
    except BadValue as error:
        return error
    except BadInput:
        raise
    except Exception as error:
        law, fact = "bad values are accepted or refused with BadValue", f"it raised {error!r}"
        raise AssertionError(trial.broken(law, fact)) from error


def _stored(summary: Any, path: Path) -> Any:
    save({"summary": summary}, path)
    return load(path, trust=True)["summary"]
