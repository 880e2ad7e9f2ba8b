"""``onebox verify``: whether a saved model is, bit for bit, what a fit of its recipe gives now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import onebox as ob
from onebox.cli.options import Keeping, Resources
from onebox.cli.output import say
from onebox.cli.process import bounded, late
from onebox.errors import BadInput

SHOWN = 3

UNKNOWN = {
    "map": "a function (map)",
    "assign": "a column made by a function (assign)",
    "filter": "a filter",
    "array": "an array beside the files",
    "draw": "rows drawn from it (split, sample)",
    "cast": "columns of other types (cast)",
    "merge": "models that were merged",
    "partial_fit": "rows that came in several calls (partial_fit)",
}
"""What keeps a recipe from being followed, by the names of its steps."""


def verify(
    model: Path,
    /,
    *,
    keeping: Keeping = Keeping(),  # noqa: B008 (frozen)
    how: Resources = Resources(),  # noqa: B008
) -> None:
    """Fit a saved model again, from its recipe, and compare every bit.

    Parameters
    ----------
    model
        A file that 'onebox fit' or ob.save has written. The files that it was fitted on must be
        where they were.
    """
    refit = late("refit")
    kept = ob.load(model)
    recipe = refit.recipe_of(kept)
    if recipe is None:
        raise BadInput(f"{model} carries no recipe: it holds no fitted model of onebox.")
    _refuse_unknown(model, recipe)
    changed = [path for path, _ in recipe.files if not os.path.exists(path)]
    if changed:
        raise BadInput(f"{model} was fitted on {changed[0]}, which is gone. Put it back.")
    fingerprint = ob.fingerprint
    with bounded(how, keeping):
        again = refit.fitted_again(kept, recipe)
    before, after = fingerprint(kept, data=False), fingerprint(again, data=False)
    if before != after:
        reasons = "; ".join(_reasons(recipe, refit.recipe_of(again)))
        raise BadInput(f"{model} is {before[:16]}, and a fit gives {after[:16]} now. {reasons}")
    print(before)
    if not how.quiet:
        say(f"{model}: the same bits; {again.fit_report_}")


def _refuse_unknown(model: Path, recipe: Any) -> None:
    """Refuse what the recipe cannot tell how to do again."""
    said = [UNKNOWN.get(step, f"the step {step}") for step in recipe.steps]
    if recipe.where is not None:
        said = [what for what in said if what != UNKNOWN["filter"]]
    said += ["weights"] * recipe.weighted
    if not recipe.files:
        said = [f"data in memory ({recipe.data})"]
    if said:
        raise BadInput(
            f"{model} cannot be fitted again from its recipe, because of {', '.join(said)}: a recipe "
            "holds paths, columns and the filter of the command line, but no code and no arrays. Run "
            "what has fitted it once more, and compare ob.fingerprint(model, data=False) of both."
        )


def _reasons(recipe: Any, now: Any) -> list[str]:
    """What may have changed the bits."""
    old, new = dict(recipe.files), dict(now.files)
    files = [path for path in old if old[path] != new.get(path)]
    said = []
    if files:
        more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        said.append(f"Changed since: {', '.join(files[:SHOWN])}{more}")
    for name, value in (*recipe.versions, *recipe.build):
        other = dict((*now.versions, *now.build)).get(name)
        if value != other and name != "key":
            said.append(f"{name} was {value} and is {other}")
    if not said and dict(recipe.build).get("key") != dict(now.build).get("key"):
        said.append("The processor, its BLAS or the compiled kernels are others")
    return said or ["Neither files nor versions have changed: is random_state=None?"]
