"""`fit` on several processes: what must be alike in all of them, who prepares the rows, and how all come by the result."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from splinework.nn.network import KAN
from splinework.train.data_objective import JointObjective
from splinework.train.data_split import DataSplit
from splinework.train.delivery import Outcome, working_copy
from splinework.train.distributed import Team, compare, leave
from splinework.train.options import TrainingOptions
from splinework.train.sources import Source
from splinework.train.stream_objective import StreamObjective

OF_PROCESS_0 = ("callbacks", "checkpoint", "progress", "weights", "validation", "residuals", "distributed", "loss")
"""Options that only process 0 uses, or that have no text; arrays among them are compared by their hash."""


Prepare = Callable[[KAN, Any, Any, TrainingOptions], tuple[DataSplit, Any]]
Conduct = Callable[[KAN, Any, DataSplit, Any, TrainingOptions], Outcome]


def fit_together(
    model: KAN, x: Any, y: Any, options: TrainingOptions, prepared: Prepare, conduct: Conduct
) -> tuple[DataSplit, Outcome]:
    """The fit, on all processes; each returns the rows and the outcome.

    Rows in memory are prepared by each process; a source is read by process 0 once, and then each reads its own part of it.

    Raises:
        ConfigError: If the processes were given different things.
        SplineworkError: If a process has ended.
    """
    compare(_facts(model, x, y, options))
    team = Team()
    try:
        if team.rank == 0:
            return team.lead(lambda: _lead(team, model, x, y, options, prepared, conduct))
        return _follow(team, model, x, y, options, prepared)
    except Exception:
        if team.rank and not team.dismissed:
            leave()  # so that the others see it
        raise


def _lead(
    team: Team, model: KAN, x: Any, y: Any, options: TrainingOptions, prepared: Prepare, conduct: Conduct
) -> tuple[DataSplit, Outcome]:
    rows, objective = prepared(model, x, y, options)
    team.split = rows
    if isinstance(objective, StreamObjective):
        team.stream = objective
        bare = replace(objective, stream=replace(objective.stream, source=None))  # type: ignore[arg-type]
        team.hand_out((rows, bare))
    else:
        team.hand_out(None)
    outcome = conduct(model, x, rows, objective, options)
    if not isinstance(objective, JointObjective) and objective.n_blocks > 1:
        text = f"sums over the rows worked out by {team.size} processes; process 0 exchanged {team.traffic / 1e6:.3g} MB with "
        text += f"others in {team.messages} messages"
    else:
        text = f"the rows are few enough for one of {team.size} processes"
    outcome.history.decide("processes", text)
    team.hand_out(outcome)
    return rows, outcome


def _follow(
    team: Team, model: KAN, x: Any, y: Any, options: TrainingOptions, prepared: Prepare
) -> tuple[DataSplit, Outcome]:
    found = team.serve()
    if found is None:
        rows, _ = prepared(model, x, y, replace(options, residuals=()))
    else:
        rows, bare = found
        source = x.bound(model.config.input_names)
        device = working_copy(model, "fit", "x, y").kan_layers[0].coefficients.device
        team.stream = replace(bare, stream=replace(bare.stream, source=source), model=bare.model.to(device))
    team.split = rows
    outcome = team.serve()
    return rows, outcome


# ------------------------------------------------------------------------------------------------- what must be alike


def _facts(model: KAN, x: Any, y: Any, options: TrainingOptions) -> Mapping[str, str]:
    """Texts that must be alike in all processes, by name."""
    config = getattr(model, "config", type(model).__name__)
    found = {
        "the version of splinework": version("splinework"),
        "the version of torch": torch.__version__,
        "the model": _short(repr(config)),
        "the kind of x": type(x).__name__ if not isinstance(x, Source) else f"a source, {_short(x.identity)}",
    }
    arrays: Mapping[str, Callable[[], Any]] = {
        "x": lambda: None if isinstance(x, Source) else x,
        "y": lambda: y,
        "weights": lambda: options.weights,
    }
    for name, get in arrays.items():
        found[f"the shape of {name}"], found[f"the hash of {name}"] = _shape_and_hash(get())
    if isinstance(options.validation, (tuple, list)):
        for number, part in enumerate(options.validation):
            shape, digest = _shape_and_hash(part)
            found[f"the shape of part {number + 1} of validation"] = shape
            found[f"the hash of part {number + 1} of validation"] = digest
    else:
        found["validation"] = _short(repr(options.validation))
    for each in fields(options):
        if each.name not in OF_PROCESS_0:
            found[each.name] = _short(repr(getattr(options, each.name)))
    found["loss"] = (
        options.loss
        if isinstance(options.loss, str)
        else getattr(options.loss, "__qualname__", _short(repr(options.loss)))
    )
    found["the number of residuals"] = str(len(options.residuals))
    return found


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:50]}… ({hashlib.sha256(text.encode()).hexdigest()[:12]})"


def _shape_and_hash(values: Any) -> tuple[str, str]:
    """Texts that differ for different arrays and frames; the kind of anything else."""
    if values is None:
        return "None", "None"
    try:
        plain = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
        names = [str(name) for name in getattr(values, "columns", ())]
        digest = hashlib.sha256(repr(names).encode())
        if plain.dtype.kind in "biuf":
            digest.update(np.ascontiguousarray(plain).data)
        else:
            digest.update(repr(plain.tolist()).encode())
        return f"{plain.shape} of {plain.dtype}", digest.hexdigest()[:12]
    except (TypeError, ValueError, RuntimeError):
        return type(values).__name__, type(values).__name__
