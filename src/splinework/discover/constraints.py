"""Functions and columns that formulas may not contain, and terms that they must contain."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sympy

from splinework.discover.search_space import SearchSpace
from splinework.errors import FormulaError, nearest
from splinework.formula.functions import NAMES
from splinework.formula.parse import parse_formula
from splinework.formula.sympy_bridge import SYMPY
from splinework.interpret.symbolic.library import LIBRARY, LibraryFunction

_ROOT_DENOMINATORS = {"sqrt": 2, "cbrt": 3}
"""Functions that sympy writes as powers → denominator of the exponent."""


@dataclass(frozen=True)
class ForbiddenNames:
    """Functions and columns that a formula may not contain.

    Attributes:
        columns: Names of columns.
        functions: Names of functions, as formulas write them or as the library calls them.
    """

    columns: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()

    def allows(self, expression: Any) -> bool:
        """Whether an expression contains none of them."""
        present = {s.name for s in expression.free_symbols}
        return present.isdisjoint(self.columns) and not any(_occurs(name, expression) for name in self.functions)

    @property
    def library(self) -> tuple[LibraryFunction, ...]:
        """The functions that are allowed."""
        place = sympy.Symbol("z", real=True)
        return tuple(f for f in LIBRARY if f.name not in self.functions and self.allows(f.build(place)))

    def restricted(self, search: Callable[..., Any]) -> Callable[..., Any]:
        """The search restricted to what is allowed, if it has the option `space=`.

        Its formulas are to be checked in any case.
        """
        if not self.functions:
            return search
        if "space" not in inspect.signature(search).parameters:
            return search
        return partial(search, space=SearchSpace(library=self.library, allows=self.allows))


def forbidden_names(forbid: Sequence[str], names: Sequence[str]) -> ForbiddenNames:
    """The forbidden columns and functions by name; a column hides a function of the same name.

    Raises:
        FormulaError: If a name is neither a column nor a function, or no column is left.
    """
    if isinstance(forbid, str):
        raise FormulaError(f"forbid takes a list of names, got the text {forbid!r}; write [{forbid!r}].")
    known = [*names, *(word for word, each in NAMES.items() if each.arity == 1), *(f.name for f in LIBRARY)]
    for name in forbid:
        if name not in known:
            raise FormulaError(
                f"{name!r} cannot be forbidden: it is neither a column nor a function; {nearest(name, known)}"
            )
    columns = tuple(name for name in forbid if name in names)
    if names and set(columns) == set(names):
        raise FormulaError("every column is forbidden, so that nothing is left to make a formula of; allow one.")
    return ForbiddenNames(columns, tuple(name for name in forbid if name not in names))


def _occurs(name: str, expression: Any) -> bool:
    """Whether an expression contains a function, given by its name in formulas."""
    if name in _ROOT_DENOMINATORS:
        powers = expression.atoms(sympy.Pow)
        return any(p.exp.is_Rational and p.exp.q == _ROOT_DENOMINATORS[name] for p in powers)
    function = NAMES.get(name)
    if function is None or function.arity != 1 or function.name not in SYMPY:
        return False
    sample = SYMPY[function.name](sympy.Symbol("z", real=True))
    return bool(sample.is_Function) and expression.has(sample.func)


def required_terms(require: Sequence[str], names: Sequence[str], forbidden: ForbiddenNames) -> tuple[Any, ...]:
    """The terms that a formula must contain, without numerical factors; their own numbers are exact.

    Raises:
        FormulaError: If a text is no formula over the columns, a mere number, or uses what is forbidden.
    """
    if isinstance(require, str):
        raise FormulaError(f"require takes a list of terms, got the text {require!r}; write [{require!r}].")
    terms = []
    for text in require:
        term = parse_formula(text, names)
        term = term.xreplace({f: sympy.Rational(repr(float(f))) for f in term.atoms(sympy.Float)})
        if not term.free_symbols:
            raise FormulaError(
                f"the required term {text!r} is a number; name a term of columns, such as exp({names[0]})."
            )
        if not forbidden.allows(term):
            raise FormulaError(f"the required term {text!r} uses what is forbidden; drop it from one of the two lists.")
        terms.append(term.as_independent(*term.free_symbols, as_Add=False)[1])
    return tuple(dict.fromkeys(terms))


def contains(expression: Any, term: Any) -> bool:
    """Whether an expression contains a term: as a part, or as some factors of a product or summands of a sum.

    A sum may be multiplied by a number, and an exponential by others: `exp(x + y)` contains `exp(x)`.
    """
    return any(_holds(part, term) for part in sympy.preorder_traversal(expression))


def _holds(part: Any, term: Any) -> bool:
    if part == term:
        return True
    if term.is_Mul and part.is_Mul:
        return set(term.args) <= set(part.args)
    if term.is_Add and part.is_Add:
        own, others = term.as_coefficients_dict(), part.as_coefficients_dict()
        ratios = [float(others.get(key, 0)) / float(number) for key, number in own.items()]
        return ratios[0] != 0 and all(abs(r - ratios[0]) <= 1e-9 * abs(ratios[0]) for r in ratios)
    if isinstance(term, sympy.exp) and isinstance(part, sympy.exp):
        return set(sympy.Add.make_args(term.args[0])) <= set(sympy.Add.make_args(part.args[0]))
    return False
