"""`splinework hardware check`: an artefact's files compared with its golden model."""

from __future__ import annotations

import click

from splinework.cli.complete import files_of
from splinework.cli.hardware.building import end_checked
from splinework.cli.progress import Stages


@click.command(no_args_is_help=True, short_help="Check an artefact against its golden model.")
@click.argument("folder", metavar="DIR", shell_complete=files_of)
@click.option(
    "--vectors",
    type=click.IntRange(1, 10_000_000),
    metavar="N",
    help="Number of vectors to compare; by default that of the build.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    metavar="N",
    help="Seed of the drawn vectors; by default that of the build.",
)
@click.option("--no-proof", is_flag=True, help="Simulate an FPGA circuit without proving its neurons.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(folder: str, vectors: int | None, seed: int | None, no_proof: bool, quiet: bool, as_json: bool) -> int:
    """Check the artefact in DIR against its golden model, using the files as they are; nothing in DIR is changed.

    An FPGA circuit is simulated and its neurons are proven; C is compiled and compared; an analogue netlist is run in ngspice.
    The exit code is 0 if everything equals the golden model (analogue circuits: agrees with the device model), 1 if not, and
    2 if DIR is not an artefact or a program is missing.

    \b
    Examples:
      splinework hardware check circuit
      splinework hardware check firmware --vectors 1000000 --seed 7 --json
    """
    with Stages(quiet=quiet or as_json) as stages:
        stages.stage("reading the artefact", after=1.0)
        from splinework.hardware import artefact

        found = artefact.check(folder, vectors=vectors, seed=seed, proof=not no_proof, progress=stages.stage)
    return end_checked(found, as_json=as_json, quiet=quiet, line=_line(found.kind, dict(found.figures), found.passed))


def _line(kind: str, figures: dict[str, object], passed: bool) -> str:
    word = "passed" if passed else "FAILED"
    if not figures:
        return word
    if kind == "analog":
        return f"{word}: the netlist at {figures.get('rows')} rows from 0 to 85 °C"
    text = f"{word}: {figures.get('mismatches')} mismatches in {figures.get('vectors')} vectors"
    if kind == "fpga" and figures.get("neurons_proven") is not None:
        text += f", {figures['neurons_proven']} of {figures.get('neurons')} neurons proven"
    return text
