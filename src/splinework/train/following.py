"""Stages of first-order and quasi-Newton methods, in parts between which the grids follow the activations."""

import math
from collections.abc import Sequence

from splinework.train.grid_adaptation import MIN_PART_STEPS, adapt_grids, extend_grids, strays
from splinework.train.objective import Objective
from splinework.train.optim import Optimiser
from splinework.train.run import TrainingRun

FOLLOWING_SHARES, MAX_ADAPTING_SHARE = (0.05, 0.15, 0.4, 0.8, 1.0), 0.4
"""Shares of the steps of a first-order method after which grids follow, and from which on coefficients are not refitted."""


def follow(
    run: TrainingRun, objective: Objective, method: Optimiser, steps: int, stage: str, shares: Sequence[float]
) -> None:
    """Takes steps of a stage in parts, between which the grids follow the activations.

    A change of grids ends what such a method knows of the curvature, so there are few of them, unless activations leave their
    grids: coefficients are refitted while little is learned, later only the ends of the grids move.
    """
    done, strayed, ends = 0, False, [round(share * steps) for share in shares]
    while done < steps and not run.over:
        end, before = next((end for end in ends if end >= done + MIN_PART_STEPS), steps), run.taken
        run.advance(objective, method, end - done, stage)
        kept = math.isfinite(objective.value_on_all_rows())  # what has diverged has no grids to be moved
        strayed = kept and strays(objective.model, objective.activations())
        done = done + run.taken - before if strayed else end
        if strayed or (done < steps and not run.over):
            move = adapt_grids if len(shares) > 1 and done < MAX_ADAPTING_SHARE * steps else extend_grids
            move(objective.model, objective.activations())
    if strayed:
        run.consider(objective)
