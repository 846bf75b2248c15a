"""The hyperparameters of an estimator's training."""

from collections.abc import Sequence
from dataclasses import dataclass

from splinework.errors import ConfigError


@dataclass(frozen=True)
class Hyperparameters:
    """The user's hyperparameters.

    Attributes:
        hidden: Hidden nodes of each member, one number per layer; 0 or () for an additive network; `auto` decides by
            held-out rows.
        grid: Intervals of the inputs' splines, or `auto`.
        degree: Degree of the splines.
        members: Size of the ensemble, or `auto`.
        max_iter: Maximum number of training steps.
        prefer: `accuracy` for the model of least held-out loss, `simplicity` for the simplest within two standard errors of it.
    """

    hidden: int | Sequence[int] | str = "auto"
    grid: int | str = "auto"
    degree: int = 3
    members: int | str = "auto"
    max_iter: int = 5000
    prefer: str = "accuracy"

    def is_auto(self) -> bool:
        """Whether the user leaves all of the network's shape and training to the estimator."""
        return self == Hyperparameters(max_iter=self.max_iter, prefer=self.prefer)

    def layers(self) -> tuple[int, ...] | None:
        """Nodes of the hidden layers; None for `auto`.

        Raises:
            ConfigError: If `hidden` is another text than `auto`.
        """
        if self.hidden == "auto":
            return None
        if isinstance(self.hidden, str):
            raise ConfigError(f"hidden is 'auto', a number of nodes or one number per layer, got {self.hidden!r}.")
        nodes = (self.hidden,) if isinstance(self.hidden, int) else tuple(self.hidden)
        return nodes if nodes != (0,) else ()
