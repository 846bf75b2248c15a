"""The list of `splinework data`: sets by group, and families of sets, such as `feynman:`, in short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from splinework.cli.json_output import json_text

if TYPE_CHECKING:
    from splinework.data import DataSet


def show_list(*, everything: bool, as_json: bool) -> None:
    """Prints the list."""
    from splinework.data import data_names, data_set
    from splinework.data.catalogue import KINDS, RANDOM, kind_names, synthetic_names

    if as_json:
        sets = [facts(data_set(name)) for name in data_names()]
        click.echo(json_text({"sets": sets}), nl=False)
        return
    measured = [name for name in data_names(formulas=False) if data_set(name).measured]
    groups = {"measurements": measured, **{group: list(names) for group, names in synthetic_names().items()}}
    kinds = {what: [name for name in kind_names() if name.startswith(f"{kind}:")] for kind, what in KINDS.items()}
    groups |= kinds if everything else {}
    width = max(len(name) for names in groups.values() for name in names)
    for group, names in groups.items():
        click.echo(f"{group}:")
        for name in names:
            click.echo(f"  {name:<{width}}  {_described(data_set(name))}")
    if not everything:
        click.echo("kinds, see --all:")
        for what, members in kinds.items():
            click.echo(f"  {members[0]} and {len(members) - 1} more {what}")
    click.echo(f"  {RANDOM}:1, {RANDOM}:2 and so on, a random formula each")
    click.echo("\nnext   splinework data NAME --out NAME.csv")


def facts(found: DataSet) -> dict[str, Any]:
    """A set as JSON values."""
    names = ("name", "measured", "about", "target", "features", "formula", "source")
    return {name: getattr(found, name) for name in names} | {"features": list(found.features)}


def _described(found: DataSet) -> str:
    if found.formula is None or ";" in found.formula or found.formula.startswith("extended"):
        return found.about
    return f"{found.target} = {found.formula}" if len(found.formula) <= 60 else found.about
