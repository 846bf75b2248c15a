"""Floating-gate memory cells: how charge comes on, goes off, wears and leaks, cell by cell.

The state of a cell is `v = −Q / C_T` in volts: electrons on the gate of a pFET, so more `v` is more current. Laws:

- channel   `I(v, g) = I_s ln²(1 + exp(κ (v + g − v_on) / 2U_T))` (EKV, saturated), g the gate's drive;
- injection `C_T dv/dt = I_inj (I / I_ref)^α exp((V_DS − V_ref) / V_inj)`, `α = 1 − U_T / V_inj`
  (Hasler, Minch and Diorio 1999; for all currents Duffy and Hasler 2007);
- tunnelling `C_T dv/dt = −I_tun (V_ox / V_f)² exp(−V_f / V_ox)`, `V_ox = V_tun + v` (Lenzlinger and Snow 1969);
- retention as in `imperfections`.

Each pulse has a random strength and the shot noise of its electrons. The numbers are those of a generic 350 nm process and are
assumptions, not measurements of a chip. Not here: which pulses to give (`programming`).
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinework.hardware.analog.ekv import (
    NOMINAL,
    ZERO_CELSIUS,
    inversion,
    inversion_and_slope,
    thermal_voltage,
    voltage_of,
)
from splinework.hardware.analog.imperfections import RetentionLaw

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ELECTRON: Final = 1.602176634e-19
"""Charge of an electron, coulombs."""
_SUBSTEPS: Final = 8
_MOST_STEP: Final = 2.0
"""Volts that one pulse moves a gate at most: before that the floating gate meets the drain and injection stops."""


@dataclass(frozen=True)
class Cell:
    """Properties that all cells of a process share. Voltages in volts, currents in amperes, capacitances in farads.

    Attributes:
        capacitance: C_T, all that hangs on the floating gate.
        kappa: κ of the read transistor.
        specific_current: I_s of the read transistor.
        on: v_on, where weak inversion ends at the gate's drive for reading.
        low: Where erasing ends, on the average.
        high: The largest v that injection may give.
        injection: I_inj at the reference current and voltage.
        reference_current: I_ref.
        reference_voltage: V_ref.
        injection_voltage: V_inj.
        tunnelling: I_tun: 1.25 µA/V² times the square of the oxide's field, over half a square micrometre; no real current.
        tunnelling_voltage: V_f, thickness times field of the oxide (7.6 nm and 25 GV/m).
        erase_voltage: Voltage of the tunnelling line in an erase pulse, volts over an empty gate.
        erase_seconds: Length of an erase pulse; it takes a cell from `high` to `low`, where erase-verify stops it.
        strength_spread: Standard deviation of ln I_inj from cell to cell.
        slope_spread: Relative spread of V_inj from cell to cell.
        kappa_spread: Relative spread of κ from cell to cell.
        low_spread: Spread of the erased voltage from cell to cell, volts, as thresholds and oxides differ.
        pulse_spread: Relative spread of the strength of a pulse from pulse to pulse.
        read_noise: Noise of one reading, volts at the gate.
        wear_cycles: Erase cycles after which the window has lost `wear_loss` of its width.
        wear_loss: Share of the window.
        wear_power: Power law of that loss in the number of cycles.
        retention: How charge leaks.
    """

    capacitance: float = 100e-15
    kappa: float = 0.7
    specific_current: float = 500e-9
    on: float = 0.75
    low: float = 0.0
    high: float = 1.0
    injection: float = 1e-12
    reference_current: float = 100e-9
    reference_voltage: float = 6.0
    injection_voltage: float = 0.25
    tunnelling: float = 390.0
    tunnelling_voltage: float = 190.0
    erase_voltage: float = 7.5
    erase_seconds: float = 0.02
    strength_spread: float = 0.3
    slope_spread: float = 0.05
    kappa_spread: float = 0.01
    low_spread: float = 0.03
    pulse_spread: float = 0.1
    read_noise: float = 1e-4
    wear_cycles: float = 1e5
    wear_loss: float = 0.1
    wear_power: float = 0.6
    retention: RetentionLaw = field(default_factory=RetentionLaw)

    def current(self, v: ArrayLike, kappa: ArrayLike | None = None, *, celsius: float = 27.0) -> Floats:
        """The channel's current, amperes, at a floating-gate voltage and drive together."""
        slope = np.asarray(self.kappa if kappa is None else kappa) / thermal_voltage(celsius + ZERO_CELSIUS)
        result: Floats = self.specific_current * inversion(slope * (np.asarray(v, dtype=np.float64) - self.on))
        return result

    def voltage(self, current: ArrayLike) -> Floats:
        """The voltage that gives a current at 27 °C and nominal κ; currents of 0 and less count as 1e-18 A."""
        shares = np.maximum(np.asarray(current, dtype=np.float64), 1e-18) / self.specific_current
        result: Floats = self.on + thermal_voltage(NOMINAL) / self.kappa * voltage_of(shares)
        return result

    def steepness(self, v: ArrayLike) -> Floats:
        """The slope d ln I / dv, per volt, at 27 °C and nominal κ."""
        slope = self.kappa / thermal_voltage(NOMINAL)
        x = slope * (np.asarray(v, dtype=np.float64) - self.on)
        result: Floats = slope * inversion_and_slope(x)[1] / np.maximum(inversion(x), 1e-300)
        return result


class CellArray:
    """Cells with hidden differences, as a programmer meets them. Nothing but `read` should be looked at by an algorithm.

    Args:
        count: Number of cells.
        cell: Properties that all cells share.
        seed: Seed of all random numbers.
        stuck: Share of cells that are broken: half of them are off, half at some voltage, whatever is done.
    """

    def __init__(self, count: int, cell: Cell | None = None, *, seed: int, stuck: float = 0.0) -> None:
        self.cell = cell or Cell()
        self.random = np.random.default_rng(seed)
        normal = self.random.standard_normal
        self.strength: Floats = np.exp(self.cell.strength_spread * normal(count))
        self.injection_voltage: Floats = self.cell.injection_voltage * np.exp(self.cell.slope_spread * normal(count))
        self.kappa: Floats = np.minimum(1.0, self.cell.kappa * np.exp(self.cell.kappa_spread * normal(count)))
        self.own_low: Floats = self.cell.low + self.cell.low_spread * normal(count)
        self.leak: Floats = np.exp(-self.cell.retention.spread * normal(count))
        self.cycles: Floats = np.zeros(count)
        self.v: Floats = self.own_low.copy()
        broken = self.random.random(count) < stuck
        self.stuck: Mask = broken
        off, place = self.random.random(count) < 0.5, self.random.random(count)
        self.stuck_at: Floats = np.where(
            off, self.cell.low - 1.0, self.cell.low + place * (self.cell.high - self.cell.low)
        )
        self.celsius = 27.0

    def __len__(self) -> int:
        return len(self.v)

    def wear(self) -> Floats:
        """The share of the window that is lost, `(n,)`; injection weakens by as much."""
        return self.cell.wear_loss * (self.cycles / self.cell.wear_cycles) ** self.cell.wear_power

    def window(self) -> tuple[Floats, Floats]:
        """Lowest and highest voltage of each cell after its wear: both ends move in, by half of the loss."""
        width = self.cell.high - self.cell.low
        half = np.minimum(0.5 * self.wear(), 0.5) * width
        return self.own_low + half, self.cell.high - half

    def shown(self) -> Floats:
        """The voltages as they show: broken cells have their own."""
        return np.where(self.stuck, self.stuck_at, self.v)

    def currents(self) -> Floats:
        """True currents in the reading condition at the present temperature, amperes."""
        return self.cell.current(self.shown(), self.kappa, celsius=self.celsius)

    def read(self, reads: int = 1, which: Mask | None = None) -> Floats:
        """Measured currents, the mean of `reads` readings, amperes, `(n,)`; NaN for cells that are not read."""
        noise = self.cell.read_noise / np.sqrt(reads) * self.random.standard_normal(len(self))
        seen = self.cell.current(self.shown() + noise, self.kappa, celsius=self.celsius)
        return seen if which is None else np.where(which, seen, np.nan)

    def sense(self, reads: int = 1, which: Mask | None = None) -> Floats:
        """Measured voltages of the gates through a follower, the mean of `reads` readings; NaN for cells not read."""
        noise = self.cell.read_noise / np.sqrt(reads) * self.random.standard_normal(len(self))
        seen = self.shown() + noise
        return seen if which is None else np.where(which, seen, np.nan)

    def inject(self, drain: ArrayLike, gate: ArrayLike, seconds: ArrayLike, which: Mask | None = None) -> None:
        """One pulse of hot-electron injection.

        Args:
            drain: V_DS, volts, one for all or one for each cell.
            gate: The drive of the gate in the pulse over that for reading, volts.
            seconds: Length of the pulse.
            which: The cells that get it; None for all.
        """
        drain, gate, seconds = (self._each(a, n) for a, n in ((drain, "drain"), (gate, "gate"), (seconds, "seconds")))
        cell = self.cell
        random = np.exp(cell.pulse_spread * self.random.standard_normal(len(self)))
        aged = np.exp(-self.wear())
        alpha = 1 - thermal_voltage(self.celsius + ZERO_CELSIUS) / self.injection_voltage
        boost = np.exp((drain - cell.reference_voltage) / self.injection_voltage)
        scale = cell.injection / cell.capacitance * self.strength * random * aged * boost
        v = self.v.copy()
        for _ in range(_SUBSTEPS):
            current = cell.current(v + gate, self.kappa, celsius=self.celsius)
            rate = scale * (current / cell.reference_current) ** alpha
            v += growth(rate * seconds / _SUBSTEPS, alpha * cell.steepness(v + gate))
        electrons = np.maximum(v - self.v, 0) * cell.capacitance / ELECTRON
        v += np.sqrt(electrons) * ELECTRON / cell.capacitance * self.random.standard_normal(len(self))
        top = np.maximum(self.window()[1], self.v)
        self._move(np.clip(v, self.v, top), which)

    def tunnel(self, voltage: ArrayLike, seconds: ArrayLike, which: Mask | None = None) -> None:
        """One pulse of Fowler–Nordheim tunnelling, which takes electrons off; an erased cell stays at its lowest voltage.

        Args:
            voltage: Voltage of the tunnelling line, volts.
            seconds: Length of the pulse.
            which: The cells that get it; None for all, as an array with one tunnelling line has it.
        """
        voltage, seconds = self._each(voltage, "voltage"), self._each(seconds, "seconds")
        cell = self.cell
        field_ = cell.tunnelling_voltage
        random = np.exp(cell.pulse_spread * self.random.standard_normal(len(self)))
        v = self.v.copy()
        for _ in range(_SUBSTEPS):
            oxide = np.maximum(voltage + v, 1e-3)
            rate = cell.tunnelling / cell.capacitance * (oxide / field_) ** 2 * np.exp(-field_ / oxide) * random
            # The rate falls as v falls, about exponentially: the same closed form with the sign turned.
            v -= growth(rate * seconds / _SUBSTEPS, -(field_ / oxide**2 + 2 / oxide))
        self._move(np.maximum(v, np.minimum(self.window()[0], self.v)), which)

    def erase(self, which: Mask | None = None) -> None:
        """One tunnelling pulse at the erase voltage, and one cycle of wear."""
        chosen = np.ones(len(self), dtype=np.bool_) if which is None else which
        self.cycles = self.cycles + chosen
        self.tunnel(self.cell.erase_voltage, self.cell.erase_seconds, chosen)

    def cycle(self, times: float) -> None:
        """Wears every cell by `times` further program and erase cycles; the cells end erased."""
        self.cycles = self.cycles + times
        self._move(self.window()[0], None)

    def age(self, years: float, celsius: float) -> None:
        """Lets charge leak for years at a temperature."""
        law = self.cell.retention
        kept = law.kept(years, celsius) ** self.leak
        self.v = self.v * kept

    def _each(self, values: ArrayLike, name: str) -> Floats:
        array = np.asarray(values, dtype=np.float64)
        return np.broadcast_to(array, (len(self),))

    def _move(self, v: Floats, which: Mask | None) -> None:
        self.v = v if which is None else np.where(which, v, self.v)


def growth(product: Floats, slope: Floats) -> Floats:
    """The solution after time t of `dv/dt = r exp(a (v − v₀))`: `−ln(1 − a r t) / a`, at most 2 V.

    Args:
        product: r t, volts.
        slope: a, per volt; negative where the motion slows itself down.
    """
    inside = np.maximum(1 - slope * product, np.exp(-np.abs(slope) * _MOST_STEP))
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.where(np.abs(slope) * product < 1e-9, product, -np.log(inside) / slope)
    return np.minimum(moved, _MOST_STEP)


def product_for(step: Floats, slope: Floats) -> Floats:
    """The inverse of `growth`: r t that moves the gate by a step."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = np.where(np.abs(slope) * step < 1e-9, step, -np.expm1(-slope * step) / slope)
    return result
