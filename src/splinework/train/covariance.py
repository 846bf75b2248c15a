"""Covariance functions of Gaussian processes: a constant, a line, a curve per input and a function of all inputs.

They are `1 + Σ aᵢ² xᵢx'ᵢ + Σ bᵢ² κ(|xᵢ - x'ᵢ| / mᵢ) + c² κ(‖(x - x') / l‖)` in standardised inputs; simpler models are special
cases. κ is the squared exponential for smooth functions, or Matérn's of smoothness 5/2 or 3/2 for rougher ones (Rasmussen &
Williams 2006, ch. 4). `condition` is what rows say at known hyperparameters, exactly or by a regression on covariances.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

Family = Literal["squared exponential", "matern 5/2", "matern 3/2"]
FAMILIES: tuple[Family, ...] = ("squared exponential", "matern 5/2", "matern 3/2")
MAX_NOISE_SHARE = 0.5
"""Share of noise in the squared errors of rows left out below which what is left is not noise."""
MAX_BLOCK_ENTRIES = 2**17
"""Covariances that are worked out at once, a megabyte: a cache holds them while the curves are added (6000 points and 1000 nodes
of five inputs take 0.27 s of processor time, and 1.0 in blocks of 4096 points)."""


@dataclass(frozen=True)
class RowPairs:
    """All pairs of N rows, each once, and each row with itself: what a symmetric matrix is made of, P = N (N + 1) / 2 numbers.

    Attributes:
        places: Where the pair is in the flattened lower triangle, `(P,)`.
        counts: How often it is in the whole matrix, `(P,)`: 2, or 1 on the diagonal.
        gaps: Squared distances along each input, `(inputs, P)`.
        products: Products of the two values of each input, `(inputs, P)`.
        room: Memory for curves and their slopes, `(2, inputs, P)`, as it takes longer to get it anew than to work these out.
    """

    places: Tensor
    counts: Tensor
    gaps: Tensor
    products: Tensor
    room: Tensor

    @classmethod
    def of(cls, x: Tensor) -> RowPairs:
        """Those of x `(N, inputs)`."""
        i, j = torch.tril_indices(len(x), len(x))
        one, other = x[i].T.contiguous(), x[j].T.contiguous()
        products, gaps = one * other, (one - other).square_()
        return cls(i * len(x) + j, 2.0 - (i == j).to(x), gaps, products, one.new_empty(2, *one.shape))


@dataclass(frozen=True)
class Covariance:
    """The covariance function and the noise; `values` are natural logarithms.

    Attributes:
        family: κ.
        values: Noise, c, then l, a and, where `additive`, b and m: `(2 + 2 inputs,)` or `(2 + 4 inputs,)`.
        inputs: Number of inputs.
        additive: Whether there is a curve per input.
        noise_is_known: Whether the noise is given, and not to be estimated.
        rows: Number of rows that the values were estimated from.
    """

    family: Family
    values: Tensor
    inputs: int
    additive: bool = False
    noise_is_known: bool = False
    rows: int = 0

    @property
    def noise(self) -> float:
        """Variance of the noise in standardised units."""
        return math.exp(2 * float(self.values[0]))

    @property
    def depends(self) -> Tensor:
        """Whether it depends on an input, `(inputs,)`."""
        return self.values[2 : 2 + self.inputs].isfinite()

    def without(self, i: int) -> Covariance:
        """The covariance that does not depend on input i: an infinite length, no line and no curve."""
        values, d = self.values.clone(), self.inputs
        values[2 + i :: d] = math.inf
        values[2 + d + i : 2 + 3 * d : d] = -math.inf
        return replace(self, values=values)

    def among(self, used: Tensor) -> Covariance:
        """The same function of more inputs, of which its own are those that are `used (inputs,)`."""
        parts = [self.values[:2]]
        for own, idle in zip(
            self.values[2:].split(self.inputs), (math.inf, -math.inf, -math.inf, math.inf), strict=False
        ):
            parts.append(own.new_full(used.shape, idle).masked_scatter(used, own))
        return replace(self, values=torch.cat(parts), inputs=len(used))

    def with_noise(self, variance: float | None) -> Covariance:
        """The same with a noise that is given; itself where there is none."""
        if variance is None:
            return self
        values = self.values.clone()
        values[0] = math.log(variance) / 2
        return replace(self, values=values, noise_is_known=True)

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        """Covariances `(N, M)` without noise of `x (N, inputs)` and `z (M, inputs)`."""
        found = x.new_empty(len(x), len(z))
        step = max(1, MAX_BLOCK_ENTRIES // max(len(z), 1))
        for own, part in zip(found.split(step), x.split(step), strict=True):
            own.copy_(self._block(part, z))
        return found

    def _block(self, x: Tensor, z: Tensor) -> Tensor:
        """Covariances of as many rows as a cache has room for."""
        a, b = x / self._of(2), z / self._of(2)
        squares = (a.square().sum(1)[:, None] + b.square().sum(1)).addmm_(a, b.T, alpha=-2).clamp_min_(0)
        total = kappa(self.family, squares)[0].mul_(math.exp(2 * float(self.values[1])))
        total = torch.addmm(total, x * self._of(3), (z * self._of(3)).T).add_(1)
        if self.additive:
            a, b = x / self._of(5), z / self._of(5)
            sizes = self._of(4).square()
            for i in torch.nonzero(self.depends)[:, 0].tolist():
                one, other, size = a[:, i], b[:, i], float(sizes[i])
                total.add_(kappa(self.family, (one[:, None] - other).square_())[0], alpha=size)
        return total

    def variance(self, x: Tensor) -> Tensor:
        """The diagonal of `K(x, x)`, `(N,)`."""
        level = 1 + math.exp(2 * float(self.values[1])) + (float(self._of(4).square().sum()) if self.additive else 0.0)
        return (x * self._of(3)).square().sum(1) + level

    def expand(self, pairs: RowPairs) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """The covariances of pairs of rows, and their derivatives by all logarithms but the noise's.

        Args:
            pairs: P pairs.

        Returns:
            The covariances `(P,)`, and the function of weights `(P,)` that is the derivative of `Σ weight ∘ covariances`,
            `(len(values) - 1,)`; it can be called once, before others are worked out of these pairs.
        """
        size, near, slopes = math.exp(2 * float(self.values[1])), self._of(2) ** -2, self._of(3).square()
        joint, bend = (part.mul_(size) for part in kappa(self.family, near @ pairs.gaps))
        total = (joint + 1).addmv_(pairs.products.T, slopes)
        bent = torch.nonzero(self.depends)[:, 0] if self.additive else torch.zeros(0, dtype=torch.long)
        sizes, close = (self._of(4)[bent].square(), self._of(5)[bent] ** -2) if self.additive else (near[:0], near[:0])
        curves, bends = pairs.room[:, : len(close)]
        for i, (j, one) in enumerate(zip(bent.tolist(), close, strict=True)):  # one after the other stays in the cache
            curves[i], slope = kappa(self.family, one * pairs.gaps[j])
            torch.mul(slope, pairs.gaps[j], out=bends[i])
        total.addmv_(curves.T, sizes)

        def derivatives(weight: Tensor) -> Tensor:
            by_length = -2 * near * (pairs.gaps @ bend.mul_(weight))
            by_slope, by_curve = 2 * slopes * (pairs.products @ weight), near.new_zeros(2, self.additive * self.inputs)
            by_curve[:, bent] = 2 * sizes * torch.stack([curves @ weight, -close * (bends @ weight)])
            return torch.cat([2 * (weight @ joint)[None], by_length, by_slope, *by_curve])

        return total, derivatives

    def _of(self, part: int) -> Tensor:
        """The exponentials of l, a, b or m: parts 2 to 5."""
        start = 2 + (part - 2) * self.inputs
        return self.values[start : start + self.inputs].exp()


def kappa(family: Family, square: Tensor) -> tuple[Tensor, Tensor]:
    """κ and its derivative by the square of the distance.

    >>> value, slope = kappa("squared exponential", torch.tensor([0.0, 2.0]))
    >>> value, slope
    (tensor([1.0000, 0.3679]), tensor([-0.5000, -0.1839]))
    """
    if family == "squared exponential":
        value = (square * -0.5).exp_()
        return value, value * -0.5
    if family == "matern 5/2":
        s = (5 * square).sqrt_()
        decay = torch.exp(-s)
        s += 1
        slope = s * decay
        return torch.addcmul(slope, square, decay, value=5 / 3), slope.mul_(-5 / 6)
    s = (3 * square).sqrt_()
    decay = torch.exp(-s)
    return s.add_(1).mul_(decay), decay.mul_(-1.5)


def depends_on(covariances: Iterable[Covariance]) -> Tensor:
    """Whether any of the covariances depends on an input, `(inputs,)`."""
    return torch.stack([covariance.depends for covariance in covariances]).any(0)


Kernel = tuple[Tensor, Tensor | None]
"""Covariances of N rows with M nodes `(N, M)`, and the Cholesky factor of those of the nodes; None if these are the rows."""


def kernel_of(covariance: Covariance, z: Tensor, nodes: Tensor) -> Kernel:
    """The covariances of standardised rows `z (N, inputs)`."""
    return covariance(z, nodes), None if nodes is z else cholesky_factor(covariance(nodes, nodes))


def condition(kernel: Kernel, t: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients of the mean, leave-one-out residuals, and the factor (Rasmussen & Williams 2006, eqs. 5.12 and 8.14)."""
    cross, lower = kernel
    if lower is None:
        factor = cholesky_factor(cross + noise.diag())
        loads = torch.cholesky_solve(t[:, None], factor)[:, 0]
        return loads, loads / torch.cholesky_inverse(factor).diagonal(), factor
    # By QR, as the normal equations of a small noise have no digits left (Foster et al. 2009).
    count = len(lower)
    whitened = torch.linalg.solve_triangular(lower, (cross / noise.sqrt()[:, None]).T, upper=False).T
    orthogonal, triangle = torch.linalg.qr(torch.cat([whitened, torch.eye(count, dtype=t.dtype)]))
    orthogonal = orthogonal[: len(t)]
    seen = t / noise.sqrt()
    along = orthogonal.T @ seen[:, None]
    loads = torch.linalg.solve_triangular(triangle, along, upper=True)
    loads = torch.linalg.solve_triangular(lower.T, loads, upper=True)[:, 0]
    leverage = orthogonal.square().sum(1)
    # Residuals by projection, exact to eps ‖t‖: coefficients are large, and those by cross @ loads lose their digits too.
    left = noise.sqrt() * (seen - (orthogonal @ along)[:, 0])
    return loads, left / (1 - leverage).clamp_min(1e-12), lower @ triangle.T


def cholesky_factor(matrix: Tensor) -> Tensor:
    """The Cholesky factor, with as much on the diagonal as it takes."""
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(matrix)
    size = float(matrix.diagonal().mean())
    for share in (1e-14, 1e-12, 1e-10, 1e-8, 1e-6):
        if not int(failed):
            break
        factor, failed = torch.linalg.cholesky_ex(matrix + share * size * torch.eye(len(matrix), dtype=matrix.dtype))
    return factor
