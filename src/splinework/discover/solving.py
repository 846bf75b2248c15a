"""A partial formula with its data: solved for one of its unknown parts, and assembled once parts are found."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinework.discover.identifiability import (
    MULTIPLY,
    AbsorbedConstant,
    absorbed_constants,
    restored,
    with_neutral_constants,
)
from splinework.discover.inversion import Inversion
from splinework.discover.skeleton import Skeleton, UnknownPart
from splinework.discover.smooth import change_weights
from splinework.discover.substitution import FilledFormula
from splinework.errors import FormulaError
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import Splines, compile_expression, symbol
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.table import FormulaRow


@dataclass(frozen=True)
class HeldValues:
    """Quantities held while an unknown part is searched: signs of absorbed constants, values of the others, a branch."""

    signs: tuple[int, ...]
    constants: Mapping[Any, float]
    branch: int = 0


@dataclass(frozen=True)
class PartValues:
    """Current values of an unknown part on the rows, and its expression once one is found."""

    values: Array
    expression: Any = None
    splines: Splines = field(default_factory=dict)


class PartialSolver:
    """A skeleton and its data.

    Args:
        skeleton: The skeleton of the partial formula.
        data: The data.

    Attributes:
        scanned: The constants that no unknown part absorbs.
    """

    def __init__(self, skeleton: Skeleton, data: FitTarget) -> None:
        self.skeleton, self.data = skeleton, data
        free = list(self.skeleton.constants)
        self._taken: dict[UnknownPart, tuple[AbsorbedConstant, ...]] = {}
        for hole in self.skeleton.holes:
            self._taken[hole] = absorbed_constants(self.skeleton.expression, hole.symbol, free)
            gone = set().union(*(a.operand.free_symbols for a in self._taken[hole]))
            free = [c for c in free if c not in gone]
        self.scanned = tuple(free)
        self._all = tuple(itertools.chain.from_iterable(self._taken.values()))

    def signs(self) -> list[tuple[int, ...]]:
        """All absorbed factors positive, or the first of them negative."""
        plain = (1,) * len(self._all)
        first = next((n for n, a in enumerate(self._all) if a.kind == MULTIPLY and not a.spare), None)
        return [plain] if first is None else [plain, (*plain[:first], -1, *plain[first + 1 :])]

    def with_neutral(self, signs: Sequence[int]) -> Skeleton:
        """The skeleton without the constants that unknown parts absorb."""
        return replace(
            self.skeleton,
            expression=with_neutral_constants(self.skeleton.expression, self._all, signs),
            constants=self.scanned,
        )

    def columns(self, hole: UnknownPart) -> Array:
        """The columns on which a part may depend, `(N, k)`."""
        return self.data.x[:, [self.data.names.index(name) for name in hole.columns]]

    def weight(self, slope: Array) -> Array:
        """Weight of a change of the part in each row, from the slope of the formula in it."""
        return np.abs(slope) * change_weights(self.data)

    def _given(self, setting: HeldValues, others: Mapping[UnknownPart, PartValues]) -> dict[Any, Any]:
        """A number or column for every symbol except the part itself."""
        values: dict[Any, Any] = {c: setting.constants[c] for c in self.scanned}
        values |= {hole.symbol: part.values for hole, part in others.items()}
        return values | dict(zip(map(symbol, self.data.names), self.data.x.T, strict=True))

    def solved(
        self, hole: UnknownPart, setting: HeldValues, others: Mapping[UnknownPart, PartValues]
    ) -> tuple[Array, Array]:
        """Values of a part, NaN where undefined, and the slope of the formula in it, `(N,)` each; others are held."""
        read = self.with_neutral(setting.signs)
        given = self._given(setting, others)
        inversion = Inversion(read.expression, hole.symbol, list(given), len(self.data.y))
        return inversion(list(given.values()), self.data.y, inversion.branches[setting.branch])

    def part(self, hole: UnknownPart, row: FormulaRow) -> PartValues:
        """The values and expression that a row found for a hole gives it; splines of several holes get different numbers."""
        number = self.skeleton.holes.index(hole)
        names = {name: re.sub(r"\d+$", lambda digits: str(int(digits[0]) + 100 * number), name) for name in row.splines}
        applied = [e for e in row.expression.atoms(AppliedUndef) if e.func.__name__ in names]
        expression = row.expression.replace(
            lambda e: e in applied, lambda e: sympy.Function(names[e.func.__name__], real=True)(*e.args)
        )
        splines = {names[name]: spline for name, spline in row.splines.items()}
        return PartValues(compile_expression(expression, self.data.names, splines)(self.data.x), expression, splines)

    def fillings(
        self, hole: UnknownPart, row: FormulaRow, setting: HeldValues, others: Mapping[UnknownPart, PartValues]
    ) -> Iterator[FilledFormula]:
        """The form with this row in the hole; nothing while another part has no expression yet."""
        if any(part.expression is None for part in others.values()):
            return
        parts = {hole: self.part(hole, row), **others}
        full = self._filling(parts, setting)
        first, *rest = full.parts
        summands = {name: full.parts[name].as_independent(*map(symbol, self.data.names), as_Add=True) for name in rest}
        if any(number != 0 and left.free_symbols for number, left in summands.values()):  # the first may take them all
            bare = {name: left if left.free_symbols else full.parts[name] for name, (_, left) in summands.items()}
            yield self._put(replace(full, parts={first: full.parts[first], **bare}))
        yield self._put(full)

    def _filling(self, parts: Mapping[UnknownPart, PartValues], setting: HeldValues) -> FilledFormula:
        """The parts and the constants; in the expression, absorbed constants of one place are one symbol."""
        expression, constants, texts = self.skeleton.expression, dict(setting.constants), {}
        for unknown in self.skeleton.holes:
            given = {
                **self._given(setting, {h: p for h, p in parts.items() if h is not unknown}),
                **self._neutral_of_others(unknown, setting),
            }
            own = self._taken[unknown]
            signs = [s for a, s in zip(self._all, setting.signs, strict=True) if a in own]
            part, rows = parts[unknown], len(self.data.y)
            rest, numbers = restored(part.expression, unknown.symbol, own, signs, given, rows, part.splines)
            for operand, number in numbers.items():
                constant = operand if operand.is_Symbol else sympy.Dummy("c", real=True)
                expression = expression.xreplace({operand: constant})
                constants[constant] = number
            texts[unknown.name] = rest
        splines = {name: spline for part in parts.values() for name, spline in part.splines.items()}
        return FilledFormula(expression, constants, texts, splines)

    def _put(self, filling: FilledFormula) -> FilledFormula:
        """The filled formula with the parts inserted."""
        places = {hole.symbol: filling.parts[hole.name] for hole in self.skeleton.holes}
        return replace(filling, expression=filling.expression.xreplace(places))

    def _neutral_of_others(self, unknown: UnknownPart, setting: HeldValues) -> dict[Any, Any]:
        """Constants that other parts absorb, at their neutral values."""
        pairs = zip(self._all, setting.signs, strict=True)
        own = self._taken[unknown]
        numbers = {a.operand: float(a.neutral) * (s if a.kind == MULTIPLY else 1) for a, s in pairs if a not in own}
        return {operand: number for operand, number in numbers.items() if operand.is_Symbol}


def check_solvable(skeleton: Skeleton) -> None:
    """Checks that every hole can be solved for, and that several meet in a sum or a product.

    Raises:
        FormulaError: If not.
    """
    for hole in skeleton.holes:
        Inversion(skeleton.expression, hole.symbol, skeleton.symbols, 1)
    if len(skeleton.holes) < 2:
        return
    symbols = [hole.symbol for hole in skeleton.holes]
    node: Any = skeleton.expression
    inner: Any = node
    while inner is not None:
        node = inner
        inner = next((a for a in node.args if all(a.has(s) for s in symbols)), None)
    if not (node.is_Add or node.is_Mul):
        names = ", ".join(hole.name for hole in skeleton.holes)
        raise FormulaError(
            f"the holes {names} meet in {node.func.__name__}(...); holes are found where they meet in a "
            f"sum or a product."
        )
