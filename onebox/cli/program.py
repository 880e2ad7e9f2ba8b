"""The commands as one program, and what becomes of their errors: a line on stderr, an exit code.

Nothing heavy is imported here, or ``--help`` would have to wait. ``ONEBOX_DEBUG=1`` shows
tracebacks instead of the one line.
"""

from __future__ import annotations

import os
import sys
import warnings

from cyclopts import App, CycloptsError

import onebox as ob
from onebox.cli.cache import cache
from onebox.cli.demo import demo
from onebox.cli.describe import describe
from onebox.cli.fit import fit
from onebox.cli.predict import predict
from onebox.cli.process import keep_small
from onebox.cli.score import score
from onebox.cli.transform import transform
from onebox.cli.usage import UsageError
from onebox.cli.verify import verify
from onebox.errors import OneboxError

DONE, FAILED, MISUSED = 0, 1, 2

app = App(
    name="onebox",
    help="Statistical learning for data larger than memory, on one machine.",
    version=ob.__version__,
    help_format="markdown",
)
for command in (describe, fit, predict, transform, score, verify, cache, demo):
    app.command(command)


def outcome(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code."""
    keep_small()
    warnings.showwarning = _warn
    try:
        command, bound, _ = app.parse_args(arguments, print_error=False, exit_on_error=False)
        command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
        return DONE
    except BrokenPipeError:  # "onebox describe ... | head": whoever was listening has heard enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get("ONEBOX_DEBUG", "0") not in ("", "0"):
            raise
        _complain(f"error: {_one_line(error)}")
        return MISUSED if isinstance(error, UsageError | CycloptsError) else FAILED


def _one_line(error: Exception) -> str:
    """What an exception says and was told on its way, on one line."""
    text = str(error)
    if not isinstance(error, OneboxError | CycloptsError | ValueError | OSError):
        text = f"{type(error).__name__}: {text}"
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return " ".join(f"{text}{notes}".split())


def _complain(text: str) -> None:
    print(f"onebox: {text}", file=sys.stderr)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    _complain(f"warning: {' '.join(str(message).split())}")
