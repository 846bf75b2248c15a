"""Enclosures of a model over boxes: intervals that contain its values, gradients and second derivatives.

They enclose the exact real function of the model's parameters. The floating-point evaluation of the model differs from it by
rounding errors, which are not part of a certificate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from splinework.formula.enclosures import ELEMENTARY
from splinework.formula.intervals import Interval, add, exactly, multiply, reciprocal, squared, stack, total, zeros
from splinework.knowledge.axioms.verify.domains import either
from splinework.knowledge.axioms.verify.duals import sharpened
from splinework.knowledge.axioms.verify.edges import EdgeTable
from splinework.knowledge.axioms.verify.jets import (
    ALGEBRA,
    Jet,
    JetSpace,
    apply,
    constant,
    jet_add,
    jet_multiply,
    jet_scaled,
    joined,
    products,
)
from splinework.knowledge.axioms.verify.numbers import LayerNumbers, Model, array, layer_numbers, network_of
from splinework.nn.frame import Expression, FramedKAN
from splinework.nn.nodes import Nodes
from splinework.nn.scaling import Scaling

Stage = Callable[[Jet], Jet]


class Sharpening(NamedTuple):
    """The slopes along some variables, or values, that are bounded with multipliers: from below (1), above (-1), or both."""

    along: tuple[int, ...]
    sides: tuple[int, ...] = (1, -1)


@dataclass
class Enclosure:
    """The enclosure of a model over boxes of its raw inputs.

    Args:
        model: The model.
        reach: Ranges of the raw inputs, `(I,)`, which contain all queries; they may be infinite.
    """

    model: Model
    reach: Interval
    stages: list[Stage] = field(init=False)

    def __post_init__(self) -> None:
        network = network_of(self.model)
        now = Interval(self.reach.lo[None], self.reach.hi[None])
        jet = Jet(JetSpace(now.shape[1]), now)
        self.stages = []
        self.chain: list[tuple[int, EdgeTable]] = []  # the last layers whose sums enter the next as they are
        if isinstance(self.model, FramedKAN) and self.model.frame.before:
            before = self.model.frame.before
            jet = self._then(lambda j: _formulas(before, j.columns(), j.space), jet)
        jet = self._then(_entering(network.input_scaling), jet)
        for layer, nodes in zip(network.kan_layers, network.config.nodes[1:], strict=True):
            numbers = layer_numbers(layer)
            if numbers.squashed:
                self.chain = []
                jet = self._then(_squashing(numbers), jet)
            table = EdgeTable(numbers, _line(Interval(jet.v.lo[0], jet.v.hi[0])))
            self.chain.append((len(self.stages), table))
            last = [_summing(table), *([_combining(nodes)] if nodes.products else [])]
            if layer is network.kan_layers[-1]:  # the range of the outputs is not needed
                self.stages += [*last, _leaving(network.output_scaling)]
            else:
                for stage in last:
                    jet = self._then(stage, jet)
            if nodes.products:
                self.chain = []

    @property
    def edges(self) -> int:
        """Number of edges and of operations in formulas, a measure of the cost of an evaluation."""
        frame = self.model.frame if isinstance(self.model, FramedKAN) else None
        formulas = () if frame is None else (*frame.before, *frame.after)
        layers = network_of(self.model).kan_layers
        return sum(n.inputs * n.outputs for n in layers) + sum(len(each.program.steps) for each in formulas)

    def _sharpened(self, jet: Jet, entering: Sequence[Jet], sharp: Sharpening) -> Jet:
        tables = [table for _, table in self.chain]
        if not sharp.along:
            return replace(jet, v=sharpened(tables, [(each.v, None) for each in entering], jet.v, sharp.sides))
        if jet.d is None:
            return jet
        inner = [each.dense().d for each in entering]
        d = Interval(jet.d.lo.copy(), jet.d.hi.copy())
        for i in sharp.along:
            held = [
                (each.v, zeros(*each.v.shape) if s is None else s.take(slice(None), i))
                for each, s in zip(entering, inner, strict=True)
            ]
            d.lo[:, i], d.hi[:, i] = sharpened(tables, held, d.take(slice(None), i), sharp.sides)
        return replace(jet, d=d)

    def _then(self, stage: Stage, jet: Jet) -> Jet:
        self.stages.append(stage)
        return stage(jet)

    def run(self, x: Jet, sharp: Sharpening | None = None) -> Jet:
        """The outputs for raw inputs, both as jets; what is sharp is bounded with multipliers."""
        jet, entering = x, []
        at = [number for number, _ in self.chain]
        for number, stage in enumerate(self.stages):
            if number in at:
                entering.append(jet)
            jet = stage(jet)
            if sharp is not None and at and number == at[-1]:
                jet = self._sharpened(jet, entering, sharp)
        if isinstance(self.model, FramedKAN) and self.model.frame.after:
            jet = _formulas(self.model.frame.after, [*x.columns(), *jet.columns()], jet.space)
        return jet


def _line(a: Interval) -> Interval:
    """An interval with NaN replaced by infinite ends."""
    return Interval(np.where(np.isnan(a.lo), -np.inf, a.lo), np.where(np.isnan(a.hi), np.inf, a.hi))


def _formulas(formulas: Sequence[Expression], columns: Sequence[Jet], space: JetSpace) -> Jet:
    """Formulas of jets, joined."""
    return joined([each.run(columns, ALGEBRA, lambda number: constant(space, number)) for each in formulas])


def _logarithms(jet: Jet, scales: tuple[str, ...], name: str) -> Jet:
    """A function applied to the columns with a logarithmic scale."""
    if "log" not in scales:
        return jet
    if all(scale == "log" for scale in scales):
        return apply(ELEMENTARY[name], jet)
    pairs = zip(jet.columns(), scales, strict=True)
    return joined([apply(ELEMENTARY[name], column) if scale == "log" else column for column, scale in pairs])


def _entering(scaling: Scaling) -> Stage:
    """`(s(x) - shift) / scale`."""
    shift, scale, scales = array(scaling.shift), array(scaling.scale), scaling.scales
    factor = reciprocal(exactly(scale))
    logs = np.array([each == "log" for each in scales])

    def stage(jet: Jet) -> Jet:
        if logs.any():  # a raw input may end at 0, which is not part of its range
            below = np.asarray((jet.v.lo[:, logs] < 0).any(1))
            jet = replace(jet, undefined=either(jet.undefined, below))
        jet = _logarithms(jet, scales, "log")
        if (shift != 0).any():
            jet = jet_add(jet, constant(jet.space, -shift))
        return jet_scaled(jet, factor) if (scale != 1).any() else jet

    return stage


def _leaving(scaling: Scaling) -> Stage:
    """The inverse."""
    shift, scale, scales = array(scaling.shift), array(scaling.scale), scaling.scales

    def stage(jet: Jet) -> Jet:
        if (scale != 1).any():
            jet = jet_scaled(jet, exactly(scale))
        if (shift != 0).any():
            jet = jet_add(jet, constant(jet.space, shift))
        return _logarithms(jet, scales, "exp")

    return stage


def _squashing(numbers: LayerNumbers) -> Stage:
    """`middle + half tanh((x - middle) / half)`."""
    low, high = (exactly(end) for end in numbers.domain)
    middle = multiply(add(low, high), exactly(0.5))
    half = multiply(add(high, Interval(-low.hi, -low.lo)), exactly(0.5))

    def stage(jet: Jet) -> Jet:
        centre = Jet(jet.space, Interval(middle.lo[None], middle.hi[None]))
        away = Jet(jet.space, Interval(-middle.hi[None], -middle.lo[None]))
        bent = apply(ELEMENTARY["tanh"], jet_scaled(jet_add(jet, away), reciprocal(half)))
        return jet_add(jet_scaled(bent, half), centre)

    return stage


def _combining(nodes: Nodes) -> Stage:
    """Nodes from sums; some nodes are products."""

    def stage(jet: Jet) -> Jet:
        found = []
        for group in nodes.groups:
            node = jet.column(group[0])
            for j in group[1:]:
                node = jet_multiply(node, jet.column(j))
            found.append(node)
        return joined(found)

    return stage


def _summing(table: EdgeTable) -> Stage:
    """One layer: `Σ_i φ_ij(x_i) + bias_j`, with derivatives by the chain rule."""
    bias = table.numbers.bias

    def stage(jet: Jet) -> Jet:
        order = 0 if jet.d is None else jet.space.order
        ranges = table.ranges(jet.v, order)
        value = total(ranges[0], 1)
        if (bias != 0).any():
            value = add(value, exactly(bias))
        if order == 0:
            return Jet(jet.space, value, undefined=jet.undefined)
        assert jet.d is not None
        if jet.diagonal:
            return Jet(jet.space, value, *_first_layer(jet, ranges), undefined=jet.undefined)
        d = total(multiply(_edges(ranges[1]), _inputs(jet.d)), 2)
        h = None
        if order >= 2 and jet.space.pairs:
            curved = multiply(_edges(ranges[2]), _inputs(products(jet.d, jet.space.pairs)))
            if jet.h is not None:
                curved = add(curved, multiply(_edges(ranges[1]), _inputs(jet.h)))
            h = total(curved, 2)
        return Jet(jet.space, value, d, h, undefined=jet.undefined)

    return stage


def _edges(a: Interval) -> Interval:
    """`(B, I, J)` to `(B, 1, I, J)`."""
    return a.take(slice(None), None)


def _inputs(a: Interval) -> Interval:
    """`(B, n, I)` to `(B, n, I, 1)`."""
    return a.take(Ellipsis, None)


def _first_layer(jet: Jet, ranges: list[Interval]) -> tuple[Interval, Interval | None]:
    """Derivatives if every input is a function of its own variable alone."""
    assert jet.d is not None
    slope = multiply(ranges[1], _inputs(jet.d))
    if jet.space.order < 2 or not jet.space.pairs:
        return slope, None
    bend = multiply(ranges[2], _inputs(squared(jet.d)))
    if jet.h is not None:
        bend = add(bend, multiply(ranges[1], _inputs(jet.h)))
    nothing = zeros(bend.shape[0], bend.shape[2])
    return slope, stack([bend.take(slice(None), a) if a == b else nothing for a, b in jet.space.pairs], 1)
