"""Power, area, settling time, energy and headroom of an analogue network, with their formulas.

These are pre-layout estimates. Currents come from the network itself; the sizes of cells, capacitors and amplifiers are
assumptions (`AnalogLayout`) for a generic 350 nm process, without routing, pads, programming circuits and converters.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.analog.circuits import OperatingPoint, pair_source
from splinework.hardware.analog.ekv import NOMINAL, specific_current, tail_currents, thermal_voltage, voltage_of
from splinework.hardware.analog.network import AnalogNetwork

MIN_SATURATION_VOLTAGE: Final = 4.0
"""Drain-source voltage, in U_T, from which a transistor acts as a current source."""


@dataclass(frozen=True)
class AnalogLayout:
    """Assumptions of the estimates.

    Attributes:
        length: Channel length L in µm.
        overhead: Area of a transistor over `W · L`: contacts, wells, spacing.
        cell_area: Area of a floating-gate cell's programming parts (injector, tunnelling junction, selection) in µm².
        gate_capacitance: Total capacitance C_T of a floating gate in F.
        capacitor_density: Density of poly-poly capacitors in F/µm².
        amplifier_current: Supply current of a node's amplifier in A.
        amplifier_area: Area of a node's amplifier in µm².
        wire_capacitance: Capacitance that an element adds to its sum's wire, in F.
        settled: Remaining share of a step at which a node counts as settled.
    """

    length: float = 0.7
    overhead: float = 3.0
    cell_area: float = 60.0
    gate_capacitance: float = 30e-15
    capacitor_density: float = 0.9e-15
    amplifier_current: float = 4.0e-7
    amplifier_area: float = 400.0
    wire_capacitance: float = 10e-15
    settled: float = 1e-3


GENERIC_LAYOUT: Final = AnalogLayout()


@dataclass(frozen=True)
class AnalogPower:
    """Currents in A, averaged over the given rows, and the resulting power, settling time and energy.

    `P = V_DD (Σ tails + Σ mirror outputs + Σ |constant currents| + multipliers + amplifiers)`; settling of a layer
    `t = ln(1 / settled) · max_wires C n U_T / (κ I)` with n elements and the current I on the mirror's wire; layers one after
    the other.

    Attributes:
        tails: Tail currents of all elements.
        mirrors: Output currents of the mirrors.
        offsets: Constant currents of the sums.
        multipliers: `3 I_0` and the two inputs and the output of each, at most `I_0 (1 + s)²` and so on; s is a factor's swing.
        amplifiers: Supply currents of the amplifiers, one per node.
        watts: Total power in W.
        settling: Settling time in s.
        joules: Energy per inference in J, `watts · settling`.
    """

    tails: float
    mirrors: float
    offsets: float
    multipliers: float
    amplifiers: float
    watts: float
    settling: float
    joules: float


@dataclass(frozen=True)
class AnalogArea:
    """The area of an analogue network in µm².

    Attributes:
        cells: Number of floating-gate cells: 3 for a pair or bump (two gates, one tail), 1 for a constant, and for a sum's
            constant current as many as `|I| / I_max` needs.
        transistors: Area of transistors, `overhead · Σ (W/L) L²`.
        floating_gates: Area of floating gates, `cells · cell_area` and two capacitors `C_T / density` for each pair or bump.
        amplifiers: Area of the amplifiers, one per node.
    """

    cells: int
    transistors: float
    floating_gates: float
    amplifiers: float
    total: float


def power(
    network: AnalogNetwork, x: Any, *, temperature: float = NOMINAL, layout: AnalogLayout = GENERIC_LAYOUT
) -> AnalogPower:
    """Power, settling and energy at raw rows x and a temperature in K; see `AnalogPower` for the formulas."""
    signals = network.signals(np.asarray(x, dtype=np.float64), temperature=temperature)
    technology = network.technology
    p = network.parameters()
    tails = float(tail_currents(np.abs(p.gains), technology, temperature).sum()) if len(p.gains) else 0.0
    mirrors = float(sum(layer.plus.mean(axis=0).sum() for layer in signals.layers))
    offsets = float(np.abs(p.offsets).sum())
    count = sum(len(product.sums) - 1 for layer in network.layers for product in layer.products)
    multipliers = 7.0 * count * technology.product_current
    amplifiers = sum(layer.nodes for layer in network.layers) * layout.amplifier_current
    thermal = thermal_voltage(temperature)
    settling = 0.0
    for layer, record in zip(network.layers, signals.layers, strict=True):
        load = np.bincount(layer.places[1], minlength=len(layer.sums)) * layout.wire_capacitance
        current = np.maximum(record.plus.mean(axis=0), technology.current_min)
        settling += float((load * thermal / (technology.kappa * current)).max()) * np.log(1 / layout.settled)
    watts = technology.supply * (tails + mirrors + offsets + multipliers + amplifiers)
    return AnalogPower(tails, mirrors, offsets, multipliers, amplifiers, watts, settling, watts * settling)


def area(network: AnalogNetwork, *, layout: AnalogLayout = GENERIC_LAYOUT) -> AnalogArea:
    """Area under the assumptions of a layout; see `AnalogArea` for the formulas."""
    t = network.technology
    kinds = [e.kind for layer in network.layers for e in layer.elements]
    pairs, bumps, constants = (kinds.count(kind) for kind in ("tanh", "bump", "constant"))
    offsets = sum(int(np.ceil(abs(s.offset) / t.current_max)) for layer in network.layers for s in layer.sums)
    cells = 3 * (pairs + bumps) + constants + offsets
    multipliers = sum(len(product.sums) - 1 for layer in network.layers for product in layer.products)
    ratios = (
        (pairs + bumps) * (2 * t.pair_ratio + t.tail_ratio)
        + bumps * 2 * t.pair_ratio * t.bump_ratio
        + (constants + offsets) * t.tail_ratio
        + network.node_count * 2 * t.mirror_ratio
        + multipliers * 4 * t.multiplier_ratio
    )
    transistors = layout.overhead * ratios * layout.length**2
    capacitors = 2 * (pairs + bumps) * layout.gate_capacitance / layout.capacitor_density
    gates = cells * layout.cell_area + capacitors
    amplifiers = sum(layer.nodes for layer in network.layers) * layout.amplifier_area
    return AnalogArea(cells, transistors, gates, amplifiers, transistors + gates + amplifiers)


def headroom(network: AnalogNetwork, *, temperatures: tuple[float, ...] = (273.15, NOMINAL, 358.15)) -> float:
    """Smallest V_DS, in U_T, of any tail, pair transistor or mirror output over all spans and temperatures (K)."""
    technology = network.technology
    least = np.inf
    for kelvin in temperatures:
        at = OperatingPoint(technology, kelvin)
        across = technology.supply - technology.output
        for layer in network.layers:
            source, target = layer.places
            paired = np.array([e.kind != "constant" for e in layer.elements], dtype=bool)
            load = np.zeros(len(layer.sums))
            np.add.at(load, target, np.array([abs(e.gain) for e in layer.elements]))
            least = min(least, across / at.thermal)
            specific = specific_current(technology, technology.mirror_ratio, kelvin, channel="p")
            # The cascode that holds the plus wire needs the mirror's gate above it.
            drop = technology.threshold_p + at.thermal / technology.kappa * voltage_of(
                np.maximum(load, 1e-12) / specific
            )
            least = min(
                least, float((technology.supply - drop.max() - technology.drain) / at.thermal) + MIN_SATURATION_VOLTAGE
            )
            chosen = [e for e, p in zip(layer.elements, paired, strict=True) if p]
            if not chosen:
                continue
            ends = np.array([(layer.inputs[i].low_voltage, layer.inputs[i].high_voltage) for i in source[paired]])
            values = np.array([(e.centre, e.divider, abs(e.gain)) for e in chosen])
            difference = (ends - values[:, :1]) * values[:, 1:2]
            tails = tail_currents(values[:, 2:3], technology, kelvin)
            s = pair_source(difference, tails, at)
            least = min(least, float(s.min()) / at.thermal, float((at.drain - s).min()) / at.thermal)
    return float(least)


def check_headroom(network: AnalogNetwork) -> None:
    """Checks that every transistor acts as a current source from 0 to 85 °C.

    Raises:
        ConfigError: If the headroom is too small.
    """
    least = headroom(network)
    if least < MIN_SATURATION_VOLTAGE:
        raise ConfigError(
            f"a transistor has {least:.1f} U_T of drain-source voltage but needs {MIN_SATURATION_VOLTAGE:g}; raise "
            f"common_mode ({network.technology.common_mode:g} V) or the supply, or narrow input_low … input_high; for "
            "a node with many inputs lower node_current, or raise mirror_ratio or drain_drop."
        )
