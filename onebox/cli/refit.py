"""From a model's recipe to a second model: what ``onebox verify`` needs of the heavy parts."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

import onebox as ob
from onebox.base.recipe import Recipe, recipe_of
from onebox.cli.options import Selection
from onebox.cli.rows import open_rows

__all__ = ["fitted_again", "recipe_of"]


def fitted_again(model: Any, recipe: Recipe) -> Any:
    """Fit the same configuration to the same columns of the same files."""
    paths = [path for path, _ in recipe.files]
    data: ob.Dataset = open_rows(
        paths, Selection(where=recipe.where), "drop" if recipe.drop_missing else "refuse"
    )
    features = data.select(*recipe.features)
    fresh = clone(model)
    if not recipe.target:
        return fresh.fit(features)
    one = recipe.target_ndim == 1
    return fresh.fit(features, data[recipe.target[0]] if one else data[list(recipe.target)])
