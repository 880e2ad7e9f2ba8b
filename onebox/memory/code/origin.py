"""Whose a module is: the user's own, whose code is followed, or somebody's, who gives it versions.

The user's own are those that are neither of the standard library nor below ``site-packages`` or
``dist-packages``; so is what was installed in editable mode. onebox itself goes by its version.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
from functools import cache
from importlib import metadata
from pathlib import PurePath
from types import ModuleType
from typing import Literal, NamedTuple

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_LIBRARY = tuple(
    os.path.join(os.path.realpath(sysconfig.get_path(name)), "")
    for name in ("stdlib", "platstdlib")
)
_EXTENSIONS = tuple(importlib.machinery.EXTENSION_SUFFIXES)


class Origin(NamedTuple):
    """Whose a module is.

    ``user`` modules are followed; ``extension`` ones are the user's own but compiled; a ``package`` has a
    name and a version, the standard library among them; ``language`` is what needs no version.
    """

    kind: Literal["user", "extension", "package", "language"]
    name: str = ""
    version: str = ""


_PYTHON = Origin("package", "python", ".".join(map(str, sys.version_info[:2])))


def origin_of(module: str | None) -> Origin:
    """Whose a module is, by its name.

    Notes
    -----
    Cost: microseconds, but for the first time that a package is met: that reads the list of its files
    (1 ms), or of all installed beside it where it has another name than its module (tens of ms).

    Examples
    --------
    >>> origin_of("builtins").kind, origin_of("numpy.linalg").name, origin_of("__main__").kind
    ('language', 'numpy', 'user')
    """
    if module == "builtins" or (module or "").startswith("_cython_"):
        return Origin("language")
    # Workers have another __main__ than the functions that were sent to them.
    if not module or module in ("__main__", "__mp_main__"):
        return Origin("user")
    top = module.partition(".")[0]
    if top == "onebox":
        return _onebox()
    path = _path(module, top)
    if path is None:
        return Origin("user")
    return _of_path(path, top)


@cache
def _onebox() -> Origin:
    return Origin("package", "onebox", metadata.version("onebox"))


@cache
def _of_path(path: str, top: str) -> Origin:
    if path in ("built-in", "frozen"):
        return _PYTHON
    for folder in PurePath(path).parents:
        if folder.name in _INSTALLED:
            return _package(top, str(folder))
    if os.path.realpath(path).startswith(_LIBRARY):
        return _PYTHON
    return Origin("extension" if path.endswith(_EXTENSIONS) else "user")


def _path(module: str, top: str) -> str | None:
    """Where a module comes from, without importing it; None for one made by hand."""
    loaded = sys.modules.get(module) or sys.modules.get(top)
    if loaded is None:
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return None
    else:
        file = getattr(loaded, "__file__", None)
        if isinstance(file, str):
            return file
        spec = getattr(loaded, "__spec__", None)
    if spec is None:
        return "built-in" if top in sys.builtin_module_names else None
    places = list(spec.submodule_search_locations or ())
    return spec.origin or (places[0] if places else None)


@cache
def _package(top: str, folder: str) -> Origin:
    """The distributions that a top-level module was installed by; namespaces have several."""
    likely = metadata.distributions(name=top, path=[folder])
    # There are empty ones of a familiar name: the one called sklearn, for instance.
    owners = [each for each in likely if _holds(each, top)] or [
        each for each in metadata.distributions(path=[folder]) if _holds(each, top)
    ]
    if owners:
        versions = sorted((each.metadata["Name"], each.version) for each in owners)
        return Origin("package", *map("+".join, zip(*versions, strict=True)))
    return Origin("package", top, str(getattr(sys.modules.get(top), "__version__", "unknown")))


def _holds(distribution: metadata.Distribution, top: str) -> bool:
    """Whether a distribution installed that top-level module."""
    if top in (distribution.read_text("top_level.txt") or "").split():
        return True
    files = "\n" + (distribution.read_text("RECORD") or "")
    return f"\n{top}/" in files or f"\n{top}." in files


def import_of(name: str, module_globals: dict[str, object]) -> str:
    """The absolute name of a module that is imported inside a function."""
    if not name.startswith("."):
        return name
    package = module_globals.get("__package__") or ""
    if not package and "__path__" not in module_globals:
        package = str(module_globals.get("__name__", "")).rpartition(".")[0]
    return importlib.util.resolve_name(name, str(package))


def is_user_module(module: ModuleType) -> bool:
    """Whether names are looked up inside this module."""
    return origin_of(module.__name__).kind in ("user", "extension")
