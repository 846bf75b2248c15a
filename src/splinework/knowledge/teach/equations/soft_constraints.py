"""Soft constraints: axioms that are not built in, as weighted residuals at points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms import Axiom, Hard, Soft, Verify
from splinework.knowledge.axioms.axiom import outputs_of, place
from splinework.knowledge.axioms.facts import DifferentialEquation as Stated
from splinework.knowledge.axioms.facts import (
    FaceValue,
    Fact,
    IntegralValue,
    Periodicity,
    PointValues,
    RegionBoundaryValue,
    facts_of,
)
from splinework.knowledge.teach.equations.conditions import faces_of, text_of
from splinework.knowledge.teach.equations.domain import Domain
from splinework.knowledge.teach.equations.equation import Equation, read_equation
from splinework.nn.derivatives import Model, Monomial, partials
from splinework.nn.frame import Expression
from splinework.train import Residual

DEFAULT_WEIGHT = 100.0
"""Default weight of the mean square of a boundary value, a measurement or an integral beside that of an
equation: an error of u is far smaller than that of its derivatives."""
FACE_SHARE, N_QUADRATURE_NODES = 0.25, 24
"""Points on a face, as a share of those inside; nodes of a quadrature per input."""


def equations_of(
    axioms: Sequence[Axiom], inputs: Sequence[str], outputs: Sequence[str]
) -> list[tuple[Axiom, Equation]]:
    """The differential equations among the axioms, read, each with all unknowns of the problem.

    Raises:
        ConfigError: If an unknown has two starts, or the name of something else.
        FormulaError: If an equation cannot be read.
    """
    unknowns = list(unknowns_of(axioms, (*inputs, *outputs)))
    found = []
    for fact in facts_of(axioms, Stated):
        if not isinstance(fact.axiom.strength, Verify):
            output = None if fact.axiom.output is None else outputs_of(fact.axiom, outputs)[0]
            found.append((fact.axiom, read_equation(fact.text, inputs, outputs, unknowns, output)))
    return found


def unknowns_of(axioms: Sequence[Axiom], taken: Sequence[str]) -> dict[str, float]:
    """Unknown coefficients by name, each with where it starts.

    Raises:
        ConfigError: If one has two starts, or the name of something else.
    """
    found: dict[str, float] = {}
    for fact in facts_of(axioms, Stated):
        for name, start in fact.unknowns:
            if name in taken or found.get(name, start) != start:
                raise ConfigError(
                    f"the unknown {name!r} of {fact.axiom.text()} is named like an input or output, or starts elsewhere in "
                    "another equation; give it a name of its own, and one start."
                )
            found[name] = start
    return found


def rows_of(axioms: Sequence[Axiom], domain: Domain, outputs: Sequence[str], count: int, seed: int) -> list[Residual]:
    """The soft axioms on values as residuals.

    Args:
        axioms: Axioms about boundaries, starts, periods, points and integrals; hard ones of the first three are left out.
        domain: The domain of the problem.
        outputs: Names.
        count: Points inside; faces have their share.
        seed: Seed of the points.

    Raises:
        ConfigError: If an axiom can neither be built in nor asked for.
        FormulaError: If a formula cannot be read.
    """
    found: list[Residual] = []
    few = max(round(FACE_SHARE * count), 16)
    for number, axiom in enumerate(axioms):
        facts = axiom.facts()
        if isinstance(axiom.strength, Verify) or facts_of([axiom], Stated):
            continue
        if not facts or any(type(fact) not in _ROWS for fact in facts):
            faces_of(axiom, domain.inputs)  # tells of faces that are not there
            raise ConfigError(
                "an equation is solved with the axioms residual, boundary, initial, periodic, through, integral; got "
                f"{axiom.text()}."
            )
        if axiom.strength == Hard() and axiom.corrected:
            raise ConfigError(
                f"{axiom.text()} cannot be built into a frame; ask for it with strength=Soft(), or Soft(weight)."
            )
        if axiom.strength != Hard():
            setting = _ResidualSetting(
                domain, outputs, few, seed + 1 + number, weight_of(axiom, DEFAULT_WEIGHT) / len(facts)
            )
            found += [row for fact in facts for row in _ROWS[type(fact)](fact, setting)]
    return found


@final
@dataclass(frozen=True)
class _ResidualSetting:
    """The points and weight of the residuals of one axiom: names, number of points, seed, and weight of each fact."""

    domain: Domain
    outputs: Sequence[str]
    few: int
    seed: int
    weight: float

    def columns(self, fact: Fact) -> list[int]:
        """The outputs that a fact refers to."""
        return outputs_of(fact.axiom, self.outputs)


def weight_of(axiom: Axiom, usual: float) -> float:
    """Weight of the mean square of its residuals."""
    given = axiom.strength.weight if isinstance(axiom.strength, Soft) else "auto"
    return usual if isinstance(given, str) else float(given)


def _wanted(
    text: str, columns: list[int], monomial: Monomial, inputs: tuple[str, ...]
) -> Callable[[Model, Tensor], Tensor]:
    """The rows of a derivative of some outputs without a value given by a formula."""
    formula = Expression(text, inputs)

    def gap(model: Model, x: Tensor) -> Tensor:
        (found,) = partials(model, x, monomial)
        return found[:, columns] - formula.of(x)[:, None]

    return gap


def _face(fact: FaceValue, setting: _ResidualSetting) -> list[Residual]:
    inputs, columns = setting.domain.inputs, setting.columns(fact)
    i = place(fact.input, inputs, fact.word)
    x = setting.domain.face(inputs[i], fact.at, setting.few, setting.seed)
    found = [Residual(_wanted(text_of(fact.value), columns, (), inputs), x, setting.weight, name=fact.axiom.text())]
    if fact.rate is not None:
        rate = _wanted(text_of(fact.rate), columns, (i,), inputs)
        found.append(Residual(rate, x, setting.weight, name=f"{fact.axiom.text()}, rate"))
    return found


def _rim(fact: RegionBoundaryValue, setting: _ResidualSetting) -> list[Residual]:
    gap = _wanted(text_of(fact.value), setting.columns(fact), (), setting.domain.inputs)
    return [
        Residual(
            gap, setting.domain.edge(fact.region, setting.few, setting.seed), setting.weight, name=fact.axiom.text()
        )
    ]


def _period(fact: Periodicity, setting: _ResidualSetting) -> list[Residual]:
    column, columns = place(fact.input, setting.domain.inputs, fact.word), setting.columns(fact)
    name = setting.domain.inputs[column]

    def gap(model: Model, x: Tensor) -> Tensor:
        step = torch.zeros_like(x)
        step[:, column] = fact.period
        here, there = (partials(model, p, (), (column,)) for p in (x, x + step))
        return torch.cat([(b - a)[:, columns] for a, b in zip(here, there, strict=True)], dim=1)

    x = setting.domain.face(name, setting.domain.box[name][0], setting.few, setting.seed)
    return [Residual(gap, x, setting.weight, name=fact.axiom.text())]


def _points(fact: PointValues, setting: _ResidualSetting) -> list[Residual]:
    x = torch.tensor(fact.points, dtype=torch.float64)
    y = torch.tensor(fact.values, dtype=torch.float64)
    columns, inputs = setting.columns(fact), len(setting.domain.inputs)
    if x.shape[1] != inputs or y.shape[1] != len(columns):
        raise ConfigError(
            f"{fact.word} takes points of {inputs} inputs and values of {len(columns)} outputs; got {x.shape[1]} and "
            f"{y.shape[1]}."
        )
    return [measured(x, y, columns, setting.weight, fact.word)]


def measured(x: Any, y: Any, columns: list[int], weight: float, name: str) -> Residual:
    """Values that were measured at points."""

    def gap(model: Model, points: Tensor, values: Tensor) -> Tensor:
        return partials(model, points, ())[0][:, columns] - values

    return Residual(gap, x, weight, y, name)


def _total(fact: IntegralValue, setting: _ResidualSetting) -> list[Residual]:
    domain = setting.domain
    box = dict(domain.box)
    for name, ends in fact.over or ():
        box[domain.inputs[place(name, domain.inputs, fact.word)]] = ends
    nodes, weights = np.polynomial.legendre.leggauss(N_QUADRATURE_NODES if len(box) < 3 else N_QUADRATURE_NODES // 2)
    axes = [(a + b) / 2 + (b - a) / 2 * torch.as_tensor(nodes) for a, b in (box[n] for n in domain.inputs)]
    shares = [(b - a) / 2 * torch.as_tensor(weights) for a, b in (box[n] for n in domain.inputs)]
    x = torch.cartesian_prod(*axes).reshape(-1, len(box))
    w = torch.cartesian_prod(*shares).reshape(-1, len(box)).prod(1) * Expression(fact.weight, domain.inputs).of(x)
    columns = setting.columns(fact)

    def gap(model: Model, points: Tensor, share: Tensor) -> Tensor:
        return (share * partials(model, points, ())[0][:, columns]).sum(0, keepdim=True) - fact.equals

    return [Residual(gap, x, setting.weight, w, fact.axiom.text())]


_ROWS: Final[dict[type[Fact], Callable[..., list[Residual]]]] = {
    FaceValue: _face,
    RegionBoundaryValue: _rim,
    Periodicity: _period,
    PointValues: _points,
    IntegralValue: _total,
}
"""What asks for each kind of fact."""
