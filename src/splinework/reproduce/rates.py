"""Rates of approximation: largest errors of derivatives when the edges of an exact network are splines (Theorem 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch

import splinework as sw

MESH: Final = 101
"""Points of the mesh along each axis on which largest errors are taken."""
ROWS: Final = 10_000
"""Random rows on which the splines are closest to the edges."""
ROUNDING: Final = 1e-10
"""Share of the error on the first grid below which rounding begins."""


def derivative_errors(formula: str, degree: int, grid: int) -> list[float]:
    """Largest errors of a function of x and y on [-1, 1]², of its first and of its second derivatives.

    Returns:
        Three errors.
    """
    theory = sw.from_formula(formula, {"x": (-1, 1), "y": (-1, 1)}, grid=grid, degree=degree)
    s = torch.linspace(-1, 1, MESH, dtype=torch.float64)
    points = torch.cartesian_prod(s, s)
    rows = 2 * torch.rand(ROWS, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    model = sw.edit.to_splines(theory, torch.cat([rows, points[[0, -1]]]), grid=grid).model
    orders: list[list[Any]] = [[()], ["x", "y"], [("x", "x"), ("x", "y"), ("y", "y")]]
    found = []
    with torch.no_grad():
        for wanted in orders:
            values = sw.derivatives.partials(model, points, *wanted)
            truths = sw.derivatives.partials(theory, points, *wanted)
            found.append(max(float((a - b).abs().max()) for a, b in zip(values, truths, strict=True)))
    return found


def exponents(grids: Sequence[int], errors: Sequence[Sequence[float]]) -> list[float]:
    """Exponents of 1/G between the two finest grids whose errors are above rounding, one for each column of errors.

    >>> [round(value, 6) for value in exponents([5, 10, 20], [[1.0], [1 / 16], [1 / 256]])]
    [4.0]
    """
    sizes, found = np.log(grids), []
    for column in np.array(errors).T:
        use = np.flatnonzero(column > ROUNDING * column[0])[-2:]
        found.append(float(-np.diff(np.log(column[use]))[0] / np.diff(sizes[use])[0]))
    return found
