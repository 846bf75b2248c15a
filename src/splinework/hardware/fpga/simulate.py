"""Runs the testbenches in Icarus Verilog and Verilator and parses their output; the folder holds `tb` and `rtl`."""

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from splinework.errors import ConfigError, FileError
from splinework.hardware import tools

SIMULATORS: Final = ("iverilog", "verilator")
_SUMMARY: Final = re.compile(r"^SUMMARY vectors=(\d+) mismatches=(\d+) protocol=(\d+) cycles=(\d+)$", re.MULTILINE)
_MISMATCH: Final = re.compile(r"^MISMATCH (\d+) ([0-9a-fxz]+) ([0-9a-f]+)$", re.MULTILINE)
_PROTOCOL: Final = re.compile(r"^PROTOCOL (\d+) (.+)$", re.MULTILINE)
_MAX_MESSAGE_CHARS: Final = 1200  # Kept from the end of an error message


@dataclass(frozen=True)
class Simulation:
    """The result of one simulator.

    Attributes:
        simulator: `iverilog` or `verilator`.
        vectors: Number of simulated vectors.
        mismatches: Number of results that differ from the golden model or are missing.
        protocol: Number of protocol violations, such as a wrong latency.
        cycles: Number of clock cycles.
        first: The first mismatches: index of the vector, bits received, bits expected; hexadecimal, x is unknown.
        violations: The first protocol violations: cycle and description.
        error: Message of the compiler or simulator if the simulation did not finish.
    """

    simulator: str
    vectors: int
    mismatches: int
    protocol: int
    cycles: int
    first: tuple[tuple[int, str, str], ...] = ()
    violations: tuple[tuple[int, str], ...] = ()
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether every result was correct and in time."""
        return not (self.error or self.mismatches or self.protocol) and self.vectors > 0


def available(wanted: Sequence[str] = SIMULATORS) -> tuple[str, ...]:
    """The installed ones of some simulators.

    Raises:
        ConfigError: If a name is unknown, no names are given, or none of the simulators is installed.
    """
    unknown = [name for name in wanted if name not in SIMULATORS]
    if unknown or not wanted:
        raise ConfigError(f"simulators are {' and '.join(SIMULATORS)}, got {list(wanted)}.")
    found = tuple(name for name in SIMULATORS if name in wanted and tools.find(name) is not None)
    if not found:
        tools.need(*wanted, purpose="a simulation")
    return found


def simulate(folder: Path, simulator: str, *, timeout: float = 1800.0) -> Simulation:
    """Compiles and runs one testbench of `bench_files`, next to `rtl` in the folder; build files are removed.

    A circuit that does not compile, or exceeds the timeout in seconds, is a failed simulation, not an exception.
    """
    return _run(folder, simulator, lambda tb, rtl: _RUN[simulator](tb, rtl, timeout))


def simulate_axi(folder: Path, count: int, *, timeout: float = 1800.0) -> Simulation:
    """Compiles and runs the testbench of the AXI-stream wrapper in Icarus Verilog with the first vectors; see `simulate`."""
    return _run(
        folder,
        "iverilog, AXI-stream",
        lambda tb, rtl: _icarus(tb, rtl, "tb_axis", ["-P", f"tb_axis.COUNT={count}"], timeout),
    )


def _run(folder: Path, name: str, how: Callable[[Path, list[str]], str]) -> Simulation:
    tb = folder / "tb"
    build = tb / "build"
    build.mkdir(exist_ok=True)
    rtl = sorted(f"../rtl/{file.name}" for file in (folder / "rtl").glob("*.v"))
    try:
        output = how(tb, rtl)
    except (ConfigError, FileError) as error:
        return Simulation(name, 0, 0, 0, 0, error=str(error)[-_MAX_MESSAGE_CHARS:])
    finally:
        shutil.rmtree(build, ignore_errors=True)
    summary = _SUMMARY.search(output)
    if summary is None:
        return Simulation(name, 0, 0, 0, 0, error=f"the simulation ended early: {output.strip()[-_MAX_MESSAGE_CHARS:]}")
    vectors, mismatches, protocol, cycles = (int(number) for number in summary.groups())
    first = tuple((int(number), got, expected) for number, got, expected in _MISMATCH.findall(output))
    violations = tuple((int(cycle), what) for cycle, what in _PROTOCOL.findall(output))
    return Simulation(name, vectors, mismatches, protocol, cycles, first, violations)


def _icarus(tb: Path, rtl: list[str], top: str, options: list[str], timeout: float) -> str:
    tools.call(["iverilog", "-g2005", "-s", top, *options, "-o", "build/tb.vvp", f"{top}.v", *rtl], tb, timeout=timeout)
    return tools.call(["vvp", "-n", "build/tb.vvp"], tb, timeout=timeout).stdout


def _verilator(tb: Path, rtl: list[str], timeout: float) -> str:
    top = re.search(r"^// Test of (\w+) ", (tb / "tb.cpp").read_text(encoding="utf-8"))
    quiet = ["-Wno-fatal", "-Wno-lint", "-Wno-style"]
    command = ["verilator", "--cc", "--exe", "--build", "-O3", "-j", "1", *quiet, "--Mdir", "build/verilator"]
    command += ["--prefix", "Vdut", "--top-module", top[1] if top else "", *rtl, "tb.cpp"]
    tools.call(command, tb, timeout=timeout)
    return tools.call([tb / "build" / "verilator" / "Vdut"], tb, timeout=timeout, refuse=False).stdout


_RUN: Final[dict[str, Callable[[Path, list[str], float], str]]] = {
    "iverilog": lambda tb, rtl, timeout: _icarus(tb, rtl, "tb", [], timeout),
    "verilator": _verilator,
}
