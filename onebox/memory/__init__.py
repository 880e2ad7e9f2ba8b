"""Results kept on disk, found again as long as nothing that made them changed."""

from onebox.memory.cached import Cached, Ref
from onebox.memory.memory import Memory

__all__ = ["Cached", "Memory", "Ref"]
