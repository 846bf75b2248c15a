"""Edges that are no splines of their layer: functions `c F(a u + b) + d`, with F a formula, a callable or a spline that is held.

A layer without such edges has none of this and does not load it. Edges of one F are evaluated together.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor, nn

from splinework.errors import ConfigError
from splinework.formula.guarded import GUARDED
from splinework.kernels import BasisTable
from splinework.nn.config import EdgeFamily, HeldSpline
from splinework.nn.edge_formula import VARIABLE, edge_program, edge_text
from splinework.splines.bases import Basis, activation


@final
@dataclass(frozen=True, eq=False)
class EdgeFunction:
    """One edge `c F(a u + b) + d` of a layer.

    Attributes:
        family: F without its numbers.
        i: Index of its input.
        j: Index of its sum.
        numbers: a, b, c, d, and the own constants of F, `(4 + K,)`.
        free: Flags of the numbers that training moves.
        grid: Knots of a held spline, `(G,)`.
        coefficients: Its coefficients, `(M,)`.

    >>> EdgeFunction.of("exp(-0.5*u**2)", 0, 2, numbers=(1.0, 0.0, 2.0, 0.0)).text()
    '2.0*exp(-0.5*u**2)'
    """

    family: EdgeFamily
    i: int
    j: int
    numbers: Tensor
    free: tuple[bool, ...]
    grid: Tensor | None = None
    coefficients: Tensor | None = None

    @classmethod
    def of(
        cls, text: str, i: int, j: int, *, name: str = "", numbers: Sequence[float] = (1.0, 0.0, 1.0, 0.0)
    ) -> "EdgeFunction":
        """An edge with a formula over u and given a, b, c, d; training moves them and its decimals.

        Raises:
            FormulaError: If the text is no formula of u.
        """
        every = torch.tensor([*numbers, *edge_program(text)[1]], dtype=torch.float64)
        return cls(EdgeFamily(name or text, text), i, j, every, (True,) * len(every))

    def at(self, i: int, j: int) -> "EdgeFunction":
        """The same function on another edge."""
        return replace(self, i=i, j=j)

    def held(self, free: Iterable[bool]) -> "EdgeFunction":
        """The same function with other numbers free."""
        return replace(self, free=tuple(free))

    def on_grid(self, basis: Basis, base: str, grid: Tensor) -> Tensor | None:
        """The coefficients of a spline that is held as it was on this grid, `(M,)`; None for another edge."""
        held = self.family.spline
        if held is None or (held.basis, held.base) != (basis, base) or self.numbers.tolist() != [1.0, 0.0, 1.0, 0.0]:
            return None
        return self.coefficients if self.grid is not None and torch.equal(self.grid, grid) else None

    def __call__(self, u: Tensor) -> Tensor:
        """The values at u, `(B,)`."""
        return EdgeFunctions([self.at(0, 0)], (1, 1)).values(u[:, None])[:, 0]

    def expand(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values and slopes at u `(B, 1)`, both `(B, 1)`, and derivatives by the free numbers, `(B, 1, F)`."""
        return EdgeFunctions([self.at(0, 0)], (1, 1)).typed[0].expand(u)

    def to(self, dtype: torch.dtype) -> "EdgeFunction":
        """The same with numbers of a dtype."""
        grid, own = (None if part is None else part.to(dtype) for part in (self.grid, self.coefficients))
        return replace(self, numbers=self.numbers.to(dtype), grid=grid, coefficients=own)

    def text(self, argument: str = VARIABLE, digits: int = 17) -> str:
        """The formula with its present numbers; a spline is called by its name."""
        values = [float(f"{value:.{digits}g}") for value in self.numbers.tolist()]
        return edge_text(self.family.text or f"{self.family.name}({VARIABLE})", values, argument)


@final
@dataclass(frozen=True)
class FunctionExpansion:
    """The edges of a layer that are functions, to first order at some rows.

    Attributes:
        inputs: Input of every edge, `(E,)`.
        sums: Sum of every edge, `(E,)`.
        values: Values, `(B, E)`.
        slopes: Derivatives in the inputs, `(B, E)`.
        columns: Derivatives by the free numbers, `(B, F)`.
        owners: Sum that every free number belongs to, `(F,)`.
    """

    inputs: Tensor
    sums: Tensor
    values: Tensor
    slopes: Tensor
    columns: Tensor
    owners: Tensor


class EdgeFunctions(nn.Module):
    """All edges of a layer that are functions.

    Raises:
        ConfigError: If an edge is not in the layer, or there twice.
    """

    def __init__(self, edges: Sequence[EdgeFunction], shape: Sequence[int]) -> None:
        super().__init__()
        places = [(edge.i, edge.j) for edge in edges]
        for n, (i, j) in enumerate(places):
            if not (0 <= i < shape[0] and 0 <= j < shape[1]) or (i, j) in places[:n]:
                raise ConfigError(f"a layer of {shape[0]} × {shape[1]} edges has no edge {(i, j)}, or has it twice.")
        together: dict[Any, list[EdgeFunction]] = {}
        for edge in edges:
            together.setdefault((edge.family, edge.free), []).append(edge)
        self.groups = nn.ModuleList(_EdgeGroup(group) for group in together.values())

    @property
    def typed(self) -> list["_EdgeGroup"]:
        """The groups."""
        return [group for group in self.groups if isinstance(group, _EdgeGroup)]

    def edges(self) -> list[EdgeFunction]:
        """All edges, one by one, with their present numbers."""
        return [edge for group in self.typed for edge in group.edges()]

    def edge(self, i: int, j: int) -> EdgeFunction | None:
        """The function from an input to a sum, if there is one."""
        return next((edge for edge in self.edges() if (edge.i, edge.j) == (i, j)), None)

    def families(self) -> tuple[EdgeFamily, ...]:
        """All of the edges but their numbers, for a configuration."""
        return tuple(
            replace(group.family, edges=tuple((e.i, e.j) for e in group.edges()), free=group.free)
            for group in self.typed
        )

    def places(self) -> tuple[Tensor, Tensor]:
        """Inputs and sums of the edges, `(E,)` each, in the order of `values`."""
        groups = self.typed
        return torch.cat([group.inputs for group in groups]), torch.cat([group.sums for group in groups])

    def values(self, x: Tensor, derivative: int = 0) -> Tensor:
        """The values of the edges, or a derivative in their input: x `(B, I)` to `(B, E)`."""
        return torch.cat([group.at(x[:, group.inputs], derivative) for group in self.typed], dim=1)

    def at(self, u: Tensor, derivative: int = 0) -> Tensor:
        """The same at inputs of every edge of its own, `(B, E)`."""
        counts = [len(group.inputs) for group in self.typed]
        parts = zip(self.typed, u.split(counts, dim=1), strict=True)
        return torch.cat([group.at(own, derivative) for group, own in parts], dim=1)

    @torch.no_grad()
    def expand(self, x: Tensor) -> FunctionExpansion:
        """The edges at x `(B, I)` to first order in their inputs and free numbers."""
        parts = [group.expand(x) for group in self.typed]
        values, slopes = (torch.cat([part[n] for part in parts], dim=1) for n in (0, 1))
        inputs, sums = self.places()
        owners = [group.sums.repeat_interleave(sum(group.free)) for group in self.typed]
        columns = torch.cat([part[2].flatten(1) for part in parts], dim=1)
        return FunctionExpansion(inputs, sums, values, slopes, columns, torch.cat(owners))

    def read(self) -> Tensor:
        """All free numbers, `(F,)`, in the order of the columns of `expand`."""
        trained = [group.trained.flatten() for group in self.typed if group.trained is not None]
        return torch.cat(trained).detach() if trained else self.typed[0].sums.new_zeros(0, dtype=torch.float64)

    @torch.no_grad()
    def write(self, numbers: Tensor) -> None:
        """Sets all free numbers to `(F,)`."""
        for group in self.typed:
            if group.trained is not None:
                own, numbers = numbers[: group.trained.numel()], numbers[group.trained.numel() :]
                group.trained.copy_(own.view_as(group.trained))

    def add_to(self, sums: Tensor, x: Tensor) -> Tensor:
        """The sums `(B, J)` with those of the edges at x `(B, I)` added."""
        for group in self.typed:
            sums = sums.index_add(1, group.sums, group.at(x[:, group.inputs]))
        return sums


def edges_of(families: Sequence[EdgeFamily]) -> list[EdgeFunction]:
    """The edges that a configuration describes, with the numbers of their texts.

    Raises:
        ConfigError: If a family does not say of each of its numbers whether it is free.
        FormulaError: If a text is no formula of u.
    """
    edges = []
    for family in families:
        kind = replace(family, edges=(), free=())
        own = () if kind.spline or kind.call else edge_program(kind.text)[1]
        numbers = torch.tensor([1.0, 0.0, 1.0, 0.0, *own], dtype=torch.float64)
        if len(family.free) != len(numbers):
            raise ConfigError(f"{family.name} has {len(numbers)} numbers, got {len(family.free)} flags for them.")
        empty = () if kind.spline is None else kind.spline.empty()
        edges += [EdgeFunction(kind, i, j, numbers, family.free, *empty) for i, j in family.edges]
    return edges


class _EdgeGroup(nn.Module):
    """Edges of one F with the same free numbers, evaluated together.

    Only the free numbers are parameters, so that nothing that trains parameters moves the others.
    """

    trained: nn.Parameter | None
    fixed: Tensor | None
    inputs: Tensor
    sums: Tensor
    grid: Tensor | None
    coefficients: Tensor | None

    def __init__(self, edges: Sequence[EdgeFunction]) -> None:
        super().__init__()
        first = edges[0]
        self.family, self.free = first.family, first.free
        self.program = edge_program(first.family.text)[0] if first.family.text else None
        device = first.numbers.device
        for name, places in (("inputs", [e.i for e in edges]), ("sums", [e.j for e in edges])):
            self.register_buffer(name, torch.tensor(places, device=device), persistent=False)
        numbers = torch.stack([edge.numbers for edge in edges])
        free = torch.tensor(self.free, device=device)
        self.trained = nn.Parameter(numbers[:, free]) if any(self.free) else None
        self.register_buffer("fixed", None if all(self.free) else numbers[:, ~free])
        for name in ("grid", "coefficients"):
            held = [getattr(edge, name) for edge in edges]
            self.register_buffer(name, None if self.family.spline is None else torch.stack(held))

    def numbers(self) -> list[Tensor]:
        """a, b, c, d and the own constants of F, `(E,)` each."""
        trained = iter(() if self.trained is None else self.trained.unbind(1))
        fixed = iter(() if self.fixed is None else self.fixed.unbind(1))
        return [next(trained if free else fixed) for free in self.free]

    def edges(self) -> list[EdgeFunction]:
        """The edges one by one."""
        numbers = torch.stack(self.numbers(), dim=1).detach()
        held: list[Any] = [() for _ in numbers]
        if self.grid is not None and self.coefficients is not None:
            held = list(zip(self.grid, self.coefficients, strict=True))
        places = zip(self.inputs.tolist(), self.sums.tolist(), numbers, held, strict=True)
        return [EdgeFunction(self.family, i, j, own.clone(), self.free, *rest) for i, j, own, rest in places]

    def at(self, u: Tensor, derivative: int = 0, numbers: Sequence[Tensor] | None = None) -> Tensor:
        """Values or derivatives at u `(B, E)`, for the present numbers or others."""
        numbers = self.numbers() if numbers is None else numbers
        if not derivative:
            return self.evaluate(u, numbers)
        wanted = torch.is_grad_enabled()
        with torch.enable_grad():
            u = u if u.requires_grad else u.detach().requires_grad_()
            found = self.evaluate(u, numbers)
            for _ in range(derivative):
                found = _slope(found, [u])[0]
        return found if wanted else found.detach()

    def leaves(self, u: Tensor) -> list[Tensor]:
        """All numbers once for every element of u `(B, E)`; the free ones require gradients."""
        every = zip(self.numbers(), self.free, strict=True)
        return [one.detach().expand(u.shape).clone().requires_grad_(free) for one, free in every]

    @torch.no_grad()
    def expand(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values and slopes in the input, both `(B, E)`, and derivatives by the free numbers, `(B, E, F)`."""
        with torch.enable_grad():
            u = x[:, self.inputs].detach().requires_grad_()
            numbers = self.leaves(u)
            value = self.evaluate(u, numbers)
            slope, *by = _slope(value, [u, *(one for one in numbers if one.requires_grad)])
        return value.detach(), slope.detach(), torch.stack(by, -1).detach() if by else u.new_zeros(*u.shape, 0).detach()

    def evaluate(self, u: Tensor, numbers: Sequence[Tensor]) -> Tensor:
        """`c F(a u + b) + d` at u `(B, E)`, for numbers that fit it."""
        a, b, c, d, *own = numbers
        z = a * u + b
        if self.family.spline is not None:
            assert self.grid is not None
            held = self.family.spline
            table = BasisTable(
                held.basis, activation(held.base), held.extrapolation, self.grid, held.basis.prepare(self.grid)
            )
            shape = torch.einsum("bem,em->be", table.rows(z), self.coefficients)
        elif self.program is not None:
            shape = self.program.run([z, *own], GUARDED)
        else:
            assert self.family.call is not None
            shape = _called(self.family.name, self.family.call, z)
        found: Tensor = c * shape + d
        return found

    def extra_repr(self) -> str:
        return f"{self.family.text or self.family.name} on {len(self.inputs)} edges"


def _slope(value: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    """Derivatives of elementwise functions."""
    if not value.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found = torch.autograd.grad(value.sum(), leaves, create_graph=True, allow_unused=True)
    return [torch.zeros_like(leaf) if each is None else each for each, leaf in zip(found, leaves, strict=True)]


def _called(name: str, call: Callable[[Tensor], Any], z: Tensor) -> Tensor:
    """The values of a user's callable, checked."""
    try:
        found = call(z)
    except Exception as error:
        raise ConfigError(f"the function {name!r} of an edge fails: {type(error).__name__}: {error}.") from error
    if not isinstance(found, Tensor) or found.shape != z.shape:
        came = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ConfigError(
            f"the function {name!r} of an edge takes a tensor and returns one of the same shape {tuple(z.shape)}, got {came}; "
            "write it with torch, or give its formula."
        )
    return found


def held_spline(layer: Any, i: int, j: int) -> EdgeFunction:
    """The spline of one edge of a layer as a function of its own, which training does not move."""
    table = layer.table()
    family = EdgeFamily("spline", spline=HeldSpline(layer.basis, layer.base, layer.extrapolation))
    numbers = layer.coefficients.new_tensor([1.0, 0.0, 1.0, 0.0])
    grid, own = table.grid[i].detach().clone(), layer.edge_coefficients()[i, :, j].detach().clone()
    return EdgeFunction(family, i, j, numbers, (False,) * 4, grid, own)
