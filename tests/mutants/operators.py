"""All mutants of a source text: small edits of operators, numbers, conditions and calls, each of which still parses.

Texts for people, types, imports and refusals' messages are left alone: an edit there changes no number.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">"),
    ast.LtE: ("<", ">="),
    ast.Gt: (">=", "<"),
    ast.GtE: (">", "<="),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "/",
    ast.Mod: "*",
    ast.Pow: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
}
OPPOSITES = {"min": "max", "minimum": "maximum", "amin": "amax", "floor": "ceil", "argmin": "argmax", "any": "all"}
OPPOSITES |= {other: name for name, other in OPPOSITES.items()}
ROUNDING = frozenset({"down", "up", "widened", "nextafter", "gamma", "ceil", "floor", "round", "clip", "abs", "fabs"})
"""Calls that are replaced by their first argument."""


@dataclass(frozen=True)
class Mutant:
    """One edit: bytes `start` to `end` of the source become `text`."""

    start: int
    end: int
    text: str
    kind: str

    def apply(self, source: str) -> str:
        raw = source.encode()
        return (raw[: self.start] + self.text.encode() + raw[self.end :]).decode()


def mutants(source: str) -> list[Mutant]:
    """Every mutant of a source, in the order of the text; some may not parse, or mean the same (see `differs`)."""
    return sorted(dict.fromkeys(_Walker(source).walk()), key=lambda m: (m.start, m.end, m.text))


def differs(mutant: Mutant, source: str) -> bool:
    """Whether a mutant is a program, and another one."""
    try:
        return ast.dump(ast.parse(mutant.apply(source))) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


class _Walker:
    def __init__(self, source: str) -> None:
        self.raw, self.tree = source.encode(), ast.parse(source)
        self.lines = [0]
        for line in self.raw.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))

    def walk(self) -> Iterator[Mutant]:
        yield from self._visit(self.tree)

    def _visit(self, node: ast.AST) -> Iterator[Mutant]:
        if (
            isinstance(node, (ast.Import, ast.ImportFrom, ast.Assert, ast.JoinedStr))
            or _is_text(node)
            or _is_types(node)
        ):
            return
        if isinstance(node, ast.Raise):
            yield self._edit(node, "pass", "refusal dropped")
            return
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method:
            yield from method(node)
        skipped = (
            {"annotation", "returns", "decorator_list", "bases", "keywords"}
            if not isinstance(node, ast.Call)
            else set()
        )
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and name not in skipped:
                    yield from self._visit(child)

    # ------------------------------------------------------------------------------------------ what is edited

    def _compare(self, node: ast.Compare) -> Iterator[Mutant]:
        left: ast.expr = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            for text in COMPARISONS[type(operator)]:
                yield self._between(left, right, text, "comparison")
            left = right

    def _binop(self, node: ast.BinOp) -> Iterator[Mutant]:
        if type(node.op) in ARITHMETIC:
            yield self._between(node.left, node.right, ARITHMETIC[type(node.op)], "arithmetic")
        if isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div)):
            yield self._edit(node, f"({self._text(node.left)})", "term dropped")
        if isinstance(node.op, (ast.Add, ast.Mult)):
            yield self._edit(node, f"({self._text(node.right)})", "term dropped")

    def _augassign(self, node: ast.AugAssign) -> Iterator[Mutant]:
        yield self._edit(node, "pass", "statement dropped")

    def _boolop(self, node: ast.BoolOp) -> Iterator[Mutant]:
        text = "or" if isinstance(node.op, ast.And) else "and"
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield self._between(left, right, text, "condition")

    def _unaryop(self, node: ast.UnaryOp) -> Iterator[Mutant]:
        if isinstance(node.op, (ast.Not, ast.USub, ast.Invert)):
            yield self._edit(node, f"({self._text(node.operand)})", "sign dropped")

    def _if(self, node: ast.If | ast.While | ast.IfExp) -> Iterator[Mutant]:
        yield self._edit(node.test, f"(not ({self._text(node.test)}))", "condition")

    _while = _ifexp = _if

    def _return(self, node: ast.Return) -> Iterator[Mutant]:
        if isinstance(node.value, (ast.Compare, ast.BoolOp)):
            yield self._edit(node.value, f"(not ({self._text(node.value)}))", "result")

    def _constant(self, node: ast.Constant) -> Iterator[Mutant]:
        value = node.value
        if isinstance(value, bool):
            texts: tuple[str, ...] = (str(not value),)
        elif isinstance(value, int):
            texts = (str(value + 1), f"({value - 1})")
        elif isinstance(value, float):
            texts = (f"({value!r} * 1.1)", f"({value!r} * 0.5)", "0.0") if value else ("1.0",)
        else:
            return
        for text in texts:
            yield self._edit(node, text, "number")

    def _call(self, node: ast.Call) -> Iterator[Mutant]:
        function = node.func
        name = (
            function.attr
            if isinstance(function, ast.Attribute)
            else function.id
            if isinstance(function, ast.Name)
            else ""
        )
        if name in OPPOSITES:
            start = self._end(function) - len(name.encode())
            yield Mutant(start, self._end(function), OPPOSITES[name], "opposite")
        if name in ROUNDING and node.args and not isinstance(node.args[0], ast.Starred):
            yield self._edit(node, f"({self._text(node.args[0])})", "rounding dropped")

    def _expr(self, node: ast.Expr) -> Iterator[Mutant]:
        if isinstance(node.value, ast.Call):
            yield self._edit(node, "pass", "statement dropped")

    def _continue(self, node: ast.Continue) -> Iterator[Mutant]:
        yield self._edit(node, "pass", "statement dropped")

    # ---------------------------------------------------------------------------------------------- places

    def _start(self, node: ast.AST) -> int:
        return self.lines[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]

    def _end(self, node: ast.AST) -> int:
        return self.lines[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def _text(self, node: ast.AST) -> str:
        return self.raw[self._start(node) : self._end(node)].decode()

    def _edit(self, node: ast.AST, text: str, kind: str) -> Mutant:
        return Mutant(self._start(node), self._end(node), text, kind)

    def _between(self, left: ast.AST, right: ast.AST, text: str, kind: str) -> Mutant:
        """The operator between two operands, with the parentheses around it kept."""
        start, end = self._end(left), self._start(right)
        between = self.raw[start:end].decode()
        body = between.lstrip(") \n")
        head, tail = between[: len(between) - len(body)], body[len(body.rstrip("( \n")) :]
        return Mutant(start, end, f"{head}{text}{tail}", kind)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_types(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:`, and names that are types."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript)
