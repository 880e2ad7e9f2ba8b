"""Results kept on disk, found again as long as nothing that made them changed."""

from onebox.memory.memory import Cached, Memory, Ref

__all__ = ["Cached", "Memory", "Ref"]
