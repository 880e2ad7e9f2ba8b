"""Scans in other processes and on other machines: what travels, who works there, who asks here."""

from onebox.engine.elsewhere.caller import Elsewhere
from onebox.engine.elsewhere.passing import Passing

__all__ = ["Elsewhere", "Passing"]
