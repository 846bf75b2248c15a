"""The linear algebra of Gaussian processes: what rows say at known hyperparameters, exactly or by a regression on covariances."""

import torch
from torch import Tensor

from splinework.train.covariance import Covariance

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
    along = torch.linalg.solve_triangular(triangle, orthogonal.T @ (t / noise.sqrt())[:, None], upper=True)
    loads = torch.linalg.solve_triangular(lower.T, along, upper=True)[:, 0]
    leverage = orthogonal.square().sum(1)
    return loads, (t - cross @ loads) / (1 - leverage).clamp_min(1e-12), lower @ triangle.T


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
