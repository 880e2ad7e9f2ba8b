"""What a piece of code says and names, whether read from its source or from its bytecode."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Reference:
    """A name that a function uses and does not make itself, with the attributes taken from it.

    Parameters
    ----------
    kind
        ``"global"``; ``"free"`` (a variable of the function around it); or ``"import"``, a module that is
        imported inside the function.
    name
        The variable, or the module with its leading dots.
    path
        ``("sub", "clean")`` for ``helpers.sub.clean``.
    line
        Where in its file.
    use
        Whether it is read, written to, or only imported.
    """

    kind: Literal["global", "free", "import"]
    name: str
    path: tuple[str, ...]
    line: int
    use: Literal["read", "write", "import"] = "read"


@dataclass(frozen=True)
class Syntax:
    """A piece of code: a key of what it says, and what it names.

    Parameters
    ----------
    key
        32 hexadecimal digits.
    references
        What it names, in the order of the text.
    free
        Its free variables, in the order of the text.
    """

    key: str
    references: tuple[Reference, ...]
    free: tuple[str, ...] = ()


def distinct(references: Iterable[Reference]) -> tuple[Reference, ...]:
    """The first of those that differ in their line only."""
    first: dict[tuple[object, ...], Reference] = {}
    for found in references:
        first.setdefault((found.kind, found.name, found.path, found.use), found)
    return tuple(first.values())
