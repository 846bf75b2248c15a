"""The plan of a fit: optimiser, number of starts and steps, grids and degrees; with the reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from splinework.errors import ConfigError
from splinework.nn.network import KAN
from splinework.train.coordinates import is_shaped
from splinework.train.objective import MAX_CHEAP_WORK, Objective
from splinework.train.optim import LBFGS, Adam, LevenbergMarquardt, NewtonCG, Optimiser, SSBroyden, make_optimiser
from splinework.train.optim.torch_optim import FirstOrder
from splinework.train.options import TrainingOptions
from splinework.train.smoothing import MAX_SMOOTHED_PARAMETERS

MAX_LM_PARAMETERS, MAX_LM_WORK = 4000, 1e11
"""Most parameters of Levenberg–Marquardt, and most multiplications per step (rows · outputs · parameters²)."""
MAX_BROYDEN_PARAMETERS, MAX_FULL_WORK = 5000, 1e9
"""Most parameters of self-scaled Broyden, and most work of steps on all rows (rows · outputs · parameters)."""
MAX_CG_WORK = 1e10
"""Most work of Gauss–Newton by conjugate gradients in some fifty products (rows · active splines of all edges)."""
BATCH_ROWS = 256
MAX_STREAM_WORK = 1e12
"""The same for rows that are not in memory: passes are few there, as a sample in memory has shown the way."""
N_STREAM_BATCHES, MAX_BATCH_ROWS, N_STREAM_EPOCHS = 5000, 4096, 2
"""Mini-batches per epoch of such rows, rows in one, and epochs of a stage."""
N_EXPENSIVE_STARTS = 3
"""Starts where a step on a sample of the rows is expensive: many rows leave fewer local minima, and each takes long."""


@dataclass(frozen=True)
class TrainingPlan:
    """Settings of a fit, checked.

    Attributes:
        method: The optimiser.
        why: Why this one, for the history.
        starts: Number of random starts, of which the best is kept.
        steps: Most steps in all, or None.
        stage_steps: Most steps of a stage where `steps` is None.
        grids: `auto`, resolutions to go through, or None to keep the grid.
        raises: Whether degrees may be raised.
        smooths: `always`, where the user asks for it, `noisy` data only, or `never`.
    """

    method: Optimiser
    why: str
    starts: int
    steps: int | None
    stage_steps: int
    grids: Sequence[int] | str | None
    raises: bool
    smooths: str


def make_plan(objective: Objective, options: TrainingOptions, *, smooth: bool | None = None) -> TrainingPlan:
    """The plan for an objective; `smooth` is whether a user asks for it, or None where there is no noise to smooth.

    Raises:
        ConfigError: For options that contradict each other, or the model.
    """
    method, why = _choose(objective, options.optimiser)
    return TrainingPlan(
        method,
        why,
        _starts(options.starts, method, objective, options.steps),
        options.steps,
        _stage_steps(method, objective),
        options.grids,
        options.degree == "auto" and method.second_order,
        _smooths(smooth, method, objective, options.grids),
    )


def _smooths(wanted: bool | None, method: Optimiser, objective: Objective, grids: Any) -> str:
    fits = method.second_order and objective.model.parameter_count(active=True) <= MAX_SMOOTHED_PARAMETERS
    if wanted:
        if not fits:
            raise ConfigError(
                f"Roughness('auto') needs a second-order method and at most {MAX_SMOOTHED_PARAMETERS} parameters, got "
                f"{method.name} and {objective.model.parameter_count(active=True)}; give it a weight."
            )
        return "always"
    return "noisy" if wanted is not None and fits and grids == "auto" else "never"


def _choose(objective: Objective, optimiser: str | Optimiser) -> tuple[Optimiser, str]:
    """The method by name; `auto` by size: Gauss–Newton by a matrix or by products, else quasi-Newton, Adam on mini-batches."""
    model = objective.model
    frozen = any(not p.requires_grad for p in model.parameters())
    shaped = is_shaped(model)
    if optimiser != "auto":
        method = make_optimiser(optimiser)
        if shaped and not isinstance(method, (LevenbergMarquardt, FirstOrder)):
            raise ConfigError(
                f"{method.name} does not know the bounds of shaped edges (hard axioms); take optimiser='lm', or 'adam' for many "
                "rows or parameters."
            )
        if frozen and method.second_order:
            raise ConfigError(
                f"{method.name} moves every number of the model, and some are frozen; use optimiser='lbfgs'."
            )
        return method, "as asked for"
    size, numbers = model.parameter_count(active=True), objective.n_values
    why, streamed = f"for {size} parameters and {objective.count} rows", not objective.is_cheap
    irregular = frozen or model.config.grid_kind == "learnable"
    if irregular:
        why += ", some frozen or not linear in their layer"
    elif size <= MAX_LM_PARAMETERS and objective.work <= (MAX_STREAM_WORK if streamed else MAX_LM_WORK):
        return LevenbergMarquardt(), f"second order, affordable {why}"
    if streamed:
        batch = min(max(objective.count // N_STREAM_BATCHES, BATCH_ROWS), MAX_BATCH_ROWS)
        return Adam(batch=batch), f"mini-batches of {batch} {why} that are not in memory"
    if shaped:
        return Adam(batch=BATCH_ROWS), f"mini-batches of {BATCH_ROWS} {why} with shaped edges, put back after each step"
    if not irregular and 50 * objective.count * _active(model) <= MAX_CG_WORK:
        return NewtonCG(), f"second order by products alone, as a matrix is too large {why}"
    if numbers * size <= MAX_FULL_WORK:
        if size <= MAX_BROYDEN_PARAMETERS:
            return SSBroyden(), f"a dense inverse Hessian {why}"
        return LBFGS(), f"all rows at every step {why}"
    return Adam(batch=BATCH_ROWS), f"mini-batches of {BATCH_ROWS} {why}"


def _active(model: KAN) -> int:
    """Table entries that are not zero at a row, over all living edges."""
    return sum(int(layer.alive.sum()) * (layer.table().size - layer.basis.resolution + 1) for layer in model.kan_layers)


def _stage_steps(method: Optimiser, objective: Objective) -> int:
    """Most steps of a stage: what the method says, but whole epochs over rows that are too many for memory."""
    batch = getattr(method, "batch", None)
    if batch is None or objective.is_cheap:
        return method.default_steps
    per_epoch = objective.batches(batch, torch.Generator()).per_epoch
    return max(method.default_steps, N_STREAM_EPOCHS * per_epoch)


def _starts(starts: int | None, method: Optimiser, objective: Objective, steps: int | None) -> int:
    """Number of starts: as given; else several for second-order methods, on at most about half of the steps."""
    if starts is not None:
        return starts
    if not method.second_order or isinstance(method, NewtonCG) or len(objective.model.kan_layers) == 1:
        return 1  # what is so large that it takes conjugate gradients rarely stalls, and costs too much to start often
    most = N_EXPENSIVE_STARTS if is_expensive(objective) else 12
    return most if steps is None else max(min(most, steps // (3 * method.trial_steps)), 1)


def is_expensive(objective: Objective) -> bool:
    """Whether a second-order step takes so long that there are few starts."""
    return objective.subsample().work > MAX_CHEAP_WORK
