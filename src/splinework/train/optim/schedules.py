"""Schedules of the learning rate: each a share of the rate as a function of how much of the planned steps is done.

With `s` from 0 to 1, cosine decay is `(1 + cos(π s)) / 2` (Loshchilov & Hutter 2017), exponential decay a power `q^s`; one cycle
rises and falls (Smith & Topin 2018).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

from splinework.errors import ConfigError


@dataclass(frozen=True)
class Schedule(ABC):
    """How the learning rate changes over the planned steps."""

    name: ClassVar[str]

    @abstractmethod
    def factor(self, done: float) -> float:
        """Share of the learning rate, when this part of the planned steps, 0 to 1, is done."""


@final
@dataclass(frozen=True)
class ConstantRate(Schedule):
    """The same rate all along."""

    name: ClassVar[str] = "constant"

    def factor(self, done: float) -> float:
        return 1.0


@final
@dataclass(frozen=True)
class CosineDecay(Schedule):
    """Half a cosine from 1 to `end` (Loshchilov & Hutter 2017, arXiv 1608.03983, without restarts).

    Raises:
        ConfigError: If `end` is not between 0 and 1.
    """

    end: float = 0.01

    name: ClassVar[str] = "cosine"

    def __post_init__(self) -> None:
        _check_share("end", self.end)

    def factor(self, done: float) -> float:
        return _half_cosine(1.0, self.end, done)


@final
@dataclass(frozen=True)
class OneCycle(Schedule):
    """A straight line from `start` up to 1 during the share `warm_up` of the steps, then half a cosine down to `end`.

    After Smith & Topin 2018 (arXiv 1708.07120) and Goyal et al. 2017 (arXiv 1706.02677, sec. 2.2).

    Raises:
        ConfigError: If a number is not between 0 and 1, or the warm-up takes all steps.
    """

    warm_up: float = 0.1
    start: float = 0.04
    end: float = 0.01

    name: ClassVar[str] = "one_cycle"

    def __post_init__(self) -> None:
        _check_share("start", self.start)
        _check_share("end", self.end)
        if not 0 <= self.warm_up < 1:
            raise ConfigError(f"warm_up is a share of the steps, 0 <= warm_up < 1, got {self.warm_up}; 0.1 is usual.")

    def factor(self, done: float) -> float:
        if done < self.warm_up:
            return self.start + (1 - self.start) * done / self.warm_up
        return _half_cosine(1.0, self.end, (done - self.warm_up) / (1 - self.warm_up))


@final
@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """The same factor at every step, from 1 to `end`.

    Raises:
        ConfigError: If `end` is not between 0 and 1, or is 0.
    """

    end: float = 0.01

    name: ClassVar[str] = "exponential"

    def __post_init__(self) -> None:
        if not 0 < self.end <= 1:
            raise ConfigError(f"end of ExponentialDecay is a share of the rate, 0 < end <= 1, got {self.end}.")

    def factor(self, done: float) -> float:
        return math.pow(self.end, done)


SCHEDULES: dict[str, type[Schedule]] = {
    recipe.name: recipe for recipe in (ConstantRate, CosineDecay, OneCycle, ExponentialDecay)
}


def make_schedule(schedule: str | Schedule) -> Schedule:
    """A recipe by name (`constant`, `cosine`, `one_cycle`, `exponential`); a recipe is passed through.

    Raises:
        ConfigError: For an unknown name.
    """
    if isinstance(schedule, Schedule):
        return schedule
    if not isinstance(schedule, str) or schedule not in SCHEDULES:
        raise ConfigError(
            f"schedule is one of {', '.join(SCHEDULES)} or a recipe such as CosineDecay(end=0.01), got {schedule!r}."
        )
    return SCHEDULES[schedule]()


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * done))


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} is a share of the learning rate, 0 to 1, got {value}; 0.01 is usual.")
