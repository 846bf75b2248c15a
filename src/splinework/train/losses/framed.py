"""The loss of a network in a frame: what is compared with y are the frame's answers, not the network's outputs.

The chain rule `∂ρ/∂z = ρ'(F(z)) F'(z)` leads from the answers F to the outputs z; the curvature keeps its first term, as
in generalised Gauss–Newton (Schraudolph 2002).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import torch
from torch import Tensor

from splinework.nn.frame import Frame
from splinework.train.losses.base import Loss
from splinework.train.losses.regression import Squared


@final
@dataclass(frozen=True)
class FramedLoss(Loss):
    """Another loss, of `F(x, z)` in place of the network's raw outputs z.

    The targets are y and, behind it, the raw inputs of the row, which F may depend on. The curvature is that of Gauss and
    Newton, `JᵀHJ` with `J = ∂F/∂z`.

    Attributes:
        frame: F.
        inner: The loss of the answers.
        scale: Standard deviation of each output of y, `(J,)`; the inner loss sees both in units of it where it is a regression.
    """

    frame: Frame
    inner: Loss = field(default_factory=Squared)
    scale: tuple[float, ...] = ()

    name: ClassVar[str] = "framed"

    def rows(self, f: Tensor, t: Tensor, unit: Tensor) -> Tensor:
        y, x = self._parted(t, f.shape[1])
        scale = self._scale(f)
        return self.inner.rows(self.frame.answers_of(x, f) / scale, y, scale)

    def expand(self, f: Tensor, t: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        y, x = self._parted(t, f.shape[1])
        scale = self._scale(f)
        with torch.enable_grad():
            z = f.detach().requires_grad_()
            answers = self.frame.answers_of(x, z) / scale
            slopes = [
                torch.autograd.grad(answers[:, k].sum(), z, retain_graph=True, materialize_grads=True)[0]
                for k in range(f.shape[1])
            ]
        jacobian = torch.stack(slopes, dim=1)  # (N, answers, outputs)
        gradient, curvature = self.inner.expand(answers.detach(), y, scale)
        pulled = torch.einsum("nk,nkj->nj", gradient, jacobian)
        if curvature.dim() == 2:
            bent = torch.einsum("nkj,nk,nkl->njl", jacobian, curvature, jacobian)
        else:
            bent = jacobian.mT @ curvature @ jacobian
        return (pulled, bent[:, :, 0]) if f.shape[1] == 1 else (pulled, bent)

    def columns(self, outputs: int) -> tuple[int, ...]:
        return (outputs + len(self.frame.input_names),)

    def settle(self, y: Tensor) -> "FramedLoss":
        outputs = len(self.frame.output_names)
        inner = self.inner.settle(y[:, :outputs])
        spread = y[:, :outputs].std(0, unbiased=False)
        ones = torch.ones_like(spread)
        scale = torch.where((spread > 0) & torch.tensor(inner.regression, device=y.device), spread, ones)
        return replace(self, inner=inner, scale=tuple(scale.tolist()))

    def targets(self, y: Tensor, outputs: int, names: Sequence[str]) -> Tensor:
        super().targets(y, outputs, names)
        own = self.inner.targets(y[:, :outputs], outputs, names[:outputs])
        return torch.cat([own / self._scale(y), y[:, outputs:]], dim=1)

    def _scale(self, like: Tensor) -> Tensor:
        outputs = len(self.frame.output_names)
        return like.new_tensor(self.scale) if self.scale else like.new_ones(outputs)

    def _parted(self, t: Tensor, outputs: int) -> tuple[Tensor, Tensor]:
        count = len(self.frame.input_names)
        return t[:, : t.shape[1] - count], t[:, t.shape[1] - count :]
