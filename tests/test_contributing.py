"""CONTRIBUTING.md promises that its code runs: an aggregate in ten lines that keeps every law."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from onebox.testing import check_aggregate

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"


def code_after(marker: str) -> str:
    """The Python block that follows an HTML comment."""
    found = re.search(rf"<!-- {marker} -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, f"CONTRIBUTING.md has no Python block after <!-- {marker} -->"
    return found[1]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The aggregate as a reader would have it, in a module of their own."""
    (tmp_path / "their_aggregate.py").write_text(code_after("aggregate"))
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("their_aggregate")
    monkeypatch.delitem(sys.modules, "their_aggregate")


def test_the_aggregate_keeps_the_laws(module: ModuleType) -> None:
    check_aggregate(module.RootMeanSquare())
    exec(code_after("aggregate-check"), vars(module))


def test_the_aggregate_answers(module: ModuleType) -> None:
    use = code_after("aggregate-use").replace("ob.aggregate", "answer = ob.aggregate")
    exec(use, vars(module))
    np.testing.assert_allclose(module.answer, [np.sqrt(12.5), 1.0])


def test_the_aggregate_has_standard_errors(module: ModuleType) -> None:
    exec(code_after("aggregate-use") + code_after("aggregate-smooth"), vars(module))
    expected = 1 / np.sqrt(2 * 50_000)  # of the deviation of normal rows
    errors = module.told["root mean square"].standard_error
    np.testing.assert_allclose(errors, expected, rtol=0.45)
    assert module.close.report.reading.share < 0.3


def test_it_takes_ten_lines() -> None:
    recipe = code_after("aggregate").split("class RootMeanSquare")[1]
    assert len(recipe.splitlines()[1:]) <= 10
