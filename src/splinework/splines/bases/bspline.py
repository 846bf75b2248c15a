"""B-splines: the basis of the paper (Liu et al. 2024, eq. 2.12)."""

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from splinework.splines import adapted_knots, bspline_rows, cell_polynomials, domain, refine_coefficients, uniform_knots
from splinework.splines.bases.base import Basis, require, require_whole


@final
@dataclass(frozen=True)
class BSpline(Basis):
    """B-splines of degree k on G intervals: `G + k` functions, only k+1 of them non-zero at a point."""

    grid: int = 5
    degree: int = 3

    name: ClassVar[str] = "bspline"
    resolution_field: ClassVar[str] = "grid"
    vanishes_outside: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_whole(self, "grid", 1, "grid, the number of intervals,")
        require_whole(self, "degree", 0, "degree")
        require(self.degree <= 9, f"degree must be between 0 and 9, got {self.degree}.")

    @classmethod
    def of_size(cls, grid: int, degree: int) -> "Basis":
        return cls(grid, degree)

    @property
    def size(self) -> int:
        return self.grid + self.degree

    def make_grid(self, low: Tensor, high: Tensor) -> Tensor:
        return uniform_knots(low, high, self.grid, self.degree)

    def adapt_grid(self, x: Tensor, low: Tensor, high: Tensor, grid_eps: float) -> Tensor:
        return adapted_knots(x, self.grid, self.degree, grid_eps=grid_eps, low=low, high=high)

    def domain(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        return domain(grid, self.degree)

    def prepare(self, grid: Tensor) -> Tensor:
        return cell_polynomials(grid, self.degree)

    def rows(self, x: Tensor, grid: Tensor, prepared: Tensor, derivative: int) -> Tensor:
        return bspline_rows(x, grid, prepared, self.degree, derivative)

    def refine(self, grid: Tensor, coefficients: Tensor, resolution: int) -> tuple[Tensor, Tensor] | None:
        if resolution % self.grid:
            return None
        return refine_coefficients(grid, coefficients, self.degree, resolution // self.grid)
