"""`splinework export`: a model as a file for other programs and languages."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal

import click

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.folder import check_file
from splinework.cli.json_output import json_text
from splinework.cli.options import argument, command, option, takes
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
"""Target → usual suffix of its files; the targets of `splinework.export`, listed here so as not to load it."""
_BINARY_TARGETS: Final = ("onnx", "torch")


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """The options as they were given."""

    HEADING: ClassVar[str] = common.OUTPUT_GROUP

    model: str = argument(shell_complete=files_of)
    target: str | None = option(
        "--to", type=click.Choice(list(TARGETS)), show_default="from the suffix of --out", help="Format."
    )
    out: str = common.out("FILE", "The file; - for standard output, of text formats.", required=True)
    name: str = common.name(default="model")
    precision: Literal["float", "double"] | None = option(show_default="that of the model", help="Number type of c.")
    recognise: bool = option(
        default=False, help="For latex and sympy: write edges as known functions where all of them are."
    )
    no_check: bool = option(default=False, help="For onnx: skip the comparison with the model in onnxruntime.")
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(no_args_is_help=True, short_help="Export a model to other programs and languages.")
@takes(ExportOptions)
def export(options: ExportOptions) -> None:
    """Export MODEL, a file written by `fit` or `discover`, to other programs and languages.

    The file runs without splinework and reproduces the model in the units of the data. onnx and torch are graphs; numpy, c and
    js are source files without dependencies (except NumPy); latex and sympy are formulas. An existing FILE is replaced once
    the new one is complete.

    \b
    Examples:
      splinework export splinework-data/model.safetensors --to c --out model.c
      splinework export splinework-data/model.safetensors --out model.onnx
      splinework export splinework-data/model.safetensors --to numpy --out - > model.py
    """
    chosen = _target(options.target, options.out)
    if options.out == "-":
        if chosen in _BINARY_TARGETS:
            raise ConfigError(
                f"{chosen} is no text for the standard output; name a file, such as --out model{TARGETS[chosen]}."
            )
        if options.as_json:
            raise ConfigError("--json and --out - both want the standard output; name a file.")
    else:
        check_file(options.out, [options.model], example=f"model{TARGETS[chosen]}")
    if options.no_check and chosen != "onnx":
        raise ConfigError(f"--no-check is an option of onnx, not of {chosen}; leave it out.")
    with Stages(quiet=options.quiet) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.cli.fitted import ModelFile
        from splinework.cli.folder import write_file
        from splinework.export.api import content_of
        from splinework.export.api import export as exported
        from splinework.export.metadata import metadata_of

        fitted = ModelFile(options.model)
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
            name=options.name,
            notes=notes,
            precision=options.precision,
            check=not options.no_check,
            recognise=options.recognise,
        )
        content = content_of(made, metadata_of(fitted.network, options.name, notes))
        if options.out != "-":
            write_file(Path(options.out), content)
    if options.out == "-":
        click.echo(content, nl=False)
    elif options.as_json:
        click.echo(json_text({"to": chosen, "bytes": len(content), "files": {chosen: options.out}}), nl=False)
    elif not options.quiet:
        click.echo(f"{options.out} ({chosen}, {len(content):,} bytes)", err=True)


def _target(target: str | None, out: str) -> str:
    """The target, from the option or from the suffix of the file."""
    if target is not None:
        return target
    suffixes = {".h": "c", ".js": "js", **{suffix: name for name, suffix in reversed(TARGETS.items())}}
    found = suffixes.get(Path(out).suffix.lower()) if out != "-" else None
    if found is None:
        raise ConfigError(f"--out {out} does not say what to write; add --to, one of {', '.join(TARGETS)}.")
    return found
