"""Evaluates an analogue network signal by signal: voltages, currents of the wires, sums, nodes, outputs.

The formulas serve NumPy arrays and torch tensors. The currents of the circuits are in `circuits`, the parts of a network in
`network`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ShapeError
from splinework.hardware.analog.circuits import (
    OperatingPoint,
    bump_current,
    mirror_current,
    multiply_currents,
    pair_currents,
)
from splinework.hardware.analog.ekv import NOMINAL, Values, clamp_to_rails, like, tail_currents

if TYPE_CHECKING:  # the network stands on this module
    from splinework.hardware.analog.network import (
        AnalogLayer,
        AnalogNetwork,
        AnalogParameters,
        Perturbation,
        ProductNode,
    )


FULL_SCALE_SHARE: Final = 0.8
"""Share of a multiplier's I_0 at a factor's full scale; below 1, so that the sum with I_0 stays positive."""


@dataclass(frozen=True)
class LayerSignals:
    """The signals of one layer.

    Attributes:
        voltages: Voltages of the input nodes in V, `(…, B, I)`.
        plus: Currents of the plus wires in A, `(…, B, N)`.
        minus: Currents of the minus wires in A, `(…, B, N)`.
        sums: Values of the sums in network units, `(…, B, N)`.
        nodes: Values of the nodes, plain sums and products, in network units.
    """

    voltages: Values
    plus: Values
    minus: Values
    sums: Values
    nodes: Values


@dataclass(frozen=True)
class Signals:
    """The signals of all layers, and the outputs `(…, B, outputs)` in raw units."""

    layers: tuple[LayerSignals, ...]
    outputs: Values


def signals(
    network: AnalogNetwork,
    x: Values,
    *,
    temperature: float,
    perturbation: Perturbation,
    parameters: AnalogParameters | None,
) -> Signals:
    """All signals of the network at rows x; arguments and errors as for `AnalogNetwork.forward`."""
    x = x.to(torch.float64) if isinstance(x, Tensor) else np.asarray(x, dtype=np.float64)
    if x.ndim < 1 or x.shape[-1] != len(network.input_names):
        raise ShapeError(
            f"this network takes x of shape (…, {len(network.input_names)}), got {tuple(x.shape)}; its columns are "
            f"{', '.join(network.input_names)}."
        )
    elements, sums = disturbed(network.parameters() if parameters is None else parameters, perturbation, x)
    at = OperatingPoint(network.technology, temperature, perturbation.supply_shift)
    values = network.input_units.apply(x)
    records = []
    first, node = 0, 0
    for layer in network.layers:
        here, there = slice(first, first + len(layer.elements)), slice(node, node + len(layer.sums))
        record = _layer(layer, values, [_part(v, here) for v in elements], [_part(v, there) for v in sums], at)
        records.append(record)
        values, first, node = record.nodes, here.stop, there.stop
    return Signals(tuple(records), network.output_units.inverse(values))


def disturbed(p: AnalogParameters, q: Perturbation, x: Values) -> tuple[tuple[Values, ...], tuple[Values, ...]]:
    """Perturbed values of the type of x: gains, centres and κ of elements; currents, gains, trims and offsets of sums."""

    def own(values: Values) -> Values:
        return like(x, values.detach() if isinstance(values, Tensor) and not isinstance(x, Tensor) else values)

    elements = own(p.gains) * (1 + own(q.gain_error)), own(p.centres) + own(q.centre_shift), own(q.kappa_factor)
    return elements, (
        own(p.offsets) * (1 + own(q.offset_error)),
        own(p.node_gains) * (1 + own(q.node_gain)),
        own(p.node_trims),
        own(q.node_offset) + own(q.read_noise),
    )


def _part(values: Values, where: slice) -> Values:
    return values if values.ndim == 0 else values[..., where]


def input_voltages(layer: AnalogLayer, values: Values, at: OperatingPoint) -> Values:
    """Voltages in V of a layer's input nodes for values `(…, I)`, by the technology's `span_law` and within the rails."""
    growth = 1.0 if at.technology.span_law == "fixed" else at.temperature / NOMINAL
    table = [(s.low, s.slope, s.middle, s.low_voltage) for s in layer.inputs]
    low, slope, middle, start = (like(values, column) for column in zip(*table, strict=True))
    voltage = start + (values - low) * slope
    return clamp_to_rails(middle + growth * (voltage - middle), at.technology, at.supply_shift)


def _layer(
    layer: AnalogLayer, values: Values, elements: Sequence[Values], own: Sequence[Values], at: OperatingPoint
) -> LayerSignals:
    gains, centres, kappa = elements
    offsets, node_gains, trims, added = own
    voltages = input_voltages(layer, values, at)
    plus, minus = wire_currents(layer, voltages, gains, centres, kappa, at)
    net = mirror_current(plus, at) - minus + _signed_tails(offsets, at)
    unit = like(values, [s.unit for s in layer.sums])
    span = like(values, [s.high - s.low for s in layer.sums])
    sums = node_gains * unit * net + trims + added * span
    return LayerSignals(voltages, plus, minus, sums, _nodes(layer, sums, at))


def wire_currents(
    layer: AnalogLayer, voltages: Values, gains: Values, centres: Values, kappa: Values, at: OperatingPoint
) -> tuple[Values, Values]:
    """Currents in A of the plus and the minus wires, `(…, N)`, for input voltages in V, `(…, I)`.

    Programmed signed tails in A, centres in V and factors of κ have the shape `(…, E)`; κ may be a single factor.
    """
    source, target = layer.places
    kinds = np.array([e.kind for e in layer.elements])
    if at.technology.span_law == "ptat-centres":
        middle = like(voltages, [layer.inputs[i].middle for i in source])
        centres = middle + (centres - middle) * (at.temperature / NOMINAL)
    divider = like(voltages, [e.divider for e in layer.elements])
    difference = (voltages[..., source] - centres) * divider
    plus = minus = voltages[..., :1] * 0 + like(voltages, [0.0] * len(layer.sums))
    for kind in ("tanh", "bump", "constant"):
        (chosen,) = np.nonzero(kinds == kind)
        if len(chosen) == 0:
            continue
        g = gains[..., chosen]
        k = kappa if kappa.ndim == 0 else kappa[..., chosen]
        tails = tail_currents(abs(g), at.technology, at.temperature)
        up = (g > 0) * 1.0
        here = like(voltages, (target[chosen, None] == np.arange(len(layer.sums))).astype(np.float64))
        if kind == "tanh":
            one, two = pair_currents(difference[..., chosen], tails, at, k)
        else:
            one = bump_current(difference[..., chosen], tails, at, k) if kind == "bump" else tails
            two = 0.0 * one
        plus = plus + (one * up + two * (1 - up)) @ here
        minus = minus + (two * up + one * (1 - up)) @ here
    return plus, minus


def _signed_tails(currents: Values, at: OperatingPoint) -> Values:
    if at.technology.tail_law == "reference" or at.temperature == NOMINAL:
        return currents
    size = abs(currents) + 1e-18  # a current of zero has no logarithm
    return currents / size * tail_currents(size, at.technology, at.temperature)


def _nodes(layer: AnalogLayer, sums: Values, at: OperatingPoint) -> Values:
    if not layer.products:
        return sums
    columns = [sums[..., : layer.plain], *(_product(p, sums, at)[..., None] for p in layer.products)]
    return torch.cat(columns, dim=-1) if isinstance(sums, Tensor) else np.concatenate(columns, axis=-1)


def _product(node: ProductNode, sums: Values, at: OperatingPoint) -> Values:
    """The chain of multipliers; each partial product is scaled to the full scale of the next one."""
    swing = FULL_SCALE_SHARE * at.technology.product_current
    value = sums[..., node.sums[0]]
    for j, before, scale in zip(node.sums[1:], node.partial, node.scales[1:], strict=False):
        current = multiply_currents(value * (swing / before), sums[..., j] * (swing / scale), at)
        value = current * (before * scale / (swing * FULL_SCALE_SHARE))
    return value
