"""What is wrong with a command line itself, as distinct from the data it names: exit code 2."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from onebox.errors import BadInput


class UsageError(BadInput):
    """A command line that cannot be understood."""


def at(where: str, position: int, fact: str) -> str:
    """Write a message that points into a text: "--where, character 7: ..."."""
    return f"{where}, character {position + 1}: {fact}"


def near(name: str, known: Iterable[str]) -> str:
    """Ask "Did you mean 'x'?", after a space; or nothing, when nothing is near."""
    found = get_close_matches(name, list(known), n=2, cutoff=0.6)
    return f" Did you mean {' or '.join(map(repr, found))}?" if found else ""
