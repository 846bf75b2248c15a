"""The EKV model of a floating-gate transistor over temperature, and the technology parameters.

`I = I_s [F(p - v_S) - F(p - v_D)]` with `F(x) = ln²(1 + e^{x/2})`, `p = κ (V_FG - V_T0) / U_T`, all voltages from the bulk
(Enz, Krummenacher, Vittoz 1995); `V_FG = Σ (C_i/C_T) V_i + Q/C_T`. Weak inversion is exponential, strong inversion quadratic,
with a smooth transition. Every function takes NumPy arrays or torch tensors of float64 and is differentiable in torch.

The other modules of `analog` build on `AnalogTechnology` and the functions here; circuits of transistors are in `circuits`. The
numbers are assumptions for a generic 350 nm process, not measurements.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError

Values: TypeAlias = Any
"""A NumPy array or torch tensor of float64, or a number; results are of the type of the arguments."""

NOMINAL: Final = 300.15
"""Nominal temperature in K (27 °C), at which a technology's parameters hold and networks are programmed."""

BOLTZMANN_OVER_CHARGE: Final = 8.617333262e-5
"""k/q in V/K."""

ZERO_CELSIUS: Final = 273.15
"""0 °C in K."""

TAIL_LAWS: Final = ("reference", "charge")
SPAN_LAWS: Final = ("fixed", "ptat", "ptat-centres")
_POSITIVE: Final = (
    *("kappa", "threshold", "threshold_p", "specific_current", "specific_current_p", "pair_ratio", "tail_ratio"),
    *("mirror_ratio", "multiplier_ratio", "bump_ratio", "divider_min", "current_min", "node_current"),
    *("product_current", "supply"),
)


@dataclass(frozen=True)
class AnalogTechnology:
    """Parameters of a process and limits of its floating-gate cells; all defaults are assumptions for a generic 350 nm process.

    Attributes:
        name: Name used in files.
        kappa: Gate coupling κ = 1/n.
        threshold: V_T0 of the n-channel transistors in V, at 27 °C, for a gate without charge.
        threshold_p: Magnitude of V_T0 of the p-channel transistors (mirrors) in V.
        threshold_slope: dV_T0/dT in V/K, negative.
        specific_current: `2 n µ C_ox U_T²` in A of a square (W/L = 1) n-channel transistor at 27 °C.
        specific_current_p: The same for p-channel.
        mobility_exponent: Mobility goes as `T^-m`, so that `I_s(T) = I_s (T/T_0)^(2-m)`.
        conductance: λ in 1/V: currents grow by `1 + λ V_DS`.
        pair_ratio: W/L of the transistors of differential pairs and of a bump circuit's outer ones.
        tail_ratio: W/L of the tail transistors.
        mirror_ratio: W/L of the transistors of the current mirrors at the nodes.
        multiplier_ratio: W/L of the transistors of translinear multipliers: wide, to stay in weak inversion.
        bump_ratio: S, W/L of a bump circuit's middle transistors relative to its outer ones.
        divider_min: Smallest C_in/C_T of a floating gate's input: the widest tanh.
        divider_max: Largest C_in/C_T: the narrowest tanh, of width `2 U_T / (κ C_in/C_T)`.
        divider_step: Raster of C_in/C_T (unit capacitors); 0 for none.
        current_min: Smallest programmable tail current in A.
        current_max: Largest programmable tail current in A.
        node_current: Current in A for the span of the widest edge into a node.
        product_current: Current in A for the full scale of a multiplier's factor.
        supply: V_DD in V.
        input_low: Lowest voltage of an input's span in V.
        input_high: Highest voltage of an input's span in V.
        common_mode: Voltage in V at which the gates of a pair balance.
        drain_drop: V_DD minus the drain voltage of the pairs, which cascodes hold, in V.
        tail_law: Temperature dependence of tail currents: `reference` (constant, each referred to a temperature-independent
            reference) or `charge` (one reference sets the common gate, stored charges the ratios, which in weak inversion
            change as `r^(T_0/T)`).
        span_law: Temperature dependence of the nodes' voltage spans: `fixed`, `ptat` (proportional to T about their middles) or
            `ptat-centres` (centres of the elements too, as fractions of a PTAT reference instead of charges).

    Raises:
        ConfigError: If a value is out of range or unknown.
    """

    name: str = "generic-350nm"
    kappa: float = 0.7
    threshold: float = 0.5
    threshold_p: float = 0.65
    threshold_slope: float = -1.0e-3
    specific_current: float = 3.2e-7
    specific_current_p: float = 1.0e-7
    mobility_exponent: float = 1.5
    conductance: float = 0.02
    pair_ratio: float = 10.0
    tail_ratio: float = 2.0
    mirror_ratio: float = 60.0
    multiplier_ratio: float = 100.0
    bump_ratio: float = 4.0
    divider_min: float = 0.1
    divider_max: float = 1.0
    divider_step: float = 1 / 32
    current_min: float = 1.0e-10
    current_max: float = 1.0e-6
    node_current: float = 4.0e-7
    product_current: float = 1.0e-8
    supply: float = 3.3
    input_low: float = 1.2
    input_high: float = 2.1
    common_mode: float = 1.2
    drain_drop: float = 0.9
    tail_law: str = "reference"
    span_law: str = "fixed"

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            if not 0 < getattr(self, name) < np.inf:
                raise ConfigError(f"a technology's {name} must be positive and finite, got {getattr(self, name)!r}.")
        if not 0 <= self.conductance < 0.5:
            raise ConfigError(f"conductance (λ in 1/V) must be from 0 to 0.5, got {self.conductance!r}.")
        if not self.divider_min <= self.divider_max <= 1 or self.divider_step < 0:
            raise ConfigError(
                f"expected divider_min <= divider_max <= 1 and divider_step >= 0; "
                f"got {self.divider_min!r}, {self.divider_max!r} and {self.divider_step!r}."
            )
        if not self.current_min < self.current_max:
            raise ConfigError(f"current_min must be below current_max, got {self.current_min!r}, {self.current_max!r}.")
        if not 0 <= self.input_low < self.input_high <= self.supply:
            raise ConfigError(
                f"expected 0 <= input_low < input_high <= {self.supply:g} V, the supply; "
                f"got {self.input_low!r} and {self.input_high!r}."
            )
        for key, laws in (("tail_law", TAIL_LAWS), ("span_law", SPAN_LAWS)):
            if getattr(self, key) not in laws:
                raise ConfigError(f"{key} is one of {', '.join(laws)}, got {getattr(self, key)!r}.")

    @property
    def drain(self) -> float:
        """Drain voltage of the pairs in V."""
        return self.supply - self.drain_drop

    @property
    def balance(self) -> float:
        """Approximate voltage in V of the common source of a balanced pair, at which tails are programmed."""
        return self.kappa * (self.common_mode - self.threshold)

    @property
    def output(self) -> float:
        """Voltage in V of the virtual ground of a node's current."""
        return self.supply / 2

    def width(self, divider: float = 1.0, temperature: float = NOMINAL) -> float:
        """Width `2 U_T / (κ C_in/C_T)` in V of an ideal tanh."""
        return 2 * thermal_voltage(temperature) / (self.kappa * divider)


GENERIC: Final = AnalogTechnology()
"""The default technology."""


def thermal_voltage(temperature: float) -> float:
    """U_T = kT/q in V at a temperature in K.

    Raises:
        ConfigError: If the temperature is not between 0 and 1000 K.

    >>> round(thermal_voltage(300.15), 5)
    0.02586
    """
    if not 0 < temperature < 1000:
        raise ConfigError(
            f"a temperature must be in kelvin, between 0 and 1000, got {temperature!r}; 27 °C is 300.15 K."
        )
    return BOLTZMANN_OVER_CHARGE * temperature


def threshold(technology: AnalogTechnology, temperature: float = NOMINAL, *, channel: str = "n") -> float:
    """V_T0(T) in V, linear in T; see `AnalogTechnology.threshold_slope`."""
    start = technology.threshold if channel == "n" else technology.threshold_p
    return start + technology.threshold_slope * (temperature - NOMINAL)


def specific_current(
    technology: AnalogTechnology, ratio: float, temperature: float = NOMINAL, *, channel: str = "n"
) -> float:
    """I_s(T) in A of a transistor of the given W/L, `I_s (W/L) (T/T_0)^(2-m)`, proportional to `U_T²` and the mobility."""
    square = technology.specific_current if channel == "n" else technology.specific_current_p
    growth: float = (temperature / NOMINAL) ** (2 - technology.mobility_exponent)
    return square * ratio * growth


def like(values: Values, numbers: Any) -> Values:
    """Numbers as an array or tensor of the type of some values; tensors keep their gradients."""
    if not isinstance(values, Tensor):
        return np.asarray(numbers, dtype=np.float64)
    plain = numbers if isinstance(numbers, Tensor) else np.asarray(numbers, dtype=np.float64)
    return torch.as_tensor(plain, dtype=values.dtype, device=values.device)


def softplus(x: Values) -> Values:
    """`ln(1 + e^x)` without overflow and with full relative accuracy."""
    if isinstance(x, Tensor):
        return torch.nn.functional.softplus(x, threshold=36.0)  # beyond, e^-x is below the last bit
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def tanh(x: Values) -> Values:
    """Hyperbolic tangent."""
    return torch.tanh(x) if isinstance(x, Tensor) else np.tanh(x)


def log(x: Values) -> Values:
    """Natural logarithm."""
    return torch.log(x) if isinstance(x, Tensor) else np.log(x)


def inversion(x: Values) -> Values:
    """`F(x) = ln²(1 + e^{x/2})`: forward or reverse current over I_s at the normalised voltage x."""
    return softplus(x * 0.5) ** 2


def inversion_and_slope(x: Values) -> tuple[Values, Values]:
    """`F(x)` and `F'(x) = ln(1 + e^{x/2}) / (1 + e^{-x/2})`, sharing one exponential."""
    half = x * 0.5
    if isinstance(half, Tensor):
        root = softplus(half)
        return root**2, root * torch.sigmoid(half)
    small = np.exp(-np.abs(half))
    root = np.maximum(half, 0.0) + np.log1p(small)
    return root * root, root * np.where(half >= 0, 1.0, small) / (1.0 + small)


def voltage_of(current: Values) -> Values:
    """The inverse of `inversion`, `x = 2 ln(e^{√i} - 1)`, for a positive current over I_s."""
    root = current**0.5
    if isinstance(root, Tensor):
        return 2 * (root + torch.log(-torch.expm1(-root)))
    return 2 * (root + np.log(-np.expm1(-root)))


def channel_factor(voltage: Values, conductance: float, thermal: float) -> Values:
    """`1 + λ |V_DS|`, smoothed at V_DS = 0 as `1 + λ V tanh(V / 2U_T)`, so that source and drain can swap."""
    return 1 + conductance * voltage * tanh(voltage / (2 * thermal))


def channel_and_slope(voltage: Values, conductance: float, thermal: float) -> tuple[Values, Values]:
    """`channel_factor` and its derivative with respect to the voltage."""
    half = voltage / (2 * thermal)
    t = tanh(half)
    return 1 + conductance * voltage * t, conductance * (t + half * (1 - t * t))


def tail_currents(tails: Values, technology: AnalogTechnology, temperature: float = NOMINAL) -> Values:
    """Currents in A, at a temperature, of tails programmed at 27 °C, by the technology's `tail_law`.

    For `charge`, the common gate voltage keeps a reference transistor at `node_current / 4`, and a tail differs from it by its
    charge, a constant voltage: `x(T) = g(I_ref / I_s(T)) + (T_0/T) [g(I / I_s(T_0)) - g(I_ref / I_s(T_0))]`.
    """
    if technology.tail_law == "reference" or temperature == NOMINAL:
        return tails
    cold = specific_current(technology, technology.tail_ratio)
    here = specific_current(technology, technology.tail_ratio, temperature)
    reference = technology.node_current / 4
    charge = voltage_of(tails / cold) - float(voltage_of(reference / cold))
    return here * inversion(float(voltage_of(reference / here)) + NOMINAL / temperature * charge)


def clamp_to_rails(voltage: Values, technology: AnalogTechnology, shift: float = 0.0) -> Values:
    """Output of a driver for a wanted voltage, clipped smoothly (over 25 mV) at the rails.

    The upper rail is the technology's V_DD plus a shift, in V.
    """
    soft, high = RAIL_SOFTNESS, technology.supply + shift
    return soft * (softplus(voltage / soft) - softplus((voltage - high) / soft))


RAIL_SOFTNESS: Final = 0.025
"""Voltage range in V over which a driver's output saturates at a rail."""
