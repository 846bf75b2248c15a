"""What `fpga`, `mcu` and `analog` do alike: read, build, and say what came out: figures for people, one object for programs."""

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

UNEQUAL: Final = 1
"""The exit code where an artefact does not do what it should."""
_LISTED: Final = 10


def build(
    order: ArtefactArguments,
    recipe: Callable[[], Any],
    rest: Callable[[Any], Mapping[str, Any]],
    lines: Callable[[Mapping[str, Any]], Sequence[str]],
) -> int:
    """Builds what was ordered and says so; returns the exit code.

    Args:
        order: What was asked for.
        recipe: Makes the recipe, as far as it is known before the model and the rows are read.
        rest: Its other fields, by the shape of the network that is wanted.
        lines: The figures in sentences.
    """
    order.check()
    with Stages(quiet=order.quiet) as stages:
        stages.stage("loading the model", after=1.0)
        from splinework.hardware import artefact
        from splinework.hardware.folders import check_place

        how = recipe()
        check_place(order.out, how.kind)
        how.need()
        from splinework.cli.fitted import Fitted
        from splinework.cli.hardware.rows import material
        from splinework.tabular.tables import read_table

        fitted = Fitted(order.model)
        stages.stage(f"reading {order.data}", after=1.0)
        given = material(fitted, read_table(order.data, tell=stages.share), order)
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
    """Says what was built; returns the exit code."""
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
        click.echo(f"error: the artefact in {made.folder} does not pass its verification; see {report}.", err=True)
    return 0 if made.passed else UNEQUAL


def end_checked(found: CheckResult, *, as_json: bool, quiet: bool, line: str) -> int:
    """Says what a verification found; returns the exit code."""
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
        for failure in found.failures[:_LISTED]:
            click.echo(f"  {failure}", err=True)
        if len(found.failures) > _LISTED:
            click.echo(f"  and {len(found.failures) - _LISTED} more", err=True)
        what = "agree with its device model" if found.kind == "analog" else "equal its golden model"
        click.echo(f"error: {found.folder} does not {what}.", err=True)
    return 0 if found.passed else UNEQUAL


def merits(figures: Mapping[str, Any]) -> str:
    """The figures of merit in a line.

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
    return "no rows were given to judge by"
