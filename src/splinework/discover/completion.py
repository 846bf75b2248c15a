"""The search that completes one formula: constants, then one unknown part after the other, then all numbers together."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import sympy

from splinework.discover.constraints import ForbiddenNames
from splinework.discover.inner_search import InnerSearch
from splinework.discover.inversion import Inversion
from splinework.discover.skeleton import Skeleton, UnknownPart
from splinework.discover.smooth import SmoothFit, SmoothSolution, distinct, features
from splinework.discover.solving import HeldValues, PartialSolver, PartValues, check_solvable
from splinework.discover.substitution import FilledFormula, FittedFormula, fit_filled
from splinework.errors import FormulaError
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.table import FormulaRow

_MIN_ROWS = 8
"""Number of rows on which an unknown part must be defined."""
_MAX_TRIALS = 4
"""Largest number of combinations of constants, signs and branches that are searched."""
_MAX_ROUNDS = 3
"""Largest number of searches for each of several unknown parts."""
_MAX_RSS_RATIO = 1.5
"""A polynomial is preferred to a richer one as long as its residual sum of squares is within this factor."""


@dataclass
class Completion:
    """Completes a skeleton; `found` grows while it runs.

    Attributes:
        noise: Standard deviation of the errors of y, if known.
        found: All formulas so far.
        notes: Notes on the search as a whole.
        reason: Reason why nothing was found.
    """

    skeleton: Skeleton
    data: FitTarget
    target: str
    forbidden: ForbiddenNames
    inner: InnerSearch
    noise: float | None = None
    found: list[FittedFormula] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reason: str = "it is undefined on these rows"

    def __post_init__(self) -> None:
        self.solving = PartialSolver(self.skeleton, self.data)

    def run(self) -> None:
        """Searches until a formula is exact, everything has been tried, or the time is up."""
        if not self.skeleton.holes:
            self._constants()
            return
        check_solvable(self.skeleton)
        if len(self.skeleton.holes) == 1:
            self._single()
        else:
            self._several()

    def _constants(self) -> None:
        read = self.skeleton
        if not read.constants:
            self._keep(FilledFormula(read.expression, {}))
            return
        self.inner.on_stage("fitting the constants")
        for fit in SmoothFit(read, self.data, []).best(self.inner.seed):
            self._keep(FilledFormula(read.expression, dict(zip(read.constants, fit.constants.tolist(), strict=True))))

    def _single(self) -> None:
        hole = self.skeleton.holes[0]
        settings = self._settings(hole)
        for number, setting in enumerate(settings):
            if self.found and self.inner.left <= 0:
                self.notes.append("time ran out before every way to solve the formula was tried")
                return
            if self._searched(hole, setting, {}, 0.8 / (len(settings) - number)):
                return
        best = min(self.found, key=lambda answer: answer.row.description, default=None)
        others = {c: v for c, v in best.constants.items() if c in self.solving.scanned} if best else {}
        if best and others and self.inner.left > 0:  # better constants are known now
            self._searched(hole, replace(settings[0], constants=others), {}, 0.8)

    def _settings(self, hole: UnknownPart) -> list[HeldValues]:
        """Promising ways to solve for the only unknown part, best first."""
        scored: list[tuple[float, HeldValues]] = []
        columns = self.solving.columns(hole)
        for signs in self.solving.signs():
            read = self.solving.with_neutral(signs)
            inversion = Inversion(read.expression, hole.symbol, read.symbols, len(self.data.y))
            for constants in self._starts(read, columns):
                for branch in range(len(inversion.branches)):
                    setting = HeldValues(signs, dict(zip(read.constants, constants.tolist(), strict=True)), branch)
                    scored.append((self._roughness(hole, setting, columns), setting))
        scored.sort(key=lambda entry: entry[0])  # stable: of equals, the first proposed
        clear = scored[0][0] + 4.0 if scored else 0.0
        return [setting for score, setting in scored if np.isfinite(score) and score < clear][:_MAX_TRIALS]

    def _starts(self, read: Skeleton, columns: Array) -> list[Array]:
        """Values of the constants that are not absorbed, by smooth surrogates from rich to poor."""
        if not read.constants:
            return [np.zeros(0)]
        self.inner.on_stage("fitting the constants")
        rich = SmoothFit(read, self.data, [columns]).best(self.inner.seed, keep=2)
        if not rich[1:] or rich[1].rss > 1e3 * max(rich[0].rss, self.data.floor):  # the data know the constants
            return [fit.constants for fit in rich[:1]]
        poor = [f for d in (1, 2, 3) for f in SmoothFit(read, self.data, [columns], d).best(self.inner.seed, keep=1)]
        enough = [f for f in poor if f.rss <= max(_MAX_RSS_RATIO * rich[0].rss, self.data.floor)]
        return [fit.constants for fit in distinct((*enough[:1], *rich, *poor))][:_MAX_TRIALS]

    def _roughness(self, hole: UnknownPart, setting: HeldValues, columns: Array) -> float:
        """Misfit of a smooth function to the values of the part, in units of y; rows where these are undefined count fully."""
        values, slope = self.solving.solved(hole, setting, {})
        usable = np.isfinite(values)
        if usable.sum() < _MIN_ROWS:
            return np.inf
        weight = self.solving.weight(slope)[usable]
        basis = features(columns[usable]) * weight[:, None]
        left = values[usable] * weight - basis @ np.linalg.lstsq(basis, values[usable] * weight, rcond=1e-9)[0]
        return float(np.log10((left @ left + self.data.floor) / usable.sum()) + 20 * (1 - usable.mean()))

    def _several(self) -> None:
        parts = self._smooth_parts()
        if parts is None:
            return
        setting, held = parts
        order = sorted(self.skeleton.holes, key=lambda hole: len(hole.columns))
        left = _MAX_ROUNDS * len(order)
        for _ in range(_MAX_ROUNDS):
            before = min((a.row.description for a in self.found), default=np.inf)
            for hole in order:
                others = {h: part for h, part in held.items() if h is not hole}
                if self._searched(hole, setting, others, 1.0 / left, held):
                    return
                left -= 1
                if self.found and self.inner.left <= 0:
                    self.notes.append("time ran out before the unknown parts had settled")
                    return
            if not min((a.row.description for a in self.found), default=np.inf) < before - 1.0:
                return

    def _smooth_parts(self) -> tuple[HeldValues, dict[UnknownPart, PartValues]] | None:
        """Starting point: all unknown parts as smooth functions, fitted together."""
        self.inner.on_stage("fitting smooth surrogates of the unknown parts")
        columns = [self.solving.columns(hole) for hole in self.skeleton.holes]
        best: tuple[SmoothSolution, tuple[int, ...]] | None = None
        for signs in self.solving.signs():
            for fit in SmoothFit(self.solving.with_neutral(signs), self.data, columns).best(self.inner.seed, keep=1):
                if best is None or fit.rss < best[0].rss:
                    best = fit, signs
        if best is None:
            return None
        fit, signs = best
        if fit.confused:
            names = ", ".join(hole.name for hole in self.skeleton.holes)
            shown = self.skeleton.expression.xreplace({h.symbol: sympy.Symbol(h.name) for h in self.skeleton.holes})
            raise FormulaError(
                f"the unknown parts {names} of {shown} cannot be distinguished: what one contains, another "
                f"may contain as well; give each columns of its own, such as ?(x1) and ?(x2)."
            )
        constants = dict(zip(self.solving.scanned, fit.constants.tolist(), strict=True))
        held = {h: PartValues(values) for h, values in zip(self.skeleton.holes, fit.holes, strict=True)}
        return HeldValues(signs, constants), held

    def _searched(
        self,
        hole: UnknownPart,
        setting: HeldValues,
        others: Mapping[UnknownPart, PartValues],
        share: float,
        held: dict[UnknownPart, PartValues] | None = None,
    ) -> bool:
        """Searches one part while the others are held, and inserts what is found; True if a formula is exact."""
        values, slope = self.solving.solved(hole, setting, others)
        usable = np.isfinite(values)
        if usable.sum() < _MIN_ROWS:
            self.reason = f"{hole.name} can be solved for on {int(usable.sum())} of {len(usable)} rows"
            return False
        missed = len(usable) - int(usable.sum())
        undefined = f"{hole.name} is undefined on {missed} of {len(usable)} rows, which were not used to find it"
        notes = (undefined,) if missed else ()
        allowed = self._rows_for(hole, values, slope, share)
        if not allowed:
            self.reason = f"every formula found for {hole.name} uses what is forbidden"
        for row in allowed:
            for filling in self.solving.fillings(hole, row, setting, others):
                if self._keep(filling, notes):
                    return True
        if held is not None and allowed:
            held[hole] = self.solving.part(hole, allowed[0])
        return False

    def _rows_for(self, hole: UnknownPart, values: Array, slope: Array, share: float) -> list[FormulaRow]:
        """The formulas found for a part, best first, without those that are forbidden."""
        usable = np.isfinite(values)
        if np.ptp(values[usable]) <= 1e-12 * np.abs(values[usable]).max():
            level = sympy.Float(float(values[usable].mean()))  # the same number in every row
            return [FormulaRow(hole.name, level, hole.columns, 0.0, 1.0, 0.0)]
        weights = self.solving.weight(slope)[usable] ** 2
        uneven = None if np.ptp(weights) <= 1e-9 * weights.max() else weights / weights.mean()
        x = self.solving.columns(hole)[usable]
        inner = self._inner(slope[usable])
        rows = inner(x, values[usable], hole.columns, hole.name, share, weights=uneven).rows
        return [row for row in rows if self.forbidden.allows(row.expression)][:6]

    def _inner(self, slope: Array) -> InnerSearch:
        """The search, with the errors of the values of a part: those of y over the slope."""
        if "noise" not in inspect.signature(self.inner.search).parameters:
            return self.inner
        known = self.noise is not None and self.data.scale == "linear"
        level = self.noise / float(np.sqrt((slope**2).mean())) if known and self.noise is not None else None
        return replace(self.inner, search=partial(self.inner.search, noise=level))

    def _keep(self, filling: FilledFormula, notes: Sequence[str] = ()) -> bool:
        """Fits all numbers of a filled formula and keeps it; True if it is exact."""
        answers = fit_filled(filling, self.data, self.target, notes)
        self.found += answers
        return any(answer.exact(self.data) for answer in answers)
