"""Relations about a model, `f(x, y) == f(y, x)`, `u_t + u*u_x = 0.1*u_xx`, `d f/d x >= 0 when y > 0`, as claims."""

import ast
import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from splinework.knowledge.axioms.checker.claims import EQUATION, BoxClaim, Scene
from splinework.knowledge.axioms.checker.formulas import CONSTANTS, FormulaSteps, Unreadable, known_function, program_of

_SIGNS: Final = re.compile(r"==|>=|<=|=|<|>")
_DERIVATIVE: Final = re.compile(r"\bd(\d*)\s+(\w+)\s*/((?:\s*\bd\s+\w+)+)")
_ANY: Final = ("f", "u")
"""Names of any single output."""
_Chain = tuple[list[ast.expr], list[str]]


def relation_of(text: str, scene: Scene, unknowns: Sequence[tuple[str, float]]) -> list[list[BoxClaim]]:
    """The claims of a relation about each output that is meant."""
    inputs, outputs = list(scene.inputs), list(scene.outputs)
    single = outputs.index(scene.output) if isinstance(scene.output, str) and scene.output in outputs else scene.output
    try:
        whole, *rest = re.split(r"\bwhen\b", _DERIVATIVE.sub(_as_call, text))
        parts = [_sides(part) for part in (whole, *(p for each in rest for p in re.split(r"\band\b", each)))]
        meant = [single]
        if single is None and len(outputs) > 1:
            words = {n.id for sides, _ in parts for side in sides for n in ast.walk(side) if isinstance(n, ast.Name)}
            known = {*inputs, *outputs}
            if any(w not in known and w.split("_")[0] in _ANY and w.split("_")[0] not in known for w in words):
                meant = list(range(len(outputs)))
        return [_Reader(scene, j, dict(unknowns)).claims(text, parts) for j in meant]
    except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError) as error:
        raise Unreadable(f"the relation {text[:80]!r} cannot be read ({error})") from None


def _as_call(found: re.Match[str]) -> str:
    along = re.findall(r"d\s+(\w+)", found.group(3))
    return f"derivative({found.group(2)}, {int(found.group(1) or 1)}, {', '.join(along)})"


def _sides(text: str) -> _Chain:
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
    """Puts variables, coefficients and terms of the model in place of the names of a relation."""

    def __init__(self, scene: Scene, output: int | None, unknowns: dict[str, float]) -> None:
        self.scene, self.output, self.unknowns = scene, output, unknowns
        self.inputs, self.outputs = list(scene.inputs), list(scene.outputs)
        self.plain = [*self.inputs, *unknowns]
        self.free: dict[str, int] = {}

    def claims(self, text: str, parts: Sequence[_Chain]) -> list[BoxClaim]:
        """The claims of a chain, where chains of conditions hold."""
        self.free = self._free([side for sides, _ in parts for side in sides])
        (sides, signs), *others = [([self._resolved(side) for side in each], between) for each, between in parts]
        conditions = []
        for held, between in others:
            for sign, *pair in zip(between, held[:-1], held[1:], strict=True):
                low, high = (self._program(side) for side in (pair[::-1] if sign[0] == ">" else pair))
                conditions.append((low, high))
        equation = not signs or signs[0] in ("=", "==")
        functions = [sides[0]] if not signs else []
        for sign, a, b in zip(signs, sides[:-1], sides[1:], strict=True):
            functions.append(ast.BinOp(b, ast.Sub(), a) if sign[0] == "<" else ast.BinOp(a, ast.Sub(), b))
        found = []
        for function, sign in zip(functions, signs or ["="], strict=True):
            if sign in ("=", "=="):
                function = ast.UnaryOp(ast.USub(), ast.Call(ast.Name("abs"), [function], []))
            extra = [(name, (float(self.scene.lo[i]), float(self.scene.hi[i]))) for name, i in self.free.items()]
            claim = self.scene.claim(text, "0", 0.0, extra=extra)
            for place, i in enumerate(self.free.values(), len(self.inputs)):
                claim.lo[place], claim.hi[place] = claim.lo[i], claim.hi[i]
            found.append(
                replace(claim, function=self._program(function), equation=equation, conditions=tuple(conditions))
            )
        # One tolerance for all links of a chain.
        deepest = max(claim.order for claim in found)
        j = self.output or 0
        size = float(self.scene.spread[j]) if deepest == 0 else 1.0
        return [replace(claim, tolerance=EQUATION * size) for claim in found]

    def _program(self, tree: ast.expr) -> FormulaSteps:
        return program_of(tree, (*self.inputs, *self.free), claim=True)

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

    def _derivative(self, name: str) -> tuple[int, ...] | None:
        found = set()
        for at, letter in enumerate(name):
            j = self._output(name[:at]) if letter == "_" and at else None
            if j is not None:
                found |= {(j, *along) for along in self._along(name[at + 1 :]) if along}
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

    def _free(self, trees: Sequence[ast.expr]) -> dict[str, int]:
        """Further variables, with the input whose range each has."""
        alone: dict[str, int] = {}
        within: dict[str, int] = {}
        for call in (n for tree in trees for n in ast.walk(tree)):
            if (
                not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name))
                or self._called(call.func.id) is None
            ):
                continue
            for place, argument in enumerate(call.args):
                called = {id(n.func) for n in ast.walk(argument) if isinstance(n, ast.Call)}
                for n in ast.walk(argument):
                    if not isinstance(n, ast.Name) or id(n) in called or n.id in (*self.plain, *CONSTANTS, *_ANY):
                        continue
                    if n.id not in self.outputs and self._derivative(n.id) is None:
                        (alone if isinstance(argument, ast.Name) else within).setdefault(n.id, place)
        return {name: min(alone.get(name, place), len(self.inputs) - 1) for name, place in {**alone, **within}.items()}

    def _resolved(self, node: ast.expr) -> ast.expr:
        """The tree with what the model says in place of names."""
        match node:
            case ast.Name(id=name):
                if name in self.unknowns:
                    return ast.Constant(float(self.unknowns[name]))
                if name in self.inputs or name in self.free:
                    return node
                j = self._output(name)
                found = (j,) if j is not None else self._derivative(name)
                return node if found is None else _term("D", found)
            case ast.BinOp(left=left, op=op, right=right):
                return ast.BinOp(self._resolved(left), op, self._resolved(right))
            case ast.UnaryOp(op=op, operand=operand):
                return ast.UnaryOp(op, self._resolved(operand))
            case ast.Compare(left=left, ops=ops, comparators=others):
                return ast.Compare(self._resolved(left), ops, [self._resolved(each) for each in others])
            case ast.Call(func=ast.Name(id="derivative")):
                return self._differential(node)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                j = self._called(name)
                trees = [self._resolved(each) for each in args]
                if j is not None and len(trees) != len(self.inputs):
                    raise ValueError("the model is called with another number of inputs")
                return ast.Call(node.func if j is None else _term("F", (j,)), trees, [])
            case ast.Constant():
                return node
        raise ValueError(f"{ast.unparse(node)[:80]!r} is no formula")

    def _differential(self, node: Any) -> ast.expr:
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
        return _term("D", (j, *fits.pop()))


def _term(kind: str, place: tuple[int, ...]) -> ast.expr:
    held = ast.Tuple([ast.Constant(i) for i in place]) if kind == "D" else ast.Constant(place[0])
    return ast.Subscript(ast.Name(kind), held)
