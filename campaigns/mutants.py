"""Mutants of a module: small changes to its code, each of which some test should notice.

Annotations, decorators, docstrings and the arguments of `class` statements do not change.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult,
}
OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any"}

_TYPES = {"annotation", "returns", "decorator_list", "bases", "format_spec"}
"""Fields of nodes that no test can be about."""

_GENERIC = {"Callable", "Literal", "dict", "list", "set", "tuple"}


class Mutant(NamedTuple):
    """One change.

    Its `name` is its function and both texts, so a change of the module's other lines keeps it.
    Its `lines` begin with the statement: a test that executes none of them cannot notice it.
    """

    name: str
    lines: range
    parent: ast.AST
    field: str
    at: int | None
    replacement: ast.AST

    def apply(self) -> None:
        """Change the tree that the mutant was found in; it cannot be undone."""
        ast.fix_missing_locations(ast.copy_location(self.replacement, self.original))
        if self.at is None:
            setattr(self.parent, self.field, self.replacement)
        else:
            getattr(self.parent, self.field)[self.at] = self.replacement

    @property
    def original(self) -> Any:
        """Return the node that is replaced."""
        child = getattr(self.parent, self.field)
        return child if self.at is None else child[self.at]


def mutants_of(tree: ast.Module, module: str) -> list[Mutant]:
    """Return the mutants of a parsed module.

    Args:
        tree: The module; `Mutant.apply` changes it.
        module: The module's name, with which the mutants' names begin.

    Returns:
        The mutants in the order of the module's text.
    """
    mutants: list[Mutant] = []
    names: Counter[str] = Counter()
    for parent, field, index, node, scope, first in _nodes(tree, "", 0):
        for replacement in _replacements(node, field, scope):
            change = f"{_text(node, parent)} -> {_text(replacement, parent)}"
            name = f"{module}.{scope or '<module>'}: {change}"
            names[name] += 1
            numbered = name if names[name] == 1 else f"{name} #{names[name]}"
            lines = range(first, _last_line(node) + 1)
            mutants.append(Mutant(numbered, lines, parent, field, index, replacement))
    return mutants


def _last_line(node: Any) -> int:
    """Return the last line of an expression or a statement; of a block, of its condition."""
    decides = isinstance(node, ast.If | ast.While)
    return int(node.test.end_lineno if decides else node.end_lineno)


def _nodes(
    node: ast.AST, scope: str, first: int
) -> Iterator[tuple[ast.AST, str, int | None, Any, str, int]]:
    """Yield each expression and statement that may be changed.

    With it come the node that holds it, its field and index there, its function, and the first
    line of its statement.
    """
    for field, index, child in _children(node):
        if not isinstance(child, ast.AST) or _is_exempt(child, node):
            continue
        inner, line = scope, first
        if isinstance(child, ast.stmt):
            line = child.lineno
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{scope}.{child.name}" if scope else child.name
        if isinstance(child, ast.expr | ast.stmt):
            yield node, field, index, child, inner, line
        yield from _nodes(child, inner, line)


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, Any]]:
    """Yield what stands in a node, with its field and index, without the types."""
    for field, value in ast.iter_fields(node):
        if field in _TYPES or _is_class_keyword(node, field):
            continue
        children = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        if field == "args" and _calls(node, "cast"):
            children = children[1:]
        yield from ((field, index, child) for index, child in children)


def _is_class_keyword(node: ast.AST, field: str) -> bool:
    return isinstance(node, ast.ClassDef) and field == "keywords"


def _is_exempt(node: ast.AST, parent: ast.AST) -> bool:
    """Return whether no test can be about this node: a docstring, an import, a type, a message."""
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign(targets=[ast.Name(id="__all__" | "__slots__")]):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Subscript(value=ast.Name(id=name)):
            return name in _GENERIC
        case ast.Constant():
            return isinstance(parent, ast.JoinedStr)
    return _calls(node, "TypeVar")


def _calls(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=function)):
            return function == name
    return False


def _replacements(node: ast.AST, field: str, scope: str) -> Iterator[ast.AST]:
    """Yield the nodes that may replace this one."""
    match node:
        case ast.If() | ast.IfExp() | ast.While():
            yield from _with_constant_test(node)
        case ast.Constant(value=value):
            yield from _other_constants(value)
        case ast.Name(id=name) if field == "func" and name in OPPOSITES:
            yield ast.Name(id=OPPOSITES[name], ctx=ast.Load())
        case ast.expr():
            yield from _other_operators(node)
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in ARITHMETIC:
            yield ast.AugAssign(target=target, op=ARITHMETIC[type(op)](), value=value)
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield ast.Return(value=ast.Constant(None))
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute()]) if not scope.endswith("__init__"):
            yield ast.Pass()


def _other_operators(node: ast.expr) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for at, op in enumerate(ops):
                other = COMPARISONS[type(op)]()
                yield ast.Compare(
                    left=left, ops=[*ops[:at], other, *ops[at + 1 :]], comparators=comparators
                )
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            yield ast.BinOp(left=left, op=ARITHMETIC[type(op)](), right=right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(op=ast.Or() if isinstance(op, ast.And) else ast.And(), values=values)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand


def _with_constant_test(node: Any) -> Iterator[ast.AST]:
    outcomes = (True, False)
    if isinstance(node, ast.While):  # `while True:` never ends
        outcomes = () if isinstance(node.test, ast.Constant) else (False,)
    for outcome in outcomes:
        fields = dict(ast.iter_fields(node))
        yield type(node)(**{**fields, "test": ast.Constant(outcome)})


def _other_constants(value: Any) -> Iterator[ast.AST]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case int() | float():
            yield ast.Constant(value + 1)
        case str():
            yield ast.Constant("" if value else "mutated")


def _text(node: ast.AST, parent: ast.AST) -> str:
    """Return a node as source; of one that has a body, its first line alone."""
    if isinstance(node, ast.Constant) and isinstance(parent, ast.keyword):
        return f"{parent.arg}={ast.unparse(node)}"
    return ast.unparse(ast.fix_missing_locations(node)).partition("\n")[0]
