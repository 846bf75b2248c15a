"""Adam on given gradients, and batches of rows."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class AdamState:
    """Adam (Kingma & Ba 2015) on the gradients that parameters have, which it takes from them.

    An optimiser object of torch loads torch's compiler when it is made, which takes longer than many a training here.

    Args:
        parameters: The tensors that it changes.
        betas: The shares that the two running means keep.
    """

    def __init__(self, parameters: Sequence[Tensor], betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self._parameters, self._betas = list(parameters), betas
        self._means, self._squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
        self._counts = [torch.zeros(()) for _ in parameters]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step of this learning rate."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        assert len(gradients) == len(self._parameters)
        beta1, beta2 = self._betas
        adam(
            self._parameters, gradients, self._means, self._squares, [], self._counts,
            fused=True, amsgrad=False, beta1=beta1, beta2=beta2, lr=rate, weight_decay=0.0, eps=1e-8, maximize=False,
        )  # fmt: skip
        for p in self._parameters:
            p.grad = None


class BatchSampler:
    """Endless batches of row indices, drawn without replacement in each epoch."""

    def __init__(self, count: int, batch_size: int, generator: torch.Generator) -> None:
        self._count, self._batch, self._generator = count, batch_size, generator
        self._rows, self._at = torch.randperm(count, generator=generator), 0

    def __next__(self) -> Tensor:
        if self._at + self._batch > self._count:
            self._rows, self._at = torch.randperm(self._count, generator=self._generator), 0
        self._at += self._batch
        return self._rows[self._at - self._batch : self._at]
