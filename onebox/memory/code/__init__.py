"""Keys of functions: of all the code of the user that they may run."""

from onebox.memory.code.key import CodeKey, Part, fingerprint

__all__ = ["CodeKey", "Part", "fingerprint"]
