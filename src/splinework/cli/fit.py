"""`splinework fit`: a table to formulas, a model and a report."""

from __future__ import annotations

import math
from pathlib import Path

import click

from splinework.cli.artefacts import FILES, json_text, write_artefacts
from splinework.cli.folder import check_folder
from splinework.cli.sample import split_names, take_sample
from splinework.cli.shape import parse_shape
from splinework.cli.terminal import Stages, default_folder, show_next_steps, show_outcome
from splinework.errors import ConfigError


@click.command(no_args_is_help=True, short_help="Find formulas for one column of a table.")
@click.argument("data")
@click.option("--target", required=True, metavar="COL", help="The column to explain.")
@click.option("--features", metavar="A,B,C", help="The columns to explain it by; all others by default.")
@click.option("--out", metavar="DIR", help="Folder for the results; splinework-NAME by default.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of split and fit.")
@click.option(
    "--test-fraction", type=float, metavar="F", help="Share of rows held back to test; 0.2, fewer of few rows."
)
@click.option("--shape", metavar="2,5,1", help="Nodes in each layer; chosen from the data by default.")
@click.option("--budget", type=float, metavar="SECONDS", help="Time for the fit; 45 by default.")
@click.option("--missing", type=click.Choice(["drop", "mean"]), help="Missing cells: leave out their rows, or fill in.")
@click.option("--overwrite", is_flag=True, help="Replace earlier results in the folder; other files stay.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object.")
def fit(
    data: str,
    target: str,
    features: str | None,
    out: str | None,
    seed: int,
    test_fraction: float | None,
    shape: str | None,
    budget: float | None,
    missing: str | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Find formulas for one column of DATA, a CSV or Parquet file (- for the standard input).

    Writes model.safetensors, equations.csv, metrics.json and report.html into one folder.

    \b
    Examples:
      splinework fit orbits.csv --target period_days --features mass,axis
      splinework fit data.csv --target y --missing drop --budget 20
    """
    if test_fraction is not None and not 0 <= test_fraction < 1:
        raise ConfigError(f"--test-fraction is a share of the rows, 0 <= F < 1, such as 0.2; got {test_fraction:g}.")
    if budget is not None and not (budget > 0 and math.isfinite(budget)):
        raise ConfigError(f"--budget is a number of seconds above 0, such as 30; got {budget:g}.")
    layers = parse_shape(shape) if shape is not None else None
    folder = Path(out) if out is not None else default_folder(data)
    check_folder(folder, FILES, overwrite=overwrite)
    if Path(data).exists() and any((folder / name).exists() and (folder / name).samefile(data) for name in FILES):
        raise ConfigError(f"--out {folder} would replace {data}, which is read; name another folder.")

    from splinework.cli.job import Listener, Settings, carry_out, prepare
    from splinework.tables import read_table

    settings = Settings(seed=seed, test_fraction=test_fraction, shape=layers, seconds=budget, missing=missing)
    table = read_table(data)
    chosen = None if features is None else split_names(features)
    prepared = prepare(take_sample(table, target, chosen, missing=missing), settings)
    with Stages(quiet=quiet) as stages:
        outcome = carry_out(prepared, settings, Listener(stages.stage, stages.step))
        stages.stage("writing the report")
        files = write_artefacts(outcome, folder, title=f"{target} from {table.name}")
    if as_json:
        results = {"metrics": outcome.metrics, "formulas": outcome.equations, "notes": outcome.notes, "files": files}
        click.echo(json_text(results), nl=False)
    elif not quiet:
        show_outcome(outcome)
        predict = [
            "splinework",
            "predict",
            files["model"],
            data if data != "-" else "NEW.csv",
            "--out",
            "predictions.csv",
        ]
        show_next_steps([files["report"]], [predict])
