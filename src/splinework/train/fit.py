"""`fit`: data in, fitted model out."""

import copy
import math
import operator
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from splinework.errors import ConfigError
from splinework.network import KAN
from splinework.train.callbacks import Callback
from splinework.train.follow import follow, widen
from splinework.train.growth import grow
from splinework.train.history import History
from splinework.train.objective import Objective
from splinework.train.optim import LBFGS, Adam, LevenbergMarquardt, Optimiser, make_optimiser
from splinework.train.penalties import Penalty
from splinework.train.progress import Progress
from splinework.train.rows import Rows, take_rows
from splinework.train.run import Run
from splinework.train.starts import best_start

SMALL = 1500
"""Up to this many parameters, and 6e9 multiplications per step, Levenberg–Marquardt is the default."""
STARTS = 8
GROWTH_STEPS, POLISH_STEPS = 60, 100
"""Most Levenberg–Marquardt steps per finer grid, and at the end on all rows."""


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

    By default the numbers come from Levenberg–Marquardt where the model is small enough, from several starts of which
    the best goes on, and the grids are refined while that lowers the error on held-out rows. The state with the lowest
    held-out error is returned (with the lowest objective, where no rows are held out), after a last polish on all rows.

    Args:
        model: The network. A number that is frozen (`requires_grad=False`) stays, but then `lm` cannot be used.
        x: `(N, inputs)`: a tensor, an array or a frame, in raw units.
        y: `(N, outputs)`, or `(N,)` for one output, in raw units.
        steps: Most steps of the optimiser in all; None lets each stage converge.
        optimiser: `auto`, `lm`, `lbfgs`, `adam`, or a recipe such as `Adam(learning_rate=1e-3, batch=64)`.
        validation: Share of rows to hold out, or `(x, y)` of their own; None holds out 15 % where there are 40 rows or
            more. 0 holds out none.
        seed: Seed of everything random here; same seed, same bits on one machine. The global seed is not touched.
        progress: Whether to show progress on a terminal.
        callbacks: Functions of a `Step`; one may raise `StopTraining`.
        penalties: Such as `Sparsity(1e-3)`.
        grids: `auto`, a list of resolutions to go through such as `[5, 10, 20]` (those not finer than the model's are
            passed over), or None to keep the model's.
        starts: Number of starts; None takes 8 for a network with hidden nodes and Levenberg–Marquardt (fewer where
            `steps` are few), else 1.
        standardise: Whether to set the units of the model from the data; `auto` does where x does not fit the grids'
            domain or y is far from unit size, and the model has no units yet.
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
    wanted = _grids(grids)
    _check(steps=steps, starts=starts, seconds=seconds, seed=seed, callbacks=callbacks, penalties=penalties)
    # Whatever the caller's: derivatives are needed here.
    with torch.inference_mode(False), torch.enable_grad():
        work = _private(model)
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
        objective = Objective(work, rows.u, rows.t, tuple(penalties))
        run.judge_anew(objective, rows.held_out)
        with Progress(progress) as bar:
            run.callbacks = (*run.callbacks, bar)
            try:
                objective = _stages(run, objective, method, wanted, starts, steps)
                if rows.held_out_automatically and isinstance(method, LevenbergMarquardt) and not run.over:
                    _polish(run, objective, method)
            except KeyboardInterrupt:
                run.stopped = "interrupted; the best state so far was kept"
        run.history.notes.append(f"ended: {run.stopped or 'converged'}")
        assert run.best is not None
        return FitResult(run.best.to(next(model.parameters()).dtype), run.history)


def _stages(
    run: Run,
    objective: Objective,
    method: Optimiser,
    grids: list[int] | str | None,
    starts: int | None,
    steps: int | None,
) -> Objective:
    """Starts, convergence on the first grid, and growth; returns the rows with the last model."""
    second_order = isinstance(method, LevenbergMarquardt)
    planned = grids if isinstance(grids, list) else []
    planned = [g for g in planned if g > max(layer.basis.resolution for layer in objective.model.kan_layers)]
    budget = method.default_steps if steps is None else max(math.ceil(steps / (1 + len(planned))), 1)
    if run.over:
        return objective
    count = _starts(starts, method, objective.model, steps)
    if count > 1 or (second_order and len(objective.model.kan_layers) > 1):
        # All trials together take about twice the first round; half of the steps are for the winner.
        trial = method.trial_steps if steps is None else min(method.trial_steps, max(steps // (4 * count), 2))
        objective = replace(objective, model=best_start(run, objective, method, count, trial))
    else:
        follow(objective.model, objective.u)
        if not second_order and steps is None:
            run.advance(objective, method, budget // 4, "start")
            if not run.over:
                follow(objective.model, objective.u)
    if run.over:
        return objective
    widen(objective.model, objective.u)
    run.advance(objective, method, budget, f"grid {objective.model.kan_layers[0].basis.resolution}")
    if run.over or grids is None or (grids == "auto" and not second_order):
        return objective
    return grow(
        run,
        objective,
        method,
        planned if grids != "auto" else None,
        min(budget, GROWTH_STEPS) if second_order else budget,
    )


def _polish(run: Run, objective: Objective, method: Optimiser) -> None:
    """From the best state on, fits all rows; nothing is held out any more."""
    if run.best is None or run.held_out is None:
        return
    u, t = torch.cat([objective.u, run.held_out[0]]), torch.cat([objective.t, run.held_out[1]])
    everything = Objective(copy.deepcopy(run.best), u, t, objective.penalties)
    widen(everything.model, u)
    run.judge_anew(everything, None)
    run.advance(everything, method, POLISH_STEPS, "polish", settles=1e-2)


def _private(model: KAN) -> KAN:
    """A copy to work on, in float64."""
    if not isinstance(model, KAN):
        raise ConfigError(f"fit takes the model first, a KAN, got {type(model).__name__}: fit(model, x, y).")
    if not any(p.requires_grad for p in model.parameters()):
        raise ConfigError("every number of the model is frozen; set requires_grad where something may change.")
    return copy.deepcopy(model).double()


def _choose(model: KAN, rows: Rows, optimiser: str | Optimiser) -> Optimiser:
    """The method by name; `auto` by size: Levenberg–Marquardt, else L-BFGS, else Adam on mini-batches."""
    frozen = any(not p.requires_grad for p in model.parameters())
    if optimiser != "auto":
        method = make_optimiser(optimiser)
        if frozen and isinstance(method, LevenbergMarquardt):
            raise ConfigError("lm moves every number of the model, and some are frozen; take optimiser='lbfgs'.")
        return method
    size, count = model.parameter_count(active=True), rows.t.numel()
    if not frozen and model.config.grid_kind != "learnable" and size <= SMALL and count * size**2 <= 6e9:
        return LevenbergMarquardt()
    return LBFGS() if count * size <= 2e8 else Adam(batch=256)


def _starts(starts: int | None, method: Optimiser, model: KAN, steps: int | None) -> int:
    """How many starts: as told; else several where they pay, on at most about half of the steps."""
    if starts is not None:
        return starts
    if not isinstance(method, LevenbergMarquardt) or len(model.kan_layers) == 1:
        return 1
    return STARTS if steps is None else max(min(STARTS, steps // (3 * method.trial_steps)), 1)


def _grids(grids: Any) -> list[int] | str | None:
    """`auto`, None or a list of resolutions, in order."""
    if grids is None or (isinstance(grids, str) and grids == "auto"):
        return grids
    try:
        wanted = sorted(operator.index(g) for g in grids)
    except TypeError:
        wanted = []
    if not wanted or wanted[0] < 1:
        raise ConfigError(f"grids is 'auto', None or a list of resolutions such as [5, 10, 20], got {grids!r}.")
    return wanted


def _check(*, steps: Any, starts: Any, seconds: Any, seed: Any, callbacks: Any, penalties: Any) -> None:
    """Raises ConfigError for a setting that makes no sense."""
    for name, value, least in (("steps", steps, 0), ("starts", starts, 1), ("seed", seed, 0)):
        whole = hasattr(value, "__index__") and operator.index(value) >= least
        if not (whole or (value is None and name != "seed")):
            raise ConfigError(f"{name} is a whole number of at least {least}, got {value!r}.")
    if seconds is not None and not (isinstance(seconds, (int, float)) and seconds >= 0):
        raise ConfigError(f"seconds is a time, zero or more, got {seconds!r}.")
    if not isinstance(callbacks, Sequence) or not all(callable(callback) for callback in callbacks):
        raise ConfigError(f"callbacks is a list of functions of a Step, got {callbacks!r}; write [callback].")
    if not isinstance(penalties, Sequence) or not all(isinstance(penalty, Penalty) for penalty in penalties):
        raise ConfigError(f"penalties is a list such as [Sparsity(1e-3)], got {penalties!r}.")
