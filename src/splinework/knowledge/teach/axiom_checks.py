"""Whether a formula fulfils axioms: by proof where it is made of functions whose ranges are known, else on dense points."""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor

from splinework.formula.composer import formula_text
from splinework.formula.tensors import TENSORS
from splinework.interpret.symbolic.expression import Splines, compile_expression
from splinework.interpret.symbolic.library import Array
from splinework.knowledge.axioms import Axiom
from splinework.knowledge.axioms.quadrature import gauss
from splinework.knowledge.axioms.sampling import sobol
from splinework.knowledge.axioms.verify.api import Prover
from splinework.knowledge.axioms.verify.claim import Along, Claim, Environment
from splinework.knowledge.axioms.verify.subject import Subject
from splinework.knowledge.axioms.verify.work import WorkBudget
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.network import KAN

N_POINTS: Final = 4096
"""Points at which a formula is looked at where it cannot be proved."""
N_FIRST_POINTS: Final = 256
"""Points of a first look."""
_DIFFERENCE_STEPS: Final = {1: 1e-4, 2: 2e-3}
"""Steps of finite differences, as a share of the box, by the order of the derivative."""
PROVED, HOLDS = "proved", "holds on"


@final
@dataclass(frozen=True)
class CheckedFormulas:
    """Formulas of some outputs.

    Attributes:
        expressions: Over the raw inputs, one for each.
        splines: Those that occur, for each.
    """

    outputs: tuple[int, ...]
    expressions: tuple[Any, ...]
    splines: tuple[Splines, ...]


@final
@dataclass
class AxiomChecker:
    """Checks formulas against axioms, by proof or on points.

    Attributes:
        subject: The network that they come from, its box, and how much its outputs change there.
        axioms: Axioms that must hold.
        deadline: On the monotonic clock; after it nothing is proved, only looked at on points.
        broken: How many formulas broke which axiom.
        known: For each axiom, the number of formulas that fulfil it by proof, and on points.
        undefined: How many formulas are not defined in the whole box.
    """

    subject: Subject
    axioms: tuple[Axiom, ...]
    deadline: float
    broken: Counter[str] = field(default_factory=Counter)
    known: dict[str, Counter[str]] = field(default_factory=dict)
    undefined: int = 0

    def of(self, output: int) -> tuple[Axiom, ...]:
        """The axioms about one output alone."""
        return tuple(
            axiom for axiom in self.axioms if not axiom.of_outputs and output in self.subject.outputs_of(axiom)
        )

    @property
    def joint(self) -> tuple[Axiom, ...]:
        """The axioms about several outputs at once."""
        return tuple(axiom for axiom in self.axioms if axiom.of_outputs)

    def plausible(self, spoken: CheckedFormulas, axioms: Sequence[Axiom]) -> bool:
        """Whether formulas fulfil inequalities on a few points; what they break is counted.

        Equations are not looked at: they may come true once numbers are made simple.
        """
        subject = self._subject(spoken, None)
        if not _defined(spoken, subject, N_FIRST_POINTS):
            self.undefined += 1
            return False
        for axiom in axioms:
            if axiom.inequality and not _holds_on_points(_local(axiom), subject, spoken, N_FIRST_POINTS):
                self.broken[axiom.text()] += 1
                return False
        return True

    def statuses(
        self, spoken: CheckedFormulas, axioms: Sequence[Axiom], budget: float, *, counted: bool = True
    ) -> dict[str, str] | None:
        """The status of each axiom, by its text; None where one is broken or cannot be decided."""
        model = _model(spoken, self.subject)
        subject = self._subject(spoken, model)
        if not _defined(spoken, subject, N_POINTS):
            self.undefined += counted
            return None
        until = min(time.monotonic() + budget, self.deadline)
        found = {}
        for axiom in axioms:
            local = _local(axiom)
            status = "unknown" if model is None else _proof(local, subject, until)
            if status == "unknown" and _holds_on_points(local, subject, spoken, N_POINTS):
                status = f"{HOLDS} {N_POINTS} points"
            if status in ("unknown", "refuted"):
                self.broken[axiom.text()] += counted
                return None
            found[axiom.text()] = status
        for text, status in found.items():
            self.known.setdefault(text, Counter())[status] += 1
        return found

    def _subject(self, spoken: CheckedFormulas, model: FramedKAN | None) -> Subject:
        outputs = tuple(self.subject.outputs[j] for j in spoken.outputs)
        spread = self.subject.spread[list(spoken.outputs)]
        return replace(self.subject, model=model or self.subject.model, outputs=outputs, spread=spread)


def _local(axiom: Axiom) -> Axiom:
    """The axiom about a single formula."""
    return axiom if axiom.of_outputs else replace(axiom, output=None)


def _model(spoken: CheckedFormulas, subject: Subject) -> FramedKAN | None:
    """The formulas as a model: a frame that ignores its network; None where a frame cannot express them."""
    names = tuple(f"x{i + 1}" for i in range(len(subject.inputs)))
    called = dict(zip(subject.inputs, names, strict=True))
    texts = [formula_text(expression, called) for expression in spoken.expressions]
    if any(text is None for text in texts):
        return None
    outputs = tuple(f"y{j + 1}" for j in range(len(texts)))
    ranges = tuple(zip(subject.lo.tolist(), subject.hi.tolist(), strict=True))
    network = KAN([len(names), len(texts)], grid=1, dtype=torch.float64, generator=torch.Generator())
    network.kan_layers[0].mask.zero_()
    return FramedKAN(network, Frame(names, (), outputs, tuple(text for text in texts if text is not None), ranges))


def _proof(axiom: Axiom, subject: Subject, until: float) -> str:
    """`proved`, `refuted` or `unknown`."""
    prover = Prover(subject)
    found = []
    for claim in axiom.claims(subject):
        result = prover.quick(axiom, claim)
        if result is None:
            result = prover.slow(axiom, claim, work=WorkBudget(math.inf, until)) if time.monotonic() < until else None
        found.append("unknown" if result is None else result.status)
    return next((word for word in ("refuted", "unknown") if word in found), PROVED)


@final
class _OnPoints(Environment):
    """Claims at many points at once; derivatives by finite differences, so that splines have them too."""

    def __init__(self, spoken: CheckedFormulas, subject: Subject, x: Tensor) -> None:
        self.algebra = TENSORS
        self.x = list(x.unbind(1))
        self._inputs = len(subject.inputs)
        self._width = (subject.hi - subject.lo).tolist()
        names = subject.inputs
        pairs = zip(spoken.expressions, spoken.splines, strict=True)
        self._functions = [compile_expression(expression, names, splines) for expression, splines in pairs]

    def number(self, value: float) -> Tensor:
        return torch.tensor(value, dtype=torch.float64)

    def f(self, arguments: Sequence[Any]) -> list[Tensor]:
        columns = torch.broadcast_tensors(*arguments, self.x[0])[:-1]
        rows: Array = torch.stack(columns, 1).numpy()
        return [torch.from_numpy(function(rows)) for function in self._functions]

    def partial(self, output: int, along: Along) -> Tensor:
        here = self.x[: self._inputs]
        if not along:
            return self.f(here)[output]
        total, size = torch.zeros_like(here[0]), 1.0
        moves: list[tuple[float, Mapping[int, float]]] = [(1.0, {})]
        for i in along:
            step = _DIFFERENCE_STEPS[len(along)] * (self._width[i] or 1.0)
            size *= 2 * step
            moves = [(sign * s, {**by, i: by.get(i, 0.0) + s * step}) for sign, by in moves for s in (1.0, -1.0)]
        for sign, by in moves:
            total = total + sign * self.f([column + by.get(i, 0.0) for i, column in enumerate(here)])[output]
        return total / size


def _defined(spoken: CheckedFormulas, subject: Subject, points: int) -> bool:
    """Whether formulas have values at points of the box."""
    at = sobol(points, np.stack([subject.lo, subject.hi], 1), 2).numpy()
    pairs = zip(spoken.expressions, spoken.splines, strict=True)
    return all(bool(np.isfinite(compile_expression(e, subject.inputs, s)(at)).all()) for e, s in pairs)


def _holds_on_points(axiom: Axiom, subject: Subject, spoken: CheckedFormulas, points: int) -> bool:
    """Whether all claims hold on points; False where their domain is not a box."""
    return all(_holds(claim, subject, spoken, points) for claim in axiom.claims(subject))


def _holds(claim: Claim, subject: Subject, spoken: CheckedFormulas, points: int) -> bool:
    if claim.reason:
        return False
    if claim.total is not None:
        return _integral(claim, claim.total, subject, spoken)
    lo, hi = claim.lo.copy(), claim.hi.copy()
    width = subject.hi - subject.lo
    inputs = slice(0, claim.inputs)
    lo[inputs] = np.where(np.isfinite(lo[inputs]), lo[inputs], subject.lo - width)
    hi[inputs] = np.where(np.isfinite(hi[inputs]), hi[inputs], subject.hi + width)
    for i in {i for along in claim.derivatives for i in along}:
        room = _DIFFERENCE_STEPS[2] * width[i] * 2  # both ends of a difference lie in the box
        if hi[i] - lo[i] > 2 * room:
            lo[i], hi[i] = lo[i] + room, hi[i] - room
    ask = _OnPoints(spoken, subject, sobol(points, np.stack([lo, hi], 1), 2))
    meant = torch.ones(points, dtype=torch.bool)
    for low, high in claim.conditions:
        meant &= low(ask) <= high(ask)
    value = claim.define(ask).expand(points)[meant]
    return bool((value >= -claim.tolerance).all())  # NaN is no such value


def _integral(claim: Claim, equals: float, subject: Subject, spoken: CheckedFormulas) -> bool:
    if not (np.isfinite(claim.lo).all() and np.isfinite(claim.hi).all()):
        return False
    x, weights = gauss(list(zip(claim.lo.tolist(), claim.hi.tolist(), strict=True)))
    ask = _OnPoints(spoken, subject, torch.from_numpy(x))
    return abs(float(torch.from_numpy(weights) @ claim.define(ask)) - equals) <= claim.tolerance
