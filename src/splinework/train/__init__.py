"""Fitting: changes the numbers and grids of a model, never its structure; only `sparsify` takes edges out.

Each name is loaded when it is first used: a plain fit loads neither ensembles nor trackers.
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what a type checker and an editor see: the same as _HOMES
    from splinework.train.callbacks import EarlyStopping, PlotLive, Step, StopTraining
    from splinework.train.ensemble import Ensemble, ensemble
    from splinework.train.fit import FitResult, fit
    from splinework.train.history import Decision, History
    from splinework.train.losses import Absolute, Custom, Huber, Logistic, Loss, Poisson, Quantile, Softmax, Squared
    from splinework.train.options import TrainingOptions
    from splinework.train.penalties import GroupLasso, Penalty, PykanSparsity, Roughness, Sparsity
    from splinework.train.residual import Residual
    from splinework.train.solve import solve
    from splinework.train.sparsify import sparsify
    from splinework.train.trackers import MLflow, OptunaPruning, TensorBoard
    from splinework.train.uncertainty import Interval

# Name → the module here that has it.
_HOMES = {
    **dict.fromkeys(("EarlyStopping", "PlotLive", "Step", "StopTraining"), "callbacks"),
    **dict.fromkeys(("Ensemble", "ensemble"), "ensemble"),
    **dict.fromkeys(("FitResult", "fit"), "fit"),
    **dict.fromkeys(("Decision", "History"), "history"),
    **dict.fromkeys(("Absolute", "Custom", "Huber", "Logistic", "Loss", "Poisson"), "losses"),
    **dict.fromkeys(("Quantile", "Softmax", "Squared"), "losses"),
    **dict.fromkeys(("GroupLasso", "Penalty", "PykanSparsity", "Roughness", "Sparsity"), "penalties"),
    **dict.fromkeys(("MLflow", "OptunaPruning", "TensorBoard"), "trackers"),
    **{"Interval": "uncertainty", "Residual": "residual", "TrainingOptions": "options"},
    **{"solve": "solve", "sparsify": "sparsify"},
}

__all__ = [
    "Absolute",
    "Custom",
    "Decision",
    "EarlyStopping",
    "Ensemble",
    "FitResult",
    "GroupLasso",
    "History",
    "Huber",
    "Interval",
    "Logistic",
    "Loss",
    "MLflow",
    "OptunaPruning",
    "Penalty",
    "PlotLive",
    "Poisson",
    "PykanSparsity",
    "Quantile",
    "Residual",
    "Roughness",
    "Softmax",
    "Sparsity",
    "Squared",
    "Step",
    "StopTraining",
    "TensorBoard",
    "TrainingOptions",
    "ensemble",
    "fit",
    "solve",
    "sparsify",
]

__getattr__ = lazy(__name__)
