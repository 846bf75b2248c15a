"""An analogue network as an ngspice netlist: one subcircuit per edge, per node and per product, one for the whole.

ngspice has no EKV model built in, so a transistor is a `B` source with the equation of `ekv`, `temper` in it; the voltages that
`circuits` solves for are nodes of the netlist, found by ngspice from Kirchhoff's law alone. Ideal, as in Python, are the
cascodes that hold the wires, the virtual grounds, the transresistances and the drivers of the next layer's voltages.

Network values at the ends are voltages, 1 V for one network unit: `u0, u1, …` in, `y0, y1, …` out. The subcircuits of
the devices are in `devices`; nothing is run here, see `ngspice`.
"""

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.analog.devices import library
from splinework.hardware.analog.ekv import NOMINAL, Technology, Values
from splinework.hardware.analog.network import (
    NO_PERTURBATION,
    AnalogLayer,
    AnalogNetwork,
    EdgeCircuit,
    Element,
    Perturbation,
    ProductNode,
    Span,
    SumNode,
)
from splinework.hardware.analog.signals import FULL_SCALE


def netlist(network: AnalogNetwork, *, name: str = "kan", perturbation: Perturbation = NO_PERTURBATION) -> str:
    """The netlist of a network: a library of devices, the edges, the nodes, and the subcircuit `name` of them all.

    Args:
        network: The circuits.
        name: Of the top subcircuit, a word; its ports are `u0 … y0 …`.
        perturbation: One chip's errors, each a number or `(E,)` or `(N,)`: no batch of chips, no noise that differs by row.

    Raises:
        ConfigError: If the name is no word, or the perturbation holds more than one chip.
    """
    if not (name.isascii() and name.isidentifier()) or name.lower() in _DEVICES:
        raise ConfigError(f"a netlist's name is a word of letters, digits and _ that is no device's, got {name!r}.")
    chip = _Chip(network, perturbation)
    parts = [
        f"* {name}: {len(network.input_names)} inputs, {network.element_count} elements, {network.node_count} sums",
        library(network.technology, perturbation.supply_shift),
    ]
    first = 0
    body = []
    for l, layer in enumerate(network.layers):
        for edge in layer.edges:
            count = len(edge.elements)
            parts.append(edge_text(f"edge_{l}_{edge.source}_{edge.target}", chip.edge(layer, edge, first)))
            first += count
        parts += [_sum_text(f"sum_{l}_{j}", *chip.sum(l, j), network.technology) for j in range(len(layer.sums))]
        body += _layer_text(network, l, layer)
    ports = [f"u{i}" for i in range(len(network.input_names))] + [f"y{j}" for j in range(len(network.output_names))]
    parts.append(f".subckt {name} {' '.join(ports)}\n" + "\n".join(body) + f"\n.ends {name}\n")
    return "\n".join(parts)


_DEVICES = ("nfet", "pfet", "tail", "fgate", "pair", "bump", "constant", "wires", "multiplier")


def edge_text(name: str, elements: list[tuple[Element, float, float]]) -> str:
    """The subcircuit of one edge, ports `v` (input voltage), `p` and `m` (its wires).

    Args:
        name: Of the subcircuit.
        elements: Each with the factor of its κ and the middle in V of its input's span.
    """
    lines = [f".subckt {name} v p m"]
    for k, (e, kappa, middle) in enumerate(elements):
        up, down = ("p", "m") if e.gain > 0 else ("m", "p")
        tail = abs(e.gain)
        if e.kind == "constant":
            lines.append(f"X{k} {up} constant ib={tail!r}")
            continue
        wires = f"{up} {down} pair" if e.kind == "tanh" else f"{up} bump"
        lines.append(f"X{k} v {wires} vm={e.centre!r} ib={tail!r} d={e.divider!r} kf={kappa!r} mid={middle!r}")
    return "\n".join([*lines, f".ends {name}\n"])


class _Chip:
    """The network's values with one chip's errors in them."""

    def __init__(self, network: AnalogNetwork, perturbation: Perturbation) -> None:
        elements, nodes, q = network.element_count, network.node_count, perturbation
        self.network = network
        self.gain_error = _flat(q.gain_error, elements, "gain_error")
        self.centre_shift = _flat(q.centre_shift, elements, "centre_shift")
        self.kappa = _flat(q.kappa_factor, elements, "kappa_factor")
        self.offset_error = _flat(q.offset_error, nodes, "offset_error")
        self.node_gain = _flat(q.node_gain, nodes, "node_gain")
        self.node_offset = _flat(q.node_offset, nodes, "node_offset") + _flat(q.read_noise, nodes, "read_noise")

    def edge(self, layer: AnalogLayer, edge: EdgeCircuit, first: int) -> list[tuple[Element, float, float]]:
        out = []
        for k, e in enumerate(edge.elements, start=first):
            gain = e.gain * (1 + self.gain_error[k])
            own = Element(e.kind, float(e.centre + self.centre_shift[k]), float(gain), e.divider)
            out.append((own, float(self.kappa[k]), layer.inputs[edge.source].middle))
        return out

    def sum(self, l: int, j: int) -> tuple[float, float, float]:
        """Offset in A, value of one ampere, value added."""
        k = sum(len(layer.sums) for layer in self.network.layers[:l]) + j
        node: SumNode = self.network.layers[l].sums[j]
        gain = node.gain * (1 + self.node_gain[k]) * node.unit
        added = node.trim + self.node_offset[k] * (node.high - node.low)
        return float(node.offset * (1 + self.offset_error[k])), float(gain), float(added)


def _flat(values: Values, count: int, what: str) -> Values:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim > 1 and array.size == count:
        array = array.reshape(count)
    if array.shape not in ((), (1,), (count,)):
        raise ConfigError(
            f"a netlist is of one chip, so {what} is a number or {count} of them, got shape {array.shape}."
        )
    return np.broadcast_to(array, (count,))


def _sum_text(name: str, offset: float, gain: float, added: float, technology: Technology) -> str:
    """Ports: the wires, and the sum's value, 1 V for one network unit."""
    current = f"{1e6 * offset!r}"
    lines = [f".subckt {name} p m s", "X1 p m i wires"]
    if technology.tail_law == "charge" and offset != 0:
        # The constant current is a tail of its own, and follows temperature as the others do.
        lines += [f"Xo c constant ib={abs(offset)!r}", "Vc c 0 1"]
        current = f"{'' if offset > 0 else '-'}1e6*abs(I(Vc))"
    lines.append(f"B1 s 0 V={gain * 1e-6!r}*(V(i)+({current}))+({added!r})")
    return "\n".join([*lines, f".ends {name}\n"])


def _layer_text(network: AnalogNetwork, l: int, layer: AnalogLayer) -> list[str]:
    """Drivers, edges, sums and products of one layer inside the top."""
    last = l == len(network.layers) - 1
    before = (
        [f"u{i}" for i in range(len(layer.inputs))] if l == 0 else [f"h{l - 1}_{i}" for i in range(len(layer.inputs))]
    )
    lines = [f"* layer {l}"]
    lines += [
        _driver(f"v{l}_{i}", source, span, network.technology)
        for i, (source, span) in enumerate(zip(before, layer.inputs, strict=True))
    ]
    for e in layer.edges:
        lines.append(
            f"Xe{l}_{e.source}_{e.target} v{l}_{e.source} p{l}_{e.target} m{l}_{e.target} edge_{l}_{e.source}_{e.target}"
        )
    after = [f"y{i}" if last else f"h{l}_{i}" for i in range(layer.plain + len(layer.products))]
    for j in range(len(layer.sums)):
        target = after[j] if j < layer.plain else f"s{l}_{j}"
        lines.append(f"Xs{l}_{j} p{l}_{j} m{l}_{j} {target} sum_{l}_{j}")
    for k, product in enumerate(layer.products):
        lines += _product_lines(f"{l}_{k}", product, l, after[layer.plain + k], network.technology)
    return lines


def _driver(node: str, source: str, span: Span, technology: Technology) -> str:
    growth = "1" if technology.span_law == "fixed" else f"tk(0)/{NOMINAL!r}"
    value = f"({span.low_voltage!r}+(V({source})-({span.low!r}))*{span.slope!r})"
    return f"B{node} {node} 0 V=rail({span.middle!r}+{growth}*({value}-{span.middle!r}))"


def _product_lines(name: str, product: ProductNode, l: int, target: str, technology: Technology) -> list[str]:
    swing = FULL_SCALE * technology.product_current * 1e6
    lines, value = [], f"s{l}_{product.sums[0]}"
    steps = list(zip(product.sums[1:], product.partial, product.scales[1:], strict=False))
    for step, (j, before, scale) in enumerate(steps):
        a, b, o = (f"{letter}{name}_{step}" for letter in "abo")
        following = target if step == len(steps) - 1 else f"q{name}_{step}"
        lines += [
            f"B{a} {a} 0 V=V({value})*{swing / before!r}",
            f"B{b} {b} 0 V=V(s{l}_{j})*{swing / scale!r}",
            f"X{o} {a} {b} {o} multiplier",
            f"B{following}x {following} 0 V=V({o})*{before * scale / (swing * FULL_SCALE)!r}",
        ]
        value = following
    return lines
