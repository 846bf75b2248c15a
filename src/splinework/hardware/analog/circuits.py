"""Circuits made of EKV transistors: differential pair, bump circuit, current mirror, translinear multiplier.

No curve here is an ideal tanh: the voltage of a pair's common source is found from Kirchhoff's current law with a tail that
needs its V_DS and has a finite output conductance, by a few Newton steps, all elements and rows at once. In torch the
derivative is the implicit one: the last Newton step is taken with the slope held fixed, `s = s* - h(s*, θ) / h'(s*)`, whose
derivative with respect to θ is that of the solution.

All voltages are in V from the bulk and all currents in A. Drains are held by cascodes at `AnalogTechnology.drain`, so what one
element does has no influence on another. Networks of circuits are in `network`.
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
_NEWTON_TOLERANCE: Final = (
    1e-7  # Of a step, in U_T or V: the last, differentiable step follows, and each squares what is left
)
_MIN_SOURCE_DRAIN_GAP: Final = (
    1e-4  # The source of a transistor that carries current stays this far below its drain, in U_T
)

LEAKAGE_CURRENT: Final = 1e-12
"""A that flow into every mirror besides its input, so that it never is without current."""


@dataclass(frozen=True)
class OperatingPoint:
    """Where a circuit works: a technology at a temperature (K) with V_DD shifted by `supply_shift` (V)."""

    technology: AnalogTechnology
    temperature: float = NOMINAL
    supply_shift: float = 0.0

    @property
    def thermal(self) -> float:
        """U_T in V."""
        return thermal_voltage(self.temperature)

    @property
    def drain(self) -> float:
        """Voltage of the drains of pairs in V."""
        return self.technology.drain + self.supply_shift


@dataclass(frozen=True)
class _Gates:
    """The two floating gates of a pair as `p = κ (V_FG - V_T0) / U_T`, the tail, and what the solver needs of both."""

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
        difference: Voltage in V between the floating gates, `C_in/C_T (V - V_m)`; the second gate sits at `common_mode`.
        tail: I_b in A, positive, as programmed: at `AnalogTechnology.balance` on its drain. `tail_currents` gives it over
            temperature.
        at: Technology, temperature, supply.
        kappa_factor: Mismatch of κ, both transistors alike.

    >>> import numpy as np
    >>> one, two = pair_currents(np.array([-0.3, 0.0, 0.3]), np.array(1e-9), OperatingPoint(AnalogTechnology()))
    >>> np.round((one - two) * 1e9, 2) + 0.0
    array([-1.  ,  0.  ,  1.01])
    """
    gates = _gates(difference, tail, at, kappa_factor)
    source = _solve_pair(gates)
    return _branch(gates, gates.p1, source), _branch(gates, gates.p2, source)


def pair_source(difference: Values, tail: Values, at: OperatingPoint, kappa_factor: Values = 1.0) -> Values:
    """The voltage in V of the common source, for checks of headroom; arguments as for `pair_currents`."""
    return _solve_pair(_gates(difference, tail, at, kappa_factor)) * at.thermal


def bump_current(difference: Values, tail: Values, at: OperatingPoint, kappa_factor: Values = 1.0) -> Values:
    """The middle branch's current in A of a bump circuit; in weak inversion `I_b / (1 + (4/S) cosh²(κ ΔV / 2U_T))`.

    Two outer transistors, and between them two in series of S times their W/L, one on each gate (Delbrück 1991). Arguments
    are as for `pair_currents`, with all four transistors alike.
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
    """A four-quadrant translinear multiplier: near `first · second / I_0` in A, I_0 the technology's `product_current`.

    Both currents get I_0 added and go into diode-connected transistors with two-input floating gates (capacitors of one half);
    the output transistor, fed by both, gives `x_out = x_1 + x_2 - x_0` with `x = 2 ln(e^{√(I/I_s)} - 1)`, which in weak
    inversion is `I_out = I_1 I_2 / I_0`; then `first + second + I_0` is taken off again. Drains are held by cascodes.

    Args:
        first: Between -I_0 and what the transistors take; what is below -I_0 is cut off, smoothly.
        second: Likewise.
        at: Technology, temperature; the supply does not matter.
    """
    technology = at.technology
    zero = technology.product_current
    specific = specific_current(technology, technology.multiplier_ratio, at.temperature)
    soft = CUTOFF_SHARE * zero
    one, two = (FLOOR_SHARE * zero + soft * softplus((i + zero) / soft) for i in (first, second))
    x = voltage_of(one / specific) + voltage_of(two / specific) - float(voltage_of(zero / specific))
    return specific * inversion(x) - one - two + zero


CUTOFF_SHARE: Final = 0.02
"""Where a multiplier's input current runs out, it bends over this part of I_0."""

FLOOR_SHARE: Final = 1e-4
"""This part of I_0 flows into a multiplier's inputs in any case."""


def _gates(difference: Values, tail: Values, at: OperatingPoint, kappa_factor: Values) -> _Gates:
    technology, thermal = at.technology, at.thermal
    kappa = technology.kappa * kappa_factor
    base = technology.common_mode - threshold(technology, at.temperature)
    specific = specific_current(technology, technology.pair_ratio, at.temperature)
    return _Gates(kappa * (base + difference) / thermal, kappa * base / thermal, tail, specific, at)


def _tail_shape(s: Values, tail: Values, at: OperatingPoint) -> tuple[Values, Values]:
    """What a tail carries over what it was programmed to, and the derivative of the logarithm of that; s over U_T."""
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
    """Where the common source is if one transistor carries the tail, or both in weak inversion; over U_T."""
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
    """Common source and the node between the middle transistors, over U_T: two equations, Newton with the exact Jacobian."""
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
    """A Newton step: residuals at `gates`, Jacobian at `still`."""
    first, second = _bump_residuals(gates, s, m)[:2]
    a, b, c, e = _bump_residuals(still, s, m)[2:]
    determinant = a * e - b * c
    return (first * e - second * b) / determinant, (second * a - first * c) / determinant


def _bump_residuals(gates: _Gates, s: Values, m: Values) -> tuple[Values, ...]:
    """Kirchhoff's law at the common source and at the middle node, as logarithms of ratios, and their four derivatives."""
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
    """The zero of `residual` (which gives value and slope); differentiable in what the residual depends on."""
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
