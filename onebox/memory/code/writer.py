"""Writes a syntax tree as text: the same on every Python, whatever the layout and the local names."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, Literal

from onebox.memory.code.reference import Reference
from onebox.memory.code.scopes import (
    Comprehension,
    Function,
    Scope,
    ScopeNode,
    mangled,
    outside,
)

_UNWRITTEN = frozenset({"ctx", "type_comment", "kind", "type_params"})
_SEE_VARIABLES = frozenset({"locals", "eval", "exec"})


def _does_nothing(node: ast.stmt, in_class: bool) -> bool:
    match node:
        case ast.Pass() | ast.Global() | ast.Nonlocal() | ast.Expr(value=ast.Constant()):
            return True
        case ast.AnnAssign(value=None, target=ast.Name()):
            return not in_class
    return False


def _keeps_names(root: ast.AST) -> bool:
    for node in ast.walk(root):
        if isinstance(node, ast.Name) and node.id in _SEE_VARIABLES:
            return True
        match node:
            case ast.Call(func=ast.Name(id="vars" | "dir"), args=[]):
                return True
    return False


class Writer:
    """Writes a tree as text, with a method for each node that needs more than its fields."""

    def __init__(self, scopes: dict[ast.AST, Scope], root: Function) -> None:
        self.scopes = scopes
        self.scope = scopes[root]
        self.keeps_names = _keeps_names(root)
        self.numbers: dict[tuple[Scope | None, str], int] = {}
        self.out: list[str] = []
        self.references: list[Reference] = []

    # Text

    def write(self, value: object) -> None:
        match value:
            case ast.AST():
                _WRITERS.get(type(value), Writer.fields)(self, value)
            case list():
                in_class = self.scope.kind == "class"
                self.out.append("[")
                for item in value:
                    if not (isinstance(item, ast.stmt) and _does_nothing(item, in_class)):
                        self.write(item)
                self.out.append("]")
            case _:
                self.out.append(f" {value!a}")

    def fields(self, node: ast.AST) -> None:
        self.out.append(f"({type(node).__name__}")
        for name in node._fields:
            value = getattr(node, name, None)
            # What is empty is not written, so that a field that a later Python adds changes nothing.
            if name not in _UNWRITTEN and value is not None and value != []:
                self.out.append(f" {name}=")
                self.write(value)
        self.out.append(")")

    def tagged(self, tag: str, *values: object) -> None:
        self.out.append(f"({tag}")
        for value in values:
            self.write(value)
        self.out.append(")")

    # Names

    def variable(self, written: str | None) -> str:
        """What stands for a variable: its name where others see it, else a number."""
        name = mangled(written or "", self.scope.private)
        kind, scope = self.scope.variable(name)
        if kind in ("local", "free") and not self.keeps_names:
            key = (scope if kind == "local" else None, name)
            return f"{kind} {self.numbers.setdefault(key, len(self.numbers))}"
        if kind == "free":
            self.numbers.setdefault((None, name), len(self.numbers))
        return f"{kind} {name}"

    def refer(self, written: str, path: Sequence[str], node: ast.expr, wrote: bool) -> None:
        name = mangled(written, self.scope.private)
        kind, scope = self.scope.variable(name)
        use: Literal["read", "write"] = "write" if wrote else "read"
        if kind == "local" and name in scope.imports:
            if wrote and not path:
                return
            module, start = scope.imports[name]
            found = Reference("import", module, (*start, *path), node.lineno, use)
        elif kind == "free":
            found = Reference("free", name, tuple(path), node.lineno, use)
        elif kind in ("global", "class"):
            # A class body that reads a name before it binds it reads the global.
            found = Reference("global", name, tuple(path), node.lineno, use)
        else:
            return
        if kind != "class" or not wrote:
            self.references.append(found)

    def dotted(self, node: ast.expr) -> tuple[ast.Name, list[str]] | None:
        """The name and the attributes of ``a.b.c``."""
        path: list[str] = []
        while isinstance(node, ast.Attribute):
            path.insert(0, mangled(node.attr, self.scope.private))
            node = node.value
        return (node, path) if isinstance(node, ast.Name) else None

    def name(self, node: ast.Name) -> None:
        self.refer(node.id, (), node, not isinstance(node.ctx, ast.Load))
        self.out.append(f"<{self.variable(node.id)}>")

    def attribute(self, node: ast.Attribute) -> None:
        found = self.dotted(node)
        if found is None:
            self.tagged("Attribute", node.value, mangled(node.attr, self.scope.private))
            return
        base, path = found
        self.refer(base.id, path, node, not isinstance(node.ctx, ast.Load))
        self.out.append(f"<{self.variable(base.id)}.{'.'.join(path)}>")

    def subscript(self, node: ast.Subscript) -> None:
        found = self.dotted(node.value)
        if found is not None and not isinstance(node.ctx, ast.Load):
            self.refer(found[0].id, found[1], node, True)
        self.fields(node)

    # Scopes

    def within(self, node: ScopeNode, *values: object) -> None:
        before, self.scope = self.scope, self.scopes[node]
        for value in values:
            self.write(value)
        self.scope = before

    def function(self, node: Function) -> None:
        """Parameters and body; what is outside is written by the caller, or not at all."""
        names = node.args
        self.out.append(f"({type(node).__name__}")
        for tag in ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"):
            given = getattr(names, tag)
            several = given if isinstance(given, list) else [given] if given else []
            self.out.append(f" {tag}={[argument.arg for argument in several]}")
        self.within(node, node.body)
        self.out.append(")")

    def definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        required = [default is None for default in node.args.kw_defaults]
        # Its name can be read from it: pandas makes it the title of a column.
        self.tagged("def", node.name, self.variable(node.name), required, list(outside(node)))
        self.function(node)

    def lambda_(self, node: ast.Lambda) -> None:
        required = [default is None for default in node.args.kw_defaults]
        self.tagged("lambda", required, list(outside(node)))
        self.function(node)

    def class_(self, node: ast.ClassDef) -> None:
        self.tagged(
            "class",
            node.name,
            self.variable(node.name),
            *[node.decorator_list, node.bases, node.keywords],
        )
        self.within(node, node.body)

    def comprehension(self, node: Comprehension) -> None:
        self.out.append(f"({type(node).__name__}")
        self.write(node.generators[0].iter)
        for number, loop in enumerate(node.generators):
            self.within(node, loop.target, [loop.iter] if number else [], loop.ifs, loop.is_async)
        items = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self.within(node, items)
        self.out.append(")")

    # Leaves and statements

    def constant(self, node: ast.Constant) -> None:
        value = node.value
        text = hex(value) if type(value) is int else ascii(value)
        self.out.append(f"<{type(value).__name__} {text}>")

    def text(self, node: ast.JoinedStr) -> None:
        # Python 3.12 and later cut the text between the braces in other places.
        self.out.append("(JoinedStr")
        text = ""
        for value in node.values:
            if isinstance(value, ast.Constant):
                text += str(value.value)
                continue
            self.out.append(f" {text!a}")
            text = ""
            self.write(value)
        self.out.append(f" {text!a})")

    def annotated(self, node: ast.AnnAssign) -> None:
        if self.scope.kind == "class":
            self.fields(node)
        elif node.value is not None:
            self.write(ast.Assign([node.target], node.value))
        else:
            self.tagged("evaluated", node.target)

    def import_(self, node: ast.Import) -> None:
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            self.tagged("Import", alias.name, alias.asname is None, self.variable(bound))
            self.references.append(Reference("import", alias.name, (), node.lineno, "import"))

    def import_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            bound = self.variable(alias.asname or alias.name)
            self.tagged("ImportFrom", module, alias.name, bound)
            found = Reference("import", module, (alias.name,), node.lineno, "import")
            self.references.append(found)

    def handler(self, node: ast.ExceptHandler) -> None:
        bound = self.variable(node.name) if node.name else None
        self.tagged("ExceptHandler", node.type, bound, node.body)

    def capture(self, node: ast.MatchAs) -> None:
        bound = self.variable(node.name) if node.name else None
        self.tagged("MatchAs", node.pattern, bound)

    def rest(self, node: ast.MatchStar) -> None:
        self.tagged("MatchStar", self.variable(node.name) if node.name else None)

    def mapping(self, node: ast.MatchMapping) -> None:
        bound = self.variable(node.rest) if node.rest else None
        self.tagged("MatchMapping", node.keys, node.patterns, bound)


_WRITERS: dict[type, Callable[[Writer, Any], None]] = {
    ast.Name: Writer.name,
    ast.Attribute: Writer.attribute,
    ast.Subscript: Writer.subscript,
    ast.FunctionDef: Writer.definition,
    ast.AsyncFunctionDef: Writer.definition,
    ast.Lambda: Writer.lambda_,
    ast.ClassDef: Writer.class_,
    ast.ListComp: Writer.comprehension,
    ast.SetComp: Writer.comprehension,
    ast.DictComp: Writer.comprehension,
    ast.GeneratorExp: Writer.comprehension,
    ast.Constant: Writer.constant,
    ast.JoinedStr: Writer.text,
    ast.AnnAssign: Writer.annotated,
    ast.Import: Writer.import_,
    ast.ImportFrom: Writer.import_from,
    ast.ExceptHandler: Writer.handler,
    ast.MatchAs: Writer.capture,
    ast.MatchStar: Writer.rest,
    ast.MatchMapping: Writer.mapping,
}
