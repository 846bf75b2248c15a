"""Misspecification tests of axioms: a likelihood-ratio test after the fit.

A hard axiom holds in the model whatever the rows say, so a wrong one shows as a misfit: some function of a flexible family,
added to the model, comes nearer to the rows than any that keeps the axiom. How near it comes by chance is worked out in
`likelihood_ratio`. A model that is too smooth or too small misfits too; then a finer family, within the axiom,
is as near to the rows, and the axiom is not blamed.

Not tested: axioms without linear conditions on one output (`Axiom.linear_conditions`), losses other than the squared one,
and what has no consequence in the range of the rows, such as a period longer than it.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.knowledge.axioms import Axiom, Verify
from splinework.knowledge.axioms.axiom import outputs_of
from splinework.knowledge.axioms.linear import LinearCondition
from splinework.knowledge.axioms.sampling import PenaltyContext, read_unit
from splinework.knowledge.teach.alternatives import AlternativeSpace, alternative_space
from splinework.knowledge.teach.informed import GivenRows, Model
from splinework.knowledge.teach.likelihood_ratio import ResidualSample, TestOutcome, likelihood_ratio_test
from splinework.nn.frame.framed import names_of
from splinework.train.losses import Squared

SIGNIFICANCE_LEVEL = 0.01
"""Family-wise error rate: largest probability of any warning where all axioms are right."""
MISFIT_TOLERANCE = 1e-6
"""Root mean square misfit, in spreads of y, at which every row is met."""
MIN_ROWS, MAX_ROWS = 20, 2000
"""Fewest rows for a test, and most rows that it uses, evenly spaced."""
FREE_SIZES, FINE_SIZE = ((1, 4), (4, 4), (8, 4)), (16, 3)
"""Intervals of the splines along an input, and rows per function at least: of families that need not keep an axiom, and of the
finer one that does where it is an inequality."""
N_CONDITION_ROWS = 256
"""Rows at which conditions are looked at."""
MIN_MISFIT_SHARE = 1e-3
"""A misfit below this share of the spread of y is that of the splines, not of the rows."""
MAX_FUNCTIONS = 300
"""Most functions of a family."""
N_DRAWS = 400
"""Draws of the null distribution for each tested condition: the smallest counted probability is a quarter of the level."""


@final
@dataclass(frozen=True)
class AxiomTest:
    """A misspecification test that rejects an axiom.

    Attributes:
        text: The warning for the user.
        probability: p-value, corrected for several conditions.
    """

    text: str
    probability: float


@final
@dataclass(frozen=True, eq=False)
class _TestedCondition:
    """One condition that an axiom imposes on one output."""

    axiom: Axiom
    output: int
    condition: LinearCondition


@torch.no_grad()
def axiom_tests(model: Model, axioms: Sequence[Axiom], rows: GivenRows) -> list[AxiomTest]:
    """Tests of hard and soft axioms; returns those that the rows reject, smallest p-value first.

    Each axiom has its own test, in which the model may miss whatever the others are about, so that one that is right is not
    blamed for another. Their probabilities are corrected for their number (Holm 1979).

    Args:
        model: The model that was fitted under the axioms.
        axioms: All axioms, those only to be verified included.
        rows: The training rows.

    Returns:
        One test for each axiom that the rows reject at the level of 1 %; none for losses other than the squared one,
        or fewer than 20 rows.
    """
    outputs = names_of(model)[1]
    tested = [axiom for axiom in axioms if not isinstance(axiom.strength, Verify)]
    if not tested or len(rows.x) < MIN_ROWS or not isinstance(rows.loss, Squared) or rows.y.shape[1] != len(outputs):
        return []
    if bool(((rows.y - model(rows.x)).square().mean(0).sqrt() <= MISFIT_TOLERANCE * rows.spread).all()):
        return []  # every row is met: nothing is rejected
    look = _TestSetting.at(model, tested, rows)
    if not look.free:
        return []
    seen: dict[int, list[tuple[TestOutcome, _TestedCondition]]] = {}
    for case in _tested_conditions(tested, look, outputs):
        seen.setdefault(id(case.axiom), []).append((look.judge(case), case))
    worst = []
    for parts in seen.values():
        found, case = min(parts, key=lambda part: part[0].probability)
        worst.append((min(1.0, len(parts) * found.probability), found, case))
    worst.sort(key=lambda each: each[0])
    rejected = []
    for number, (probability, found, case) in enumerate(worst):
        if probability * (len(worst) - number) > SIGNIFICANCE_LEVEL:
            break
        rejected.append(AxiomTest(look.sentence(case, found, probability), probability))
    return rejected


def _tested_conditions(
    axioms: Sequence[Axiom], look: "_TestSetting", outputs: Sequence[str]
) -> Iterator[_TestedCondition]:
    for axiom in axioms:
        for j in outputs_of(axiom, outputs):
            for condition in axiom.linear_conditions(look.setting, j if axiom.output is None else 0):
                yield _TestedCondition(axiom, j, condition)


@final
@dataclass(frozen=True, eq=False)
class _TestSetting:
    """The rows, the model's residuals there, and families of functions that it may have missed."""

    predict: Callable[[Tensor], Tensor]
    x: Tensor
    residuals: Tensor
    spread: Tensor
    setting: PenaltyContext
    free: tuple[AlternativeSpace, ...]
    fine: AlternativeSpace | None

    @classmethod
    def at(cls, model: Model, axioms: Sequence[Axiom], rows: GivenRows) -> "_TestSetting":
        x, y = _subsample(rows.x, MAX_ROWS).cpu(), _subsample(rows.y, MAX_ROWS).cpu()
        like = next(model.parameters())

        def predict(points: Tensor) -> Tensor:
            found: Tensor = model(points.to(like))
            return found.to("cpu", torch.float64)

        one = torch.ones(1, dtype=torch.float64)
        box = torch.stack(rows.ends, dim=1).cpu()
        setting = PenaltyContext(
            tuple(names_of(model)[0]), ("y",), box, one, 0 * one, _subsample(x, N_CONDITION_ROWS), read_unit=read_unit
        )
        numbers = {frozenset(setting.input(name, axiom) for name in axiom.inputs) for axiom in axioms}
        named = sorted({pair for its in numbers for pair in itertools.combinations(sorted(its), 2)})
        free = tuple(its for size in FREE_SIZES if (its := _family(x, size, named)) is not None)
        return cls(predict, x, y - predict(x), rows.spread.cpu(), setting, free, _family(x, FINE_SIZE, named))

    def judge(self, case: _TestedCondition) -> TestOutcome:
        """Tests one condition."""
        j, condition, widest = case.output, case.condition, self.free[-1]
        fine = widest if condition.equal or self.fine is None else self.fine
        count, wide = fine.size, widest.size

        def together(points: Tensor) -> Tensor:
            return torch.cat([fine.of(points), widest.of(points), self.predict(points)[:, j : j + 1]], dim=1)

        values = condition.values(together, count + wide + 1)
        sample = ResidualSample(fine.of(self.x), tuple(its.of(self.x) for its in self.free), self.residuals[:, j])
        found = likelihood_ratio_test(
            sample,
            values[:, :count],
            values[:, -1] + condition.offset,
            None if condition.equal else values[:, count:-1].norm(dim=1),
            draws=N_DRAWS,
            generator=torch.Generator().manual_seed(0),
        )
        small = float(found.gap.abs().max()) * sample.noise < MIN_MISFIT_SHARE * float(self.spread[j])
        return TestOutcome(1.0, found.gap) if small else found

    def sentence(self, case: _TestedCondition, found: TestOutcome, probability: float) -> str:
        """The warning."""
        names = self.setting.input_names
        row = int(found.gap.abs().argmax())
        inputs = [self.setting.input(name, case.axiom) for name in case.axiom.inputs] or range(len(names))
        where = ", ".join(f"{names[i]} = {float(self.x[row, i]):.3g}" for i in list(inputs)[:3])
        likely = f"p = {probability:.2g}" if probability >= 1e-4 else "p < 0.0001"
        far = float(found.gap[row].abs())
        size = f"{far:.1f}" if far < 100 else "over 100"
        return (
            f"the data contradict {case.axiom.text()}: {likely}; around {where} the rows lie {size} noise deviations "
            "from the nearest function of which it is true. Check the axiom, or give it strength=Soft() or Verify()."
        )


def _family(x: Tensor, size: tuple[int, int], named: Sequence[tuple[int, int]]) -> AlternativeSpace | None:
    intervals, share = size
    return alternative_space(x, intervals, min(len(x) // share, MAX_FUNCTIONS), named)


def _subsample(x: Tensor, most: int) -> Tensor:
    """Rows that are evenly spaced, at most `most` of them."""
    return x if len(x) <= most else x[torch.linspace(0, len(x) - 1, most, device=x.device).long()]
