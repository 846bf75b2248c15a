"""Mini-batches: which part of the rows a step sees."""

from typing import Any, Protocol, final

import torch
from torch import Tensor


class Batches(Protocol):
    """Parts of the rows, one after the other; an objective makes them and knows what a part is."""

    @property
    def per_epoch(self) -> int:
        """Parts in one pass over the rows; 1 where each part is all rows."""

    def next(self) -> Any:
        """The next part, for `Objective.differentiate`; None stands for all rows."""

    def state(self) -> dict[str, Any]:
        """What is needed to go on; the generator belongs to the caller and is not in it."""

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""


@final
class RowBatches:
    """Numbers of rows, shuffled anew for every epoch; the last part of an epoch takes what is left.

    Args:
        count: Number of rows.
        size: Rows per part; None, or as many as there are, takes all rows every time and draws nothing.
        generator: Draws one permutation at the first part of each epoch.
        device: Where the rows are.
    """

    def __init__(self, count: int, size: int | None, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.generator, self.device = count, generator, device
        self.size = count if size is None else min(size, count)
        self.queue = torch.empty(0, dtype=torch.long, device=generator.device)

    @property
    def per_epoch(self) -> int:
        return -(-self.count // self.size)

    def next(self) -> Tensor | None:
        if self.size == self.count:
            return None
        if not len(self.queue):
            self.queue = torch.randperm(self.count, generator=self.generator, device=self.generator.device)
        rows, self.queue = self.queue[: self.size], self.queue[self.size :]
        return rows.to(self.device)

    def state(self) -> dict[str, Any]:
        return {"queue": self.queue.clone()}

    def restore(self, state: dict[str, Any]) -> None:
        self.queue = state["queue"].to(self.generator.device)
