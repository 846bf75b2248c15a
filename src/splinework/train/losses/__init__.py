"""Losses: one family, one file; what is minimised over rows, by name in `LOSSES` or as a recipe."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from splinework.errors import ConfigError
from splinework.train.losses.base import Loss, best_constant
from splinework.train.losses.custom import Custom
from splinework.train.losses.likelihoods import Logistic, Poisson, Softmax
from splinework.train.losses.regression import Absolute, Huber, Quantile, Squared

__all__ = [
    "LOSSES", "Absolute", "Custom", "Huber", "Logistic", "Loss", "Poisson", "Quantile", "Softmax", "Squared",
    "best_constant", "make_loss",
]  # fmt: skip

LOSSES: dict[str, type[Loss]] = {
    recipe.name: recipe for recipe in (Squared, Huber, Absolute, Quantile, Poisson, Logistic, Softmax)
}


def make_loss(loss: str | Loss | Callable[[Tensor, Tensor], Any]) -> Loss:
    """A recipe by name (`squared`, `huber`, …), or of a function of outputs and targets; a recipe is passed through.

    Raises:
        ConfigError: For anything else.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]()
    if isinstance(loss, type) or not callable(loss):
        shown = f"the class {loss.__name__}; write {loss.__name__}()" if isinstance(loss, type) else repr(loss)
        raise ConfigError(
            f"loss is one of {', '.join(LOSSES)}, a recipe such as Huber(0.5), or a function of outputs and targets; "
            f"got {shown}."
        )
    return Custom(loss)
