"""Optimisers: one method, one file, one row in `OPTIMISERS`: a recipe that attaches to an objective and steps."""

from splinework.errors import ConfigError
from splinework.train.optim.adam import Adam, AdamW
from splinework.train.optim.base import Optimiser, Stepper
from splinework.train.optim.lbfgs import LBFGS
from splinework.train.optim.levenberg_marquardt import LevenbergMarquardt
from splinework.train.optim.marquardt_stepper import DampedLeastSquares
from splinework.train.optim.newton_cg import NewtonCG
from splinework.train.optim.quasi_newton import BFGS, SSBFGS, SSBroyden
from splinework.train.optim.schedules import SCHEDULES, ConstantRate, CosineDecay, ExponentialDecay, OneCycle, Schedule
from splinework.train.optim.torch_optim import TorchOptimiser, torch_optimisers
from splinework.train.optim.variable_projection import VariableProjection, solve_last_layer

__all__ = [
    "BFGS", "LBFGS", "OPTIMISERS", "SCHEDULES", "SSBFGS", "Adam", "AdamW", "ConstantRate", "CosineDecay",
    "DampedLeastSquares", "ExponentialDecay", "LevenbergMarquardt", "NewtonCG", "OneCycle", "Optimiser", "SSBroyden",
    "Schedule", "Stepper", "TorchOptimiser", "VariableProjection", "make_optimiser", "solve_last_layer",
]  # fmt: skip

OPTIMISERS: dict[str, type[Optimiser]] = {
    recipe.name: recipe
    for recipe in (Adam, AdamW, LBFGS, BFGS, SSBFGS, SSBroyden, LevenbergMarquardt, NewtonCG, VariableProjection)
}


def make_optimiser(optimiser: str | Optimiser) -> Optimiser:
    """A recipe by name, ours or else one of `torch.optim` such as `sgd`; a recipe is passed through.

    Raises:
        ConfigError: For an unknown name, or an optimiser of torch that cannot work here.
    """
    if isinstance(optimiser, Optimiser):
        return optimiser
    name = optimiser.lower() if isinstance(optimiser, str) else None
    if name in OPTIMISERS:
        return OPTIMISERS[name]()
    if name in torch_optimisers():
        return TorchOptimiser(name)
    others = ", ".join(other for other in torch_optimisers() if other not in OPTIMISERS)
    raise ConfigError(
        f"optimiser is one of auto, {', '.join(OPTIMISERS)}, one of torch.optim ({others}) or a recipe such as Adam(), "
        f"got {optimiser!r}."
    )
