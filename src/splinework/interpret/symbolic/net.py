"""Symbolic networks: a KAN whose edges are library functions or splines, with the Jacobian in all constants.

Values are in network units. Edges have no additive constant; that of the sum they feed would be redundant with it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.edges import EdgeCandidate
from splinework.interpret.symbolic.levenberg_marquardt import LeastSquaresSolution, Model, minimise
from splinework.interpret.symbolic.library import BOTH, RATE, SHIFT, Array, LibraryFunction
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes

MAX_CANCELLATION = 1e6
"""Ratio of an edge's values to their range above which it acts through the cancellation of large numbers."""


@dataclass(frozen=True)
class SymbolicEdge:
    """The edge `c F(a x + b)`; F may have a shape parameter, such as an exponent."""

    function: LibraryFunction
    a: float
    b: float
    c: float

    @classmethod
    def of(cls, candidate: EdgeCandidate) -> "SymbolicEdge":
        """The edge of a candidate, without its d, which belongs to the sum."""
        return cls(candidate.function, candidate.a, candidate.b, candidate.c)

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the free constants."""
        shape = ("shape",) if self.function.shape is not None else ()
        return ("c", *{SHIFT: ("b",), RATE: ("a", "b"), BOTH: ("a", "b")}.get(self.function.free, ()), *shape)

    @property
    def shape(self) -> float:
        """The shape parameter of F; 1 if it has none."""
        return 1.0 if self.function.shape is None else self.function.shape

    def moved(self, values: dict[str, float]) -> "SymbolicEdge":
        """The edge with other constants."""
        numbers = {name: value for name, value in values.items() if name != "shape"}
        function = self.function.at(values["shape"]) if "shape" in values else self.function
        return replace(self, function=function, **numbers)

    def value(self, x: Array) -> tuple[Array, Array, list[Array]]:
        """Values, derivatives in x, and derivatives by each free constant, each `(N,)`."""
        z = self.a * x + self.b
        f, slope = self.function.value(z), self.function.slope(z)
        by = {"c": f, "a": self.c * slope * x, "b": self.c * slope}
        if self.function.by_shape is not None:
            by["shape"] = self.c * self.function.by_shape(z)
        return self.c * f, self.c * self.a * slope, [by[name] for name in self.free]


@dataclass(frozen=True)
class SplineEdge:
    """An edge that remains what it is in its layer: a spline, or a function without a formula."""

    layer: KANLayer
    i: int
    j: int

    @property
    def free(self) -> tuple[str, ...]:
        """No constant is free."""
        return ()

    @torch.no_grad()
    def value(self, x: Array) -> tuple[Array, Array, list[Array]]:
        """Values, derivatives in x, and no derivatives by constants."""
        own = None if self.layer.functions is None else self.layer.functions.edge(self.i, self.j)
        if own is not None:
            value, by_x, _ = (part.numpy() for part in own.expand(torch.from_numpy(np.ascontiguousarray(x))[:, None]))
            return value[:, 0], by_x[:, 0], []
        points = torch.full((len(x), self.layer.inputs), 0.0, dtype=torch.float64)
        points[:, self.i] = torch.from_numpy(np.ascontiguousarray(x))
        seen = self.layer.squash(points)
        column = self.layer.edge_coefficients()[self.i, :, self.j]
        rows, slopes = self.layer.table().rows_and_slopes(seen)
        slope = (slopes[:, self.i] @ column) * self.layer.squash_slope(points)[:, self.i]
        return (rows[:, self.i] @ column).numpy(), slope.numpy(), []


Edge = SymbolicEdge | SplineEdge
Place = tuple[int, int, int]
"""Layer, input, sum."""
FUNCTION_WORK, SPLINE_WORK = 8e-8, 2e-6
"""Units of work of an edge's values and slopes at a row, and as many more of a spline."""


@dataclass(frozen=True)
class SymbolicNet:
    """Edges by position, a constant per sum, and the nodes of every layer, inputs first."""

    edges: dict[Place, Edge]
    constants: tuple[Array, ...]
    nodes: tuple[Nodes, ...]

    @classmethod
    def of(cls, model: KAN, edges: dict[Place, Edge], offsets: dict[Place, float]) -> "SymbolicNet":
        """The model with its edges replaced by `edges`; `offsets` are their constants d."""
        constants = []
        for index, layer in enumerate(model.kan_layers):
            bias = np.zeros(layer.outputs) if layer.bias is None else layer.bias.detach().double().numpy().copy()
            for (place, _, j), d in offsets.items():
                if place == index:
                    bias[j] += d
            constants.append(bias)
        return cls(edges, tuple(constants), model.config.nodes)

    def pack(self) -> Array:
        """All free constants as one vector: edges in order, then those of the connected sums."""
        values = [getattr(edge, name) for edge in self.edges.values() for name in edge.free]
        return np.array([*values, *(self.constants[layer][j] for layer, j in self._sums())], dtype=float)

    def unpack(self, vector: Array) -> "SymbolicNet":
        """The network with other constants."""
        values = iter(vector.tolist())
        edges: dict[Place, Edge] = {}
        for place, edge in self.edges.items():
            if isinstance(edge, SymbolicEdge):
                edge = edge.moved({name: next(values) for name in edge.free})
            edges[place] = edge
        constants = [c.copy() for c in self.constants]
        for layer, j in self._sums():
            constants[layer][j] = next(values)
        return SymbolicNet(edges, tuple(constants), self.nodes)

    def _sums(self) -> list[tuple[int, int]]:
        """Sums with a free constant: those of the outputs and of every node with outgoing edges."""
        last = len(self.constants) - 1
        read = {(layer - 1, node) for layer, node, _ in self.edges}
        found = []
        for layer, shape in enumerate(self.nodes[1:]):
            for node, group in enumerate(shape.groups):
                if layer == last or (layer, node) in read:
                    found += [(layer, j) for j in group]
        return found

    def __call__(self, u: Array) -> tuple[Array, Array]:
        """Outputs `(N, O)` and their Jacobian `(N, O, P)` at u `(N, inputs)`."""
        layers = len(self.constants)
        slopes: dict[Place, Array] = {}
        parts: dict[Place, list[Array]] = {}
        sums: list[Array] = []
        for layer in range(layers):
            total = np.tile(self.constants[layer], (len(u), 1))
            for (at, i, j), edge in self.edges.items():
                if at == layer:
                    value, slopes[at, i, j], parts[at, i, j] = edge.value(u[:, i])
                    total[:, j] += value
            sums.append(total)
            u = self.nodes[layer + 1].combine(torch.from_numpy(total)).numpy()
        outputs = u.shape[1]
        to_sums: list[Array] = [np.empty(0)] * layers
        sensitivity = torch.eye(outputs, dtype=torch.float64).expand(len(u), -1, -1)
        for layer in reversed(range(layers)):
            pulled = self.nodes[layer + 1].pull_back(torch.from_numpy(sums[layer])[:, None, :], sensitivity)
            to_sums[layer] = pulled.numpy()
            back = np.zeros((len(u), outputs, self.nodes[layer].width))
            for (at, i, j), slope in slopes.items():
                if at == layer:
                    back[:, :, i] += to_sums[layer][:, :, j] * slope[:, None]
            sensitivity = torch.from_numpy(back)
        columns = [to_sums[at][:, :, j] * part[:, None] for (at, _, j), ps in parts.items() for part in ps]
        columns += [to_sums[layer][:, :, j] for layer, j in self._sums()]
        return u, np.stack(columns, -1)

    def refitted(
        self, u: Array, t: Array, *, steps: int = 40, gain: float = 1e-12
    ) -> "tuple[SymbolicNet, LeastSquaresSolution] | None":
        """All constants refitted by least squares on t `(N, O)`; None where a function leaves its domain on u."""
        solution = minimise(self._residuals(u, t), self.pack(), steps=steps, gain=gain)
        return None if solution is None else (self.unpack(solution.constants), solution)

    def _residuals(self, u: Array, t: Array) -> Model:
        work = len(u) * (FUNCTION_WORK * len(self.edges) + SPLINE_WORK * self.splines)

        def model(vector: Array) -> tuple[Array, Array]:
            clock.spend(work)
            outputs, jacobian = self.unpack(vector)(u)
            return (outputs - t).ravel(), jacobian.reshape(-1, jacobian.shape[-1])

        return model

    def degenerate(self, u: Array, places: Collection[Place]) -> bool:
        """Whether some function in the given places is indistinguishable from a simpler one on u.

        That is a polynomial, where its argument hardly varies, or a function that acts by cancellation, such as an exponential
        written as `1e8 tanh(x - 10) + 1e8`.
        """
        for layer, constants in enumerate(self.constants):
            total = np.tile(constants, (len(u), 1))
            for (at, i, j), edge in self.edges.items():
                if at == layer:
                    values = edge.value(u[:, i])[0]
                    if isinstance(edge, SymbolicEdge) and (at, i, j) in places:
                        cancels = np.abs(values).max() > MAX_CANCELLATION * np.ptp(values)
                        if cancels or edge.function.degenerate(edge.a, float(np.ptp(u[:, i]))):
                            return True
                    total[:, j] += values
            u = self.nodes[layer + 1].combine(torch.from_numpy(total)).numpy()
        return False

    @property
    def splines(self) -> int:
        """Number of remaining splines."""
        return sum(isinstance(edge, SplineEdge) for edge in self.edges.values())

    @property
    def cost(self) -> float:
        """Code length of the choice of functions in nats."""
        return sum(edge.function.cost for edge in self.edges.values() if isinstance(edge, SymbolicEdge))


def edge_places(model: KAN) -> Sequence[Place]:
    """Positions of the active edges, in order."""
    found = []
    for index, layer in enumerate(model.kan_layers):
        found += [(index, int(i), int(j)) for i, j in torch.nonzero(layer.alive).tolist()]
    return found
