"""`splinework open`: a network in a page on this machine, in which it is looked at and edited."""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.folder import check_order
from splinework.cli.interrupts import answering
from splinework.cli.json_output import json_text
from splinework.cli.options import argument, command, option, takes
from splinework.cli.progress import Stages
from splinework.errors import ConfigError

if TYPE_CHECKING:
    from splinework.cli.fitted import ModelFile
    from splinework.report.editor.session import EditSession

_KEPT_NOTES = ("columns", "means", "ranges")
"""What a model file says about its columns, which holds for an edited model, too."""


@dataclass(frozen=True, kw_only=True)
class OpenOptions:
    """The options as they were given."""

    model: str = argument(shell_complete=files_of)
    data: str | None = option(
        metavar="FILE", shell_complete=files_of, help="Rows of data, a CSV or Parquet file.", group=common.INPUT_GROUP
    )
    max_unpacked: float | None = common.max_unpacked()
    port: int = option(
        default=0, within=(0, 65535), show_default="a free one", help="Port on 127.0.0.1.", group="Server"
    )
    no_browser: bool = option(default=False, help="Print the address only, and open no browser.", group="Server")
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(no_args_is_help=True, short_help="View and edit a network in the browser.")
@takes(OpenOptions)
def open(options: OpenOptions) -> None:
    """Open MODEL, a file that `fit`, `discover` or `splinework.save` wrote, in a page in which it is looked at and edited.

    An edge becomes a function, a spline again, frozen or removed; nodes are removed, merged, split and added; the whole is
    pruned by a slider and refitted, undone and redone, and two states compared. With --data there are errors, and edits that
    need rows, such as a refit. Models, scripts and exports are saved in the current folder. The page is served on this
    machine only, under an address with a secret; it needs the extra `editor`. Ctrl-C ends it.

    \b
    Examples:
      splinework open splinework-data/model.safetensors --data data.csv
      splinework open model.safetensors --no-browser --port 8765
    """
    if options.data == "-":
        raise ConfigError("--data is a file that the script of the session can read again, not -; name one.")
    check_order(options.model, options.data)
    with Stages(quiet=options.quiet or options.as_json) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.report.editor.server import EditorServer
        from splinework.report.editor.service import EditorService

        session = _session(options, stages)
        server = EditorServer(EditorService(session, Path.cwd()), port=options.port)
    _announce(server.url, options)
    with answering(server.stop):
        server.run()
    if not (session.is_saved or options.quiet):
        click.echo("note: the last edits were not saved", err=True)


def _session(options: OpenOptions, stages: Stages) -> EditSession:
    """The session of a model file, with its rows."""
    from splinework.cli.fitted import ModelFile
    from splinework.report.editor.arguments import literal
    from splinework.report.editor.session import EditSession

    fitted = ModelFile(options.model)
    source = [f"model = sw.load({literal(options.model)})"]
    rows: dict[str, Any] = {}
    if options.data is None:
        rows["shown"] = fitted.drawn()
        if fitted.estimator is not None and not options.quiet:
            click.echo(
                f"note: {options.model} holds a model of categories, classes or gaps; what is edited and saved is its network, "
                f"of the columns {', '.join(fitted.input_names)}",
                err=True,
            )
    else:
        if fitted.estimator is not None:
            raise ConfigError(
                f"{options.model} holds a model of categories, classes or gaps, whose network takes other columns than the "
                "table has; leave --data out."
            )
        stages.stage(f"reading {options.data}", after=1.0)
        rows = _rows(options, fitted, source, stages)
    kept = {name: getattr(fitted, name) for name in _KEPT_NOTES if getattr(fitted, name)}
    notes = {name: {key: _plain(value) for key, value in part.items()} for name, part in kept.items()}
    return EditSession(fitted.model, source=source, name=Path(options.model).name, notes=notes, **rows)


def _rows(options: OpenOptions, fitted: ModelFile, source: list[str], stages: Stages) -> dict[str, Any]:
    """x, and y where the table has the target, and their lines in the script."""
    from splinework.cli.fitted import refuse_lacking
    from splinework.report.editor.arguments import literal
    from splinework.tabular.tables import complete_rows, read_table

    assert options.data is not None
    table = read_table(options.data, tell=stages.share, max_unpacked=options.max_unpacked)
    refuse_lacking(table, fitted.features)
    inputs = dict(zip(fitted.input_names, fitted.features, strict=True))
    outputs = dict(zip(fitted.output_names, fitted.targets, strict=True))
    measured = set(outputs.values()) <= set(table.columns)
    x, y = complete_rows(table, inputs, outputs if measured else {})
    called: list[Any] = [options.data, *([inputs, outputs] if measured else [inputs])]
    texts = [literal(_columns(each) if isinstance(each, dict) else each) for each in called]
    source.insert(0, "from splinework.tabular.tables import complete_rows")
    source.append(f"x, {'y' if measured else '_'} = complete_rows({', '.join(texts)})")
    if not measured and not options.quiet:
        lacking = ", ".join(repr(name) for name in outputs.values() if name not in table.columns)
        click.echo(
            f"note: {table.name} has no column {lacking}: no errors are shown, and nothing is refitted", err=True
        )
    return {"x": x, "y": y} if measured else {"x": x}


def _columns(names: Mapping[str, str]) -> list[str] | dict[str, str]:
    """Columns as an argument of `complete_rows`: a list, or where their names differ a mapping."""
    return list(names) if all(name == column for name, column in names.items()) else dict(names)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _announce(url: str, options: OpenOptions) -> None:
    """Says where the page is, and opens it."""
    if options.as_json:
        click.echo(json_text({"url": url}), nl=False)
    else:
        click.echo(f"open   {url}")
        if not options.quiet:
            click.echo("       Ctrl-C, or Close in the page, ends the editor", err=True)
    if not (options.no_browser or options.as_json):
        webbrowser.open(url)
