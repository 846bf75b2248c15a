"""Linear least squares that stays finite for any data: few, repeated or collinear rows give the minimum-norm solution.

The solution is `c = A⁺ b`, A⁺ the pseudo-inverse (Golub & Van Loan 2013, §5.5).
"""

import torch
from torch import Tensor

from splinework.errors import DataError
from splinework.errors.foreign import explained


@explained
def solve_least_squares(design: Tensor, targets: Tensor, *, rcond: float | None = None) -> Tensor:
    """Minimum-norm solution of `min ‖A c - b‖` for a batch of problems.

    The columns are first scaled to unit length, so the numerical rank does not depend on their units. Computed in float64 by a
    complete SVD (LAPACK gelsd) on the CPU.

    Args:
        design: A, shape `(…, N, M)`.
        targets: b, shape `(…, N, J)`.
        rcond: Singular values below `rcond` times the largest count as zero; None means `eps · max(N, M)`.

    Returns:
        Coefficients c of shape `(…, M, J)`, in the dtype and on the device of `targets`.

    Raises:
        ShapeError: If shapes do not match.
        DataError: If numbers are not finite, or their squares are beyond float64.

    >>> solve_least_squares(torch.tensor([[1.0, 1.0], [1.0, 1.0]]), torch.tensor([[2.0], [2.0]]))
    tensor([[1.],
            [1.]])
    """
    a = design.detach().double().cpu()
    b = targets.detach().double().cpu()
    length = a.norm(dim=-2, keepdim=True)
    length = torch.where(length > 0, length, torch.ones_like(length))
    if rcond is None:
        rcond = torch.finfo(torch.float64).eps * max(a.shape[-2:])
    a = a / length
    if a.shape[-2] > 2 * a.shape[-1] + b.shape[-1]:
        # The triangular factor of a tall matrix has the same singular values and far fewer rows.
        q, a = torch.linalg.qr(a)
        b = q.mT @ b
    if not bool(a.isfinite().all() and b.isfinite().all()):
        sizes = [float(each.detach().abs().max()) for each in (design, targets)]
        raise DataError(
            f"least squares need numbers whose squares are finite, got up to {sizes[0]:g} in the design and {sizes[1]:g} in the "
            "targets; leave such rows out, or choose other units."
        )
    solution: Tensor = torch.linalg.lstsq(a, b, rcond=rcond, driver="gelsd").solution
    return (solution / length.mT).to(targets)
