"""The text of a pipeline, as in ``"standard_scaler | ridge alpha=1"``, taken apart.

Steps are separated by ``|``; a step is a name and parameters, ``name=value``. A value is a number,
true, false, none, a bare word, or text in quotes (a quote inside is doubled). What the names stand
for is no matter of this file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from onebox.cli.usage import UsageError, at

Literal = bool | int | float | str | None

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_QUOTED = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"")
_BARE = re.compile(r"[^\s|='\"]+")
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WORD = re.compile(r"[^\W\d][\w.-]*")
_CONSTANTS: dict[str, Literal] = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class StepText:
    """One step as it was written.

    Attributes
    ----------
    name : str
    position : int
        Where the name stands in the text, from 0.
    parameters : dict of str to value
    positions : dict of str to int
        Where each parameter's name stands.
    """

    name: str
    position: int
    parameters: dict[str, Literal] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)


def parse_pipeline(text: str) -> list[StepText]:
    """Take the text of a pipeline apart.

    Raises
    ------
    UsageError
        Naming the character at which the text goes wrong.

    Examples
    --------
    >>> [(step.name, step.parameters) for step in parse_pipeline("pca | ridge alpha=1e-2")]
    [('pca', {}), ('ridge', {'alpha': 0.01})]
    """
    cursor = _Cursor(text)
    steps = [_step(cursor)]
    while cursor.skip("|"):
        steps.append(_step(cursor))
    return steps


def write_literal(value: Literal) -> str:
    """Write a value as `parse_pipeline` reads it.

    >>> write_literal("k-means||"), write_literal(None), write_literal("median")
    ("'k-means||'", 'none', 'median')
    """
    if not isinstance(value, str):
        return repr(value).lower()
    plain = _WORD.fullmatch(value) and value.lower() not in _CONSTANTS
    return value if plain else "'" + value.replace("'", "''") + "'"


class _Cursor:
    """A place in the text."""

    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0
        self._skip_space()

    @property
    def at_end(self) -> bool:
        return self.position == len(self.text)

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what fits here, and the space after it."""
        found = pattern.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
            self._skip_space()
        return found

    def skip(self, mark: str) -> bool:
        return self.match(re.compile(re.escape(mark))) is not None

    def fail(self, fact: str, position: int | None = None) -> UsageError:
        where = self.position if position is None else position
        return UsageError(at("The pipeline", where, fact))

    def found(self) -> str:
        return "the text ends here" if self.at_end else f"{self.text[self.position]!r} stands here"

    def _skip_space(self) -> None:
        space = _SPACE.match(self.text, self.position)
        assert space is not None
        self.position = space.end()


def _step(cursor: _Cursor) -> StepText:
    start = cursor.position
    name = cursor.match(_NAME)
    if name is None:
        raise cursor.fail(f"the name of an estimator is expected, and {cursor.found()}.")
    step = StepText(name[0], start)
    while not cursor.at_end and cursor.text[cursor.position] != "|":
        _parameter(cursor, step)
    return step


def _parameter(cursor: _Cursor, step: StepText) -> None:
    start = cursor.position
    name = cursor.match(_NAME)
    if name is None or not cursor.skip("="):
        raise cursor.fail(
            f"{step.name} is followed by parameters, name=value, or by '|' and the next step, and "
            f"{cursor.found()}."
        )
    if name[0] in step.parameters:
        raise cursor.fail(f"{step.name} is given {name[0]} twice.", start)
    step.parameters[name[0]] = _value(cursor, name[0])
    step.positions[name[0]] = start


def _value(cursor: _Cursor, name: str) -> Literal:
    start = cursor.position
    quoted = cursor.match(_QUOTED)
    if quoted is not None:
        return (
            quoted[1].replace("''", "'") if quoted[1] is not None else quoted[2].replace('""', '"')
        )
    bare = cursor.match(_BARE)
    if bare is None:
        raise cursor.fail(f"{name}= is followed by a value, and {cursor.found()}.")
    text = bare[0]
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _WORD.fullmatch(text):
        return text
    raise cursor.fail(
        f"{name}={text} is no number, word, true, false or none. Put text into quotes.", start
    )
