"""`splinework hardware verify`: an artefact's files as they are, held against the numbers that they must give."""

from __future__ import annotations

import click

from splinework.cli.complete import files_of
from splinework.cli.hardware.building import end_checked
from splinework.cli.progress import Stages


@click.command(no_args_is_help=True, short_help="Verify an artefact again, as its files are now.")
@click.argument("folder", metavar="DIR", shell_complete=files_of)
@click.option(
    "--vectors", type=click.IntRange(1, 10_000_000), metavar="N", help="To compare; as many as when it was built."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), metavar="N", help="Of drawn vectors; that of then.")
@click.option("--no-proof", is_flag=True, help="Of a circuit for an FPGA: simulate only.")
@click.option("--quiet", is_flag=True, help="Print nothing but what is wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(folder: str, vectors: int | None, seed: int | None, no_proof: bool, quiet: bool, as_json: bool) -> int:
    """Verify the artefact in DIR again: the files are used as they are, nothing in DIR is changed.

    A circuit for an FPGA is simulated and its neurons are proven; C is compiled and compared; an analogue netlist is run in
    ngspice. Ends with exit code 0 where all equals the golden model (of analogue circuits: agrees with the device model), 1
    where it does not, and 2 where DIR is no artefact or a program is missing.

    \b
    Examples:
      splinework hardware verify circuit
      splinework hardware verify firmware --vectors 1000000 --seed 7 --json
    """
    with Stages(quiet=quiet or as_json) as stages:
        stages.stage("reading the artefact", after=1.0)
        from splinework.hardware.artefact import verify as check

        found = check(folder, vectors=vectors, seed=seed, proof=not no_proof, progress=stages.stage)
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
