"""`splinework data`: the tables that splinework has or can draw, listed and written."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import click

from splinework.cli.complete import files_of
from splinework.cli.data_files import (
    MOST_ROWS,
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
from splinework.cli.options import argument, given, option, takes
from splinework.errors import ConfigError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from splinework.data import DataSet
    from splinework.data.noise import Noise
    from splinework.data.recipe import Recipe

_ROWS = 1000
_SOURCES = ("name", "formula", "equations", "recipe")
_OF_FORMULAS = ("correlations", "idle", "target", "like")
_OF_BOTH = ("ranges", "units")
_OF_ONE_SET = (
    *("rows", "seed", "noises", "outliers", "design", "end", "card", "save_recipe", "out"), *_OF_FORMULAS, *_OF_BOTH
)  # fmt: skip


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the sets."""
    from click.shell_completion import CompletionItem

    from splinework.data import data_names

    return [CompletionItem(name) for name in data_names() if name.startswith(incomplete)]


@dataclass(frozen=True)
class Choices:
    """What is drawn and where it goes, as it was given."""

    name: str | None = argument(required=False, shell_complete=_names)
    out: str | None = option(
        metavar="FILE.csv", shell_complete=files_of, help="Write it there, .csv or .parquet; else to stdout."
    )
    rows: int | None = option(within=(1, 10_000_000_000), metavar="N", help="Rows of a synthetic set; 1000.")
    seed: int | None = option(within=(0, 2**32 - 1), metavar="N", help="Seed of all that is drawn; 0 if not given.")
    noises: tuple[str, ...] = option(
        "--noise",
        default=(),
        metavar="F",
        help="A share of the target's spread, or a model such as student:0.1; may be repeated.",
    )
    outliers: float | None = option(metavar="F", help="Share of rows that are far off.")
    formula: str | None = option(metavar="TEXT", help="Draw from this formula, such as 'sin(x)*y'.")
    equations: tuple[str, ...] = option(
        "--ode", default=(), metavar="x=TEXT", help="Draw trajectories of dx/dt = TEXT."
    )
    end: float | None = option(metavar="T", help="Time at which the trajectories of --ode end; 10.")
    ranges: tuple[str, ...] = option(
        "--range", default=(), metavar="x=0:1", help="Range of a variable, or of a state at t = 0."
    )
    units: tuple[str, ...] = option(
        "--unit", default=(), metavar="x=m", help="Unit of a variable, a state or the target."
    )
    correlations: tuple[str, ...] = option(
        "--correlation", default=(), metavar="a:b=0.8", help="Correlation of two variables."
    )
    idle: int | None = option(within=(0, 1000), metavar="N", help="So many more inputs that do nothing.")
    target: str | None = option(metavar="COLUMN", help="Name of the target of --formula; y.")
    design: str | None = option(type=click.Choice(DESIGNS), help="Where the inputs lie; sobol for --formula.")
    like: str | None = option(
        metavar="FILE", shell_complete=files_of, help="Draw the inputs of --formula like this table's."
    )
    recipe: str | None = option(metavar="FILE.toml", shell_complete=files_of, help="Draw what this file says.")
    save_recipe: str | None = option(
        metavar="FILE.toml", shell_complete=files_of, help="Write what was drawn as such a file."
    )
    card: str | None = option(metavar="FILE.md", shell_complete=files_of, help="Write a data card, .md or .json.")
    everything: bool = option("--all", default=False, help="List the formulas one by one, too.")
    quiet: bool = option(default=False, help="Print nothing but errors and the table.")
    as_json: bool = option("--json", default=False, help="Print what there is, or what NAME is, as one JSON object.")

    def refuse(self, names: Sequence[str], why: str) -> None:
        """Raises if one of these was given.

        Raises:
            ConfigError: With the reason.
        """
        if words := " and ".join(given(self, *names)):
            raise ConfigError(f"{words} is {why}.")

    def check(self) -> None:
        """Raises where they do not go together.

        Raises:
            ConfigError: With the way out.
        """
        sources = given(self, *_SOURCES)
        if len(sources) > 1:
            raise ConfigError(f"{' and '.join(sources)} both say what to draw; leave one out.")
        if not sources:
            self.refuse(_OF_ONE_SET, "for one set; name it, such as: splinework data orbits")
            return
        if self.as_json and self.out == "-":
            raise ConfigError("--json and --out - both want the standard output; leave one out.")
        own = self.name or self.recipe or "an equation"
        if self.formula is None:
            self.refuse(_OF_FORMULAS, f"for --formula; {own} has its own")
            if not self.equations:
                self.refuse(_OF_BOTH, f"for --formula and --ode; {own} has its own")
        elif self.like:
            taken = ("ranges", "design", "correlations", "idle")
            self.refuse(taken, f"given by the rows of --like {self.like}; leave it out")
        if self.equations:
            self.refuse(("design",), "for --formula; trajectories have their own times")
        else:
            self.refuse(("end",), f"for --ode; {own if self.formula is None else 'a formula'} has none")
        if self.recipe is not None:
            self.refuse(("noises", "outliers", "design"), f"part of a recipe; change it in {self.recipe}")


@click.command(short_help="List and write built-in tables, synthetic sets and simulators.")
@takes(Choices)
def data(choices: Choices) -> None:
    """List the tables that splinework has, or write the one called NAME as CSV or Parquet.

    Measurements have the rows that they have. Synthetic sets are a formula or a simulator, and a box from which rows are drawn;
    the same seed gives the same rows. A formula of your own is drawn with --formula, a
    differential equation with --ode.

    \b
    Noise: a number (share of the target's spread), or one of
      gaussian:SHARE  student:SHARE[:DF]  outliers:FRACTION[:SCALE]  input:SHARE  drift:SHARE  rounded:DIGITS
      quantised:BITS  censored:LOW:HIGH  missing:SHARE[:inputs|target|all]  heteroscedastic:FORMULA

    \b
    Examples:
      splinework data
      splinework data orbits --out orbits.csv
      splinework data feynman:I.6.2 --rows 500 --noise 0.05 > gauss.csv
      splinework data lorenz --rows 1000 --out lorenz.csv --card lorenz.md
      splinework data --formula "sin(x)*y" --range x=0:3 --range y=1:100:log --unit x=rad --noise 0.1 --out waves.csv
      splinework data --ode "x=v" --ode "v=-sin(x)" --range x=-2:2 --range v=-1:1 --end 20 --out swing.csv
      splinework data --formula "m*v**2/2" --rows 100000000 --out big.parquet
    """
    choices.check()
    name, formula, equations, recipe = choices.name, choices.formula, choices.equations, choices.recipe
    if not given(choices, *_SOURCES):
        show_list(everything=choices.everything, as_json=choices.as_json)
        return
    share, models = noise_of(choices.noises)
    if choices.outliers is not None:
        from splinework.data.noise import Outliers

        models = (*models, Outliers(choices.outliers))
    check_out(choices.out, (name or "drawn").replace(":", "-"), card=choices.card, saved=choices.save_recipe)
    made: Any
    if formula is not None:
        made = formula_set(choices, (*_spread(share), *models))
    elif equations:
        made = equation_set(choices, (*_spread(share), *models))
    elif recipe is not None:
        made, rows, seed = read_recipe(recipe)
        choices = replace(choices, rows=choices.rows or rows, seed=choices.seed if choices.seed is not None else seed)
    else:
        made = _named(str(name), share, models, choices)
    _finish(made, choices)


def _named(name: str, share: float, models: tuple[Noise, ...], choices: Choices) -> Recipe | DataSet:
    """The recipe of a name with noise and design; measurements as they are."""
    from splinework.data import data_set

    found = data_set(name)
    if found.measured:
        of_drawn = ("rows", "seed", *(("noises", "outliers") if share or models else ()), "design")
        choices.refuse(of_drawn, f"for synthetic sets; {name} holds measurements, with the rows that it has")
        choices.refuse(("card", "save_recipe"), f"for synthetic sets; {name} holds measurements ({found.source})")
        return found
    made: Any = found.noisy(share, models)
    if choices.design is not None:
        if "design" not in {one.name for one in fields(made)}:
            raise ConfigError(f"the inputs of {name} come from its own source; leave --design out.")
        made = replace(made, design=design_of(choices.design))
    if share or models or choices.design:
        return made  # type: ignore[no-any-return]
    return found


def _finish(made: Any, choices: Choices) -> None:
    """Draws, writes and says what was written."""
    from splinework.data import DataSet
    from splinework.data.registry import described

    out, card, saved = choices.out, choices.card, choices.save_recipe
    found: DataSet = made if isinstance(made, DataSet) else described(choices.name or made.name, made)
    values = {**facts(found), "units": dict(found.units)}
    if choices.as_json and out is None and card is None and saved is None:
        click.echo(json_text(values), nl=False)
        return
    rows, seed = choices.rows or _ROWS, choices.seed or 0
    files = {}
    count, notes = _rows(found, rows, seed, choices)
    if saved is not None and found.recipe is not None:
        write_recipe(found.recipe, rows, seed, saved)
        files["recipe"] = saved
    if card is not None:
        files["card"] = card
    if out not in (None, "-"):
        files = {"data": str(out), **files}
    if choices.as_json:
        click.echo(json_text({**values, "rows": count, "files": files}), nl=False)
    elif not choices.quiet and out not in (None, "-"):
        click.echo(f"{count} rows in {out}", err=True)
        for note in notes:
            click.echo(note, err=True)
        _next(found, str(out))


def _rows(found: DataSet, rows: int, seed: int, choices: Choices) -> tuple[int, list[str]]:
    """Draws and writes the table and its card; returns the number of rows, and what there is to say about them."""
    out, silent = choices.out, choices.as_json
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

        with Stages(quiet=choices.quiet or silent) as stages:
            stages.stage(f"drawing {rows} rows")
            page = write_parquet(found.recipe, str(out), rows, seed=seed, tell=stages.share)
    else:
        if rows > MOST_ROWS:
            raise ConfigError(f"--rows {rows} is more than fits in memory; write Parquet: --out {found.name}.parquet.")
        drawn = found.recipe.draw(rows, seed=seed)
        page = drawn.card()
        if out not in (None, "-"):
            write_table(drawn.frame(), str(out))
        elif not silent:
            click.echo(csv_text(drawn.frame()), nl=False)
    if choices.card is not None:
        write_card(page, choices.card)
    facts = page.facts
    floor = facts["truth"]["noise_floor"]
    said = [f"noise floor {floor:.4g} (RMSE of the truth on these rows)"] if floor else []
    return facts["rows"], [*said, *facts["notes"]]


def _next(found: DataSet, out: str) -> None:
    """What to type next; the features where the table has other columns, too."""
    option: list[str] = []
    if found.name == "orbits" or len(found.targets) > 1:
        option = ["--features", ",".join(found.features)]
    click.echo(f"next   {shlex.join(['splinework', 'fit', out, '--target', found.target, *option])}", err=True)


def _spread(share: float) -> tuple[Noise, ...]:
    from splinework.data.noise import Gaussian

    if share < 0:
        raise ConfigError(f"noise is a share of the spread of the target, 0 or more, got {share}; 0.1 is 10 %.")
    return (Gaussian(share, of="std"),) if share else ()
