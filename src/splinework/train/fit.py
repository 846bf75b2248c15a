"""`fit`: data in, fitted model out."""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.network import KAN
from splinework.train.callbacks import Callback
from splinework.train.follow import follow, widen
from splinework.train.growth import grow
from splinework.train.history import History
from splinework.train.objective import Objective
from splinework.train.optim import LevenbergMarquardt, Optimiser, make_optimiser
from splinework.train.penalties import Penalty
from splinework.train.progress import Progress
from splinework.train.rows import Rows, take_rows
from splinework.train.run import Run
from splinework.train.starts import best_start

SMALL = 1500
"""Up to this many parameters, and 6e9 multiplications per step, Levenberg–Marquardt is the default."""


@dataclass(frozen=True)
class FitResult:
    """The fitted model, and how it came about."""

    model: KAN
    history: History


def fit(
    model: KAN,
    x: Any,
    y: Any,
    *,
    steps: int | None = None,
    optimiser: str | Optimiser = "auto",
    validation: float | tuple[Any, Any] | None = None,
    seed: int = 0,
    progress: bool = True,
    callbacks: Sequence[Callback] = (),
    penalties: Sequence[Penalty] = (),
    grids: Sequence[int] | str | None = "auto",
    starts: int | None = None,
    standardise: bool | str = "auto",
    seconds: float | None = None,
) -> FitResult:
    """Fits a copy of the model to rows of data by least squares; the model handed in is left unchanged.

    By default the numbers come from Levenberg–Marquardt where the model is small enough, from several starts of which the
    best goes on, and the grids are refined while that lowers the error on held-out rows. The state with the lowest held-out
    error is returned (with the lowest objective, where no rows are held out), after a last polish on all rows.

    Args:
        model: The network.
        x: `(N, inputs)`: a tensor, an array or a pandas frame, in raw units.
        y: `(N, outputs)`, or `(N,)` for one output, in raw units.
        steps: Most steps of the optimiser in all; None lets each stage converge.
        optimiser: `auto`, `lm`, `lbfgs`, `adam`, or a recipe such as `Adam(learning_rate=1e-3, batch=64)`.
        validation: Share of rows to hold out, or `(x, y)` of their own; None holds out 15 % where there are 40 rows or
            more. 0 holds out none.
        seed: Seed of everything random here; same seed, same bits on one machine. The global seed is not touched.
        progress: Whether to show progress on a terminal.
        callbacks: Functions of a `Step`; one may raise `StopTraining`.
        penalties: Such as `Sparsity(1e-3)`.
        grids: `auto`, a list of resolutions to go through such as `[5, 10, 20]`, or None to keep the model's.
        starts: Number of starts; None takes 8 for a network with hidden nodes, else 1.
        standardise: Whether to set the units of the model from the data; `auto` does where x does not fit the grids' domain
            or y is far from unit size, and the model has no units yet.
        seconds: Most time to take.

    Returns:
        `FitResult(.model, .history)`; the model in its own dtype, the numbers having been found in float64.

    Raises:
        ShapeError: If x and y do not fit the model or each other.
        DataError: If there are no rows, or some are not finite.
        ConfigError: For a setting that makes no sense.

    >>> x = torch.rand(200, 1)
    >>> result = fit(KAN([1, 1]), x, x**2, progress=False)
    >>> result.history[-1].rmse_train < 1e-3
    True
    """
    if steps is not None and steps < 0:
        raise ConfigError(f"steps must not be negative, got {steps}.")
    work = copy.deepcopy(model).double()
    rows = take_rows(work, x, y, validation=validation, seed=seed, standardise=standardise)
    method = _choose(work, rows, optimiser)
    run = Run(
        unit=work.output_scaling.scale,
        held_out=rows.held_out,
        generator=torch.Generator().manual_seed(seed),
        callbacks=tuple(callbacks),
        deadline=None if seconds is None else time.monotonic() + seconds,
        remaining=steps,
    )
    run.history.notes.append(f"optimiser {method.name}; {len(rows.u)} rows to fit, {rows.held_out_count} held out")
    with Progress(progress) as bar:
        run.callbacks = (*run.callbacks, bar)
        try:
            _stages(run, Objective(work, rows.u, rows.t, tuple(penalties)), method, rows, grids, starts, steps)
        except KeyboardInterrupt:
            run.stopped = "interrupted; the best state so far was kept"
    run.history.notes.append(f"ended: {run.stopped or 'converged'}")
    best = run.best or work
    return FitResult(best.to(next(model.parameters()).dtype), run.history)


def _stages(
    run: Run,
    objective: Objective,
    method: Optimiser,
    rows: Rows,
    grids: Sequence[int] | str | None,
    starts: int | None,
    steps: int | None,
) -> None:
    """Starts, convergence on the first grid, growth, and a polish on all rows."""
    run.consider(objective.model, objective)
    deep = len(objective.model.kan_layers) > 1
    second_order = isinstance(method, LevenbergMarquardt)
    planned = None if grids in (None, "auto") else [int(g) for g in grids or ()]
    if grids == "auto" and not second_order:
        planned = []
    stages = 1 + len(planned or ())
    budget = method.default_steps if steps is None else max(math.ceil(steps / stages), 1)
    if second_order and (deep or starts):
        count = (8 if deep else 1) if starts is None else starts
        model = best_start(run, objective, method, count, 12)
        objective = Objective(model, objective.u, objective.t, objective.penalties)
    else:
        follow(objective.model, objective.u)
        if not second_order and steps is None:
            run.advance(objective, method, budget // 4, "start")
            follow(objective.model, objective.u)
    widen(objective.model, objective.u)
    run.advance(objective, method, budget, f"grid {objective.model.kan_layers[0].basis.resolution}", settle=0.05)
    if grids is not None:
        objective = grow(run, objective, method, planned, budget if not second_order else 60)
    if (
        rows.held_out_automatically
        and rows.held_out is not None
        and second_order
        and run.best is not None
        and not run.over
    ):
        _polish(run, rows, method, objective.penalties)


def _polish(run: Run, rows: Rows, method: Optimiser, penalties: tuple[Penalty, ...]) -> None:
    """From the best state on, fits all rows; nothing is held out any more."""
    assert run.best is not None and rows.held_out is not None
    everything = Objective(
        run.best, torch.cat([rows.u, rows.held_out[0]]), torch.cat([rows.t, rows.held_out[1]]), penalties
    )
    widen(everything.model, everything.u)
    run.held_out = None
    run.forget_best()
    run.consider(everything.model, everything)
    run.advance(everything, method, 100, "polish", settle=1e-2)


def _choose(model: KAN, rows: Rows, optimiser: str | Optimiser) -> Optimiser:
    """The method by name; `auto` by size: Levenberg–Marquardt, else L-BFGS, else Adam on mini-batches."""
    if optimiser != "auto":
        return make_optimiser(optimiser)
    size, count = model.parameter_count(active=True), rows.t.numel()
    if model.config.grid_kind != "learnable" and size <= SMALL and count * size**2 <= 6e9:
        return LevenbergMarquardt()
    from splinework.train.optim import LBFGS, Adam

    return LBFGS() if count * size <= 2e8 else Adam(batch=256)
