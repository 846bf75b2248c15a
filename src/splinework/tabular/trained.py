"""The result of a training, the network with its predictions of held-out rows, and the log of its steps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.tabular.ensemble import ProgressCallback
from splinework.tabular.tasks import Task
from splinework.train.input_transform import MAX_CHANGE, InputTransform


@dataclass(frozen=True)
class TrainedNetwork:
    """The result of a training.

    Attributes:
        model: The network in float64; its outputs are in raw units, or calibrated logits.
        loss: Mean loss on held-out rows, or on all rows where none were held out; for standardised targets.
        steps: Number of training steps.
        history: Records `{"stage", "step", "loss"}`.
        out_of_fold: Outputs in raw units for every row as if the network had not seen it, `(n, q)`; NaN for rows that no part was
            blind to. None where no row was held out, and for classes but where a process taught the network.
        kept: Indices of the inputs that the network has, where others were screened out; None for all of them.
        task: The likelihood, with estimated lapse rates; None if it is the given one.
    """

    model: KAN | FramedKAN
    loss: float
    steps: int
    history: list[dict[str, Any]] = field(default_factory=list)
    out_of_fold: Tensor | None = None
    kept: tuple[int, ...] | None = None
    task: Task | None = None

    def on_raw_inputs(self, transform: InputTransform, x: Tensor, spread: float) -> TrainedNetwork:
        """The result for the inputs themselves, of one for transformed inputs of x `(n, p)` and targets of this deviation."""
        if not isinstance(self.model, KAN) or not self.model.active_edges():
            return self
        return replace(self, model=transform.on_raw_inputs(self.model, x, MAX_CHANGE * self.loss**0.5 * spread))


class TrainingLog:
    """Records the steps of a training and passes them on to a callback."""

    def __init__(self, on_step: ProgressCallback | None) -> None:
        self._on_step, self.history = on_step, list[dict[str, Any]]()

    def __call__(self, stage: str, step: int, steps: int, loss: float) -> bool:
        self.history.append({"stage": stage, "step": step, "loss": loss})
        return bool(self._on_step(stage, step, steps, loss)) if self._on_step is not None else False
