"""Fitting: changes the numbers of a model, and its grids, never its structure."""

from splinework.train.callbacks import EarlyStopping, Step, StopTraining
from splinework.train.fit import FitResult, fit
from splinework.train.history import History
from splinework.train.penalties import Penalty, Roughness, Sparsity

__all__ = ["EarlyStopping", "FitResult", "History", "Penalty", "Roughness", "Sparsity", "Step", "StopTraining", "fit"]
