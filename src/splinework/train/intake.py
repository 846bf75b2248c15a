"""From what the user hands in, x and y or a source, to rows in memory and the objective of the fit."""

import copy
from typing import Any

from splinework.errors import ConfigError
from splinework.nn.network import KAN
from splinework.train.data_objective import DataObjective
from splinework.train.losses import Loss
from splinework.train.options import TrainingOptions
from splinework.train.penalties import Penalty
from splinework.train.rows import Part, Rows, take_rows
from splinework.train.sources import Source
from splinework.train.stream_objective import StreamObjective
from splinework.train.survey import take_stream


def take(model: KAN, x: Any, y: Any, options: TrainingOptions) -> tuple[Rows, DataObjective | StreamObjective]:
    """Checks the data, sets the units of the model where asked, splits, and makes the objective.

    Of a source, the rows to fit that are handed back are a sample.

    Raises:
        ShapeError: If sizes do not fit.
        DataError: If there are no rows, or values that are not finite, or that mean nothing to the loss.
        ConfigError: If y is missing, or comes twice, or the loss does not fit the model.
        FileError: If a file of a source cannot be read.
    """
    if isinstance(x, Source):
        if y is not None or options.weights is not None:
            raise ConfigError(
                f"a source has y and weights in it, got {'y' if y is not None else 'weights'} besides; write fit(model, source), "
                "and name the weights where the source is made."
            )
        rows, stream, extremes = take_stream(model, x, options)
        return rows, StreamObjective(model, options.fixed_penalties, stream=stream, sample=rows.used, extremes=extremes)
    if y is None:
        raise ConfigError(
            "y is missing: write fit(model, x, y), or fit(model, source) with a source of both, such as "
            'splinework.train.sources.parquet("rows.parquet", target="y").'
        )
    rows = take_rows(model, x, y, options)
    return rows, objective_of(model, rows.used, rows.criterion, options.fixed_penalties)


def objective_of(model: KAN, part: Part, criterion: Loss, penalties: tuple[Penalty, ...]) -> DataObjective:
    """The objective of rows in memory."""
    return DataObjective(model, penalties, u=part.u, t=part.t, criterion=criterion, weights=part.weights)


def working_copy(model: KAN, verb: str, data: str) -> KAN:
    """A copy to work on, in float64.

    Args:
        model: What was handed in.
        verb: Who asks, for messages.
        data: What comes after the model in its call.

    Raises:
        ConfigError: If it is no KAN, or has nothing to change.
    """
    if not isinstance(model, KAN):
        kind = type(model).__name__
        raise ConfigError(f"{verb} takes the model first, a KAN, got {kind}: {verb}(model, {data}).")
    if not any(p.requires_grad for p in model.parameters()):
        raise ConfigError("every number of the model is frozen; set requires_grad where something may change.")
    return copy.deepcopy(model).double()
