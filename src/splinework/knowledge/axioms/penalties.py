"""Soft axioms on shape and structure as functions that vanish where they hold.

Every builder takes an axiom and its setting. Derivatives are counted per range of the input, values in spreads of the output,
so that 1 is one standard deviation of the output everywhere.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor

from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.setting import MARGIN, Setting, partnered
from splinework.knowledge.axioms.shapes import (
    Asymptote,
    Bounded,
    Concave,
    Convex,
    Even,
    Lipschitz,
    Monotone,
    Odd,
    Periodic,
    Positive,
)
from splinework.knowledge.axioms.statements import Model
from splinework.knowledge.axioms.structure import Additive, Antisymmetric, Invariant, NoInteraction, Symmetric
from splinework.nn.jets import partials

Function = Callable[..., Tensor]
"""`function(model, x)`, or `function(model, x, data)` where there are data: the violation `(B, columns)` at rows `(B, I)`."""
FARTHEST: Final = 10.0
"""Widths of the box beyond it at which a function that tends to a value has come to it."""
_LARGEST_FACTOR: Final = 4.0


@final
@dataclass(frozen=True, eq=False)
class Penalty:
    """A function with its points `(N, I)`, what is known at them `(N, …)`, and whether all rows make one value."""

    function: Function
    points: Tensor
    data: Tensor | None = None
    coupled: bool = False


def monotone(axiom: Monotone, setting: Setting) -> Penalty:
    """The negative part of the slope."""
    i, outputs, size = _along(axiom.input, axiom, setting, 1)
    sign = 1.0 if axiom.increasing else -1.0

    def function(model: Model, x: Tensor) -> Tensor:
        return over((-sign * _slopes(model, x, outputs, (i,))[0]).clamp_min(0), size)

    return Penalty(function, setting.points)


def curved(axiom: Convex | Concave, setting: Setting) -> Penalty:
    """The part of the second derivative with the wrong sign."""
    i, outputs, size = _along(axiom.input, axiom, setting, 2)
    sign = 1.0 if isinstance(axiom, Convex) else -1.0

    def function(model: Model, x: Tensor) -> Tensor:
        return over((-sign * _slopes(model, x, outputs, (i, i))[0]).clamp_min(0), size)

    return Penalty(function, setting.points)


def bounded(axiom: Bounded | Positive, setting: Setting) -> Penalty:
    """What sticks out above and below."""
    lower, upper = (0.0, None) if isinstance(axiom, Positive) else (axiom.lower, axiom.upper)
    outputs = setting.outputs(axiom)
    size = setting.spread[outputs]

    def function(model: Model, x: Tensor) -> Tensor:
        y = values(model, x, outputs)
        below = torch.zeros_like(y) if lower is None else (lower - y).clamp_min(0)
        above = torch.zeros_like(y) if upper is None else (y - upper).clamp_min(0)
        return over(below + above, size)

    return Penalty(function, setting.points)


def lipschitz(axiom: Lipschitz, setting: Setting) -> Penalty:
    """What the slopes exceed the constant by, along each input."""
    inputs = [setting.input(name, axiom) for name in axiom.along] or list(range(len(setting.input_names)))
    outputs = setting.outputs(axiom)
    size = torch.cat([setting.spread[outputs] / setting.width[i] for i in inputs])

    def function(model: Model, x: Tensor) -> Tensor:
        slopes = torch.cat(_slopes(model, x, outputs, *((i,) for i in inputs)), dim=-1)
        return over((slopes.abs() - axiom.constant).clamp_min(0), size)

    return Penalty(function, setting.points)


def periodic(axiom: Periodic, setting: Setting) -> Penalty:
    """The difference after a period."""
    i = setting.input(axiom.input, axiom)
    width = float(setting.width[i])

    def shifted(x: Tensor, _: torch.Generator) -> Tensor:
        # Towards the middle of the box; where it holds no two points a period apart, beyond it.
        sign = torch.where(x[:, i] > setting.box[i].mean(), -1.0, 1.0)
        return _moved(x, i, x[:, i] + sign * axiom.period)

    if width <= axiom.period:
        edge = _moved(setting.points, i, setting.box[i, 0].expand(len(setting.points)))
        beyond = _moved(edge, i, edge[:, i] + axiom.period)
        return _pair(axiom, setting, edge, beyond, 1.0)
    return _pair(axiom, setting, *partnered(setting, shifted), 1.0)


def mirrored(axiom: Even | Odd, setting: Setting) -> Penalty:
    """The difference, or the sum, of the values on both sides of the centre."""
    i = setting.input(axiom.input, axiom)
    points, partner = partnered(setting, lambda x, _: _moved(x, i, 2 * axiom.centre - x[:, i]))
    return _pair(axiom, setting, points, partner, 1.0 if isinstance(axiom, Even) else -1.0)


def asymptote(axiom: Asymptote, setting: Setting) -> Penalty:
    """Beyond the box: the slope, the second derivative, or the distance to the value far outside."""
    i, outputs, _ = _along(axiom.input, axiom, setting, 0)
    low, high = setting.box[i]
    width = high - low
    near, far = (FARTHEST / 2, FARTHEST) if axiom.kind == "value" else (0.0, MARGIN)
    share = near + (far - near) * (setting.points[:, i] - low) / width
    sides = {"left": [low - share * width], "right": [high + share * width]}
    parts = [_moved(setting.points, i, part) for side in sides if axiom.side in (side, "both") for part in sides[side]]
    order = {"value": 0, "constant": 1, "linear": 2}[axiom.kind]
    size = setting.spread[outputs] / width**order

    def function(model: Model, x: Tensor) -> Tensor:
        return over(_slopes(model, x, outputs, (i,) * order)[0] - axiom.value * (order == 0), size)

    return Penalty(function, torch.cat(parts))


def exchanged(axiom: Symmetric | Antisymmetric, setting: Setting) -> Penalty:
    """The difference, or the sum, of the values before and after two inputs change places."""
    among = torch.tensor([setting.input(name, axiom) for name in axiom.among])

    def swapped(x: Tensor, generator: torch.Generator) -> Tensor:
        order = torch.rand(len(x), len(among), generator=generator).argsort(dim=-1)
        first, second = among[order[:, 0]][:, None], among[order[:, 1]][:, None]
        partner = x.scatter(1, first, x.gather(1, second))
        return partner.scatter(1, second, x.gather(1, first))

    sign = 1.0 if isinstance(axiom, Symmetric) else -1.0
    return _pair(axiom, setting, *partnered(setting, swapped), sign)


def invariant(axiom: Invariant, setting: Setting) -> Penalty:
    """The difference of the values before and after a random element of the group acts."""
    vectors = [[setting.input(name, axiom) for name in vector] for vector in axiom.vectors]
    act = {"sign": _negated, "scale": _scaled, "translation": _shifted, "rotation": _turned}[axiom.group]

    def acted(x: Tensor, generator: torch.Generator) -> Tensor:
        return act(x, vectors, setting.box, generator)

    return _pair(axiom, setting, *partnered(setting, acted), 1.0)


def no_interaction(axiom: NoInteraction, setting: Setting) -> Penalty:
    """The mixed second derivative."""
    i, outputs, size = _along(axiom.first, axiom, setting, 1)
    j = setting.input(axiom.second, axiom)
    size = size / setting.width[j]

    def function(model: Model, x: Tensor) -> Tensor:
        return over(_slopes(model, x, outputs, (i, j))[0], size)

    return Penalty(function, setting.points)


def additive(axiom: Additive, setting: Setting) -> Penalty:
    """`f(x) + f(y) - f(x_S, y_T) - f(y_S, x_T)` for random points y, where S is some of the groups and T the others."""
    inputs = len(setting.input_names)
    groups = [[setting.input(name, axiom) for name in group] for group in axiom.groups]
    grouped = set(itertools.chain.from_iterable(groups))
    groups += [[i] for i in range(inputs) if i not in grouped]
    outputs = setting.outputs(axiom)
    size = setting.spread[outputs]
    generator = setting.generator
    x = setting.points
    y = x[torch.randperm(len(x), generator=generator)]
    chosen = torch.rand(len(x), len(groups), generator=generator) < 0.5
    here = torch.zeros(len(x), inputs, dtype=torch.bool)
    for number, group in enumerate(groups):
        here[:, group] = chosen[:, number : number + 1]

    def function(model: Model, x: Tensor, data: Tensor) -> Tensor:
        y, first, second = data.unflatten(-1, (3, inputs)).unbind(-2)
        at = [values(model, points, outputs) for points in (x, y, first, second)]
        return over(at[0] + at[1] - at[2] - at[3], size)

    return Penalty(function, x, torch.cat([y, torch.where(here, x, y), torch.where(here, y, x)], dim=-1))


SHAPES: Final[dict[type[Axiom], Callable[[Any, Setting], Penalty]]] = {
    Monotone: monotone,
    Convex: curved,
    Concave: curved,
    Bounded: bounded,
    Positive: bounded,
    Lipschitz: lipschitz,
    Periodic: periodic,
    Even: mirrored,
    Odd: mirrored,
    Asymptote: asymptote,
    Symmetric: exchanged,
    Antisymmetric: exchanged,
    Invariant: invariant,
    NoInteraction: no_interaction,
    Additive: additive,
}
"""What makes the penalty of each axiom on shape and structure."""


def values(model: Model, x: Tensor, outputs: list[int]) -> Tensor:
    """Some of the model's outputs, `(B, len(outputs))`."""
    found: Tensor = model(x)
    return found[:, outputs]


def over(value: Tensor, size: Tensor) -> Tensor:
    """In units of a size."""
    return value / size.to(value)


# ---------------------------------------------------------------------------------------------------------- parts


def _along(name: Any, axiom: Axiom, setting: Setting, order: int) -> tuple[int, list[int], Tensor]:
    """An input, the outputs, and what a derivative of an order along it is counted in, `(J,)`."""
    i, outputs = setting.input(name, axiom), setting.outputs(axiom)
    return i, outputs, setting.spread[outputs] / setting.width[i] ** order


def _slopes(model: Model, x: Tensor, outputs: list[int], *wanted: tuple[int, ...]) -> list[Tensor]:
    return [each[:, outputs] for each in partials(model, x, *wanted)]


def _pair(axiom: Axiom, setting: Setting, points: Tensor, partner: Tensor, sign: float) -> Penalty:
    """The values at points less (plus, for a negative sign) those at their partners."""
    outputs = setting.outputs(axiom)
    size = setting.spread[outputs]

    def function(model: Model, x: Tensor, data: Tensor) -> Tensor:
        return over(values(model, x, outputs) - sign * values(model, data, outputs), size)

    return Penalty(function, points, partner)


def _moved(x: Tensor, i: int, value: Tensor) -> Tensor:
    result = x.clone()
    result[:, i] = value
    return result


def _negated(x: Tensor, vectors: list[list[int]], box: Tensor, generator: torch.Generator) -> Tensor:
    result = x.clone()
    result[:, vectors[0]] *= -1
    return result


def _scaled(x: Tensor, vectors: list[list[int]], box: Tensor, generator: torch.Generator) -> Tensor:
    unit = 2 * torch.rand(len(x), 1, generator=generator, dtype=x.dtype) - 1
    result = x.clone()
    result[:, vectors[0]] *= torch.exp(math.log(_LARGEST_FACTOR) * unit)
    return result


def _shifted(x: Tensor, vectors: list[list[int]], box: Tensor, generator: torch.Generator) -> Tensor:
    part = x[:, vectors[0]]
    least = (box[vectors[0], 0] - part).max(dim=-1).values
    most = (box[vectors[0], 1] - part).min(dim=-1).values
    shift = least + (most - least) * torch.rand(len(x), generator=generator, dtype=x.dtype)
    result = x.clone()
    result[:, vectors[0]] = part + shift[:, None]
    return result


def _turned(x: Tensor, vectors: list[list[int]], box: Tensor, generator: torch.Generator) -> Tensor:
    size = len(vectors[0])
    turn, upper = torch.linalg.qr(torch.randn(len(x), size, size, generator=generator, dtype=x.dtype))
    turn = turn * upper.diagonal(dim1=-2, dim2=-1).sign()[:, None, :]  # uniform: Mezzadri 2007
    result = x.clone()
    for vector in vectors:
        result[:, vector] = (turn @ x[:, vector, None]).squeeze(-1)
    return result
