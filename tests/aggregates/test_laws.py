"""Every public aggregate keeps the laws, on rows of every type and form."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import onebox as ob
from onebox import aggregates
from onebox.aggregates import Aggregate, Join, Tiled, join
from onebox.errors import EmptyData, MissingColumn, WrongType
from onebox.testing import check_aggregate
from onebox.testing.comparison import first_difference

# What to check of each; a class that is not in here fails the first test.
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "Count": [{}],
    "DistinctCount": [{}],
    "Extremes": [{}],
    "Gram": [{}, {"target": False}],
    "Histogram": [{}, {"bins": 3, "range": (-2.0, 2.0)}],
    "Mean": [{}],
    "Moments": [{}, {"ddof": 0}],
    "Quantiles": [{"q": (0.0, 0.1, 0.5, 1.0)}, {"octaves": 5}],
    "Sample": [{"n": 7}, {"n": 100, "random_state": 3}, {"n": 1000}],
    "StratifiedSample": [],  # of a column that must be there: test_keyed_samples.py
    "TopValues": [{"k": 3}],
    "WeightedSample": [],
}

PUBLIC = {
    name: kind
    for name, kind in vars(aggregates).items()
    if inspect.isclass(kind)
    and issubclass(kind, Aggregate)
    and kind not in (Aggregate, Tiled, Join)
}

RECIPES = [
    pytest.param(PUBLIC[name](**options), id=f"{name}-{i}")
    for name in PUBLIC
    for i, options in enumerate(EXAMPLES.get(name, ()))
]


def test_every_public_aggregate_has_an_example() -> None:
    assert set(PUBLIC) == set(EXAMPLES)
    assert set(PUBLIC) <= set(aggregates.__all__)


def require_suitable(recipe: Aggregate[Any], rows: Any) -> None:
    try:
        recipe.empty(ob.dataset(rows).view.schema)
    except (EmptyData, WrongType) as error:
        pytest.skip(f"these columns do not suit: {error}")


@pytest.mark.parametrize("recipe", RECIPES)
def test_laws(recipe: Aggregate[Any], rows: Any) -> None:
    require_suitable(recipe, rows)
    check_aggregate(recipe, rows)


@pytest.mark.parametrize("recipe", RECIPES)
def test_laws_with_target_and_weights(recipe: Aggregate[Any]) -> None:
    check_aggregate(recipe)


@pytest.mark.parametrize("recipe", RECIPES)
def test_same_bits_for_any_workers(recipe: Aggregate[Any], rows: Any) -> None:
    require_suitable(recipe, rows)
    many = np.tile(rows, (40, 1)) if isinstance(rows, np.ndarray) else rows
    if isinstance(rows, pa.Table):
        many = pa.concat_tables([rows] * 40).combine_chunks()
    with ob.config(executor="serial"):
        alone = ob.aggregate(many, recipe)
    for n_jobs in (1, 2, 4):
        with ob.config(n_jobs=n_jobs):
            assert first_difference(ob.aggregate(many, recipe), alone) is None


def test_joined_aggregates_answer_as_they_do_alone(mixed: pa.Table) -> None:
    recipes = [PUBLIC[n](**EXAMPLES[n][0]) for n in PUBLIC if n != "Gram" and EXAMPLES[n]]
    together = ob.aggregate(mixed, *recipes)
    assert len(together) == len(recipes)
    for recipe, answer in zip(recipes, together, strict=True):
        assert first_difference(ob.aggregate(mixed, recipe), answer) is None
    nested = join(join(*recipes[:2]), recipes[2])
    assert nested.parts == tuple(recipes[:3])


@pytest.mark.parametrize("name", [n for n in PUBLIC if "columns" in PUBLIC[n].__dataclass_fields__])
def test_columns_are_chosen_by_name_and_refused_by_name(name: str, mixed: pa.Table) -> None:
    options = EXAMPLES[name][0]
    for chosen in ("int32", ["int32", "int8"], ("int8", "int32")):
        recipe = PUBLIC[name](columns=chosen, **options)
        wanted = (chosen,) if isinstance(chosen, str) else tuple(chosen)
        assert recipe.empty(ob.dataset(mixed).view.schema).names == wanted
    with pytest.raises(MissingColumn, match="Column 'speed' is not in"):
        ob.aggregate(mixed, PUBLIC[name](columns=("int8", "speed"), **options))
    if name != "Count":
        with pytest.raises(WrongType, match=f"{name} cannot treat column 'list', which has type"):
            ob.aggregate(mixed, PUBLIC[name](columns="list", **options))
        with pytest.raises(EmptyData, match=f"{name} suits none of the 2 columns, which are of"):
            ob.aggregate(mixed.select(["list", "struct"]), PUBLIC[name](**options))


@pytest.mark.parametrize("recipe", RECIPES)
def test_results_show_themselves(recipe: Aggregate[Any]) -> None:
    table = pa.table({"alpha": np.arange(5.0), "beta": [3, 1, 4, 1, 5]})
    result = ob.aggregate(table, recipe)
    shown = result.to_arrow() if hasattr(result, "to_arrow") else None
    assert "alpha" in repr(result) or type(recipe).__name__ in ("Extremes",)
    if shown is not None:
        assert isinstance(shown, pa.Table)
        assert set(shown["column"].to_pylist()) <= {"alpha", "beta"}
