"""Adam and AdamW, on all rows or on mini-batches.

With the gradient g, `m ← β₁ m + (1 - β₁) g` and `v ← β₂ v + (1 - β₂) g²`, both divided by `1 - βᵗ`, a step is `-η m / (√v + ε)`
(Kingma & Ba 2015); AdamW takes `η λ θ` off beside it (Loshchilov & Hutter 2019).
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import nn

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.train.optim.schedules import Schedule
from splinework.train.optim.torch_optim import FirstOrder


@explained
@final
@dataclass(frozen=True)
class Adam(FirstOrder):
    """Kingma & Ba 2015.

    Attributes:
        learning_rate: At its highest.
        batch: Rows per step: each row is seen once, in random order, before any is seen again; None takes all rows.
        schedule: How the rate changes over the planned steps: `cosine` (half of one, to a hundredth), `constant`,
            `one_cycle`, `exponential` or a recipe.

    Raises:
        ConfigError: If the rate is not positive, the batch not at least 1, or the schedule unknown.
    """

    learning_rate: float = 1e-2
    batch: int | None = None
    schedule: str | Schedule = "cosine"

    name: ClassVar[str] = "adam"

    def inner(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=self.learning_rate, fused=True)


@explained
@final
@dataclass(frozen=True)
class AdamW(FirstOrder):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv 1711.05101).

    Attributes:
        learning_rate: At its highest.
        batch: Rows per step, as for `Adam`.
        schedule: How the rate changes, as for `Adam`.
        weight_decay: Share of the rate by which every parameter shrinks in a step.

    Raises:
        ConfigError: As for `Adam`, or if the decay is negative.
    """

    learning_rate: float = 1e-2
    batch: int | None = None
    schedule: str | Schedule = "cosine"
    weight_decay: float = 1e-2

    name: ClassVar[str] = "adamw"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.weight_decay < float("inf"):
            raise ConfigError(f"weight_decay must not be negative, got {self.weight_decay}; 1e-2 is usual.")

    def inner(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True)
