"""The syntax tree of a function that is running, found by its code object.

A file may have been edited since it was imported. So the source is compiled again, and believed only
where that gives the very code that runs; where it does not, the caller falls back on the bytecode.
"""

from __future__ import annotations
import __future__

import ast
import linecache
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

from onebox.memory.code.scopes import Function, all_arguments

_NESTED = 0x10  # a flag of nested functions that shares its bit with a future import of old
_FUTURES = ~_NESTED & sum(
    {getattr(__future__, name).compiler_flag for name in __future__.all_feature_names}
)
_WARNINGS = threading.Lock()


@dataclass(frozen=True)
class Found:
    """A function's syntax tree, and the name of the class around it."""

    node: Function
    private: str | None


@dataclass(frozen=True)
class _File:
    """The functions of a file by their first line and name, and all code that it compiles to."""

    functions: dict[tuple[int, str], list[Found]]
    codes: frozenset[CodeType]


def find_source(code: CodeType, module_globals: dict[str, Any]) -> Found | None:
    """The syntax tree that a code object was made from, or None.

    Parameters
    ----------
    code
        Of a function or lambda; from a file, an archive, a notebook or anything else that `linecache`
        knows.
    module_globals
        The globals it runs in; they say how an archive is read.

    Notes
    -----
    Cost: the first function of a file pays for reading, parsing and compiling all of it. The trees of
    the last 16 files are kept.

    Exactness: None if the file has changed since, if a tool rewrote the code (as pytest does with
    asserts), or if lambdas on one line cannot be told apart.
    """
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename, module_globals))
    if not text:
        return None
    file = _parse(text, code.co_flags & _FUTURES)
    if file is None or code not in file.codes:
        return None
    found = file.functions.get((code.co_firstlineno, code.co_name), [])
    if code.co_name == "<lambda>" and len(found) > 1:
        return _at_position(found, code)
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=16)
def _parse(text: str, flags: int) -> _File | None:
    try:
        # What there is to warn of was said when the user's own code was compiled.
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
            compiled = compile(tree, "<source>", "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    functions: dict[tuple[int, str], list[Found]] = {}
    for found in _functions(tree):
        functions.setdefault(_first_line_and_name(found.node), []).append(found)
    return _File(functions, frozenset(_codes(compiled)))


def _functions(tree: ast.AST) -> Iterator[Found]:
    pending: list[tuple[ast.AST, str | None]] = [(tree, None)]
    while pending:
        node, private = pending.pop()
        if isinstance(node, Function):
            yield Found(node, private)
        if isinstance(node, ast.ClassDef):
            private = node.name
        pending.extend((child, private) for child in ast.iter_child_nodes(node))


def _first_line_and_name(node: Function) -> tuple[int, str]:
    if isinstance(node, ast.Lambda):
        return node.lineno, "<lambda>"
    return min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.name


def _codes(code: CodeType) -> Iterator[CodeType]:
    pending = [code]
    while pending:
        code = pending.pop()
        yield code
        pending.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))


def _at_position(lambdas: list[Found], code: CodeType) -> Found | None:
    """The lambda on a line whose body is where the instructions come from."""
    spots = [
        ((line, column), (end_line, end_column))
        for line, end_line, column, end_column in code.co_positions()
        if line and end_line and column is not None and end_column and column != end_column
    ]
    if not spots:
        return None
    start, end = min(start for start, _ in spots), max(end for _, end in spots)
    parameters = list(code.co_varnames[: code.co_argcount])
    fits = []
    for found in lambdas:
        body = found.node.body
        assert isinstance(body, ast.expr)
        body_start = (body.lineno, body.col_offset)
        body_end = (body.end_lineno or 0, body.end_col_offset or 0)
        names = [each.arg for each in all_arguments(found.node.args)][: len(parameters)]
        if body_start <= start and end <= body_end and names == parameters:
            fits.append((body_start, found))
    # The innermost starts last.
    return max(fits, key=lambda fit: fit[0])[1] if fits else None
