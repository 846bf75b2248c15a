"""The common part of `fpga`, `mcu` and `analog`: read the data, build the artefact, and print the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from splinework.cli.json_output import json_text
from splinework.cli.progress import Stages
from splinework.cli.terminal import console, show_next_steps, show_notes

if TYPE_CHECKING:
    from splinework.cli.hardware.options import ArtefactArguments
    from splinework.hardware.results import BuildResult, CheckResult

EXIT_UNEQUAL: Final = 1
"""Exit code if an artefact fails its verification."""
_MAX_LISTED: Final = 10


def build(
    order: ArtefactArguments,
    recipe: Callable[[], Any],
    rest: Callable[[Any], Mapping[str, Any]],
    lines: Callable[[Mapping[str, Any]], Sequence[str]],
) -> int:
    """Builds an artefact and prints its results; returns the exit code."""
    order.check()
    with Stages(quiet=order.quiet) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.hardware import artefact
        from splinework.hardware.folders import check_place

        how = recipe()
        check_place(order.out, how.kind)
        how.need()
        from splinework.cli.fitted import ModelFile
        from splinework.cli.hardware.rows import material
        from splinework.tabular.tables import read_table

        fitted = ModelFile(order.model)
        stages.stage(f"reading {order.data}", after=1.0)
        given = material(fitted, read_table(order.data, tell=stages.share, max_unpacked=order.max_unpacked), order)
        made = artefact.build(
            replace(how, **rest(given.whole_shape(order.wanted_shape)), notes=given.notes),
            given.model,
            order.out,
            x=given.x,
            y=given.y,
            test=given.test,
            task=given.task,
            classes=given.classes,
            progress=stages.stage,
        )
    return _end(made, order, lines(made.figures))


def _end(made: BuildResult, order: ArtefactArguments, lines: Sequence[str]) -> int:
    """Prints the results of a build; returns the exit code."""
    report = str(made.folder / "report.html")
    if order.as_json:
        files = {"report": report, "figures": str(made.folder / "report.json")}
        results = {"kind": made.kind, "passed": made.passed, **made.figures, "notes": list(made.notes), "files": files}
        click.echo(json_text(results), nl=False)
    elif not order.quiet:
        out = console()
        for line in lines:
            out.print(line)
        show_notes(made.notes)
        show_next_steps([report], [["splinework", "hardware", "check", str(made.folder)]])
    if not made.passed:
        click.echo(f"error: the artefact in {made.folder} failed its verification; see {report}.", err=True)
    return 0 if made.passed else EXIT_UNEQUAL


def end_checked(found: CheckResult, *, as_json: bool, quiet: bool, line: str) -> int:
    """Prints the results of a check; returns the exit code."""
    if as_json:
        results = {
            "kind": found.kind,
            "name": found.name,
            "passed": found.passed,
            **found.figures,
            "failures": list(found.failures),
        }
        click.echo(json_text(results), nl=False)
    elif not quiet:
        click.echo(line)
    if not found.passed:
        for failure in found.failures[:_MAX_LISTED]:
            click.echo(f"  {failure}", err=True)
        if len(found.failures) > _MAX_LISTED:
            click.echo(f"  and {len(found.failures) - _MAX_LISTED} more", err=True)
        what = "agree with its device model" if found.kind == "analog" else "equal its golden model"
        click.echo(f"error: {found.folder} does not {what}.", err=True)
    return 0 if found.passed else EXIT_UNEQUAL


def merits(figures: Mapping[str, Any]) -> str:
    """The figures of merit in one line.

    >>> merits({"accuracy_float": 0.97, "accuracy_quantised": 0.965, "luts": 57})
    'accuracy: float 97.00 %, quantised 96.50 %'
    """
    for word in ("accuracy", "rmse"):
        show: Callable[[float], str] = (lambda v: f"{100 * v:.2f} %") if word == "accuracy" else (lambda v: f"{v:.4g}")
        found = [
            f"{key.removeprefix(word + '_').replace('_', ' ')} {show(value)}"
            for key, value in figures.items()
            if key.startswith(f"{word}_") and isinstance(value, float)
        ]
        if found:
            return f"{word}: {', '.join(found)}"
    return "no rows were given to evaluate the network on"
