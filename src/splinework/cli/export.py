"""`splinework export`: a model as a file for other programs and languages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from splinework.cli.complete import files_of
from splinework.cli.folder import check_file
from splinework.cli.json_output import json_text
from splinework.cli.progress import Stages
from splinework.errors import ConfigError

TARGETS: Final = {
    "onnx": ".onnx",
    "torch": ".pt2",
    "numpy": ".py",
    "c": ".c",
    "js": ".mjs",
    "latex": ".tex",
    "sympy": ".py",
}
"""Target → usual ending of its files; the targets of `splinework.export`, known here without loading it."""
_BINARY: Final = ("onnx", "torch")


@click.command(no_args_is_help=True, short_help="Write a model for other programs and languages.")
@click.argument("model", shell_complete=files_of)
@click.option(
    "--to", "target", type=click.Choice(list(TARGETS)), help="What to write; else the ending of --out says it."
)
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    shell_complete=files_of,
    help="The file; - for the standard output, of text.",
)
@click.option("--name", default="model", show_default=True, metavar="NAME", help="What its functions are called after.")
@click.option("--precision", type=click.Choice(["float", "double"]), help="Numbers of c; else those of the model.")
@click.option("--recognise", is_flag=True, help="For latex and sympy: write known functions where all edges are such.")
@click.option("--no-check", is_flag=True, help="For onnx: do not compare with the model in onnxruntime first.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def export(
    model: str,
    target: str | None,
    out: str,
    name: str,
    precision: str | None,
    recognise: bool,
    no_check: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write MODEL, a file that `fit` or `discover` wrote, for other programs and languages.

    The file runs without splinework and gives the values of the model, in the units of the data. onnx and torch are graphs,
    numpy, c and js source files without dependencies (numpy needs numpy), latex and sympy formulas. An existing FILE is
    replaced when the new one is whole.

    \b
    Examples:
      splinework export splinework-data/model.safetensors --to c --out model.c
      splinework export splinework-data/model.safetensors --out model.onnx
      splinework export splinework-data/model.safetensors --to numpy --out - > model.py
    """
    chosen = _target(target, out)
    if out == "-":
        if chosen in _BINARY:
            raise ConfigError(
                f"{chosen} is no text for the standard output; name a file, such as --out model{TARGETS[chosen]}."
            )
        if as_json:
            raise ConfigError("--json and --out - both want the standard output; name a file.")
    else:
        check_file(out, [model], example=f"model{TARGETS[chosen]}")
    if no_check and chosen != "onnx":
        raise ConfigError(f"--no-check is an option of onnx, not of {chosen}; leave it out.")
    with Stages(quiet=quiet) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.cli.fitted import Fitted
        from splinework.cli.folder import write_file
        from splinework.export.api import content_of
        from splinework.export.api import export as exported
        from splinework.export.metadata import metadata_of

        fitted = Fitted(model)
        if fitted.frame is not None:
            raise ConfigError(
                f"{fitted.path} holds a network in a frame of formulas (axioms ask for it), and export writes plain networks; "
                "use splinework predict, or fit without the axioms that need a frame, such as bounds."
            )
        notes = {"columns": fitted.columns, "ranges": fitted.ranges}
        stages.stage(f"writing {chosen}", after=1.0)
        made = exported(
            fitted.network,
            chosen,
            name=name,
            notes=notes,
            precision=precision,
            check=not no_check,
            recognise=recognise,
        )
        content = content_of(made, metadata_of(fitted.network, name, notes))
        if out != "-":
            write_file(Path(out), content)
    if out == "-":
        click.echo(content, nl=False)
    elif as_json:
        click.echo(json_text({"to": chosen, "bytes": len(content), "files": {chosen: out}}), nl=False)
    elif not quiet:
        click.echo(f"{out} ({chosen}, {len(content):,} bytes)", err=True)


def _target(target: str | None, out: str) -> str:
    """The target, from the option or from the ending of the file."""
    if target is not None:
        return target
    endings = {".h": "c", ".js": "js", **{suffix: name for name, suffix in reversed(TARGETS.items())}}
    found = endings.get(Path(out).suffix.lower()) if out != "-" else None
    if found is None:
        raise ConfigError(f"--out {out} does not say what to write; add --to, one of {', '.join(TARGETS)}.")
    return found
