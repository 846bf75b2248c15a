"""Circuits of EKV transistors: differential pair, bump circuit, current mirror, translinear multiplier.

The curves are not ideal: the voltage of a pair's common source solves Kirchhoff's current law with a tail of finite headroom and
output conductance, by a few Newton steps for all elements and rows at once. In torch the derivative is implicit: the last Newton
step has a fixed slope, `s = s* - h(s*, θ) / h'(s*)`, so its derivative with respect to θ is that of the solution.

All voltages are in V from the bulk and all currents in A. Cascodes hold the drains at `AnalogTechnology.drain`, so elements
do not influence each other. Networks of circuits are in `network`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from splinework.hardware.analog.ekv import (
    NOMINAL,
    AnalogTechnology,
    Values,
    channel_and_slope,
    channel_factor,
    inversion,
    inversion_and_slope,
    log,
    softplus,
    specific_current,
    thermal_voltage,
    threshold,
    voltage_of,
)

MAX_NEWTON_STEPS: Final = 30
_NEWTON_TOLERANCE: Final = 1e-7  # Of a step, in U_T or V; the final differentiable step squares the error
_MIN_SOURCE_DRAIN_GAP: Final = 1e-4  # In U_T, of a transistor that carries current

LEAKAGE_CURRENT: Final = 1e-12
"""Current in A into every mirror besides its input, so that its current is never zero."""


@dataclass(frozen=True)
class OperatingPoint:
    """The operating point of a circuit: technology, temperature in K, and shift of V_DD in V."""

    technology: AnalogTechnology
    temperature: float = NOMINAL
    supply_shift: float = 0.0

    @property
    def thermal(self) -> float:
        """Thermal voltage U_T in V."""
        return thermal_voltage(self.temperature)

    @property
    def drain(self) -> float:
        """Drain voltage of pairs in V."""
        return self.technology.drain + self.supply_shift


@dataclass(frozen=True)
class _Gates:
    """The floating gates of a pair as `p = κ (V_FG - V_T0) / U_T`, and the tail, for the solver."""

    p1: Values
    p2: Values
    tail: Values
    specific: float
    at: OperatingPoint


def pair_currents(
    difference: Values, tail: Values, at: OperatingPoint, kappa_factor: Values = 1.0
) -> tuple[Values, Values]:
    """The two drain currents in A of a differential pair, `(I_1, I_2)`; in weak inversion `I_1 - I_2 = I_b tanh(κ ΔV / 2U_T)`.

    Args:
        difference: Voltage in V between the floating gates, `C_in/C_T (V - V_m)`; the second gate is at `common_mode`.
        tail: Positive tail current I_b in A, as programmed at the drain voltage `AnalogTechnology.balance`; see
            `tail_currents` for its temperature dependence.
        at: Operating point.
        kappa_factor: Mismatch factor of κ, common to both transistors.

    >>> import numpy as np
    >>> one, two = pair_currents(np.array([-0.3, 0.0, 0.3]), np.array(1e-9), OperatingPoint(AnalogTechnology()))
    >>> np.round((one - two) * 1e9, 2) + 0.0
    array([-1.  ,  0.  ,  1.01])
    """
    gates = _gates(difference, tail, at, kappa_factor)
    source = _solve_pair(gates)
    return _branch(gates, gates.p1, source), _branch(gates, gates.p2, source)


def pair_source(difference: Values, tail: Values, at: OperatingPoint, kappa_factor: Values = 1.0) -> Values:
    """Voltage in V of the common source, for headroom checks; arguments as for `pair_currents`."""
    return _solve_pair(_gates(difference, tail, at, kappa_factor)) * at.thermal


def bump_current(difference: Values, tail: Values, at: OperatingPoint, kappa_factor: Values = 1.0) -> Values:
    """Current in A of the middle branch of a bump circuit; in weak inversion `I_b / (1 + (4/S) cosh²(κ ΔV / 2U_T))`.

    The circuit has two outer transistors and between them two in series with S times their W/L, one on each gate (Delbrück
    1991). Arguments are as for `pair_currents`.
    """
    gates = _gates(difference, tail, at, kappa_factor)
    _, middle = _solve_bump(gates)
    d = at.drain / at.thermal
    strength = at.technology.bump_ratio * gates.specific
    upper = inversion(gates.p2 - middle) - inversion(gates.p2 - d)
    return strength * upper * channel_factor((d - middle) * at.thermal, at.technology.conductance, at.thermal)


def mirror_current(current: Values, at: OperatingPoint) -> Values:
    """Output current in A of a simple p-channel mirror: nearly its input, as `1 + λ V_SD` differs on the two sides.

    The input, not negative, is diode-connected and carries `LEAKAGE_CURRENT` besides; the output is held at
    `AnalogTechnology.output`.
    """
    technology, thermal = at.technology, at.thermal
    specific = specific_current(technology, technology.mirror_ratio, at.temperature, channel="p")
    start = threshold(technology, at.temperature, channel="p")
    kappa, conductance = technology.kappa, technology.conductance
    wanted = (current + LEAKAGE_CURRENT) / specific

    def residual(v: Values) -> tuple[Values, Values]:
        p = kappa * (v - start) / thermal
        channel, channel_ = channel_and_slope(v, conductance, thermal)
        (forward, forward_), (reverse, reverse_) = inversion_and_slope(p), inversion_and_slope(p - v / thermal)
        ends = forward - reverse
        rise = (kappa * forward_ - (kappa - 1) * reverse_) / thermal
        return log(ends * channel / wanted), rise / ends + channel_ / channel

    gate = _newton(residual, start + thermal / kappa * voltage_of(_detached(wanted)), largest=0.2, lowest=1e-4)
    p = kappa * (gate - start) / thermal
    across = technology.supply + at.supply_shift - technology.output
    ends = inversion(p) - inversion(p - across / thermal)
    return specific * ends * channel_factor(across, conductance, thermal) - LEAKAGE_CURRENT


def multiply_currents(first: Values, second: Values, at: OperatingPoint) -> Values:
    """Output in A of a four-quadrant translinear multiplier, about `first · second / I_0` with I_0 = `product_current`.

    I_0 is added to both currents, which flow into diode-connected transistors with two-input floating gates (equal capacitors);
    the output transistor, driven by both, has `x_out = x_1 + x_2 - x_0` with `x = 2 ln(e^{√(I/I_s)} - 1)`, in weak inversion
    `I_out = I_1 I_2 / I_0`; then `first + second + I_0` is subtracted. Drains are held by cascodes.

    Args:
        first: Current in A from -I_0 up; below -I_0 it is cut off smoothly.
        second: Current in A, likewise.
        at: Operating point; the supply has no effect.
    """
    technology = at.technology
    zero = technology.product_current
    specific = specific_current(technology, technology.multiplier_ratio, at.temperature)
    soft = CUTOFF_SHARE * zero
    one, two = (FLOOR_SHARE * zero + soft * softplus((i + zero) / soft) for i in (first, second))
    x = voltage_of(one / specific) + voltage_of(two / specific) - float(voltage_of(zero / specific))
    return specific * inversion(x) - one - two + zero


CUTOFF_SHARE: Final = 0.02
"""Share of I_0 over which a multiplier's input current is cut off smoothly."""

FLOOR_SHARE: Final = 1e-4
"""Share of I_0 that always flows into a multiplier's inputs."""


def _gates(difference: Values, tail: Values, at: OperatingPoint, kappa_factor: Values) -> _Gates:
    technology, thermal = at.technology, at.thermal
    kappa = technology.kappa * kappa_factor
    base = technology.common_mode - threshold(technology, at.temperature)
    specific = specific_current(technology, technology.pair_ratio, at.temperature)
    return _Gates(kappa * (base + difference) / thermal, kappa * base / thermal, tail, specific, at)


def _tail_shape(s: Values, tail: Values, at: OperatingPoint) -> tuple[Values, Values]:
    """Tail current over its programmed value, and the derivative of its logarithm; s is in U_T."""
    technology, thermal = at.technology, at.thermal
    x = voltage_of(tail / specific_current(technology, technology.tail_ratio, at.temperature))
    usual = float(channel_factor(technology.balance, technology.conductance, thermal))
    channel, channel_ = channel_and_slope(s * thermal, technology.conductance, thermal)
    forward = inversion(x)
    reverse, reverse_ = inversion_and_slope(x - s)
    ends = forward - reverse
    return ends / forward * (channel / usual), reverse_ / ends + channel_ * thermal / channel


def _branch(gates: _Gates, p: Values, s: Values) -> Values:
    thermal, d = gates.at.thermal, gates.at.drain / gates.at.thermal
    channel = channel_factor((d - s) * thermal, gates.at.technology.conductance, thermal)
    return gates.specific * (inversion(p - s) - inversion(p - d)) * channel


def _start(gates: _Gates) -> Values:
    """Common source voltage in U_T if one transistor carries the tail current, or both in weak inversion."""
    top = _logaddexp(*(_detached(p) for p in (gates.p1, gates.p2)))
    return top - voltage_of(_detached(gates.tail) / gates.specific)


def _solve_pair(gates: _Gates) -> Values:
    at = gates.at
    conductance, thermal, d = at.technology.conductance, at.thermal, at.drain / at.thermal

    reverse = inversion(gates.p1 - d) + inversion(gates.p2 - d)

    def residual(s: Values) -> tuple[Values, Values]:
        (first, first_), (second, second_) = inversion_and_slope(gates.p1 - s), inversion_and_slope(gates.p2 - s)
        total = first + second - reverse
        channel, channel_ = channel_and_slope((d - s) * thermal, conductance, thermal)
        carried, carried_ = _tail_shape(s, gates.tail, at)
        value = log(gates.specific * total * channel / (gates.tail * carried))
        return value, -(first_ + second_) / total - channel_ * thermal / channel - carried_

    return _newton(residual, _start(gates), largest=5.0, lowest=0.1, highest=d - _MIN_SOURCE_DRAIN_GAP)


def _solve_bump(gates: _Gates) -> tuple[Values, Values]:
    """Voltages in U_T of the common source and the middle node, by Newton's method with the exact Jacobian."""
    highest = gates.at.drain / gates.at.thermal - _MIN_SOURCE_DRAIN_GAP
    s = _start(gates).clip(0.1, highest - _MIN_SOURCE_DRAIN_GAP)
    p1, p2 = _detached(gates.p1), _detached(gates.p2)
    middle = (s - p1 + _logaddexp(p1, p2)).clip(0.1, highest)
    still = _Gates(p1, p2, _detached(gates.tail), gates.specific, gates.at)
    for _ in range(MAX_NEWTON_STEPS):
        step_s, step_m = _bump_step(still, still, s, middle)
        s = (s - step_s.clip(-5.0, 5.0)).clip(0.1, highest)
        middle = (middle - step_m.clip(-5.0, 5.0)).clip(0.1, highest)
        if max(_largest(step_s), _largest(step_m)) < _NEWTON_TOLERANCE:
            break
    step_s, step_m = _bump_step(gates, still, s, middle)
    return s - step_s, middle - step_m


def _bump_step(gates: _Gates, still: _Gates, s: Values, m: Values) -> tuple[Values, Values]:
    """A Newton step with residuals at `gates` and the Jacobian at `still`."""
    first, second = _bump_residuals(gates, s, m)[:2]
    a, b, c, e = _bump_residuals(still, s, m)[2:]
    determinant = a * e - b * c
    return (first * e - second * b) / determinant, (second * a - first * c) / determinant


def _bump_residuals(gates: _Gates, s: Values, m: Values) -> tuple[Values, ...]:
    """Kirchhoff's law at the common source and the middle node as log ratios, with their four derivatives."""
    at, p1, p2 = gates.at, gates.p1, gates.p2
    conductance, strength = at.technology.conductance, at.technology.bump_ratio
    thermal, d = at.thermal, at.drain / at.thermal

    def channel(voltage: Values) -> tuple[Values, Values]:
        factor, slope = channel_and_slope(voltage * thermal, conductance, thermal)
        return factor, slope * thermal

    (outer, outer_), (lower, lower_), (upper, upper_) = channel(d - s), channel(m - s), channel(d - m)
    (f1, f1_), (f2, f2_) = inversion_and_slope(p1 - s), inversion_and_slope(p2 - s)
    (g1, g1_), (g2, g2_) = inversion_and_slope(p1 - m), inversion_and_slope(p2 - m)
    reverse = inversion(p2 - d)
    g2 = g2 - reverse
    both = f1 + f2 - inversion(p1 - d) - reverse
    carried, carried_ = _tail_shape(s, gates.tail, at)
    total = both * outer + strength * (f1 - g1) * lower
    first = log(gates.specific * total / (gates.tail * carried))
    first_s = (-(f1_ + f2_) * outer - both * outer_ - strength * (f1_ * lower + (f1 - g1) * lower_)) / total
    first_m = strength * (g1_ * lower + (f1 - g1) * lower_) / total
    through = g1 * lower + g2 * upper
    second = log(f1 * lower / through)
    second_s = -f1_ / f1 - lower_ / lower + g1 * lower_ / through
    second_m = lower_ / lower - (-g1_ * lower + g1 * lower_ - g2_ * upper - g2 * upper_) / through
    return first, second, first_s - carried_, first_m, second_s, second_m


def _newton(
    residual: Callable[[Values], tuple[Values, Values]],
    start: Values,
    *,
    largest: float,
    lowest: float,
    highest: float = np.inf,
) -> Values:
    """The zero of `residual`, which returns value and slope; differentiable in the parameters of the residual."""
    with torch.no_grad():
        x = _detached(start).clip(lowest, highest)
        for _ in range(MAX_NEWTON_STEPS):
            value, slope = residual(x)
            step = value / slope
            x = (x - step.clip(-largest, largest)).clip(lowest, highest)
            if _largest(step) < _NEWTON_TOLERANCE:
                break
    value, slope = residual(x)
    return x - value / _detached(slope)


def _detached(x: Values) -> Values:
    return x.detach() if isinstance(x, Tensor) else x


def _largest(x: Values) -> float:
    return float(abs(x).max()) if np.prod(x.shape) else 0.0


def _logaddexp(a: Values, b: Values) -> Values:
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return torch.logaddexp(torch.as_tensor(a, dtype=torch.float64), torch.as_tensor(b, dtype=torch.float64))
    return np.logaddexp(a, b)
