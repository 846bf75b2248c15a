"""Libraries chosen by the user: names of ours, formulas of one variable, and functions of their own."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy

from splinework.errors import ConfigError, FormulaError, nearest
from splinework.errors.foreign import explained
from splinework.formula.parse import parse_formula
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.library import BY_NAME, LIBRARY
from splinework.interpret.symbolic.library_function import Array, LibraryFunction, without_warnings

VARIABLE = "z"
"""Name of the argument in a formula."""
SAMPLE = np.linspace(-3.0, 3.0, 25) + 0.0123
"""Arguments at which a function of the user's is tried, beside the places where simple functions have a pole."""
STEP, MAX_DISAGREEMENT = 1e-6, 1e-6
"""Step of the differences that stand in for a derivative, and relative error up to which a callable and its formula agree."""


@explained
def own_function(
    name: str,
    form: str,
    value: Callable[[Array], Any] | None = None,
    slope: Callable[[Array], Any] | None = None,
    *,
    cost: float = 2.8,
) -> LibraryFunction:
    """A function for a library: searches use it as `c F(a x + b) + d`.

    Args:
        name: A name of its own.
        form: The formula over `z`, such as `"z/(1 + abs(z))"`, which the found formulas are written with.
        value: Fast evaluation: an array to an array of the same shape, NaN where it is not defined. By default the formula's.
        slope: Its derivative in the same way; by default that of the formula, or differences where it has none.
        cost: Code length of its choice in nats; the larger, the more reluctantly it is used.

    Returns:
        The function, for `library=` of `discover`.

    Raises:
        FormulaError: If the formula cannot be read, or is constant.
        ConfigError: If a callable fails, gives another shape, or other values than the formula; with the argument where it does.

    Example:
        >>> softsign = own_function("softsign", "z/(1 + abs(z))")
        >>> float(softsign.value(np.array(1.0)))
        0.5
    """
    expression = parse_formula(form, [VARIABLE])
    z = symbol(VARIABLE)
    if not expression.has(z):
        raise FormulaError(f"the function {name!r} is {form!r}, a constant; write a formula over {VARIABLE}.")
    formula = _evaluated(expression)
    if value is None:
        value = formula
    else:
        _check_values(name, value, formula, "its formula")
    if slope is None:
        derivative = expression.diff(z)
        known = not derivative.atoms(sympy.Derivative, sympy.Subs, sympy.DiracDelta)
        slope = _evaluated(derivative) if known else partial(_differences, value)
    else:
        _check_values(name, slope, partial(_differences, formula), "the slope of its formula", MAX_DISAGREEMENT**0.5)
    return LibraryFunction(
        name,
        without_warnings(partial(_called, name, value)),
        without_warnings(partial(_called, name, slope)),
        partial(_substituted, expression),
        cost=cost,
        mirrored=False,
    )


def library_of(given: Sequence[str | LibraryFunction]) -> tuple[LibraryFunction, ...]:
    """All powers, and the functions of a library: names of ours, such as `sin`, formulas over `z`, or `LibraryFunction` objects.

    Raises:
        ConfigError: If there are none, or a text is neither a name nor a formula.
    """
    if isinstance(given, str):
        raise ConfigError(f"library takes a list of functions, got the text {given!r}; write [{given!r}].")
    if not given:
        raise ConfigError(
            "library has no functions, so that nothing could be found; name some, such as ['sin', 'exp']."
        )
    found: dict[str, LibraryFunction] = {}
    for each in given:
        function = each if isinstance(each, LibraryFunction) else _named(each)
        if function.name in found:
            raise ConfigError(f"library names {function.name!r} twice; leave one out.")
        found[function.name] = function
    arithmetic = {f.name: f for f in LIBRARY if not f.build(symbol(VARIABLE)).atoms(sympy.Function)}
    return tuple({**arithmetic, **found}.values())


def functions_of(library: Sequence[str | LibraryFunction]) -> tuple[LibraryFunction, ...]:
    """A library of `LibraryFunction` objects as it is, and `library_of` one with names or formulas.

    Raises:
        ConfigError: As `library_of`.
    """
    if not isinstance(library, str) and all(isinstance(each, LibraryFunction) for each in library):
        return tuple(each for each in library if isinstance(each, LibraryFunction))
    return library_of(library)


def uses_only(library: Sequence[LibraryFunction], expression: Any) -> bool:
    """Whether an expression has no functions but those in the library; arithmetic, powers and splines are always there."""
    z = symbol(VARIABLE)
    known = {node.func for function in library for node in function.build(z).atoms(sympy.Function)}
    if sympy.sin in known:
        known.add(sympy.cos)  # the library has one entry for both
    if sympy.exp in known:
        known |= {sympy.sinh, sympy.cosh}
    used = {node.func for node in expression.atoms(sympy.Function)}
    return all(function in known or isinstance(function, sympy.core.function.UndefinedFunction) for function in used)


def _named(text: Any) -> LibraryFunction:
    if not isinstance(text, str):
        raise ConfigError(
            f"library holds names, formulas over {VARIABLE} and LibraryFunctions; got {text!r} of type "
            f"{type(text).__name__}; a callable goes into own_function(name, form, value)."
        )
    if text in BY_NAME:
        return BY_NAME[text]
    try:
        return own_function(text, text)
    except FormulaError as error:
        raise ConfigError(
            f"library knows no function {text!r}, and it is no formula over {VARIABLE}; {nearest(text, list(BY_NAME))}"
        ) from error


def _substituted(expression: Any, argument: Any) -> Any:
    return expression.xreplace({symbol(VARIABLE): argument})


def _evaluated(expression: Any) -> Callable[[Array], Array]:
    compiled = compile_expression(expression, [VARIABLE])

    def value(z: Array) -> Array:
        z = np.asarray(z, dtype=float)
        return np.asarray(np.broadcast_to(compiled(z.reshape(-1, 1)), z.size)).reshape(z.shape)

    return value


def _differences(value: Callable[[Array], Any], z: Array) -> Array:
    """Central differences."""
    h = STEP * np.maximum(np.abs(z), 1.0)
    return np.asarray((value(z + h) - value(z - h)) / (2 * h))


def _called(name: str, function: Callable[[Array], Any], z: Array) -> Array:
    """The values of a function of the user's; a ConfigError names the argument at which it fails."""
    z = np.asarray(z, dtype=float)
    try:
        found = np.asarray(function(z), dtype=float)
    except Exception as error:
        place = next((float(each) for each in z.reshape(-1) if _fails(function, each)), None)
        where = (
            "on arrays, though on single numbers it does not; write it with NumPy" if place is None else f"at {place:g}"
        )
        raise ConfigError(f"the function {name!r} fails {where}: {type(error).__name__}: {error}.") from error
    if found.shape != z.shape:
        raise ConfigError(
            f"the function {name!r} gives shape {found.shape} for arguments of shape {z.shape}; it has to work by element."
        )
    return found


def _fails(function: Callable[[Array], Any], place: float) -> bool:
    try:
        np.asarray(function(np.asarray(place)), dtype=float)
    except Exception:  # noqa: BLE001  # whatever the user's callable raises
        return True
    return False


def _check_values(
    name: str,
    function: Callable[[Array], Any],
    wanted: Callable[[Array], Array],
    what: str,
    rtol: float = MAX_DISAGREEMENT,
) -> None:
    """Raises a ConfigError if a callable differs from what it should be at some argument."""
    with np.errstate(all="ignore"):
        found, truth = _called(name, function, SAMPLE), wanted(SAMPLE)
    both = np.isfinite(found) & np.isfinite(truth)
    off = both & (np.abs(found - truth) > rtol * (1 + np.abs(truth)))
    if off.any():
        n = int(np.argmax(off))
        raise ConfigError(
            f"the function {name!r} is {found[n]:g} at {SAMPLE[n]:g} by its callable and {truth[n]:g} by {what}; "
            "both have to be the same function."
        )
