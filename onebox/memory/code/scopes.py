"""Which variable a name in a function means: Python's rules of scope, on the syntax tree alone.

The standard `symtable` knows them too, but on whole files, and says nothing of the node a scope
belongs to; since Python 3.12 its comprehensions differ between versions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
ScopeNode = Function | Comprehension | ast.ClassDef
Variable = Literal["parameter", "local", "class", "free", "global"]


@dataclass(eq=False)
class Scope:
    """The names that one function, comprehension or class body binds.

    Parameters
    ----------
    kind
        What makes the scope.
    parent
        The scope around it; None for the function that is asked about.
    private
        Name of the class around it, for names like ``__this``.
    free
        Names that come from the cells of the function that is asked about.
    """

    kind: Literal["function", "comprehension", "class"]
    parent: Scope | None
    private: str | None
    free: frozenset[str]
    parameters: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)
    imports: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    def variable(self, name: str) -> tuple[Variable, Scope]:
        """What a (mangled) name means here, and the scope that holds it."""
        if name in self.global_names:
            return "global", self
        if name in self.parameters:
            return "parameter", self
        if name in self.bound and name not in self.nonlocal_names:
            return ("class" if self.kind == "class" else "local"), self
        scope = self.parent
        while scope is not None:
            if scope.kind != "class" and name in scope.global_names:
                return "global", scope
            if scope.kind != "class" and name in scope.parameters | scope.bound:
                return scope.variable(name)
            scope = scope.parent
        return ("free" if name in self.free else "global"), self


def mangled(name: str, private: str | None) -> str:
    """The name that Python makes of ``__name`` in the body of a class.

    >>> mangled("__limit", "_Model"), mangled("__init__", "_Model")
    ('_Model__limit', '__init__')
    """
    stripped = (private or "").lstrip("_")
    if not stripped or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    return f"_{stripped}{name}"


def outside(node: ScopeNode) -> Iterator[ast.AST]:
    """The parts of a node that are evaluated in the scope around it; annotations are left out."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            if not isinstance(node, ast.Lambda):
                yield from node.decorator_list
            yield from node.args.defaults
            yield from (default for default in node.args.kw_defaults if default is not None)
        case ast.ClassDef():
            yield from [*node.decorator_list, *node.bases, *node.keywords]
        case _:
            yield node.generators[0].iter


def inside(node: ScopeNode) -> Iterator[ast.AST]:
    """The parts of a node that are evaluated in its own scope."""
    match node:
        case ast.Lambda():
            yield node.body
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield from node.body
        case _:
            for number, loop in enumerate(node.generators):
                yield loop.target
                yield from loop.ifs
                if number:
                    yield loop.iter
            yield from [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]


def all_arguments(node: ast.arguments) -> list[ast.arg]:
    """Every parameter, in the order of the signature."""
    several = [node.vararg] if node.vararg else []
    keywords = [node.kwarg] if node.kwarg else []
    return [*node.posonlyargs, *node.args, *several, *node.kwonlyargs, *keywords]


def scopes_of(root: Function, private: str | None, free: frozenset[str]) -> dict[ast.AST, Scope]:
    """The scope of each node below a function that makes one, itself included."""
    binder = _Binder(Scope("function", None, private, free))
    binder.enter(root, binder.scope)
    return binder.scopes


class _Binder(ast.NodeVisitor):
    """Goes through a tree once and notes what each scope binds."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.scopes: dict[ast.AST, Scope] = {}

    def enter(self, node: ScopeNode, scope: Scope) -> None:
        before, self.scope = self.scope, scope
        self.scopes[node] = scope
        if isinstance(node, Function):
            names = (argument.arg for argument in all_arguments(node.args))
            scope.parameters.update(mangled(name, scope.private) for name in names)
        scope.bound.update(variable.name for variable in getattr(node, "type_params", ()))
        for part in inside(node):
            self.visit(part)
        self.scope = before

    def nested(self, node: ScopeNode) -> None:
        for part in outside(node):
            self.visit(part)
        private = self.scope.private
        if isinstance(node, Function):
            scope = Scope("function", self.scope, private, self.scope.free)
        elif isinstance(node, ast.ClassDef):
            scope = Scope("class", self.scope, node.name, self.scope.free)
        else:
            scope = Scope("comprehension", self.scope, private, self.scope.free)
        self.enter(node, scope)

    def bind(self, name: str | None) -> None:
        if name is not None:
            self.scope.bound.add(mangled(name, self.scope.private))

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, ScopeNode):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.bind(node.name)
            self.nested(node)
            return
        super().generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.bind(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        # (x := ...) in a comprehension binds in the function around it.
        self.visit(node.value)
        scope = self.scope
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        scope.bound.add(mangled(node.target.id, scope.private))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if self.scope.kind == "class":
            self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)

    def visit_Global(self, node: ast.Global) -> None:
        self.scope.global_names.update(mangled(name, self.scope.private) for name in node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.scope.nonlocal_names.update(mangled(name, self.scope.private) for name in node.names)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.bind(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.bind(node.name)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self.bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.bind(node.rest)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            self.bind(bound)
            self.scope.imports[bound] = (alias.name if alias.asname else bound, ())

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            bound = alias.asname or alias.name
            self.bind(bound)
            self.scope.imports[bound] = (module, (alias.name,))
