"""Several starts, of which the best is kept: a random start of a deep network often stalls, which shows early.

Starts are made with few, low polynomials: there are fewer ways to be stuck. On `exp(½(sin π(a²+b²) + sin π(c²+d²)))` in
[4, 2, 1, 1], 16 of 40 random starts of degree 2 on two intervals find the structure, of degree 3 on five 5 of 40
(`python benchmarks/bench_optimisers.py starts`).
"""

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from splinework.interpret.edit.refit import refitted
from splinework.nn.initialise import initial_values
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines.bases import Basis, make_basis
from splinework.splines.cones import CONCAVE, CONVEX, DECREASING, INCREASING, greville
from splinework.train.callbacks import Step
from splinework.train.grid_adaptation import adapt_grids
from splinework.train.objective import Objective
from splinework.train.optim import Optimiser
from splinework.train.progress_line import jobs
from splinework.train.run import TrainingRun

COARSE_BASIS = make_basis(grid=2, degree=2)
"""Where derivatives of order n are trained on, starts are single polynomials of degree n + 5 instead: of COARSE, little is
left after two derivatives. On Poisson's equation in [2, 2, 1] these go on to an error a thousand times smaller than starts of
degree n + 2 on two intervals."""
MIN_UNEXPLAINED_SHARE = 0.1
"""A model that already explains all but this share of the variance is not started anew."""


def best_start(run: TrainingRun, objective: Objective, optimiser: Optimiser, count: int, steps: int) -> KAN:
    """Successive halving over `count` starts; a single one is the model as it came, and so is the first of several fine ones.

    Args:
        run: The fit in progress.
        objective: The rows; its model is the first start, or gives the structure of all.
        optimiser: How the starts are tried.
        count: Number of starts.
        steps: Steps for each in the first round; the best of a round get twice as many in the next.

    Returns:
        The winner, not yet converged.
    """
    model = objective.model
    if not any(bool((layer.mask != 0).any()) for layer in model.kan_layers):
        count = 1  # no spline whose numbers could be drawn
    recipe = COARSE_BASIS if objective.order == 0 else make_basis(grid=1, degree=min(objective.order + 5, 9))
    coarse = (
        _coarse_copy(model, recipe) if count > 1 and objective.unexplained_share() > MIN_UNEXPLAINED_SHARE else None
    )
    if coarse is None:
        rivals = [model]
        if objective.unexplained_share() > MIN_UNEXPLAINED_SHARE:
            rivals += [reinitialised(model, run.generator) for _ in range(count - 1)]
        return _successive_halving(run, objective, rivals, optimiser, steps)
    rivals = [reinitialised(coarse, run.generator) for _ in range(count)]
    # Coarse ones are not what was asked for, so nobody judges them, and their errors in the history may be as coarse.
    held_out, run.judging = run.held_out, False
    run.held_out = None if held_out is None else held_out.subsample()
    try:
        best = _successive_halving(run, objective, rivals, optimiser, steps)
    except KeyboardInterrupt:
        _copy_function(
            model, min(rivals, key=lambda rival: objective.on(rival).value_on_all_rows()), objective.activations()
        )
        raise
    else:
        _copy_function(model, best, objective.activations())
    finally:
        run.held_out, run.judging = held_out, True
        run.consider(objective)
    run.history.decide(
        "start", f"{count} starts of {recipe}, of which the best continues with {model.kan_layers[0].basis}"
    )
    return model


def _successive_halving(
    run: TrainingRun, objective: Objective, rivals: list[KAN], optimiser: Optimiser, steps: int
) -> KAN:
    """Successive halving (Jamieson & Talwalkar 2016): a third goes on, with twice the steps."""
    round_number = 1
    while True:
        scored: list[tuple[float, int, KAN]] = []
        stages = [
            f"start {number} of {len(rivals)}" + (f", round {round_number}" if round_number > 1 else "")
            for number in range(1, len(rivals) + 1)
        ]
        apart = _other_processes(run, objective, optimiser)
        if apart is not None:
            before = time.monotonic()
            budget = None if run.deadline is None else max(run.deadline - before, 0.0)
            limits = (run.held_out, run.prefix, run.target, run.settles, budget)
            tasks = [(objective.on(m), optimiser, steps, s, *limits) for m, s in zip(rivals, stages, strict=True)]
            for number, (model, value, taken) in enumerate(apart(_apart, tasks), start=1):
                run.take_over(taken, before - run.began)
                scored.append((value, number, model))
        for number, model in enumerate(rivals[len(scored) :], start=1):
            if run.over and scored:
                break
            scored.append((_tried(run, objective.on(model), optimiser, steps, stages[number - 1]), number, model))
        scored.sort(key=lambda entry: entry[:2])
        rivals = [model for _, _, model in scored[: max(len(scored) // 3, 1)]]
        if len(rivals) == 1 or run.over:
            return rivals[0]
        steps, round_number = 2 * steps, round_number + 1


def _tried(run: TrainingRun, trial: Objective, optimiser: Optimiser, steps: int, stage: str) -> float:
    """Steps from one start; returns what is left of the objective."""
    adapt_grids(trial.model, trial.activations())
    run.advance(trial, optimiser, steps // 2, stage)
    adapt_grids(trial.model, trial.activations())
    return run.advance(trial, optimiser, steps - steps // 2, stage)


def _other_processes(run: TrainingRun, objective: Objective, optimiser: Optimiser) -> Callable[..., list[Any]] | None:
    """The function that tries starts in several processes: those of the fit, or joblib's where it is configured for some.

    None where there are none, or the result would be another one: nothing may be drawn, recorded or judged meanwhile.
    """
    plain = optimiser.second_order and objective.is_cheap and not run.judging and run.remaining is None
    if not plain or run.journal.path is not None:
        return None
    from splinework.train.row_blocks import SHARED_BY  # loaded where it is used

    together = SHARED_BY.get()
    if together is not None:
        return together.share_out
    if jobs() == 1:
        return None
    from splinework.train.parallel import in_parallel

    return in_parallel


def _apart(
    trial: Objective,
    optimiser: Optimiser,
    steps: int,
    stage: str,
    held_out: Objective | None,
    prefix: str,
    target: float,
    settles: float | None,
    budget: float | None,
) -> tuple[KAN, float, list[Step]]:
    """One start in a process of its own: the network, what is left of the objective, and the steps."""
    run = TrainingRun(held_out, torch.Generator(), judging=False, prefix=prefix, target=target, settles=settles)
    run.deadline = None if budget is None else time.monotonic() + budget
    value = _tried(run, trial, optimiser, steps, stage)
    return trial.model, value, run.history.steps


def _coarse_copy(model: KAN, recipe: Basis) -> KAN | None:
    """The same network with splines of this recipe where it has finer ones that may change; None where it has none."""
    bases = []
    for layer in model.kan_layers:
        basis = layer.basis
        finer = basis.degree is not None and basis.size > recipe.size and basis.degree >= (recipe.degree or 0)
        bases.append(recipe if finer and layer.grid_kind == "adaptive" else basis)
    if bases == [layer.basis for layer in model.kan_layers]:
        return None
    coarse = KAN(
        replace(model.config, bases=tuple(bases), functions=()),
        dtype=next(model.parameters()).dtype,
        generator=torch.Generator(),
    )
    coarse.input_scaling.load_state_dict(model.input_scaling.state_dict())
    coarse.output_scaling.load_state_dict(model.output_scaling.state_dict())
    for layer, own in zip(coarse.kan_layers, model.kan_layers, strict=True):
        layer.mask.copy_(own.mask)
        if own.functions is not None:
            layer.set_functions(own.functions.edges())
        if own.shaping is not None:
            layer.shape(own.shaping)
        if layer.basis == own.basis:
            layer.replace_grid(own.basis, own.grid, own.edge_coefficients())
    return coarse


@torch.no_grad()
def _copy_function(model: KAN, coarse: KAN, u: Tensor) -> None:
    """Makes the model the function that the coarse one is, on its own number of intervals and with its own degree."""
    for layer, own, nodes in zip(coarse.kan_layers, model.kan_layers, model.config.nodes[1:], strict=True):
        following = nodes.combine(layer(u))
        if own.basis != layer.basis:
            low, high = layer.basis.domain(layer.grid)
            grid = own.basis.make_grid(low, high)
            own.replace_grid(own.basis, grid, refitted(layer, own.basis, grid, u))
        else:
            own.replace_grid(own.basis, layer.grid, layer.edge_coefficients())
        if own.bias is not None and layer.bias is not None:
            own.bias.copy_(layer.bias)
        if layer.functions is not None:
            own.set_functions(layer.functions.edges())
        u = following


@torch.no_grad()
def initialise_shaped(layer: KANLayer, generator: torch.Generator) -> None:
    """Gives shaped edges a random start that is not flat: what is nearest to noise in a cone is little more than a constant.

    An edge begins with the slope or the bend that it must have, of a random size, and a little of the noise that it was given.
    """
    rules = layer.shaping
    if rules is None or layer.basis.degree is None:
        return
    flags, values = rules.flags, layer.edge_coefficients()
    xi = greville(layer.grid, layer.basis.degree)
    low, high = layer.basis.domain(layer.grid)
    v = ((2 * xi - low[:, None] - high[:, None]) / (high - low)[:, None])[..., None]
    size = torch.rand(flags.shape, generator=generator, dtype=values.dtype).to(values.device)[:, None] + 0.5
    size = size * layer.inputs**-0.5

    def sign(up: int, down: int) -> torch.Tensor:
        return (((flags & up) != 0).to(values) - ((flags & down) != 0).to(values))[:, None]

    rise, bend = sign(INCREASING, DECREASING), sign(CONVEX, CONCAVE)
    # A convex edge that also rises bends from its left end on.
    spread = size * (rise * v + bend * 0.5 * (v + rise * bend).square())
    values[:, : layer.basis.size] += spread
    layer.set_edge_coefficients(values)


@torch.no_grad()
def reinitialised(model: KAN, generator: torch.Generator) -> KAN:
    """The same network with new random numbers; masks, units, grids and what is frozen stay."""
    other = copy.deepcopy(model)
    for layer in other.kan_layers:
        like = {"dtype": layer.coefficients.dtype, "device": generator.device}  # the same numbers on every device
        c, w_b, w_s = initial_values(
            model.config.init, layer.inputs, layer.basis.size, layer.outputs, generator, **like
        )
        zero = None if layer.bias is None else torch.zeros_like(layer.bias)
        drawn = ((layer.coefficients, c), (layer.spline_weight, w_s), (layer.base_weight, w_b), (layer.bias, zero))
        for parameter, value in drawn:
            if parameter is not None and value is not None and parameter.requires_grad:
                parameter.copy_(value)
        initialise_shaped(layer, generator)
    return other
