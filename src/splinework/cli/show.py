"""`splinework show`: what a fitted model is, in the terminal, as JSON or as a page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.json_output import json_text
from splinework.cli.options import argument, command, option, takes
from splinework.cli.progress import Stages

if TYPE_CHECKING:
    from splinework.cli.fitted import ModelFile


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """The options as they were given."""

    model: str = argument(shell_complete=files_of)
    edges: int = option(
        default=16, within=(0, 10_000), metavar="N", help="Number of edges to show.", group=common.OUTPUT_GROUP
    )
    as_page: bool = option(
        "--open", default=False, help="Show it as a page in the browser instead.", group=common.OUTPUT_GROUP
    )
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(no_args_is_help=True, short_help="Describe a fitted model.")
@takes(ShowOptions)
def show(options: ShowOptions) -> int:
    """Describe MODEL, a file written by `fit`, `discover` or splinework.save.

    Prints its shape, inputs with their ranges, outputs, most important edges, each with its curve and the closest function of the
    library, and the formulas found with it. Scores are computed on rows drawn uniformly from the ranges of the inputs, since the
    file holds no data.

    \b
    Examples:
      splinework show splinework-data/model.safetensors
      splinework show splinework-data/model.safetensors --open
    """
    with Stages(quiet=options.quiet) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.cli.description import describe, show_description
        from splinework.cli.fitted import ModelFile

        fitted = ModelFile(options.model)
        if options.as_page:
            stages.stage("drawing the page", after=1.0)
            page = _page(fitted, stages.share)
        else:
            stages.stage("looking at the edges", after=1.0)
            described = describe(fitted, most=options.edges, tell=stages.share)
    if options.as_page:
        return _open(page, as_json=options.as_json)
    if options.as_json:
        click.echo(json_text(described), nl=False)
    else:
        show_description(described)
    return 0


def _page(fitted: ModelFile, tell: Callable[[float], None]) -> Path:
    """The page about the model, in a private temporary folder that is kept for the browser."""
    from splinework.cli.pages import write_page

    folder = Path(tempfile.mkdtemp(prefix="splinework-"))
    return write_page(fitted, folder / f"{Path(fitted.path).stem}.html", tell=tell)


def _open(page: Path, *, as_json: bool) -> int:
    """Opens the page; without a browser, prints its path."""
    import webbrowser

    opened = webbrowser.open(page.as_uri())
    if as_json:
        click.echo(json_text({"files": {"report": str(page)}, "opened": opened}), nl=False)
    elif opened:
        click.echo(f"opened {page}")
    if not opened:
        click.echo(f"error: no browser could be opened; the page is {page}", err=True)
    return 0 if opened else 1
