"""Importance of inputs: shares of the variance, Shapley values, permutation, interactions, one prediction explained.

Each name is imported on first use.
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too
    from splinework.interpret.importance.ablation import ablation_scores
    from splinework.interpret.importance.effect import effects
    from splinework.interpret.importance.explanation import explain
    from splinework.interpret.importance.pairs import interactions, pair_surface
    from splinework.interpret.importance.permutation import permutation_importance
    from splinework.interpret.importance.sobol import sobol_indices
    from splinework.interpret.importance.table import importance

__all__ = [
    "ablation_scores", "effects", "explain", "importance", "interactions", "pair_surface", "permutation_importance",
    "sobol_indices",
]  # fmt: skip

__getattr__ = lazy(__name__)
