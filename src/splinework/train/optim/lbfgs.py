"""L-BFGS: the last few steps stand for the inverse Hessian.

The step is `δ = -α H g`; H comes from pairs `(s, y)` by the two-loop recursion (Nocedal 1980).
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.kernels import native
from splinework.train.objective import Objective
from splinework.train.optim.base import Optimiser, Stepper
from splinework.train.optim.line_search_descent import Descent


@explained
@final
@dataclass(frozen=True)
class LBFGS(Optimiser):
    """Limited-memory BFGS with a strong-Wolfe search (Nocedal & Wright 2006, algorithm 7.5).

    Attributes:
        memory: Pairs of step and change of the gradient that are kept.

    Raises:
        ConfigError: If the memory is not at least 1.
    """

    memory: int = 20

    name: ClassVar[str] = "lbfgs"
    default_steps: ClassVar[int] = 300
    trial_steps: ClassVar[int] = 30
    settles: ClassVar[float] = 1e-3

    def __post_init__(self) -> None:
        if self.memory < 1:
            raise ConfigError(f"memory is the number of pairs kept, at least 1, got {self.memory}; 20 is usual.")

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        return _LBFGSStepper(self, objective)


class _LBFGSStepper(Descent):
    def __init__(self, recipe: LBFGS, objective: Objective) -> None:
        super().__init__(objective)
        self.pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=recipe.memory)
        """s, y and 1/(sᵀy), oldest first."""

    @property
    def learned(self) -> bool:
        return bool(self.pairs)

    def direction(self, gradient: Tensor) -> Tensor:
        """The two loops of algorithm 7.4, from `H = (sᵀy/yᵀy) I` of the last pair (eq. 7.20)."""
        q = -gradient
        if not self.pairs:
            return q
        if native.available() and q.device.type == "cpu" and q.dtype in (torch.float32, torch.float64):
            addresses = [(s.data_ptr(), y.data_ptr()) for s, y, _ in self.pairs]
            inverses = [inverse for _, _, inverse in self.pairs]
            native.module().two_loops(q.dtype == torch.float64, addresses, inverses, q.data_ptr(), q.numel())
            return q
        shares = []
        for s, y, inverse in reversed(self.pairs):
            shares.append(s.dot(q) * inverse)
            q.addcmul_(y, shares[-1], value=-1)
        _, y, inverse = self.pairs[-1]
        q /= y.dot(y) * inverse
        for (s, y, inverse), share in zip(self.pairs, reversed(shares), strict=True):
            q.addcmul_(s, share - y.dot(q) * inverse)
        return q

    def learn(self, s: Tensor, y: Tensor, bend: float) -> None:
        if self.has_curvature(s, y):
            self.pairs.append((s, y, 1 / float(s.dot(y))))

    def forget(self) -> None:
        self.pairs.clear()

    def memory(self) -> dict[str, Any]:
        return {"pairs": [list(pair) for pair in self.pairs]}  # no step changes a pair

    def remember(self, memory: dict[str, Any]) -> None:
        self.pairs.clear()
        self.pairs.extend(
            (s.to(self.gradient), y.to(self.gradient), float(inverse)) for s, y, inverse in memory["pairs"]
        )
