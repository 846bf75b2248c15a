"""Imperfections of chips relative to the programmed network, drawn at random from a seed.

`Programming`, `ReadNoise`, `Mismatch`, `Retention` and `Temperature` can be combined freely; each has its own random stream, so
leaving one out does not change the draws of the others. `chips` draws and evaluates them, `calibration` compensates some of them,
`yields` computes yields. The defaults are assumptions; acceptance is measured at 1 % and 0.3 %.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, final

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.analog.chips import Chips, Imperfection
from splinework.hardware.analog.ekv import (
    BOLTZMANN_OVER_CHARGE,
    NOMINAL,
    ZERO_CELSIUS,
    AnalogTechnology,
    inversion,
    specific_current,
    thermal_voltage,
    voltage_of,
)
from splinework.hardware.analog.network import AnalogNetwork, Floats


@final
@dataclass(frozen=True)
class Programming(Imperfection):
    """Programming errors of cells: currents `I (1 + ε)` and centres `V_m + δ`, normally distributed.

    Attributes:
        gain: Standard deviation of ε; Guo et al. (2017) tune cells to about 1 %.
        centre: Standard deviation of δ in V.
    """

    gain: float = 0.01
    centre: float = 0.5e-3
    stream: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _not_negative("programming", gain=self.gain, centre=self.centre)

    def disturb(self, before: Chips, network: AnalogNetwork, rows: int, random: np.random.Generator) -> Chips:
        elements, nodes = (before.count, 1, network.element_count), (before.count, 1, network.node_count)
        return _with(
            before,
            gain_error=self.gain * random.standard_normal(elements),
            centre_shift=self.centre * random.standard_normal(elements),
            offset_error=self.gain * random.standard_normal(nodes),
        )


@final
@dataclass(frozen=True)
class ReadNoise(Imperfection):
    """White noise at every sum.

    Attributes:
        span: Standard deviation relative to the sum's span.
    """

    span: float = 0.003
    stream: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _not_negative("read noise", span=self.span)

    def disturb(self, before: Chips, network: AnalogNetwork, rows: int, random: np.random.Generator) -> Chips:
        noise = self.span * random.standard_normal((before.count, rows, network.node_count))
        return _with(before, read_noise=noise)


@final
@dataclass(frozen=True)
class Mismatch(Imperfection):
    """Transistor mismatch: thresholds by Pelgrom's law `A_VT / √(W L)`, κ, mirrors and transresistances.

    Programming compensates the effect of thresholds on currents and centres up to the share `residual`.

    Attributes:
        kappa: Relative standard deviation of κ.
        matching: Matching constant A_VT in V·µm.
        width: Channel width W in µm.
        length: Channel length L in µm.
        residual: Remaining share of the threshold mismatch: 0 after programming, 1 before.
        node_gain: Relative standard deviation of the sums' gains.
        node_offset: Standard deviation of the sums' offsets relative to their spans.
    """

    kappa: float = 0.01
    matching: float = 8e-3
    width: float = 10.0
    length: float = 2.0
    residual: float = 0.0
    node_gain: float = 0.0
    node_offset: float = 0.0
    stream: ClassVar[int] = 3

    def __post_init__(self) -> None:
        _not_negative("mismatch", kappa=self.kappa, matching=self.matching, residual=self.residual)
        _not_negative("mismatch of nodes", node_gain=self.node_gain, node_offset=self.node_offset)
        if not (self.width > 0 and self.length > 0):
            raise ConfigError(
                f"width and length of transistors must be above 0, got {self.width} and {self.length} µm."
            )

    @property
    def threshold(self) -> float:
        """Standard deviation of V_T0 in V, before programming."""
        return float(self.matching / np.sqrt(self.width * self.length))

    def disturb(self, before: Chips, network: AnalogNetwork, rows: int, random: np.random.Generator) -> Chips:
        elements, nodes = (before.count, 1, network.element_count), (before.count, 1, network.node_count)
        left = self.residual * self.threshold
        tails, pairs = left * random.standard_normal(elements), np.sqrt(2) * left * random.standard_normal(elements)
        kappa = np.exp(self.kappa * random.standard_normal(elements))
        constants = left * random.standard_normal(nodes)
        dividers = np.array([e.divider for layer in network.layers for e in layer.elements])
        parameters, technology = network.parameters(), network.technology
        return _with(
            before,
            gain_error=_moved(parameters.gains, -tails, technology),
            offset_error=_moved(parameters.offsets, -constants, technology),
            centre_shift=pairs / dividers,
            kappa_factor=kappa,
            node_gain=self.node_gain * random.standard_normal(nodes),
            node_offset=self.node_offset * random.standard_normal(nodes),
        )


@dataclass(frozen=True)
class RetentionLaw:
    """The charge leakage law `v(t) = v(0) exp(−t / τ(T))`, `τ(T) = τ_ref exp(E_a / k (1/T − 1/T_ref))`.

    The defaults fit two published points: 0.5 µV of 0.1 V (the programmed voltage is our assumption) in 10 years at
    55 °C (Srinivasan et al. 2007), and half a step of 6 bits in 15 years at 125 °C (older parts).

    Attributes:
        years: Time constant τ_ref in years at `celsius`.
        celsius: Reference temperature in °C.
        activation: Activation energy E_a in eV.
        spread: Standard deviation of ln τ between cells.
    """

    years: float = 2.0e6
    celsius: float = 55.0
    activation: float = 1.1176
    spread: float = 0.5

    def __post_init__(self) -> None:
        if not (self.years > 0 and self.activation > 0 and self.spread >= 0):
            raise ConfigError(
                f"retention needs years > 0, an activation > 0 eV and a spread >= 0, got {self.years}, {self.activation} and "
                f"{self.spread}."
            )

    def lifetime(self, celsius: float) -> float:
        """The time constant τ in years at a temperature in °C.

        >>> law = RetentionLaw()
        >>> round(0.1e6 * (1 - law.kept(10, 55.0)), 2)  # microvolts of 0.1 V in 10 years
        0.5
        """
        if celsius <= -ZERO_CELSIUS:
            raise ConfigError(f"temperatures must be above {-ZERO_CELSIUS} °C, got {celsius}.")
        inverse = 1 / (celsius + ZERO_CELSIUS) - 1 / (self.celsius + ZERO_CELSIUS)
        return float(self.years * np.exp(self.activation / BOLTZMANN_OVER_CHARGE * inverse))

    def kept(self, years: float, celsius: float) -> float:
        """The share of the charge that remains after a number of years at a temperature in °C."""
        if years < 0:
            raise ConfigError(f"years must not be negative, got {years}.")
        return float(np.exp(-years / self.lifetime(celsius)))


@final
@dataclass(frozen=True)
class Retention(Imperfection):
    """Charge leakage: stored voltages decay by the factor `kept = e^(−t/τ(T))`, each cell with its own τ.

    A pair stores `V_cm − divider · V_m`; a tail stores `stored` volts at the reference current, plus the voltage that sets its
    current; the reference that drives the tails' common gate is such a cell with the mean τ.

    Attributes:
        years: Years since programming.
        celsius: Storage temperature in °C.
        law: Leakage law τ(T).
        stored: Stored voltage of the reference in V.
    """

    years: float = 10.0
    celsius: float = 55.0
    law: RetentionLaw = field(default_factory=RetentionLaw)
    stored: float = 1.0
    stream: ClassVar[int] = 4

    def __post_init__(self) -> None:
        self.law.kept(self.years, self.celsius)  # raises if out of range

    def disturb(self, before: Chips, network: AnalogNetwork, rows: int, random: np.random.Generator) -> Chips:
        elements, nodes = (before.count, 1, network.element_count), (before.count, 1, network.node_count)
        lifetimes = self.years / self.law.lifetime(self.celsius)

        def lost(size: tuple[int, int, int]) -> Floats:
            shares: Floats = -np.expm1(-lifetimes * np.exp(self.law.spread * random.standard_normal(size)))
            return shares

        pairs, tails, constants = lost(elements), lost(elements), lost(nodes)
        reference = -np.expm1(-lifetimes)
        parameters, technology = network.parameters(), network.technology
        divider = np.array([e.divider for layer in network.layers for e in layer.elements])
        stored = technology.common_mode - divider * parameters.centres

        def tail_shift(currents: Floats, share: Floats) -> Floats:
            volts: Floats = self.stored * (reference - share) - share * _apart(currents, technology)
            return volts

        return _with(
            before,
            centre_shift=pairs * stored / divider,
            gain_error=_moved(parameters.gains, tail_shift(parameters.gains, tails), technology),
            offset_error=_moved(parameters.offsets, tail_shift(parameters.offsets, constants), technology),
        )


@final
@dataclass(frozen=True)
class Temperature(Imperfection):
    """The operating temperature of the chip.

    Attributes:
        celsius: Temperature in °C.
        spread: Half-width in °C of the uniform distribution of the temperature of each draw; all chips of a draw share it.
    """

    celsius: float = 27.0
    spread: float = 0.0
    stream: ClassVar[int] = 5

    def __post_init__(self) -> None:
        _not_negative("temperature", spread=self.spread)
        if self.celsius - self.spread <= -ZERO_CELSIUS:
            raise ConfigError(f"temperatures must be above {-ZERO_CELSIUS} °C, got {self.celsius} ± {self.spread}.")

    def disturb(self, before: Chips, network: AnalogNetwork, rows: int, random: np.random.Generator) -> Chips:
        celsius = self.celsius + self.spread * random.uniform(-1, 1)
        return replace(before, temperature=celsius + ZERO_CELSIUS)


def _with(before: Chips, **errors: Floats) -> Chips:
    """Adds further errors: relative errors and factors multiply, the others add."""
    p, fields = before.perturbation, {}
    for name, values in errors.items():
        old = getattr(p, name)
        if name in ("gain_error", "offset_error", "node_gain"):
            fields[name] = (1 + old) * (1 + values) - 1
        else:
            fields[name] = old * values if name == "kappa_factor" else old + values
    return replace(before, perturbation=replace(p, **fields))


def _apart(currents: Floats, technology: AnalogTechnology) -> Floats:
    """Gate voltages of tails in V relative to that of the reference, a quarter of the node current."""
    size = np.maximum(np.abs(currents), 1e-18) / specific_current(technology, technology.tail_ratio)
    reference = technology.node_current / 4 / specific_current(technology, technology.tail_ratio)
    volts: Floats = thermal_voltage(NOMINAL) / technology.kappa * (voltage_of(size) - float(voltage_of(reference)))
    return volts


def _moved(currents: Floats, volts: Floats, technology: AnalogTechnology) -> Floats:
    """Relative changes of tail currents for changes of their gate voltages."""
    specific = specific_current(technology, technology.tail_ratio)
    size = np.maximum(np.abs(currents), 1e-18) / specific
    changed: Floats = inversion(voltage_of(size) + technology.kappa / thermal_voltage(NOMINAL) * volts) / size - 1
    return changed


def _not_negative(what: str, **values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ConfigError(f"{name} of {what} must be 0 or more, got {value}.")


ACCEPTANCE: Final[tuple[Imperfection, ...]] = (Programming(), ReadNoise())
"""1 % programming error with 0.5 mV at the centres, and 0.3 % read noise."""
