"""Networks whose edges are known: what a search for structure should find, drawn at random from a recipe.

A teacher is a sparse KAN whose edges are named functions of scaled nodes, put on fine splines; its network is the truth, to the
last bit, so every edge of a student has an answer to be compared with (`splinework.knowledge.teach.alignment`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.nn.network import KAN
from splinework.splines import bspline_rows, cell_polynomials, domain, greville

Floats = NDArray[np.float64]

EDGE_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sin": lambda x: torch.sin(math.pi * x),
    "cos": lambda x: torch.cos(math.pi * x),
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "exp": torch.exp,
    "tanh": lambda x: torch.tanh(3 * x),
    "gauss": lambda x: torch.exp(-4 * x**2),
    "log": lambda x: torch.log(x + 1.3),
    "sqrt": lambda x: torch.sqrt(x + 1.1),
    "reciprocal": lambda x: 1 / (x + 1.6),
}
"""Functions on [-1, 1], none of them a straight line: straight edges behind a hidden node can be moved to another node."""
RESOLUTION = 40
"""Intervals of every edge."""
N_PROBE_ROWS = 4096
"""Rows on which sums are scaled to [-1, 1]."""
SPREAD_RANGE = (0.6, 1.4)
"""Standard deviations of edges before their sum is scaled."""


@final
@dataclass(frozen=True)
class TeacherEdge:
    """A living edge of a teacher: `factor · name(x) + constant` of its node x in [-1, 1]."""

    layer: int
    i: int
    j: int
    name: str


@final
@dataclass(frozen=True)
class Teacher:
    """A network, and what its edges are.

    Attributes:
        network: The KAN on inputs in [-1, 1]; float64.
        edges: Its living edges.

    >>> TeacherKAN((2, 1), seed=0).build().sample(5, seed=0)[0].shape
    (5, 2)
    """

    network: KAN
    edges: tuple[TeacherEdge, ...]

    def sample(self, n: int, *, seed: int, noise: float = 0.0) -> tuple[Floats, Floats]:
        """Rows `(n, p)` drawn evenly from [-1, 1]^p, and answers with Gaussian noise of this share of their spread.

        Raises:
            ConfigError: If n is below 2 or the noise negative.
        """
        if not (isinstance(n, int) and n >= 2) or not 0 <= noise < math.inf:
            raise ConfigError(f"sample takes 2 rows or more and a noise of 0 or more, got n={n!r} and noise={noise!r}.")
        rng = np.random.default_rng(seed)
        x = rng.uniform(-1, 1, (n, self.network.inputs))
        with torch.no_grad():
            y = self.network(torch.as_tensor(x)).numpy()
        return x, y + noise * y.std(0) * rng.standard_normal(y.shape)


@explained_record
@final
@dataclass(frozen=True)
class TeacherKAN:
    """A recipe of a teacher.

    Every hidden node has at least two incoming edges, since one of a single edge is a function of that edge's input and
    cannot be distinguished from it; so `sparsity` is reached where that leaves room. No two nodes of a layer have the same
    inputs, where there are others.

    Attributes:
        shape: Nodes per layer, all of them sums.
        sparsity: Share of the edges of every layer that are left out.
        edges: Names out of `EDGE_FUNCTIONS` to draw from.
        seed: Seed of everything random.

    Raises:
        ConfigError: For a shape, a share or a name that makes no sense.

    >>> teacher = TeacherKAN((4, 3, 1), sparsity=0.5, seed=1).build()
    >>> teacher.network.active_edges(), len(teacher.edges)
    (9, 9)
    """

    shape: tuple[int, ...]
    sparsity: float = 0.5
    edges: tuple[str, ...] = tuple(EDGE_FUNCTIONS)
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "edges", tuple(self.edges))
        if len(self.shape) < 2 or not all(isinstance(n, int) and n >= 1 for n in self.shape):
            raise ConfigError(f"shape lists the nodes of two layers or more, such as (4, 3, 1), got {self.shape}.")
        if not 0 <= self.sparsity < 1:
            raise ConfigError(f"sparsity is a share of edges left out, from 0 to below 1, got {self.sparsity}.")
        unknown = [name for name in self.edges if name not in EDGE_FUNCTIONS]
        if unknown or not self.edges:
            raise ConfigError(f"edges are names out of {', '.join(EDGE_FUNCTIONS)}, got {list(self.edges)}.")

    def build(self) -> Teacher:
        """Draws it: always the same for the same recipe."""
        rng = np.random.default_rng(self.seed)
        network = KAN(
            list(self.shape), grid=RESOLUTION, degree=5, base="none", dtype=torch.float64, generator=torch.Generator()
        )
        x, edges = torch.as_tensor(rng.uniform(-1, 1, (N_PROBE_ROWS, self.shape[0]))), []
        for number, layer in enumerate(network.kan_layers):
            last = number == len(network.kan_layers) - 1
            alive = _alive(rng, layer.inputs, layer.outputs, self.sparsity, heard=number > 0)
            rows, places = _interpolation(layer.grid[0], layer.basis.size)
            values = layer.coefficients.new_zeros(layer.inputs, layer.basis.size, layer.outputs)
            for i, j in zip(*np.nonzero(alive), strict=True):
                name = str(rng.choice(list(self.edges)))
                curve = EDGE_FUNCTIONS[name](places)
                curve = (
                    curve
                    * float(rng.choice([-1, 1]) * rng.uniform(*SPREAD_RANGE))
                    / EDGE_FUNCTIONS[name](x[:, i]).std()
                )
                values[i, :, j] = torch.linalg.solve(rows, curve)
                edges.append(TeacherEdge(number, int(i), int(j), name))
            layer.mask.copy_(torch.as_tensor(alive.astype(float)))
            with torch.no_grad():
                layer.set_edge_coefficients(values)
                sums = layer(x)
                low, high = sums.amin(0), sums.amax(0)
                # The output has mean 0 and deviation 1, hidden nodes the range of the next grid.
                shift, scale = (sums.mean(0), sums.std(0)) if last else ((low + high) / 2, (high - low) / 2)
                layer.set_edge_coefficients(values / scale)
                assert layer.bias is not None
                layer.bias.copy_(-shift / scale)
                x = layer(x)
        return Teacher(network, tuple(edges))


def _alive(rng: np.random.Generator, inputs: int, outputs: int, sparsity: float, *, heard: bool) -> NDArray[np.bool_]:
    """A mask of the edges of a layer: two or more into each sum, and where `heard` one or more out of each input."""
    least = min(2, inputs)
    wanted = max(round((1 - sparsity) * inputs * outputs), least * outputs)
    alive = np.zeros((inputs, outputs), dtype=bool)
    taken: set[tuple[int, ...]] = set()
    for j in range(outputs):
        for _ in range(50):  # other inputs than the nodes before, where there are some
            own = tuple(sorted(int(i) for i in rng.choice(inputs, least, replace=False)))
            if own not in taken:
                break
        taken.add(own)
        alive[list(own), j] = True
    if heard:
        for i in np.nonzero(~alive.any(1))[0]:
            alive[i, rng.integers(outputs)] = True
    rest = np.flatnonzero(~alive.ravel())
    more = max(wanted - int(alive.sum()), 0)
    alive.ravel()[rng.choice(rest, more, replace=False)] = True
    return alive


def _interpolation(knots: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The splines' values `(M, M)` at as many points of [-1, 1] as there are splines, and these points `(M,)`."""
    degree = len(knots) - 1 - size
    low, high = domain(knots[None], degree)
    places = greville(knots[None], degree)[0].clamp(low, high)
    # The outermost places lie beyond the ends: they are spread between the end and the first that does not.
    inside = torch.linspace(-1, 1, size, dtype=knots.dtype)
    places = torch.where((places > -1) & (places < 1), places, inside).sort().values
    return bspline_rows(places[:, None], knots[None], cell_polynomials(knots[None], degree), degree)[:, 0], places
