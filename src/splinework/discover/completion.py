"""The work of completing one formula: constants, then one unknown part after the other, then all numbers together."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import sympy

from splinework.discover.constraints import Barred
from splinework.discover.inner_search import InnerSearch
from splinework.discover.inversion import Inversion
from splinework.discover.skeleton import Outline, Unknown
from splinework.discover.smooth import Smooth, SmoothFit, distinct, features
from splinework.discover.solving import Part, Setting, Solving, solvable
from splinework.discover.substitution import Filling, Fitted, fitted
from splinework.errors import FormulaError
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.table import FormulaRow

_FEWEST = 8
"""Rows on which an unknown part must be defined."""
_MOST_TRIALS = 4
"""Settings (constants, signs, branches) that get a search each."""
_ROUNDS = 3
"""Times that each of several unknown parts is searched at most."""
_AS_GOOD = 1.5
"""A polynomial that explains the data but for this factor of what is left is preferred to a richer one."""


@dataclass
class Completion:
    """Completes an outline; `found` grows while it runs.

    Attributes:
        noise: Standard deviation of the errors of y, where it is known.
        found: All formulas so far.
        notes: Sentences on the whole.
        reason: Why nothing was found.
    """

    outline: Outline
    data: FitTarget
    target: str
    without: Barred
    inner: InnerSearch
    noise: float | None = None
    found: list[Fitted] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reason: str = "it is undefined on these rows"

    def __post_init__(self) -> None:
        self.solving = Solving(self.outline, self.data)

    def run(self) -> None:
        """Goes on until a formula is exact, or everything has been tried, or time is up."""
        if not self.outline.holes:
            self._constants()
            return
        solvable(self.outline)
        if len(self.outline.holes) == 1:
            self._single()
        else:
            self._several()

    def _constants(self) -> None:
        read = self.outline
        if not read.constants:
            self._keep(Filling(read.expression, {}))
            return
        self.inner.say("fitting the constants")
        for fit in SmoothFit(read, self.data, []).best(self.inner.seed):
            self._keep(Filling(read.expression, dict(zip(read.constants, fit.constants.tolist(), strict=True))))

    def _single(self) -> None:
        hole = self.outline.holes[0]
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

    def _settings(self, hole: Unknown) -> list[Setting]:
        """The promising ways to solve for the only unknown part, the best first."""
        scored: list[tuple[float, Setting]] = []
        columns = self.solving.columns(hole)
        for signs in self.solving.signs():
            read = self.solving.with_neutral(signs)
            inversion = Inversion(read.expression, hole.symbol, read.symbols, len(self.data.y))
            for constants in self._starts(read, columns):
                for branch in range(len(inversion.branches)):
                    setting = Setting(signs, dict(zip(read.constants, constants.tolist(), strict=True)), branch)
                    scored.append((self._roughness(hole, setting, columns), setting))
        scored.sort(key=lambda entry: entry[0])  # stable: of equals, the first proposed
        clear = scored[0][0] + 4.0 if scored else 0.0
        return [setting for score, setting in scored if np.isfinite(score) and score < clear][:_MOST_TRIALS]

    def _starts(self, read: Outline, columns: Array) -> list[Array]:
        """Values of the constants that are not absorbed, by smooth stand-ins from rich to poor."""
        if not read.constants:
            return [np.zeros(0)]
        self.inner.say("fitting the constants")
        rich = SmoothFit(read, self.data, [columns]).best(self.inner.seed, keep=2)
        if not rich[1:] or rich[1].rss > 1e3 * max(rich[0].rss, self.data.floor):  # the data know the constants
            return [fit.constants for fit in rich[:1]]
        poor = [f for d in (1, 2, 3) for f in SmoothFit(read, self.data, [columns], d).best(self.inner.seed, keep=1)]
        enough = [f for f in poor if f.rss <= max(_AS_GOOD * rich[0].rss, self.data.floor)]
        return [fit.constants for fit in distinct((*enough[:1], *rich, *poor))][:_MOST_TRIALS]

    def _roughness(self, hole: Unknown, setting: Setting, columns: Array) -> float:
        """How badly a smooth function gives the part's values, in units of y; rows where it is undefined count fully."""
        values, slope = self.solving.solved(hole, setting, {})
        usable = np.isfinite(values)
        if usable.sum() < _FEWEST:
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
        order = sorted(self.outline.holes, key=lambda hole: len(hole.columns))
        left = _ROUNDS * len(order)
        for _ in range(_ROUNDS):
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

    def _smooth_parts(self) -> tuple[Setting, dict[Unknown, Part]] | None:
        """Where to start: all unknown parts as smooth functions, fitted together."""
        self.inner.say("fitting smooth stand-ins for the unknown parts")
        columns = [self.solving.columns(hole) for hole in self.outline.holes]
        best: tuple[Smooth, tuple[int, ...]] | None = None
        for signs in self.solving.signs():
            for fit in SmoothFit(self.solving.with_neutral(signs), self.data, columns).best(self.inner.seed, keep=1):
                if best is None or fit.rss < best[0].rss:
                    best = fit, signs
        if best is None:
            return None
        fit, signs = best
        if fit.confused:
            names = ", ".join(hole.name for hole in self.outline.holes)
            raise FormulaError(
                f"the unknown parts {names} of {self.outline.expression} cannot be told apart: what one holds, another may "
                f"hold as well; give each columns of its own, such as ?(x1) and ?(x2)."
            )
        constants = dict(zip(self.solving.scanned, fit.constants.tolist(), strict=True))
        held = {h: Part(values) for h, values in zip(self.outline.holes, fit.holes, strict=True)}
        return Setting(signs, constants), held

    def _searched(
        self,
        hole: Unknown,
        setting: Setting,
        others: Mapping[Unknown, Part],
        share: float,
        held: dict[Unknown, Part] | None = None,
    ) -> bool:
        """Searches one part, the others held, and puts in what is found; True if a formula is exact."""
        values, slope = self.solving.solved(hole, setting, others)
        usable = np.isfinite(values)
        if usable.sum() < _FEWEST:
            self.reason = f"{hole.name} can be solved for on {int(usable.sum())} of {len(usable)} rows"
            return False
        missed = len(usable) - int(usable.sum())
        told = f"{hole.name} is undefined on {missed} of {len(usable)} rows: they did not help to find it"
        notes = (told,) if missed else ()
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

    def _rows_for(self, hole: Unknown, values: Array, slope: Array, share: float) -> list[FormulaRow]:
        """What the search finds for a part, the best first, without what is forbidden."""
        usable = np.isfinite(values)
        if np.ptp(values[usable]) <= 1e-12 * np.abs(values[usable]).max():
            level = sympy.Float(float(values[usable].mean()))  # the same number in every row
            return [FormulaRow(hole.name, level, hole.columns, 0.0, 1.0, 0.0)]
        weights = self.solving.weight(slope)[usable] ** 2
        uneven = None if np.ptp(weights) <= 1e-9 * weights.max() else weights / weights.mean()
        x = self.solving.columns(hole)[usable]
        inner = self._inner(slope[usable])
        rows = inner(x, values[usable], hole.columns, hole.name, share, weights=uneven).rows
        return [row for row in rows if self.without.allows(row.expression)][:6]

    def _inner(self, slope: Array) -> InnerSearch:
        """The search with the errors that a part's values have: those of y over the slope."""
        if "noise" not in inspect.signature(self.inner.search).parameters:
            return self.inner
        known = self.noise is not None and self.data.scale == "linear"
        level = self.noise / float(np.sqrt((slope**2).mean())) if known and self.noise is not None else None
        return replace(self.inner, search=partial(self.inner.search, noise=level))

    def _keep(self, filling: Filling, notes: Sequence[str] = ()) -> bool:
        """Fits all numbers; True if the formula is exact."""
        answers = fitted(filling, self.data, self.target, notes)
        self.found += answers
        return any(answer.exact(self.data) for answer in answers)
