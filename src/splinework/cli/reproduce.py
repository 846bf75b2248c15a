"""`splinework reproduce`: experiments of the literature, run again beside the published values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from splinework.cli import common
from splinework.cli.interrupts import Interrupted, Terminated
from splinework.cli.json_output import json_text
from splinework.cli.options import argument, command, option, takes
from splinework.cli.progress import Stages
from splinework.formula.figures import plural

if TYPE_CHECKING:
    from splinework.reproduce.running import ExperimentResult, ExperimentStatus

GROUP: Final = "Experiments"


def _names_complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from splinework.reproduce.registry import experiment_names

    return [name for name in experiment_names() if name.startswith(incomplete)]


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions:
    """The options as they were given."""

    names: tuple[str, ...] = argument(required=False, nargs=-1, metavar="[NAME]…", shell_complete=_names_complete)
    quick: bool = option(default=False, help="Run the short recipes: fewer seeds, sizes and functions.", group=GROUP)
    only: tuple[str, ...] = option(
        metavar="TEXT,…", default=(), help="Run the cells with one of these in their names alone.", group=GROUP
    )
    show_list: bool = option(
        "--list", default=False, help="List the experiments, their time and how far they are.", group=GROUP
    )
    jobs: int | None = common.jobs()
    out: str = common.out("DIR", "Folder for the results.", default="splinework-reproduce")
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(short_help="Run experiments of the literature beside the published values.")
@takes(ReproduceOptions)
def reproduce(options: ReproduceOptions) -> None:
    """Run experiments of the literature again, all or those named, and compare with the published values.

    Each ends with a table (published, the paper's method here, our default, its rival), a figure, checks of stated bounds, and
    the environment, in DIR/NAME/quick or DIR/NAME/full. Results are kept cell by cell: the same command goes on after an
    interrupt, and results of another version are kept apart.

    \b
    Examples:
      splinework reproduce --list
      splinework reproduce grid-extension --quick
      splinework reproduce --quick --jobs 2 --out results
      splinework reproduce feynman --only default,sparsify
    """
    from splinework.reproduce.registry import recipe
    from splinework.reproduce.running import run, status

    for name in options.names:
        recipe(name)
    if options.show_list:
        found = [each for each in status(options.out) if not options.names or each.name in options.names]
        _show_list(found, as_json=options.as_json)
        return
    with Stages(quiet=options.quiet) as stages:
        try:
            results = run(
                *options.names,
                quick=options.quick,
                out=options.out,
                jobs=common.cores(options.jobs),
                only=options.only,
                progress=False,
                on_stage=stages.stage,
            )
        except (Interrupted, Terminated, KeyboardInterrupt):
            stages.insist(f"finished cells are kept in {options.out}; the same command goes on from there")
            raise
    if options.as_json:
        click.echo(json_text({"results": [each.to_dict() for each in results]}), nl=False)
        return
    for each in results:
        if not options.quiet:
            _show(each)


def _show_list(found: list[ExperimentStatus], *, as_json: bool) -> None:
    if as_json:
        click.echo(json_text({"experiments": [vars(each) for each in found]}), nl=False)
        return
    from splinework.cli.terminal import show_table

    rows: list[tuple[Any, ...]] = [
        (
            each.name,
            each.title,
            *(f"{minutes:g} min" for minutes in each.minutes),
            *map(_progress, each.done, each.cells),
        )
        for each in found
    ]
    layout: dict[str, Any] = {"experiment": {}, "what": {"overflow": "fold"}}
    layout |= {name: {"justify": "right"} for name in ("quick", "full", "quick done", "full done")}
    show_table("experiments, with the processor time of their recipes", layout, rows)
    foreign = sum(each.foreign for each in found)
    if foreign:
        click.echo(f"{plural(foreign, 'result')} of another recipe or version: kept there, not used")


def _progress(done: int, cells: int) -> str:
    return f"{done} of {cells}"


def _show(result: ExperimentResult) -> None:
    click.echo(f"# {result.name}\n")
    click.echo((result.folder / "table.md").read_text(encoding="utf-8"))
    if result.foreign:
        click.echo(f"{plural(result.foreign, 'result')} of another recipe or version: kept there, not used")
    whole = len(result.finished) == result.cells
    state = "all checks met" if result.met else "not all checks met" if whole else "not all cells were run"
    click.echo(f"{state}: {result.folder}\n")
