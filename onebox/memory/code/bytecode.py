"""What code says when its source is not known: its bytecode, which holds for one minor Python."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from types import CodeType

from onebox.memory.code.reference import Reference, Syntax, distinct
from onebox.storage.hashing import hash_json

_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_FREE = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF"})
_GLOBAL_WRITES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})


def bytecode_syntax(code: CodeType) -> Syntax:
    """The key of a code object, and the names in it.

    Positions and the names of local variables are left out; a docstring is not.

    >>> before, after = (compile(f"lambda x: [{v} for {v} in x]", "", "eval") for v in "ab")
    >>> bytecode_syntax(before.co_consts[0]).key == bytecode_syntax(after.co_consts[0]).key
    True
    """
    form = ["bytecode", list(sys.version_info[:2]), _form(code)]
    return Syntax(hash_json(form), distinct(_references(code, code.co_freevars)), code.co_freevars)


def _form(code: CodeType) -> list[object]:
    n_parameters = code.co_argcount + code.co_kwonlyargcount
    n_parameters += bool(code.co_flags & 4) + bool(code.co_flags & 8)  # *args, **kwargs
    return [
        code.co_code.hex(),
        code.co_exceptiontable.hex(),
        [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags],
        list(code.co_varnames[:n_parameters]),
        [code.co_nlocals, len(code.co_cellvars), len(code.co_freevars)],
        list(code.co_names),
        [_constant(value) for value in code.co_consts],
    ]


def _constant(value: object) -> object:
    if isinstance(value, CodeType):
        return [value.co_name, _form(value)]
    if isinstance(value, tuple):
        return ["tuple", [_constant(item) for item in value]]
    if isinstance(value, frozenset):
        return ["frozenset", sorted(repr(_constant(item)) for item in value)]
    return [type(value).__name__, hex(value) if type(value) is int else ascii(value)]


def _references(code: CodeType, free: tuple[str, ...]) -> Iterator[Reference]:
    instructions = list(dis.get_instructions(code))
    line = code.co_firstlineno
    module = ""
    for number, instruction in enumerate(instructions):
        positions = instruction.positions
        line = (positions.lineno if positions else None) or line
        name, operation = str(instruction.argval), instruction.opname
        if operation in _GLOBALS:
            yield Reference("global", name, _path(instructions[number + 1 :]), line)
        elif operation in _FREE and name in free:
            yield Reference("free", name, _path(instructions[number + 1 :]), line)
        elif operation == "STORE_DEREF" and name in free:
            yield Reference("free", name, (), line, "write")
        elif operation in _GLOBAL_WRITES:
            yield Reference("global", name, (), line, "write")
        elif operation == "IMPORT_NAME":
            level, names = (each.argval for each in instructions[number - 2 : number])
            module = "." * level + name
            # What is taken from a module in a local variable cannot be seen here.
            yield Reference("import", module, (), line, "import" if names else "read")
        elif operation == "IMPORT_FROM":
            yield Reference("import", module, (name,), line, "import")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _references(constant, free)


def _path(following: list[dis.Instruction]) -> tuple[str, ...]:
    path = []
    for instruction in following:
        if instruction.opname not in _ATTRIBUTES:
            break
        path.append(str(instruction.argval))
    return tuple(path)
