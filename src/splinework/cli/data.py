"""`splinework data`: the tables that splinework has or can draw, listed and written."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import click

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.data_files import (
    MAX_ROWS,
    check_out,
    csv_text,
    is_parquet,
    read_recipe,
    write_card,
    write_recipe,
    write_table,
)
from splinework.cli.data_list import facts, show_list
from splinework.cli.data_specs import DESIGNS, design_of, equation_set, formula_set, noise_of
from splinework.cli.json_output import json_text
from splinework.cli.options import argument, command, given, option, takes
from splinework.errors import ConfigError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from splinework.data import DataSet
    from splinework.data.noise import Noise
    from splinework.data.recipe import Recipe

_SOURCES = ("name", "formula", "equations", "recipe")
_FORMULA_OPTIONS = ("correlations", "idle", "target", "like")
_EXPRESSION_OPTIONS = ("ranges", "units")
_SET_OPTIONS = (
    *("rows", "seed", "noises", "design", "end", "card", "save_recipe", "out"), *_FORMULA_OPTIONS, *_EXPRESSION_OPTIONS
)  # fmt: skip


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the sets."""
    from click.shell_completion import CompletionItem

    from splinework.data import data_names

    return [CompletionItem(name) for name in data_names() if name.startswith(incomplete)]


_SOURCE_GROUP = "What to draw"
_ROWS_GROUP = "Rows"


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The options as they were given."""

    name: str | None = argument(required=False, shell_complete=_names)
    formula: str | None = option(metavar="TEXT", help="A formula, such as 'sin(x)*y'.", group=_SOURCE_GROUP)
    equations: tuple[str, ...] = option(
        "--equation", default=(), metavar="x=TEXT,…", help="Trajectories of dx/dt = TEXT.", group=_SOURCE_GROUP
    )
    recipe: str | None = option(
        metavar="FILE.toml",
        shell_complete=files_of,
        help="A recipe file written by --save-recipe.",
        group=_SOURCE_GROUP,
    )
    ranges: tuple[str, ...] = option(
        "--range",
        default=(),
        metavar="x=0:1,…",
        help="Ranges of variables, with :log for a logarithmic scale, or of states at t = 0.",
        group=_SOURCE_GROUP,
    )
    units: tuple[str, ...] = option(
        default=(), metavar="COL=UNIT,…", help="Units of columns, such as x=m,t=s,v=m/s.", group=_SOURCE_GROUP
    )
    target: str | None = common.target(show_default="y", group=_SOURCE_GROUP)
    end: float | None = option(
        "--end-time", metavar="T", show_default="10", help="Time at which trajectories end.", group=_SOURCE_GROUP
    )
    rows: int | None = option(
        within=(1, 10_000_000_000),
        metavar="N",
        show_default="1000, or 1024 of a Sobol sequence",
        help="Number of rows of a synthetic set.",
        group=_ROWS_GROUP,
    )
    seed: int | None = common.seed(None, show_default="0", group=_ROWS_GROUP)
    design: str | None = option(
        type=click.Choice(DESIGNS),
        show_default="sobol for --formula, else that of the set",
        help="Design of the inputs.",
        group=_ROWS_GROUP,
    )
    like: str | None = option(
        "--inputs-from",
        metavar="FILE",
        shell_complete=files_of,
        help="Draw the inputs of --formula like those in a table.",
        group=_ROWS_GROUP,
    )
    correlations: tuple[str, ...] = option(
        "--correlation", default=(), metavar="a:b=0.8,…", help="Correlations of pairs of variables.", group=_ROWS_GROUP
    )
    idle: int | None = option(
        "--irrelevant",
        within=(0, 1000),
        metavar="N",
        show_default="0",
        help="Number of additional inputs without effect.",
        group=_ROWS_GROUP,
    )
    noises: tuple[str, ...] = option(
        "--add-noise",
        default=(),
        metavar="NOISE,…",
        help="Gaussian noise, as a share of the target's spread, or a model of noise as listed above.",
        group=_ROWS_GROUP,
    )
    out: str | None = common.out("FILE.csv", "File for the table, .csv or .parquet.", show_default="standard output")
    save_recipe: str | None = option(
        metavar="FILE.toml",
        shell_complete=files_of,
        help="Write the recipe of what was drawn.",
        group=common.OUTPUT_GROUP,
    )
    card: str | None = option(
        metavar="FILE.md", shell_complete=files_of, help="Write a data card, .md or .json.", group=common.OUTPUT_GROUP
    )
    everything: bool = option("--all", default=False, help="List the formulas one by one.", group=common.OUTPUT_GROUP)
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()

    def refuse(self, names: Sequence[str], why: str) -> None:
        """Raises if one of these was given."""
        if words := " and ".join(given(self, *names)):
            raise ConfigError(f"{words} is {why}.")

    def check(self) -> None:
        """Raises if options contradict each other."""
        sources = given(self, *_SOURCES)
        if len(sources) > 1:
            raise ConfigError(f"{' and '.join(sources)} both say what to draw; leave one out.")
        if not sources:
            self.refuse(_SET_OPTIONS, "for one set; name it, such as: splinework data orbits")
            return
        if self.as_json and self.out == "-":
            raise ConfigError("--json and --out - both want the standard output; leave one out.")
        own = self.name or self.recipe or "an equation"
        if self.formula is None:
            self.refuse(_FORMULA_OPTIONS, f"for --formula; {own} has its own")
            if not self.equations:
                self.refuse(_EXPRESSION_OPTIONS, f"for --formula and --equation; {own} has its own")
        elif self.like:
            taken = ("ranges", "design", "correlations", "idle")
            self.refuse(taken, f"given by the rows of --inputs-from {self.like}; leave it out")
        if self.equations:
            self.refuse(("design",), "for --formula; trajectories have their own times")
        else:
            self.refuse(("end",), f"for --equation; {own if self.formula is None else 'a formula'} has none")
        if self.recipe is not None:
            self.refuse(("noises", "design"), f"part of a recipe; change it in {self.recipe}")


@command(short_help="List and write built-in tables, synthetic sets and simulators.")
@takes(DataOptions)
def data(options: DataOptions) -> None:
    """List the built-in tables, or write the one called NAME as CSV or Parquet.

    Measurements have fixed rows. Rows of synthetic sets are drawn from a box for a formula or a simulator; the same seed gives
    the same rows. A formula of your own is drawn with --formula, a
    differential equation with --equation.

    \b
    Noise: a number (share of the target's spread), or one of
      gaussian:SHARE  student:SHARE[:DF]  outliers:FRACTION[:SCALE]  input:SHARE  drift:SHARE  rounded:DIGITS
      quantised:BITS  censored:LOW:HIGH  missing:SHARE[:inputs|target|all]  heteroscedastic:FORMULA

    \b
    Examples:
      splinework data
      splinework data orbits --out orbits.csv
      splinework data feynman:I.6.2 --rows 500 --add-noise 0.05 > gauss.csv
      splinework data lorenz --rows 1000 --out lorenz.csv --card lorenz.md
      splinework data --formula "sin(x)*y" --range x=0:3,y=1:100:log --units x=rad --add-noise 0.1 --out waves.csv
      splinework data --equation "x=v,v=-sin(x)" --range x=-2:2,v=-1:1 --end-time 20 --out swing.csv
      splinework data --formula "m*v**2/2" --rows 100000000 --out big.parquet
    """
    options.check()
    name, formula, equations, recipe = options.name, options.formula, options.equations, options.recipe
    if not given(options, *_SOURCES):
        show_list(everything=options.everything, as_json=options.as_json)
        return
    share, models = noise_of(options.noises)
    check_out(options.out, (name or "drawn").replace(":", "-"), card=options.card, saved=options.save_recipe)
    made: Any
    if formula is not None:
        made = formula_set(options, (*_spread(share), *models))
    elif equations:
        made = equation_set(options, (*_spread(share), *models))
    elif recipe is not None:
        made, rows, seed = read_recipe(recipe)
        options = replace(options, rows=options.rows or rows, seed=options.seed if options.seed is not None else seed)
    else:
        made = _named(str(name), share, models, options)
    _finish(made, options)


def _named(name: str, share: float, models: tuple[Noise, ...], options: DataOptions) -> Recipe | DataSet:
    """The recipe of a name with noise and design; measurements as they are."""
    from splinework.data import data_set

    found = data_set(name)
    if found.measured:
        of_drawn = ("rows", "seed", *(("noises",) if share or models else ()), "design")
        options.refuse(of_drawn, f"for synthetic sets; {name} holds measurements, with the rows that it has")
        options.refuse(("card", "save_recipe"), f"for synthetic sets; {name} holds measurements ({found.source})")
        return found
    made: Any = found.noisy(share, models)
    if options.design is not None:
        if "design" not in {one.name for one in fields(made)}:
            raise ConfigError(f"the inputs of {name} come from its own source; leave --design out.")
        made = replace(made, design=design_of(options.design))
    if share or models or options.design:
        return made  # type: ignore[no-any-return]
    return found


def _finish(made: Any, options: DataOptions) -> None:
    """Draws, writes and reports what was written."""
    from splinework.data import DataSet
    from splinework.data.registry import described

    out, card, saved = options.out, options.card, options.save_recipe
    found: DataSet = made if isinstance(made, DataSet) else described(options.name or made.name, made)
    values = {**facts(found), "units": dict(found.units)}
    if options.as_json and out is None and card is None and saved is None:
        click.echo(json_text(values), nl=False)
        return
    rows, seed = options.rows or _default_rows(found), options.seed or 0
    files = {}
    count, notes = _rows(found, rows, seed, options)
    if saved is not None and found.recipe is not None:
        write_recipe(found.recipe, rows, seed, saved)
        files["recipe"] = saved
    if card is not None:
        files["card"] = card
    if out not in (None, "-"):
        files = {"data": str(out), **files}
    if options.as_json:
        click.echo(json_text({**values, "rows": count, "files": files}), nl=False)
    elif not options.quiet and out not in (None, "-"):
        click.echo(f"{count} rows in {out}", err=True)
        for note in notes:
            click.echo(note, err=True)
        _next(found, str(out))


def _default_rows(found: DataSet) -> int:
    """The number of rows unless --rows is given: one that the design has."""
    from splinework.data.designs import Sobol

    return 1024 if isinstance(getattr(found.recipe, "design", None), Sobol) else 1000


def _rows(found: DataSet, rows: int, seed: int, options: DataOptions) -> tuple[int, list[str]]:
    """Draws and writes the table and its card; returns the number of rows and notes on them."""
    out, silent = options.out, options.as_json
    if found.recipe is None:
        frame = found.frame()
        if out in (None, "-"):
            if not silent:
                click.echo(csv_text(frame), nl=False)
            return len(frame), []
        return write_table(frame, str(out)), []
    if is_parquet(out):
        from splinework.cli.progress import Stages
        from splinework.data import write_parquet

        with Stages(quiet=options.quiet or silent) as stages:
            stages.stage(f"drawing {rows} rows")
            page = write_parquet(found.recipe, str(out), rows, seed=seed, tell=stages.share)
    else:
        if rows > MAX_ROWS:
            raise ConfigError(f"--rows {rows} is more than fits in memory; write Parquet: --out {found.name}.parquet.")
        drawn = found.recipe.draw(rows, seed=seed)
        page = drawn.card()
        if out not in (None, "-"):
            write_table(drawn.frame(), str(out))
        elif not silent:
            click.echo(csv_text(drawn.frame()), nl=False)
    if options.card is not None:
        write_card(page, options.card)
    facts = page.facts
    floor = facts["truth"]["noise_floor"]
    shown = [f"noise floor {floor:.4g} (RMSE of the truth on these rows)"] if floor else []
    return facts["rows"], [*shown, *facts["notes"]]


def _next(found: DataSet, out: str) -> None:
    """Prints the next command, with features if the table has other columns."""
    option: list[str] = []
    if found.name == "orbits" or len(found.targets) > 1:
        option = ["--features", ",".join(found.features)]
    law = found.name == "orbits" or (found.formula is not None and len(found.targets) == 1)
    command = ["splinework", "discover" if law else "fit", out, "--target", found.target, *option]
    click.echo(f"next   {shlex.join(command)}", err=True)


def _spread(share: float) -> tuple[Noise, ...]:
    from splinework.data.noise import Gaussian

    if share < 0:
        raise ConfigError(f"noise is a share of the spread of the target, 0 or more, got {share}; 0.1 is 10 %.")
    return (Gaussian(share, of="std"),) if share else ()
