"""`splinework hardware`: artefacts for devices from a fitted model, one command a file, and one that checks an artefact again.

What the commands share is in `options` (what is typed), `rows` (from a table to numbers) and `building` (from there to the
folder, and what is said).
"""

from __future__ import annotations

from typing import Final

import click

from splinework.cli.frame import Commands

TABLE: Final = {
    "fpga": "Build a circuit for an FPGA, prove it and synthesise it.",
    "mcu": "Build C for a microcontroller, compare it and measure it.",
    "analog": "Build circuits for an analogue array, simulated and with yields.",
    "check": "Check an artefact again, as its files are now.",
}
"""Name → what the list of commands says."""


@click.group(
    cls=Commands,
    table=TABLE,
    package=__name__,
    no_args_is_help=True,
    short_help="Build verified circuits and firmware from a fitted model.",
)
def hardware() -> None:
    """Turn a fitted model into something that can be built, and prove that it computes the same.

    Each command writes a folder: the artefact, what verifies it, and a report as JSON and as a page. The programs that it takes
    are free; `splinework doctor` says which are here, `make hardware-tools` installs them on Debian and Ubuntu.

    \b
    Examples:
      splinework hardware fpga model.safetensors --data data.csv --out circuit
      splinework hardware mcu model.safetensors --data data.csv --out firmware
      splinework hardware analog model.safetensors --data data.csv --out array
      splinework hardware check circuit
    """
