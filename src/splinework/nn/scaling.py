"""Scaling between raw units and network units, as part of the model.

Each column has a scale, `"linear"` or `"log"` (natural logarithm, for positive columns that span orders of magnitude), and
after it an affine map `(value - shift) / scale`.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from splinework.errors import ConfigError

SCALES = ("linear", "log")


class Scaling(nn.Module):
    """One map per column: raw value → `(s(value) - shift) / scale`, with s the identity or the logarithm.

    Args:
        scales: `"linear"` or `"log"` for each column.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self, scales: Sequence[str], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> None:
        super().__init__()
        unknown = [s for s in scales if s not in SCALES]
        if unknown:
            raise ConfigError(f"the scale of a column must be one of {', '.join(SCALES)}, got {unknown[0]!r}.")
        self.scales = tuple(scales)
        self.register_buffer("shift", torch.zeros(len(scales), dtype=dtype, device=device))
        self.register_buffer("scale", torch.ones(len(scales), dtype=dtype, device=device))

    def forward(self, raw: Tensor) -> Tensor:
        """Raw `(…, n)` to network units."""
        return (self.flatten_scales(raw) - self.shift) / self.scale

    def inverse(self, unit: Tensor) -> Tensor:
        """Network units `(…, n)` to raw."""
        return self._of_logs(torch.exp, unit * self.scale + self.shift)

    def flatten_scales(self, raw: Tensor) -> Tensor:
        """The first step of the map: the logarithm of the columns on a logarithmic scale."""
        return self._of_logs(torch.log, raw)

    def _of_logs(self, function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
        if "log" not in self.scales:
            return values
        columns = zip(self.scales, values.unbind(-1), strict=True)
        return torch.stack([function(column) if s == "log" else column for s, column in columns], -1)

    @property
    def is_affine(self) -> bool:
        """Whether every column has a linear scale and the module has no hooks."""
        return "log" not in self.scales and not (self._forward_hooks or self._forward_pre_hooks)

    def is_identity(self) -> bool:
        """Whether the affine part is the identity."""
        return bool((self.shift == 0).all() and (self.scale == 1).all())

    @torch.no_grad()
    def set(self, shift: Tensor, scale: Tensor) -> None:
        """Sets the affine part; a scale of zero (a constant column) becomes one."""
        self.shift.copy_(shift)
        self.scale.copy_(torch.where(scale > 0, scale, torch.ones_like(scale)))

    def extra_repr(self) -> str:
        logs = [i for i, s in enumerate(self.scales) if s == "log"]
        return f"{len(self.scales)} columns" + (f", log of {logs}" if logs else "")
