"""`splinework fit`: a table to formulas, a model and a report."""

from __future__ import annotations

import click

from splinework.cli.artefacts import EQUATION_FIELDS, FILES, json_text, only, write_artefacts
from splinework.cli.request import Request, on_table
from splinework.cli.shape import parse_shape
from splinework.cli.terminal import Stages, show_next_steps, show_outcome


@click.command(no_args_is_help=True, short_help="Find formulas for one column of a table.")
@on_table(seconds=45.0)
@click.option("--shape", metavar="2,5,1", help="Nodes in each layer; chosen from the data by default.")
def fit(request: Request, shape: str | None) -> None:
    """Find formulas for one column of DATA, a CSV or Parquet file (- for the standard input).

    Writes model.safetensors, equations.csv, metrics.json and report.html into one folder.

    \b
    Examples:
      splinework fit orbits.csv --target period_days --features mass,axis
      splinework fit data.csv --target y --missing drop --budget 20
    """
    layers = parse_shape(shape) if shape is not None else None
    folder = request.check(FILES)

    from splinework.cli.job import Listener, Settings, carry_out, prepare

    settings = Settings(request.budget, request.seed, request.test_fraction, layers, request.missing)
    sample, name = request.sample()
    prepared = prepare(sample, settings)
    with Stages(quiet=request.quiet) as stages:
        outcome = carry_out(prepared, settings, Listener(stages.stage, stages.step))
        stages.stage("writing the report")
        files = write_artefacts(outcome, folder, title=f"{request.target} from {name}")
    if request.as_json:
        formulas = [only(record, EQUATION_FIELDS) for record in outcome.equations]
        results = {"metrics": outcome.metrics, "formulas": formulas, "notes": outcome.notes, "files": files}
        click.echo(json_text(results), nl=False)
    elif not request.quiet:
        show_outcome(outcome)
        show_next_steps([files["report"]], request.predict(files))
