"""`splinework data`: the tables that splinework has or can draw, listed and written."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from splinework.cli.complete import files_of
from splinework.cli.folder import check_file, write_folder
from splinework.cli.plain import json_text
from splinework.errors import ConfigError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from splinework.data import DataSet


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the sets."""
    from click.shell_completion import CompletionItem

    from splinework.data import data_names

    return [CompletionItem(name) for name in data_names() if name.startswith(incomplete)]


@click.command(short_help="List and write built-in tables and synthetic problems.")
@click.argument("name", required=False, shell_complete=_names)
@click.option("--out", metavar="FILE.csv", shell_complete=files_of, help="Write it there; else to the standard output.")
@click.option("--rows", type=click.IntRange(1, 10_000_000), metavar="N", help="Rows of a synthetic problem; 1000.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of a problem's rows.",
)
@click.option(
    "--noise", type=float, default=0.0, show_default=True, metavar="F", help="Noise, as a share of the target's spread."
)
@click.option("--all", "everything", is_flag=True, help="List the Feynman formulas one by one, too.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors and the table.")
@click.option("--json", "as_json", is_flag=True, help="Print what there is, or what NAME is, as one JSON object.")
def data(
    name: str | None,
    out: str | None,
    rows: int | None,
    seed: int,
    noise: float,
    everything: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """List the tables that splinework has, or write the one called NAME as CSV.

    Measurements have the rows that they have. Synthetic problems are a formula and a box, from which rows are drawn evenly; the
    same seed gives the same rows.

    \b
    Examples:
      splinework data
      splinework data orbits --out orbits.csv
      splinework data feynman:I.6.2 --rows 500 --noise 0.05 > gauss.csv
    """
    from splinework.data import data_set

    if name is None:
        if out is not None or rows is not None or seed or noise:
            raise ConfigError(
                "--out, --rows, --seed and --noise are for one set; name it, such as: splinework data orbits."
            )
        _list(everything=everything, as_json=as_json)
        return
    found = data_set(name)
    if out not in (None, "-"):
        check_file(str(out), [], example=f"{_plain(name)}.csv")
        _refuse_other_kinds(Path(str(out)))
    if as_json and out is None:
        click.echo(json_text(_facts(found)), nl=False)
        return
    if as_json and out == "-":
        raise ConfigError("--json and --out - both want the standard output; leave one out.")
    text: str = found.frame(rows, seed=seed, noise=noise).to_csv(index=False, lineterminator="\n")
    if out in (None, "-"):
        click.echo(text, nl=False)
        return
    path = Path(str(out))
    write_folder(path.absolute().parent, {path.name: lambda aside: _write(text, aside)})
    if as_json:
        click.echo(json_text({**_facts(found), "rows": text.count("\n") - 1, "files": {"data": out}}), nl=False)
    elif not quiet:
        click.echo(f"{text.count(chr(10)) - 1} rows in {out}", err=True)
        option = ["--features", ",".join(found.features)] if found.name == "orbits" else []
        click.echo(f"next   {shlex.join(['splinework', 'fit', str(out), '--target', found.target, *option])}", err=True)


def _list(*, everything: bool, as_json: bool) -> None:
    """Prints what there is."""
    from splinework.data import data_names, data_set

    sets = [data_set(name) for name in data_names(formulas=everything or as_json)]
    if as_json:
        click.echo(json_text({"sets": [_facts(one) for one in sets]}), nl=False)
        return
    width = max(len(one.name) for one in sets)
    for kind, measured in (("measurements", True), ("synthetic problems", False)):
        click.echo(f"{kind}:")
        for one in sets:
            if one.measured is measured:
                formula = one.formula if one.formula and len(one.formula) <= 60 else one.about
                click.echo(f"  {one.name:<{width}}  {one.about if measured else f'{one.target} = {formula}'}")
    if not everything:
        formulas = [name for name in data_names() if ":" in name]
        kinds = {kind: sum(name.startswith(f"{kind}:") for name in formulas) for kind in ("feynman", "feynman-si")}
        click.echo(f"  feynman:I.6.2 and {kinds['feynman'] - 1} more Feynman formulas without units, see --all")
        click.echo(f"  feynman-si:I.6.2 and {kinds['feynman-si'] - 1} more with units, see --all")
    click.echo("\nnext   splinework data NAME --out NAME.csv")


def _facts(found: DataSet) -> dict[str, Any]:
    """A set as JSON values."""
    return {
        "name": found.name,
        "measured": found.measured,
        "about": found.about,
        "target": found.target,
        "features": list(found.features),
        "formula": found.formula,
        "source": found.source,
    }


def _write(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="")


def _plain(name: str) -> str:
    return name.replace(":", "-")


def _refuse_other_kinds(path: Path) -> None:
    """A CSV in a file that is called otherwise would mislead."""
    if path.suffix.lower() in (".parquet", ".pq", ".gz", ".xlsx", ".json"):
        raise ConfigError(f"tables are written as plain CSV; name the file {path.with_suffix('.csv')}.")
