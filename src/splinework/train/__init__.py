"""Fitting: changes the numbers and grids of a model, never its structure; only `sparsify` takes edges out.

Each name is loaded when it is first used: a plain fit loads neither ensembles nor trackers.
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too
    from splinework.train.callbacks import EarlyStopping, PlotLive, Step, StopTraining
    from splinework.train.ensembles import Ensemble, ensemble
    from splinework.train.fitting import FitResult, fit
    from splinework.train.gradient import step
    from splinework.train.history import Decision, History
    from splinework.train.losses import Absolute, Custom, Huber, Logistic, Loss, Poisson, Quantile, Softmax, Squared
    from splinework.train.options import TrainingOptions
    from splinework.train.penalties import GroupLasso, Penalty, PykanSparsity, Roughness, Sparsity
    from splinework.train.residual import Residual
    from splinework.train.solving import solve
    from splinework.train.sparsification import sparsify
    from splinework.train.trackers import MLflow, OptunaPruning, TensorBoard
    from splinework.train.uncertainty import IntervalEstimate

__all__ = [
    "Absolute", "Custom", "Decision", "EarlyStopping", "Ensemble", "FitResult", "GroupLasso", "History", "Huber",
    "IntervalEstimate", "Logistic", "Loss", "MLflow", "OptunaPruning", "Penalty", "PlotLive", "Poisson",
    "PykanSparsity", "Quantile", "Residual", "Roughness", "Softmax", "Sparsity", "Squared", "Step", "StopTraining",
    "TensorBoard", "TrainingOptions", "ensemble", "fit", "solve", "sparsify", "step",
]  # fmt: skip

__getattr__ = lazy(__name__)
