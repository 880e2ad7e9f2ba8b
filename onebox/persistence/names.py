"""Names of classes and functions, and the one way from a name to what it names.

A saved object lists every name that it needs in one table. `resolve` is the only code that turns
such a name into an object: for the check at saving, for the audit and for loading. What a name says
is what is found: an alias, a re-export or a walk through another module does not resolve.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from enum import Enum
from typing import Any

OWN = "onebox"
DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
NAME = re.compile(f"{DOTTED}:{DOTTED}", re.ASCII)


def own_version() -> str:
    """Version of onebox, looked up in the package itself, which stands above this layer."""
    return str(importlib.import_module(OWN).__version__)


def name_of(value: Any) -> str:
    """Say ``module:qualname`` as a class or a function itself does."""
    return f"{getattr(value, '__module__', None)}:{getattr(value, '__qualname__', None)}"


def is_own(module: object) -> bool:
    """Whether a module is onebox's."""
    return isinstance(module, str) and (module == OWN or module.startswith(f"{OWN}."))


def resolve(name: str) -> Any:
    """Import a module and return the class or function that is defined in it under that name.

    Parameters
    ----------
    name : str
        As `name_of` gives it.

    Raises
    ------
    LookupError
        There is no such thing, or it is defined elsewhere.
    """
    module, _, path = name.partition(":")
    if is_own(module) and ".__" in module:
        raise LookupError(f"{module} is a program, not a library")
    try:
        found: Any = importlib.import_module(module)
    except (ImportError, ValueError) as error:
        raise LookupError(f"{module} cannot be imported ({error})") from error
    *outer, last = path.split(".")
    for part in outer:
        found = vars(found).get(part)
        if not isinstance(found, type):
            raise LookupError(f"{part} is no class in {name}")
    # vars, not getattr: no module's __getattr__, no descriptor, nothing inherited
    found = vars(found).get(last)
    if name_of(found) != name:
        raise LookupError(f"{module} does not define {path}")
    return found


def is_storable(kind: object) -> bool:
    """Whether objects of a class are stored by their attributes.

    Those of enumerations, of dataclasses and of what has scikit-learn's ``get_params``. Not with
    ``__del__``: what a file says must not decide what a destructor does.
    """
    return (
        isinstance(kind, type)
        and not hasattr(kind, "__del__")
        and (
            issubclass(kind, Enum)
            or dataclasses.is_dataclass(kind)
            or callable(getattr(kind, "get_params", None))
        )
    )


def needs_trust(name: str) -> bool:
    """Whether loading a name may run code that is not onebox's.

    Only storable classes of onebox do without. Its functions need trust too: as an attribute of a
    model, any of them could be made to run on data.

    Raises
    ------
    LookupError
        The name is one of onebox, and there is no such thing.
    """
    return not (is_own(name.partition(":")[0]) and is_storable(resolve(name)))
