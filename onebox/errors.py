"""Everything that onebox raises on purpose, in one tree.

OneboxError
├── BadInput (ValueError)          what was handed in cannot be used
│   ├── BadValue                   a NaN, an infinity or a null, at a named place
│   ├── MissingColumn (KeyError)   a column that is not there
│   ├── WrongType (TypeError)      a column or an object of a kind that does not fit
│   ├── SchemaMismatch             files, or fit and predict, that disagree on columns
│   ├── MismatchedRows             X, y and weights that do not belong together
│   ├── EmptyData                  no rows, or no columns
│   └── CorruptFile                a file that is damaged or torn
├── DataChanged                    a file that is no longer the one the dataset was opened on
├── SinglePass                     a second pass over data that can be read once
├── NotEnoughMemory (MemoryError)  a plan that cannot fit its budget; refused before reading
├── NotEnoughDisk (OSError)        no room to spill or to write
├── NotMergeable (TypeError)       summaries or models that cannot be merged
├── NotTrusted                     a file that would have to run foreign code to be loaded
├── WorkerDied                     a process that ended in the middle of a task
├── TaskTimeout (TimeoutError)     a task that was stopped, as its time was over
├── RemoteError                    what a task raised, where that itself cannot be passed on
└── MissingDependency (ImportError) an optional package that is not installed

A message states the fact, the numbers, the place and the remedy, in that order.
"""

from __future__ import annotations


class OneboxError(Exception):
    """Root of every error that onebox raises on purpose."""


class BadInput(OneboxError, ValueError):
    """What was handed in cannot be used."""


class BadValue(BadInput):
    """A NaN, an infinity or a null where numbers are needed."""


class MissingColumn(BadInput, KeyError):
    """A column that is not there."""

    def __str__(self) -> str:
        # KeyError would print the repr of the message.
        return str(self.args[0]) if self.args else ""


class WrongType(BadInput, TypeError):
    """A column or an object of a kind that does not fit."""


class SchemaMismatch(BadInput):
    """Files, or the data of fit and predict, that disagree on their columns."""


class MismatchedRows(BadInput):
    """X, y and weights that do not belong together."""


class EmptyData(BadInput):
    """No rows or no columns to learn from."""


class CorruptFile(BadInput):
    """A file that is damaged, truncated or not of the format its name says."""


class DataChanged(OneboxError):
    """A file that is no longer the one the dataset was opened on."""


class SinglePass(OneboxError):
    """A second pass was asked of data that can be read once."""


class NotEnoughMemory(OneboxError, MemoryError):
    """A plan that cannot fit its memory budget."""


class NotEnoughDisk(OneboxError, OSError):
    """No room to spill blocks or to write a file."""


class NotMergeable(OneboxError, TypeError):
    """Summaries or models that cannot be merged."""


class NotTrusted(OneboxError):
    """A file that would have to run foreign code to be loaded."""


class WorkerDied(OneboxError):
    """A process that ended in the middle of a task."""


class TaskTimeout(OneboxError, TimeoutError):
    """A task that was stopped, as its time was over."""


class RemoteError(OneboxError):
    """What a task raised, where that itself cannot be passed on."""


class MissingDependency(OneboxError, ImportError):
    """An optional package that is not installed."""
