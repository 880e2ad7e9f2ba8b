"""What a function says: its syntax tree as a key that only a change of meaning changes.

Left out are positions, comments, docstrings, annotations of functions and variables, and statements
that do nothing. Local variables are numbered in the order in which they appear; names that others can
see stay: parameters, keywords, attributes, globals, nested functions and classes. Where code looks at
its own variables (``locals``, ``vars()``, ``eval``, ``exec``) their names stay too.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from onebox.memory.code.reference import Syntax, distinct
from onebox.memory.code.scopes import Function, all_arguments, scopes_of
from onebox.memory.code.writer import Writer
from onebox.storage.hashing import hash_bytes


def function_syntax(node: Function, private: str | None, free: Sequence[str]) -> Syntax:
    r"""What a function or lambda says, apart from its name, defaults and decorators.

    Parameters
    ----------
    node
        Its syntax tree.
    private
        Name of the class around it.
    free
        The names that it takes from the functions around it.

    Notes
    -----
    Cost: two walks of the tree. The text is the same on every Python that parses the source.

    Examples
    --------
    >>> def key(source):
    ...     return function_syntax(ast.parse(source).body[0], None, ()).key
    >>> key("def f(x):\n  y = x+1  # why\n  return y") == key("def f(x): z = x + 1; return z")
    True
    >>> key("def f(x): return x + 1") == key("def f(x): return x - 1")
    False
    """
    writer = Writer(scopes_of(node, private, frozenset(free)), node)
    writer.function(node)
    seen = [name for (scope, name) in writer.numbers if scope is None]
    unseen = sorted(set(free).difference(seen))
    return Syntax(
        hash_bytes("".join(writer.out).encode()),
        distinct(writer.references),
        tuple(seen + unseen),
    )


def surroundings(node: Function) -> Syntax | None:
    """Decorators and annotations of a function, as a piece of code of their own."""
    if isinstance(node, ast.Lambda):
        return None
    notes = [argument.annotation for argument in all_arguments(node.args)] + [node.returns]
    parts = [*node.decorator_list, *(note for note in notes if note is not None)]
    arguments = ast.arguments([], [], None, [], [], None, [])
    return function_syntax(ast.Lambda(arguments, ast.Tuple(parts, ast.Load())), None, ())
