"""`solve_equations`: differential equations and what is known at boundaries in, a model that fulfils both out."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from splinework.axioms import Axiom
from splinework.errors import ConfigError
from splinework.frame import FramedKAN, Region
from splinework.network import KAN
from splinework.teach.equations.evolution import evolved
from splinework.teach.equations.marched import Marched
from splinework.teach.equations.problem import Problem, measurements, problem_of
from splinework.teach.equations.slab import Slab
from splinework.train import Residual, solve
from splinework.train.callbacks import Step, StopTraining
from splinework.train.history import History

TOLERANCE, SLAB_TOLERANCE = 1e-7, 1e-4
"""Shares of the residual at which it is enough."""
POOL, EVEN = 10, 1.0
"""Points among which new ones are drawn, for each that is wanted; and what is added to the residual, as a share of its mean, in
their chances: c of Wu et al. 2023, eq. 2, whose k is 1."""


@final
@dataclass(frozen=True)
class Solved:
    """A solution.

    Attributes:
        model: The network, in a frame where conditions were built in; of slabs, one for each.
        unknowns: Coefficients that were found, by name.
        history: How it came about.
        residual: Root mean square of every equation at fresh points, in order.
    """

    model: KAN | FramedKAN | Marched
    unknowns: dict[str, float]
    history: History
    residual: tuple[float, ...]


def solve_equations(
    model: KAN,
    axioms: Sequence[Axiom | Residual],
    *,
    over: Mapping[str, tuple[float, float]] | Region | None = None,
    points: int | Any = None,
    data: tuple[Any, Any] | None = None,
    tolerance: float | None = None,
    slabs: int | None = None,
    rounds: int = 0,
    seed: int = 0,
    **options: Any,
) -> Solved:
    """Solves differential equations by a network that has boundary and initial values built in.

    Hard `Boundary` and `Initial` axioms (their usual strength) become a frame `u = g + ω N` around the network, hard
    `Periodic` ones cosines and sines of the input; soft ones are residuals beside the equations, like `Through`, `Integral`
    and measurements. Coefficients that `Residual(…, unknowns={"nu": 0.1})` names are found with the network.

    Args:
        model: A KAN in the raw inputs, left unchanged: its shape, grids and degrees count, and so do its numbers, but for a
            first layer that gets other inputs.
        axioms: `Residual`, `Boundary`, `Initial`, `Periodic`, `Through` and `Integral` axioms of `splinework.axioms`; and
            `splinework.train.Residual` recipes, functions of the whole model and of points.
        over: Ranges by input, or a region; what is missing comes from the axioms, then from the model's grids.
        points: How many points inside, or the points, `(N, inputs)`.
        data: Measurements `(x, y)`; a NaN in y is not known.
        tolerance: Ends early where the root mean square of what should vanish is this share of what it is without the
            network: 1e-7 where None is given, for slabs 1e-4; 0 goes on while it pays.
        slabs: Marches through time in slabs, about so many: for an equation that is not linear and moves fast. The network is
            one of `separable`; each slab begins with exactly what the one before ends with, has functions of place only to
            find, and gets knots where its residual asks for them.
        rounds: How often points are drawn anew where the residual is large (Wu et al. 2023), to go on from there.
        seed: Seed of everything random.
        **options: For `splinework.train.solve`: steps, seconds, starts, optimiser, validation, grids, degree, callbacks,
            progress.

    Returns:
        `Solved(.model, .unknowns, .history, .residual)`; the model in its own dtype.

    Raises:
        ConfigError: If an axiom cannot be used, values do not agree at a corner, or a setting makes no sense.
        FormulaError: If a formula cannot be read.
        ShapeError: If points or measurements have other columns than the model.
        DataError: If they are not finite.

    >>> import math
    >>> from splinework.axioms import Boundary, Residual
    >>> wave = KAN([1, 1], names=["x"], output_names=["u"], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    >>> found = solve_equations(wave, [Residual("u_xx = -u"), Boundary({"x": (0, 1)}, "x")], progress=False)
    >>> x = torch.tensor([[0.5]], dtype=torch.float64)
    >>> abs(float(found.model(x)) - math.sin(0.5) / math.sin(1)) < 1e-10
    True
    """
    problem = problem_of(model, axioms, over)
    if slabs is not None:
        given = {**options, **({} if data is None else {"data": data}), **({"rounds": rounds} if rounds else {})}
        return _evolved(problem, slabs, SLAB_TOLERANCE if tolerance is None else tolerance, given)
    share = TOLERANCE if tolerance is None else tolerance
    x = problem.points(points, seed)
    beside = problem.beside(len(x), seed) + ([] if data is None else measurements(model, data))
    network = problem.network(seed)
    enough = _Enough(share**2 * _of_nothing(problem, network, [*problem.inside(x), *beside]))
    options = {"seed": seed, **options, "callbacks": [*options.get("callbacks", ()), enough]}
    result = solve(network, [*problem.inside(x), *beside], frame=problem.frame, **options)
    for again in range(1, rounds + 1):
        x = _where_large(problem, result.model, len(x), seed + again)
        result = solve(result.model, [*problem.inside(x), *beside], frame=problem.frame, **{**options, "starts": 1})
    left = tuple(
        _left(problem, result.model, problem.domain.draw(2 * len(x), seed + 1000)).square().mean(0).sqrt().tolist()
    )
    found, unknowns = problem.solution(result.model)
    return Solved(found, unknowns, result.history, left)


def _evolved(problem: Problem, slabs: int, tolerance: float, options: dict[str, Any]) -> Solved:
    unused = set(options) - {"progress"}
    if unused:
        raise ConfigError(
            f"{sorted(unused)[0]} is for a problem that is solved as a whole, and says nothing to slabs; leave it out."
        )
    history = History()

    def tell(slab: Slab, left: float) -> None:
        size = slab.moved.numel()
        history.decide("slab", f"{slab.start:.4g} to {slab.end:.4g}: {size} numbers, residual {left:.2g}")

    model, course = evolved(problem, slabs, tolerance, tell)
    lengths = [slab.end - slab.start for slab in course.slabs]
    square = sum(length * left**2 for length, left in zip(lengths, course.residual, strict=True)) / sum(lengths)
    return Solved(model.to(next(problem.model.parameters()).dtype), {}, history, (square**0.5,))


@dataclass(frozen=True)
class _Enough:
    """Ends training once the objective is small, unless these are starts, which are tried on coarser grids."""

    least: float

    def __call__(self, step: Step) -> None:
        if step.objective <= self.least and not step.stage.startswith("start"):
            raise StopTraining("the residual is as small as was asked for")


@torch.no_grad()
def _of_nothing(problem: Problem, network: KAN, rows: Sequence[Residual]) -> float:
    """What is minimised, for a network that is zero."""
    nothing = copy.deepcopy(network)
    for parameter in nothing.parameters():
        parameter.zero_()
    whole, total = problem.whole(nothing), 0.0
    like = next(nothing.parameters())
    for row in rows:
        x = torch.as_tensor(row.points).to(like)
        data = () if row.data is None else (torch.as_tensor(row.data).to(like).reshape(len(x), -1),)
        total += row.weight * float(row.function(whole, x, *data).square().mean())
    return total


@torch.no_grad()
def _left(problem: Problem, network: KAN, x: Tensor) -> Tensor:
    """The equations at points, `(B, equations)`."""
    whole = problem.whole(network)
    x = x.to(next(whole.parameters()))
    return torch.cat([function(whole, x) for function, _, _ in problem.equations], dim=1)


def _where_large(problem: Problem, network: KAN, count: int, seed: int) -> Tensor:
    """Points drawn with chances that grow with the residual, `(count, inputs)`."""
    pool = problem.domain.draw(POOL * count, seed + 500)
    size = _left(problem, network, pool).square().sum(1).sqrt()
    chances = size / size.mean().clamp_min(1e-300) + EVEN
    return pool[torch.multinomial(chances, count, generator=torch.Generator().manual_seed(seed))]
