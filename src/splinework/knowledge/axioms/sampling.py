"""Sample points of soft axioms: boxes, points in them, images of points, points on boundaries."""

import keyword
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from splinework.errors import ConfigError
from splinework.formula.expression import Expression
from splinework.formula.units.parsing import parse_dimension
from splinework.knowledge.axioms.axiom import Axiom, Name, Value, outputs_of, place
from splinework.nn.frame.regions import Region

UnitReader = Callable[[str], Mapping[str, Fraction]]
"""Maps the text of a unit to the exponents of its base units."""


def read_unit(text: str) -> Mapping[str, Fraction]:
    """The exponents of the base units of a unit such as `kg*m/s^2`; raises ConfigError if it cannot be parsed."""
    return dict(parse_dimension(text).exponents)


OUTSIDE_MARGIN: Final = 0.5
"""The margin around the grid's box that is sampled for the domain `all`, in widths of the box; tails are straight lines."""
_MAX_POINTS_PER_USEFUL: Final = 8
"""Useless points are dropped if at least one point in this many is useful."""
_MAX_TRIES: Final = 24


@final
@dataclass(frozen=True, eq=False)
class PenaltyContext:
    """The names, box and points for which a penalty is constructed.

    Attributes:
        box: Ranges of the inputs that the model's grids cover, `(I, 2)`, in float64.
        spread: Standard deviation of each output, `(J,)`.
        centre: Mean of each output, `(J,)`.
        points: Sample points, `(N, I)`, in float64.
        given: Whether the user chose the points.
        seed: Seed of further draws.
        read_unit: Parser of units.
    """

    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    box: Tensor
    spread: Tensor
    centre: Tensor
    points: Tensor
    given: bool = False
    seed: int = 0
    read_unit: UnitReader = read_unit

    @property
    def width(self) -> Tensor:
        """Widths of the box, `(I,)`."""
        return self.box[:, 1] - self.box[:, 0]

    @property
    def generator(self) -> torch.Generator:
        """A new generator, so that the draws of one axiom do not depend on others."""
        return torch.Generator().manual_seed(self.seed)

    def input(self, name: Name, axiom: Axiom) -> int:
        """The index of an input."""
        return place(name, self.input_names, axiom.word)

    def outputs(self, axiom: Axiom) -> list[int]:
        """The indices of the outputs that an axiom applies to."""
        return outputs_of(axiom, self.output_names)


def box_of(given: Any, inputs: int) -> Tensor:
    """A box `(I, 2)` in float64; raises ConfigError unless it has one finite, non-empty range per input."""
    try:
        box = torch.as_tensor(given, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        box = torch.empty(0)
    if tuple(box.shape) != (inputs, 2) or not bool(torch.isfinite(box).all() and (box[:, 0] < box[:, 1]).all()):
        raise ConfigError(f"a box is one range (low, high) for each of the {inputs} inputs, got {given!r}.")
    return box


def domain_box(axiom: Axiom, box: Tensor, names: Sequence[str]) -> Tensor:
    """The box in which an axiom is sampled, `(I, 2)`; raises ConfigError if its domain names an unknown input."""
    width = (box[:, 1] - box[:, 0])[:, None]
    wide = box + OUTSIDE_MARGIN * torch.cat([-width, width], dim=1)
    if isinstance(axiom.domain, str):
        return wide if axiom.domain == "all" else box
    result = box.clone()
    for name, (low, high) in axiom.domain:
        i = place(name, names, f"the domain of {axiom.word}")
        result[i, 0] = low if math.isfinite(low) else min(float(wide[i, 0]), high - float(width[i]))
        result[i, 1] = high if math.isfinite(high) else max(float(wide[i, 1]), low + float(width[i]))
    return result


def sobol(count: int, box: Any, seed: int) -> Tensor:
    """Scrambled Sobol points in a box `(I, 2)`, `(count, I)`; the count should be a power of two."""
    low, high = torch.as_tensor(box, dtype=torch.float64).unbind(1)
    return low + (high - low) * SobolEngine(len(low), scramble=True, seed=seed).draw(count, dtype=torch.float64)


def inside(points: Tensor, box: Tensor) -> Tensor:
    """A mask of the points within a box, up to rounding, `(N,)`."""
    slack = 1e-9 * (box[:, 1] - box[:, 0])
    return ((points >= box[:, 0] - slack) & (points <= box[:, 1] + slack)).all(dim=-1)


def useful_rows(mask: Tensor) -> Tensor:
    """The indices of useful rows, or of all rows if too few are useful."""
    rows = mask.nonzero().squeeze(-1)
    return rows if len(rows) * _MAX_POINTS_PER_USEFUL >= len(mask) else torch.arange(len(mask))


def with_partners(
    context: PenaltyContext, propose: Callable[[Tensor, torch.Generator], Tensor]
) -> tuple[Tensor, Tensor]:
    """Points and an image of each within the box, `(N, I)` both; points without one are dropped.

    Args:
        context: Points and box.
        propose: Draws images `(N, I')` of all points; their first I columns are points.
    """
    points, generator = context.points, context.generator
    inputs = points.shape[1]
    partner = propose(points, generator)
    found = inside(partner[:, :inputs], context.box)
    for _ in range(_MAX_TRIES):
        if bool(found.all()):
            break
        other = propose(points, generator)
        new = ~found & inside(other[:, :inputs], context.box)
        partner = torch.where(new[:, None], other, partner)
        found = found | new
    rows = useful_rows(found)
    return points[rows], partner[rows]


def formula(text: Value, names: Sequence[str]) -> Callable[[Tensor], Tensor]:
    """A number or a formula in the inputs as a function of points `(N, I)`, with values `(N,)`."""
    places = [i for i, name in enumerate(names) if name.isidentifier() and not keyword.iskeyword(name)]
    expression = Expression(text if isinstance(text, str) else repr(text), tuple(names[i] for i in places))
    return lambda x: expression.of(x[..., places])


def on_faces(points: Tensor, faces: Sequence[tuple[int, float]]) -> Tensor:
    """Points projected onto faces in turn, `(N, I)`; onto every face if there are fewer points than faces."""
    parts = []
    for number, (i, value) in enumerate(faces):
        part = (points[number :: len(faces)] if len(points) >= len(faces) else points).clone()
        part[:, i] = value
        parts.append(part)
    return torch.cat(parts)


def on_boundary(region: Region, points: Tensor, box: Tensor, names: Sequence[str]) -> Tensor:
    """Points on the boundary of a region, by Newton steps along the gradient of its level-set function.

    Args:
        region: The region.
        points: Points in the box, `(N, I)`; they are first rescaled to the region.
        box: The box that contains the result, `(I, 2)`.
        names: Names of the inputs.

    Raises:
        ConfigError: If the region names an input that does not exist, or no boundary was found in the box.
    """
    x = points.clone()
    columns = [place(name, names, "boundary") for name in region.inputs]
    for name, (low, high) in region.box().items():
        i = place(name, names, "boundary")
        low, high = max(low, float(box[i, 0])), min(high, float(box[i, 1]))
        if low < high:
            x[:, i] = low + (high - low) * (x[:, i] - box[i, 0]) / (box[i, 1] - box[i, 0])
    omega = formula(region.formula(), names)
    size = float((box[columns, 1] - box[columns, 0]).norm())
    for _ in range(40):
        x.requires_grad_()
        value = omega(x)
        (slope,) = torch.autograd.grad(value.sum(), x)
        step = value.detach()[:, None] * slope / slope.square().sum(-1, keepdim=True).clamp_min(1e-30)
        length = step.norm(dim=-1, keepdim=True).clamp_min(1e-300)
        x = (x.detach() - step * (0.25 * size / length).clamp_max(1.0)).nan_to_num()
    on = (omega(x).abs() <= 1e-9 * size) & inside(x, box)
    if not bool(on.any()):
        raise ConfigError(
            f"no point of the boundary of {region!r} was found where the model is defined; its inputs range over "
            f"{box[columns].tolist()}."
        )
    return x[on]
