"""The three primitives in plain torch: readable, exact in float64, and the oracle for every other backend.

They are closed under differentiation: the gradient of each with respect to x, s, C or g is again one of the three, of order r
or r + 1. Here autograd works that out; `tests/contracts` checks it.
"""

from torch import Tensor

from splinework.kernels.table import BasisTable


def contract(table: BasisTable, x: Tensor, s: Tensor | None, c: Tensor, derivative: int = 0) -> Tensor:
    """`Σ_i s_bi Σ_m β_m^{(r)}(x_bi) C_imj`: the forward pass (r = 0), or a directional derivative (r >= 1).

    Args:
        table: The functions β.
        x: Points `(B, I)`.
        s: Factors `(B, I)`; None means ones.
        c: Coefficients `(I, M, J)`, one per row of the table and edge.
        derivative: Order r.

    Returns:
        Shape `(B, J)`.
    """
    rows = table.rows(x, derivative)
    if s is not None:
        rows = rows * s[..., None]
    return rows.flatten(1) @ c.flatten(0, 1)


def probe(table: BasisTable, x: Tensor, c: Tensor, g: Tensor, derivative: int = 0) -> Tensor:
    """`Σ_j g_bj Σ_m β_m^{(r)}(x_bi) C_imj`, shape `(B, I)`: with r = 1 the gradient of `contract` with respect to x."""
    inputs, size, outputs = c.shape
    drawn: Tensor = (g @ c.reshape(inputs * size, outputs).T).reshape(-1, inputs, size)
    return (table.rows(x, derivative) * drawn).sum(-1)


def scatter(table: BasisTable, x: Tensor, s: Tensor | None, g: Tensor, derivative: int = 0) -> Tensor:
    """`Σ_b s_bi g_bj β_m^{(r)}(x_bi)`, shape `(I, M, J)`: the gradient of `contract` with respect to C."""
    rows = table.rows(x, derivative)
    if s is not None:
        rows = rows * s[..., None]
    gathered: Tensor = rows.flatten(1).T @ g
    return gathered.reshape(*rows.shape[1:], g.shape[1])
