"""Where soft axioms are looked at: boxes, points in them, partners of points, points on boundaries."""

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
"""From the text of a unit to the exponents of its base units."""


def read_unit(text: str) -> Mapping[str, Fraction]:
    """The exponents of base units in the text of a unit, such as `kg*m/s^2`.

    Raises:
        ConfigError: If it cannot be read.
    """
    return dict(parse_dimension(text).exponents)


OUTSIDE_MARGIN: Final = 0.5
"""How far beyond the grid's box `all` is looked at, in widths of the box; the tails of splines are straight."""
_MIN_USEFUL_RATIO: Final = 8
"""Of so many points at least one must be of use, for the rest to be left out."""
_MAX_TRIES: Final = 24


@final
@dataclass(frozen=True, eq=False)
class PenaltyContext:
    """What a penalty is made for.

    Attributes:
        input_names: Names of the inputs.
        output_names: Names of the outputs.
        box: Ranges of the inputs, `(I, 2)`, in float64: where the model's grids are.
        spread: Standard deviation of each output, `(J,)`.
        centre: Mean of each output, `(J,)`.
        points: Points to look at, `(N, I)`, in float64.
        given: Whether a user chose the points.
        seed: Of what is drawn beside them.
        read_unit: How the text of a unit is read.
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
        """A new one, so that what one axiom draws does not depend on another."""
        return torch.Generator().manual_seed(self.seed)

    def input(self, name: Name, axiom: Axiom) -> int:
        """The number of an input."""
        return place(name, self.input_names, axiom.word)

    def outputs(self, axiom: Axiom) -> list[int]:
        """The outputs that an axiom speaks of."""
        return outputs_of(axiom, self.output_names)


def box_of(given: Any, inputs: int) -> Tensor:
    """A box `(I, 2)` in float64.

    Raises:
        ConfigError: If it is not one finite range per input, none of them empty.
    """
    try:
        box = torch.as_tensor(given, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        box = torch.empty(0)
    if tuple(box.shape) != (inputs, 2) or not bool(torch.isfinite(box).all() and (box[:, 0] < box[:, 1]).all()):
        raise ConfigError(f"a box is one range (low, high) for each of the {inputs} inputs, got {given!r}.")
    return box


def domain_box(axiom: Axiom, box: Tensor, names: Sequence[str]) -> Tensor:
    """The box in which an axiom is looked at, `(I, 2)`.

    Raises:
        ConfigError: If its domain names an input that does not exist.
    """
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
    """Scrambled points of Sobol in a box `(I, 2)`, `(count, I)`; the count is best a power of two."""
    low, high = torch.as_tensor(box, dtype=torch.float64).unbind(1)
    return low + (high - low) * SobolEngine(len(low), scramble=True, seed=seed).draw(count, dtype=torch.float64)


def inside(points: Tensor, box: Tensor) -> Tensor:
    """Which points are in a box, up to rounding, `(N,)`."""
    slack = 1e-9 * (box[:, 1] - box[:, 0])
    return ((points >= box[:, 0] - slack) & (points <= box[:, 1] + slack)).all(dim=-1)


def useful_rows(mask: Tensor) -> Tensor:
    """Rows of use; all rows where those are so few that nothing could be told from them."""
    rows = mask.nonzero().squeeze(-1)
    return rows if len(rows) * _MIN_USEFUL_RATIO >= len(mask) else torch.arange(len(mask))


def with_partners(
    context: PenaltyContext, propose: Callable[[Tensor, torch.Generator], Tensor]
) -> tuple[Tensor, Tensor]:
    """Points and for each a partner in the box, `(N, I)` both; points that have none are left out.

    Args:
        context: Points and box.
        propose: Draws a partner `(N, I')` for every point, whose first I columns are a point.
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
    """A number or a formula in the inputs as a function of points `(N, I)`, with values `(N,)`.

    Raises:
        FormulaError: If it cannot be read.
    """
    places = [i for i, name in enumerate(names) if name.isidentifier() and not keyword.iskeyword(name)]
    expression = Expression(text if isinstance(text, str) else repr(text), tuple(names[i] for i in places))
    return lambda x: expression.of(x[..., places])


def on_faces(points: Tensor, faces: Sequence[tuple[int, float]]) -> Tensor:
    """Points moved to faces in turn, `(N, I)`; to each face all of them where there are fewer points than faces."""
    parts = []
    for number, (i, value) in enumerate(faces):
        part = (points[number :: len(faces)] if len(points) >= len(faces) else points).clone()
        part[:, i] = value
        parts.append(part)
    return torch.cat(parts)


def on_boundary(region: Region, points: Tensor, box: Tensor, names: Sequence[str]) -> Tensor:
    """Points on the boundary of a region, by Newton's steps along the gradient of its function.

    Args:
        region: The region.
        points: In the box, `(N, I)`; they are first spread over the region.
        box: `(I, 2)`, in which the result lies.
        names: Of the inputs.

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
