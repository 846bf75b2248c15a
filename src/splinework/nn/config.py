"""The configuration of a network: everything but its parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.nn.nodes import Nodes, shape_of
from splinework.splines.bases import DEFAULT_BASE, Basis, activation, basis_from_dict

PAPER_OPTIONS: Final[dict[str, Any]] = {
    "grid": 3,
    "degree": 3,
    "basis": "bspline",
    "base": DEFAULT_BASE,
    "domain": (-1.0, 1.0),
    "extrapolation": "zero",
    "grid_kind": "adaptive",
    "grid_eps": 0.02,
    "init": "paper",
    "bias": False,
}
"""The paper's choices, as options of `KAN`."""


@dataclass(frozen=True)
class HeldSpline:
    """A spline that an edge keeps apart from its layer's grid, except its numbers."""

    basis: Basis
    base: str
    extrapolation: str

    def empty(self) -> tuple[Tensor, Tensor]:
        """A grid `(K,)` and coefficients `(M,)` of the right sizes."""
        grid = self.basis.make_grid(torch.zeros(1), torch.ones(1))[0].double()
        return grid, grid.new_zeros(self.basis.size + (activation(self.base) is not None))


@dataclass(frozen=True)
class EdgeFamily:
    """Edges of one layer that are functions `c F(a u + b) + d`, except their numbers: see `splinework.nn.edge_functions`.

    Attributes:
        name: Name of F, such as `sin`.
        text: F as a formula over `u`; empty for a spline or a callable.
        edges: Input and sum of every edge.
        free: Flags of a, b, c, d and the decimals of the formula: true where training moves them.
        spline: F, if it is a spline.
        call: F, if it is a callable, which no file can keep.
    """

    name: str
    text: str = ""
    edges: tuple[tuple[int, int], ...] = ()
    free: tuple[bool, ...] = ()
    spline: HeldSpline | None = None
    call: Callable[[Tensor], Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values.

        Raises:
            ConfigError: If F is a callable.
        """
        if self.call is not None:
            raise ConfigError(
                f"the function {self.name!r} of an edge is a callable, which a file cannot keep; fix the edge to its formula, as "
                "in fix(model, edge, 'exp(-u**2)'), or make it a spline by free(model, edge)."
            )
        held = self.spline and [self.spline.basis.to_dict(), self.spline.base, self.spline.extrapolation]
        places = [list(edge) for edge in self.edges]
        return {"name": self.name, "text": self.text, "edges": places, "free": list(self.free), "spline": held}


@explained
@dataclass(frozen=True)
class KANConfig:
    """Everything that says what a network is, except its numbers. Make a changed one with `dataclasses.replace`.

    Attributes:
        nodes: Nodes of every layer, inputs first.
        bases: One basis per layer of edges.
        base: Base function of every edge.
        domain: Ends of every grid at the start.
        extrapolation: Extrapolation of the edges outside their grid, see `KANLayer`.
        grid_kind: See `KANLayer`.
        grid_eps: How even an adapted grid is: 1 uniform, 0 by quantiles of the activations.
        init: Scheme of the random start.
        bias: Whether every sum has a constant.
        input_names: One per input.
        output_names: One per output.
        input_scales: `linear` or `log` per input.
        output_scales: `linear` or `log` per output.
        axioms: Texts of the hard axioms that it was built to fulfil.
        functions: Edges that are functions, families for every layer of edges; empty without any.

    Example:
        >>> from dataclasses import replace
        >>> import splinework as sw
        >>> config = sw.KAN([2, 3, 1], grid=5).config
        >>> sw.KAN(replace(config, extrapolation="zero")).config.extrapolation
        'zero'
    """

    nodes: tuple[Nodes, ...]
    bases: tuple[Basis, ...]
    base: str = DEFAULT_BASE
    domain: tuple[float, float] = (-1.0, 1.0)
    extrapolation: str = "linear"
    grid_kind: str = "adaptive"
    grid_eps: float = 0.5
    init: str = "paper"
    bias: bool = True
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    input_scales: tuple[str, ...] = field(default=())
    output_scales: tuple[str, ...] = field(default=())
    axioms: tuple[str, ...] = ()
    functions: tuple[tuple[EdgeFamily, ...], ...] = ()

    def __post_init__(self) -> None:
        if not all(isinstance(each, Nodes) for each in self.nodes):
            raise ConfigError(f"nodes are a Nodes per layer, got {self.nodes!r}; KAN(shape) makes them of numbers.")
        if not all(isinstance(each, Basis) for each in self.bases):
            raise ConfigError(f"bases are a Basis per layer, got {self.bases!r}; KAN(shape) makes them.")
        if len(self.bases) != len(self.nodes) - 1:
            raise ConfigError(f"{len(self.nodes) - 1} layers of edges need as many bases, got {len(self.bases)}.")
        inputs, outputs = self.nodes[0].width, self.nodes[-1].width
        defaults = {
            "input_names": tuple(f"x{i + 1}" for i in range(inputs)),
            "output_names": ("y",) if outputs == 1 else tuple(f"y{j + 1}" for j in range(outputs)),
            "input_scales": ("linear",) * inputs,
            "output_scales": ("linear",) * outputs,
        }
        for key, default in defaults.items():
            given = tuple(getattr(self, key)) or default
            if len(given) != len(default):
                raise ConfigError(
                    f"{key} needs {len(default)} entries for this shape, got {len(given)}: {list(given)}."
                )
            object.__setattr__(self, key, given)
        object.__setattr__(self, "domain", tuple(self.domain))
        object.__setattr__(self, "axioms", tuple(self.axioms))
        if self.functions and len(self.functions) != len(self.bases):
            raise ConfigError(f"functions has the edges of {len(self.bases)} layers, got {len(self.functions)}.")
        if not 0 <= self.grid_eps <= 1:
            raise ConfigError(f"grid_eps lies between 0 (quantiles) and 1 (uniform), got {self.grid_eps}.")
        for key in ("input_names", "output_names"):
            names = getattr(self, key)
            if len(set(names)) != len(names):
                raise ConfigError(f"{key} must differ from each other, got {list(names)}.")

    @property
    def shape(self) -> list[Any]:
        """The shape as one would type it: `[2, 5, 1]` or `[2, (3, 2), 1]`."""
        return [n.entry for n in self.nodes]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values that `config_from_dict` takes back."""
        values = {key: getattr(self, key) for key in self.__dataclass_fields__}
        values["nodes"] = [n.to_list() for n in self.nodes]
        values["bases"] = [b.to_dict() for b in self.bases]
        values["functions"] = [[family.to_dict() for family in layer] for layer in self.functions]
        if not self.functions:
            del values["functions"]  # as in files of the first format
        return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def config_from_dict(values: dict[str, Any]) -> KANConfig:
    """The config that `KANConfig.to_dict` wrote.

    Raises:
        ConfigError: If a field is missing, unknown or out of range.
    """
    from splinework.errors.stored_values import fields_of, typed

    def nodes(hint: Any, value: Any, where: str) -> Nodes:
        return Nodes(*typed(tuple[int, tuple[int, ...]], value, where))

    def basis(hint: Any, value: Any, where: str) -> Basis:
        return basis_from_dict(value)

    def held(hint: Any, value: Any, where: str) -> HeldSpline:
        own, base, extrapolation = typed(tuple[dict[str, Any], str, str], value, where)
        return HeldSpline(basis_from_dict(own), base, extrapolation)

    def family(hint: Any, value: Any, where: str) -> EdgeFamily:
        found = EdgeFamily(**fields_of(EdgeFamily, value, where, {HeldSpline: held}))
        if found.call is not None:
            raise ConfigError(f"{where} is a formula or a spline, got a callable, which no file can hold.")
        return found

    readers = {Nodes: nodes, Basis: basis, EdgeFamily: family}
    config: KANConfig = typed(KANConfig, values, "a network's config", readers)
    shape_of(config.nodes)
    return config


def one_each(value: Any, count: int, what: str) -> list[Any]:
    """One value per layer of edges."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != count:
            raise ConfigError(f"{what} takes one value or {count}, one per layer of edges; got {len(value)}.")
        return list(value)
    return [value] * count
