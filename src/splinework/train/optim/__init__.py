"""Optimisers: one method, one file, one row in `OPTIMISERS`: a recipe that attaches to an objective and steps."""

from splinework.errors import ConfigError
from splinework.train.optim.adam import Adam
from splinework.train.optim.base import Optimiser, Stepper
from splinework.train.optim.lbfgs import LBFGS
from splinework.train.optim.levenberg_marquardt import LevenbergMarquardt

__all__ = ["LBFGS", "OPTIMISERS", "Adam", "LevenbergMarquardt", "Optimiser", "Stepper", "make_optimiser"]

OPTIMISERS: dict[str, type[Optimiser]] = {recipe.name: recipe for recipe in (Adam, LBFGS, LevenbergMarquardt)}


def make_optimiser(optimiser: str | Optimiser) -> Optimiser:
    """A recipe by name (`adam`, `lbfgs`, `lm`); a recipe is passed through.

    Raises:
        ConfigError: For an unknown name.
    """
    if isinstance(optimiser, Optimiser):
        return optimiser
    if optimiser not in OPTIMISERS:
        raise ConfigError(
            f"optimiser is one of auto, {', '.join(OPTIMISERS)} or a recipe such as Adam(), got {optimiser!r}."
        )
    return OPTIMISERS[optimiser]()
