"""Options that commands share, and what they mean before anything is read.

cyclopts flattens these dataclasses into the options of a command; their docstrings are the help.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from onebox.cli.usage import UsageError
from onebox.cli.where import Condition, parse_where
from onebox.config import parse_bytes
from onebox.errors import BadInput

OnMissing = Literal["refuse", "drop"]
Many = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]
Flag = Annotated[bool, Parameter(negative="", show_default=False)]


@Parameter(name="*", group="Data options")
@dataclass(frozen=True)
class Selection:
    """Which rows and columns of the data take part.

    Parameters
    ----------
    columns
        Only these columns: names with commas between them, or the option several times.
    drop
        All columns but these.
    where
        Only rows for which this holds, e.g. "delay > 15 and state in ('CA', 'NV')": comparisons,
        and, or, not, in (...), is null; dates like 2024-01-31; [a name] for columns with signs.
    """

    columns: Many = ()
    drop: Many = ()
    where: str | None = None

    def __post_init__(self) -> None:
        self.condition()

    def condition(self) -> Condition | None:
        """Take the filter apart."""
        return None if self.where is None else parse_where(self.where)


@Parameter(name="*", group="Run options")
@dataclass(frozen=True)
class Keeping:
    """What is kept for the next run.

    Parameters
    ----------
    cache
        A folder for summaries of what is read: a command that was killed goes on, and only new
        files, row groups and rows are read next time. It takes a tenth of the data at the most.
    verify
        How a file is known to be unchanged: by its size, times and footer, or by all its bytes.
    """

    cache: Path | None = None
    verify: Literal["times", "content"] = "times"


@Parameter(name="*", group="Run options")
@dataclass(frozen=True)
class Resources:
    """What the run may take; never what comes out.

    Parameters
    ----------
    memory
        What the whole process may take, e.g. 600MB. Default: three quarters of what is free.
    jobs
        Worker threads. Default: one a core.
    quiet
        Say nothing but results, warnings and errors.
    """

    memory: str | None = None
    jobs: int | None = None
    quiet: Flag = False

    def __post_init__(self) -> None:
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"--jobs {self.jobs} must be 1 or more.")
        _ = self.memory_bytes

    @property
    def memory_bytes(self) -> int | None:
        """The bound in bytes, if there is one."""
        if self.memory is None:
            return None
        try:
            return parse_bytes(self.memory, "--memory")
        except BadInput as error:
            raise UsageError(str(error)) from None
