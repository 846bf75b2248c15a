"""The linearised least-squares problem at a fitted model: effective parameters, covariance, cross-validation refits."""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError
from splinework.nn.network import KAN
from splinework.train.data_objective import DataObjective
from splinework.train.jacobian import ParameterVector, linearise
from splinework.train.penalties import Penalty

MAX_PARAMETERS = 4000
"""Most parameters; a covariance matrix of more takes minutes and hundreds of megabytes."""
MAX_JACOBIAN_ENTRIES = 6_000_000
"""Numbers of the Jacobian held at once (48 MB); more rows go in parts."""
N_FOLDS, MAX_FOLD_STEPS = 10, 20
MAX_FOLD_WORK = 4e10
"""Multiplications for all folds (a few seconds); where they take more, fewer of the ten are refitted, at least one."""
START_DEVIATIONS = 2.0
"""Standard deviations from the solution at which refits start: from the solution itself they would recover their fold."""
MAX_OBJECTIVE_RATIO = 2.0
"""A refit whose objective ends above this multiple of that of a refit from the solution is discarded as stuck."""
PRIOR_SHARE = 0.01
"""Share of D's pull on the refits, which keeps what no row sees from running away."""


@final
@dataclass(frozen=True)
class LinearModel:
    """`K = J'WJ + S + σ² D⁻¹` in coordinates in which D is the identity: squared singular values and directions.

    Attributes:
        residuals: Residuals of the fitted rows, times the square roots of the weights.
        gradient: Half the gradient of the sum of squares and penalties, `(P,)`.
        penalty_rows: Rows whose sum of squares is S.
        penalty_gradient: Half the gradient of the penalties alone.
        reach: Root of D.
        squares: Eigenvalues of K without its last term.
        seen: How much of each the data made up.
        directions: Eigenvectors times `reach`.
    """

    model: KAN
    parameters: ParameterVector
    u: Tensor
    t: Tensor
    weights: Tensor
    residuals: Tensor
    gradient: Tensor
    penalty_rows: Tensor
    penalty_gradient: Tensor
    reach: Tensor
    squares: Tensor
    seen: Tensor
    directions: Tensor

    @classmethod
    def of(
        cls, model: KAN, u: Tensor, t: Tensor, weights: Tensor | None, penalties: Sequence[Penalty]
    ) -> "LinearModel":
        """The problem at a fitted model, in float64, and rows in network units.

        Raises:
            ConfigError: If there are too many parameters.
        """
        parameters = ParameterVector.of(model)
        reach = _prior_deviations(model, parameters)
        size = len(reach)
        if size > MAX_PARAMETERS:
            raise ConfigError(
                f"these intervals take a matrix of all pairs of parameters, at most {MAX_PARAMETERS} of them, got {size}; "
                "use splinework.train.ensembles.ensemble, or prune the model."
            )
        weights = u.new_ones(len(u)) if weights is None else weights.double() * (len(u) / float(weights.sum()))
        penalty_rows, penalty_gradient = _penalty_rows(model, parameters, u, penalties, t.numel())
        residuals, triangle, gradient = [], u.new_zeros(0, size), penalty_gradient.clone()
        for rows in row_blocks(len(u), size * t.shape[1], at_least=size):
            outputs, jacobian = linearise(model, parameters, u[rows])
            jacobian = (jacobian * weights[rows, None, None].sqrt()).flatten(0, 1)
            residuals.append((outputs - t[rows]) * weights[rows, None].sqrt())
            gradient.addmv_(jacobian.T, residuals[-1].flatten())
            triangle = torch.linalg.qr(torch.cat([triangle, jacobian]), mode="r").R
        both = torch.cat([triangle, penalty_rows]) * reach
        _, singular, right = torch.linalg.svd(both, full_matrices=len(both) < size)
        squares = u.new_zeros(size)
        squares[: len(singular)] = singular.square()
        squares[squares < (torch.finfo(u.dtype).eps * size) ** 2 * squares.max()] = 0.0
        seen = (triangle * reach @ right.T).square().sum(0)
        return cls(
            model=model,
            parameters=parameters,
            u=u,
            t=t,
            weights=weights,
            residuals=torch.cat(residuals),
            gradient=gradient,
            penalty_rows=penalty_rows,
            penalty_gradient=penalty_gradient,
            reach=reach,
            squares=squares,
            seen=seen,
            directions=reach[:, None] * right.T,
        )

    def noise_variance(self) -> tuple[float, float]:
        """σ², the mean over outputs, with `σ² (N - tr(K⁻¹ J'WJ)) = Σ r²`; and the trace, the effective parameters."""
        count, error = self.residuals.numel(), float(self.residuals.square().sum())

        def effective(variance: float) -> float:
            return float((self.seen / (self.squares + variance).clamp_min(1e-300)).sum())

        low = max(error / count, 1e-300)
        high = low
        while high * (count - effective(high)) < error and high < 1e6 * low:
            high *= 2
        for _ in range(60):  # the left side rises with σ²: one solution
            middle = math.sqrt(low) * math.sqrt(high)
            low, high = (middle, high) if middle * (count - effective(middle)) < error else (low, middle)
        total = effective(high)
        if count - total < 1:
            raise DataError(
                f"{count} numbers to fit determine {total:.0f} parameters and leave nothing to tell the noise by; "
                "take more rows, a smaller grid or penalties=[Roughness()]."
            )
        return high, total

    def pass_over(self, root: Tensor) -> Iterator[Tensor]:
        """`w ‖J root‖²` per row and output, `(n, outputs)`, block by block."""
        for rows in row_blocks(len(self.u), root.shape[0] * self.model.outputs):
            jacobian = linearise(self.model, self.parameters, self.u[rows])[1]
            yield (jacobian @ root).square().sum(2) * self.weights[rows, None]

    def root(self, inverse: Tensor, variance: float, noise: Tensor) -> Tensor:
        """A root of the covariance `K⁻¹ (Σ_j σ_j² J_j'WJ_j + σ² S + σ⁴ D⁻¹) K⁻¹`, which is σ² K⁻¹ for one output.

        The outputs were fitted with equal weights whatever their noise, hence the sandwich.
        """
        if self.model.outputs == 1:
            return inverse * math.sqrt(variance)
        size = len(self.reach)
        prior = torch.diag(torch.where(self.reach > 0, variance / self.reach, 0.0))
        triangle = torch.cat([math.sqrt(variance) * self.penalty_rows, prior])
        for rows in row_blocks(len(self.u), size * self.model.outputs, at_least=size):
            jacobian = linearise(self.model, self.parameters, self.u[rows])[1]
            jacobian = jacobian * self.weights[rows, None, None].sqrt() * noise[:, None]
            triangle = torch.linalg.qr(torch.cat([triangle, jacobian.flatten(0, 1)]), mode="r").R
        return inverse @ (triangle @ inverse).T

    def left_out(self, variance: float) -> tuple[Tensor, Tensor]:
        """Errors on rows of folds that the model was refitted without, and the numbers of these rows."""
        # Fixed seeds: the same evidence gives the same interval, whenever it is asked for.
        order = torch.randperm(len(self.u), generator=torch.Generator().manual_seed(0)).to(self.u.device)
        folds = order.tensor_split(min(N_FOLDS, len(self.u)))
        work = 2.0 * MAX_FOLD_STEPS * self.t.numel() * len(self.reach) ** 2
        chosen = folds[: max(min(int(MAX_FOLD_WORK / work), N_FOLDS), 1)]
        errors = []
        generator = torch.Generator().manual_seed(1)
        for fold in chosen:
            kept = torch.ones(len(self.u), dtype=torch.bool, device=self.u.device)
            kept[fold] = False
            draw = torch.randn(len(self.reach), generator=generator, dtype=self.u.dtype).to(self.u.device)
            away = self.directions @ (draw * START_DEVIATIONS * (variance / (self.squares + variance)).sqrt())
            rows = kept.nonzero()[:, 0]
            value, model = self._refitted(rows, variance, away)
            direct, near = self._refitted(rows, variance, torch.zeros_like(away))
            if value > MAX_OBJECTIVE_RATIO * direct:
                model = near
            errors.append((model.unit_forward(self.u[fold]) - self.t[fold]) * self.weights[fold, None].sqrt())
        return torch.cat(errors), torch.cat(chosen)

    def _refitted(self, kept: Tensor, variance: float, away: Tensor) -> tuple[float, KAN]:
        """The model refitted to some rows by damped Gauss–Newton steps from `away` of where it is; its objective first."""
        model, start = copy.deepcopy(self.model), self.parameters.read(self.model)
        move, damping = torch.where(self.reach > 0, away / self.reach, 0.0), 1.0
        u, t, root = self.u[kept], self.t[kept], self.weights[kept, None].sqrt()

        def value(move: Tensor) -> float:
            self.parameters.write(model, start + self.reach * move)
            real = self.reach * move
            error = ((model.unit_forward(u) - t) * root).square().sum()
            penalty = (self.penalty_rows @ real).square().sum() + 2 * self.penalty_gradient @ real
            return float(error + penalty + PRIOR_SHARE * variance * move.square().sum())

        present = value(move)
        for _ in range(MAX_FOLD_STEPS):
            self.parameters.write(model, start + self.reach * move)
            smooth = self.penalty_rows * self.reach
            matrix = smooth.T @ smooth
            vector = self.reach * self.penalty_gradient + matrix @ move + PRIOR_SHARE * variance * move
            for rows in row_blocks(len(u), len(start) * t.shape[1]):
                outputs, jacobian = linearise(model, self.parameters, u[rows])
                flat = (jacobian * root[rows, None]).flatten(0, 1) * self.reach
                matrix.addmm_(flat.T, flat)
                vector.addmv_(flat.T, ((outputs - t[rows]) * root[rows]).flatten())
            for _ in range(6):
                shifted = matrix.clone()
                shifted.diagonal().add_(variance * (PRIOR_SHARE + damping))
                factor, failed = torch.linalg.cholesky_ex(shifted)
                trial = move - torch.cholesky_solve(vector[:, None], factor)[:, 0]
                new = math.inf if int(failed) else value(trial)
                if new < present:
                    break
                damping = 8 * damping
            else:
                break
            gained, present, move, damping = present - new, new, trial, damping / 8
            if gained < 1e-3 * present:
                break
        self.parameters.write(model, start + self.reach * move)
        return present, model


def _prior_deviations(model: KAN, parameters: ParameterVector) -> Tensor:
    """Standard deviations of the coefficients where no row speaks, `(P,)`; 0 for what is frozen."""
    parts = []
    for layer, (i, j) in zip(model.kan_layers, parameters.edges, strict=True):
        values = layer.edge_coefficients().detach()[i, :, j]
        size = float(values.square().mean().sqrt()) if values.numel() else 0.0
        free = torch.full_like(values, size or 1.0)
        if not layer.coefficients.requires_grad:
            free[:, : layer.basis.size] = 0.0
        if layer.base_weight is not None and not layer.base_weight.requires_grad:
            free[:, layer.basis.size :] = 0.0
        parts.append(free.flatten())
        if layer.bias is not None:
            parts.append(torch.full_like(layer.bias.detach(), (size or 1.0) * layer.bias.requires_grad))
    own = parameters.function_spans(model)
    numbers = parameters.read(model)[own[0].start :]
    return torch.cat([*parts, numbers.abs().clamp_min(1.0)])


def _penalty_rows(
    model: KAN, parameters: ParameterVector, u: Tensor, penalties: Sequence[Penalty], count: int
) -> tuple[Tensor, Tensor]:
    """Rows `(R, P)` whose sum of squares is the penalties' quadratic form, and half of their gradient `(P,)`."""
    size = len(parameters.read(model))
    rows, half_gradient = [u.new_zeros(0, size)], u.new_zeros(size)
    for own, gradient, curvature in DataObjective(model, tuple(penalties), u=u).penalty_curvatures(parameters):
        half_gradient[own] += gradient * (count / 2)
        values, vectors = torch.linalg.eigh(curvature * count)
        block = u.new_zeros(own.stop - own.start, size)
        block[:, own] = torch.block_diag(*(vectors * values.clamp_min(0).sqrt()[:, None]).mT)
        rows.append(block)
    return torch.cat(rows), half_gradient


def row_blocks(rows: int, numbers: int, *, at_least: int = 1) -> Iterator[slice]:
    """Slices of the rows with at most `MAX_JACOBIAN_ENTRIES` entries; at least `at_least` rows where memory allows."""
    step = max(
        MAX_JACOBIAN_ENTRIES // max(numbers, 1), at_least if numbers * at_least <= 4 * MAX_JACOBIAN_ENTRIES else 1, 1
    )
    for start in range(0, max(rows, 1), step):
        yield slice(start, min(start + step, rows))
