"""Relations about a model, `f(x, y) == f(y, x)`, `u_t + u*u_x = 0.1*u_xx`, `d f/d x >= 0 when y > 0`, as functions of a view."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from splinework.knowledge.axioms.checker.formulas import CONSTANTS, FormulaSteps, Unreadable, known_function, program_of

if TYPE_CHECKING:
    from splinework.knowledge.axioms.checker.claims import Function, View

_SIGNS: Final = re.compile(r"==|>=|<=|=|<|>")
_DERIVATIVE: Final = re.compile(r"\bd(\d*)\s+(\w+)\s*/((?:\s*\bd\s+\w+)+)")
_ANY: Final = ("f", "u")
"""Names of any single output."""


@dataclass(frozen=True)
class RelationMeaning:
    """A relation that has been read.

    Attributes:
        functions: The functions that are nowhere negative where it holds.
        free: Further variables, with the input whose range each has.
        along: The derivatives at the variables in it.
        deepest: The highest order of derivatives.
        equation: Whether it is an equation.
        conditions: Pairs of functions, the first of which is at most the second where it is stated.
        open: Why it cannot be decided on boxes, or empty.
    """

    functions: tuple[Function, ...]
    free: dict[str, int]
    along: tuple[tuple[int, ...], ...]
    deepest: int
    equation: bool
    conditions: tuple[tuple[Function, Function], ...]
    open: str


def relation_of(
    text: str, inputs: Sequence[str], outputs: Sequence[str], output: Any, unknowns: Sequence[tuple[str, float]]
) -> list[tuple[RelationMeaning, int]]:
    """The relation about each output that is meant, and the output whose size counts.

    Raises:
        Unreadable: If it cannot be read.
    """
    single = list(outputs).index(output) if isinstance(output, str) and output in outputs else output
    try:
        whole, *rest = re.split(r"\bwhen\b", _DERIVATIVE.sub(_as_call, text))
        parts = [_sides(part) for part in (whole, *(p for each in rest for p in re.split(r"\band\b", each)))]
        meant = [single]
        if single is None and len(outputs) > 1:
            words = {n.id for sides, _ in parts for side in sides for n in ast.walk(side) if isinstance(n, ast.Name)}
            known = {*inputs, *outputs}
            if any(w not in known and w.split("_")[0] in _ANY and w.split("_")[0] not in known for w in words):
                meant = list(range(len(outputs)))
        return [(_Reader(inputs, outputs, j, unknowns, parts).relation(), j or 0) for j in meant]
    except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError) as error:
        raise Unreadable(f"the relation {text[:80]!r} cannot be read ({error})") from None


def _as_call(found: re.Match[str]) -> str:
    along = re.findall(r"d\s+(\w+)", found.group(3))
    return f"derivative({found.group(2)}, {int(found.group(1) or 1)}, {', '.join(along)})"


def _sides(text: str) -> tuple[list[ast.expr], list[str]]:
    """The sides of a chain and the signs between them; signs in parentheses belong to conditions of `where`."""
    pieces, signs, depth, start, at = [], [], 0, 0, 0
    while at < len(text):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        sign = _SIGNS.match(text, at) if depth == 0 else None
        if sign is not None:
            pieces.append(text[start:at])
            signs.append(sign.group())
            start = at = sign.end()
        else:
            at += 1
    return [ast.parse(piece.strip(), mode="eval").body for piece in (*pieces, text[start:])], signs


class _Reader:
    """Turns syntax trees into programs over inputs, further variables, coefficients and terms of the model."""

    def __init__(
        self, inputs: Sequence[str], outputs: Sequence[str], output: int | None, unknowns: Any, parts: Any
    ) -> None:
        self.inputs, self.outputs, self.output, self.parts = list(inputs), list(outputs), output, parts
        self.values = [float(value) for _, value in unknowns]
        self.plain = [*inputs, *(name for name, _ in unknowns)]
        self.free = self._free()
        self.columns = [*inputs, *self.free, *(name for name, _ in unknowns)]
        self.terms: dict[tuple[Any, ...], str] = {}
        self.programs: list[tuple[int, tuple[int, ...], tuple[FormulaSteps, ...]]] = []

    def _output(self, name: str) -> int | None:
        if name in self.plain:
            return None
        if name in self.outputs:
            return self.outputs.index(name)
        if name not in _ANY:
            return None
        if self.output is None and len(self.outputs) > 1:
            raise ValueError(f"which output is {name}?")
        return self.output or 0

    def _called(self, name: str) -> int | None:
        return None if known_function(name) and name not in self.outputs else self._output(name)

    def _derivative(self, name: str) -> tuple[int, tuple[int, ...]] | None:
        found = set()
        for at, letter in enumerate(name):
            j = self._output(name[:at]) if letter == "_" and at else None
            if j is not None:
                found |= {(j, along) for along in self._along(name[at + 1 :]) if along}
        if len(found) > 1:
            raise ValueError(f"{name} has two meanings")
        return found.pop() if found else None

    def _along(self, word: str) -> set[tuple[int, ...]]:
        if not word:
            return {()}
        found = {along for along in self._along(word[1:]) if along} if word[0] == "_" else set()
        for i, name in enumerate(self.inputs):
            if word.startswith(name):
                found |= {tuple(sorted((i, *rest))) for rest in self._along(word[len(name) :].lstrip("_"))}
        return found

    def _free(self) -> dict[str, int]:
        alone: dict[str, int] = {}
        within: dict[str, int] = {}
        for tree in (side for sides, _ in self.parts for side in sides):
            for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)):
                if self._called(call.func.id) is None:  # type: ignore[attr-defined]
                    continue
                for place, argument in enumerate(call.args):
                    called = {id(n.func) for n in ast.walk(argument) if isinstance(n, ast.Call)}
                    for n in ast.walk(argument):
                        if not isinstance(n, ast.Name) or id(n) in called or n.id in (*self.plain, *CONSTANTS, *_ANY):
                            continue
                        if n.id not in self.outputs and self._derivative(n.id) is None:
                            (alone if isinstance(argument, ast.Name) else within).setdefault(n.id, place)
        return {name: min(alone.get(name, place), len(self.inputs) - 1) for name, place in {**alone, **within}.items()}

    def relation(self) -> RelationMeaning:
        sides = [[self._program(side) for side in each] for each, _ in self.parts]
        signs = [each for _, each in self.parts]
        conditions = []
        for programs, between in zip(sides[1:], signs[1:], strict=True):
            for sign, a, b in zip(between, programs[:-1], programs[1:], strict=True):
                low, high = (b, a) if sign[0] == ">" else (a, b)
                conditions.append((self._side(low), self._side(high)))
        plain = all(not t or all(max(_used(p), default=0) < len(self.columns) for p in t) for _, _, t in self.programs)
        here = tuple(along for _, along, arguments in self.programs if not arguments)
        between = signs[0]
        return RelationMeaning(
            functions=tuple(self._function(sides[0], between, n) for n in range(max(1, len(between)))),
            free=self.free,
            along=here,
            deepest=max((len(along) for _, along, _ in self.programs), default=0),
            equation=not between or between[0] in ("=", "=="),
            conditions=tuple(conditions),
            open="" if plain else "the model is applied to its own output",
        )

    def _known(self, view: View) -> list[Any]:
        count = len(self.inputs) + len(self.free)
        columns = [*view.x[:count], *(view.number(value) for value in self.values)]
        for j, along, arguments in self.programs:
            if arguments:
                columns.append(view.f([view.run(each, columns) for each in arguments])[j])
            else:
                columns.append(view.partial(j, along))
        return columns

    def _side(self, program: FormulaSteps) -> Callable[[View], Any]:
        return lambda view: view.run(program, self._known(view))

    def _function(self, sides: Sequence[FormulaSteps], signs: Sequence[str], number: int) -> Callable[[View], Any]:
        def of(view: View) -> Any:
            columns = self._known(view)
            values = [view.run(side, columns) for side in sides]
            if not signs:
                return view.apart(values[0], 0.0)
            a, b, sign = values[number], values[number + 1], signs[number]
            if sign in ("=", "=="):
                return view.apart(a, b)
            return view.do("sub", a, b) if sign[0] == ">" else view.do("sub", b, a)

        return of

    def _program(self, tree: ast.expr) -> FormulaSteps:
        return program_of(self._resolved(tree), [*self.columns, *self.terms.values()])

    def _resolved(self, node: ast.expr) -> ast.expr:
        """The tree with names in place of what the model says."""
        if isinstance(node, ast.Name):
            if node.id in self.columns:
                return node
            j = self._output(node.id)
            found = (j, ()) if j is not None else self._derivative(node.id)
            return node if found is None else self._term(*found)
        if isinstance(node, ast.BinOp):
            return ast.BinOp(self._resolved(node.left), node.op, self._resolved(node.right))
        if isinstance(node, ast.UnaryOp):
            return ast.UnaryOp(node.op, self._resolved(node.operand))
        if isinstance(node, ast.Compare):
            return ast.Compare(self._resolved(node.left), node.ops, [self._resolved(c) for c in node.comparators])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "derivative":
                return self._differential(node)
            j = self._called(node.func.id)
            trees = [self._resolved(each) for each in node.args]
            if j is None:
                return ast.Call(node.func, trees, [])
            if len(trees) != len(self.inputs):
                raise ValueError("the model is called with another number of inputs")
            names = [*self.columns, *self.terms.values()]
            return self._term(j, (), tuple(program_of(each, names) for each in trees))
        return node

    def _differential(self, node: ast.Call) -> ast.expr:
        """`derivative(f, 2, x, y)`, where `x2` may be the input x2, or x twice."""
        of, order, *words = (ast.unparse(each) for each in node.args)
        ways = []
        for word in words:
            own: list[tuple[int, ...]] = [(i,) for i, name in enumerate(self.inputs) if name == word]
            own += [
                (i,) * int(word[len(name) :])
                for i, name in enumerate(self.inputs)
                if word.startswith(name) and word[len(name) :].isdecimal() and int(word[len(name) :]) <= 20
            ]
            ways.append(own)
        fits = {tuple(sorted(itertools.chain(*way))) for way in itertools.product(*ways)}
        fits = {way for way in fits if len(way) == int(order)}
        j = self._output(of)
        if j is None or len(fits) != 1:
            raise ValueError(f"d{order} {of} is not a derivative")
        return self._term(j, fits.pop())

    def _term(self, j: int, along: tuple[int, ...], arguments: tuple[FormulaSteps, ...] = ()) -> ast.expr:
        key = (j, along, arguments)
        if key not in self.terms:
            self.terms[key] = f" term {len(self.terms)}"
            self.programs.append(key)
        return ast.Name(self.terms[key])


def _used(program: FormulaSteps) -> list[int]:
    return [int(step.value) for step in program.steps if step.name == "column"]
