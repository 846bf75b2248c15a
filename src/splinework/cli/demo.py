"""`splinework demo`: the main job on real measurements, from the orbits of the solar system to a set of patients."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from splinework.cli import common
from splinework.cli.artefacts import FILES, write_artefacts
from splinework.cli.folder import check_folder
from splinework.cli.options import command, takes
from splinework.cli.progress import Stages
from splinework.cli.terminal import show_next_steps, show_results, show_table
from splinework.errors import FileError
from splinework.nn.files import write_into

if TYPE_CHECKING:
    import pandas as pd

    from splinework.cli.job import FitOutcome, PreparedSample
    from splinework.cli.sample import Floats

_OWN_FILES: Final = {"orbits", "orbits.csv", "diabetes", "diabetes.csv"}
_ORBITS_SHARE: Final = 3 / 8  # of the time, for the orbits
_ORBITS_FEATURES: Final = ("central_mass_kg", "semi_major_axis_km")


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """The options as they were given."""

    budget: float = common.budget(32.0)
    out: str = common.out("DIR", "Folder for the results.", default="splinework-demo")
    quiet: bool = common.quiet()


@command(short_help="Run the complete workflow on real measurements, in a minute.")
@takes(DemoOptions)
def demo(options: DemoOptions) -> None:
    """Find the law of the planets in 68 measured orbits, then compare models on 442 patients with diabetes."""
    folder = Path(options.out)
    _check(folder)

    from splinework.data import data_set

    say = (lambda text: None) if options.quiet else click.echo
    say("1. Orbits: 68 planets, dwarf planets and moons. What sets the time that they take?\n")
    first, second, quiet = _ORBITS_SHARE * options.budget, (1 - _ORBITS_SHARE) * options.budget, options.quiet
    orbits, files = _job(data_set("orbits").frame(), "orbits", "period_days", _ORBITS_FEATURES, folder, first, quiet)
    if not quiet:
        show_results(orbits)
    for line in _law(orbits):
        say(line)
    say("\n2. Diabetes: 442 patients, ten measures. How far will the disease be in a year?\n")
    diabetes, others = _job(data_set("diabetes").frame(), "diabetes", "progression", None, folder, second, quiet)
    if not quiet:
        show_results(diabetes)
        _show_comparison(diabetes)
        predict = ["splinework", "predict", files["model"], str(folder / "orbits.csv"), "--out", "predictions.csv"]
        fit = ["splinework", "fit", "YOUR.csv", "--target", "COLUMN"]
        show_next_steps([files["report"], others["report"]], [predict, fit])


def _check(folder: Path) -> None:
    """Refuses a folder with other files than those of an earlier demo."""
    if folder.is_dir():
        foreign = sorted(path.name for path in folder.iterdir() if path.name not in _OWN_FILES)
        if foreign:
            raise FileError(f"{folder} is not empty (it holds {foreign[0]}); name another folder with --out.")
    for name in ("orbits", "diabetes"):
        check_folder(folder / name, FILES, overwrite=True)


def _job(
    frame: pd.DataFrame,
    name: str,
    target: str,
    features: tuple[str, ...] | None,
    folder: Path,
    seconds: float,
    quiet: bool,
) -> tuple[FitOutcome, dict[str, str]]:
    """Does the work of `splinework fit`, on a table that is written beside the results."""
    from splinework.cli.job import FitCallbacks, FitSettings, measure, prepare, search
    from splinework.cli.sample import take_sample
    from splinework.tabular.tables import read_table

    path = folder / f"{name}.csv"
    write_into(folder, {path.name: lambda aside: frame.to_csv(aside, index=False)})
    settings = FitSettings(seconds)
    prepared = prepare(take_sample(read_table(path), target, features), settings)
    with Stages(quiet=quiet) as stages:
        began = time.monotonic()
        with stages.within(seconds):
            table = search(prepared, settings, FitCallbacks(stages.stage, stages.step))
        stages.stage("measuring")
        outcome = measure(table, prepared, settings, began=began)
        stages.stage("writing the report")
        files = write_artefacts(outcome, folder / name, title=f"{target} from {path.name}", tell=stages.share)
    return outcome, files


def _law(outcome: FitOutcome) -> list[str]:
    """The first formula as a law of powers, estimated from its values: slopes of log P over log M and log a."""
    import numpy as np

    (x, y), row = outcome.prepared.train, outcome.table.best
    with np.errstate(all="ignore"):
        values = row.numpy()(x)
    if not (np.isfinite(values).all() and (values > 0).all()):
        return []
    design = np.column_stack([np.log(x), np.ones(len(x))])
    powers, *_ = np.linalg.lstsq(design, np.log(values), rcond=None)
    if np.abs(design @ powers - np.log(values)).max() > 0.05:
        return []
    typical = float(np.median(np.abs(values / y - 1)))
    return [
        f"\nThe law found: P = {math.exp(powers[2]):.4g} · a^{powers[1]:.2f} · M^{powers[0]:.2f} "
        f"(typically {100 * typical:.2g} % off)",
        "Kepler and Newton: P ∝ a^1.5 · M^-0.5",
    ]


def _show_comparison(outcome: FitOutcome) -> None:
    """R² of other models beside ours, on the same rows."""
    from splinework.cli.figures import r2
    from splinework.formula.figures import figure

    x_test, y_test = outcome.prepared.test
    found = {
        "splinework, the network": outcome.metrics["r2_test"],
        "splinework, the first formula": outcome.equations[0]["r2_test"],
        **{name: r2(predict(x_test), y_test) for name, predict in _others(outcome.prepared).items()},
    }
    rows = [(name, figure(value, ".3f")) for name, value in found.items()]
    show_table("the same rows, other models", {"model": {}, "R² test": {"justify": "right"}}, rows)


def _others(prepared: PreparedSample) -> dict[str, Callable[[Floats], Floats]]:
    """A linear model, a multilayer perceptron and gradient boosting, fitted to the same rows."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = prepared.train
    network = MLPRegressor(hidden_layer_sizes=(16,), solver="lbfgs", max_iter=2000, random_state=0)
    chosen = GridSearchCV(network, {"alpha": [1.0, 10.0, 100.0]}, cv=3)  # its weight decay, by cross-validation
    scaled = make_pipeline(StandardScaler(), chosen)
    perceptron = TransformedTargetRegressor(scaled, transformer=StandardScaler())
    return {
        "linear model": LinearRegression().fit(x, y).predict,
        "multilayer perceptron [10, 16, 1]": perceptron.fit(x, y).predict,
        "gradient boosting (scikit-learn)": GradientBoostingRegressor(random_state=0).fit(x, y).predict,
    }
