"""Random formulas from a grammar, filtered for well-posed problems."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, final

import numpy as np

from splinework.data.designs import SOBOL, Design
from splinework.data.formulas import FormulaSet
from splinework.data.inputs import Input
from splinework.data.random_streams import Floats, checked_seed, stream
from splinework.errors import ConfigError, FormulaError
from splinework.errors.foreign import explained_record
from splinework.formula.derivatives import derivative
from splinework.formula.expression import Expression
from splinework.formula.reading import names_in, parse

_FUNCTIONS: Final = ("sin", "cos", "exp", "log", "sqrt", "tanh", "square", "arctan")
_KNOWN: Final = frozenset({*_FUNCTIONS, "abs", "sinh", "cosh", "reciprocal"})
_MAX_TRIES: Final = 2000
"""Maximum number of consecutive rejected formulas."""
_N_POINTS: Final = 1024
_MIN_FINITE_SHARE: Final = 0.999
_MIN_TOTAL_INDEX: Final = 0.01
"""Minimum total Sobol index of an input."""
_MAX_CONDITION_NUMBER: Final = 100.0
"""Maximum median of the condition number |x f'/f|."""
_MAX_PEAK_SHARE: Final = 0.9
"""Maximum share of the variance in the most extreme hundredth of the rows."""
_LINEARITY_TOLERANCE: Final = 1e-6
"""Minimum residual of a linear fit relative to the standard deviation."""


@explained_record
@final
@dataclass(frozen=True)
class RandomFormula:
    """Random formulas over `x1`, `x2`, …, reproducible by seed.

    A formula is accepted if it is finite on 99.9 % of a Sobol sample, varies, has a total Sobol index above 0.01 and a median
    condition number `|x f'/f|` below 100 for every input, is not affine, has no pole that dominates its variance, and differs
    from earlier ones after expansion by SymPy.

    Attributes:
        depth: Depth of the tree, 1 to 6.
        inputs: Number of inputs, all of which occur.
        seed: Seed of the formulas.
        low: Lower end of every range.
        high: Upper end of every range.
        functions: Functions of one argument that may occur.

    Raises:
        ConfigError: If a setting is out of range.

    Example:
        >>> recipe = RandomFormula(depth=3, inputs=2, seed=1)
        >>> recipe.formulas(2) == recipe.formulas(3)[:2]
        True
    """

    depth: int = 3
    inputs: int = 2
    seed: int = 0
    low: float = 0.5
    high: float = 3.0
    functions: tuple[str, ...] = _FUNCTIONS

    def __post_init__(self) -> None:
        checked_seed(self.seed)
        if not 1 <= self.depth <= 6:
            raise ConfigError(f"depth of RandomFormula is 1 to 6, got {self.depth}.")
        if not 1 <= self.inputs <= 2**self.depth:
            raise ConfigError(
                f"a formula of depth {self.depth} has room for 1 to {2**self.depth} inputs, got {self.inputs}; "
                "raise the depth."
            )
        unknown = [name for name in self.functions if name not in _KNOWN]
        if unknown or not self.functions:
            raise ConfigError(f"functions are some of {', '.join(sorted(_KNOWN))}, got {list(self.functions)}.")
        _ = self._box()

    def formulas(self, count: int = 1) -> tuple[str, ...]:
        """Distinct formulas.

        Raises:
            FormulaError: If 2000 consecutive formulas were rejected.
        """
        return tuple(islice(self._kept(), count))

    def set(self, *, design: Design = SOBOL) -> FormulaSet:
        """The first formula as a `FormulaSet`."""
        name = f"random:{self.seed}"
        about = f"a random formula of depth {self.depth}"
        return FormulaSet(self.formulas()[0], self._box(), design, name=name, about=about)

    def _box(self) -> tuple[Input, ...]:
        return tuple(Input(f"x{place + 1}", self.low, self.high) for place in range(self.inputs))

    def _kept(self) -> Iterator[str]:
        box = self._box()
        names = tuple(one.name for one in box)
        generator = stream(self.seed, 0)
        seen: set[str] = set()
        tries = 0
        while True:
            text = _grown(self, names, generator)
            tries += 1
            if rejection(text, box) == "" and (key := canonical(text)) not in seen:
                seen.add(key)
                tries = 0
                yield text
            elif tries >= _MAX_TRIES:
                raise FormulaError(
                    f"{_MAX_TRIES} consecutive random formulas were rejected; use more depth, fewer inputs or other functions."
                )


def rejection(text: str, inputs: Sequence[Input]) -> str:
    """The reason why a formula is rejected; empty if it is accepted.

    Example:
        >>> rejection("x1 + 2*x2", (Input("x1"), Input("x2")))
        'it is affine'
        >>> rejection("x1**2", (Input("x1"), Input("x2")))
        'x2 does not occur'
    """
    names = tuple(one.name for one in inputs)
    absent = [name for name in names if name not in names_in(parse(text), names)]
    if absent:
        return f"{absent[0]} does not occur"
    function = Expression(text, names)
    box = [(one.low, one.high) for one in inputs]
    levels = SOBOL.points(_N_POINTS, box * 2, seed=0)
    base, other = levels[:, : len(names)], levels[:, len(names) :]
    y = function(base)
    if np.isfinite(y).mean() < _MIN_FINITE_SHARE:
        return "it is not finite on 99.9 % of the box"
    known = np.isfinite(y)
    spread = float(y[known].std())
    if not np.isfinite(spread) or spread <= 1e-12 * max(float(np.abs(y[known]).max()), 1e-300):
        return "it does not vary"
    if _peaked(y[known]):
        return "a hundredth of the rows dominates its variance, as near a pole"
    for place, name in enumerate(names):
        index = total_index(function, base, other, place)
        if not index > _MIN_TOTAL_INDEX:
            return f"{name} has a total Sobol index of {index:.2g}"
    if _affine(base[known], y[known]):
        return "it is affine"
    for place, name in enumerate(names):
        if not _condition(text, name, names, base, y, place) < _MAX_CONDITION_NUMBER:
            return f"it is ill-conditioned in {name}"
    return ""


def total_index(function: Expression, base: Floats, other: Floats, place: int) -> float:
    """Total Sobol index of one input by Jansen's estimator: the mean of (f(x) - f(x'))²/2 over the variance.

    Jansen 1999, doi 10.1016/S0010-4655(98)00154-4. x' takes the input from `other` and the others from `base`.
    """
    moved = base.copy()
    moved[:, place] = other[:, place]
    y, changed = function(base), function(moved)
    known = np.isfinite(y) & np.isfinite(changed)
    variance = float(y[known].var()) if known.any() else 0.0
    return float(np.square(y[known] - changed[known]).mean()) / (2 * variance) if variance else 0.0


def canonical(text: str) -> str:
    """A text that is equal for formulas that SymPy expands to the same expression."""
    import sympy

    from splinework.formula.sympy_bridge import SYMPY, exact_number, symbol

    def number(value: float) -> Any:
        exact = exact_number(value)
        return sympy.Rational(str(value)) if exact.is_Float else exact  # rationals as written

    names = sorted(names_in(parse(text)))
    expression = Expression(text, names).run([symbol(name) for name in names], SYMPY, number)
    return str(sympy.srepr(sympy.expand(expression)))


def _peaked(y: Floats) -> bool:
    squares = np.sort(np.square(y - y.mean()))
    return bool(squares[-max(len(y) // 100, 1) :].sum() > _MAX_PEAK_SHARE * squares.sum())


def _affine(x: Floats, y: Floats) -> bool:
    design = np.column_stack([x, np.ones(len(x))])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return bool(left.std() < _LINEARITY_TOLERANCE * y.std())


def _condition(text: str, name: str, names: Sequence[str], x: Floats, y: Floats, place: int) -> float:
    slope = Expression(derivative(text, name), names)(x)
    with np.errstate(all="ignore"):
        sizes = np.abs(x[:, place] * slope / y)
    return float(np.median(np.where(np.isnan(sizes), np.inf, sizes)))


def _grown(recipe: RandomFormula, names: Sequence[str], generator: np.random.Generator) -> str:
    """A random formula that contains every name."""
    text = _tree(recipe, recipe.depth, generator)
    slots = text.count("#")
    order = [*names, *(names[int(i)] for i in generator.integers(0, len(names), max(slots - len(names), 0)))]
    for place in generator.permutation(len(order)).tolist():
        text = text.replace("#", order[place], 1)
    return ast.unparse(parse(text))  # without superfluous parentheses


def _tree(recipe: RandomFormula, depth: int, generator: np.random.Generator) -> str:
    """A random formula with # for variables."""
    if depth == 0:
        return "#"
    kind = float(generator.random())
    if kind < 0.4:
        name = recipe.functions[int(generator.integers(len(recipe.functions)))]
        return f"{name}({_tree(recipe, depth - 1, generator)})"
    if kind < 0.5:
        factor = float(np.round(generator.uniform(0.3, 3.0), 1))
        return f"{factor}*({_tree(recipe, depth - 1, generator)})"
    sign = ("+", "-", "*", "/")[int(generator.integers(4))]
    short = int(generator.integers(0, depth))
    sides = [_tree(recipe, depth - 1, generator), _tree(recipe, short, generator)]
    if generator.random() < 0.5:
        sides.reverse()
    return f"({sides[0]}) {sign} ({sides[1]})"
