"""Penalties on the edges: functions of their size or of their bending, added to the mean loss.

Each is given twice over, from one definition: as a differentiable value (for Adam and L-BFGS), and as a quadratic in
each edge's coefficients that majorises it (for Levenberg–Marquardt).

What is minimised is `loss + weight · Σ R(φ)` over edges φ. Norms and entropy are those of KAN (Liu et al. 2024, arXiv 2404.19756,
§2.5), groups those of Yuan & Lin 2006, bending `∫ φ''(x)² dx` that of smoothing splines (Wahba 1990), and the majorisation that
of Hunter & Li 2005.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained, explained_record
from splinework.nn.layer import KANLayer

MIN_SIZE_RATIO = 1e-3
"""Values below this share of the layer's largest edge are penalised by their square: there the magnitude has no parabola."""
KINK_WIDTH = 1e-6
"""Where a root has a kink at 0, a parabola about this wide (in network units) takes its place; edges below it are none."""


@dataclass(frozen=True)
class Penalty(ABC):
    """A penalty that sums over layers.

    Attributes:
        weight: The factor λ of the penalty.

    Raises:
        ConfigError: If a number of it is negative or not finite.

    >>> Sparsity(1e-2).weight
    0.01
    """

    weight: float

    judged: ClassVar[bool] = True
    """Whether it counts where models are compared, or is regularisation of the training alone."""
    sees_activations: ClassVar[bool] = True
    """Whether it depends on the activations, or on the edges alone."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < float("inf"):
                raise ConfigError(f"{name} of {type(self).__name__} must not be negative, got {value}.")

    def of_layer(self, index: int) -> "Penalty":
        """The penalty as it is for one layer; most are the same for all."""
        return self

    @abstractmethod
    def value(self, layer: KANLayer, x: Tensor) -> Tensor:
        """The penalty of one layer at its activations x `(B, I)`, a scalar."""

    @abstractmethod
    def quadratic(self, layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients g `(I, J, size)` and curvatures Q `(I, J, size, size)` in the edge coefficients c, at given x.

        Near c the penalty of c + δ is its value at c and `Σ_ij g_ij'δ_ij + δ_ij'Q_ij δ_ij`, or less.
        """


@explained
@final
@dataclass(frozen=True)
class Sparsity(Penalty):
    """The paper's: `λ (μ1 |Φ|₁ + μ2 S(Φ))` for every layer (Liu et al. 2024, eqs. 2.17–2.20).

    `|φ|₁` is the mean magnitude of an edge over the data, `|Φ|₁` the sum over edges, and `S = -Σ p log p` with
    `p = |φ|₁ / |Φ|₁` the entropy, which is low when few edges do the work.

    Attributes:
        weight: The factor λ.
        l1: The factor μ1 of the magnitudes.
        entropy: The factor μ2 of the entropy.

    >>> Sparsity(1e-2, entropy=2.0)
    Sparsity(weight=0.01, l1=1.0, entropy=2.0)
    """

    weight: float = 1e-3
    l1: float = 1.0
    entropy: float = 1.0

    def value(self, layer: KANLayer, x: Tensor) -> Tensor:
        return self.weight * self._of_sizes(layer.edges(x).abs().mean(0))

    def quadratic(self, layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = layer.table().rows(layer.squash(x))
        values = torch.einsum("bim,imj->bij", rows, layer.edge_coefficients())
        sizes = values.abs()
        with torch.enable_grad():
            leaf = sizes.mean(0).detach().requires_grad_()
            (slope,) = torch.autograd.grad(self._of_sizes(leaf), leaf)
        # |φ| <= φ²/(2s) + s/2, with equality at s = |φ|; where a larger |φ| costs less, it is -|φ| and its tangent.
        floor = MIN_SIZE_RATIO * sizes.square().mean(0).sqrt().amax().clamp_min(1e-30)
        slope, inverse = self.weight * slope / len(x), 1 / sizes.clamp_min(floor)
        gradient = torch.einsum("ij,bij,bim->ijm", slope, values * inverse, rows)
        return gradient, torch.einsum("ij,bij,bim,bin->ijmn", slope.clamp_min(0) / 2, inverse, rows, rows)

    def _of_sizes(self, sizes: Tensor) -> Tensor:
        total = sizes.sum().clamp_min(1e-30)
        share = sizes / total
        entropy = -(share * torch.log(share.clamp_min(1e-30))).sum()
        return self.l1 * sizes.sum() + self.entropy * entropy


@explained
@final
@dataclass(frozen=True)
class GroupLasso(Penalty):
    """`λ Σ_ij |φ_ij|` with the root mean square of an edge over the data: an edge is one group (Yuan & Lin 2006).

    A whole edge becomes zero, or none of its coefficients. With `adaptive` γ above 0 it is `λ Σ |φ|^(1-γ)/(1-γ)`, whose
    slope `λ |φ|^-γ` is the weight of the adaptive lasso (Zou 2006; Wang & Leng 2008) but follows the edge: an edge of
    size 1 in network units pays what it paid, a smaller one more and a larger one less, so what stays is shrunk less.

    Attributes:
        weight: The factor λ.
        adaptive: γ, from 0 to below 1.

    >>> GroupLasso(1e-2, adaptive=0.5)
    GroupLasso(weight=0.01, adaptive=0.5)
    """

    weight: float = 1e-3
    adaptive: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.adaptive >= 1:
            raise ConfigError(f"adaptive of GroupLasso is from 0 to below 1, got {self.adaptive}.")

    def value(self, layer: KANLayer, x: Tensor) -> Tensor:
        return self.weight * self._of_squares(layer.edges(x).square().mean(0))

    def quadratic(self, layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = layer.table().rows(layer.squash(x))
        form = torch.einsum("bim,bin->imn", rows, rows) / len(rows)
        return _concave(self._of_squares, form, layer.edge_coefficients(), self.weight)

    def _of_squares(self, squares: Tensor) -> Tensor:
        sizes = _root(squares)
        if not self.adaptive:
            return sizes.sum()
        power = 1 - self.adaptive
        return torch.sum((sizes + KINK_WIDTH) ** power - KINK_WIDTH**power) / power


@explained_record
@final
@dataclass(frozen=True)
class PykanSparsity(Penalty):
    """The penalty of pykan 0.2, so that a λ of one of its notebooks keeps its meaning; not the paper's `Sparsity`.

    With `s_ij = std φ_ij / (std x_i + 0.1)`, standard deviations over the data, it is for every layer
    `λ (l1 Σ s + entropy (H_rows + H_columns) + coefficients Σ_im mean_j |c_imj| + differences Σ_im mean_j |c_i,m+1,j - c_imj|)`.
    `H_rows` is the mean over outputs of `-Σ_i p log2(p + 1e-4)` with `p = s / (Σ_i s + 1)`, and `H_columns` the same with
    the two indices exchanged (pykan `MultKAN.reg`, `edge_forward_spline_n`). An added constant costs nothing, shares do not
    sum to 1, so the entropy shrinks the edges too, and c is without `w_s`. A masked edge's c counts as 0. Kinks at 0 are
    rounded by `KINK_WIDTH`.

    In its quadratic the entropies are linearised in the sizes; the rest is majorised.

    Attributes:
        weight: The factor λ.
        l1: Factor of the sizes s.
        entropy: Factor of the entropies.
        coefficients: Factor of the magnitudes of c.
        differences: Factor of the differences of c.

    >>> PykanSparsity(1e-2).entropy
    2.0
    """

    weight: float = 1e-3
    l1: float = 1.0
    entropy: float = 2.0
    coefficients: float = 0.0
    differences: float = 0.0

    def value(self, layer: KANLayer, x: Tensor) -> Tensor:
        seen = layer.edges(x)
        squares = (seen - seen.mean(0)).square().sum(0) / _freedom(x)
        c = layer.coefficients * (layer.mask != 0)[:, None, :]
        total = self._of_squares(squares, self._spread(x))
        total = total + self.coefficients * _root(c.square()).mean(2).sum()
        return self.weight * (total + self.differences * _root(c.diff(dim=1).square()).mean(2).sum())

    def quadratic(self, layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = layer.table().rows(layer.squash(x))
        rows = rows - rows.mean(0)
        form = torch.einsum("bim,bin->imn", rows, rows) / _freedom(x)
        spread = self._spread(x)

        def of_squares(squares: Tensor) -> Tensor:
            return self._of_squares(squares, spread)

        gradient, curvature = _concave(of_squares, form, layer.edge_coefficients(), self.weight)
        if self.coefficients or self.differences:
            own, bend = self._of_coefficients(layer)
            size = layer.basis.size
            gradient[..., :size] += own
            curvature[..., :size, :size] += bend
        return gradient, curvature

    def _of_squares(self, squares: Tensor, spread: Tensor) -> Tensor:
        sizes = _root(squares) / spread[:, None]
        total = self.l1 * sizes.sum()
        for nodes in (0, 1):  # the axis that shares are taken along
            share = sizes / (sizes.sum(nodes, keepdim=True) + 1)
            total = total - self.entropy * (share * torch.log2(share + 1e-4)).sum(nodes).mean()
        return total

    def _of_coefficients(self, layer: KANLayer) -> tuple[Tensor, Tensor]:
        """Gradient `(I, J, M)` and curvature `(I, J, M, M)` of the parts in c, as functions of `w_s c`."""
        weight = layer.spline_weight * layer.mask
        weight = torch.where(weight != 0, weight, torch.ones_like(weight))  # as `set_edge_coefficients` takes it
        values = layer.edge_coefficients()[:, : layer.basis.size].transpose(1, 2)
        c = values / weight[..., None]
        unit = torch.eye(layer.basis.size, dtype=c.dtype, device=c.device)
        curvature = c.new_zeros(*c.shape, c.shape[2])
        for strength, rows in ((self.coefficients, unit), (self.differences, unit.diff(dim=0))):
            inverse = strength / torch.hypot(c @ rows.T, c.new_tensor(KINK_WIDTH))
            curvature = curvature + torch.einsum("ijr,rm,rn->ijmn", inverse, rows, rows)
        alive = (layer.mask != 0).to(c)
        curvature = curvature * (self.weight * alive / (layer.outputs * weight.square()))[..., None, None]
        return torch.einsum("ijmn,ijn->ijm", curvature, values), curvature / 2

    @staticmethod
    def _spread(x: Tensor) -> Tensor:
        return _root((x - x.mean(0)).square().sum(0) / _freedom(x)) + 0.1


def _freedom(x: Tensor) -> int:
    """Degrees of freedom of a variance over the rows."""
    return max(len(x) - 1, 1)


def _root(squares: Tensor) -> Tensor:
    """`√(q + ε²) - ε`, smooth at q = 0 and 0 there."""
    return squares / ((squares + KINK_WIDTH**2).sqrt() + KINK_WIDTH)


def _concave(
    function: Callable[[Tensor], Tensor], form: Tensor, coefficients: Tensor, weight: float
) -> tuple[Tensor, Tensor]:
    """The quadratic of `weight · function(q)` with `q_ij = c_ij'A_i c_ij`: its tangent in q, which a concave one lies below.

    Where a larger q costs less, only the tangent in c is left of it.

    Args:
        function: A scalar function of q `(I, J)`.
        form: A, `(I, size, size)`.
        coefficients: c, `(I, size, J)`.
        weight: A factor.
    """
    half = torch.einsum("imn,inj->ijm", form, coefficients.detach())
    squares = torch.einsum("ijm,imj->ij", half, coefficients.detach())
    with torch.enable_grad():
        leaf = squares.clamp_min(0).requires_grad_()
        (slope,) = torch.autograd.grad(function(leaf), leaf)
    slope = weight * slope
    return 2 * slope[..., None] * half, slope.clamp_min(0)[..., None, None] * form[:, None]


@explained
@final
@dataclass(frozen=True)
class Roughness(Penalty):
    """`λ mean φ''²` over each edge's domain, in units of the domain's half width: a smoothing spline's penalty.

    Attributes:
        weight: λ; or `auto`, and then `fit` finds one for every edge by restricted maximum likelihood (see `smoothing.py`).
        points: At which φ'' is taken.

    >>> Roughness("auto").weight
    'auto'
    """

    weight: float | str = 1e-4  # type: ignore[assignment]
    points: int = 65

    sees_activations: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if isinstance(self.weight, str):
            if self.weight != "auto":
                raise ConfigError(f"weight of Roughness is a number or 'auto', got {self.weight!r}.")
        else:
            super().__post_init__()
        if self.points < 2:
            raise ConfigError(f"points of Roughness must be at least 2, got {self.points}.")

    def value(self, layer: KANLayer, x: Tensor) -> Tensor:
        bend = torch.einsum("bim,imj->bij", self._rows(layer), layer.edge_coefficients())
        return self._strength() * bend.square().mean(0).sum()

    def quadratic(self, layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = self._rows(layer)
        form = self._strength() * torch.einsum("bim,bin->imn", rows, rows) / rows.shape[0]
        gradient = 2 * torch.einsum("imn,inj->ijm", form, layer.edge_coefficients())
        return gradient, form[:, None].expand(-1, layer.outputs, -1, -1)

    def _strength(self) -> float:
        if isinstance(self.weight, str):
            raise ConfigError("Roughness('auto') is for `fit`, which finds the weights; give a number here.")
        return self.weight

    def _rows(self, layer: KANLayer) -> Tensor:
        table = layer.table()
        low, high = table.basis.domain(table.grid)
        share = torch.linspace(0, 1, self.points, dtype=low.dtype, device=low.device)[:, None]
        return table.rows(low * (1 - share) + high * share, 2) * (((high - low) / 2) ** 2)[:, None]
