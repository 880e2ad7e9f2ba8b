"""The text of a row filter, as in ``--where "delay > 15 and state in ('CA', 'NV')"``, taken apart.

::

    condition = all {"or" all}
    all       = one {"and" one}
    one       = "not" one | "(" condition ")" | operand [test]
    test      = ("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") operand
              | ["not"] "in" "(" literal {"," literal} ")"
              | "is" ["not"] "null"
    operand   = column | literal
    literal   = number | date | text in quotes | "true" | "false"

A column is a name or, with spaces and signs in it, ``[Cost: Total $]``: brackets, not backquotes,
because a shell runs what stands between backquotes. A quote inside quotes is doubled. Nothing is
evaluated: what comes out is a tree, which ``onebox.cli.filters`` turns into an Arrow expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from onebox.cli.usage import UsageError, at

WHERE = "--where"
MAX_DEPTH = 100
_TOKENS = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<date>\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?(?![\w.]))
  | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
  | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
  | \[(?P<column>[^\]]+)\]
  | (?P<name>[^\W\d]\w*)
  | (?P<sign><=|>=|<>|!=|==|[=<>(),])
    """,
    re.VERBOSE,
)
_COMPARISONS = {
    "=": "==",
    "==": "==",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_KEYWORDS = ("and", "or", "not", "in", "is", "null", "true", "false")


@dataclass(frozen=True)
class Column:
    """A column by its name."""

    name: str
    position: int


@dataclass(frozen=True)
class Value:
    """A literal; numbers keep every digit that was written."""

    value: Decimal | str | bool | date
    position: int


@dataclass(frozen=True)
class Compare:
    """Two operands and one of ``== != < <= > >=``."""

    sign: str
    left: Column | Value
    right: Column | Value
    position: int


@dataclass(frozen=True)
class In:
    """A column that equals one of several values."""

    column: Column
    values: tuple[Value, ...]


@dataclass(frozen=True)
class IsNull:
    """A column without a value."""

    column: Column


@dataclass(frozen=True)
class Not:
    """What is not so."""

    condition: Condition


@dataclass(frozen=True)
class Both:
    """``and``, ``or``."""

    word: str
    left: Condition
    right: Condition


Condition = Compare | In | IsNull | Not | Both | Column | Value


def parse_where(text: str) -> Condition:
    """Take a filter apart.

    Raises
    ------
    UsageError
        Naming the character at which the text goes wrong.

    Examples
    --------
    >>> parse_where("[air time] is null")
    IsNull(column=Column(name='air time', position=0))
    """
    parser = _Parser(_tokens(text), len(text))
    made = parser.condition()
    if parser.kind != "end":
        raise parser.fail("'and', 'or' or the end is expected")
    return made


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    while position < len(text):
        found = _TOKENS.match(text, position)
        if found is None:
            raise UsageError(at(WHERE, position, _unreadable(text[position])))
        kind = str(found.lastgroup)
        if kind == "name" and found[0].lower() in _KEYWORDS:
            tokens.append(_Token(found[0].lower(), found[0], position))
        elif kind != "space":
            tokens.append(_Token("name" if kind == "column" else kind, found[kind], position))
        position = found.end()
    return tokens


def _unreadable(mark: str) -> str:
    if mark in "'\"[":
        return f"{mark} is never closed."
    if mark.isdigit() or mark in "+-.":
        return "no number, and no date like 2024-01-31 or 2024-01-31T12:30."
    return (
        f"{mark!r} has no meaning here. Columns with signs in their names go into brackets: [a b]."
    )


class _Parser:
    """Recursive descent over the tokens; one method a rule of the grammar."""

    def __init__(self, tokens: list[_Token], length: int) -> None:
        self._tokens = [*tokens, _Token("end", "", length)]
        self._at = 0
        self._depth = 0

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    @property
    def kind(self) -> str:
        return self._token.kind

    def fail(self, expected: str) -> UsageError:
        found = f"{self._token.text!r} stands here" if self.kind != "end" else "the text ends here"
        return UsageError(at(WHERE, self._token.position, f"{expected}, and {found}."))

    def _take(self) -> _Token:
        token = self._token
        self._at += 1
        return token

    def _skip(self, kind: str, text: str | None = None) -> bool:
        if self.kind != kind or (text is not None and self._token.text != text):
            return False
        self._at += 1
        return True

    def condition(self) -> Condition:
        return self._joined("or", lambda: self._joined("and", self._one))

    def _joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        made = part()
        while self._skip(word):
            made = Both(word, made, part())
        return made

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UsageError(
                at(WHERE, self._token.position, f"nested deeper than {MAX_DEPTH} levels.")
            )
        try:
            if self._skip("not"):
                return Not(self._one())
            if self._skip("sign", "("):
                made = self.condition()
                self._close()
                return made
            return self._test(self._operand())
        finally:
            self._depth -= 1

    def _test(self, left: Column | Value) -> Condition:
        token = self._token
        if token.kind == "sign" and token.text in _COMPARISONS:
            self._take()
            return Compare(_COMPARISONS[token.text], left, self._operand(), token.position)
        if token.kind not in ("is", "not", "in"):
            return left
        if isinstance(left, Value):
            raise self.fail("a column is expected before 'in' and 'is'")
        if self._skip("is"):
            negated = self._skip("not")
            if not self._skip("null"):
                raise self.fail("'null' is expected after 'is'")
            return Not(IsNull(left)) if negated else IsNull(left)
        negated = self._skip("not")
        if not self._skip("in"):
            raise self.fail("'in' is expected after 'not'")
        made = In(left, self._values())
        return Not(made) if negated else made

    def _values(self) -> tuple[Value, ...]:
        if not self._skip("sign", "("):
            raise self.fail("'(' is expected after 'in'")
        values = [self._literal()]
        while self._skip("sign", ","):
            values.append(self._literal())
        self._close()
        return tuple(values)

    def _close(self) -> None:
        if not self._skip("sign", ")"):
            raise self.fail("')' is expected")

    def _operand(self) -> Column | Value:
        if self.kind == "name":
            token = self._take()
            return Column(token.text, token.position)
        return self._literal("a column or a value is expected")

    def _literal(self, expected: str = "a number, a date or text in quotes is expected") -> Value:
        kind = self.kind
        if kind not in ("number", "date", "text", "true", "false"):
            raise self.fail(expected)
        token = self._take()
        return Value(_literal(kind, token), token.position)


def _literal(kind: str, token: _Token) -> Decimal | str | bool | date:
    if kind == "number":
        return Decimal(token.text)
    if kind == "text":
        quote = token.text[0]
        return token.text[1:-1].replace(2 * quote, quote)
    if kind == "date":
        try:
            return (
                datetime.fromisoformat(token.text)
                if "T" in token.text
                else date.fromisoformat(token.text)
            )
        except ValueError as error:
            raise UsageError(
                at(WHERE, token.position, f"{token.text} is no date: {error}.")
            ) from None
    return kind == "true"
