"""Tables of coefficients in floating-gate cells: pairs for signs, scales for columns, spares for broken cells, calibration.

An entry is the difference of two cells' currents, `w = scale_c · g_c · (v⁺ − v⁻ + (u⁺ − u⁻) / ratio)`; the second pair (u), where
there is one, is programmed to what the first missed, as it was measured. A pair with one broken cell is saved by its partner
where that is possible, else a spare pair of the column takes its place; what is left over is named. Cells are in `memory`, pulses
in `programming`.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.analog.memory import Cell, CellArray, Floats, Mask
from benchmarks.analog.programming import Integers, Prior, Readout, WriteVerify, program


@dataclass(frozen=True)
class Mapping:
    """How a table is put into cells, and what the columns' amplifiers are like.

    Attributes:
        slices: Pairs of cells for an entry: 1, or 2 for more bits.
        ratio: Weight of the first pair over that of the second.
        ratio_spread: Relative spread of that ratio from entry to entry (a mirror's mismatch).
        spares: Spare pairs of each column (and slice).
        stuck: Share of cells that are broken.
        gain_spread: Relative spread of the columns' gains.
        offset_spread: Spread of the columns' offsets, as a share of full scale.
        calibrate: Whether the columns' gains and offsets are measured after programming and taken out.
        writing: How cells are programmed.
        cell: Properties that all cells share.
        readout: Full scale of a cell.
        verify_reads: Readings averaged when entries are measured.
    """

    slices: int = 1
    ratio: float = 16.0
    ratio_spread: float = 0.01
    spares: int = 2
    stuck: float = 0.0
    gain_spread: float = 0.02
    offset_spread: float = 0.002
    calibrate: bool = True
    writing: WriteVerify = field(default_factory=WriteVerify)
    cell: Cell = field(default_factory=Cell)
    readout: Readout = field(default_factory=Readout)
    verify_reads: int = 64


@dataclass(frozen=True)
class MappingReport:
    """How a mapping went. Errors are shares of their column's scale.

    Attributes:
        cells: Number of cells, spares included.
        broken: Pairs that did not take their value at first.
        saved: Those among them whose other cell made up for the error.
        spares_used: Those among them that a spare pair replaced.
        lost: Entries `(row, column)` that no pair could hold; disconnected, unless what they hold is better than 0.
        pulses: Median number of pulses of a programmed cell.
        pulses_total: All pulses.
        rms_raw: Error before calibration.
        rms: Error after it.
        worst: Largest absolute error after it, lost entries included.
        bits: Effective bits, `log2(2 / (rms √12))`, full scale being −1 to 1.
    """

    cells: int
    broken: int
    saved: int
    spares_used: int
    lost: tuple[tuple[int, int], ...]
    pulses: float
    pulses_total: int
    rms_raw: float
    rms: float
    worst: float
    bits: float


@dataclass(frozen=True, eq=False)
class MappedTable:
    """A table as the cells hold it.

    Attributes:
        target: `(R, C)`, the table that was given.
        achieved: `(R, C)`, the values that the columns deliver, calibrated where the recipe says so.
        offsets: `(C,)`, the constant that a column delivers besides, in units of the table.
        scale: `(C,)`, the value that full scale of a column stands for.
        report: Report of the mapping.
    """

    target: Floats
    achieved: Floats
    offsets: Floats
    scale: Floats
    report: MappingReport


class _Slice:
    """Pairs of cells for all entries of a table, and their spares."""

    def __init__(self, rows: int, columns: int, recipe: Mapping, seed: int, prior: Prior | None) -> None:
        self.recipe, self.prior = recipe, prior
        self.shape = (rows + recipe.spares, columns, 2)
        count = int(np.prod(self.shape))
        self.array = CellArray(count, recipe.cell, seed=seed, stuck=recipe.stuck)
        self.targets: Floats = np.zeros(self.shape)
        self.pulses: Integers = np.zeros(self.shape, dtype=np.int64)
        # The physical row of each entry; -1 where it is disconnected.
        self.place: Integers = np.repeat(np.arange(rows)[:, None], columns, axis=1)
        self.lost: Mask = np.zeros((rows, columns), dtype=np.bool_)
        self.free = [list(range(rows, rows + recipe.spares)) for _ in range(columns)]
        self.broken = self.saved = self.replaced = 0
        self.columns = np.arange(columns)

    @property
    def tolerance(self) -> float:
        """Largest error of a pair: that of two cells, and a measurement's noise."""
        return 2.2 * self.recipe.writing.tolerance

    def write(self, wanted: Floats) -> None:
        """Programs all entries, saves what can be saved."""
        signed = np.stack([np.maximum(wanted, 0), np.maximum(-wanted, 0)], axis=2)
        self.targets[: len(wanted)] = signed
        chosen = np.zeros(self.shape, dtype=np.bool_)
        chosen[: len(wanted)] = True
        self._program(chosen)
        bad = self._bad(wanted)
        self.broken = int(bad.sum())
        before = bad
        bad = self._save(wanted, bad)
        self.saved = int((before & ~bad).sum())
        while bad.any():
            moved = self._move(wanted, bad)
            if not moved.any():
                break
            tried = self._bad(wanted)
            tried = self._save(wanted, tried & moved) | (tried & ~moved)
            self.replaced += int((moved & ~tried).sum())
            bad = tried
        self.lost = bad
        self.place[bad & (np.abs(self.measured() - wanted) > np.abs(wanted))] = -1

    def differences(self, cells: Floats) -> Floats:
        """Values of the entries from those of all cells; 0 where an entry is disconnected."""
        pairs = cells.reshape(self.shape)
        chosen = pairs[self.place, self.columns]
        return np.where(self.place >= 0, chosen[..., 0] - chosen[..., 1], 0.0)

    def measured(self) -> Floats:
        """Measured values of the entries."""
        return self.differences(self.recipe.readout.measure(self.array, self.recipe.verify_reads))

    def _program(self, chosen: Mask) -> None:
        recipe = self.recipe
        done = program(
            self.array,
            self.targets.ravel(),
            recipe.writing,
            readout=recipe.readout,
            prior=self.prior,
            which=chosen.ravel(),
        )
        self.pulses += done.pulses.reshape(self.shape)

    def _bad(self, wanted: Floats) -> Mask:
        return (np.abs(self.measured() - wanted) > self.tolerance) & (self.place >= 0)

    def _save(self, wanted: Floats, bad: Mask) -> Mask:
        """Lets the other cell of a pair make good what one cannot do; says which are still bad."""
        if not bad.any():
            return bad
        seen = self.recipe.readout.measure(self.array, self.recipe.verify_reads).reshape(self.shape)
        chosen = np.zeros(self.shape, dtype=np.bool_)
        for row, column in np.argwhere(bad):
            at = (self.place[row, column], column)
            off = np.abs(seen[at] - self.targets[at])
            wrong = int(off.argmax())
            sign = 1.0 if wrong == 0 else -1.0
            other = seen[at][wrong] - sign * wanted[row, column]
            if 0 <= other <= 1:
                self.targets[at][1 - wrong] = other
                chosen[at][1 - wrong] = True
        if not chosen.any():
            return bad
        self._program(chosen)
        return bad & self._bad(wanted)

    def _move(self, wanted: Floats, bad: Mask) -> Mask:
        """Gives bad entries a spare pair, where there is one; says which got one."""
        chosen = np.zeros(self.shape, dtype=np.bool_)
        moved = np.zeros_like(bad)
        rows, columns = np.nonzero(bad)
        largest_first = np.argsort(-np.abs(wanted[rows, columns]), kind="stable")
        for row, column in zip(rows[largest_first], columns[largest_first], strict=True):
            if self.free[column]:
                spare = self.free[column].pop(0)
                self.place[row, column] = spare
                self.targets[spare, column] = max(wanted[row, column], 0), max(-wanted[row, column], 0)
                chosen[spare, column] = moved[row, column] = True
        if moved.any():
            self._program(chosen)
        return moved


def map_table(table: ArrayLike, recipe: Mapping | None = None, *, seed: int, prior: Prior | None = None) -> MappedTable:
    """Puts a table of coefficients into an array of cells.

    Args:
        table: `(R, C)`: rows are inputs, columns are summed on a wire.
        recipe: How the table is mapped; None means the defaults.
        seed: Seed of the cells, their noise and the columns' amplifiers.
        prior: Prior knowledge of the cells' injection.

    Example:
        >>> mapped = map_table([[1.0, -0.5], [0.25, 3.0]], seed=0)
        >>> bool(abs(mapped.achieved - mapped.target).max() < 0.02)
        True
    """
    recipe = recipe or Mapping()
    target = np.asarray(table, dtype=np.float64)
    largest = np.abs(target).max(axis=0)
    scale = np.where(largest > 0, largest, 1.0)
    wanted = target / scale
    random = np.random.default_rng([seed, 1])
    slices = [_Slice(len(target), target.shape[1], recipe, seed, prior)]
    slices[0].write(wanted)
    value: Floats = slices[0].differences(recipe.readout.true(slices[0].array))
    seen = slices[0].measured()
    if recipe.slices == 2:
        second = _Slice(len(target), target.shape[1], recipe, seed + 1_000_003, prior)
        second.write(np.clip(recipe.ratio * (wanted - seen), -1, 1))
        factor: Floats = np.exp(recipe.ratio_spread * random.standard_normal(target.shape)) / recipe.ratio
        value = value + factor * second.differences(recipe.readout.true(second.array))
        seen = seen + factor * second.measured()
        slices.append(second)
    columns = target.shape[1]
    gain: Floats = np.exp(recipe.gain_spread * random.standard_normal((columns,)))
    offset: Floats = recipe.offset_spread * random.standard_normal((columns,))
    lost = slices[0].lost
    achieved: Floats = value * gain
    left: Floats = offset
    raw: Floats = achieved - wanted
    if recipe.calibrate:
        gain_seen, offset_seen = _calibration(wanted, seen * gain + offset, lost)
        achieved = achieved / gain_seen
        left = (offset - offset_seen) / gain_seen
    report = _report(slices, raw, achieved - wanted, lost)
    return MappedTable(target, achieved * scale, left * scale, scale, report)


def _calibration(wanted: Floats, seen: Floats, lost: Mask) -> tuple[Floats, Floats]:
    """Gain and offset of each column by least squares; of one entry, or of equal ones, the gain is left at 1."""
    gains, offsets = np.ones(wanted.shape[1]), np.zeros(wanted.shape[1])
    for column in range(wanted.shape[1]):
        kept = ~lost[:, column]
        x, y = wanted[kept, column], seen[kept, column]
        if kept.sum() > 1 and np.ptp(x) > 0.05:
            gains[column], offsets[column] = np.polyfit(x, y, 1)
        elif kept.any():
            offsets[column] = (y - x).mean()
    return gains, offsets


def _report(slices: list[_Slice], raw: Floats, error: Floats, lost: Mask) -> MappingReport:
    pulses = np.concatenate([s.pulses[s.pulses > 0] for s in slices])
    rms = float(np.sqrt((error**2).mean()))
    return MappingReport(
        cells=sum(len(s.array) for s in slices),
        broken=sum(s.broken for s in slices),
        saved=sum(s.saved for s in slices),
        spares_used=sum(s.replaced for s in slices),
        lost=tuple((int(r), int(c)) for r, c in np.argwhere(lost)),
        pulses=float(np.median(pulses)) if pulses.size else 0.0,
        pulses_total=int(pulses.sum()),
        rms_raw=float(np.sqrt((raw**2).mean())),
        rms=rms,
        worst=float(np.abs(error).max()),
        bits=float(np.log2(2 / (max(rms, 1e-12) * np.sqrt(12)))),
    )
