"""`fit` on a table with categories, classes or gaps, or with axioms: an estimator learns, and formulas follow from that."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from splinework.cli.artefacts import EQUATION_FIELDS, FILES, write_rows, write_text
from splinework.cli.categories import EstimationTask, classes_of, frame_of
from splinework.cli.figures import r2, rmse
from splinework.cli.interrupts import InterruptHandler, SearchStopped, answering
from splinework.cli.job import FitSettings, split
from splinework.cli.json_output import finite, json_text
from splinework.cli.knowledge import show_axiom_status
from splinework.cli.run import FitRun
from splinework.cli.terminal import console, regression
from splinework.cli.versions import own_version
from splinework.errors import ConfigError, DataError, FitWarning, SplineworkError
from splinework.formula.figures import figure, plural, ranks
from splinework.nn.files import write_into

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from splinework.cli.progress import Stages
    from splinework.cli.request import FitRequest
    from splinework.interpret.symbolic import FormulaRow
    from splinework.tabular.tables import FileTable
    from splinework.train.callbacks import Step

_FORMULA_SHARE: Final = 0.5  # of the budget, at most, for the search for formulas


@dataclass(frozen=True)
class EstimationRows:
    """Rows of a table for an estimator.

    Attributes:
        x: The features, one row each.
        y: `(n,)` numbers, or classes as texts.
    """

    x: pd.DataFrame
    y: NDArray[Any]

    def __len__(self) -> int:
        return len(self.y)

    def take(self, places: NDArray[Any]) -> EstimationRows:
        """A selection of the rows."""
        return EstimationRows(self.x.iloc[places].reset_index(drop=True), self.y[places])


@dataclass(frozen=True)
class Estimation:
    """The results of the fit.

    Attributes:
        target: The column that was explained.
        equations: One record for each formula, best first.
        metrics: The fields of `metrics.json`.
        notes: All decisions, in sentences.
        axioms: The status of each axiom: `axiom`, `strength`, `status`, `note`.
    """

    target: str
    equations: list[dict[str, Any]]
    metrics: dict[str, Any]
    notes: tuple[str, ...]
    axioms: tuple[dict[str, Any], ...] = ()

    def show_model(self) -> None:
        """Prints the main properties of the network and the statuses of the axioms."""
        m = self.metrics
        if m["task"] == "classification":
            fitted, held = (
                f"of {plural(m[f'n_{rows}'], 'row')} {word} {figure(m[f'accuracy_{rows}'], '.1%')}"
                for rows, word in (("train", "fitted"), ("test", "held out"))
            )
            errors = f"{fitted} are right{f', {held}' if m['n_test'] else ''}"
        else:
            errors = regression(m)
        console().print(f"model: {plural(m['active_edges'], 'active edge')}; {errors}; {m['seconds']:.1f} s")
        show_axiom_status(self.axioms)


def run_estimation(
    request: FitRequest, table: FileTable, wanted: EstimationTask, stages: Stages, folder: Path
) -> FitRun[Estimation]:
    """Fits, measures and writes; Ctrl-C stops the fit and keeps the best model so far, or the search and keeps its formulas."""
    if request.missing == "mean":
        raise ConfigError(
            "--missing mean is for tables of numbers; here a network learns what a missing cell means: leave the option out, or "
            "give --missing drop."
        )
    notes: list[str] = list(table.notes)
    rows = _rows(request, table, wanted, notes)
    train, test, split_notes = split(len(rows), FitSettings(request.budget, request.seed, request.test_fraction))
    fitted, held = rows.take(train), rows.take(test)
    if len(set(fitted.y.tolist())) < 2:
        raise DataError(
            f"the target {request.target!r} is {fitted.y[0]} in all {len(fitted)} rows to fit, so there is nothing to explain; "
            "choose another --target."
        )
    stages.stage("loading torch", after=0.5)
    from splinework.nn.frame import network_of

    stop = InterruptHandler(stages.say)
    with answering(stop.interrupt):
        began = time.monotonic()
        stages.stage(f"fitting {plural(len(fitted), 'row')}")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", FitWarning)
            estimator = _fitted(request, wanted, fitted, stages, stop)
        notes += [str(warning.message) for warning in caught if issubclass(warning.category, FitWarning)]
        found, searched = _formulas(estimator, stages, stop)
        stages.stage("measuring")
        equations = _records(found)
        network, columns = network_of(estimator.model_), estimator.columns_.columns
        weights = dict(zip((column.name for column in columns), estimator.feature_importances_, strict=True))
        metrics = _metrics(estimator, fitted, held, wanted) | {
            "n_train": len(fitted),
            "n_test": len(held),
            "seconds": round(time.monotonic() - began, 3),
            "parameters": network.parameter_count(active=True),
            "active_edges": network.active_edges(),
            "active_inputs": [name for name, weight in weights.items() if weight > 0],
            "seed": request.seed,
            "version": own_version(),
        }
        stages.stage("writing the report")
        shown: dict[str, Any] = {"test": (held.x, held.y) if len(held) else None, "tell": stages.share}
        shown |= {"title": f"{request.target} from {table.name}", "metrics": metrics}
        files = _write(
            estimator, equations, metrics, folder, partial(estimator.report, X=fitted.x, y=fitted.y, **shown)
        )
    if stop.asked:
        stages.insist(f"interrupted: what was found so far is in {folder}")
    statuses = tuple(asdict(each) for each in getattr(estimator, "axiom_status_", ()))
    if statuses and found:
        notes.append("the axioms are those of the model; formulas are found from the rows and are not held to them")
    decided = tuple(dict.fromkeys((*notes, *split_notes, *searched)))
    return FitRun(Estimation(request.target, equations, metrics, decided, statuses), files, stop.asked)


def _rows(request: FitRequest, table: FileTable, wanted: EstimationTask, notes: list[str]) -> EstimationRows:
    """The rows with a target, and without missing cells if these are to be dropped; adds notes."""
    from splinework.cli.fitted import column_of

    frame = frame_of(table, wanted, request.target, notes)
    y = classes_of(table, request.target) if wanted.classes else column_of(table, request.target)
    whole = np.array([value is not None for value in y]) if wanted.classes else np.isfinite(y)
    if request.missing == "drop":
        whole &= frame.notna().all(axis=1).to_numpy()
    gone = int((~whole).sum())
    if gone:
        notes.append(f"{plural(gone, 'row')} left out for cells that are empty or not finite")
    if not whole.any():
        raise DataError(f"every row of {table.name} has a cell that is empty or not finite; fill some in.")
    rows = EstimationRows(frame, y).take(np.flatnonzero(whole))
    gaps = int(rows.x.isna().to_numpy().sum())
    if gaps:
        notes.append(f"{plural(gaps, 'cell')} missing: what that means is learned")
    return rows


def _fitted(
    request: FitRequest, wanted: EstimationTask, rows: EstimationRows, stages: Stages, stop: InterruptHandler
) -> Any:
    """The fitted estimator; with the best model so far if interrupted."""
    import pandas as pd

    from splinework.tabular import KANClassifier, KANRegressor
    from splinework.train.callbacks import StopTraining

    def until_stopped(step: Step) -> None:
        if stop.asked:
            raise StopTraining

    kind: Callable[..., Any] = KANClassifier if wanted.classes else KANRegressor
    options: dict[str, Any] = {
        "random_state": request.seed,
        "formula_budget": _FORMULA_SHARE * request.budget,
        "callbacks": [stages.step, until_stopped],
        **wanted.known,
    }
    y = rows.y if wanted.classes else pd.Series(rows.y, name=request.target)
    if wanted.classes:
        y = pd.Series(rows.y.astype(str), name=request.target, dtype=object)
    try:
        return kind(**options).fit(rows.x, y)
    except SplineworkError:
        raise
    except ValueError as error:  # what scikit-learn's own checks raise
        raise DataError(str(error).splitlines()[0]) from error


def _formulas(estimator: Any, stages: Stages, stop: InterruptHandler) -> tuple[Sequence[FormulaRow], Sequence[str]]:
    """The formulas and notes on them; none if the search was interrupted before it found any."""
    try:
        with stop.searching(), stages.within(estimator.formula_budget):
            if stop.asked:
                raise SearchStopped
            stages.stage("looking for formulas")
            return estimator.formulas_.rows, estimator.formulas_.notes
    except KeyboardInterrupt:
        return (), ("no formulas: interrupted before there were any",)


def _records(rows: Sequence[FormulaRow]) -> list[dict[str, Any]]:
    """Figures of every formula."""
    return [
        {
            "rank": rank,
            "target": row.target,
            "formula": row.code,
            "complexity": row.complexity,
            "rmse_train": finite(row.rmse),
            "rmse_test": None,
            "r2_test": None,
        }
        for rank, row in zip(ranks(rows), rows, strict=True)
    ]


def _metrics(estimator: Any, fitted: EstimationRows, held: EstimationRows, wanted: EstimationTask) -> dict[str, Any]:
    """The figures of the model on the fitted and on the held-out rows."""
    if not wanted.classes:
        at_test = estimator.predict(held.x) if len(held) else held.y
        return {
            "task": "regression",
            "rmse_train": rmse(estimator.predict(fitted.x), fitted.y),
            "rmse_test": rmse(at_test, held.y),
            "r2_test": r2(at_test, held.y),
        }
    return {
        "task": "classification",
        "classes": [str(name) for name in estimator.classes_],
        "accuracy_train": _accuracy(estimator, fitted),
        "accuracy_test": _accuracy(estimator, held),
        "log_loss_test": _log_loss(estimator, held),
    }


def _accuracy(estimator: Any, rows: EstimationRows) -> float | None:
    return float(np.mean(estimator.predict(rows.x) == rows.y)) if len(rows) else None


def _log_loss(estimator: Any, rows: EstimationRows) -> float | None:
    """Mean negative log-probability of the true classes; None without rows, or for an unknown class."""
    if not len(rows):
        return None
    places = {str(name): place for place, name in enumerate(estimator.classes_)}
    codes = [places.get(value, -1) for value in rows.y.tolist()]
    if min(codes) < 0:
        return None
    return finite(-np.mean(estimator.predict_log_proba(rows.x)[np.arange(len(codes)), codes]))


def _write(
    estimator: Any, equations: list[dict[str, Any]], metrics: dict[str, Any], folder: Path, report: Callable[..., Any]
) -> dict[str, str]:
    """Writes the files, all or none."""
    writers: dict[str, Callable[[Path], None]] = {
        "model.safetensors": estimator.save,
        "equations.csv": partial(write_rows, equations, EQUATION_FIELDS),
        "metrics.json": partial(write_text, json_text(metrics)),
        "report.html": partial(report, equations=bool(equations)),
    }
    write_into(folder, writers)
    return {Path(name).stem: str(folder / name) for name in FILES}
