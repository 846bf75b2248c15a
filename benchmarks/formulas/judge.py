"""Whether an answer is right: the criteria of the protocol, and SRBench's beside them."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from benchmarks.formulas.tasks import FAR, ROWS, Floats, Task
from benchmarks.formulas.truth import rounded, simplified, size
from splinework.errors import FormulaError
from splinework.formula.expression import Expression
from splinework.formula.parse import parse_formula
from splinework.interpret.symbolic.expression import compile_expression

EXACT = 1e-6
"""Largest NRMSE on fresh noiseless rows, where there was no noise; with noise `NOISY` times its level, of 1000 rows or more, and
as much more as the standard error of fewer rows is."""
NOISY = 0.1
WIDE = 1e-4
"""The same on the wide range; with noise `WIDE_NOISY` times its level."""
WIDE_NOISY = 0.2
LONGER = 1.5
"""Most nodes, in nodes of the truth."""
READABLE = 25
"""Most nodes of a formula that predicts."""
ROUNDED = 1e-9
"""Relative deviation from a constant difference or ratio that is put down to rounding, once numbers are rounded."""
DIGITS = {False: 6, True: 3}
"""Significant digits of numbers for symbolic equality, without and with noise."""


@dataclass(frozen=True)
class Answer:
    """The answer of a contender.

    Attributes:
        formula: Python arithmetic over the inputs; may hold functions that are not of the whitelist.
        seconds: Seconds that it took.
        nodes: The contender's own count, for formulas that the whitelist does not read.
        fresh, wide: The contender's own values, for the same; None where there are none.
        splines: Inputs inside splines that the formula still contains, None if it contains none.
        error: Why there is no formula.
        notes: Notes that came with the formula.
    """

    formula: str = ""
    seconds: float = math.nan
    nodes: int = 0
    fresh: Floats | None = None
    wide: Floats | None = None
    splines: tuple[str, ...] | None = None
    error: str = ""
    notes: tuple[str, ...] = ()


@dataclass
class Evaluation:
    """The evaluation of one answer; numbers that do not exist are None.

    Attributes:
        solved: Whether it is as wanted: all of `exact`, `holds`, `short`; a constant; a refusal; the law; a short prediction.
        exact: Error on fresh rows small enough, or symbolically equal.
        holds: Error on the wide range small enough.
        short: Not many more nodes than the truth.
        equal: Symbolically equal, numbers rounded.
        srbench: Equal to the truth but for an offset or a factor, numbers rounded.
        wide_share: Share of the rows of the wide range that counted.
        idle: Inputs that the formula has and the truth has not.
        deviation: Relative root mean square deviation from the law of measurements.
        r2: R² of predictions on the rows left out.
        kept: Whether a refusal left the parts that are formulas outside its splines.
    """

    solved: bool = False
    exact: bool = False
    holds: bool = False
    short: bool = False
    equal: bool = False
    srbench: bool = False
    nrmse: float | None = None
    wide: float | None = None
    wide_share: float | None = None
    nodes: int | None = None
    truth_nodes: int | None = None
    idle: list[str] = field(default_factory=list)
    deviation: float | None = None
    r2: float | None = None
    kept: bool | None = None

    def facts(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def judge(task: Task, level: float, seed: int, answer: Answer, truth_nodes: int | None) -> Evaluation:
    """Scores an answer on rows that its contender has not seen."""
    evaluation = Evaluation(truth_nodes=truth_nodes)
    if not answer.formula and answer.fresh is None:
        return evaluation
    given = _read(answer.formula, task) if answer.formula else None
    fresh_x, fresh_y = task.fresh(seed)
    wide_x, wide_y = task.wide(seed)
    fresh = _values(answer.formula, given, task, fresh_x) if given is not None else answer.fresh
    wide = _values(answer.formula, given, task, wide_x) if given is not None else answer.wide
    evaluation.nodes = size(given) if given is not None else answer.nodes
    largest = float(np.abs(task.training(0.0, seed)[1]).max())
    with np.errstate(invalid="ignore"):
        rows = np.isfinite(wide_y) & (np.abs(wide_y) <= FAR * largest)
    evaluation.wide_share = float(rows.mean())
    if fresh is None or wide is None:
        return evaluation
    evaluation.nrmse = nrmse(fresh, fresh_y)
    evaluation.wide = nrmse(wide[rows], wide_y[rows])
    if task.wanted == "formula":
        _formula(evaluation, task, level, answer, given, fresh_x)
    elif task.wanted == "constant":
        evaluation.solved = given is not None and not given.free_symbols
    elif task.wanted == "law":
        evaluation.deviation = _root_mean_square(fresh / fresh_y - 1)
        evaluation.short = evaluation.nodes <= LONGER * (truth_nodes or 0)
        evaluation.solved = evaluation.short and _below(evaluation.deviation, task.tolerance)
    elif task.wanted == "prediction":
        evaluation.r2 = None if evaluation.nrmse is None else 1 - evaluation.nrmse**2
        evaluation.solved = evaluation.r2 is not None and 0 < evaluation.nodes <= READABLE
    else:
        _refusal(evaluation, task, level, answer)
    return evaluation


def _formula(evaluation: Evaluation, task: Task, level: float, answer: Answer, given: Any, x: Floats) -> None:
    """The criteria for a law."""
    if task.truth is None or evaluation.nodes is None or evaluation.truth_nodes is None:
        raise ValueError(f"{task.suite} {task.name} has no formula to compare with")
    truth = parse_formula(task.truth, task.inputs)
    if given is not None:
        evaluation.idle = sorted(s.name for s in given.free_symbols - truth.free_symbols)
        evaluation.equal, evaluation.srbench = alike(truth, given, task.inputs, x, DIGITS[level > 0])
    error = level * math.sqrt(max(ROWS / task.rows, 1.0))  # the standard error of what fewer rows tell is larger
    evaluation.exact = evaluation.equal or _below(evaluation.nrmse, NOISY * error or EXACT)
    evaluation.holds = _below(evaluation.wide, WIDE_NOISY * error or WIDE)
    most = LONGER * evaluation.truth_nodes
    if evaluation.exact and evaluation.holds and evaluation.nodes > most and given is not None:
        shorter = simplified(answer.formula, task.inputs)  # of every contender: only who prints badly gains
        evaluation.nodes = min(evaluation.nodes, size(shorter) if shorter is not None else evaluation.nodes)
    evaluation.short = evaluation.nodes <= most
    evaluation.solved = evaluation.exact and evaluation.holds and evaluation.short and answer.splines is None


def _refusal(evaluation: Evaluation, task: Task, level: float, answer: Answer) -> None:
    """The criteria for a refusal: it reports that there is no formula, or one that is as good as the truth."""
    refused = answer.splines is not None or any("no formula" in note.lower() for note in answer.notes)
    evaluation.exact = _below(evaluation.nrmse, NOISY * level or EXACT)
    evaluation.solved = refused or evaluation.exact
    if refused and task.kept:
        evaluation.kept = answer.splines is not None and not set(task.kept) & set(answer.splines)


def nrmse(found: Floats, wanted: Floats) -> float | None:
    """Root mean squared error over the standard deviation of the truth; None where a value is not finite."""
    if len(wanted) < 2 or not np.isfinite(found).all():
        return None
    with np.errstate(all="ignore"):
        value = float(np.sqrt(np.mean((found - wanted) ** 2)) / (wanted.std() or 1.0))
    return value if math.isfinite(value) else None


def _root_mean_square(gap: Floats) -> float | None:
    return float(np.sqrt(np.mean(gap**2))) if np.isfinite(gap).all() else None


def alike(truth: Any, given: Any, names: tuple[str, ...], x: Floats, digits: int) -> tuple[bool, bool]:
    """Whether two formulas are the same, and whether they are but for an offset or a factor.

    SRBench rounds all numbers and asks sympy whether difference or ratio simplifies to a constant; here it is to be constant over
    the rows, as the formulas stand or with all numbers rounded.
    """
    equal = alike_but = False
    for pair, tolerance in (
        ((truth, given), EXACT),
        ((rounded(truth, digits), rounded(given, digits)), ROUNDED),
    ):
        a, b = (compile_expression(each, names)(x) for each in pair)
        with np.errstate(all="ignore"):
            gap, ratio = a - b, a / b
            most = tolerance * a.std()
            factor = np.ptp(ratio) <= tolerance * abs(ratio.mean()) and abs(ratio.mean()) > 0
            equal |= bool(np.abs(gap).max() <= most)
            alike_but |= bool(np.ptp(gap) <= most or factor)
    return equal, alike_but


def _below(value: float | None, most: float) -> bool:
    return value is not None and value < most


def _read(formula: str, task: Task) -> Any | None:
    """The formula as a sympy expression, None if it is not of the whitelist."""
    try:
        return parse_formula(formula, task.inputs)
    except FormulaError:
        return None


def _values(formula: str, given: Any, task: Task, x: Floats) -> Floats:
    """Values of the text itself, so that what is printed is what is scored; of the expression where numpy lacks a function of
    it, or the text overflows on its way.
    """
    try:
        values = Expression(formula, task.inputs)(x)
    except FormulaError:
        return compile_expression(given, task.inputs)(x)
    return values if np.isfinite(values).all() else compile_expression(given, task.inputs)(x)
