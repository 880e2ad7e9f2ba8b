"""Keys of values: equal for equal values, in any process and on any machine."""

from onebox.memory.keys.walk import key_of

__all__ = ["key_of"]
