"""``import onebox`` costs little, as it loads little."""

from __future__ import annotations

import subprocess
import sys

import pytest

import onebox as ob

HEAVY = ("numpy", "pyarrow", "sklearn", "scipy", "pandas", "rich", "joblib", "threadpoolctl")


def printed(script: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return ended.stdout.split()


def test_nothing_heavy_is_loaded():
    script = f"""
import sys
import onebox
print("loaded", *[name for name in {HEAVY} if name in sys.modules])
print(len([name for name in sys.modules if name.startswith("onebox")]))
"""
    assert printed(script) == ["loaded", "1"]


def test_settings_load_nothing_heavy_either():
    script = f"""
import sys
import onebox as ob
ob.config(memory="1GB")
with ob.config(n_jobs=1):
    ob.get_config()
print("loaded", *[name for name in {HEAVY} if name in sys.modules])
"""
    assert printed(script) == ["loaded"]


def test_datasets_and_scans_need_no_scikit_learn():
    script = """
import sys
import onebox as ob
from onebox.aggregates import Gram
ob.aggregate({"a": [1.0, 2.0]}, Gram())
print(*[name for name in ("sklearn", "matplotlib") if name in sys.modules])
"""
    assert printed(script) == []


@pytest.mark.parametrize("name", ob.__all__)
def test_every_public_name_is_there(name):
    assert getattr(ob, name) is not None
    assert name in dir(ob)


def test_names_are_functions_whatever_modules_were_imported_before():
    script = """
import onebox.config, onebox.dataset, onebox.describe, onebox.aggregates
import onebox as ob
from onebox import config, dataset, describe
print(callable(ob.config), callable(ob.dataset), callable(ob.describe), callable(dataset))
import onebox.dataset
print(callable(ob.dataset), ob.dataset is dataset)
"""
    assert printed(script) == ["True"] * 6


def test_packages_are_found_without_an_import_of_their_own():
    script = """
import onebox as ob
print(ob.linear_model.Ridge.__name__, ob.errors.BadInput.__name__, ob.cluster.KMeans.__name__)
"""
    assert printed(script) == ["Ridge", "BadInput", "KMeans"]


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'onebox' has no attribute 'nothing'"):
        ob.nothing  # noqa: B018
    with pytest.raises(ImportError):
        from onebox import nothing  # noqa: F401
