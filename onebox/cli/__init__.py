"""The command line: one file a command, with the grammars of pipelines and filters beside them.

``main`` is the program. It gives every outcome its exit code (0 done, 1 something is wrong with the
data or the plan, 2 with the command itself, 130 interrupted) and every error one line on stderr.
``ONEBOX_DEBUG=1`` shows the traceback instead.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType

from cyclopts import CycloptsError

from onebox.cli.process import keep_small
from onebox.cli.program import app
from onebox.cli.usage import UsageError
from onebox.errors import OneboxError

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave the process.

    Parameters
    ----------
    arguments : sequence of str, optional
        Instead of those of the process.
    """
    signal.signal(signal.SIGINT, _interrupt)
    keep_small()
    warnings.showwarning = _warn
    sys.exit(_outcome(sys.argv[1:] if arguments is None else list(arguments)))


def _outcome(arguments: list[str]) -> int:
    try:
        command, bound, _ = app.parse_args(arguments, print_error=False, exit_on_error=False)
        command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
        return DONE
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # "onebox describe ... | head": whoever was listening has heard enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get("ONEBOX_DEBUG", "0") not in ("", "0"):
            raise
        _complain(f"error: {_one_line(error)}")
        return MISUSED if isinstance(error, UsageError | CycloptsError) else FAILED


def _one_line(error: Exception) -> str:
    """Say on one line what an exception says and was told on its way."""
    text = str(error)
    if not isinstance(error, OneboxError | CycloptsError | ValueError | OSError):
        text = f"{type(error).__name__}: {text}"
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return " ".join(f"{text}{notes}".split())


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Stop at the first Ctrl-C, and let no second one disturb the cleaning up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


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
