"""A sweep over code widths: the front of accuracy against area, and the best network within an area or above a score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.hardware.integer import Task
from splinework.hardware.quantisation import Bits
from splinework.hardware.training import QuantisationSchedule, QuantisedFit, TrainingStage, train_quantised
from splinework.nn.network import KAN

WIDTHS: Final = (3, 4, 5, 6)
"""Code widths tried by default. With up to six input bits a table bit takes one LUT of an FPGA; with seven it takes three."""


@dataclass(frozen=True)
class SweepCandidate:
    """One network of a sweep with its code widths, area and score."""

    bits: Bits
    stage: TrainingStage


@dataclass(frozen=True)
class SweepResult:
    """The result of a sweep."""

    candidates: tuple[SweepCandidate, ...] = field(default=())

    @property
    def pareto(self) -> tuple[SweepCandidate, ...]:
        """The Pareto-optimal candidates, from small to accurate."""
        kept: list[SweepCandidate] = []
        for one in sorted(self.candidates, key=lambda c: (c.stage.area, -c.stage.score)):
            if not kept or one.stage.score > kept[-1].stage.score:
                kept.append(one)
        return tuple(kept)

    def within(self, max_luts: float) -> SweepCandidate:
        """The best candidate within an area in LUTs.

        Raises:
            ConfigError: If no candidate is that small.
        """
        return self._of(self.fit.best(max_luts=max_luts))

    def reaching(self, min_score: float) -> SweepCandidate:
        """The smallest candidate that reaches a score: an accuracy, or minus the error of a regression.

        Raises:
            ConfigError: If no candidate reaches it.
        """
        return self._of(self.fit.best(min_score=min_score))

    def near_best(self, max_loss: float) -> SweepCandidate:
        """The smallest candidate whose accuracy is at most `max_loss` below the best; for a regression, a relative loss."""
        return self._of(self.fit.near_best(max_loss))

    @property
    def fit(self) -> QuantisedFit:
        """All networks as one training result."""
        return QuantisedFit(tuple(one.stage for one in self.candidates))

    def _of(self, stage: TrainingStage) -> SweepCandidate:
        return next(one for one in self.candidates if one.stage is stage)


@explained
def sweep(
    model: KAN,
    x: Any,
    y: Any,
    *,
    widths: Sequence[int] = WIDTHS,
    hidden: Sequence[int] | None = None,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    name: str = "kan",
    schedule: QuantisationSchedule | None = None,
    teacher: KAN | None = None,
    progress: Callable[[str], None] | None = None,
) -> SweepResult:
    """Quantisation-aware training with each of several code widths; each run passes through growing area penalties.

    Args:
        model: The network to start from; it is not changed.
        x: Rows in raw units, `(n, inputs)`.
        y: Targets in raw units, `(n, outputs)`, or class indices `(n,)`.
        widths: Code widths of the inputs to try, in bits.
        hidden: Code widths of the hidden nodes to try with each, in bits; None takes the width of the inputs.
        task: `regression` or `classification`.
        classes: Names of the classes; None numbers them.
        name: Identifier used in the names of artefacts.
        schedule: Schedule and hyperparameters of each run; None takes the defaults.
        teacher: Network for knowledge distillation.
        progress: Callback that receives a line of text for every run and stage.

    Returns:
        All networks of all runs, with their Pareto front.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If the data contain missing or non-finite values.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> from splinework.hardware.width_sweep import sweep
        >>> from splinework.hardware.training import QuantisationSchedule
        >>> x = torch.rand(200, 2) * 2 - 1
        >>> front = sweep(sw.KAN([2, 1]), x, x[:, :1] ** 2, widths=(3, 4), schedule=QuantisationSchedule(steps=10, stages=2))
        >>> len(front.candidates)
        4
    """
    if not widths:
        raise ConfigError("a sweep needs at least one width, got none; leave widths out for 3 to 6 bits.")
    deep = len(model.config.nodes) > 2 or bool(model.config.nodes[1].products)
    how: dict[str, Any] = {"task": task, "classes": classes, "name": name}
    how |= {"schedule": schedule, "teacher": teacher, "progress": progress}
    found: list[SweepCandidate] = []
    tries = [(w, h) for w in widths for h in (hidden if hidden is not None and deep else (w,))]
    for number, (inner, outer) in enumerate(tries, start=1):
        bits = Bits(inner, outer, max(8, inner))
        if progress is not None:
            progress(f"network {number} of {len(tries)}: inputs of {inner} bits, hidden nodes of {outer}")
        fit = train_quantised(model, x, y, bits=bits, **how)
        found.extend(SweepCandidate(bits, stage) for stage in fit.stages)
    return SweepResult(tuple(sorted(found, key=lambda c: c.stage.area)))
