import pkgutil
from importlib import import_module

import pytest

import onebox
from onebox.base import Estimator
from onebox.cli.registry import TASK_PACKAGES, build, known_names, snake_case
from onebox.cli.usage import UsageError
from onebox.linear_model import Ridge
from onebox.pipeline import Pipeline
from onebox.preprocessing import StandardScaler


def test_every_estimator_of_onebox_has_a_name():
    public = set()
    for package in pkgutil.iter_modules(onebox.__path__):
        if package.ispkg and package.name not in ("cli", "demo", "base", "_kernels", "testing"):
            module = import_module(f"onebox.{package.name}")
            found = [getattr(module, name) for name in getattr(module, "__all__", ())]
            public |= {c for c in found if isinstance(c, type) and issubclass(c, Estimator)}
    assert {snake_case(c.__name__) for c in public} == set(known_names())
    assert {c.__module__.split(".")[1] for c in public} == set(TASK_PACKAGES)


@pytest.mark.parametrize("name", known_names())
def test_names_may_be_written_like_classes(name):
    made = build(name)
    assert snake_case(type(made).__name__) == name
    assert type(build(name.replace("_", ""))) is type(made)
    assert type(build(type(made).__name__)) is type(made)


def test_one_step_is_an_estimator_and_several_are_a_pipeline():
    ridge = build("ridge alpha=2 fit_intercept=false")
    assert isinstance(ridge, Ridge)
    assert (ridge.alpha, ridge.fit_intercept) == (2, False)
    model = build("standard_scaler with_mean=false | ridge")
    assert isinstance(model, Pipeline)
    assert isinstance(model[0], StandardScaler)
    assert model[0].with_mean is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("standard_scalr", "character 1: no estimator is called 'standard_scalr'. Did you mean"),
        ("pca | rigde", "character 7: no estimator is called 'rigde'. Did you mean 'ridge'"),
        ("xyz", "There are "),
        (
            "ridge alfa=1",
            "character 7: ridge has no parameter 'alfa'. Did you mean 'alpha'? It has",
        ),
    ],
)
def test_unknown_names_are_refused_with_near_ones(text, message):
    with pytest.raises(UsageError) as caught:
        build(text)
    assert message in str(caught.value)
