"""The fit of `fit` and `discover`: from numbers to formulas, model and figures. It writes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from splinework.cli.constraints import FormulaConstraints
from splinework.cli.figures import model_values, r2, rmse
from splinework.cli.json_output import finite, only
from splinework.cli.sample import Floats, TableSample
from splinework.cli.shape import check_shape
from splinework.cli.splines import NAME_PATTERN, named_apart
from splinework.cli.versions import own_version
from splinework.errors import ConfigError, DataError
from splinework.formula.figures import plural, ranks
from splinework.tabular.tables import identifiers

if TYPE_CHECKING:
    from splinework.interpret.symbolic import FormulaRow, FormulaTable

MIN_ROWS: Final = 8
"""Number of rows that a fit needs."""
TEST_FRACTION: Final = 0.2
KEPT_FIELDS: Final = ("target", "rank", "formula", "complexity", "rmse_train", "rmse_test", "r2_test")
"""Fields of a formula that are kept with the model."""
_MAX_LETTERS: Final = 2000  # letters of a formula that is kept
_MAX_FORMULAS: Final = 5  # formulas of a target that are kept


@dataclass(frozen=True)
class FitSettings:
    """Settings of a fit; None lets the data decide.

    With `tables_apart`, the values of splines are written beside the formulas and not into them. `effort`, `jobs` and
    `checkpoint` are those of the search.
    """

    budget: float
    seed: int = 0
    test_fraction: float | None = None
    shape: tuple[Any, ...] | None = None
    missing: str | None = None
    constraints: FormulaConstraints = field(default_factory=FormulaConstraints)
    tables_apart: bool = False
    effort: float | None = None
    jobs: int | None = None
    checkpoint: str | None = None


@dataclass(frozen=True)
class FitCallbacks:
    """Functions called at every stage and at every step of a fit."""

    stage: Callable[[str], None]
    step: Callable[[Any], None]


@dataclass(frozen=True)
class PreparedSample:
    """A sample that is split and ready to be fitted; x and y in raw units, no cell missing.

    Attributes:
        train: `x (n, features)` and `y (n,)` to fit.
        test: The held-out rows.
        columns: Identifier → name in the file, for the features and, last, the target.
        means: Name in the file → the mean that stands in for missing cells.
        notes: Decisions so far.
        levels: The categories that columns of 0 and 1 were made of; see `splinework.cli.levels`.
    """

    train: tuple[Floats, Floats]
    test: tuple[Floats, Floats]
    columns: dict[str, str]
    means: dict[str, float]
    notes: tuple[str, ...]
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def features(self) -> list[str]:
        """The features as the file names them."""
        return list(self.columns.values())[:-1]

    @property
    def target(self) -> str:
        """The target as the file names it."""
        return list(self.columns.values())[-1]


@dataclass(frozen=True)
class FitOutcome:
    """The results of a fit.

    Attributes:
        table: Formulas, and the network that they come from.
        prepared: The rows that it comes from.
        equations: One record per formula, best first, with the fields of `equations.csv` and of `pareto.csv`.
        metrics: The fields of `metrics.json`.
        notes: All decisions, in sentences.
        of_the_target: Whether the formulas give the target itself.
        header: Metadata of the model file, from which `predict` knows the columns.
    """

    table: FormulaTable
    prepared: PreparedSample
    equations: list[dict[str, Any]]
    metrics: dict[str, Any]
    notes: tuple[str, ...]
    of_the_target: bool
    header: dict[str, Any] = field(repr=False)

    @property
    def target(self) -> str:
        """The target as the file names it."""
        return self.prepared.target

    def show_model(self) -> None:
        """Prints the main properties of the network, if there is one."""
        from splinework.cli.terminal import console, regression

        model, m, out = self.table.model, self.metrics, console()
        if model is None:
            out.print(f"no network was needed; {m['seconds']:.1f} s")
            return
        used = ", ".join(m["active_inputs"]) or "no input"
        errors = f"; {regression(m)}" if self.of_the_target else ""
        out.print(f"model: {plural(m['active_edges'], 'active edge')} on {used}{errors}; {m['seconds']:.1f} s")
        named, config = self.prepared.columns, model.config
        names, scales = (*config.input_names, *config.output_names), (*config.input_scales, *config.output_scales)
        if logs := [named.get(name, name) for name, scale in zip(names, scales, strict=True) if scale == "log"]:
            out.print(f"on a logarithmic scale: {', '.join(logs)}")


def search(prepared: PreparedSample, settings: FitSettings, listener: FitCallbacks) -> FormulaTable:
    """Searches for formulas on the rows to fit."""
    extra: dict[str, Any] = {} if settings.shape is None else {"shape": list(settings.shape)}
    own = {name: getattr(settings, name) for name in ("effort", "jobs", "checkpoint")}
    extra |= {name: value for name, value in own.items() if value is not None}
    return settings.constraints.search(
        *prepared.train,
        prepared.columns,
        budget=settings.budget,
        seed=settings.seed,
        progress=False,
        on_stage=listener.stage,
        callbacks=(listener.step,),
        **extra,
    )


def measure(table: FormulaTable, prepared: PreparedSample, settings: FitSettings, *, began: float) -> FitOutcome:
    """The figures of all results of a fit that began at that time of the monotonic clock."""
    table = named_apart(table)
    placed = zip(ranks(table.rows), table.rows, strict=True)
    equations = [_record(rank, row, prepared, settings) for rank, row in placed]
    model = table.model
    names = ("rmse_train", "rmse_test", "r2_test")
    if model is None or not settings.constraints.explains_target:
        figures = {name: equations[0][name] for name in names}
    else:
        found = _figures(lambda x: model_values(model, x)[:, 0], prepared)
        figures = dict(zip(names, found, strict=True))
    inputs = table.best.inputs if model is None else model.active_inputs()
    metrics = figures | {
        "n_train": len(prepared.train[1]),
        "n_test": len(prepared.test[1]),
        "seconds": round(time.monotonic() - began, 3),
        "parameters": None if model is None else model.parameter_count(active=True),
        "active_edges": None if model is None else model.active_edges(),
        "active_inputs": [prepared.columns.get(name, name) for name in inputs],
        "seed": settings.seed,
        "version": own_version(),
    }
    notes = tuple(dict.fromkeys((*prepared.notes, *table.notes)))
    # For the header of a file formulas are short: with a spline written out one may have thousands of numbers.
    kept = [only(e, KEPT_FIELDS) for e in equations if len(e["formula"]) <= _MAX_LETTERS and e["rank"] <= _MAX_FORMULAS]
    header = _header(prepared, settings, notes) | {"formulas": kept}
    return FitOutcome(table, prepared, equations, metrics, notes, settings.constraints.explains_target, header)


def _record(rank: int, row: FormulaRow, prepared: PreparedSample, settings: FitSettings) -> dict[str, Any]:
    """Figures of one formula."""
    from splinework.interpret.symbolic.constants import free_numbers

    if settings.constraints.explains_target:
        train, test, r2_test = _figures(row.numpy(), prepared)
    else:  # the file has no column that the formula gives: the search has measured it
        train, test, r2_test = finite(row.rmse), None, None
    held_out = finite(row.held_out) if test is None else test
    return {
        "rank": rank,
        "target": prepared.columns.get(row.target, row.target),
        "formula": row.text if settings.tables_apart else row.code,
        "complexity": row.complexity,
        "rmse_train": train,
        "rmse_test": test,
        "r2_test": r2_test,
        "constants": len(free_numbers(row.expression)),
        "rmse_held_out": held_out,
        "bits": finite(row.bits),
        "probability": finite(row.probability),
    }


def prepare(sample: TableSample, settings: FitSettings) -> PreparedSample:
    """Splits the rows, fills missing cells, leaves out what does not vary, and names the columns for formulas.

    Raises:
        DataError: If there are too few rows, or nothing varies.
        ConfigError: If the shape does not fit the columns.
    """
    from splinework.formula.functions import RESERVED_NAMES

    train, test, notes = split(len(sample.y), settings)
    x, y = sample.x, sample.y
    holes = np.isnan(x)
    with np.errstate(invalid="ignore"):
        filled = np.where(holes, 0.0, x)[train].sum(axis=0) / np.maximum((~holes[train]).sum(axis=0), 1)
    x = np.where(holes, filled, x)
    if np.ptp(y[train]) == 0:
        raise DataError(
            f"the target {sample.target!r} is {y[train][0]:g} in all {len(train)} rows to fit, so there is nothing to "
            "explain; choose another --target."
        )
    varies = np.ptp(x[train], axis=0) > 0
    if not varies.any():
        raise DataError("no feature varies over the rows to fit; add columns, or name others in --features.")
    for name, constant in zip(sample.features, x[train][0], strict=True):
        if not varies[sample.features.index(name)]:
            notes.append(f"{name!r} is {constant:g} in every row to fit: left out")
    x = x[:, varies]
    features = [name for name, kept in zip(sample.features, varies, strict=True) if kept]
    check_shape(settings.shape, features, [name for name in sample.features if name not in features])
    names = [*features, sample.target]  # of which none may be a word that formulas use themselves
    columns = identifiers(
        names, reserved={*RESERVED_NAMES, *filter(NAME_PATTERN.fullmatch, (*sample.features, sample.target))}
    )
    renamed = [f"{name!r} is called {key} in formulas" for key, name in columns.items() if key != name]
    means = dict(zip(features, filled[varies].tolist(), strict=True)) if settings.missing == "mean" else {}
    notes = [*sample.notes, *notes, *renamed]
    return PreparedSample((x[train], y[train]), (x[test], y[test]), columns, means, tuple(notes), sample.levels)


def split(rows: int, settings: FitSettings) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Rows to fit and rows to hold out, in the order of the file, and notes on them."""
    asked = settings.test_fraction
    if not settings.constraints.explains_target:
        return _all_rows(rows, asked)
    fraction = asked if asked is not None else (TEST_FRACTION if rows >= 50 else TEST_FRACTION / 2)
    held = max(1, round(fraction * rows)) if fraction > 0 else 0
    if asked is None and 0 <= rows - MIN_ROWS < held:
        held = rows - MIN_ROWS
    if rows - held < MIN_ROWS:
        usable = f"{'is' if rows == 1 else 'are'} {plural(rows, 'row')}"
        needed = f"{MIN_ROWS} to fit" + (f" and {held} to test, by the fraction {fraction:g}" if held else "")
        way_out = "add rows" + (", or lower --test-fraction" if held and rows > MIN_ROWS else "")
        raise DataError(f"there {usable} to use, but at least {MIN_ROWS + held} are needed: {needed}; {way_out}.")
    order = np.random.default_rng(settings.seed).permutation(rows)
    notes = []
    if asked == 0:
        notes.append("no rows held out (--test-fraction 0): the figures are those of the rows fitted")
    elif asked is None and fraction != TEST_FRACTION:
        notes.append(f"only {plural(rows, 'row')}: {held or 'none'} held out to test")
    return np.sort(order[held:]), np.sort(order[:held]), notes


def _all_rows(rows: int, asked: float | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """All rows to fit, and none to test."""
    if asked:
        raise ConfigError(
            "--test-fraction holds out rows of the target, but with --ode, --relation or --classes a formula does not "
            "give the target itself; leave it out: the search holds out rows of its own."
        )
    if rows < MIN_ROWS:
        raise DataError(f"there are {plural(rows, 'row')} to use, but at least {MIN_ROWS} are needed; add rows.")
    return np.arange(rows), np.arange(0), ["no rows held out: the figures are those of the search"]


def _figures(function: Callable[[Floats], Floats], prepared: PreparedSample) -> tuple[float | None, ...]:
    """Errors of a function on the fitted and on the held-out rows."""
    (x, y), (x_test, y_test) = prepared.train, prepared.test
    at_test = function(x_test) if len(y_test) else y_test
    return rmse(function(x), y), rmse(at_test, y_test), r2(at_test, y_test)


def _header(prepared: PreparedSample, settings: FitSettings, notes: Sequence[str]) -> dict[str, Any]:
    x = prepared.train[0]
    return {
        "target": prepared.target,
        "features": prepared.features,
        "columns": prepared.columns,
        "means": prepared.means,
        "levels": {name: list(meaning) for name, meaning in prepared.levels.items()},
        "ranges": {name: [float(c.min()), float(c.max())] for name, c in zip(prepared.features, x.T, strict=True)},
        "seed": settings.seed,
        "notes": list(notes),
    }
