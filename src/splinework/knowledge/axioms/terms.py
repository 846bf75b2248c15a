"""Soft axioms as terms of the training objective, and the violation of an axiom by a model.

A term is a residual in the sense of `splinework.train`: a function of the model and of points that should vanish, in standard
deviations of the output.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final

import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError
from splinework.errors.foreign import explained
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.penalties import Function
from splinework.knowledge.axioms.sampling import PenaltyContext, UnitReader, box_of, domain_box, read_unit, sobol
from splinework.knowledge.axioms.statements import Model
from splinework.knowledge.axioms.strength import Soft
from splinework.nn.frame.framed import names_of

N_POINTS: Final = 256
"""The default number of points of a term; a power of two keeps Sobol points balanced."""


@final
@dataclass(frozen=True, eq=False)
class PenaltyTerm:
    """A soft axiom as a residual.

    Attributes:
        function: `function(model, x)`, or `function(model, x, data)` where there are data: the violation, `(B, columns)`, at rows
            `(B, I)` in raw units; `(1, columns)` where it is coupled.
        points: Sample points, `(N, I)`, in float64.
        name: The axiom's text.
        weight: Weight of its mean square; 1 if the axiom has the weight `auto`.
        data: Data at the points, `(N, …)`: images, values, free variables.
        coupled: Whether all rows give a single value, as for an integral.
    """

    function: Function
    points: Tensor
    name: str
    weight: float
    axiom: Axiom
    data: Tensor | None = None
    coupled: bool = False

    @property
    def auto(self) -> bool:
        """Whether the weight is chosen automatically."""
        return self.axiom.strength == Soft("auto")

    def violation(self, model: Model) -> Tensor:
        """The violation at all points, `(N, columns)`, in the model's dtype; differentiable in its parameters."""
        like = next(model.parameters())
        x = self.points.to(like)
        return self.function(model, x) if self.data is None else self.function(model, x, self.data.to(like))


class Violation(NamedTuple):
    """The violation of an axiom by a model, in standard deviations of the output.

    Attributes:
        worst: The largest magnitude.
        mean_square: The mean of the squares.
        where: The inputs at which it is largest; empty for an integral.
    """

    worst: float
    mean_square: float
    where: tuple[float, ...]


def terms_of(
    axioms: Sequence[Axiom],
    model: Model,
    *,
    box: Any,
    spread: Any = 1.0,
    centre: Any = 0.0,
    points: int = N_POINTS,
    seed: int = 0,
    read_unit: UnitReader = read_unit,
) -> tuple[PenaltyTerm, ...]:
    """The terms of the soft axioms, in order.

    Args:
        axioms: Axioms of any strength.
        model: The model, which provides the names of inputs and outputs.
        box: Ranges of the inputs that the grids cover, `(I, 2)`.
        spread: Standard deviation of the outputs: one number, or one per output.
        centre: Mean of the outputs, used to scale statements such as `f(x + y) == f(x)*f(y)`.
        points: Number of points of a term, unless the axiom has its own.
        seed: Seed of the points.
        read_unit: Maps the text of a unit to the exponents of its base units.

    Raises:
        ConfigError: If an axiom does not fit the model, or an argument is invalid.
        FormulaError: If a formula in an axiom cannot be parsed.
    """
    if not isinstance(points, int) or points < 1:
        raise ConfigError(f"points is the number of points, at least 1, got {points!r}.")
    found = []
    for number, axiom in enumerate(axioms):
        if not isinstance(axiom.strength, Soft):
            continue
        context = _context(axiom, model, box, spread, centre, points, seed + 1000 * number, read_unit)
        penalty = axiom.penalty(context)
        weight = 1.0 if axiom.strength.weight == "auto" else float(axiom.strength.weight)
        found.append(
            PenaltyTerm(penalty.function, penalty.points, axiom.text(), weight, axiom, penalty.data, penalty.coupled)
        )
    return tuple(found)


@explained
def violation(
    model: Model,
    axiom: Axiom,
    points: Any = 1024,
    *,
    box: Any = None,
    spread: Any = 1.0,
    centre: Any = 0.0,
    seed: int = 0,
    read_unit: UnitReader = read_unit,
) -> Violation:
    """Estimates the violation of an axiom of any strength on sample points; this is not a proof.

    Args:
        model: The model.
        axiom: The axiom.
        points: Points in raw units, `(N, I)`, or the number of points to draw in the axiom's domain.
        box: Ranges of the inputs, `(I, 2)`; by default those of the points.
        spread: Standard deviation of the outputs: one number, or one per output.
        centre: Mean of the outputs.
        seed: Seed of the draws.
        read_unit: Maps the text of a unit to the exponents of its base units.

    Returns:
        The largest violation, its mean square, and the inputs at which it is largest.

    Raises:
        ConfigError: If the axiom does not fit the model, or there is neither a box nor points.
        ShapeError: If points have the wrong number of columns.
        FormulaError: If a formula in the axiom cannot be parsed.

    Example:
        >>> import splinework as sw
        >>> from splinework.knowledge.axioms import Even
        >>> float(violation(sw.KAN([1, 1]), Even("x1"), [[0.0]]).worst)
        0.0
    """
    context = _context(axiom, model, box, spread, centre, points, seed, read_unit)
    penalty = axiom.penalty(context)
    like = next(model.parameters())
    term = PenaltyTerm(penalty.function, penalty.points, axiom.text(), 1.0, axiom, penalty.data, penalty.coupled)
    with torch.no_grad():
        found = term.violation(model).double()
    worst, row = found.abs().amax(dim=-1).max(dim=0)
    where = () if penalty.coupled else tuple(penalty.points[row].to(like).tolist())
    return Violation(float(worst), float(found.square().mean()), where)


def _context(
    axiom: Axiom, model: Model, box: Any, spread: Any, centre: Any, points: Any, seed: int, read_unit: UnitReader
) -> PenaltyContext:
    names = names_of(model)
    inputs, outputs = map(tuple, names)
    chosen = None if isinstance(points, int) else torch.as_tensor(points).detach().to("cpu", torch.float64)
    if chosen is not None and (chosen.dim() != 2 or chosen.shape[1] != len(inputs) or len(chosen) == 0):
        raise ShapeError(f"points have shape (N, {len(inputs)}), got {tuple(chosen.shape)}.")
    if box is None:
        if chosen is None:
            raise ConfigError(
                "the axiom needs sample points: give box=, a range (low, high) for every input, or points."
            )
        low, high = chosen.min(dim=0).values, chosen.max(dim=0).values
        box = torch.stack([low, torch.where(high > low, high, low + 1)], dim=-1)
    domain = domain_box(axiom, box_of(box, len(inputs)), inputs)
    return PenaltyContext(
        input_names=inputs,
        output_names=outputs,
        box=domain,
        spread=_each(spread, len(outputs), "spread"),
        centre=_each(centre, len(outputs), "centre"),
        points=sobol(points, domain, seed) if chosen is None else chosen,
        given=chosen is not None,
        seed=seed,
        read_unit=read_unit,
    )


def _each(given: Any, outputs: int, what: str) -> Tensor:
    value = torch.as_tensor(given, dtype=torch.float64).detach().cpu()
    sound = value.numel() in (1, outputs) and bool(torch.isfinite(value).all())
    if not sound or (what == "spread" and not bool((value > 0).all())):
        wanted = "positive numbers" if what == "spread" else "numbers"
        raise ConfigError(f"{what} is one of the {wanted} of {outputs} outputs, or one for all, got {given!r}.")
    return value.reshape(-1).expand(outputs)
