"""Many rows: a stage of a fit takes its first steps on a sample, which shows the way, and its last ones on all rows."""

from collections.abc import Callable

from splinework.train.grid_adaptation import extend_grids
from splinework.train.objective import Objective
from splinework.train.optim import Optimiser
from splinework.train.run import TrainingRun

MAX_STEPS_AFTER_SAMPLE = 20
"""Most steps of a stage on all rows, after those on a sample."""


def converge(
    run: TrainingRun,
    objective: Objective,
    optimiser: Optimiser,
    steps: int,
    stage: str,
    *,
    unless: Callable[[], bool] = lambda: False,
) -> None:
    """Takes up to `steps` steps of a stage, where rows are many for a second-order method on a sample of them first.

    Args:
        run: The fit in progress.
        objective: The rows and the model.
        optimiser: The method of all steps.
        steps: Most steps on the sample, or on all rows where there is none.
        stage: Name of the stage; that of the steps on the sample is `stage, sample`.
        unless: Whether the sample has shown that steps on all rows would be in vain.
    """
    scout = objective.subsample()
    if optimiser.second_order and scout.count < objective.count:
        # The error on rows of the sample says nothing of the others; held-out rows do.
        judging, run.judging = run.judging, run.held_out is not None and run.judging
        try:
            run.advance(scout, optimiser, steps, f"{stage}, sample")
        finally:
            run.judging = judging
        extend_grids(objective.model, objective.activations())
        if unless():
            return
        steps = min(steps, MAX_STEPS_AFTER_SAMPLE)
    run.advance(objective, optimiser, steps, stage)
