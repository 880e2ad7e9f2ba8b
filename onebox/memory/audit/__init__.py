"""A cache folder looked at from outside: for ``onebox cache``."""

from onebox.memory.audit.checks import verify
from onebox.memory.audit.contents import (
    Gone,
    Kept,
    Use,
    clear,
    compare,
    latest,
    listing,
    prune,
    recipe,
)
from onebox.memory.audit.folder import UNKNOWN
from onebox.memory.audit.found import Audit

__all__ = [
    "UNKNOWN",
    "Audit",
    "Gone",
    "Kept",
    "Use",
    "clear",
    "compare",
    "latest",
    "listing",
    "prune",
    "recipe",
    "verify",
]
