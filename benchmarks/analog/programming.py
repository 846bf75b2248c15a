"""Write and verify: which pulses bring floating-gate cells to their values, chosen from what earlier pulses did.

After each pulse the cell is read. A model of its injection, `ln(rate) = s + β (V_DS − V_ref) + α ln(I / I_ref)`, is corrected by
a Kalman filter in `(s, β)` for each cell; the next pulse aims as close to the target as the model's uncertainty and the
randomness of pulses allow without passing it; a cell that passed it is erased and begins again, knowing more. The scheme is that
of Bandyopadhyay, Serrano and Hasler (2006) with the filter in the place of their fixed polynomial. Cells are in `memory`.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.analog.memory import Cell, CellArray, Floats, Mask, product_for
from splinework.hardware.analog.ekv import NOMINAL, thermal_voltage

Integers = NDArray[np.int64]
READOUTS: Final = ("current", "voltage")


@dataclass(frozen=True)
class Readout:
    """The quantity that is the value of a cell, from 0 to 1.

    Attributes:
        kind: `current`: the channel's current over full scale, as weights use it; `voltage`: the gate's voltage, as centres do.
        full: Full scale, amperes of a current.
        low: Voltage that is 0, of a voltage.
        high: Voltage that is 1, of a voltage.
    """

    kind: Literal["current", "voltage"] = "current"
    full: float = 100e-9
    low: float = 0.15
    high: float = 0.85

    def measure(self, array: CellArray, reads: int, which: Mask | None = None) -> Floats:
        """Measured values, `(n,)`; NaN for cells that are not asked."""
        if self.kind == "current":
            return array.read(reads, which) / self.full
        return (array.sense(reads, which) - self.low) / (self.high - self.low)

    def true(self, array: CellArray) -> Floats:
        """The values without noise, which only a simulation knows."""
        if self.kind == "current":
            return array.currents() / self.full
        return (array.shown() - self.low) / (self.high - self.low)

    def voltage(self, cell: Cell, values: ArrayLike) -> Floats:
        """The gate's voltage of a nominal cell with such values."""
        if self.kind == "current":
            return cell.voltage(np.asarray(values, dtype=np.float64) * self.full)
        voltages: Floats = self.low + np.asarray(values, dtype=np.float64) * (self.high - self.low)
        return voltages


@dataclass(frozen=True)
class Prior:
    """Prior knowledge of a cell's injection before its first pulse: means and standard deviations of `(s, β)`.

    Attributes:
        strength: Mean of s, the logarithm of the cell's strength over the nominal one.
        strength_spread: Standard deviation of s.
        slope: Mean of β = 1 / V_inj, per volt.
        slope_spread: Standard deviation of β.
    """

    strength: float = 0.0
    strength_spread: float = 0.4
    slope: float = 4.0
    slope_spread: float = 0.3


@dataclass(frozen=True)
class WriteVerify:
    """How cells are programmed.

    Attributes:
        bits: A cell is done when its value is measured within `accept` of half a step at this number of bits.
        accept: Share of half a step, so that what a measurement misses fits in, too.
        sigmas: How many standard deviations of the predicted step stay short of the target.
        pulse: Preferred length of a pulse, seconds.
        shortest: Shortest pulse, and the clock's period.
        longest: Longest pulse, seconds.
        drain_low: Lowest V_DS of a pulse, volts.
        drain_high: Highest V_DS.
        drain_step: Step of the converter that gives it.
        gate_step: Step of the converter that gives the gate's drive.
        channel: Channel current at which cells are injected, amperes; in strong inversion a pulse feeds back on itself less.
        coarse_reads: Readings that are averaged while a cell is far from its target.
        fine_reads: Readings near it.
        most_pulses: Largest number of pulses, erase pulses included; a cell that took it is left as it is.
        most_erases: Largest number of erase pulses; a cell that took it is left as it is when it overshoots again.
    """

    bits: int = 8
    accept: float = 0.75
    sigmas: float = 2.5
    pulse: float = 100e-6
    shortest: float = 1e-6
    longest: float = 10e-3
    drain_low: float = 4.0
    drain_high: float = 7.25
    drain_step: float = 0.025
    gate_step: float = 0.01
    channel: float = 2e-6
    coarse_reads: int = 1
    fine_reads: int = 16
    most_pulses: int = 60
    most_erases: int = 3

    @property
    def tolerance(self) -> float:
        """Half a step, as a share of full scale."""
        return float(0.5 / (2**self.bits - 1))


@dataclass(frozen=True, eq=False)
class Programmed:
    """The result of a programming, for n cells.

    Attributes:
        targets: `(n,)`, from 0 to 1.
        measured: `(n,)`, last measurements.
        values: `(n,)`, what the cells really hold: known because they are simulated.
        pulses: `(n,)`, erase pulses included.
        erases: `(n,)`, erase pulses.
        reached: `(n,)`, whether the measurement was within the tolerance.
        errors: `(p + 1, n)`, value minus target after 0 to p pulses.
        seconds: `(n,)`, time of all pulses, without readings.
    """

    targets: Floats
    measured: Floats
    values: Floats
    pulses: Integers
    erases: Integers
    reached: Mask
    errors: Floats
    seconds: Floats

    def within(self, bits: int) -> float:
        """The share of cells whose value is really within half a step of `bits` bits."""
        return float((np.abs(self.values - self.targets) <= 0.5 / (2**bits - 1)).mean())


class _Filter:
    """The Kalman filter of each cell's `(s, β)`."""

    def __init__(self, prior: Prior, cell: Cell, count: int) -> None:
        self.cell = cell
        self.mean = np.tile([prior.strength, prior.slope], (count, 1))
        self.spread = np.tile(np.diag([prior.strength_spread**2, prior.slope_spread**2]), (count, 1, 1))

    @property
    def alpha(self) -> Floats:
        """The exponent of the channel's current that goes with each slope."""
        return 1 - thermal_voltage(NOMINAL) * self.mean[:, 1]

    def known(self, current: Floats) -> Floats:
        """The part of ln(rate) that needs no estimate."""
        cell = self.cell
        start = float(np.log(cell.injection / cell.capacitance))
        return start + self.alpha * np.log(current / cell.reference_current)

    def predict(self, drain: Floats) -> tuple[Floats, Floats]:
        """Mean and variance of `s + β (V_DS − V_ref)`."""
        row = np.stack([np.ones_like(drain), drain - self.cell.reference_voltage], axis=1)
        return (row * self.mean).sum(axis=1), np.einsum("ni,nij,nj->n", row, self.spread, row)

    def update(self, drain: Floats, seen: Floats, variance: Floats, which: Mask) -> None:
        """Takes in what a pulse did to the cells chosen."""
        row = np.stack([np.ones_like(drain), drain - self.cell.reference_voltage], axis=1)
        mean, predicted_variance = self.predict(drain)
        carried = np.einsum("nij,nj->ni", self.spread, row)
        gain = carried / (predicted_variance + variance)[:, None]
        mean_new = self.mean + gain * (seen - mean)[:, None]
        self.mean = np.where(which[:, None], mean_new, self.mean)
        self.mean[:, 1] = np.maximum(self.mean[:, 1], 0.5)
        spread_new = self.spread - gain[:, :, None] * carried[:, None, :]
        self.spread = np.where(which[:, None, None], spread_new, self.spread)


class _Run:
    """One programming of an array: what is known of each cell, pulse by pulse."""

    def __init__(self, array: CellArray, targets: Floats, recipe: WriteVerify, readout: Readout, prior: Prior) -> None:
        self.array, self.targets, self.recipe, self.readout = array, targets, recipe, readout
        count = len(array)
        self.filter = _Filter(prior, array.cell, count)
        self.aim = readout.voltage(array.cell, targets)
        # What the tolerance is at the gate, on the upper side of the target.
        self.room = readout.voltage(array.cell, targets + recipe.accept * recipe.tolerance) - self.aim
        self.near = np.maximum(20 * self.room, 0.01)
        self.pulses, self.erases = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self.seconds = np.zeros(count)
        self.seen = readout.measure(array, recipe.coarse_reads)
        self.noise = np.full(count, array.cell.read_noise / np.sqrt(recipe.coarse_reads))
        self.done: Mask = np.zeros(count, dtype=np.bool_)

    def look(self, which: Mask) -> None:
        """Reads cells: once, and those that are near their target carefully."""
        for reads in (self.recipe.coarse_reads, self.recipe.fine_reads):
            if reads == self.recipe.fine_reads:
                which = which & (self.aim - self.readout.voltage(self.array.cell, self.seen) < self.near)
            self.seen = np.where(which, self.readout.measure(self.array, reads, which), self.seen)
            self.noise = np.where(which, self.array.cell.read_noise / np.sqrt(reads), self.noise)

    def judge(self) -> tuple[Mask, Mask]:
        """The cells that need an injection, and those that need an erase pulse."""
        recipe = self.recipe
        off = self.seen - self.targets
        self.done |= np.abs(off) <= recipe.accept * recipe.tolerance
        going = ~self.done & (self.pulses < recipe.most_pulses)
        over = going & (off > 0)
        return going & ~over, over & (self.erases < recipe.most_erases)

    def erase(self, which: Mask) -> None:
        """Takes cells back to the start."""
        self.array.erase(which)
        self.erases += which
        self.pulses += which
        self.seconds += which * self.array.cell.erase_seconds

    def inject(self, which: Mask) -> tuple[Floats, Floats, Floats, Floats]:
        """One pulse each, as the model advises; returns what is needed to learn from it."""
        recipe, cell, known = self.recipe, self.array.cell, self.filter
        v = self.readout.voltage(cell, self.seen)
        gate = np.round((cell.voltage(recipe.channel) - v) / recipe.gate_step) * recipe.gate_step
        start = v + gate
        slope = known.alpha * cell.steepness(start)
        base = known.known(cell.current(start))
        deviation = np.sqrt(cell.pulse_spread**2 + known.spread[:, 0, 0])
        for _ in range(2):  # the deviation depends on the voltage, which depends on the step
            # A pulse stronger by `sigmas` than predicted must still end within the tolerance, feedback included.
            gap = np.maximum(self.aim - v, 0.25 * self.room)
            careful = np.log(product_for(gap + self.room, slope)) - recipe.sigmas * deviation
            wanted = np.minimum(np.log(product_for(gap, slope)), careful) - base
            ideal = cell.reference_voltage + (wanted - np.log(recipe.pulse) - known.mean[:, 0]) / known.mean[:, 1]
            drain = np.round(ideal / recipe.drain_step) * recipe.drain_step
            drain = np.clip(drain, recipe.drain_low, recipe.drain_high)
            mean, variance = known.predict(drain)
            deviation = np.sqrt(cell.pulse_spread**2 + variance)
        clock = np.maximum(np.floor(np.exp(wanted - mean) / recipe.shortest), 1)
        seconds = np.minimum(clock * recipe.shortest, recipe.longest)
        self.array.inject(drain, gate, seconds, which)
        self.pulses += which
        self.seconds += which * seconds
        return v, drain, base + np.log(seconds), slope

    def learn(self, which: Mask, pulse: tuple[Floats, Floats, Floats, Floats], before: Floats) -> None:
        """Corrects the model of cells by the effect of the pulse, where that stands out from noise."""
        v, drain, known, slope = pulse
        noise = np.hypot(before, self.noise)
        moved = self.readout.voltage(self.array.cell, self.seen) - v
        clear = which & (moved > 3 * noise)
        product = product_for(np.maximum(moved, 1e-9), slope)
        variance = self.array.cell.pulse_spread**2 + (noise / np.maximum(moved, 1e-9)) ** 2
        self.filter.update(drain, np.log(np.maximum(product, 1e-12)) - known, variance, clear)


def program(
    array: CellArray,
    targets: ArrayLike,
    recipe: WriteVerify | None = None,
    *,
    readout: Readout | None = None,
    prior: Prior | None = None,
    which: Mask | None = None,
) -> Programmed:
    """Brings cells to values by pulses of injection, verified one by one; cells above their target are erased first.

    Args:
        array: The cells, which change.
        targets: `(n,)`, from 0 to 1.
        recipe: How cells are programmed; None means the defaults.
        readout: Quantity that is the value of a cell.
        prior: Prior knowledge of the cells' injection; `characterise` measures it.
        which: The cells that are programmed; None for all. The others take no pulse.
    """
    recipe, readout, prior = recipe or WriteVerify(), readout or Readout(), prior or Prior()
    wanted = np.asarray(targets, dtype=np.float64)
    run = _Run(array, wanted, recipe, readout, prior)
    chosen = np.ones(len(array), dtype=np.bool_) if which is None else which
    run.look(chosen)
    errors = [readout.true(array) - wanted]
    while True:
        injected, erased = (cells & chosen for cells in run.judge())
        if not (injected.any() or erased.any()):
            break
        before = run.noise.copy()
        run.erase(erased)
        pulse = run.inject(injected)
        run.look(injected | erased)
        run.learn(injected, pulse, before)
        errors.append(readout.true(array) - wanted)
    return Programmed(
        wanted, run.seen, readout.true(array), run.pulses, run.erases, run.done, np.array(errors), run.seconds
    )
