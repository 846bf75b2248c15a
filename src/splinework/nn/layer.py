"""One layer of edges: a function of one variable from every input to every output, summed over inputs.

`φ_ij(x) = w_b b(x) + w_s Σ_m c_m B_m(x)` (Liu et al. 2024, eqs. 2.10–2.12), output `y_j = Σ_i φ_ij(x_i) + bias_j`.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from splinework.errors import ArgumentError, ConfigError, DtypeError
from splinework.errors.foreign import advice, explained
from splinework.kernels import BasisTable, EdgeParameters, check_extrapolation, layer_sums
from splinework.nn import initialise
from splinework.nn.arrays import check_columns
from splinework.nn.initialise import FactoryKeywords
from splinework.nn.shaping import Cones, Shaping
from splinework.splines import grid_points
from splinework.splines.bases import DEFAULT_BASE, Basis, activation, make_basis
from splinework.splines.torch_internals import functional_transform

if TYPE_CHECKING:  # loaded with the first layer that has such edges
    from splinework.nn.edge_functions import EdgeFunction, EdgeFunctions

_PARTS = ("coefficients", "spline_weight", "base_weight", "bias")
_RULES = ("flags", "twins", "steepest")
GRID_KINDS = ("adaptive", "fixed", "learnable", "normalised")
MIN_INTERVAL_SHARE = 5e-3
"""Minimum width of a learnable grid interval relative to the mean, so that no gradient step can close it; below the minimum of
`adapted_knots`, so that a learnable grid can represent any adapted one."""


class KANLayer(nn.Module):
    """Edges from `inputs` to `outputs`; use it like `nn.Linear`.

    Args:
        inputs: Number of inputs I.
        outputs: Number of outputs J.
        grid: Intervals G of each spline.
        degree: Degree k of each spline.
        basis: Name in `splinework.splines.bases.BASES`, or a recipe.
        base: Base function b: a name in `splinework.splines.bases.ACTIVATIONS`, or `none`.
        domain: Initial ends of every input's grid.
        extrapolation: Behaviour outside the grid: `linear`, `constant`, `zero` (as in the paper) or `natural`.
        grid_kind: `adaptive` (`fit` adapts the grid to the activations), `fixed`, `learnable` (knots are trained, always in
            order) or `normalised` (inputs are squashed smoothly onto the fixed domain).
        init: Initialisation, `paper` or `power`.
        bias: Whether each sum has a bias.
        generator: Generator of the initialisation; None for torch's default.
        **factory: `dtype` and `device` of the parameters, as in torch.

    Shapes: x `(…, I)` to `(…, J)`.

    Raises:
        ConfigError: For an unknown name or a number out of range.
        DtypeError: If dtype is not a floating-point one.

    >>> layer = KANLayer(2, 3, grid=4)
    >>> layer(torch.zeros(7, 2)).shape
    torch.Size([7, 3])
    """

    coefficients: nn.Parameter
    spline_weight: nn.Parameter
    base_weight: nn.Parameter | None
    bias: nn.Parameter | None
    mask: Tensor
    grid: Tensor
    prepared: Tensor | None
    flags: Tensor | None
    twins: Tensor | None
    steepest: Tensor | None
    functions: "EdgeFunctions | None"

    @explained
    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        grid: int = 5,
        degree: int = 3,
        basis: str | Basis = "bspline",
        base: str = DEFAULT_BASE,
        domain: tuple[float, float] = (-1.0, 1.0),
        extrapolation: str = "linear",
        grid_kind: str = "adaptive",
        init: str = "paper",
        bias: bool = True,
        generator: torch.Generator | None = None,
        **factory: Unpack[FactoryKeywords],
    ) -> None:
        super().__init__()
        for name in factory:
            if name not in FactoryKeywords.__annotations__:
                known = [*inspect.signature(KANLayer).parameters][:-1]
                raise ArgumentError(advice("KANLayer", name, [*known, *FactoryKeywords.__annotations__]))
        self.inputs, self.outputs = inputs, outputs
        self.basis = make_basis(basis, grid=grid, degree=degree)
        self.base = base
        self.extrapolation = check_extrapolation(extrapolation)
        self.grid_kind = grid_kind
        self._check(domain)
        dtype = factory.get("dtype")
        like: dict[str, Any] = {"dtype": dtype or torch.get_default_dtype(), "device": factory.get("device")}
        if not like["dtype"].is_floating_point:
            raise DtypeError(f"a layer's numbers are floating-point, got dtype={dtype}; use torch.float32 or float64.")
        c, w_b, w_s = initialise.initial_values(init, inputs, self.basis.size, outputs, generator, **like)
        self.coefficients = nn.Parameter(c)
        self.spline_weight = nn.Parameter(w_s)
        self.base_weight = None if activation(base) is None else nn.Parameter(w_b)
        self.bias = nn.Parameter(torch.zeros(outputs, **like)) if bias else None
        self.register_buffer("mask", torch.ones(inputs, outputs, **like))
        low, high = (torch.full((inputs,), end, **like) for end in domain)
        self.register_buffer("grid", self.basis.make_grid(low, high))
        self.register_buffer("prepared", None, persistent=False)
        for name in _RULES:
            self.register_buffer(name, None)
        self.functions = None
        self._cones: tuple[Tensor, Tensor | None, Cones] | None = None
        self.refresh()
        if self.grid_kind == "learnable":
            self.spacing = nn.Parameter(torch.zeros(inputs, self.basis.resolution, **like))
        self.register_load_state_dict_post_hook(_refresh)  # type: ignore[no-untyped-call]

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in _RULES:  # room for shape constraints
            if prefix + name in state and getattr(self, name) is None:
                room = getattr(Shaping.none(*self.mask.shape), name)
                dtype = state[prefix + name].dtype if room.is_floating_point() else room.dtype
                self.register_buffer(name, torch.empty_like(room, dtype=dtype))
        super()._load_from_state_dict(state, prefix, *rest)

    def forward(self, x: Tensor) -> Tensor:
        """The sums: `(…, I)` to `(…, J)`; any number of batch dimensions, an empty batch too.

        Raises:
            ShapeError: If x has another number of columns.
            DtypeError: If x has another dtype or device than the layer.
        """
        check_columns(self, x, self.inputs, self.coefficients)
        flat = x.reshape(math.prod(x.shape[:-1]), self.inputs)
        if flat.dtype != self.coefficients.dtype:
            flat = flat.to(self.coefficients.dtype)  # under autocast: cells of points are located in full precision
        sums = layer_sums(self.table(), self.squash(flat), self.parts())
        if self.functions is not None:
            sums = self.functions.add_to(sums, flat)
        return sums if x.dim() == 2 else sums.reshape(*x.shape[:-1], self.outputs)

    def table(self) -> BasisTable:
        """The functions that the edges combine, on the present grid."""
        base = activation(self.base)
        if self.grid_kind == "learnable":
            grid = self.knots()
            return BasisTable(self.basis, base, self.extrapolation, grid, self.basis.prepare(grid))
        return BasisTable(self.basis, base, self.extrapolation, self.grid, self._prepared())

    def parts(self) -> EdgeParameters:
        """The parameters of the edges."""
        own = self._parameters  # lacks parametrised ones, which torch computes on attribute access
        c, w_s, w_b, bias = (own[name] if name in own else getattr(self, name) for name in _PARTS)
        return EdgeParameters(c, w_s, w_b, self.mask, bias)  # type: ignore[arg-type]  # the first two are always there

    def edge_coefficients(self) -> Tensor:
        """One coefficient per row of the table and edge, weights and mask included: `(I, size, J)`."""
        return self.parts().table_coefficients()

    @torch.no_grad()
    def set_edge_coefficients(self, values: Tensor) -> None:
        """The inverse of `edge_coefficients`: sets c and w_b so that it returns `values` on the unmasked edges.

        In a shaped layer, `values` are first projected onto the shapes.
        """
        size = self.basis.size
        rules = self.shaping
        if rules is not None and self.basis.degree is not None:
            values = rules.project(values, self.cones())
            self.spline_weight.fill_(1.0)  # so that c has the shape to the last bit
        mask, weight = self.mask, self.spline_weight * self.mask
        if not bool((weight != 0).all()):
            self.spline_weight.masked_fill_(weight == 0, 1.0)
            mask = mask.masked_fill(mask == 0, 1.0)
            weight = torch.where(self.mask != 0, self.spline_weight * mask, torch.ones_like(weight))
        self.coefficients.copy_(values[:, :size] / weight[:, None, :])
        if self.base_weight is not None:
            self.base_weight.copy_(values[:, size] / mask)

    @property
    def shaping(self) -> Shaping | None:
        """The shape constraints of the edges; None without any."""
        if self.flags is None or self.twins is None or self.steepest is None:
            return None
        return Shaping(self.flags, self.twins, self.steepest)

    @torch.no_grad()
    def shape(self, rules: Shaping) -> None:
        """Imposes shape constraints on the edges and projects their coefficients onto them.

        `fit` and functions that change grids or edges keep them. A custom training loop calls `enforce_shaping` after each step.

        Raises:
            ConfigError: If the layer is not made of B-splines on an adaptive or fixed grid, or has a base function, or the
                shapes of an edge are incompatible.
        """
        rules.check()
        plain = self.basis.degree is not None and self.grid_kind in ("adaptive", "fixed")
        base_goes = self.base_weight is None or not bool((rules.flags != 0).any() or rules.steepest.isfinite().any())
        if not plain or not base_goes or (self.extrapolation not in ("linear", "constant")):
            raise ConfigError(
                "shape constraints need B-splines without a base function, on an adaptive or fixed grid, with linear "
                f"or constant tails; got {self.basis}, base={self.base}, a {self.grid_kind} grid and {self.extrapolation} tails."
            )
        for name in _RULES:
            self.register_buffer(name, getattr(rules, name).to(self.grid.device))
        self._cones = None
        self.enforce_shaping()

    def cones(self) -> Cones:
        """The cones of a shaped layer's edges on the present grid; none without constraints."""
        rules = self.shaping
        if rules is None or self.basis.degree is None:
            return []
        if self._cones is None or self._cones[0] is not self.grid or self._cones[1] is not self.flags:
            self._cones = (self.grid, self.flags, rules.cones(self.grid, self.basis.degree))
        return self._cones[2]

    @torch.no_grad()
    def enforce_shaping(self) -> None:
        """Projects the edges onto their shape constraints, as needed after a step of a custom training loop."""
        if self.flags is not None:
            self.set_edge_coefficients(self.edge_coefficients())

    def edges(self, x: Tensor, derivative: int = 0) -> Tensor:
        """Every edge's value (or derivative with respect to its own, squashed, input): `(B, I)` to `(B, I, J)`."""
        rows = self.table().rows(self.squash(x), derivative)
        values = torch.einsum("bim,imj->bij", rows, self.edge_coefficients())
        if self.functions is None:
            return values
        own, (i, j) = self.functions.values(x, derivative), self.functions.places()
        return values.flatten(1).index_add(1, i * self.outputs + j, own).reshape(values.shape)

    @property
    def alive(self) -> Tensor:
        """Flags of the edges that there are, splines that are not masked and functions, `(I, J)`."""
        alive = self.mask != 0
        if self.functions is not None:
            alive[self.functions.places()] = True
        return alive

    @torch.no_grad()
    def set_functions(self, edges: "Sequence[EdgeFunction]") -> None:
        """Replaces all edges that are functions, and masks the splines in their place.

        Raises:
            ConfigError: If an edge is not in the layer, or there twice.
        """
        from splinework.nn.edge_functions import EdgeFunctions

        self.functions = EdgeFunctions(edges, self.mask.shape).to(self.coefficients) if edges else None
        for edge in edges:
            self.mask[edge.i, edge.j] = 0

    def squash(self, x: Tensor) -> Tensor:
        """The inputs of the edges: x, or for a `normalised` grid x squashed into the domain (slope 1 at its middle)."""
        if self.grid_kind != "normalised":
            return x
        low, high = self.basis.domain(self.grid)
        middle, half = (low + high) / 2, (high - low) / 2
        return middle + half * torch.tanh((x - middle) / half)

    def squash_slope(self, x: Tensor) -> Tensor:
        """Derivative of `squash`, `(B, I)`."""
        if self.grid_kind != "normalised":
            return torch.ones_like(x)
        low, high = self.basis.domain(self.grid)
        return 1 - torch.tanh((x - (low + high) / 2) / ((high - low) / 2)) ** 2

    def knots(self) -> Tensor:
        """The knots in use, `(I, K)`: stored, or for a learnable grid computed from `spacing`."""
        if self.grid_kind != "learnable" or self.basis.degree is None:
            return self.grid
        points = grid_points(self.grid, self.basis.degree)
        low, high = points[:, :1], points[:, -1:]
        share = torch.softmax(self.spacing, dim=1)
        share = (1 - MIN_INTERVAL_SHARE) * share + MIN_INTERVAL_SHARE / self.basis.resolution
        inner = low + (high - low) * torch.cumsum(share, dim=1)[:, :-1]
        # The knots outside are kept as stored: they need not move, and a refined grid is preserved exactly.
        k = self.basis.degree
        return torch.cat([self.grid[:, :k], low, inner, high, self.grid[:, self.grid.shape[1] - k :]], dim=1)

    @torch.no_grad()
    def replace_grid(self, basis: Basis, grid: Tensor, values: Tensor) -> None:
        """Replaces the grid by another one of the same family, with edge coefficients `values`, `(I, size, J)`."""
        self.basis = basis
        self.grid = grid.detach().to(self.grid).clone()
        shape = (self.inputs, basis.size, self.outputs)
        self.coefficients = nn.Parameter(self.coefficients.new_zeros(shape), self.coefficients.requires_grad)
        if self.grid_kind == "learnable":
            points = grid_points(self.grid, grid.shape[1] - 1 - basis.size)
            share = torch.diff(points, dim=1) / (points[:, -1:] - points[:, :1])
            free = (share - MIN_INTERVAL_SHARE / basis.resolution) / (1 - MIN_INTERVAL_SHARE)
            free = free.clamp_min(torch.finfo(free.dtype).eps)
            self.spacing = nn.Parameter(torch.log(free), self.spacing.requires_grad)
        self.refresh()
        self.set_edge_coefficients(values.to(self.coefficients))

    def refresh(self) -> None:
        """Recomputes the values that depend on the grid; needed after the grid has been written to."""
        # A meta tensor has no values, and without the buffer no loader fills it.
        self.prepared = None if self.grid.is_meta else self.basis.prepare(self.grid)
        self.prepared_from = self.grid
        self._cones = None

    def _prepared(self) -> Tensor:
        """Values that depend on the grid, recomputed if a loader replaced the grid without notice."""
        compiling = torch.compiler.is_compiling()
        if self.prepared is not None and (compiling or self.prepared_from is self.grid):
            return self.prepared
        if self.grid.is_meta or compiling or functional_transform():
            return self.basis.prepare(self.grid)  # not stored: it belongs to a transform, or has no values
        with torch.inference_mode(False):  # the result may be used in training later
            self.refresh()
        return self._prepared()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "KANLayer":
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self.refresh()  # computed from the converted knots, not rounded from another dtype
        return self

    def _check(self, domain: tuple[float, float]) -> None:
        if self.grid_kind not in GRID_KINDS:
            raise ConfigError(f"grid_kind must be one of {', '.join(GRID_KINDS)}, got {self.grid_kind!r}.")
        if self.grid_kind == "learnable" and self.basis.degree is None:
            raise ConfigError(f"a learnable grid needs knots, so the basis bspline; got {self.basis.name}.")
        if self.inputs < 1 or self.outputs < 1:
            raise ConfigError(f"a layer needs at least one input and one output, got {self.inputs} and {self.outputs}.")
        if len(domain) != 2 or not -math.inf < domain[0] < domain[1] < math.inf:
            raise ConfigError(f"domain is (low, high) with low < high, both finite, got {domain}.")

    def extra_repr(self) -> str:
        return f"{self.inputs}, {self.outputs}, {self.basis}, base={self.base}, {self.grid_kind} grid"


def _refresh(layer: KANLayer, _incompatible: object) -> None:
    layer.refresh()
