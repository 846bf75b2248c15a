"""Runs the testbenches in Icarus Verilog and Verilator and reads what they say. The folder holds `tb` and `rtl` side by side."""

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
_SAID: Final = 1200  # Characters of a compiler's complaint that are kept


@dataclass(frozen=True)
class Simulation:
    """What one simulator found.

    Attributes:
        simulator: `iverilog` or `verilator`.
        vectors: Vectors that went in.
        mismatches: Results that differ from the golden model, or never came.
        protocol: Breaches of the handshake, such as another latency.
        cycles: Clock cycles.
        first: The first mismatches: number of the vector, bits that came, bits that were expected; hexadecimal, x is unknown.
        breaches: The first breaches: cycle and what was wrong.
        error: What the compiler or simulator said where it could not run the circuit to the end.
    """

    simulator: str
    vectors: int
    mismatches: int
    protocol: int
    cycles: int
    first: tuple[tuple[int, str, str], ...] = ()
    breaches: tuple[tuple[int, str], ...] = ()
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether every result was right and came in time."""
        return not (self.error or self.mismatches or self.protocol) and self.vectors > 0


def available(wanted: Sequence[str] = SIMULATORS) -> tuple[str, ...]:
    """Those of the simulators that are installed.

    Raises:
        ConfigError: If one is unknown, none is wanted, or none of them is installed.
    """
    unknown = [name for name in wanted if name not in SIMULATORS]
    if unknown or not wanted:
        raise ConfigError(f"simulators are {' and '.join(SIMULATORS)}, got {list(wanted)}.")
    found = tuple(name for name in SIMULATORS if name in wanted and tools.find(name) is not None)
    if not found:
        tools.need(*wanted, purpose="a simulation")
    return found


def simulate(folder: Path, simulator: str, *, timeout: float = 1800.0) -> Simulation:
    """Compiles and runs one testbench of `bench_files`, beside `rtl` in the folder; what it builds is removed again.

    A circuit that does not compile, or does not end within so many seconds, is a failed simulation, not an exception.
    """
    return _run(folder, simulator, lambda tb, rtl: _RUN[simulator](tb, rtl, timeout))


def simulate_axi(folder: Path, count: int, *, timeout: float = 1800.0) -> Simulation:
    """Compiles and runs the testbench of the wrapper for AXI-stream in Icarus Verilog with the first vectors; as `simulate`."""
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
        said = how(tb, rtl)
    except (ConfigError, FileError) as error:
        return Simulation(name, 0, 0, 0, 0, error=str(error)[-_SAID:])
    finally:
        shutil.rmtree(build, ignore_errors=True)
    summary = _SUMMARY.search(said)
    if summary is None:
        return Simulation(name, 0, 0, 0, 0, error=f"the simulation ended early: {said.strip()[-_SAID:]}")
    vectors, mismatches, protocol, cycles = (int(number) for number in summary.groups())
    first = tuple((int(number), got, expected) for number, got, expected in _MISMATCH.findall(said))
    breaches = tuple((int(cycle), what) for cycle, what in _PROTOCOL.findall(said))
    return Simulation(name, vectors, mismatches, protocol, cycles, first, breaches)


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
