"""One slab of time: Gauss–Newton for the functions of x in `Σ_r a_r(x) p_r(t)`, whose functions of time are fixed.

With `τ = t - t_0` the p_r are `1` and, for equations of second order in time, `τ`, which hold what the slab begins with; then
`τ^m P_n(t)` with Legendre's polynomials. All a_r are splines on the same knots. The residual at Gauss points of every cell is
weighed as its square is integrated, so that what is minimised is an integral whatever the knots are. Two splines meet in k + 1
cells at most: the normal equations are sparse, one block per cell.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from numpy.polynomial import Legendre, Polynomial
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu
from torch import Tensor

from splinework.errors import DataError
from splinework.knowledge.teach.equations.equation import Equation
from splinework.nn.derivatives import Monomial
from splinework.splines import bspline_rows, cell_polynomials, grid_points, insert_knots
from splinework.splines.bspline import bspline_values

MAX_STEPS, MAX_HALVINGS = 15, 6
"""Most Gauss–Newton steps, and how often one is halved before it is given up."""
MIN_RELATIVE_DECREASE = 1e-3
"""Steps end where one lowers the objective by less than this share."""
RIDGE = 1e-13
"""What is added to the scaled normal matrix: no more than rounding."""

Floats = npt.NDArray[np.float64]
Known = Callable[[Tensor, Sequence[Monomial]], Sequence[Tensor]]
"""Derivatives of a function that is known, at points `(B, 2)` in the order of the inputs: `(B,)` each."""


@final
@dataclass(frozen=True)
class SlabProblem:
    """The problem that all slabs share.

    Attributes:
        equation: In two inputs and one output.
        space: The number of the input x; the other is time.
        g: A function with the boundary and initial values.
        omega: A function of x that vanishes at the boundary.
        degree: Degree of the splines.
        order: How many derivatives in time are given at the start, 1 or 2.
        free: How many functions of time a slab has besides those.
        periodic: Weight of the mean square of `u(b) - u(a)` and of its first derivatives in x; 0 without periodicity.
    """

    equation: Equation
    space: int
    g: Known
    omega: Known
    degree: int
    order: int
    free: int
    periodic: float = 0.0

    @property
    def time(self) -> int:
        """The number of the input t."""
        return 1 - self.space

    def orders(self, monomial: Monomial) -> tuple[int, int]:
        """How often it differentiates in x and in t."""
        return sum(i == self.space for i in monomial), sum(i == self.time for i in monomial)

    @property
    def highest(self) -> int:
        """The highest derivative in x."""
        return max(self.orders(m)[0] for m in self.equation.monomials)


@final
@dataclass(frozen=True)
class Slab:
    """A stretch of time.

    Attributes:
        start: t_0.
        end: t_1.
        knots: Knots in x, `(K,)`.
        held: Coefficients of its initial values, `(order, M)`.
        moved: Coefficients to solve for, `(free, M)`.
    """

    start: float
    end: float
    knots: Tensor
    held: Tensor
    moved: Tensor

    @property
    def half(self) -> float:
        """Half of its length: time is `t_0 + half · (1 + s)` with s in [-1, 1]."""
        return (self.end - self.start) / 2

    def polynomials(self) -> list[Polynomial]:
        """The functions of time, in s."""
        rise, order = self.half * Polynomial([1.0, 1.0]), len(self.held)
        legendre = [Legendre.basis(n).convert(kind=Polynomial) for n in range(len(self.moved))]
        return [*(rise**n for n in range(order)), *(rise**order * p for p in legendre)]

    def times(self, s: Tensor, derivative: int) -> Tensor:
        """The derivatives in t of all functions of time, `(N, order + free)`."""
        columns = [p.deriv(derivative)(s.numpy()) if derivative else p(s.numpy()) for p in self.polynomials()]
        return torch.tensor(np.stack(columns, axis=1)) / self.half**derivative

    def ends(self) -> Tensor:
        """Initial values of the next slab: the coefficients of `Z` and of its derivatives in t at the end, `(order, M)`."""
        last = torch.ones(1, dtype=torch.float64)
        both = torch.cat([self.held, self.moved])
        return torch.cat([self.times(last, n) @ both for n in range(len(self.held))])

    def finer(self, points: Tensor, degree: int) -> "Slab":
        """The same functions on knots with some more, `(R,)`."""
        both = torch.cat([self.held, self.moved]).T[None]
        knots, c = insert_knots(self.knots[None], both, points[None], degree)
        return replace(self, knots=knots[0], held=c[0].T[: len(self.held)], moved=c[0].T[len(self.held) :])


@final
class Collocation:
    """The residual of a slab at its points, with all that does not change from step to step."""

    def __init__(self, setting: SlabProblem, slab: Slab) -> None:
        self.setting, self.slab = setting, slab
        degree = setting.degree
        grid = grid_points(slab.knots[None], degree)[0]
        self.cells, count = len(grid) - 1, degree + 1
        nodes, weights = (torch.tensor(each) for each in np.polynomial.legendre.leggauss(count))
        self.s, shares = (torch.tensor(each) for each in np.polynomial.legendre.leggauss(setting.free + 3))
        width = grid.diff()
        self.x = ((grid[:-1] + grid[1:]) / 2)[:, None] + width[:, None] / 2 * nodes
        total = (grid[-1] - grid[0]) * 2
        self.root = ((width[:, None] / 2 * weights)[:, :, None] * shares / total).sqrt()  # (cells, p, N)
        self.rows = self._rows(self.x.flatten(), setting.highest)
        self.points, self.known = self._background(self.x.flatten())
        self.columns = torch.arange(self.cells)[:, None] + torch.arange(degree + 1)

    def solve(self, moved: Tensor) -> Tensor:
        """Gauss–Newton from some coefficients `(free, M)`.

        Raises:
            DataError: If the residual is not finite there.
        """
        value, system = self._system(moved)
        if not math.isfinite(value):
            raise DataError(
                f"the equation is not finite where the slab from {self.slab.start:g} begins; keep the domain away from "
                "singularities, or take more slabs."
            )
        for _ in range(MAX_STEPS):
            step = system()
            for _ in range(MAX_HALVINGS):
                trial = moved + step
                after, following = self._system(trial)
                if after < value:
                    break
                step = step / 2
            else:
                break
            gained, moved, value, system = value - after, trial, after, following
            if gained < MIN_RELATIVE_DECREASE * value:
                break
        return moved

    def size(self) -> float:
        """Root mean square of the residual where nothing moves."""
        residual, _ = self._residual(torch.zeros_like(self.slab.moved))
        return math.sqrt(float((self.root * residual).square().sum()))

    def parted(self, moved: Tensor) -> tuple[float, Tensor]:
        """The mean square of the residual, as what is for want of time resolution, and the rest for every cell, `(cells,)`."""
        residual, _ = self._residual(moved)
        total = (self.root * residual).square().sum((1, 2))
        nodes = self.s.numpy()
        free = len(moved)
        own = torch.tensor(np.polynomial.legendre.legvander(nodes, free - 1))  # (N, free)
        own = own * (torch.arange(free) + 0.5).sqrt()
        # root² has the weights of Gauss's quadrature in it, for which these polynomials are orthonormal.
        shares = self.root.square().sum(2, keepdim=True)
        weights = self.root.square() / shares * 2
        within = ((weights * residual) @ own).square() / 2 * shares
        rest = within.sum((1, 2)).clamp_max(total)
        return float((total - rest).sum()), rest

    # ----------------------------------------------------------------------------------------------- the residual

    def _rows(self, x: Tensor, highest: int) -> list[Tensor]:
        """`∂^r (ω B_n)`, `(cells, p, degree + 1)` for r = 0, …, highest: of the splines that are not zero in a cell."""
        setting, knots = self.setting, self.slab.knots[None]
        pieces = cell_polynomials(knots, setting.degree)
        # Gauss points lie inside their cells, so the splines of a cell are the same for all of them.
        plain = [
            bspline_values(x[:, None], knots, pieces, setting.degree, r)[0][:, 0].unflatten(0, (self.cells, -1))
            for r in range(highest + 1)
        ]
        omega = [each.unflatten(0, (self.cells, -1)) for each in self._omega(x, highest)]
        return _leibniz(omega, plain)

    def _omega(self, x: Tensor, highest: int) -> list[Tensor]:
        points = torch.full((len(x), 2), self.slab.start, dtype=torch.float64)
        points[:, self.setting.space] = x
        return list(self.setting.omega(points, [(self.setting.space,) * r for r in range(highest + 1)]))

    def _at(self, x: Tensor) -> Tensor:
        """All pairs of these x and the slab's times, `(len(x) · N, 2)`."""
        t = self.slab.start + self.slab.half * (1 + self.s)
        points = torch.empty(len(x), len(t), 2, dtype=torch.float64)
        points[..., self.setting.space], points[..., self.setting.time] = x[:, None], t
        return points.flatten(0, 1)

    def _background(self, x: Tensor) -> tuple[Tensor, dict[Monomial, Tensor]]:
        """The points `(cells · p · N, 2)`, and there the derivatives of g, each as `(cells, p, N)`."""
        points, monomials, shape = self._at(x), self.setting.equation.monomials, (self.cells, -1, len(self.s))
        known = self.setting.g(points, monomials)
        return points, {m: part.reshape(shape) for m, part in zip(monomials, known, strict=True)}

    def _derivatives(self, moved: Tensor) -> dict[Monomial, Tensor]:
        c = torch.cat([self.slab.held, moved])[:, self.columns]  # (terms, cells, degree + 1)
        found = {}
        for m, known in self.known.items():
            x, t = self.setting.orders(m)
            in_space = torch.einsum("cpa,rca->cpr", self.rows[x], c)
            found[m] = known + in_space @ self.slab.times(self.s, t).T
        return found

    def _residual(self, moved: Tensor) -> tuple[Tensor, dict[Monomial, Tensor]]:
        """The residual, and its derivative in each term of the equation, `(cells, p, N)` each."""
        derivatives = {(0, m): part.flatten() for m, part in self._derivatives(moved).items()}
        value, slopes = self.setting.equation.slopes(self.points, derivatives)
        shape = self.root.shape
        return value.reshape(shape), {m: part.reshape(shape) for (_, m), part in slopes.items()}

    # ------------------------------------------------------------------------------------------------- the system

    def _system(self, moved: Tensor) -> tuple[float, Callable[[], Tensor]]:
        """The objective, and what works out the step from there."""
        residual, slopes = self._residual(moved)
        weighed = self.root * residual
        beyond, jacobian = self._periodic(moved)
        value = float(weighed.square().sum() + beyond.square().sum())

        def step() -> Tensor:
            return self._step(weighed, slopes, beyond, jacobian)

        return (value if np.isfinite(value) else np.inf), step

    def _step(self, weighed: Tensor, slopes: dict[Monomial, Tensor], beyond: Tensor, jacobian: Tensor) -> Tensor:
        order, free = len(self.slab.held), len(self.slab.moved)
        shares: dict[int, Tensor] = {}
        for m, slope in slopes.items():
            x, t = self.setting.orders(m)
            part = (self.root * slope)[..., None] * self.slab.times(self.s, t)[:, order:]  # (cells, p, N, free)
            shares[x] = shares[x] + part if x in shares else part
        local = torch.stack([torch.einsum("cpa,cpnr->cpnar", self.rows[x], part) for x, part in shares.items()]).sum(0)
        local = local.flatten(1, 2).flatten(2, 3)  # (cells, p · N, (degree + 1) · free)
        where = (self.columns[:, :, None] * free + torch.arange(free)).flatten(1)
        size = self.slab.moved.numel()
        blocks = local.mT @ local
        vector = torch.zeros(size, dtype=torch.float64)
        vector.index_add_(0, where.flatten(), (local.mT @ weighed.flatten(1)[..., None]).flatten())
        vector += jacobian.T @ beyond
        rows = where[:, :, None].expand_as(blocks).flatten().numpy()
        columns = where[:, None, :].expand_as(blocks).flatten().numpy()
        matrix = csc_array((blocks.flatten().numpy(), (rows, columns)), shape=(size, size))
        if len(jacobian):
            sparse = csc_array(jacobian.numpy())
            matrix = matrix + sparse.T @ sparse
        solution = torch.tensor(_solution(matrix, -vector.numpy()))
        return solution.reshape(-1, free).T

    def _periodic(self, moved: Tensor) -> tuple[Tensor, Tensor]:
        """The gaps between both ends, weighed, `(R,)`, and their derivatives `(R, M · free)`; none where nothing is periodic."""
        size, free = moved.numel(), len(moved)
        if not self.setting.periodic:
            return torch.zeros(0, dtype=torch.float64), torch.zeros(0, size, dtype=torch.float64)
        values, slopes = [], []
        _, shares = np.polynomial.legendre.leggauss(len(self.s))
        root = (self.setting.periodic * torch.tensor(shares) / 2).sqrt()
        times = self.slab.times(self.s, 0)
        gaps, rows = self._gaps()
        for known, row in zip(gaps, rows, strict=True):
            both = torch.cat([self.slab.held, moved]) @ row
            values.append(root * (known + times @ both))
            slopes.append((root[:, None] * times[:, len(self.slab.held) :])[:, None, :] * row[:, None])
        return torch.cat(values), torch.cat(slopes).reshape(-1, row.numel() * free)

    def _gaps(self) -> tuple[list[Tensor], list[Tensor]]:
        """Between the ends: of every derivative below the highest those of g, `(N,)`, and of `ω B_n`, `(M,)`."""
        setting, knots = self.setting, self.slab.knots[None]
        grid = grid_points(knots, setting.degree)[0]
        pieces, highest = cell_polynomials(knots, setting.degree), setting.highest
        ends = torch.stack([grid[0], grid[-1]])
        plain = [bspline_rows(ends[:, None], knots, pieces, setting.degree, r)[:, 0] for r in range(highest)]
        monomials: list[Monomial] = [(setting.space,) * r for r in range(highest)]
        known = [part.reshape(2, -1) for part in setting.g(self._at(ends), monomials)]
        rows = _leibniz(self._omega(ends, highest - 1), plain)
        return [part[1] - part[0] for part in known], [row[1] - row[0] for row in rows]


def _leibniz(factor: list[Tensor], plain: list[Tensor]) -> list[Tensor]:
    """The derivatives of products, given those of a factor `(…,)` and of functions `(…, M)`."""
    return [
        torch.stack([math.comb(r, n) * factor[n][..., None] * plain[r - n] for n in range(r + 1)]).sum(0)
        for r in range(len(plain))
    ]


def _solution(matrix: csc_array, vector: Floats) -> Floats:
    """`A⁻¹ v` of a sparse positive matrix, scaled to a diagonal of ones."""
    entries, size = matrix.tocoo(), len(vector)
    scale = 1 / np.sqrt(np.maximum(matrix.diagonal(), 1e-300))
    rows, columns = entries.coords
    diagonal = np.arange(size)
    values = np.concatenate([entries.data * scale[rows] * scale[columns], np.full(size, RIDGE)])
    places = np.concatenate([rows, diagonal]), np.concatenate([columns, diagonal])
    system = csc_array((values, places), shape=(size, size))
    found: Floats = scale * splu(system, permc_spec="MMD_AT_PLUS_A").solve(scale * vector)
    return found
