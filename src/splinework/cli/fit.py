"""`splinework fit`: a table to formulas, a model and a report."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import click

from splinework.cli import common
from splinework.cli.artefacts import EQUATION_FIELDS, FILES
from splinework.cli.interrupts import INTERRUPTED
from splinework.cli.json_output import json_text, only
from splinework.cli.knowledge import AxiomOptions
from splinework.cli.options import command, takes
from splinework.cli.progress import Stages
from splinework.cli.request import FitRequest, on_table
from splinework.cli.run import FitRun, run_fit
from splinework.cli.shape import parse_shape
from splinework.cli.terminal import show_next_steps, show_results
from splinework.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The options as they were given."""

    shape: str | None = common.shape("", "chosen from the data")
    task: Literal["auto", "regression", "classification"] = common.task()


@command(no_args_is_help=True, short_help="Find formulas for one column of a table.")
@on_table(budget=45.0, missing=("drop", "mean", "learn"))
@takes(ModelOptions)
@takes(AxiomOptions)
def fit(request: FitRequest, model: ModelOptions, axioms: AxiomOptions) -> int:
    """Find formulas for one column of DATA, a CSV or Parquet file (- for the standard input).

    DATA may be a folder of such files, or a pattern such as 'rows-*.parquet': at most 100,000 rows are taken, evenly from all.

    Writes model.safetensors, equations.csv, metrics.json and report.html into one folder.

    Columns of repeated words are categories, and a target of such words is classified. Then, and with --missing learn, the
    fitted network learns a value for each category and for missing cells; formulas are derived from it.

    With --axiom, --axioms or --monotone the model satisfies these by construction, also for new rows; the table of axioms at the
    end says which are proved. They name columns of numbers; strength=soft makes one a penalty, strength=verify
    only checks it.

    Press Ctrl-C to stop and keep the best result so far; press it again to quit immediately.

    \b
    Examples:
      splinework fit orbits.csv --target period_days --features mass,axis
      splinework fit data.csv --target y --missing drop --budget 20
      splinework fit iris.csv --target species
      splinework fit data.csv --target price --monotone area=1,age=-1 --axiom "bounded(lower=0)"
      splinework fit data.csv --target y --axiom "concave(dose, strength=soft)" --axioms known.toml
      splinework fit data.csv --target y --json --quiet > results.json
      splinework fit --config run.toml
    """
    layers = parse_shape(model.shape) if model.shape is not None else None
    folder = request.check(FILES)
    with Stages(quiet=request.quiet) as stages:
        stages.stage(f"reading {request.source}", after=0.5)
        from splinework.cli.categories import wanted_task
        from splinework.cli.job import FitSettings

        known = axioms.read() if axioms else {}
        table = request.table(stages.share)
        learn = request.missing == "learn" or bool(known)
        found = wanted_task(table, request.target, request.chosen(table), asked=model.task, learn=learn)
        if found is not None and layers is not None:
            raise ConfigError(
                "--shape is for tables of numbers; with categories, classes, axioms or --missing learn leave it out."
            )
        done: FitRun[Any] | None
        if found is None:
            settings = FitSettings(request.budget, request.seed, request.test_fraction, layers, request.missing)
            done = run_fit(request, table, settings, stages, folder, FILES)
        else:
            from splinework.cli.estimation import run_estimation

            done = run_estimation(request, table, replace(found, known=known), stages, folder)
    if done is None:
        return INTERRUPTED
    _answer(done, request, axioms)
    return INTERRUPTED if done.stopped else 0


def _answer(done: FitRun[Any], request: FitRequest, axioms: AxiomOptions) -> None:
    """Prints the results, for programs or for people."""
    found = done.outcome
    if request.as_json:
        results: dict[str, Any] = {
            "metrics": found.metrics,
            "formulas": [only(record, EQUATION_FIELDS) for record in found.equations],
            "notes": found.notes,
            "interrupted": done.stopped,
            "files": done.files,
        }
        if axioms:
            results["axioms"] = list(getattr(found, "axioms", ()))
        click.echo(json_text(results), nl=False)
    elif not request.quiet:
        show_results(found)
        show_next_steps([done.files["report"]], request.predict(done.files))
