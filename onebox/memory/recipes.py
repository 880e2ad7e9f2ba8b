"""What a kept result was made of, as it is written beside the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from onebox.errors import CorruptFile
from onebox.memory import kinds, streams
from onebox.memory.index import FORMATS
from onebox.storage import container
from onebox.storage.hashing import hash_json

Recipe = dict[str, Any]


def code_key(function: str, parts: list[Any]) -> bytes:
    """Key of a function's name and the parts of its code: 16 bytes."""
    return bytes.fromhex(hash_json([function, parts]))


def recipe_of(path: Path) -> tuple[Recipe, float]:
    """What the result in a file was made of, and the seconds that it took.

    Raises
    ------
    CorruptFile
        The file is damaged, or no cached result.
    """
    if path.suffix == FORMATS[streams.KIND]:
        return streams.last(path)
    keeper = kinds.of_suffix(path.suffix)
    document = container.read_document(path) if keeper is None else keeper.note(path)
    try:
        return dict(document["recipe"]), float(document["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFile(f"{path} is no cached result: {error!r}.") from error


def describe_file(path: Path) -> tuple[bytes, list[Any], float]:
    """The key and the parts of the code that made the result in a file, and the seconds it took."""
    recipe, seconds = recipe_of(path)
    return code_key(path.parent.name, recipe["code"]), recipe["code"], seconds
