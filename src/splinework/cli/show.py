"""`splinework show`: what a fitted model is, in the terminal, as JSON or as a page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from splinework.cli.complete import files_of
from splinework.cli.json_output import json_text
from splinework.cli.progress import Stages

if TYPE_CHECKING:
    from splinework.cli.fitted import Fitted


@click.command(no_args_is_help=True, short_help="Show what a fitted model is.")
@click.argument("model", shell_complete=files_of)
@click.option(
    "--edges", type=click.IntRange(0, 10_000), default=16, show_default=True, metavar="N", help="Edges shown."
)
@click.option("--open", "as_page", is_flag=True, help="Show it as a page in the browser instead.")
@click.option("--quiet", is_flag=True, help="Print no progress.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(model: str, edges: int, as_page: bool, quiet: bool, as_json: bool) -> int:
    """Show what MODEL is, a file that `fit`, `discover` or splinework.save wrote.

    Shape, inputs with their ranges, outputs, the edges that matter most, each with its curve and the function of the library that
    comes closest to it, and the formulas that were found with it. Scores are worked out on rows drawn evenly from the ranges of
    the inputs, since the file holds no data.

    \b
    Examples:
      splinework show splinework-data/model.safetensors
      splinework show splinework-data/model.safetensors --open
    """
    with Stages(quiet=quiet) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.cli.description import describe, show_description
        from splinework.cli.fitted import Fitted

        fitted = Fitted(model)
        if as_page:
            stages.stage("drawing the page", after=1.0)
            page = _page(fitted, stages.share)
        else:
            stages.stage("looking at the edges", after=1.0)
            described = describe(fitted, most=edges, tell=stages.share)
    if as_page:
        return _open(page, as_json=as_json)
    if as_json:
        click.echo(json_text(described), nl=False)
    else:
        show_description(described)
    return 0


def _page(fitted: Fitted, tell: Callable[[float], None]) -> Path:
    """The page about the model, in a folder of its own among the temporary ones: it is private, and the browser needs time."""
    from splinework.cli.pages import write_page

    folder = Path(tempfile.mkdtemp(prefix="splinework-"))
    return write_page(fitted, folder / f"{Path(fitted.path).stem}.html", tell=tell)


def _open(page: Path, *, as_json: bool) -> int:
    """Opens the page; where there is no browser, says where it is."""
    import webbrowser

    opened = webbrowser.open(page.as_uri())
    if as_json:
        click.echo(json_text({"files": {"report": str(page)}, "opened": opened}), nl=False)
    elif opened:
        click.echo(f"opened {page}")
    if not opened:
        click.echo(f"error: no browser could be opened; the page is {page}", err=True)
    return 0 if opened else 1
