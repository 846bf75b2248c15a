"""`solve_equations`: fits a model to differential equations with boundary and initial conditions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from typing_extensions import Unpack

from splinework.errors import ConfigError
from splinework.knowledge.axioms import Axiom
from splinework.knowledge.teach.equations.global_solve import equation_residuals, solve_globally
from splinework.knowledge.teach.equations.problem import EquationProblem, measurements, problem_of
from splinework.knowledge.teach.equations.schedules import Causal, Schedule, Slabs, Whole
from splinework.knowledge.teach.equations.separable import separable
from splinework.knowledge.teach.equations.slab import Slab
from splinework.knowledge.teach.equations.time_marching_model import TimeMarchingModel
from splinework.knowledge.teach.equations.time_marching_setup import march_problem
from splinework.nn.frame import FramedKAN, Region
from splinework.nn.network import KAN
from splinework.nn.precision import delivered_dtype
from splinework.train import Residual
from splinework.train.history import History
from splinework.train.options import SolveKeywords, TrainingOptions, changed, options_of, with_options

__all__ = ["Causal", "EquationSolution", "Slabs", "TimeMarchingModel", "Whole", "separable", "solve_equations"]

TOLERANCE, SLAB_TOLERANCE = 1e-7, 1e-4
"""Shares of the residual at which it is enough."""
DEFAULT_SCHEDULE = Whole()
"""The usual schedule."""


@final
@dataclass(frozen=True)
class EquationSolution:
    """A solution.

    Attributes:
        model: The network, in a frame where conditions were built in; of slabs, one for each.
        unknowns: Coefficients that were found, by name.
        history: Steps and decisions of the training.
        residual: Root mean square of every equation at fresh points, in order.

    >>> EquationSolution(KAN([1, 1]), {"k": 2.0}, History(), (1e-12,)).unknowns["k"]
    2.0
    """

    model: KAN | FramedKAN | TimeMarchingModel
    unknowns: dict[str, float]
    history: History
    residual: tuple[float, ...]


@with_options(SolveKeywords)
def solve_equations(
    model: KAN,
    axioms: Sequence[Axiom | Residual],
    *,
    over: Mapping[str, tuple[float, float]] | Region | None = None,
    points: int | Any = None,
    data: tuple[Any, Any] | None = None,
    tolerance: float | None = None,
    schedule: Schedule = DEFAULT_SCHEDULE,
    options: TrainingOptions | None = None,
    **keywords: Unpack[SolveKeywords],
) -> EquationSolution:
    """Solves differential equations by a network that has boundary and initial values built in.

    Hard `Boundary` and `Initial` axioms (their usual strength) become a frame `u = g + ω N` around the network, hard
    `Periodic` ones cosines and sines of the input; soft ones are residuals beside the equations, like `Through`, `Integral`
    and measurements. Coefficients that `ResidualEquation(…, unknowns={"nu": 0.1})` names are found with the network.

    Args:
        model: A KAN in the raw inputs, left unchanged: its shape, grids and degrees count, and so do its numbers, but for a
            first layer that gets other inputs.
        axioms: `ResidualEquation`, `Boundary`, `Initial`, `Periodic`, `Through` and `Integral` axioms of `sw.axioms`; and
            `splinework.train.Residual` recipes, functions of the whole model and of points.
        over: Ranges by input, or a region; what is missing comes from the axioms, then from the model's grids.
        points: How many points inside, or the points, `(N, inputs)`.
        data: Measurements `(x, y)`; a NaN in y is not known.
        tolerance: Ends early where the root mean square residual is this share of the value without the
            network: 1e-7 where None is given, for slabs 1e-4; 0 continues while it improves.
        schedule: `Whole(rounds=…)`, `Causal(…)` or `Slabs(…)`.
        **keywords: Fields of `TrainingOptions`.
        options: These as one object; what is named beside it counts instead.

    Returns:
        `EquationSolution(.model, .unknowns, .history, .residual)`; the model in float64, or in the dtype that it was made with.

    Raises:
        ConfigError: If an axiom cannot be used, values do not agree at a corner, or a setting makes no sense.
        FormulaError: If a formula cannot be read.
        ShapeError: If points or measurements have other columns than the model.
        DataError: If they are not finite.

    >>> import math, torch
    >>> from splinework.knowledge.axioms import Boundary, ResidualEquation
    >>> wave = KAN([1, 1], names=["x"], output_names=["u"], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    >>> found = solve_equations(wave, [ResidualEquation("u_xx = -u"), Boundary({"x": (0, 1)}, "x")], progress=False)
    >>> x = torch.tensor([[0.5]], dtype=torch.float64)
    >>> abs(found.model(x).item() - math.sin(0.5) / math.sin(1)) < 1e-10
    True
    """
    chosen = options_of(solve_equations, options, keywords, TrainingOptions)
    problem = problem_of(model, axioms, over)
    if isinstance(schedule, Slabs):
        unused = {*changed(chosen), *([] if data is None else ["data"])} - {"progress", "seed"}
        if unused:
            raise ConfigError(
                f"{min(unused)} is for a problem that is solved as a whole, and says nothing to slabs; leave it out."
            )
        return _evolved(problem, schedule, SLAB_TOLERANCE if tolerance is None else tolerance)
    if not isinstance(schedule, (Whole, Causal)):  # by a caller without types
        raise ConfigError(f"the schedule is Whole(…), Causal(…) or Slabs(…), got {schedule!r}.")
    x = problem.points(points, chosen.seed)
    beside = problem.beside(len(x), chosen.seed) + ([] if data is None else measurements(model, data))
    enough = TOLERANCE if tolerance is None else tolerance
    result = solve_globally(problem, schedule, x, beside, enough, chosen)
    rest = (
        equation_residuals(problem, result.model, problem.domain.draw(2 * len(x), chosen.seed + 1000))
        .square()
        .mean(0)
        .sqrt()
    )
    found, unknowns = problem.solution(result.model)
    return EquationSolution(found, unknowns, result.history, tuple(rest.tolist()))


def _evolved(problem: EquationProblem, slabs: Slabs, tolerance: float) -> EquationSolution:
    history = History()

    def tell(slab: Slab, value: float) -> None:
        size = slab.moved.numel()
        history.decide("slab", f"{slab.start:.4g} to {slab.end:.4g}: {size} numbers, residual {value:.2g}")

    model, result = march_problem(problem, slabs.count, tolerance, tell)
    lengths = [slab.end - slab.start for slab in result.slabs]
    square = sum(length * value**2 for length, value in zip(lengths, result.residual, strict=True)) / sum(lengths)
    return EquationSolution(model.to(delivered_dtype(problem.model)), {}, history, (square**0.5,))
