"""Axioms as rows: what is not built in is asked for at points, and counts by its weight."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms import Axiom, Boundary, Hard, Initial, Integral, Periodic, Soft, Through, Verify
from splinework.knowledge.axioms import Residual as Stated
from splinework.knowledge.axioms.axiom import place
from splinework.knowledge.teach.equations.conditions import faces_of, outputs_of, text_of
from splinework.knowledge.teach.equations.equation import Equation, read_equation
from splinework.knowledge.teach.equations.points import Domain
from splinework.nn.frame import Expression, Region
from splinework.nn.jets import Model, Monomial, partials
from splinework.train import Residual

BESIDE = 100.0
"""What the mean square of a boundary value, a measurement or an integral counts beside that of an equation, where no weight
is given: an error of u is far smaller than that of its derivatives."""
SHARE, NODES = 0.25, 24
"""Points on a face, as a share of those inside; nodes of a quadrature per input."""


def equations_of(
    axioms: Sequence[Axiom], inputs: Sequence[str], outputs: Sequence[str]
) -> list[tuple[Stated, Equation]]:
    """The differential equations among the axioms, read, each with all unknowns of the problem.

    Raises:
        ConfigError: If an unknown has two starts, or the name of something else.
        FormulaError: If an equation cannot be read.
    """
    unknowns = list(unknowns_of(axioms, (*inputs, *outputs)))
    return [
        (axiom, read_equation(axiom.equation, inputs, outputs, unknowns, _output_of(axiom, outputs)))
        for axiom in axioms
        if isinstance(axiom, Stated) and not isinstance(axiom.strength, Verify)
    ]


def _output_of(axiom: Stated, outputs: Sequence[str]) -> int | None:
    return None if axiom.output is None else place(axiom.output, outputs, axiom.word, "output")


def unknowns_of(axioms: Sequence[Axiom], taken: Sequence[str]) -> dict[str, float]:
    """Unknown coefficients by name, each with where it starts.

    Raises:
        ConfigError: If one has two starts, or the name of something else.
    """
    found: dict[str, float] = {}
    for axiom in axioms:
        for name, start in axiom.unknowns if isinstance(axiom, Stated) else ():
            if name in taken or found.get(name, start) != start:
                raise ConfigError(
                    f"the unknown {name!r} of {axiom.text()} is named like an input or output, or starts elsewhere in another "
                    "equation; give it a name of its own, and one start."
                )
            found[name] = start
    return found


def rows_of(axioms: Sequence[Axiom], domain: Domain, outputs: Sequence[str], count: int, seed: int) -> list[Residual]:
    """The soft axioms on values as residuals.

    Args:
        axioms: Those that speak of boundaries, starts, periods, points and integrals; hard ones of the first three are left out.
        domain: Where the problem lives.
        outputs: Names.
        count: Points inside; faces have their share.
        seed: Of the points.

    Raises:
        ConfigError: If an axiom can neither be built in nor asked for.
        FormulaError: If a formula cannot be read.
    """
    found: list[Residual] = []
    few = max(round(SHARE * count), 16)
    for number, axiom in enumerate(axioms):
        if isinstance(axiom, (Stated,)) or isinstance(axiom.strength, Verify):
            continue
        hard = axiom.strength == Hard()
        if isinstance(axiom, (Through, Integral)) and hard:
            raise ConfigError(
                f"{axiom.text()} cannot be built into a frame; ask for it with strength=Soft(), or Soft(weight)."
            )
        if isinstance(axiom, (Boundary, Initial, Periodic)) and hard:
            continue
        makers: dict[type[Axiom], Callable[..., list[Residual]]] = {
            Boundary: _boundary, Initial: _initial, Periodic: _periodic, Through: _through, Integral: _integral,
        }  # fmt: skip
        if type(axiom) not in makers:
            known = ", ".join(["residual", *(kind.word for kind in makers)])
            raise ConfigError(f"an equation is solved with the axioms {known}; got {axiom.text()}.")
        found += makers[type(axiom)](axiom, domain, outputs, few, seed + 1 + number)
    return found


def weight_of(axiom: Axiom, usual: float) -> float:
    """What the mean square of its rows counts."""
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


def _boundary(axiom: Boundary, domain: Domain, outputs: Sequence[str], few: int, seed: int) -> list[Residual]:
    gap = _wanted(text_of(axiom.value), outputs_of(axiom, outputs), (), domain.inputs)
    if isinstance(axiom.face, Region):
        points = [domain.edge(axiom.face, few, seed)]
    else:
        points = [domain.face(name, face.at, few, seed) for name, face in faces_of(axiom, domain.inputs)]
    weight = weight_of(axiom, BESIDE) / len(points)
    return [Residual(gap, x, weight, name=axiom.text()) for x in points]


def _initial(axiom: Initial, domain: Domain, outputs: Sequence[str], few: int, seed: int) -> list[Residual]:
    ((name, face),) = faces_of(axiom, domain.inputs)
    x, columns, weight = domain.face(name, face.at, few, seed), outputs_of(axiom, outputs), weight_of(axiom, BESIDE)
    found = [Residual(_wanted(face.value, columns, (), domain.inputs), x, weight, name=axiom.text())]
    if face.rate is not None:
        rate = _wanted(face.rate, columns, (domain.inputs.index(name),), domain.inputs)
        found.append(Residual(rate, x, weight, name=f"{axiom.text()}, rate"))
    return found


def _periodic(axiom: Periodic, domain: Domain, outputs: Sequence[str], few: int, seed: int) -> list[Residual]:
    column, columns = place(axiom.input, domain.inputs, axiom.word), outputs_of(axiom, outputs)
    name = domain.inputs[column]

    def gap(model: Model, x: Tensor) -> Tensor:
        step = torch.zeros_like(x)
        step[:, column] = axiom.period
        here, there = (partials(model, p, (), (column,)) for p in (x, x + step))
        return torch.cat([(b - a)[:, columns] for a, b in zip(here, there, strict=True)], dim=1)

    x = domain.face(name, domain.box[name][0], few, seed)
    return [Residual(gap, x, weight_of(axiom, BESIDE), name=axiom.text())]


def _through(axiom: Through, domain: Domain, outputs: Sequence[str], few: int, seed: int) -> list[Residual]:
    x = torch.tensor(axiom.points, dtype=torch.float64)
    y = torch.tensor(axiom.values, dtype=torch.float64)
    columns = outputs_of(axiom, outputs)
    if x.shape[1] != len(domain.inputs) or y.shape[1] != len(columns):
        raise ConfigError(
            f"{axiom.word} takes points of {len(domain.inputs)} inputs and values of {len(columns)} outputs; got "
            f"{x.shape[1]} and {y.shape[1]}."
        )
    return [measured(x, y, columns, weight_of(axiom, BESIDE), axiom.word)]


def measured(x: Any, y: Any, columns: list[int], weight: float, name: str) -> Residual:
    """Values that were measured at points."""

    def gap(model: Model, points: Tensor, values: Tensor) -> Tensor:
        return partials(model, points, ())[0][:, columns] - values

    return Residual(gap, x, weight, y, name)


def _integral(axiom: Integral, domain: Domain, outputs: Sequence[str], few: int, seed: int) -> list[Residual]:
    box = dict(domain.box)
    for name, ends in axiom.over or ():
        box[domain.inputs[place(name, domain.inputs, axiom.word)]] = ends
    nodes, weights = np.polynomial.legendre.leggauss(NODES if len(box) < 3 else NODES // 2)
    axes = [(a + b) / 2 + (b - a) / 2 * torch.as_tensor(nodes) for a, b in (box[n] for n in domain.inputs)]
    shares = [(b - a) / 2 * torch.as_tensor(weights) for a, b in (box[n] for n in domain.inputs)]
    x = torch.cartesian_prod(*axes).reshape(-1, len(box))
    w = torch.cartesian_prod(*shares).reshape(-1, len(box)).prod(1) * Expression(axiom.weight, domain.inputs).of(x)
    columns = outputs_of(axiom, outputs)

    def gap(model: Model, points: Tensor, share: Tensor) -> Tensor:
        return (share * partials(model, points, ())[0][:, columns]).sum(0, keepdim=True) - axiom.equals

    return [Residual(gap, x, weight_of(axiom, BESIDE), w, axiom.text())]
