"""Where tasks run: in the caller, on threads, in an executor of the user's, in processes of our own."""

from onebox.parallel.backends.backend import Backend, Ending

__all__ = ["Backend", "Ending"]
