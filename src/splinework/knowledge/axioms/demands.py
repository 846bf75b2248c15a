"""Soft axioms on values and of physics as functions that vanish where they hold; 1 is one standard deviation of the output."""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, place
from splinework.knowledge.axioms.meanings import speaks_of_any, understand
from splinework.knowledge.axioms.penalties import Penalty, over, values
from splinework.knowledge.axioms.physics import Conserved, Law, Residual, Units
from splinework.knowledge.axioms.setting import Setting, formula, inside, on_boundary, on_faces, partnered, sobol
from splinework.knowledge.axioms.statements import Model, Statement
from splinework.knowledge.axioms.values import Boundary, Initial, Integral, Ordered, SumToOne, Through
from splinework.nn.frame.regions import Region
from splinework.nn.jets import partials

CELLS: Final = {1: (20, 4), 2: (8, 3), 3: (5, 2)}
"""Cells per input and Gauss points per cell of a quadrature, by the number of inputs: exact for cubics. A step of training takes
all points at once, so they are few."""
_SOBOL: Final = 1024
_MORE: Final = 16
"""So many points are drawn for each that is wanted, where a statement does not hold everywhere."""
_FACTOR: Final = 2.0
"""Most that a base unit is rescaled by."""


def through(axiom: Through, setting: Setting) -> Penalty:
    """The difference to the values at the points."""
    outputs = setting.outputs(axiom)
    points = torch.tensor(axiom.points, dtype=torch.float64)
    wanted = torch.tensor(axiom.values, dtype=torch.float64)
    if points.shape[1] != len(setting.input_names) or wanted.shape[1] != len(outputs):
        raise ConfigError(
            f"through has points of {points.shape[1]} numbers with {wanted.shape[1]} values each; the model has "
            f"{len(setting.input_names)} inputs, and {len(outputs)} outputs are meant."
        )
    return _matched(setting, outputs, points, wanted)


def boundary(axiom: Boundary, setting: Setting) -> Penalty:
    """The difference to the value on the faces, or on the boundary of the region."""
    if isinstance(axiom.face, Region):
        points = on_boundary(axiom.face, setting.points, setting.box, setting.input_names)
    else:
        faces = [(setting.input(name, axiom), end) for name, ends in axiom.face for end in ends if math.isfinite(end)]
        if not faces:
            raise ConfigError(f"{axiom} has no finite face; give one.")
        points = on_faces(setting.points, faces)
    value = formula(axiom.value, setting.input_names)(points)
    return _matched(setting, setting.outputs(axiom), points, value[:, None])


def initial(axiom: Initial, setting: Setting) -> Penalty:
    """The difference to the value at the first time, and to the rate there if one is given."""
    i, outputs = setting.input(axiom.input, axiom), setting.outputs(axiom)
    points = on_faces(setting.points, [(i, axiom.at)])
    value = formula(axiom.value, setting.input_names)(points)[:, None]
    if axiom.rate is None:
        return _matched(setting, outputs, points, value)
    rate = formula(axiom.rate, setting.input_names)(points)[:, None]
    size = setting.spread[outputs]
    sizes = torch.cat([size, size / setting.width[i]])

    def function(model: Model, x: Tensor, data: Tensor) -> Tensor:
        y, slope = partials(model, x, (), (i,))
        return over(torch.cat([y[:, outputs] - data[:, :1], slope[:, outputs] - data[:, 1:]], dim=-1), sizes)

    return Penalty(function, points, torch.cat([value, rate], dim=-1))


def integral(axiom: Integral, setting: Setting) -> Penalty:
    """The difference to the integral, over that of the weight: one row for all points."""
    outputs = setting.outputs(axiom)
    box = setting.box.clone()
    if axiom.over is not None:
        ranges = {setting.input(name, axiom): ends for name, ends in axiom.over}
        if len(ranges) < len(box) or not all(math.isfinite(end) for ends in ranges.values() for end in ends):
            raise ConfigError(
                f"{axiom} needs a finite range for every input, {', '.join(setting.input_names)}; leave over out for the box of "
                "the grids."
            )
        for i, ends in ranges.items():
            box[i] = torch.tensor(ends, dtype=torch.float64)
    points, weights = quadrature(box, setting.seed)
    weights = weights * formula(axiom.weight, setting.input_names)(points)
    size = setting.spread[outputs] * weights.abs().sum()

    def function(model: Model, x: Tensor, data: Tensor) -> Tensor:
        return over((data * values(model, x, outputs)).sum(dim=0, keepdim=True) - axiom.equals, size)

    return Penalty(function, points, weights[:, None], coupled=True)


def quadrature(box: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points `(N, I)` and weights `(N,)` of an integral over a box: Gauss in cells up to three inputs, then points of Sobol."""
    inputs = len(box)
    if inputs not in CELLS:
        return sobol(_SOBOL, box, seed), torch.full(
            (_SOBOL,), float((box[:, 1] - box[:, 0]).prod()) / _SOBOL, dtype=torch.float64
        )
    cells, order = CELLS[inputs]
    nodes, weights = np.polynomial.legendre.leggauss(order)
    starts = np.arange(cells)[:, None]
    unit = torch.as_tensor(((starts + (nodes + 1) / 2) / cells).ravel())
    share = torch.as_tensor(np.tile(weights / (2 * cells), cells))
    points = torch.cartesian_prod(*[unit] * inputs).reshape(-1, inputs)
    shares = torch.cartesian_prod(*[share] * inputs).reshape(-1, inputs).prod(dim=-1)
    width = box[:, 1] - box[:, 0]
    return box[:, 0] + width * points, shares * width.prod()


def sum_to_one(axiom: SumToOne, setting: Setting) -> Penalty:
    """The sum of the outputs less one."""
    outputs = _several(axiom, setting)
    size = setting.spread[outputs].square().mean().sqrt()

    def function(model: Model, x: Tensor) -> Tensor:
        return over(values(model, x, outputs).sum(dim=-1, keepdim=True) - 1, size)

    return Penalty(function, setting.points)


def ordered(axiom: Ordered, setting: Setting) -> Penalty:
    """By how much an output is less than the one before."""
    outputs = _several(axiom, setting)
    size = setting.spread[outputs].square().mean().sqrt()

    def function(model: Model, x: Tensor) -> Tensor:
        return over((-values(model, x, outputs).diff(dim=-1)).clamp_min(0), size)

    return Penalty(function, setting.points)


def units(axiom: Units, setting: Setting) -> Penalty:
    """The difference of the value, and that after the base units were rescaled, both in the same units."""
    names = {setting.input(name, axiom): setting.read_unit(unit) for name, unit in axiom.of_inputs}
    output, outputs = setting.read_unit(axiom.of_output), setting.outputs(axiom)
    bases = sorted({base for powers in (*names.values(), output) for base in powers})
    inputs = len(setting.input_names)
    powers = torch.tensor(
        [
            [float(names.get(i, {}).get(base, 0)) for i in range(inputs)] + [float(output.get(base, 0))]
            for base in bases
        ],
        dtype=torch.float64,
    ).reshape(len(bases), inputs + 1)

    def rescaled(x: Tensor, generator: torch.Generator) -> Tensor:
        draws = 2 * torch.rand(len(x), len(bases), generator=generator, dtype=x.dtype) - 1
        factors = (math.log(_FACTOR) * draws @ powers).exp()
        return torch.cat([x * factors[:, :-1], factors[:, -1:]], dim=-1)

    size = setting.spread[outputs]

    def function(model: Model, x: Tensor, data: Tensor) -> Tensor:
        return over(values(model, data[:, :-1], outputs) / data[:, -1:] - values(model, x, outputs), size)

    return Penalty(function, *partnered(setting, rescaled))


def conserved(axiom: Conserved, setting: Setting) -> Penalty:
    """The rate along the flow, in spreads of the output per typical time to cross the box."""
    inputs = [setting.input(name, axiom) for name, _ in axiom.flow]
    outputs = setting.outputs(axiom)
    flow = torch.stack([formula(text, setting.input_names)(setting.points) for _, text in axiom.flow], dim=-1)
    pace = (flow / setting.width[inputs]).square().sum(dim=-1).mean().sqrt().clamp_min(1e-300)
    size = setting.spread[outputs] * pace

    def function(model: Model, x: Tensor, data: Tensor) -> Tensor:
        slopes = torch.stack([each[:, outputs] for each in partials(model, x, *((i,) for i in inputs))], dim=-1)
        return over((slopes * data[:, None, :]).sum(dim=-1), size)

    return Penalty(function, setting.points, flow)


def stated(axiom: Law | Residual, setting: Setting) -> Penalty:
    """The violation of a statement; coefficients of a residual keep the values that they start from."""
    text = axiom.statement if isinstance(axiom, Law) else axiom.equation
    unknowns = dict(axiom.unknowns) if isinstance(axiom, Residual) else {}
    names = setting.input_names, setting.output_names
    meant: list[int | None] = [setting.outputs(axiom)[0]] if axiom.output is not None else [None]
    if axiom.output is None and len(setting.output_names) > 1 and speaks_of_any(text, *names):
        meant = list(range(len(setting.output_names)))
    statements = [understand(text, *names, output=j, unknowns=tuple(unknowns)) for j in meant]
    starts = list(unknowns.values())
    points, data = _fitting(statements[0], setting, axiom, starts)
    sizes = torch.stack([_size(each, setting, points, data, starts) for each in statements])

    def function(model: Model, x: Tensor, data: Tensor | None = None) -> Tensor:
        found = [each.violation(model, x, data, starts) for each in statements]
        return over(torch.stack(found, dim=-1), sizes)

    return Penalty(function, points, data)


DEMANDS: Final[dict[type[Axiom], Callable[[Any, Setting], Penalty]]] = {
    Through: through,
    Boundary: boundary,
    Initial: initial,
    Integral: integral,
    SumToOne: sum_to_one,
    Ordered: ordered,
    Units: units,
    Conserved: conserved,
    Residual: stated,
    Law: stated,
}
"""What makes the penalty of each axiom on values and of physics."""


# ---------------------------------------------------------------------------------------------------------- parts


def _matched(setting: Setting, outputs: list[int], points: Tensor, wanted: Tensor) -> Penalty:
    size = setting.spread[outputs]

    def function(model: Model, x: Tensor, data: Tensor) -> Tensor:
        return over(values(model, x, outputs) - data, size)

    return Penalty(function, points, wanted)


def _several(axiom: SumToOne | Ordered, setting: Setting) -> list[int]:
    names = axiom.outputs or setting.output_names
    if len(names) < 2:
        raise ConfigError(
            f"{axiom.word} speaks of several outputs, the model has {', '.join(setting.output_names)} only."
        )
    return [place(name, setting.output_names, axiom.word, "output") for name in names]


def _fitting(
    statement: Statement, setting: Setting, axiom: Axiom, unknowns: list[float]
) -> tuple[Tensor, Tensor | None]:
    """Points and free variables at which the statement says something about the model inside its box."""
    count, inputs = len(setting.points), len(setting.input_names)
    limited = axiom.domain != "all" and any(atom.arguments for atom in statement.atoms)
    picky = limited or (bool(statement.conditions) and statement.placed)
    times = _MORE if picky else 1
    box = torch.cat([setting.box, setting.box[list(statement.ranges)]])
    both = sobol(count * times, box, setting.seed + 1)
    if setting.given or not picky:
        both[:, :inputs] = setting.points.repeat(times, 1)
    x, free = both[:, :inputs], both[:, inputs:] if statement.free else None
    fits = torch.ones(len(both), dtype=torch.bool)
    columns = statement.given(x, free, unknowns)
    if limited:
        for arguments in statement.arguments(columns):
            fits &= inside(arguments, setting.box)
    if statement.conditions and statement.placed:
        fits &= statement.holds(columns, ())
    rows = fits.nonzero().squeeze(-1)[:count]
    if len(rows) == 0:
        raise ConfigError(
            f"{axiom} says nothing in its domain: no point was found where its conditions hold and the arguments of its calls "
            "lie in the box of the grids; take domain='all' or other conditions."
        )
    return x[rows], None if free is None else free[rows]


def _size(statement: Statement, setting: Setting, x: Tensor, free: Tensor | None, unknowns: list[float]) -> Tensor:
    """What the violation changes by when the output changes by its spread: the largest such change of any part of it.

    The parts are drawn at random about the output's mean, derivatives about zero in spreads per range.
    """
    columns = statement.given(x, free, unknowns)
    drawn: list[Tensor] = []
    sizes: list[float] = []
    for atom in statement.atoms:
        size = float(setting.spread[atom.output] / setting.width[list(atom.along)].prod())
        middle = 0.0 if atom.along else float(setting.centre[atom.output])
        draws = torch.randn(len(x), generator=torch.Generator().manual_seed(setting.seed + len(sizes)), dtype=x.dtype)
        drawn.append((middle + size * draws).requires_grad_())
        sizes.append(size)
    size = 0.0
    for part in statement.differences(columns, drawn) if drawn else ():
        slopes = torch.autograd.grad(part.sum(), drawn, allow_unused=True, retain_graph=True, materialize_grads=True)
        found = [
            float(slope[slope.isfinite()].square().mean().sqrt()) * s for slope, s in zip(slopes, sizes, strict=True)
        ]
        size = max([size, *filter(math.isfinite, found)])
    return torch.tensor(size if size > 0 else 1.0, dtype=torch.float64)
