"""Maxima on a box: of an output, and of the difference of two models."""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from splinework.errors import ConfigError
from splinework.formula.intervals import Interval
from splinework.knowledge.axioms.axiom import place
from splinework.knowledge.axioms.verify.branch import search
from splinework.knowledge.axioms.verify.claim import Claim, Environment, JetEnvironment
from splinework.knowledge.axioms.verify.network import Enclosure
from splinework.knowledge.axioms.verify.numbers import Model
from splinework.knowledge.axioms.verify.perturbation import apart
from splinework.knowledge.axioms.verify.subject import subject_of
from splinework.knowledge.axioms.verify.work import WorkBudget


@dataclass(frozen=True)
class Bound:
    """The maximum of a function on a box, enclosed.

    Attributes:
        upper: A proved upper bound.
        lower: The value at `point`, a proved lower bound.
        point: Values of the inputs, by name.
        boxes: Number of boxes processed.
        seconds: Elapsed time.
    """

    upper: float
    lower: float
    point: dict[str, float]
    boxes: int
    seconds: float


def bound(
    model: Model,
    *,
    output: int | str = 0,
    box: Any = None,
    largest: bool = True,
    gap: float = 0.01,
    effort: float = 30.0,
) -> Bound:
    """The maximum of an output, or of its negative, on a box.

    Args:
        model: A KAN or FramedKAN.
        output: The output, by name or index.
        box: Ranges of raw inputs, as for `verify`.
        largest: Whether to maximise f; otherwise -f, so that the minimum of f is `-upper`.
        gap: The wanted difference of `lower` and `upper`, as a share of the output's range.
        effort: Units of work, about a second of one core each; the result does not depend on how fast it is done.

    Raises:
        ConfigError: If the model or the box cannot be used.
    """
    subject = subject_of(model, box)
    j = place(output, subject.outputs, "bound", "output")

    def define(env: Environment) -> Any:
        value = env.partial(j, ())
        return env.apply("neg", value) if largest else value

    claim = Claim(subject.outputs[j], subject.inputs, subject.lo, subject.hi, define, len(subject.inputs))
    enclosure = Enclosure(model, Interval(subject.lo, subject.hi))
    return _greatest(claim, enclosure, gap * float(subject.spread[j]), WorkBudget(effort))


def difference(
    a: Model, b: Model, box: Any = None, *, output: int | str = 0, gap: float = 0.01, effort: float = 30.0
) -> Bound:
    """The maximum of `|a - b|` of two models on a box, for example a pruned model and the original.

    Args:
        a: A model.
        b: Another one with the same numbers of inputs and outputs.
        box: Ranges of raw inputs, as for `verify`; by default those of a.
        output: The output, by name or index.
        gap: The wanted difference of `lower` and `upper`, as a share of `upper`, at least 1e-9 of the output's range.
        effort: Units of work, about a second of one core each; the result does not depend on how fast it is done.

    Raises:
        ConfigError: If the numbers of inputs or outputs differ, or the box cannot be used.
    """
    subject = subject_of(a, box)
    other = subject_of(b, list(zip(subject.lo.tolist(), subject.hi.tolist(), strict=True)))
    if len(other.inputs) != len(subject.inputs) or len(other.outputs) != len(subject.outputs):
        raise ConfigError(
            f"the models have {len(subject.inputs)} and {len(other.inputs)} inputs, {len(subject.outputs)} and "
            f"{len(other.outputs)} outputs; they can be compared only if these are equal."
        )
    j = place(output, subject.outputs, "difference", "output")
    reach = Interval(subject.lo, subject.hi)
    second = Enclosure(b, reach)

    def define(env: Environment) -> Any:
        assert isinstance(env, JetEnvironment)
        twin = JetEnvironment(second, env.point, env.inputs)
        return env.minus_distance(env.partial(j, ()), twin.partial(j, ()))

    claim = Claim("difference", subject.inputs, subject.lo, subject.hi, define, len(subject.inputs))
    start = time.monotonic()
    floor = 1e-9 * float(subject.spread[j])
    near = apart(a, b, reach)
    known = np.inf if near is None else float(near[j])
    work = WorkBudget(effort)
    part = work.share(0.2 if known > floor else 1e-4)
    first = _greatest(claim, Enclosure(a, reach), max(floor, 1e-300), part)
    work.returned(part)
    found = first
    wanted = max(gap * first.lower, floor)
    if min(first.upper, known) - first.lower > wanted:
        second_try = _greatest(claim, Enclosure(a, reach), wanted, work)
        found = second_try if second_try.upper < first.upper else first
    return replace(found, upper=min(found.upper, known), seconds=time.monotonic() - start)


def _greatest(claim: Claim, enclosure: Enclosure, gap: float, work: WorkBudget) -> Bound:
    start = time.monotonic()
    found = search(claim, enclosure, target=-np.inf, gap=gap, work=work)
    point = {name: float(value) for name, value in zip(claim.names, found.point, strict=True)}
    return Bound(-found.lower, -found.upper, point, found.boxes, time.monotonic() - start)
