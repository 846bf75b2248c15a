"""Formulas as sympy: their size, their numbers rounded, their kind."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import sympy

from splinework.errors import FormulaError
from splinework.formula.parse import parse_formula
from splinework.interpret.symbolic.expression import node_count, python

FULL = 15
"""Digits of a number in float64."""
SECONDS = 10
"""Longest time of a simplification, as SRBench allows."""
START = 5
"""Seconds more, for the process to start."""
ROOT = Path(__file__).resolve().parents[2]


@cache
def nodes(text: str, names: tuple[str, ...]) -> int:
    """Nodes of a true formula: as given or simplified, whichever has more, so that no valid spelling is too long."""
    given = parse_formula(text, names)
    shorter = simplified(text, names)
    return max(size(given), size(shorter) if shorter is not None else 0)


def size(given: Any) -> int:
    """Nodes, with every constant part as one number: √(2π) is no longer than 2.5066."""
    return node_count(rounded(given, FULL))


@cache
def simplified(text: str, names: tuple[str, ...]) -> Any | None:
    """The result of `sympy.simplify` for the text, in a process of its own; None where that takes too long or fails."""
    command = [sys.executable, "-m", "benchmarks.formulas.truth", *names]
    try:
        ended = subprocess.run(command, input=text, capture_output=True, text=True, timeout=SECONDS + START, cwd=ROOT)
        return parse_formula(ended.stdout, names) if ended.returncode == 0 else None
    except (subprocess.TimeoutExpired, FormulaError):
        return None


def rounded(given: Any, digits: int) -> Any:
    """Every constant part as one number of `digits` significant digits; exponents as they are."""
    if not given.free_symbols:
        return sympy.Float(f"{float(given):.{digits}g}") if given.is_real else given
    if not given.args:
        return given
    if given.is_Add or given.is_Mul:
        fixed = [part for part in given.args if not part.free_symbols]
        moving = [rounded(part, digits) for part in given.args if part.free_symbols]
        return given.func(rounded(given.func(*fixed), digits), *moving) if fixed else given.func(*moving)
    if given.is_Pow and given.exp.is_Rational:
        return rounded(given.base, digits) ** given.exp
    return given.func(*(rounded(part, digits) for part in given.args))


def is_power_product(given: Any) -> bool:
    """Whether it is a constant times fixed powers of the inputs."""
    given = sympy.powdenest(sympy.powsimp(given.xreplace({s: sympy.Dummy(positive=True) for s in given.free_symbols})))
    _, moving = sympy.expand_power_base(given, force=True).as_independent(*given.free_symbols, as_Add=False)
    factors = sympy.Mul.make_args(moving)
    return bool(given.free_symbols) and all(
        f.as_base_exp()[0].is_Symbol and f.as_base_exp()[1].is_number for f in factors
    )


if __name__ == "__main__":  # the process of `simplified`
    columns = tuple(sys.argv[1:])
    sys.stdout.write(python(sympy.simplify(parse_formula(sys.stdin.read(), columns)), columns))
