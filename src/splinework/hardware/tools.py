"""The external programs that build and check artefacts: paths, versions, and installation advice."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from splinework.errors import ConfigError, FileError

INSTALL: Final = "make hardware-tools, or on Debian and Ubuntu: apt-get install"


@dataclass(frozen=True)
class Tool:
    """An external program."""

    program: str
    package: str
    gives: str
    version: tuple[str, ...] = ("--version",)


TOOLS: Final[dict[str, Tool]] = {
    tool.program: tool
    for tool in (
        Tool("yosys", "yosys", "FPGA: synthesis and proofs", ("-V",)),
        Tool("nextpnr-ecp5", "nextpnr-ecp5", "FPGA: place and route for Lattice ECP5"),
        Tool("nextpnr-ice40", "nextpnr-ice40", "FPGA: place and route for Lattice iCE40"),
        Tool("iverilog", "iverilog", "FPGA: simulation", ("-V",)),
        Tool("verilator", "verilator", "FPGA: fast simulation"),
        Tool("ngspice", "ngspice", "analogue circuits: simulation"),
        Tool("gcc", "gcc", "microcontrollers: C on this machine"),
        Tool("clang", "clang", "microcontrollers: a second C compiler"),
        Tool("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi", "microcontrollers: ARM Cortex-M"),
        Tool("qemu-system-arm", "qemu-system-arm", "microcontrollers: runs ARM Cortex-M code"),
        Tool("valgrind", "valgrind", "microcontrollers: counts instructions"),
    )
}


def find(program: str) -> str | None:
    """The path of a program; None if it is not installed."""
    return shutil.which(program)


def need(*programs: str, purpose: str) -> None:
    """Raises a ConfigError with installation advice unless all programs are installed."""
    missing = [program for program in programs if find(program) is None]
    if missing:
        packages = " ".join(TOOLS[program].package if program in TOOLS else program for program in missing)
        raise ConfigError(f"{purpose} needs {' and '.join(missing)}, not installed here; install: {INSTALL} {packages}")


def version(program: str) -> str | None:
    """The first line of a program's version output; None if it is not installed."""
    if find(program) is None:
        return None
    asked = TOOLS[program].version if program in TOOLS else ("--version",)
    result = subprocess.run([program, *asked], capture_output=True, text=True, check=False, timeout=60)
    lines = [line.strip("* \t") for line in (result.stdout + result.stderr).splitlines()]
    return next((line for line in lines if line), "installed")


def call(
    command: Sequence[str | Path], folder: Path, *, timeout: float = 600.0, refuse: bool = True
) -> subprocess.CompletedProcess[str]:
    """Runs a program with its arguments in a folder and captures its output; `timeout` is in seconds.

    With `refuse`, a non-zero exit code is an error.

    Raises:
        ConfigError: If the program is missing or exceeds the timeout.
        FileError: If it fails; the message has the end of its output.
    """
    words = [str(word) for word in command]
    need(words[0], purpose=f"`{' '.join(words[:2])}`")
    try:
        result = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, errors="replace", check=False, timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"{words[0]} did not finish within {timeout:g} s; make the network smaller, or allow more time."
        ) from error
    if refuse and result.returncode != 0:
        output = "\n".join((result.stdout + result.stderr).splitlines()[-12:])
        raise FileError(f"{words[0]} ended with exit code {result.returncode} in {folder}:\n{output}")
    return result
