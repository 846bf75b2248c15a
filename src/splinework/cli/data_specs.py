"""Texts of options of `splinework data`: `--range x=0:1`, `--units x=m`, `--add-noise student:0.1`, `--design lhs`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from splinework.errors import ConfigError, SplineworkError, nearest

if TYPE_CHECKING:
    from splinework.cli.data import DataOptions
    from splinework.data import FormulaSet, Input, OdeSet
    from splinework.data.designs import Design
    from splinework.data.noise import Noise

DESIGNS: Final = ("sobol", "lhs", "grid", "chebyshev", "uniform")
_DISTRIBUTIONS: Final = {
    "log": "loguniform", "int": "integer", "uniform": "uniform", "normal": "normal", "loguniform": "loguniform",
    "integer": "integer",
}  # fmt: skip
NOISES: Final = {
    "gaussian": "gaussian:SHARE of the target's root mean square",
    "student": "student:SHARE[:DF]",
    "outliers": "outliers:FRACTION[:SCALE]",
    "input": "input:SHARE of each input's spread",
    "heteroscedastic": "heteroscedastic:FORMULA of the standard deviation",
    "rounded": "rounded:DIGITS",
    "quantised": "quantised:BITS",
    "censored": "censored:LOW:HIGH",
    "missing": "missing:SHARE[:inputs|target|all]",
    "drift": "drift:SHARE at the end",
}
"""Name of a model → how it is written."""


def design_of(word: str) -> Design:
    """The design of a word."""
    from splinework.data.designs import Grid, LatinHypercube, Sobol, Uniform

    known: dict[str, Design] = {
        "sobol": Sobol(),
        "lhs": LatinHypercube(),
        "grid": Grid(),
        "chebyshev": Grid(spacing="chebyshev"),
        "uniform": Uniform(),
    }
    if word not in known:
        raise ConfigError(f"--design is one of {', '.join(known)}, got {word!r}.")
    return known[word]


def noise_of(words: Sequence[str]) -> tuple[float, tuple[Noise, ...]]:
    """The share of plain Gaussian noise (a bare number), and the models after it.

    Raises:
        ConfigError: If a word is none, or a number is out of range.
    """
    share: float | None = None
    models: list[Noise] = []
    for word in words:
        name, colon, rest = word.partition(":")
        if not colon and name not in NOISES:
            if share is not None:
                raise ConfigError(f"--add-noise is given two plain shares, {share} and {word}; leave one out.")
            share = _number(word, f"--add-noise is a share such as 0.1, or one of {', '.join(NOISES)} with numbers")
        else:
            models.append(_model(name, rest, word))
    return share or 0.0, tuple(models)


def formula_set(options: DataOptions, noise: tuple[Noise, ...]) -> FormulaSet:
    """The set of --formula and the options beside it.

    Raises:
        ConfigError: If a word cannot be read, or names what is not in the formula.
        FormulaError: If the formula cannot be read.
    """
    from splinework.data import FormulaSet
    from splinework.formula.reading import parse

    formula, idle = str(options.formula), options.idle or 0
    names = _in_order(parse(formula), [word.partition("=")[0].strip() for word in options.ranges])
    goal = options.target if options.target is not None else ("y" if "y" not in names else "target")
    sides = _pairs(options.ranges, "--range", names, "x=0:1")
    units = _pairs(options.units, "--units", [*names, goal], "x=m/s")
    dimensions = {name: _unit(name, unit) for name, unit in units.items()}
    inputs = tuple(_input(name, sides.get(name), dimensions.get(name, "")) for name in names)
    if not inputs and not idle:
        raise ConfigError(f"the formula {formula!r} has no variables; name one in it, or add --irrelevant 1.")
    where = design_of(options.design or "sobol")
    if options.like is not None:
        inputs, where = _like(options.like, inputs)
    return FormulaSet(
        formula,
        inputs,
        where,
        noise,
        idle,
        _correlation(options.correlations, names),
        target=goal,
        unit=dimensions.get(goal, ""),
    )


def _like(path: str, inputs: Sequence[Input]) -> tuple[tuple[Input, ...], Design]:
    """The same inputs over the ranges of a table's columns, and a design that draws rows like the table's.

    Raises:
        ConfigError: If the table lacks a column, or a column has no numbers.
    """
    from dataclasses import replace

    import numpy as np

    from splinework.data.marginals import Marginals
    from splinework.tabular.tables import numbers, quote, read_table

    table = read_table(path)
    columns = []
    for one in inputs:
        if one.name not in table.columns:
            raise ConfigError(f"--inputs-from {path} has no column {one.name!r}; {nearest(one.name, table.columns)}")
        found = numbers(table, one.name)
        if found.non_numeric:
            raise ConfigError(
                f"--inputs-from {path}: {one.name!r} is not all numbers: {quote(found.non_numeric, table.place)}."
            )
        columns.append(found.values)
    rows = np.column_stack(columns)
    whole = rows[np.isfinite(rows).all(axis=1)]
    if len(whole) < 2 or (whole.min(axis=0) == whole.max(axis=0)).any():
        raise ConfigError(f"--inputs-from {path} needs two rows without gaps, and values that vary in every column.")
    ends = zip(inputs, whole.min(axis=0).tolist(), whole.max(axis=0).tolist(), strict=True)
    sides = tuple(replace(one, low=low, high=high) for one, low, high in ends)
    return sides, Marginals(tuple(map(tuple, whole.tolist())))


def equation_set(options: DataOptions, noise: tuple[Noise, ...]) -> OdeSet:
    """The set of an ordinary differential equation, from the `x=…` texts of its right-hand sides and the options beside them.

    Raises:
        ConfigError: If a word cannot be read, or a state lacks its range.
        FormulaError: If a right-hand side cannot be read.
    """
    from splinework.data import OdeSet

    sides: dict[str, str] = {}
    for word in options.equations:
        state, sign, text = (part.strip() for part in word.partition("="))
        if not sign or not state or not text:
            raise ConfigError(f"--equation is written as x=y for dx/dt = y, got {word!r}.")
        if state in sides:
            raise ConfigError(f"--equation is given twice for {state!r}; give every state one equation.")
        sides[state] = text
    starts = _pairs(options.ranges, "--range", list(sides), "x=0:1", among="the equations")
    dimensions = _pairs(options.units, "--units", [*sides, "t"], "x=m", among="the equations")
    dimensions = {name: _unit(name, unit) for name, unit in dimensions.items()}
    if missing := [state for state in sides if state not in starts]:
        raise ConfigError(f"--equation needs a range of starts for {missing[0]!r}; add --range {missing[0]}=0:1.")
    inputs = tuple(_input(state, starts[state], dimensions.get(state, "")) for state in sides)
    until = 10.0 if options.end is None else options.end
    return OdeSet(tuple(sides.items()), inputs, until, noise=noise, time_unit=dimensions.get("t", ""))


def _in_order(tree: Any, declared: Collection[str]) -> list[str]:
    """The variables of a formula, as they first occur in it."""
    import ast

    from splinework.formula.reading import names_in

    known = names_in(tree, declared)
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in known]
    return list(dict.fromkeys(node.id for node in sorted(found, key=lambda node: (node.lineno, node.col_offset))))


def _pairs(
    words: Sequence[str], option: str, names: Sequence[str], example: str, *, among: str = "the formula"
) -> dict[str, str]:
    """`x=…` texts by the name before the sign."""
    found: dict[str, str] = {}
    for word in words:
        name, sign, value = (part.strip() for part in word.partition("="))
        if not sign or not name or not value:
            raise ConfigError(f"{option} is written as {example}, got {word!r}.")
        if name not in names:
            idle = option == "--range" and among == "the formula"
            hint = " For inputs that do nothing there is --irrelevant N." if idle else ""
            raise ConfigError(f"{option} {word}: {name!r} does not occur in {among}; {nearest(name, names)}{hint}")
        if name in found:
            raise ConfigError(f"{option} is given twice for {name!r}; name every column once.")
        found[name] = value
    return found


def _input(name: str, side: str | None, unit: str) -> Input:
    from splinework.data import Input

    if side is None:
        return Input(name, unit=unit)
    low, *rest = side.split(":")
    if not 1 <= len(rest) <= 2:
        raise ConfigError(f"--range {name}={side} is written as {name}=0:1, or {name}=1:100:log; two numbers at least.")
    word = rest[1].strip() if len(rest) == 2 else "uniform"
    if word not in _DISTRIBUTIONS:
        raise ConfigError(f"--range {name}={side}: no distribution {word!r}; {nearest(word, _DISTRIBUTIONS)}")
    first, last = (_number(end, f"--range {name}={side}: an end is a number") for end in (low, rest[0]))
    return Input(name, first, last, unit, cast(Any, _DISTRIBUTIONS[word]))


def _unit(name: str, text: str) -> str:
    from splinework.formula.units.parsing import parse_dimension

    try:
        parse_dimension(text)
    except SplineworkError as error:
        raise ConfigError(f"--units {name}={text}: {error}") from error
    return text


def _correlation(words: Sequence[str], names: Sequence[str]) -> tuple[tuple[float, ...], ...]:
    """`a:b=0.8` texts as a table."""
    if not words:
        return ()
    table = [[float(i == j) for j in range(len(names))] for i in range(len(names))]
    for word in words:
        pair, sign, value = word.partition("=")
        first, colon, second = (part.strip() for part in pair.partition(":"))
        if not sign or not colon:
            raise ConfigError(f"--correlation is written as a:b=0.8, got {word!r}.")
        for name in (first, second):
            if name not in names or first == second:
                raise ConfigError(f"--correlation {word}: name two different variables of {', '.join(names)}.")
        i, j = names.index(first), names.index(second)
        table[i][j] = table[j][i] = _number(value, f"--correlation {word}: it is a number between -1 and 1")
    return tuple(map(tuple, table))


def _model(name: str, rest: str, word: str) -> Noise:
    from splinework.data import noise as models

    if name not in NOISES:
        raise ConfigError(f"--add-noise {word}: there is no noise {name!r}; {nearest(name, NOISES)}")
    how = f"--add-noise {word} is written as {NOISES[name]}"
    if not rest:
        raise ConfigError(f"{how}.")
    if name == "heteroscedastic":
        return models.Heteroscedastic(rest)
    first, *more = rest.split(":")
    if len(more) > (name in ("student", "outliers", "censored", "missing")):
        raise ConfigError(f"{how}.")
    if name == "missing":
        if more and more[0] not in ("inputs", "target", "all"):
            raise ConfigError(f"{how}.")
        where = cast(Literal["inputs", "target", "all"], more[0] if more else "inputs")
        return models.Missing(_number(first, how), where)
    if name == "censored":
        low, high = ((_number(end, how) if end else None) for end in (first, more[0] if more else ""))
        return models.Censored(low, high)
    numbers = [_number(part, how) for part in (first, *more)]
    if name in ("rounded", "quantised"):
        if numbers[0] != int(numbers[0]):
            raise ConfigError(f"{how}, a whole number.")
        return models.Rounded(int(numbers[0])) if name == "rounded" else models.Quantised(int(numbers[0]))
    kinds: dict[str, Any] = {
        "gaussian": models.Gaussian, "student": models.StudentT, "outliers": models.Outliers,
        "input": models.InputNoise, "drift": models.Drift,
    }  # fmt: skip
    made: Noise = kinds[name](*numbers)
    return made


def _number(text: str, how: str) -> float:
    import math

    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{how}; got {text.strip()!r}.")
    return value
