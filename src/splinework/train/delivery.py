"""The end of a fit: the best model in the dtype that its user gets, and a history that ends with the errors of that model."""

import copy
import math
from dataclasses import dataclass, replace
from typing import Any

import torch

from splinework.errors import ArgumentError, ConfigError
from splinework.errors.foreign import not_a_model
from splinework.nn.network import KAN
from splinework.nn.precision import delivered, delivered_dtype
from splinework.train.history import History
from splinework.train.objective import Objective
from splinework.train.penalties import Penalty
from splinework.train.run import TrainingRun


@torch.no_grad()
def deliver(run: TrainingRun, given: KAN, objective: Objective, *data: Any) -> KAN:
    """The best model of a run, in the dtype of the data or of the user's choice; errors in the history become its own.

    The last step of a run need not be the best, and a model in float32 is a rounded one: both change the errors. So those of
    the last step are evaluated again for the returned model, in its own arithmetic.

    Args:
        run: The finished run.
        given: The model that the user handed in.
        objective: The objective of the best model; its rows are the training rows.
        *data: The training data, as the user passed them.
    """
    assert run.best is not None
    exact = delivered_dtype(given, *data) == next(run.best.parameters()).dtype
    model, steps = delivered(run.best, given, *data), run.history.steps
    # A pass over rows that stream takes long, and would repeat what is known.
    if not steps or (exact and run.last_is_best and not objective.is_cheap):
        return model
    numbers = model if exact else copy.deepcopy(model).to(objective.activations().dtype)
    there, held = replace(objective.on(numbers), penalties=run.best_penalties), run.held_out
    steps[-1] = replace(
        steps[-1],
        grid=max(layer.basis.resolution for layer in model.kan_layers),
        grids=tuple(layer.basis.resolution for layer in model.kan_layers),
        degrees=tuple(layer.basis.size - layer.basis.resolution for layer in model.kan_layers),
        parameters=model.parameter_count(active=True),
        objective=there.value_on_all_rows(),
        loss=there.loss_value(),
        rmse_train=there.rmse_of(model),
        rmse_validation=math.nan if held is None else held.on(numbers).rmse_of(model),
    )
    return model


@dataclass(frozen=True)
class Outcome:
    """The end of a fit: the model, the history, and what the model was fitted to, with these penalties.

    Attributes:
        polished: Whether to held-out rows too.
        network: The network on even scales that the model was fitted as, or None.
        judged: The network that held-out rows judged, before any steps on all rows.
    """

    model: KAN
    history: History
    penalties: tuple[Penalty, ...]
    polished: bool
    network: KAN | None = None
    judged: KAN | None = None


def working_copy(model: KAN, verb: str, data: str) -> KAN:
    """A copy to work on, in float64.

    Raises:
        ConfigError: If it is no KAN, or has nothing to change.
    """
    if not isinstance(model, KAN):
        raise ArgumentError(not_a_model(verb, model, data))
    if not any(p.requires_grad for p in model.parameters()):
        raise ConfigError("every number of the model is frozen; set requires_grad where something may change.")
    return copy.deepcopy(model).double()
