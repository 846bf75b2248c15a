"""The function that a user chooses for an edge: a name of the library, a formula, a callable or a `LibraryFunction`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import pi
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError, FormulaError, nearest
from splinework.formula.functions import FUNCTIONS, NAMES
from splinework.formula.reading import names_in, parse
from splinework.formula.sympy_bridge import symbol
from splinework.interpret.symbolic.edges import edge_candidates
from splinework.interpret.symbolic.library import BY_NAME
from splinework.interpret.symbolic.library_function import (
    BOTH,
    NONE,
    RATE,
    SHIFT,
    Array,
    LibraryFunction,
    without_warnings,
)
from splinework.interpret.symbolic.own_functions import VARIABLE as FORM_VARIABLE
from splinework.interpret.symbolic.own_functions import own_function
from splinework.nn.config import EdgeFamily
from splinework.nn.edge_formula import VARIABLE, edge_program, edge_text
from splinework.nn.edge_functions import EdgeFunction

_SINC: Final = "where(abs(u) < 1/30, 1 - u**2/6 + u**4/120 - u**6/5040, sin(u)/u)"
_STABLE: Final = {
    "sinc": _SINC,
    "sinc^2": f"{_SINC}**2",
    "1/(exp-1)": "1/expm1(u)",
    "softplus": "softplus(u)",
    "x/(exp-1)": "where(abs(u) < 1/100, 1 - u/2 + u**2/12 - u**4/720, u/expm1(u))",
    "langevin": "where(abs(u) < 3/100, u/3 - u**3/45 + 2*u**5/945 - u**7/4725, 1/tanh(u) - 1/u)",
}
"""Texts of functions whose usual formula is undefined at a point, or overflows."""
_FREE: Final = {NONE: (False, False), SHIFT: (False, True), RATE: (True, False), BOTH: (True, True)}
"""Whether a and b are free; what is not can be absorbed by c and d."""


@dataclass(frozen=True)
class ChosenFunction:
    """A function F for an edge.

    Attributes:
        family: F without its numbers.
        numbers: a, b, c, d and the own constants before any fit.
        library: The same for the search of its numbers.
    """

    family: EdgeFamily
    numbers: tuple[float, ...]
    library: LibraryFunction

    @property
    def free(self) -> tuple[bool, ...]:
        """Flags of the numbers that training moves: all that are not redundant."""
        return free_numbers(self.family)

    def edge(self, i: int, j: int, numbers: tuple[float, ...] | None = None) -> EdgeFunction:
        """The edge with given values of a, b, c, d."""
        values = (*(numbers or self.numbers[:4]), *self.numbers[4:])
        return EdgeFunction(self.family, i, j, torch.tensor(values, dtype=torch.float64), self.free)

    def fitted(self, u: Array, values: Array) -> tuple[float, ...] | None:
        """All numbers by least squares to a curve `(N,)`; None where F is not defined on it, or constant."""
        found = edge_candidates(u, values, np.ones(len(u)), [self.library], degenerate=True)
        if not found:
            return None
        best = found[0]
        shape = best.function.shape
        own = self.numbers[4:] if shape is None else (shape,)
        phase = pi / 2 if self.family.name == "cos" else 0.0
        return self._polished((best.a, best.b - phase, best.c, best.d, *own), u, values)

    def _polished(self, start: tuple[float, ...], u: Array, values: Array) -> tuple[float, ...]:
        """The own constants of a formula fitted together with the others."""
        if len(start) == 4 or self.library.shape is not None:
            return start
        from scipy.optimize import least_squares

        free, points = np.array(self.free), torch.from_numpy(u)[:, None]

        def placed(moved: Array) -> EdgeFunction:
            numbers = np.array(start)
            numbers[free] = moved
            return replace(self.edge(0, 0), numbers=torch.from_numpy(numbers))

        def residuals(moved: Array) -> Array:
            return np.asarray(placed(moved).expand(points)[0][:, 0]) - values

        def jacobian(moved: Array) -> Array:
            return np.asarray(placed(moved).expand(points)[2][:, 0])

        solution = least_squares(residuals, np.array(start)[free], jacobian, method="trf")
        return tuple(placed(solution.x).numbers.tolist())


def free_numbers(family: EdgeFamily) -> tuple[bool, ...]:
    """Flags of the numbers of an edge with this function that training moves by default."""
    own = () if family.spline or family.call else edge_program(family.text)[1]
    known = BY_NAME.get(family.name)
    a, b = (True, True) if known is None else _FREE[known.free]
    return (a, b, True, True, *(True for _ in own))


def chosen_function(function: Any) -> ChosenFunction:
    """The function that a user names, writes or passes.

    Args:
        function: A name, such as `sin`; a formula over u, such as `exp(-u**2)`; a `LibraryFunction`; or a callable of tensors.

    Raises:
        ConfigError: If it is none of these; with the nearest names.
    """
    if isinstance(function, LibraryFunction):
        return _of_library(function)
    if callable(function):
        return _of_callable(function)
    if not isinstance(function, str):
        raise ConfigError(
            f"a function of an edge is a name, a formula over {VARIABLE}, a LibraryFunction or a callable of tensors, got "
            f"{type(function).__name__}."
        )
    text = function.strip()
    if text in BY_NAME:
        return _of_library(BY_NAME[text])
    if text in NAMES and NAMES[text].arity == 1 and not NAMES[text].truth:
        return _of_text(f"{NAMES[text].name}({VARIABLE})", text)
    return _of_text(_over_u(text), text)


def formula_of(function: LibraryFunction) -> str:
    """F over u, as one reads it."""
    text = str(function.build(symbol(VARIABLE)))
    for theirs, ours in (("Abs(", "abs("), ("Max(", "max("), ("Min(", "min("), ("besselj(", "jv(")):
        text = text.replace(theirs, ours)
    return text


def _of_library(function: LibraryFunction) -> ChosenFunction:
    known = BY_NAME.get(function.name) is function and function.name in _STABLE
    return _of_text(_STABLE[function.name] if known else formula_of(function), function.name, function)


def library_function(edge: EdgeFunction) -> LibraryFunction | None:
    """F of an edge for the search of formulas, with its present constants; None without a formula."""
    family, own = edge.family, edge.numbers[4:].tolist()
    known = BY_NAME.get(family.name)
    if known is not None and _of_library(known).family == family:
        return known if known.shape is None else known.at(own[0])
    if not family.text:
        return None
    return own_function(family.name, edge_text(family.text, [1, 0, 1, 0, *own], FORM_VARIABLE))


def _over_u(text: str) -> str:
    """A formula of one variable of any name as one over u."""
    try:
        tree = parse(text)
        names = names_in(tree)
        if len(names) == 1 and names.isdisjoint(NAMES) and not text.isidentifier():
            (name,) = names
            return text if name == VARIABLE else _renamed(text, name)
        if VARIABLE in names:
            edge_program(text)  # which says what is wrong
        reason = f"it has the variables {', '.join(sorted(names)) or '(none)'}"
    except FormulaError as error:
        reason = str(error)
    known = [*BY_NAME, *(each.name for each in FUNCTIONS.values() if each.arity == 1 and not each.truth)]
    raise ConfigError(
        f"{text!r} is neither a function of the library nor a formula of one variable, such as 'exp(-u**2)' ({reason}); "
        f"{nearest(text, dict.fromkeys(known))}"
    )


def _renamed(text: str, name: str) -> str:
    import ast

    tree = parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name:
            node.id = VARIABLE
    return ast.unparse(tree)


def _of_text(text: str, name: str, library: LibraryFunction | None = None) -> ChosenFunction:
    try:
        own = edge_program(text)[1]
    except FormulaError as error:
        raise ConfigError(f"{name!r} cannot be the function of an edge: {error}") from error
    family = EdgeFamily(name, text)
    if library is None:
        library = BY_NAME["sin"] if name == "cos" else _searchable(family)
    return ChosenFunction(family, (1.0, 0.0, 1.0, 0.0, *own), library)


def _of_callable(call: Callable[[Tensor], Any]) -> ChosenFunction:
    family = EdgeFamily(str(getattr(call, "__name__", type(call).__name__)), call=call)
    return ChosenFunction(family, (1.0, 0.0, 1.0, 0.0), _searchable(family))


def _searchable(family: EdgeFamily) -> LibraryFunction:
    """F as the search of numbers takes it; its sympy form is never asked for."""
    value, slope = (without_warnings(partial(_evaluated, family, order)) for order in (0, 1))
    return LibraryFunction(family.name, value, slope, lambda z: z, mirrored=False)


def _evaluated(family: EdgeFamily, order: int, z: Array) -> Array:
    own = edge_program(family.text)[1] if family.text else ()
    numbers = torch.tensor([1.0, 0.0, 1.0, 0.0, *own], dtype=torch.float64)
    edge = EdgeFunction(family, 0, 0, numbers, (False,) * len(numbers))
    found = edge.expand(torch.from_numpy(np.asarray(z, dtype=float).reshape(-1, 1)))[order]
    return np.asarray(found).reshape(np.shape(z))
