"""The free programs that make and check artefacts: where they are, which version, how to install what is missing."""

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
    """One program.

    Attributes:
        program: Its name.
        package: The Debian package that brings it.
        gives: What it is for.
        version: What it is asked for its version.
    """

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
    """The path of a program, None where it is not installed."""
    return shutil.which(program)


def need(*programs: str, purpose: str) -> None:
    """Raises a ConfigError unless all programs are there: says what to install."""
    missing = [program for program in programs if find(program) is None]
    if missing:
        packages = " ".join(TOOLS[program].package if program in TOOLS else program for program in missing)
        raise ConfigError(f"{purpose} needs {' and '.join(missing)}, not found here; install: {INSTALL} {packages}")


def version(program: str) -> str | None:
    """The first line that a program says about its version; None where it is not installed."""
    if find(program) is None:
        return None
    asked = TOOLS[program].version if program in TOOLS else ("--version",)
    result = subprocess.run([program, *asked], capture_output=True, text=True, check=False, timeout=60)
    lines = [line.strip("* \t") for line in (result.stdout + result.stderr).splitlines()]
    return next((line for line in lines if line), "installed")


def call(
    command: Sequence[str | Path], folder: Path, *, timeout: float = 600.0, refuse: bool = True
) -> subprocess.CompletedProcess[str]:
    """Runs a program with its arguments in a folder, for so many seconds at most, and keeps what it says.

    Another exit code than 0 is an error where it is to be refused.

    Raises:
        ConfigError: If the program is missing, or did not end in time.
        FileError: If it failed; with the end of what it said.
    """
    words = [str(word) for word in command]
    need(words[0], purpose=f"`{' '.join(words[:2])}`")
    try:
        result = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, errors="replace", check=False, timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"{words[0]} did not end within {timeout:g} s; make the network smaller, or give it longer."
        ) from error
    if refuse and result.returncode != 0:
        said = "\n".join((result.stdout + result.stderr).splitlines()[-12:])
        raise FileError(f"{words[0]} ended with exit code {result.returncode} in {folder}:\n{said}")
    return result
