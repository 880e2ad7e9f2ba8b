"""Names of estimators, and from the text of a pipeline to the estimator it stands for."""

from __future__ import annotations

import importlib
import re
from typing import Any

import onebox as ob
from onebox.cli.grammar import StepText, parse_pipeline
from onebox.cli.usage import UsageError, at, near

TASK_PACKAGES = (
    "linear_model", "preprocessing", "cluster", "decomposition", "impute", "random_projection",
)  # fmt: skip


def build(text: str) -> Any:
    """Make an unfitted estimator: the one that was named, or a pipeline of several.

    Raises
    ------
    UsageError
        For a name or a parameter that does not exist, naming near ones.
    """
    steps = [_estimator(step) for step in parse_pipeline(text)]
    return steps[0] if len(steps) == 1 else ob.pipeline.make_pipeline(*steps)


def known_names() -> list[str]:
    """Every estimator's name, in snake case."""
    return sorted(name for package in TASK_PACKAGES for name in _classes(package))


def snake_case(name: str) -> str:
    """Spell the name of a class as it is written in a pipeline.

    >>> snake_case("StandardScaler"), snake_case("PCA"), snake_case("KMeans")
    ('standard_scaler', 'pca', 'k_means')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _estimator(step: StepText) -> Any:
    made = _class(step)
    known = made._get_param_names()
    for name in step.parameters:
        if name not in known:
            raise UsageError(
                at(
                    "The pipeline",
                    step.positions[name],
                    f"{step.name} has no parameter {name!r}.{near(name, known)} It has "
                    f"{', '.join(known)}.",
                )
            )
    return made(**step.parameters)


def _class(step: StepText) -> Any:
    wanted = _plain(step.name)
    for package in TASK_PACKAGES:  # one after the other: what is not needed is not imported
        for name, found in _classes(package).items():
            if _plain(name) == wanted:
                return found
    names = known_names()
    hint = near(step.name.lower(), names) or f" There are {', '.join(names)}."
    raise UsageError(
        at("The pipeline", step.position, f"no estimator is called {step.name!r}.{hint}")
    )


def _classes(package: str) -> dict[str, Any]:
    module = importlib.import_module(f"onebox.{package}")
    public = {name: getattr(module, name) for name in module.__all__}
    return {
        snake_case(name): value
        for name, value in public.items()
        if isinstance(value, type) and hasattr(value, "fit")
    }


def _plain(name: str) -> str:
    """`k_means`, `kmeans` and `KMeans` are one name."""
    return name.replace("_", "").lower()
