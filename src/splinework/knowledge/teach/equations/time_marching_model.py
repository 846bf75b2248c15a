"""The model of a time-marching solution: one network per slab of time, in the same frame."""

from collections.abc import Collection, Sequence
from math import comb

import numpy as np
import torch
from torch import Tensor, nn

from splinework.errors import ConfigError
from splinework.knowledge.teach.equations.separable import separable
from splinework.knowledge.teach.equations.slab import Slab
from splinework.nn.arrays import check_columns
from splinework.nn.derivatives import Monomial, Series
from splinework.nn.derivatives.propagation import propagate
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.network import KAN
from splinework.splines import uniform_knots
from splinework.splines.bases import make_basis


class TimeMarchingModel(nn.Module):
    """Models for one slab of time each, called like one model: every row goes through that of its time.

    At the end of a slab the next one has the same values (and rates, for equations of second order in time), to rounding.
    Before the first and after the last slab, that one goes on. `splinework.nn.derivatives` takes derivatives of it.

    Args:
        parts: The models, in order of time.
        ends: The last time of each.
        time: The number of the input that is time.

    Shapes: x `(…, inputs)` in raw units to `(…, outputs)`.

    Raises:
        ConfigError: If there are not as many ends as parts, in order.
    """

    def __init__(self, parts: Sequence[FramedKAN], ends: Sequence[float], time: int) -> None:
        super().__init__()
        if len(parts) != len(ends) or not parts or sorted(ends) != list(ends):
            raise ConfigError(
                f"TimeMarchingModel takes as many times in order as models, got {len(parts)} and {list(ends)}."
            )
        self.parts = nn.ModuleList(parts)
        self.ends, self.time = tuple(map(float, ends)), time

    @property
    def inputs(self) -> int:
        """Number of raw inputs."""
        return self.slabs[0].inputs

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.slabs[0].outputs

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the raw inputs."""
        return self.slabs[0].input_names

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.slabs[0].output_names

    @property
    def slabs(self) -> list[FramedKAN]:
        """The models, typed."""
        return [part for part in self.parts if isinstance(part, FramedKAN)]

    def forward(self, x: Tensor) -> Tensor:
        """Raw inputs `(…, I)` to outputs `(…, J)`.

        Raises:
            ShapeError: If x has another number of columns.
            DtypeError: If x has another dtype or device than the model.
        """
        check_columns(self, x, self.inputs, self.slabs[0].network.kan_layers[0].coefficients)
        flat = x.reshape(-1, self.inputs)
        found = self.series({(): flat}, {()})[()]
        return found.reshape(*x.shape[:-1], self.outputs)

    def series(self, u: Series, wanted: Collection[Monomial]) -> Series:
        """Propagates a Taylor series, see `splinework.nn.derivatives`."""
        which = torch.bucketize(u[()][:, self.time].detach().contiguous(), u[()].new_tensor(self.ends[:-1]))
        found: dict[Monomial, list[Tensor]] = {}
        order = []
        for n, part in enumerate(self.slabs):
            rows = (which == n).nonzero()[:, 0]
            result = propagate(part, {m: each[rows] for m, each in u.items()}, wanted)
            order.append(rows)
            for m in wanted:
                value = result[m] if m in result else torch.zeros_like(result[()])
                found.setdefault(m, []).append(value)
        back = torch.cat(order).argsort()
        return {m: torch.cat(parts)[back] for m, parts in found.items()}

    def parameter_count(self) -> int:
        """Numbers of all networks together, on living edges."""
        return sum(part.network.parameter_count(active=True) for part in self.slabs)

    def extra_repr(self) -> str:
        return f"{len(self.parts)} slabs of {self.input_names[self.time]}"


def join_slabs(slabs: Sequence[Slab], frame: Frame, degree: int, space: int) -> TimeMarchingModel:
    """The model that slabs make, with `frame` around each network."""
    parts = [FramedKAN(_network(slab, frame, degree, space), frame) for slab in slabs]
    return TimeMarchingModel(parts, [slab.end for slab in slabs], 1 - space)


@torch.no_grad()
def _network(slab: Slab, frame: Frame, degree: int, space: int) -> KAN:
    """`Σ_r a_r(x) p_r(t)` as a KAN of product nodes: the sums of one input each are the factors of the products."""
    coefficients = torch.cat([slab.held, slab.moved])
    terms, size = coefficients.shape
    grid = size - degree
    model = separable(frame.input_names, terms, grid=grid, degree=degree, output_names=frame.output_names)
    low, high = (torch.tensor([end], dtype=torch.float64) for end in (slab.start, slab.end))
    times = uniform_knots(low, high, grid, degree)[0]
    first, last = model.kan_layers
    values = torch.zeros(2, size, 2 * terms, dtype=torch.float64)
    for r, polynomial in enumerate(slab.polynomials()):
        values[space, :, 2 * r + space] = coefficients[r]
        s = (times.numpy() - slab.start) / slab.half - 1
        values[1 - space, :, 2 * r + 1 - space] = torch.tensor(_blossomed(polynomial.coef.tolist(), s.tolist(), degree))
    knots = [slab.knots, times] if space == 0 else [times, slab.knots]
    first.replace_grid(make_basis(grid=grid, degree=degree), torch.stack(knots), values)
    ends = torch.cat(last.basis.domain(last.grid)).reshape(2, terms)
    last.set_edge_coefficients(ends.T[:, :, None])  # a line through both ends of its grid: the identity
    for layer in (first, last):
        assert layer.bias is not None
        layer.bias.zero_()
    return model


def _blossomed(polynomial: Sequence[float], knots: Sequence[float], degree: int) -> list[float]:
    """The coefficients of a polynomial, lowest power first, as a spline: Marsden's identity.

    That of `s^d` is the elementary symmetric polynomial of degree d in the knots `t_{n+1}, …, t_{n+k}`, over `binom(k, d)`.
    """
    found = []
    for n in range(len(knots) - degree - 1):
        symmetric = np.polynomial.polynomial.polyfromroots([-knot for knot in knots[n + 1 : n + 1 + degree]])[::-1]
        found.append(sum(c * symmetric[d] / comb(degree, d) for d, c in enumerate(polynomial)))
    return found
