"""Base of L-BFGS and the dense quasi-Newton methods: a quasi-Newton direction, and a line search along it.

A step is `θ ← θ - α H g` with a line search for α (Nocedal & Wright 2006, ch. 3 and 6).
"""

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from splinework.train.objective import Objective
from splinework.train.optim.base import trainable
from splinework.train.optim.wolfe import strong_wolfe

MAX_IDLE_STEPS = 10
"""Consecutive steps without a decrease that end the descent: a quasi-Newton step may fail and the next succeed."""
MIN_RELATIVE_DECREASE = 1e-12
"""Smallest decrease that counts, as a share of the objective."""


class Descent(ABC):
    """A stepper on all rows; subclasses estimate the curvature. The objective never rises.

    The value and the gradient are kept from one step to the next; `restore(state())` takes them anew, for an objective
    that has changed meanwhile.
    """

    every = 1

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.parameters = trainable(objective)
        self.sizes = [p.numel() for p in self.parameters]
        self.rounding = max(torch.finfo(p.dtype).eps for p in self.parameters)
        self.idle, self.exhausted = 0, False
        self.gradient_norm = self.step_norm = math.nan
        self.value = objective.differentiate()
        self.gradient = self._gradient()

    @property
    @abstractmethod
    def learned(self) -> bool:
        """Whether there is a curvature estimate."""

    @abstractmethod
    def direction(self, gradient: Tensor) -> Tensor:
        """`-H g`, with the present inverse Hessian."""

    @abstractmethod
    def learn(self, s: Tensor, y: Tensor, bend: float) -> None:
        """Updates the estimate by a step s, the change y of the gradient over it, and `sᵀBs`, the curvature that was expected."""

    @abstractmethod
    def forget(self) -> None:
        """Discards the estimate."""

    @abstractmethod
    def memory(self) -> dict[str, Any]:
        """The curvature estimate, for `state`."""

    @abstractmethod
    def remember(self, memory: dict[str, Any]) -> None:
        """The inverse of `memory`."""

    def state(self) -> dict[str, Any]:
        return {"idle": self.idle, "exhausted": self.exhausted, **self.memory()}

    def restore(self, state: dict[str, Any]) -> None:
        self.idle, self.exhausted = state["idle"], state["exhausted"]
        self.remember(state)
        self.value = self.objective.differentiate()
        self.gradient = self._gradient()

    def step(self) -> float:
        if self.exhausted or not math.isfinite(self.value):
            return self.value
        direction = self.direction(self.gradient)
        slope = float(direction @ self.gradient)
        if not -math.inf < slope < 0:  # rounding has spoiled what was learned
            self.forget()
            direction = -self.gradient
            slope = -float(self.gradient @ self.gradient)
        if slope == 0:
            self.exhausted = True
            return self.value
        if not math.isfinite(slope):
            return math.inf
        self._search(direction, slope)
        return self.value

    def _search(self, direction: Tensor, slope: float) -> None:
        start, latest = self._read(), 0.0

        def line(step: float) -> tuple[float, float]:
            nonlocal latest
            latest = step
            self._write(torch.add(start, direction, alpha=step))
            value = self.objective.differentiate()
            return value, float(self._gradient() @ direction)

        # Where nothing is learned a good minimum pays: the scale of H comes from this one step.
        first, flat = (1.0, 0.9) if self.learned else (self._first(slope), 0.1)
        found = strong_wolfe(line, self.value, slope, first=first, c2=flat, rounding=self.rounding)
        if found.step == 0:
            self._write(start)
            self.exhausted = not self.learned
            self.forget()
            return
        if latest != found.step:
            line(found.step)
        gradient = self._gradient()
        self.learn(direction * found.step, gradient - self.gradient, -slope * found.step**2)
        self.idle = self.idle + 1 if found.value >= self.value * (1 - MIN_RELATIVE_DECREASE) else 0
        self.exhausted = self.idle >= MAX_IDLE_STEPS
        self.value, self.gradient = found.value, gradient
        self.step_norm = found.step * float(direction.norm())
        self.gradient_norm = float(gradient.norm())

    def _first(self, slope: float) -> float:
        """The first trial where nothing is known: of length one, or less where a parabola would go down to 0 before."""
        length = 1 / math.sqrt(-slope)
        return min(length, 2 * self.value / -slope) if self.value > 0 else length

    def has_curvature(self, s: Tensor, y: Tensor) -> bool:
        """Whether `sᵀy` is positive, by more than rounding: only then does a pair leave H positive definite."""
        return float(s @ y) > self.rounding * float(s.norm()) * float(y.norm())

    def _read(self) -> Tensor:
        return torch.cat([p.detach().reshape(-1) for p in self.parameters])

    @torch.no_grad()
    def _write(self, vector: Tensor) -> None:
        for parameter, values in zip(self.parameters, vector.split(self.sizes), strict=True):
            parameter.copy_(values.view_as(parameter))

    def _gradient(self) -> Tensor:
        # A number that nothing depends on has no gradient.
        return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in self.parameters])
