"""Several starts, of which the best goes on: a random start of a deep network often stalls, and tells so early."""

import copy

import torch

from splinework.initialise import start
from splinework.network import KAN
from splinework.train.follow import follow
from splinework.train.objective import Objective
from splinework.train.optim import Optimiser
from splinework.train.run import Run

LEARNED = 0.1
"""A model that already explains all but this share of the variance is not started anew."""


def best_start(run: Run, objective: Objective, optimiser: Optimiser, count: int, steps: int) -> KAN:
    """Successive halving over `count` starts, of which the first is the model as it came.

    Args:
        run: The fit in progress.
        objective: The rows; its model is the first start.
        optimiser: How the starts are tried.
        count: Number of starts.
        steps: Steps for each in the first round; survivors of a round get twice as many in the next.

    Returns:
        The winner, not yet converged.
    """
    rivals = [objective.model]
    if _unlearned(objective):
        rivals += [fresh(objective.model, run.generator) for _ in range(count - 1)]
    round_number = 1
    while True:
        scored: list[tuple[float, int, KAN]] = []
        for number, model in enumerate(rivals, start=1):
            if run.over and scored:
                break
            trial = Objective(model, objective.u, objective.t, objective.penalties)
            stage = f"start {number} of {len(rivals)}" + (f", round {round_number}" if round_number > 1 else "")
            follow(model, trial.u)
            value = run.advance(trial, optimiser, steps // 2, stage)
            follow(model, trial.u)
            value = run.advance(trial, optimiser, steps - steps // 2, stage)
            scored.append((value, number, model))
        scored.sort(key=lambda entry: entry[:2])
        rivals = [model for _, _, model in scored[: max(len(scored) // 3, 1)]]
        if len(rivals) == 1 or run.over:
            return rivals[0]
        steps, round_number = 2 * steps, round_number + 1


@torch.no_grad()
def fresh(model: KAN, generator: torch.Generator) -> KAN:
    """The same network with new random numbers; masks, units, grids and what is frozen stay."""
    other = copy.deepcopy(model)
    for layer in other.kan_layers:
        like = {"dtype": layer.coefficients.dtype, "device": generator.device}  # the same numbers on every device
        c, w_b, w_s = start(model.config.init, layer.inputs, layer.basis.size, layer.outputs, generator, **like)
        zero = None if layer.bias is None else torch.zeros_like(layer.bias)
        drawn = ((layer.coefficients, c), (layer.spline_weight, w_s), (layer.base_weight, w_b), (layer.bias, zero))
        for parameter, value in drawn:
            if parameter is not None and value is not None and parameter.requires_grad:
                parameter.copy_(value)
    return other


@torch.no_grad()
def _unlearned(objective: Objective) -> bool:
    return bool(objective.error() > LEARNED * objective.t.var(unbiased=False))
