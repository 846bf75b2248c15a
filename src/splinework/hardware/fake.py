"""Fake quantisation: a trainable floating-point network that computes exactly what its integer tables will.

Every edge is evaluated only at the codes of its input, by the kernels of the layer, and rounded; rows look the values up.
Rounding has straight-through gradients (Bengio et al. 2013, arXiv 1308.3432), and saturation stops gradients outside the range;
with the ranges as parameters this is learned step size quantisation (Esser et al. 2020, arXiv 1902.08153).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from splinework.errors import ConfigError
from splinework.hardware.formats import Format, Wire, round_shift
from splinework.hardware.integer import IntegerLayer, IntegerModel, Task
from splinework.hardware.monotone import Signs
from splinework.nn.layer import KANLayer


class WireRanges(nn.Module):
    """The wires into a layer: formats, and trainable ranges of their codes.

    Args:
        formats: Fixed-point format of each wire.
        shift: Value of code 0, `(n,)`.
        step: Positive step between neighbouring codes, `(n,)`.
    """

    low: Tensor
    high: Tensor

    def __init__(self, formats: Sequence[Format], shift: Tensor, step: Tensor) -> None:
        super().__init__()
        self.formats = tuple(formats)
        self.shift = nn.Parameter(shift.detach().clone())
        self.log_step = nn.Parameter(torch.log(step.detach()))
        self.register_buffer("low", torch.tensor([f.low for f in formats], dtype=shift.dtype))
        self.register_buffer("high", torch.tensor([f.high for f in formats], dtype=shift.dtype))

    @property
    def step(self) -> Tensor:
        """Step between neighbouring codes, `(n,)`."""
        return torch.exp(self.log_step)

    @property
    def rows(self) -> int:
        """Number of codes of the widest wire."""
        return max(f.count for f in self.formats)

    def encode(self, values: Tensor) -> Tensor:
        """Values `(B, n)` to codes, as floating-point numbers with straight-through gradients."""
        return self.saturate((values - self.shift) / self.step)

    def saturate(self, sums: Tensor) -> Tensor:
        """Numbers in steps, rounded and clipped to codes."""
        return torch.clamp(_rounded(sums), self.low, self.high)

    def points(self) -> Tensor:
        """Values of all codes, `(rows, n)`; narrow wires repeat their last code."""
        ascending = torch.arange(self.rows, dtype=self.low.dtype)[:, None]
        return self.shift + self.step * torch.minimum(self.low + ascending, self.high)


class FakeQuantised(nn.Module):
    """A fake-quantised network: every edge is rounded to multiples of the step of its node, with straight-through gradients.

    Args:
        layers: Layers of sums, trained in place.
        wires: Wires of the inputs and of every layer's nodes; those of the outputs only give their step and shift.
        guard: Guard bits of the sums of hidden layers.
        held: For each layer, the edges that must stay monotone; see `monotone.held_edges`.

    Shapes: x `(B, inputs)` in network units to sums of the outputs `(B, outputs)` in steps.
    """

    def __init__(
        self,
        layers: Sequence[KANLayer],
        wires: Sequence[WireRanges],
        *,
        guard: int = 0,
        held: Sequence[Signs] | None = None,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.wires = nn.ModuleList(wires)
        self.guard = guard
        self.held = None if held is None else [torch.from_numpy(np.asarray(signs)) for signs in held]

    @property
    def parts(self) -> list[tuple[KANLayer, WireRanges, WireRanges, int]]:
        """Each layer with its input wires, its output wires and its guard bits."""
        layers: Any = self.layers
        wires: Any = self.wires
        guards = [self.guard] * (len(layers) - 1) + [0]
        return list(zip(layers, wires, list(wires)[1:], guards, strict=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x, self.tables())

    def run(self, x: Tensor, tables: "Sequence[FakeTables]") -> Tensor:
        """Output sums `(B, outputs)` in steps at x `(B, inputs)` in network units, given the result of `tables()`."""
        wires: Any = self.wires
        codes: Tensor = wires[0].encode(x)
        for (_, before, after, guard), made in zip(self.parts, tables, strict=True):
            sums = made.sums(codes, before.low)
            codes = sums if made is tables[-1] else after.saturate(sums / 2**guard)
        return codes

    def tables(self) -> "list[FakeTables]":
        """The tables of all edges at the codes of their inputs, rounded, with straight-through gradients."""
        made = []
        for number, (layer, before, after, guard) in enumerate(self.parts):
            per_step = 2.0**guard / after.step
            points = before.points()
            exact = layer.edges(points) * per_step
            if self.held is not None:
                exact = _hold(exact, self.held[number])
            with torch.no_grad():
                slopes = layer.edges(points, 1) * layer.squash_slope(points)[:, :, None]
                slopes = slopes * per_step * before.step[:, None]
            bias = (layer.bias if layer.bias is not None else 0.0) - after.shift
            made.append(FakeTables(exact, _rounded(exact), slopes, _rounded(bias * per_step)))
        return made

    @torch.no_grad()
    def freeze(
        self,
        name: str,
        inputs: Sequence[Wire],
        outputs: Sequence[Wire],
        *,
        task: Task = "regression",
        classes: Sequence[str] = (),
        axioms: Sequence[str] = (),
    ) -> IntegerModel:
        """The equivalent network of integers.

        Inputs and outputs give names and scales, `value = shift + scale · u` for u in network units; steps, shifts and formats
        come from the wires of this network. The other arguments are those of `IntegerModel`.

        Raises:
            ConfigError: If a sum exceeds its accumulator.
        """
        parts, made = self.parts, self.tables()
        layers = []
        for number, ((layer, before, after, guard), table) in enumerate(zip(parts, made, strict=True)):
            alive = (layer.mask != 0).numpy()
            if not bool(torch.isfinite(table.rounded).all()) or float(table.rounded.abs().max()) > 2.0**52:
                raise ConfigError(
                    "an edge is not finite or too large in steps of its node; widen the ranges of the nodes."
                )
            values = table.rounded.numpy().astype(np.int64) * alive
            tables = tuple(values[: f.count, i] for i, f in enumerate(before.formats))
            bias = table.bias.numpy().astype(np.int64)
            last = number == len(parts) - 1
            own = _output_wires(outputs, after, tables, bias) if last else _hidden_wires(number + 1, after)
            layers.append(IntegerLayer(tables, alive, bias, guard, own))
        first = parts[0][1]
        wires = tuple(_raw(wire, first.formats[k], first, k) for k, wire in enumerate(inputs))
        return simplify(IntegerModel(name, wires, tuple(layers), task, tuple(classes), tuple(axioms)))


@dataclass(frozen=True)
class FakeTables:
    """The edges of a layer at the codes of its inputs, in steps of its nodes.

    Attributes:
        exact: Unrounded values, `(codes, I, J)`.
        rounded: Rounded values, `(codes, I, J)`.
        slopes: Change per code, `(codes, I, J)`.
        bias: Rounded bias, `(J,)`.
    """

    exact: Tensor
    rounded: Tensor
    slopes: Tensor
    bias: Tensor

    def sums(self, codes: Tensor, low: Tensor) -> Tensor:
        """The sums `bias + Σ_i T_i[code_bi]`, `(B, J)`; low is the smallest code of each input."""
        sums: Tensor = _TableLookup.apply(codes, low, self.rounded, self.slopes)  # type: ignore[no-untyped-call]
        return self.bias + sums


def _rounded(values: Tensor) -> Tensor:
    """Rounded half to even, with the gradient of the identity."""
    return values + (torch.round(values) - values).detach()


def _hold(values: Tensor, signs: Tensor) -> Tensor:
    """Tables whose held edges are made monotone by a running maximum or minimum."""
    if not bool(signs.any()):
        return values
    rising = torch.cummax(values, dim=0).values
    falling = torch.cummin(values, dim=0).values
    return torch.where(signs == 1, rising, torch.where(signs == -1, falling, values))


class _TableLookup(torch.autograd.Function):
    """Sums of table rows; the gradient with respect to a code is the slope of its edges there."""

    @staticmethod
    def forward(ctx: Any, codes: Tensor, low: Tensor, tables: Tensor, slopes: Tensor) -> Tensor:
        count, inputs, width = tables.shape
        flat = torch.round(codes.detach() - low).long() * inputs + torch.arange(inputs)
        ctx.save_for_backward(flat, slopes)
        ctx.shape = (count, inputs, width)
        return nn.functional.embedding_bag(flat, tables.reshape(count * inputs, width), mode="sum")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, Tensor, None]:
        flat, slopes = ctx.saved_tensors
        count, inputs, width = ctx.shape
        (g,) = gradients
        into_tables = g.new_zeros(count * inputs, width)
        into_tables.index_add_(0, flat.reshape(-1), g.repeat_interleave(inputs, dim=0))
        into_codes = None
        if ctx.needs_input_grad[0]:
            into_codes = torch.einsum("bij,bj->bi", slopes.reshape(count * inputs, width)[flat], g)
        return into_codes, None, into_tables.reshape(count, inputs, width), None


def _hidden_wires(number: int, wires: WireRanges) -> tuple[Wire, ...]:
    pairs = zip(wires.formats, wires.step.tolist(), wires.shift.tolist(), strict=True)
    return tuple(Wire(f"h{number}_{j + 1}", f, step / f.step, shift) for j, (f, step, shift) in enumerate(pairs))


def _output_wires(outputs: Sequence[Wire], wires: WireRanges, tables: Sequence[Any], bias: Any) -> tuple[Wire, ...]:
    """Output wires in raw units, wide enough for every sum."""
    low = bias + sum(table.min(axis=0) for table in tables)
    high = bias + sum(table.max(axis=0) for table in tables)
    made = []
    for j, wire in enumerate(outputs):
        form = Format.holding(min(int(low[j]), -1), int(high[j]), wires.formats[j].fraction)
        made.append(_raw(wire, form, wires, j))
    return tuple(made)


def _raw(wire: Wire, form: Format, wires: WireRanges, k: int) -> Wire:
    """The k-th wire in raw units; `wire` holds the map from network units to raw units."""
    step, shift = float(wires.step[k]), float(wires.shift[k])
    return Wire(wire.name, form, wire.scale * step / form.step, wire.shift + wire.scale * shift, wire.log)


def simplify(model: IntegerModel) -> IntegerModel:
    """The same function with fewer edges and nodes; all inputs and outputs are kept."""
    layers = list(model.layers)
    while True:
        before = sum(int(layer.mask.sum()) + layer.width for layer in layers)
        layers = [_fold_constants(layer) for layer in layers]
        for number in range(len(layers) - 1):
            layers[number], layers[number + 1] = _drop_nodes(layers[number], layers[number + 1])
        if sum(int(layer.mask.sum()) + layer.width for layer in layers) == before:
            return replace(model, layers=tuple(layers))


def _fold_constants(layer: IntegerLayer) -> IntegerLayer:
    bias, mask, tables = layer.bias.copy(), layer.mask.copy(), []
    for i, table in enumerate(layer.tables):
        flat = (table == table[0]).all(axis=0)
        bias += np.where(flat, table[0], 0)
        mask[i] &= ~flat
        tables.append(np.where(flat, 0, table))
    return replace(layer, bias=bias, mask=mask, tables=tuple(tables))


def _drop_nodes(layer: IntegerLayer, following: IntegerLayer) -> tuple[IntegerLayer, IntegerLayer]:
    """Removes unused nodes and turns nodes with a single code into constants; at least one node is kept."""
    bias, mask, tables = following.bias.copy(), following.mask.copy(), list(following.tables)
    for node in np.flatnonzero(~layer.mask.any(axis=0)):
        form = layer.outputs[node].format
        code = int(form.saturate(round_shift(layer.bias[node : node + 1], layer.guard))[0])
        bias += tables[node][code - form.low]
        mask[node] = False
        tables[node] = np.zeros_like(tables[node])
    kept = np.flatnonzero(mask.any(axis=1))
    if not len(kept):
        kept = np.array([0])
    before = replace(
        layer,
        tables=tuple(table[:, kept] for table in layer.tables),
        mask=layer.mask[:, kept],
        bias=layer.bias[kept],
        outputs=tuple(layer.outputs[node] for node in kept),
    )
    after = replace(following, tables=tuple(tables[node] for node in kept), mask=mask[kept], bias=bias)
    return before, after
