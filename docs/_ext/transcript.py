"""A directive that runs shell commands when the pages are built, and shows what they print.

So a transcript on a page is never out of date. Commands of one page share a folder of their own.
A command that ends with another exit code than ``:exit:`` says (0 without it) is a warning, and
fails a build that treats warnings as errors.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
folders: dict[str, tempfile.TemporaryDirectory[str]] = {}


class Transcript(SphinxDirective):
    """Commands start with ``$``; lines that do not go on with the command before them."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "exit": directives.nonnegative_int,
        "hidden": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """Run the commands, return the block to show."""
        shown = [self._run_one(command) for command in "\n".join(self.content)[2:].split("\n$ ")]
        if "hidden" in self.options:
            return []
        text = "\n\n".join(shown)
        block = nodes.literal_block(text, text, language="console", classes=["wrapped"])
        self.set_source_info(block)
        return [block]

    def _run_one(self, command: str) -> str:
        folder = folders.setdefault(self.env.docname, tempfile.TemporaryDirectory()).name
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env={**os.environ, "PATH": path, "COLUMNS": "96", "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != self.options.get("exit", 0):
            text = f"{command!r} ended with exit code {done.returncode}: {done.stdout}"
            logger.warning(text, location=self.get_location())
        return f"$ {command}\n{done.stdout.rstrip()}".rstrip()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("transcript", Transcript)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
