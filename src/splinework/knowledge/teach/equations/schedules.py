"""Schedules of a solution: the whole domain, with adaptive points or causal weights, or slab by slab in time."""

from dataclasses import dataclass
from typing import final

from splinework.errors import ConfigError


@final
@dataclass(frozen=True)
class Whole:
    """The whole domain at once: starts, Levenberg–Marquardt, adaptive refinement.

    Attributes:
        rounds: How often points are redrawn afterwards, more of them where the residual is large, to go on from there
            (residual-based adaptive distribution: Wu et al. 2023, doi 10.1016/j.cma.2022.115671).

    Raises:
        ConfigError: If it is negative.
    """

    rounds: int = 0

    def __post_init__(self) -> None:
        _whole(self.rounds, "rounds", 0)


@final
@dataclass(frozen=True)
class Causal:
    """Causal weights: later times count once earlier ones are solved (Wang, Sankaran and Perdikaris 2022, arXiv 2203.07404).

    Time is cut into chunks; the residual of the i-th is weighed by `exp(-ε Σ_{j<i} L_j)`, where L_j is the mean square in chunk j
    as a share of what it is on the average without the network. In the end all count the same again.

    Attributes:
        epsilon: ε.
        chunks: Chunks of time.
        rounds: Most rounds of steps, with new weights for each.
        steps: Steps of a round.

    Raises:
        ConfigError: If a number makes no sense.
    """

    epsilon: float = 10.0
    chunks: int = 16
    rounds: int = 20
    steps: int = 15

    def __post_init__(self) -> None:
        for name in ("chunks", "rounds", "steps"):
            _whole(getattr(self, name), name, 1)
        if not self.epsilon > 0:
            raise ConfigError(f"epsilon of Causal is positive, got {self.epsilon!r}.")


@final
@dataclass(frozen=True)
class Slabs:
    """Time marching, slab after slab, for nonlinear equations with fast dynamics.

    The network is one of `separable`. Each slab begins with exactly what the one before ends with, has functions of place only
    to find, and gets knots where its residual asks for them. Slabs grow and shrink as the residual allows.

    Attributes:
        count: As many as there would be if all were as long as the first.

    Raises:
        ConfigError: If it is not a whole number of at least 1.
    """

    count: int = 20

    def __post_init__(self) -> None:
        _whole(self.count, "count", 1)


Schedule = Whole | Causal | Slabs
"""A schedule of a solution."""


def _whole(value: object, name: str, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} is a whole number of at least {least}, got {value!r}.")
