"""Writes an analogue network as an ngspice netlist: one subcircuit per edge, node and product, and one for the network.

ngspice has no built-in EKV model, so a transistor is a `B` source with the equation of `ekv`, including `temper`; the voltages
that `circuits` solves for are nodes of the netlist, solved by ngspice from Kirchhoff's law. As in Python, the cascodes that hold
the wires, the virtual grounds, the transresistances and the drivers of the next layer are ideal.

Values at the ports are voltages, 1 V per network unit: inputs `u0, u1, …`, outputs `y0, y1, …`. The subcircuits of the devices
are in `devices`; `ngspice` runs the netlist.
"""

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.analog.devices import library
from splinework.hardware.analog.ekv import NOMINAL, AnalogTechnology, Values
from splinework.hardware.analog.network import (
    NO_PERTURBATION,
    AnalogLayer,
    AnalogNetwork,
    Element,
    Perturbation,
    ProductNode,
    Span,
)
from splinework.hardware.analog.signals import FULL_SCALE_SHARE, disturbed


def netlist(network: AnalogNetwork, *, name: str = "kan", perturbation: Perturbation = NO_PERTURBATION) -> str:
    """The netlist of a network: a library of devices, edges, nodes, and the subcircuit `name` with the ports `u0 … y0 …`.

    The perturbation is that of one chip, with numbers or arrays `(E,)` or `(N,)`, without noise that differs by row.

    Raises:
        ConfigError: If the name is not an identifier, or the perturbation holds more than one chip.
    """
    if not (name.isascii() and name.isidentifier()) or name.lower() in _DEVICES:
        raise ConfigError(f"the name of a netlist must be an identifier other than a device name, got {name!r}.")
    (gains, centres, kappa), (offsets, node_gains, trims, added) = (
        [_flat(values, count) for values in group]
        for group, count in zip(
            disturbed(network.parameters(), perturbation, np.zeros(())),
            (network.element_count, network.node_count),
            strict=True,
        )
    )
    parts = [
        f"* {name}: {len(network.input_names)} inputs, {network.element_count} elements, {network.node_count} sums",
        library(network.technology, perturbation.supply_shift),
    ]
    body: list[str] = []
    k, n = 0, 0
    for l, layer in enumerate(network.layers):
        for edge in layer.edges:
            own = []
            for e in edge.elements:
                made = Element(e.kind, centres[k], gains[k], e.divider)
                own.append((made, kappa[k], layer.inputs[edge.source].middle))
                k += 1
            parts.append(edge_text(f"edge_{l}_{edge.source}_{edge.target}", own))
        for j, node in enumerate(layer.sums):
            value = trims[n] + added[n] * (node.high - node.low)
            parts.append(_sum_text(f"sum_{l}_{j}", offsets[n], node_gains[n] * node.unit, value, network.technology))
            n += 1
        body += _layer_text(network, l, layer)
    ports = [f"u{i}" for i in range(len(network.input_names))] + [f"y{j}" for j in range(len(network.output_names))]
    parts.append(f".subckt {name} {' '.join(ports)}\n" + "\n".join(body) + f"\n.ends {name}\n")
    return "\n".join(parts)


_DEVICES = ("nfet", "pfet", "tail", "fgate", "pair", "bump", "constant", "wires", "multiplier")


def edge_text(name: str, elements: list[tuple[Element, float, float]]) -> str:
    """The subcircuit of one edge with the ports `v` (input voltage), `p` and `m` (its wires).

    Each element is given with its factor of κ and the mid-span voltage of its input in V.
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


def _flat(values: Values, count: int) -> list[float]:
    array = values.reshape(count) if values.ndim > 1 and values.size == count else values
    if array.shape not in ((), (1,), (count,)):
        raise ConfigError(
            f"a netlist describes one chip: errors must be a number or {count} numbers, got shape {array.shape}."
        )
    found: list[float] = np.broadcast_to(array, (count,)).tolist()
    return found


def _sum_text(name: str, offset: float, gain: float, added: float, technology: AnalogTechnology) -> str:
    """The subcircuit of one sum; its ports are the wires and the value, 1 V per network unit."""
    current = f"{1e6 * offset!r}"
    lines = [f".subckt {name} p m s", "X1 p m i wires"]
    if technology.tail_law == "charge" and offset != 0:
        # The constant current is a tail with the temperature dependence of the others.
        lines += [f"Xo c constant ib={abs(offset)!r}", "Vc c 0 1"]
        current = f"{'' if offset > 0 else '-'}1e6*abs(I(Vc))"
    lines.append(f"B1 s 0 V={gain * 1e-6!r}*(V(i)+({current}))+({added!r})")
    return "\n".join([*lines, f".ends {name}\n"])


def _layer_text(network: AnalogNetwork, l: int, layer: AnalogLayer) -> list[str]:
    """Drivers, edges, sums and products of one layer inside the top subcircuit."""
    last = l == len(network.layers) - 1
    before = [f"u{i}" if l == 0 else f"h{l - 1}_{i}" for i in range(len(layer.inputs))]
    lines = [f"* layer {l}"]
    lines += [
        _driver(f"v{l}_{i}", source, span, network.technology)
        for i, (source, span) in enumerate(zip(before, layer.inputs, strict=True))
    ]
    for e in layer.edges:
        lines.append(
            f"Xe{l}_{e.source}_{e.target} v{l}_{e.source} p{l}_{e.target} m{l}_{e.target} edge_{l}_{e.source}_{e.target}"
        )
    after = [f"y{i}" if last else f"h{l}_{i}" for i in range(layer.nodes)]
    for j in range(len(layer.sums)):
        target = after[j] if j < layer.plain else f"s{l}_{j}"
        lines.append(f"Xs{l}_{j} p{l}_{j} m{l}_{j} {target} sum_{l}_{j}")
    for k, product in enumerate(layer.products):
        lines += _product_lines(f"{l}_{k}", product, l, after[layer.plain + k], network.technology)
    return lines


def _driver(node: str, source: str, span: Span, technology: AnalogTechnology) -> str:
    growth = "1" if technology.span_law == "fixed" else f"tk(0)/{NOMINAL!r}"
    value = f"({span.low_voltage!r}+(V({source})-({span.low!r}))*{span.slope!r})"
    return f"B{node} {node} 0 V=rail({span.middle!r}+{growth}*({value}-{span.middle!r}))"


def _product_lines(name: str, product: ProductNode, l: int, target: str, technology: AnalogTechnology) -> list[str]:
    swing = FULL_SCALE_SHARE * technology.product_current * 1e6
    lines, value = [], f"s{l}_{product.sums[0]}"
    steps = list(zip(product.sums[1:], product.partial, product.scales[1:], strict=False))
    for step, (j, before, scale) in enumerate(steps):
        a, b, o = (f"{letter}{name}_{step}" for letter in "abo")
        following = target if step == len(steps) - 1 else f"q{name}_{step}"
        lines += [
            f"B{a} {a} 0 V=V({value})*{swing / before!r}",
            f"B{b} {b} 0 V=V(s{l}_{j})*{swing / scale!r}",
            f"X{o} {a} {b} {o} multiplier",
            f"B{following}x {following} 0 V=V({o})*{before * scale / (swing * FULL_SCALE_SHARE)!r}",
        ]
        value = following
    return lines
