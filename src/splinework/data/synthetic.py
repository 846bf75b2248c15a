"""Benchmark problems: a formula, and a box to draw inputs from.

`problem(name)` returns the toys of the KAN paper (Liu et al. 2024, arXiv 2404.19756, section 3.1) and a few
tests of function recovery; `feynman(identifier)` returns the formulas of the Feynman data set (Udrescu &
Tegmark 2020), in the 27 dimensionless forms of the paper's Table 2 or in the full dimensional ones. Each
function is computed from its text by `Expression`.
"""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Final, Literal, final, get_args

import numpy as np

from splinework.data.random_streams import Floats
from splinework.errors import ConfigError, DataError, nearest
from splinework.errors.foreign import explained, explained_record
from splinework.formula.expression import Expression

FeynmanTable = Literal["dimensionless", "dimensional"]

_FEYNMAN_FILES: Final[dict[FeynmanTable, tuple[str, str, str]]] = {
    "dimensionless": ("feynman_27.csv", "low_proposed", "high_proposed"),
    "dimensional": ("feynman_equations.csv", "low", "high"),
}


@explained_record
@final
@dataclass(frozen=True)
class BenchmarkProblem:
    """A function of several variables on a box.

    Attributes:
        name: Name in the registry, or identifier of the Feynman formula.
        formula: The function as text, as read by `Expression`.
        function: The function in NumPy, x of shape (n, d) to y of shape (n,).
        inputs: Names of the d inputs, in the order of the columns of x.
        low: Lower corner of the box that x is drawn from.
        high: Upper corner of the box.
        scatter: Standard deviation of the problem's own Gaussian noise, in the unit of y.
        units: Units of the inputs, or empty; `1` is dimensionless.
        unit: Unit of y, or empty.

    Example:
        >>> problem("product").inputs
        ('x1', 'x2')
    """

    name: str
    formula: str
    function: Callable[[Floats], Floats] = field(repr=False, compare=False)
    inputs: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    scatter: float = 0.0
    units: tuple[str, ...] = ()
    unit: str = ""

    def sample(self, n: int, *, seed: int, noise: float = 0.0) -> tuple[Floats, Floats]:
        """Draws n points uniformly from the box; x does not depend on the noise.

        Args:
            n: Number of rows, at least 1.
            seed: Seed of NumPy's default generator.
            noise: Standard deviation of Gaussian noise on y relative to that of y over these rows.

        Returns:
            x of shape (n, d) and y of shape (n,), float64.

        Raises:
            ConfigError: If n is below 1, or noise is negative or not finite.

        Example:
            >>> x, y = problem("product").sample(4, seed=0)
            >>> bool((y == x[:, 0] * x[:, 1]).all())
            True
        """
        if n < 1:
            raise ConfigError(f"n must be at least 1, got {n}.")
        if not 0.0 <= noise < float("inf"):
            raise ConfigError(
                f"noise is relative to the standard deviation of y, at least 0, got {noise}; 0.1 is 10 %."
            )
        generator = np.random.default_rng(seed)
        x = generator.uniform(self.low, self.high, size=(n, len(self.inputs)))
        y = self.function(x)
        spread = float(np.hypot(self.scatter, noise * y.std())) if noise else self.scatter
        return x, y + spread * generator.standard_normal(n) if spread else y


@explained
def problem(name: str) -> BenchmarkProblem:
    """Looks up a benchmark problem.

    Args:
        name: One of `problem_names()`.

    Returns:
        The problem.

    Raises:
        DataError: If the name is unknown; the message suggests similar ones.

    Example:
        >>> problem("exp_sine").formula
        'exp(sin(pi*x1) + x2**2)'
    """
    return _found(name, _PROBLEMS, "problem")


@explained
def problem_names() -> tuple[str, ...]:
    """The names of all problems, the five toys of the paper first.

    Returns:
        The names.

    Raises:
        Nothing.

    >>> problem_names()[:2]
    ('bessel', 'exp_sine')
    """
    return tuple(_PROBLEMS)


@explained
def feynman(identifier: str, *, table: FeynmanTable = "dimensionless") -> BenchmarkProblem:
    """Looks up a formula of the Feynman data set.

    Args:
        identifier: One of `feynman_ids()`, such as "I.6.2".
        table: "dimensionless" for the 27 of the KAN paper's Table 2, on ranges proposed here because the
            paper does not publish any; "dimensional" for the 120 of the data set on its own ranges. An
            identifier in both denotes two different functions.

    Returns:
        The problem.

    Raises:
        DataError: If the identifier is unknown; the message suggests similar ones.
        ConfigError: If the table is unknown.

    Example:
        >>> feynman("I.16.6").formula
        '(a+b)/(1+a*b)'
    """
    return _found(identifier, _feynman_rows(table), f"{table} Feynman formula")


@explained
def feynman_ids(*, table: FeynmanTable = "dimensionless") -> tuple[str, ...]:
    """The identifiers of the Feynman formulas, in the order of the table.

    Args:
        table: "dimensionless" or "dimensional".

    Returns:
        The identifiers.

    Raises:
        ConfigError: If the table is unknown.

    >>> len(feynman_ids())
    27
    """
    return tuple(_feynman_rows(table))


@cache
def _feynman_rows(table: FeynmanTable) -> dict[str, BenchmarkProblem]:
    if table not in get_args(FeynmanTable):
        raise ConfigError(f"table is one of {list(get_args(FeynmanTable))}, got {table!r}.")
    name, low, high = _FEYNMAN_FILES[table]
    with files(__package__).joinpath(name).open("r", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    found = {
        row["id"]: _problem(
            row["id"], row["formula"], row["variables"].split(";"), _numbers(row[low]), _numbers(row[high])
        )
        for row in rows
    }
    if table == "dimensional":
        return {row["id"]: _with_units(found[row["id"]], row) for row in rows}
    return found


def _with_units(recipe: BenchmarkProblem, row: dict[str, str]) -> BenchmarkProblem:
    """The problem with the units of the table, where T is a temperature."""

    def plain(unit: str) -> str:
        return {"": "", "Dimensionless": "1"}.get(unit, unit.replace("T^", "K^"))

    units = [plain(unit) for unit in row["variable_units"].split(";")]
    if row["id"] == "I.43.16":  # v = mu q V/d: the table has the reciprocal of this mobility's unit
        units[recipe.inputs.index("mu_drift")] = "s^1 * kg^(-1)"
    return replace(recipe, units=tuple(units), unit=plain(row["output_units"]))


def _numbers(cell: str) -> tuple[float, ...]:
    return tuple(float(number) for number in cell.split(";"))


def _found(name: str, known: Mapping[str, BenchmarkProblem], kind: str) -> BenchmarkProblem:
    if name in known:
        return known[name]
    raise DataError(f"there is no {kind} {name!r}; {nearest(name, known)}")


def _problem(
    name: str,
    formula: str,
    inputs: Iterable[str],
    low: float | tuple[float, ...] = -1.0,
    high: float | tuple[float, ...] = 1.0,
    scatter: float = 0.0,
) -> BenchmarkProblem:
    """A problem from its formula; a single bound applies to every input."""
    names = tuple(inputs)
    lower = low if isinstance(low, tuple) else (low,) * len(names)
    upper = high if isinstance(high, tuple) else (high,) * len(names)
    return BenchmarkProblem(name, formula, Expression(formula, names), names, lower, upper, scatter)


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"x{index}" for index in range(1, count + 1))


def _mean_squared_sine(count: int) -> str:
    terms = " + ".join(f"sin(pi*{name}/2)**2" for name in _names(count))
    return f"exp(({terms})/{count})"


_PROBLEMS: Final[dict[str, BenchmarkProblem]] = {
    recipe.name: recipe
    for recipe in (
        # KAN paper, section 3.1: the five toys, all on [-1, 1]
        _problem("bessel", "j0(20*x1)", _names(1)),
        _problem("exp_sine", "exp(sin(pi*x1) + x2**2)", _names(2)),
        _problem("product", "x1*x2", _names(2)),
        _problem("mean_sine_100", _mean_squared_sine(100), _names(100)),
        _problem("exp_sine_4", "exp((sin(pi*(x1**2 + x2**2)) + sin(pi*(x3**2 + x4**2)))/2)", _names(4)),
        # function recovery
        _problem("monomial", "x1**(3/2)*x2**(-1/2)*x3**(2/3)", _names(3), 0.5, 4.0),
        _problem("idle_sum", "sin(pi*x1) + x2**2", _names(3)),
        _problem("ratio", "(x1 - x2)/(x1 + x2)", _names(2), 0.5, 2.0),
        _problem("pure_noise", "0", _names(3), scatter=1.0),
    )
}
