"""Where results go: files that cannot be written are refused before a row is read, not after."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from onebox.errors import BadInput


def say(text: str) -> None:
    """Print what is no result: standard output holds results only."""
    print(text, file=sys.stderr)


def checked_file(path: Path, inputs: Sequence[str]) -> None:
    """Refuse a file that cannot be written, or that is one of those to be read.

    Raises
    ------
    BadInput
    """
    if path.is_dir():
        raise BadInput(f"-o {path} is a folder, and a file is to be written. Name a file.")
    if not path.resolve().parent.is_dir():
        raise BadInput(f"-o {path} cannot be written: there is no folder {path.parent}. Make it.")
    for given in inputs:
        if path.exists() and os.path.exists(given) and path.samefile(given):
            raise BadInput(f"-o {path} is one of the files to be read. Name another.")


def checked_table(path: Path, inputs: Sequence[str]) -> None:
    """Refuse a table that cannot be written: a ``.parquet`` file, or a folder of them.

    Raises
    ------
    BadInput
    """
    if path.suffix == ".parquet" and not path.is_dir():
        checked_file(path, inputs)
        return
    if path.exists() and not path.is_dir():
        raise BadInput(
            f"-o {path} is a file, and a folder is to be written. Name a folder, or a file that "
            "ends in .parquet."
        )
    if path.is_dir() and any(path.iterdir()):
        raise BadInput(f"-o {path} is a folder with something in it. Remove it, or name another.")
    if not path.resolve().parent.is_dir():
        raise BadInput(f"-o {path} cannot be written: there is no folder {path.parent}. Make it.")
