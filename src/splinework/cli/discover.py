"""`splinework discover`: a table to the law behind it, or the word that there is none."""

from dataclasses import dataclass

import click

from splinework.cli import common
from splinework.cli.answer import results, show_answer
from splinework.cli.artefacts import DISCOVERED
from splinework.cli.constraints import FormulaConstraints
from splinework.cli.interrupts import INTERRUPTED
from splinework.cli.json_output import json_text
from splinework.cli.options import command, option, takes
from splinework.cli.progress import Stages
from splinework.cli.request import FitRequest, on_table
from splinework.cli.run import run_fit
from splinework.cli.terminal import show_next_steps


@dataclass(frozen=True, kw_only=True)
class SearchLimits:
    """The options as they were given."""

    effort: float | None = common.effort(None, show_default="seconds instead")
    checkpoint: str | None = option(
        metavar="FILE",
        help="File for the formulas found so far; a search of the same rows goes on from it.",
        group=common.SEARCH_GROUP,
    )


@command(no_args_is_help=True, short_help="Find the law behind one column of a table.")
@on_table(budget=60.0, missing=("drop", "mean"))
@takes(FormulaConstraints)
@takes(SearchLimits)
def discover(request: FitRequest, constraints: FormulaConstraints, limits: SearchLimits) -> int:
    """Find the law behind one column of DATA, a CSV or Parquet file (- for the standard input).

    DATA may be a folder of such files, or a pattern such as 'rows-*.parquet': at most 100,000 rows are taken, evenly from all.

    Prints formulas, best first: the shortest description of formula and errors together. Says so where no formula of the
    library explains the data. Nothing in DATA or in an option is ever run as code.

    Writes equations.csv (formulas in NumPy's names over the columns), pareto.csv (from simple to accurate), report.html,
    metrics.json and model.safetensors into one folder, and splines.csv where a formula still contains spline_1(...).

    Press Ctrl-C to stop and keep the best result so far; press it again to quit immediately.

    \b
    Examples:
      splinework discover orbits.csv --target period_days
      splinework discover fall.csv --target y --units "y=m,g=m/s^2,t=s"
      splinework discover data.csv --target y --features x1,x2 --noise-sd 0.1 --budget 120
      splinework discover data.csv --target y --form "y = A*exp(?)*x2" --forbid tan,sinh
      splinework discover run.csv --target x --ode time
    """
    constraints.check()
    folder = request.check(DISCOVERED)

    from splinework.cli.job import FitSettings
    from splinework.cli.sample import refuse_copy

    settings = FitSettings(
        request.budget,
        request.seed,
        request.test_fraction,
        missing=request.missing,
        constraints=constraints,
        tables_apart=True,
        effort=limits.effort,
        checkpoint=limits.checkpoint,
        jobs=None if request.jobs is None else common.cores(request.jobs),
    )
    with Stages(quiet=request.quiet) as stages:
        stages.stage(f"reading {request.source}", after=0.5)
        table = request.table(stages.share)
        done = run_fit(request, table, settings, stages, folder, DISCOVERED, beside=constraints.ode, check=refuse_copy)
    if done is None:
        return INTERRUPTED
    if request.as_json:
        click.echo(json_text(results(done.outcome, done.files, interrupted=done.stopped)), nl=False)
    elif not request.quiet:
        show_answer(done.outcome)
        show_next_steps([done.files["report"]], request.predict(done.files) if done.outcome.of_the_target else [])
    return INTERRUPTED if done.stopped else 0
