"""`splinework hardware`: artefacts for devices from a fitted model, one command per file, and one that checks an artefact.

The shared parts are in `options` (command-line options), `rows` (from a table to numbers) and `building` (from there to the
folder and the output).
"""

from typing import Final

import click

from splinework.cli.frame import CommandGroup

TABLE: Final = {
    "fpga": "Build an FPGA circuit, prove it and synthesise it.",
    "mcu": "Build C for a microcontroller, compare it and measure it.",
    "analog": "Build circuits for an analogue array, with simulation and yields.",
    "check": "Check an artefact against its golden model.",
}
"""Name → description in the list of commands."""


@click.group(
    cls=CommandGroup,
    table=TABLE,
    package=__name__,
    no_args_is_help=True,
    short_help="Build verified circuits and firmware from a fitted model.",
)
def hardware() -> None:
    """Turn a fitted model into hardware or firmware, and verify that it computes the same.

    Each command writes a folder with the artefact, its testbenches, and a report as JSON and as a page. All external programs
    are free; `splinework doctor` lists those installed, `make hardware-tools` installs them on Debian and Ubuntu.

    \b
    Examples:
      splinework hardware fpga model.safetensors --data data.csv --out circuit
      splinework hardware mcu model.safetensors --data data.csv --out firmware
      splinework hardware analog model.safetensors --data data.csv --out array
      splinework hardware check circuit
    """
