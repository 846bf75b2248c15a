"""Dense quasi-Newton methods: the inverse Hessian as one matrix, by self-scaled updates of Broyden's family.

With a step s, the change y of the gradient and `v = s/(sᵀy) - Hy/(yᵀHy)`,

    H⁺ = τ⁻¹ (H - Hyyᵀ H/(yᵀHy) + φ (yᵀHy) v vᵀ) + s sᵀ/(sᵀy)

A member of the family is its rule for τ and φ. They are expensive (n² numbers, O(n²) work per step) and far more accurate in
the end than L-BFGS; where the residuals are known one by one, Levenberg–Marquardt is better still.

The family is Broyden's of 1970, its scaling that of Oren & Luenberger 1974 (see Nocedal & Wright 2006, §6.3).
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.train.objective import Objective
from splinework.train.optim.base import Optimiser, Stepper
from splinework.train.optim.line_search_descent import Descent

MAX_HESSIAN_BYTES = 2**30
"""Bytes that the inverse Hessian may take."""


@dataclass(frozen=True)
class QuasiNewton(Optimiser):
    """A member of the family; the first step, from `H = I`, scales by `τ = h/(1 + θa)` (Nocedal & Wright, eq. 6.20)."""

    default_steps: ClassVar[int] = 1000
    trial_steps: ClassVar[int] = 30
    settles: ClassVar[float] = 1e-3

    @abstractmethod
    def factors(self, b: float, h: float, n: int) -> tuple[float, float]:
        """τ and φ.

        Args:
            b: `sᵀBs/(sᵀy)`, expected curvature to that found; B is the inverse of H.
            h: `yᵀHy/(sᵀy)`; `bh >= 1`.
            n: Number of parameters.
        """

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        """A stepper for this objective.

        Raises:
            ConfigError: If the inverse Hessian would take more than 1 GiB.
        """
        return _QuasiNewtonStepper(self, objective)


@final
@dataclass(frozen=True)
class BFGS(QuasiNewton):
    """Broyden, Fletcher, Goldfarb and Shanno 1970 (Nocedal & Wright 2006, algorithm 6.1): `τ = φ = 1`."""

    name: ClassVar[str] = "bfgs"

    def factors(self, b: float, h: float, n: int) -> tuple[float, float]:
        return 1.0, 1.0


@final
@dataclass(frozen=True)
class SSBFGS(QuasiNewton):
    """Self-scaled BFGS (Al-Baali 1998, Comput. Optim. Appl. 9; Urbán et al. 2025, J. Comput. Phys. 523).

    `τ = min(1, 1/b)`: where the curvature was overrated, H is made larger before the update, which BFGS itself is slow
    to do.
    """

    name: ClassVar[str] = "ssbfgs"

    def factors(self, b: float, h: float, n: int) -> tuple[float, float]:
        return min(1.0, 1 / b), 1.0


@final
@dataclass(frozen=True)
class SSBroyden(QuasiNewton):
    """Self-scaled Broyden (Al-Baali & Khalfan 2005; `SSBroyden2` of Urbán et al. 2025 and arXiv 2501.16371).

    Between BFGS (`θ = 0`) and beyond DFP (`θ = 1`), as near to the symmetric rank-one update as keeps H positive
    definite.
    """

    name: ClassVar[str] = "ssbroyden"

    def factors(self, b: float, h: float, n: int) -> tuple[float, float]:
        tiny = torch.finfo(torch.float64).eps
        a = max(b * h - 1, tiny)  # 0 where y is a multiple of Bs, and by rounding below
        lowest = max(min(1.0, h * (1 - math.sqrt(a / (1 + a)))), tiny)
        theta = max((lowest - 1) / a, min(1 / lowest, (1 - b) / b))
        sigma = 1 + theta * a
        phi = (1 - theta) / sigma
        rho, root = min(1.0, 1 / b), sigma ** (-1 / max(n - 1, 1))
        return (min(rho * root, sigma) if theta <= 0 else rho * min(root, 1 / theta)), phi


class _QuasiNewtonStepper(Descent):
    def __init__(self, recipe: QuasiNewton, objective: Objective) -> None:
        super().__init__(objective)
        self.recipe = recipe
        self.inverse: Tensor | None = None
        """H, `(n, n)`; None stands for I."""
        self.count = self.gradient.numel()
        size = self.count**2 * self.gradient.element_size()
        if size > MAX_HESSIAN_BYTES:
            raise ConfigError(
                f"{recipe.name} keeps a matrix of {self.count} x {self.count} numbers, {size / 2**30:.1f} GiB, and may "
                f"take {MAX_HESSIAN_BYTES / 2**30:.0f} GiB; take optimiser='lbfgs'."
            )

    @property
    def learned(self) -> bool:
        return self.inverse is not None

    def direction(self, gradient: Tensor) -> Tensor:
        return -gradient if self.inverse is None else -(self.inverse @ gradient)

    def learn(self, s: Tensor, y: Tensor, bend: float) -> None:
        if not self.has_curvature(s, y):
            return
        hy = y if self.inverse is None else self.inverse @ y
        sy, yhy = float(s @ y), float(y @ hy)
        b, h = bend / sy, yhy / sy
        if not (0 < b < math.inf and 0 < h < math.inf):  # H is no longer positive definite
            self.forget()
            return
        tau, phi = self.recipe.factors(b, h, self.count)
        if self.inverse is None:
            tau = (1 + phi * max(b * h - 1, 0.0)) / b  # h/(1 + θa)
            self.inverse = torch.eye(self.count, dtype=s.dtype, device=s.device)
        v = s / sy - hy / yhy
        # All in one pass over H; each term is symmetric by itself, so that rounding leaves it so.
        terms = torch.stack([hy / math.sqrt(tau * yhy), v * math.sqrt(abs(phi) * yhy / tau), s / math.sqrt(sy)], dim=1)
        signs = terms.new_tensor([-1.0, math.copysign(1.0, phi), 1.0])
        self.inverse.addmm_(terms * signs, terms.T, beta=1 / tau)

    def forget(self) -> None:
        self.inverse = None

    def memory(self) -> dict[str, Any]:
        return {"inverse": None if self.inverse is None else self.inverse.clone()}

    def remember(self, memory: dict[str, Any]) -> None:
        inverse = memory["inverse"]
        self.inverse = None if inverse is None else inverse.to(self.gradient, copy=True)
