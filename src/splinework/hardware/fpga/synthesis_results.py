"""Parses the reports of Yosys and nextpnr: cells, ports, frequencies, and resources that do not fit."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splinework.errors import ConfigError, FileError
from splinework.hardware.fpga.synthesis_scripts import Port
from splinework.hardware.fpga.technologies import FpgaTechnology

_PORT = re.compile(r"(input|output)\s+\[(\d+):(\d+)\]\s+(\S+)")
_RESOURCE = re.compile(r"Info:\s+(\w+):\s+(\d+)\s*/\s*(\d+)\s+\d+%")


@dataclass(frozen=True)
class FpgaArea:
    """The area of a netlist.

    Attributes:
        cells: Number of cells of each type.
        luts: Area in the unit of the technology, rounded.
        flipflops: Number of flip-flops.
        carries: Number of carry cells.
        lcs: Yosys' estimate of logic cells, with small LUTs packed in pairs; None if there is none.
    """

    cells: Mapping[str, int]
    luts: int
    flipflops: int
    carries: int
    lcs: int | None


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object that a program wrote.

    Raises:
        FileError: If the file is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FileError(
            f"{path.name} was not written as expected ({error}); is this an old version of the tool?"
        ) from error
    if not isinstance(content, dict):
        raise FileError(f"{path.name} is not a JSON object; is this an old version of the tool?")
    return content


def read_area(stat: Mapping[str, Any], technology: FpgaTechnology) -> FpgaArea:
    """The area in the output of `stat -json`.

    Raises:
        FileError: If the output has another form.
        ConfigError: If the netlist has unexpected cells, such as memories or latches.
    """
    design = stat.get("design")
    cells = design.get("num_cells_by_type") if isinstance(design, dict) else None
    if not isinstance(cells, dict) or not all(isinstance(count, int) for count in cells.values()):
        raise FileError("Yosys gave no cells in `stat -json`; version 0.23 or later does.")
    # Yosys leaves these in place of flattened modules; they are not cells of the circuit.
    cells = {cell: count for cell, count in cells.items() if cell != "$scopeinfo"}
    known = {*technology.logic, *technology.flipflops, *technology.carries, *technology.ignored}
    strange = sorted(set(cells) - known)
    if strange:
        raise ConfigError(
            f"the netlist for {technology.name} has unexpected cells: {', '.join(strange)}; a design has only registers "
            "with one clock, tables and adders."
        )
    lcs = design.get("estimated_num_lc") if isinstance(design, dict) else None
    return FpgaArea(
        cells=dict(sorted(cells.items())),
        luts=round(sum(technology.logic.get(cell, 0) * count for cell, count in cells.items())),
        flipflops=round(sum(technology.flipflops.get(cell, 0) * count for cell, count in cells.items())),
        carries=sum(count for cell, count in cells.items() if cell in technology.carries),
        lcs=int(lcs) if lcs is not None else None,
    )


def read_ports(text: str) -> list[Port]:
    r"""The ports in the output of `portlist`.

    >>> read_ports("module top\ninput [0:0] clk\noutput [7:0] y0\n")
    [Port(name='clk', width=1, output=False), Port(name='y0', width=8, output=True)]
    """
    return [
        Port(name.lstrip("\\"), abs(int(high) - int(low)) + 1, way == "output")
        for way, high, low, name in _PORT.findall(text)
    ]


def read_fmax(report: Mapping[str, Any]) -> float:
    """The frequency of the slowest clock in a report of nextpnr, in MHz.

    Raises:
        FileError: If the report has none.
    """
    clocks = report.get("fmax")
    try:
        return min(float(clock["achieved"]) for clock in clocks.values())  # type: ignore[union-attr]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FileError("nextpnr reported no frequency for the clock; version 0.4 or later does.") from error


def read_utilisation(report: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """The used and available number of each used resource."""
    entries = report.get("utilization", {})
    return {name: (int(e["used"]), int(e["available"])) for name, e in sorted(entries.items()) if e["used"]}


def explain_failure(output: str, program: str, technology: FpgaTechnology, top: str) -> Exception:
    """The error of a failed nextpnr run: the exhausted resource, or the end of its output."""
    over = [(name, int(used), int(there)) for name, used, there in _RESOURCE.findall(output) if int(used) > int(there)]
    if over:
        name, used, there = max(over, key=lambda entry: entry[1] / max(entry[2], 1))
        return ConfigError(
            f"{top} does not fit {technology.title}: it needs {used} of {there} {name}; prune edges, use fewer bits, "
            "or choose a larger device."
        )
    if "no BELs remaining" in output or "Unable to find legal placement" in output:
        return ConfigError(
            f"{top} does not fit {technology.title}: nextpnr cannot place all cells; prune edges, use fewer bits, "
            "or choose a larger device."
        )
    end = "\n".join([line for line in output.splitlines() if line.strip()][-8:])
    return FileError(f"{program} failed on {top}:\n{end}")
