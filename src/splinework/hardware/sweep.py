"""The widths of codes found by trying: a front of accuracy against area, and the network of it that a budget asks for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from splinework.errors import ConfigError
from splinework.hardware.integer import Task
from splinework.hardware.quantise import Bits
from splinework.hardware.training import QuantisationSchedule, QuantisedFit, TrainingStage, train_quantised
from splinework.nn.network import KAN

WIDTHS: Final = (3, 4, 5, 6)
"""Bits tried by default. Up to six a bit of a table is one look-up table of an FPGA; a seventh costs three times as much."""


@dataclass(frozen=True)
class SweepCandidate:
    """One network of a sweep, with its widths of codes, its area and its score."""

    bits: Bits
    stage: TrainingStage


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found.

    Attributes:
        candidates: All networks, by area.
    """

    candidates: tuple[SweepCandidate, ...] = field(default=())

    @property
    def pareto(self) -> tuple[SweepCandidate, ...]:
        """The candidates that no smaller one equals, from small to accurate."""
        kept: list[SweepCandidate] = []
        for one in sorted(self.candidates, key=lambda c: (c.stage.area, -c.stage.score)):
            if not kept or one.stage.score > kept[-1].stage.score:
                kept.append(one)
        return tuple(kept)

    def within(self, luts: float) -> SweepCandidate:
        """The best candidate of at most so many LUTs.

        Raises:
            ConfigError: If there is none.
        """
        return self._of(self.fit.best(largest=luts))

    def reaching(self, score: float) -> SweepCandidate:
        """The smallest candidate with at least a score: share of right classes, or minus the error of a regression.

        Raises:
            ConfigError: If there is none.
        """
        return self._of(self.fit.best(least=score))

    def near_best(self, loss: float) -> SweepCandidate:
        """The smallest candidate whose score is at most `loss` below the best; of regressions that share of the least error."""
        return self._of(self.fit.near_best(loss))

    @property
    def fit(self) -> QuantisedFit:
        """All networks as those of one run."""
        return QuantisedFit(tuple(one.stage for one in self.candidates))

    def _of(self, stage: TrainingStage) -> SweepCandidate:
        return next(one for one in self.candidates if one.stage is stage)


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
    """Trains the network with each width of codes, each time through rising weights of the area.

    Args:
        model: A trained network.
        x: Rows in raw units.
        y: Targets in raw units, or numbers of classes.
        widths: Bits of the inputs to try.
        hidden: Bits of hidden nodes to try with each; None tries the same as the inputs have.
        task: See `train_quantised`.
        classes: See `train_quantised`.
        name: See `train_quantised`.
        schedule: See `train_quantised`.
        teacher: See `train_quantised`.
        progress: Is told what is tried and what it gave.

    Raises:
        ConfigError: For settings out of range.
        DataError: If the data are not usable.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> from splinework.hardware.sweep import sweep
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
