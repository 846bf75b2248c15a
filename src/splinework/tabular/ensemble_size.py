"""How large the ensemble of an estimator is: nodes, members and steps, by the hyperparameters and the number of rows."""

from __future__ import annotations

from splinework.tabular.ensemble import EnsembleSettings
from splinework.tabular.hyperparameters import Hyperparameters

N_FOLDS = 6
MANY_FOLDS, MIN_MANY_ROWS, MAX_MANY_ROWS = 12, 1000, 10_000
"""Folds of tables of these sizes, and so members: the mean of more starts varies less, and each of them sees more rows. Of fewer
rows curves and smooth estimates are mostly ahead; of more the training takes long, and a start matters less."""
HIDDEN_NODES = 8
MIN_INTERACTION_ROWS = 30
"""Rows below which `hidden="auto"` fits no interactions."""


def n_members(settings: Hyperparameters, rows: int) -> int:
    """Members of each group of the ensemble: as given or one per fold, at most one per row."""
    usual = MANY_FOLDS if MIN_MANY_ROWS <= rows <= MAX_MANY_ROWS else N_FOLDS
    return min(usual if settings.members == "auto" else int(settings.members), rows)


def hidden_layers(settings: Hyperparameters, rows: int, outputs: int) -> tuple[int, ...]:
    """Nodes of each hidden layer of a member; none for an additive network."""
    hidden = settings.layers()
    if hidden is not None:
        return hidden if rows > 1 else ()
    # The outputs share hidden nodes, so the layer grows with their number.
    return (max(HIDDEN_NODES, min(2 * HIDDEN_NODES, 2 * outputs)),) if rows >= MIN_INTERACTION_ROWS else ()


def ensemble_settings(settings: Hyperparameters, hidden: tuple[int, ...], rows: int) -> EnsembleSettings:
    """Settings of the training of an ensemble with these hidden layers."""
    steps = min(settings.max_iter, max(300, min(4 * rows, max(2000, rows // 5))))
    return EnsembleSettings(hidden, n_members(settings, rows), steps=steps, batch_size=256 if rows <= 10_000 else 512)
