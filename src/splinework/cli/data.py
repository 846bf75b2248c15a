"""`splinework data`: the tables that splinework has or can draw, listed and written."""

from __future__ import annotations

import shlex
from dataclasses import fields, replace
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
    write_stream,
    write_table,
)
from splinework.cli.data_list import facts, show_list
from splinework.cli.data_words import DESIGNS, design_of, equation_set, formula_set, noise_of
from splinework.cli.plain import json_text
from splinework.errors import ConfigError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from splinework.data import DataSet
    from splinework.data.noise import Noise
    from splinework.data.sets import Recipe

_ROWS = 1000


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the sets."""
    from click.shell_completion import CompletionItem

    from splinework.data import data_names

    return [CompletionItem(name) for name in data_names() if name.startswith(incomplete)]


@click.command(short_help="List and write built-in tables, synthetic sets and simulators.")
@click.argument("name", required=False, shell_complete=_names)
@click.option(
    "--out", metavar="FILE.csv", shell_complete=files_of, help="Write it there, .csv or .parquet; else to stdout."
)
@click.option("--rows", type=click.IntRange(1, 10_000_000_000), metavar="N", help="Rows of a synthetic set; 1000.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="Seed of all that is drawn; 0 if not given."
)
@click.option(
    "--noise",
    "noises",
    multiple=True,
    metavar="F",
    help="A share of the target's spread, or a model such as student:0.1; may be repeated.",
)
@click.option("--outliers", type=float, metavar="F", help="Share of rows that are far off.")
@click.option("--formula", metavar="TEXT", help="Draw from this formula, such as 'sin(x)*y'.")
@click.option("--ode", "equations", multiple=True, metavar="x=TEXT", help="Draw trajectories of dx/dt = TEXT.")
@click.option("--end", type=float, metavar="T", help="Time at which the trajectories of --ode end; 10.")
@click.option("--range", "ranges", multiple=True, metavar="x=0:1", help="Range of a variable, or of a state at t = 0.")
@click.option("--unit", "units", multiple=True, metavar="x=m", help="Unit of a variable, a state or the target.")
@click.option("--correlation", "correlations", multiple=True, metavar="a:b=0.8", help="Correlation of two variables.")
@click.option("--idle", type=click.IntRange(0, 1000), metavar="N", help="So many more inputs that do nothing.")
@click.option("--target", metavar="COLUMN", help="Name of the target of --formula; y.")
@click.option("--design", type=click.Choice(DESIGNS), help="Where the inputs lie; sobol for --formula.")
@click.option("--like", metavar="FILE", shell_complete=files_of, help="Draw the inputs of --formula like this table's.")
@click.option("--recipe", metavar="FILE.toml", shell_complete=files_of, help="Draw what this file says.")
@click.option(
    "--save-recipe", metavar="FILE.toml", shell_complete=files_of, help="Write what was drawn as such a file."
)
@click.option("--card", metavar="FILE.md", shell_complete=files_of, help="Write a data card, .md or .json.")
@click.option("--all", "everything", is_flag=True, help="List the formulas one by one, too.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors and the table.")
@click.option("--json", "as_json", is_flag=True, help="Print what there is, or what NAME is, as one JSON object.")
def data(
    name: str | None,
    out: str | None,
    rows: int | None,
    seed: int | None,
    noises: tuple[str, ...],
    outliers: float | None,
    formula: str | None,
    equations: tuple[str, ...],
    end: float | None,
    ranges: tuple[str, ...],
    units: tuple[str, ...],
    correlations: tuple[str, ...],
    idle: int | None,
    target: str | None,
    design: str | None,
    like: str | None,
    recipe: str | None,
    save_recipe: str | None,
    card: str | None,
    everything: bool,
    quiet: bool,
    as_json: bool,
) -> None:
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
    formulas = {"--correlation": correlations, "--idle": idle, "--target": target, "--like": like}
    both = {"--range": ranges, "--unit": units}
    drawn = {
        "--rows": rows, "--seed": seed, "--noise": noises, "--outliers": outliers, "--design": design, "--end": end,
        "--card": card, "--save-recipe": save_recipe, "--out": out, **formulas, **both
    }  # fmt: skip
    sources = _words({"NAME": name, "--formula": formula, "--ode": equations, "--recipe": recipe})
    if len(sources) > 1:
        raise ConfigError(f"{' and '.join(sources)} both say what to draw; leave one out.")
    if not sources:
        _refuse(drawn, "for one set; name it, such as: splinework data orbits")
        show_list(everything=everything, as_json=as_json)
        return
    if as_json and out == "-":
        raise ConfigError("--json and --out - both want the standard output; leave one out.")
    own = name or recipe or "an equation"
    _refuse(formulas if formula is None else {}, f"for --formula; {own} has its own")
    _refuse(both if formula is None and not equations else {}, f"for --formula and --ode; {own} has its own")
    _refuse({} if equations else {"--end": end}, f"for --ode; {own if formula is None else 'a formula'} has none")
    share, models = noise_of(noises)
    models = (*models, *_outliers(outliers))
    check_out(out, (name or "drawn").replace(":", "-"), card=card, saved=save_recipe)
    made: Any
    if formula is not None:
        taken = {"--range": ranges, "--design": design, "--correlation": correlations, "--idle": idle}
        _refuse(taken if like else {}, f"given by the rows of --like {like}; leave it out")
        noise = (*_spread(share), *models)
        made = formula_set(
            formula, ranges, units, correlations, target=target, design=design, idle=idle or 0, like=like, noise=noise
        )
    elif equations:
        _refuse({"--design": design}, "for --formula; trajectories have their own times")
        made = equation_set(equations, ranges, units, end=end, noise=(*_spread(share), *models))
    elif recipe is not None:
        _refuse(
            {"--noise": noises, "--outliers": outliers, "--design": design}, f"part of a recipe; change it in {recipe}"
        )
        made, own_rows, own_seed = read_recipe(recipe)
        rows, seed = rows or own_rows, seed if seed is not None else own_seed
    else:
        made = _named(str(name), share, models, design, rows, seed, card, save_recipe)
    _finish(made, str(name or "formula"), out, rows, seed or 0, card, save_recipe, quiet=quiet, as_json=as_json)


def _named(
    name: str,
    share: float,
    models: tuple[Noise, ...],
    design: str | None,
    rows: int | None,
    seed: int | None,
    card: str | None,
    saved: str | None,
) -> Recipe | DataSet:
    """The recipe of a name with noise and design; measurements as they are."""
    from splinework.data import data_set

    found = data_set(name)
    if found.measured:
        wanted = {"--rows": rows, "--seed": seed, "--noise": share or models, "--design": design}
        _refuse(wanted, f"for synthetic sets; {name} holds measurements, with the rows that it has")
        _refuse(
            {"--card": card, "--save-recipe": saved}, f"for synthetic sets; {name} holds measurements ({found.source})"
        )
        return found
    made: Any = found.noisy(share, models)
    if design is not None:
        if "design" not in {one.name for one in fields(made)}:
            raise ConfigError(f"the inputs of {name} come from its own source; leave --design out.")
        made = replace(made, design=design_of(design))
    if share or models or design:
        return made  # type: ignore[no-any-return]
    return found


def _finish(
    made: Any,
    name: str,
    out: str | None,
    rows: int | None,
    seed: int,
    card: str | None,
    saved: str | None,
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """Draws, writes and says what was written."""
    from splinework.data import DataSet
    from splinework.data.registry import described

    found: DataSet = made if isinstance(made, DataSet) else described(name if name != "formula" else made.name, made)
    values = {**facts(found), "units": dict(found.units)}
    if as_json and out is None and card is None and saved is None:
        click.echo(json_text(values), nl=False)
        return
    wanted = rows or _ROWS
    files = {}
    count, notes = _rows(found, out, wanted, seed, card, quiet=quiet, silent=as_json)
    if saved is not None and found.recipe is not None:
        write_recipe(found.recipe, wanted, seed, saved)
        files["recipe"] = saved
    if card is not None:
        files["card"] = card
    if out not in (None, "-"):
        files = {"data": str(out), **files}
    if as_json:
        click.echo(json_text({**values, "rows": count, "files": files}), nl=False)
    elif not quiet and out not in (None, "-"):
        click.echo(f"{count} rows in {out}", err=True)
        for note in notes:
            click.echo(note, err=True)
        _next(found, str(out))


def _rows(
    found: DataSet, out: str | None, rows: int, seed: int, card: str | None, *, quiet: bool, silent: bool
) -> tuple[int, list[str]]:
    """Draws and writes the table and its card; returns the number of rows, and what there is to say about them."""
    if found.recipe is None:
        frame = found.frame()
        if out in (None, "-"):
            if not silent:
                click.echo(csv_text(frame), nl=False)
            return len(frame), []
        return write_table(frame, str(out)), []
    if is_parquet(out):
        from splinework.cli.progress import Stages

        with Stages(quiet=quiet or silent) as stages:
            stages.stage(f"drawing {rows} rows")
            page = write_stream(found.recipe, str(out), rows, seed, stages.share)
    else:
        if rows > MOST_ROWS:
            raise ConfigError(f"--rows {rows} is more than fits in memory; write Parquet: --out {found.name}.parquet.")
        drawn = found.recipe.draw(rows, seed=seed)
        page = drawn.card()
        if out not in (None, "-"):
            write_table(drawn.frame(), str(out))
        elif not silent:
            click.echo(csv_text(drawn.frame()), nl=False)
    if card is not None:
        write_card(page, card)
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


def _words(options: dict[str, Any]) -> list[str]:
    """The options that were given."""
    return [word for word, value in options.items() if value not in (None, ())]


def _refuse(options: dict[str, Any], why: str) -> None:
    """Raises if one of the options was given.

    Raises:
        ConfigError: With the reason.
    """
    if given := " and ".join(_words(options)):
        raise ConfigError(f"{given} is {why}.")


def _spread(share: float) -> tuple[Noise, ...]:
    from splinework.data.noise import Gaussian

    if share < 0:
        raise ConfigError(f"noise is a share of the spread of the target, 0 or more, got {share}; 0.1 is 10 %.")
    return (Gaussian(share, of="std"),) if share else ()


def _outliers(fraction: float | None) -> tuple[Noise, ...]:
    from splinework.data.noise import Outliers

    return () if fraction is None else (Outliers(fraction),)
