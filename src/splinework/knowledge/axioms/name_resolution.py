"""Name resolution: from the text of a relation to a `Statement` about a model with given inputs and outputs."""

import ast
import keyword
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, final

from splinework.errors import FormulaError
from splinework.formula.expression import Expression
from splinework.formula.functions import CONSTANTS, NAMES
from splinework.formula.reading import shortened, unknown
from splinework.knowledge.axioms.relations import DERIVATIVE, Comparison, Relation, read_relation
from splinework.knowledge.axioms.statements import ModelTerm, Statement

ALIASES: Final = ("f", "u")
"""Names that stand for any single output."""


def resolve(
    text: str,
    input_names: Sequence[str],
    output_names: Sequence[str],
    *,
    output: int | None = None,
    unknowns: Sequence[str] = (),
) -> Statement:
    """The statement that a text makes about a model.

    Args:
        text: A relation, as for `read_relation`.
        input_names: The model's inputs, in the order of the arguments of `f(…)`.
        output_names: Its outputs; each may be called, `v(x, y)`, and differentiated, `v_x` or `d v/d x`.
        output: The output denoted by `f` and `u`; None if there is only one.
        unknowns: Names of coefficients.

    Raises:
        FormulaError: If the text cannot be parsed, or contains an unknown name.

    Example:
        >>> resolve("f(x, y) == f(y, x)", ["x", "y"], ["z"]).free
        ()
        >>> resolve("f(x + s) - f(x)*f(s)", ["x"], ["z"]).free
        ('s',)
    """
    relation = read_relation(text)
    names = _Names(tuple(input_names), tuple(output_names), output, tuple(unknowns), text)
    free = names.free_of(relation)
    try:
        return _RelationReader(names, tuple(free), relation).statement(tuple(free.values()))
    except RecursionError:
        raise FormulaError(f"{shortened(text)} is nested too deeply; split it.") from None


def uses_alias(text: str, input_names: Sequence[str], output_names: Sequence[str]) -> bool:
    """Whether a text uses `f` or `u`, so that with several outputs it applies to each of them."""
    taken = {*input_names, *output_names}
    words = {node.id for tree in read_relation(text).trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return any(
        word.split("_")[0] in ALIASES and word.split("_")[0] not in taken and word not in taken for word in words
    )


# ---------------------------------------------------------------------------------------------------------- names


@final
@dataclass(frozen=True)
class _Names:
    """The names that a relation may use."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    output: int | None
    unknowns: tuple[str, ...]
    text: str

    def plain(self, name: str) -> bool:
        """Whether it is an input or a coefficient."""
        return name in self.inputs or name in self.unknowns

    def output_of(self, name: str) -> int | None:
        """The index of the output with this name; None if there is none."""
        if self.plain(name):
            return None
        if name in self.outputs:
            return self.outputs.index(name)
        if name not in ALIASES:
            return None
        if self.output is None and len(self.outputs) > 1:
            raise FormulaError(
                f"which output is {name} in {shortened(self.text)}? The model has {', '.join(self.outputs)}; write one of them."
            )
        return self.output or 0

    def derivative_of(self, name: str) -> ModelTerm | None:
        """The derivative denoted by a name such as `u_xx`; None for other names."""
        found: set[tuple[int, tuple[int, ...]]] = set()
        for at, sign in enumerate(name):
            output = self.output_of(name[:at]) if sign == "_" and at else None
            if output is not None:
                found |= {(output, along) for along in self._along(name[at + 1 :])}
        if len(found) > 1:
            raise FormulaError(f"{name} in {shortened(self.text)} has two meanings; write it as d f/d x.")
        return ModelTerm(*found.pop()) if found else None

    def _along(self, word: str) -> set[tuple[int, ...]]:
        """All ways to split a word into names of inputs, each as sorted indices."""
        ways: list[set[tuple[int, ...]]] = [{()}, *[set() for _ in word]]
        for end in range(1, len(word) + 1):
            for number, name in enumerate(self.inputs):
                if word[:end].endswith(name):
                    ways[end] |= {tuple(sorted((*way, number))) for way in ways[end - len(name)]}
            if word[end - 1] == "_":
                ways[end] |= ways[end - 1] - {()}
        return ways[-1] - {()}

    def free_of(self, relation: Relation) -> dict[str, int]:
        """Free variables with the inputs in whose place they occur: on their own if anywhere, else within a sum."""
        alone: dict[str, int] = {}
        within: dict[str, int] = {}
        for tree in relation.trees:
            for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
                if not isinstance(call.func, ast.Name) or self.output_of_call(call.func.id) is None:
                    continue
                for place, argument in enumerate(call.args):
                    for name in self._unknown_in(argument):
                        (alone if isinstance(argument, ast.Name) else within).setdefault(name, place)
        return {name: min(alone.get(name, place), len(self.inputs) - 1) for name, place in {**alone, **within}.items()}

    def output_of_call(self, name: str) -> int | None:
        """Like `output_of`, but functions such as `exp` take precedence unless an output has their name."""
        return None if name in NAMES and name not in self.outputs else self.output_of(name)

    def _unknown_in(self, tree: ast.expr) -> list[str]:
        calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        words = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in calls]
        return [
            word
            for word in words
            if not self.plain(word) and word not in CONSTANTS and word not in (*self.outputs, *ALIASES)
            if self.derivative_of(word) is None
        ]

    def refused(self, name: str) -> FormulaError:
        """The error for an unknown name."""
        first = self.outputs[0] if len(self.outputs) > 1 else "f"
        known = [*self.inputs, *self.unknowns, *self.outputs, *CONSTANTS]
        message = unknown("name", name, known, self.text)
        return FormulaError(
            f"{message} A derivative is written {first}_{self.inputs[0]} or d {first}/d {self.inputs[0]}; a free variable must "
            f"occur in a call, {first}(…)."
        )


# --------------------------------------------------------------------------------------------------------- trees


class _RelationReader:
    """Converts syntax trees to formulas over columns; every term given by the model becomes a name of its own."""

    def __init__(self, names: _Names, free: tuple[str, ...], relation: Relation) -> None:
        self.names, self.free, self.relation = names, free, relation
        words = {node.id for tree in relation.trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
        given = [*names.inputs, *free, *names.unknowns]
        self.columns = tuple((i, name) for i, name in enumerate(given) if name in words or i == 0)
        # The first input is always included, for the batch size; its name may not be valid in a formula.
        self.keys = [_key(name) for _, name in self.columns]
        self.mark = "part_"
        while any(word.startswith(self.mark) for word in {*words, *self.keys}):
            self.mark += "_"
        self.atoms: dict[ModelTerm, str] = {}

    def statement(self, ranges: tuple[int, ...]) -> Statement:
        """The complete statement."""
        claim = [self.formula_tree(side) for side in self.relation.claim.sides]
        lows = [pair for condition in self.relation.conditions for pair in self.pairs(condition)]
        return Statement(
            text=self.relation.text,
            inputs=len(self.names.inputs),
            free=self.free,
            ranges=ranges,
            unknowns=self.names.unknowns,
            columns=self.columns,
            atoms=tuple(self.atoms),
            sides=tuple(map(self.expression, claim)),
            signs=self.relation.claim.signs,
            conditions=tuple((self.expression(low), self.expression(high)) for low, high in lows),
        )

    def pairs(self, condition: Comparison) -> list[tuple[ast.expr, ast.expr]]:
        """A condition as pairs `(low, high)` with `low <= high`."""
        sides = [self.formula_tree(side) for side in condition.sides]
        return [
            (right, left) if sign[0] == ">" else (left, right)
            for sign, left, right in zip(condition.signs, sides[:-1], sides[1:], strict=True)
        ]

    def expression(self, tree: ast.expr) -> Expression:
        """The formula over the columns, and over all model terms so far if it contains any."""
        asks = any(isinstance(node, ast.Name) and node.id.startswith(self.mark) for node in ast.walk(tree))
        return Expression(ast.unparse(tree), (*self.keys, *(self.atoms.values() if asks else ())))

    def formula_tree(self, node: ast.expr) -> ast.expr:
        """The tree with model terms replaced by names."""
        if isinstance(node, ast.Name):
            return self.name(node)
        if isinstance(node, ast.BinOp):
            return ast.BinOp(self.formula_tree(node.left), node.op, self.formula_tree(node.right))
        if isinstance(node, ast.UnaryOp):
            return ast.UnaryOp(node.op, self.formula_tree(node.operand))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            output = None if node.func.id == DERIVATIVE else self.names.output_of_call(node.func.id)
            if node.func.id == DERIVATIVE:
                return self.derivative(node)
            if output is not None:
                return self.call(node, output)
            return ast.Call(node.func, [self.formula_tree(each) for each in node.args], node.keywords)
        if isinstance(node, ast.Compare):
            sides = [self.formula_tree(side) for side in (node.left, *node.comparators)]
            return ast.Compare(sides[0], node.ops, sides[1:])
        return node  # a number; `Expression` rejects everything else

    def name(self, node: ast.Name) -> ast.expr:
        """The tree for an input, a coefficient, an output, a derivative or a constant."""
        if self.names.plain(node.id) or node.id in self.free:
            return node
        output = self.names.output_of(node.id)
        atom = ModelTerm(output) if output is not None else self.names.derivative_of(node.id)
        if atom is not None:
            return self.part(atom)
        if node.id in CONSTANTS:
            return node
        raise self.names.refused(node.id)

    def call(self, node: ast.Call, output: int) -> ast.expr:
        """The tree for `f(…)`, the output at other inputs."""
        wanted = len(self.names.inputs)
        if node.keywords or len(node.args) != wanted or any(isinstance(each, ast.Starred) for each in node.args):
            raise FormulaError(
                f"{node.func.id if isinstance(node.func, ast.Name) else 'f'} takes the inputs "
                f"{', '.join(self.names.inputs)}, got {len(node.args) + len(node.keywords)} arguments, in "
                f"{shortened(self.relation.text)}."
            )
        trees = [self.formula_tree(each) for each in node.args]
        return self.part(ModelTerm(output, (), tuple(map(self.expression, trees))))

    def derivative(self, node: ast.Call) -> ast.expr:
        """The tree for `derivative(f, 2, x, y)`; `x2` may be the input x2, or x twice."""
        of, order, *along = node.args
        word, wanted = ast.unparse(of), int(ast.unparse(order))
        output = self.names.output_of(word)
        ways = list(product(*[self.powers(ast.unparse(each)) for each in along]))
        fits = {tuple(sorted(sum(way, ()))) for way in ways}
        fits = {way for way in fits if len(way) == wanted}
        if output is None or len(fits) != 1 or wanted < 1:
            raise FormulaError(
                f"d{wanted if wanted > 1 else ''} {word}/d {' d '.join(map(ast.unparse, along))} in "
                f"{shortened(self.relation.text)} is not a derivative of the outputs {', '.join(self.names.outputs)} along the "
                f"inputs {', '.join(self.names.inputs)}; write d f/d x, d2 f/d x2 or d2 f/d x d y."
            )
        return self.part(ModelTerm(output, fits.pop()))

    def powers(self, word: str) -> list[tuple[int, ...]]:
        """The possible meanings of a name such as `x2`."""
        inputs = self.names.inputs
        return [
            (number,) * times
            for number, name in enumerate(inputs)
            for times in ([1] if word == name else [])
            + (
                [int(word[len(name) :])]
                if word.startswith(name) and word[len(name) :].isdecimal() and len(word) < 80
                else []
            )
            if times <= 20
        ]

    def part(self, atom: ModelTerm) -> ast.expr:
        """The name of a model term, new or existing."""
        return ast.Name(self.atoms.setdefault(atom, f"{self.mark}{len(self.atoms)}"))


def _key(name: str) -> str:
    """A valid name for a column in formulas."""
    return name if name.isidentifier() and not keyword.iskeyword(name) else "first_"
