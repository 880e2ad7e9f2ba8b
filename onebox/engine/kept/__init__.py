"""Summaries kept from run to run: what has been read once is not read again.

A unit's summary is kept under a key of all that it was made of (`keys`, `unit_keys`), packed into bytes
that hold numbers and no code (`packing`), many together in one entry of a `Memory` (`shelf`, `units`).
What the first units have come to is kept beside them (`prefixes`). A file that has grown is known by
what it was before (`history`). What is too large to keep a unit is kept a file (`files`), and as one
state that a scan goes on from (`states`). `Keeper` is what a run asks, `KeptScan` what each of its
scans asks.
"""

from onebox.engine.kept.checkpoint import Checkpoint
from onebox.engine.kept.files import FoundFile
from onebox.engine.kept.keeper import Keeper, held_bytes
from onebox.engine.kept.keys import machine_key
from onebox.engine.kept.progress import Learned
from onebox.engine.kept.scan import KeptScan
from onebox.engine.kept.states import State
from onebox.engine.kept.units import Found

__all__ = [
    "Checkpoint",
    "Found",
    "FoundFile",
    "Keeper",
    "KeptScan",
    "Learned",
    "State",
    "held_bytes",
    "machine_key",
]
