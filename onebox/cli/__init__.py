"""The command line: one file a command, with the grammars of pipelines and filters beside them.

``main`` is the program. It gives every outcome its exit code: 0 done, 1 something is wrong with the
data or the plan, 2 with the command itself, 130 interrupted by Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from onebox.cli.interrupt import CtrlC

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave the process.

    Parameters
    ----------
    arguments : sequence of str, optional
        Instead of those of the process.
    """
    ctrl_c = CtrlC()
    ctrl_c.install()
    try:
        # Loaded here and not above, so that Ctrl-C is answered from the first moment on.
        program = import_module("onebox.cli.program")
        code = program.outcome(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:
        ctrl_c.settle()
        print("onebox: interrupted", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)
