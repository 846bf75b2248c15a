"""Networks of product nodes: `Σ_r Π_i φ_ri(x_i)`, sums of products of functions of one input each.

Many solutions are of this kind to any accuracy with few terms, and the residual is linear in every function by itself
(separable physics-informed KANs, Jacob et al. 2024, arXiv 2411.06286).
"""

from collections.abc import Sequence

import torch

from splinework.nn.network import KAN
from splinework.splines.bases import LINEAR_BASIS, make_basis


def separable(
    names: Sequence[str],
    terms: int = 1,
    *,
    grid: int = 10,
    degree: int = 7,
    output_names: Sequence[str] = ("u",),
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = torch.float64,
) -> KAN:
    """A KAN `[n, (0, [n, …, n]), outputs]` with one edge from each input into each product, and straight lines after these.

    Args:
        names: Names of the inputs, at least two.
        terms: Products.
        grid: Intervals of every spline.
        degree: Degree of every spline.
        output_names: Names of the outputs.
        generator: Source of the random start.
        dtype: Dtype of the parameters.

    >>> separable(["x", "y"], 2, grid=5, degree=5).active_edges()
    6
    """
    count = len(names)
    model = KAN(
        [count, (0, [count] * terms), len(output_names)],
        basis=[make_basis(grid=grid, degree=degree), LINEAR_BASIS],
        base="none",
        grid_kind="fixed",
        names=names,
        output_names=output_names,
        generator=generator,
        dtype=dtype,
    )
    with torch.no_grad():
        first = model.kan_layers[0]
        first.mask.copy_(torch.eye(count, dtype=first.mask.dtype).repeat(1, terms))
    return model
