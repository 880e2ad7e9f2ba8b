"""What an audit of a cache folder finds."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Audit:
    """What `verify` has found.

    Attributes
    ----------
    results, bytes : int
        Results that are whole, and bytes that were read.
    damaged : list of str
        What does not match its checksum.
    stay : list of str
        What of it could not be deleted, and why.
    unsigned : list of str
        Results that would run code, and are not signed with the key of this user or this folder.
    orphans, stale : int
        Leftovers of dead processes, and rows of the index that were wrong.
    """

    results: int = 0
    bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    stay: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    orphans: int = 0
    stale: int = 0
