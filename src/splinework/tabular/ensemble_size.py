"""How large the ensemble of an estimator is: nodes, members and steps, by the hyperparameters and the number of rows."""

from dataclasses import replace

from splinework.tabular.ensemble import EnsembleSettings
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.tasks import Classification, Task
from splinework.train.teacher import MIN_ROWS

N_FOLDS = 6
MANY_FOLDS, MIN_MANY_ROWS, MAX_MANY_ROWS = 12, 1000, 5000
"""Folds of a classification of this size, and so members: a log loss pays for what one start is too sure of, and the mean of
more varies less. Of fewer rows curves are mostly ahead; of more a start matters less. A regression gains nothing."""
DIRECTED_WEIGHT_DECAYS = (0.1, 0.5)
"""Weight decay of the groups along monotone directions, where hidden nodes carry half of the columns' own effects besides, and
need to be freer: two folds of 1600 diamonds, none of them reported, had an RMSE of 0.121 with the usual ones, now 0.115."""
HIDDEN_NODES = 8
MAX_CLASS_STEPS = 2100
"""Most steps of a classification of many rows: labels say less of a function than numbers, so that nothing is gained beyond
(100,000 rows of three classes: log loss 0.3672 with 5000 steps, 0.3673 with 2000, 0.3682 with 1000, standard error 0.0004)."""


def n_members(settings: Hyperparameters, rows: int, task: Task) -> int:
    """Members of each group of the ensemble: as given or one per fold, at most one per row."""
    many = isinstance(task, Classification) and MIN_MANY_ROWS <= rows <= MAX_MANY_ROWS
    usual = MANY_FOLDS if many else N_FOLDS
    return min(usual if settings.members == "auto" else int(settings.members), rows)


def hidden_layers(settings: Hyperparameters, rows: int, outputs: int) -> tuple[int, ...]:
    """Nodes of each hidden layer of a member; none for an additive network."""
    hidden = settings.layers()
    if hidden is not None:
        return hidden if rows > 1 else ()
    # The outputs share hidden nodes, so the layer grows with their number.
    return (max(HIDDEN_NODES, min(2 * HIDDEN_NODES, 2 * outputs)),) if rows >= MIN_ROWS else ()


def ensemble_settings(
    settings: Hyperparameters, hidden: tuple[int, ...], rows: int, task: Task, is_directed: bool
) -> EnsembleSettings:
    """Settings of the training of an ensemble with these hidden layers; `is_directed` along monotone directions."""
    most = MAX_CLASS_STEPS if isinstance(task, Classification) else settings.max_iter
    steps = min(settings.max_iter, max(300, min(4 * rows, max(2000, min(most, rows // 5)))))
    batch_size = 256 if rows <= 10_000 else 512
    found = EnsembleSettings(hidden, n_members(settings, rows, task), steps=steps, batch_size=batch_size)
    return replace(found, weight_decays=DIRECTED_WEIGHT_DECAYS) if is_directed else found
