"""What Yosys and nextpnr answer, read: cells, ports, frequencies, and what does not fit."""

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
    """What a netlist is made of.

    Attributes:
        cells: How many there are of each type.
        luts: In the unit of the technology, rounded.
        flipflops: Storage bits.
        carries: Cells of carry chains.
        lcs: Yosys' estimate of logic cells, which packs small LUTs in pairs; None where it makes none.
    """

    cells: Mapping[str, int]
    luts: int
    flipflops: int
    carries: int
    lcs: int | None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object that a program wrote.

    Raises:
        FileError: If there is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FileError(
            f"{path.name} was not written as expected ({error}); is this an old version of the tool?"
        ) from error
    if not isinstance(content, dict):
        raise FileError(f"{path.name} holds no JSON object; is this an old version of the tool?")
    return content


def read_area(stat: Mapping[str, Any], technology: FpgaTechnology) -> FpgaArea:
    """The answer of `stat -json`.

    Raises:
        FileError: If it has another form.
        ConfigError: If the netlist has cells that nobody counts, such as memories or latches.
    """
    design = stat.get("design")
    cells = design.get("num_cells_by_type") if isinstance(design, dict) else None
    if not isinstance(cells, dict) or not all(isinstance(count, int) for count in cells.values()):
        raise FileError("Yosys gave no cells in `stat -json`; version 0.23 or later does.")
    # What Yosys leaves in place of a module that it has dissolved; no cell of the circuit.
    cells = {cell: count for cell, count in cells.items() if cell != "$scopeinfo"}
    known = {*technology.logic, *technology.flipflops, *technology.carries, *technology.ignored}
    strange = sorted(set(cells) - known)
    if strange:
        raise ConfigError(
            f"the netlist for {technology.name} has cells that are not counted: {', '.join(strange)}; a design has only "
            "registers with one clock, tables and adders."
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
    r"""The answer of `portlist`.

    >>> read_ports("module top\ninput [0:0] clk\noutput [7:0] y0\n")
    [Port(name='clk', width=1, output=False), Port(name='y0', width=8, output=True)]
    """
    return [
        Port(name.lstrip("\\"), abs(int(high) - int(low)) + 1, way == "output")
        for way, high, low, name in _PORT.findall(text)
    ]


def read_fmax(report: Mapping[str, Any]) -> float:
    """The frequency in MHz that a report of nextpnr gives for the slowest clock.

    Raises:
        FileError: If it gives none.
    """
    clocks = report.get("fmax")
    try:
        return min(float(clock["achieved"]) for clock in clocks.values())  # type: ignore[union-attr]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FileError("nextpnr reported no frequency for the clock; version 0.4 or later does.") from error


def read_utilisation(report: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Resources that are used: how many of how many."""
    entries = report.get("utilization", {})
    return {name: (int(e["used"]), int(e["available"])) for name, e in sorted(entries.items()) if e["used"]}


def explain_failure(said: str, program: str, technology: FpgaTechnology, top: str) -> Exception:
    """The error that says why nextpnr failed: the resource that ran out, or else its own last words."""
    over = [(name, int(used), int(there)) for name, used, there in _RESOURCE.findall(said) if int(used) > int(there)]
    if over:
        name, used, there = max(over, key=lambda entry: entry[1] / max(entry[2], 1))
        return ConfigError(
            f"{top} does not fit {technology.title}: it takes {used} of the {there} {name}; prune edges, use fewer bits, "
            "or choose a larger device."
        )
    if "no BELs remaining" in said or "Unable to find legal placement" in said:
        return ConfigError(
            f"{top} does not fit {technology.title}: nextpnr finds no place for all cells; prune edges, use fewer bits, "
            "or choose a larger device."
        )
    end = "\n".join([line for line in said.splitlines() if line.strip()][-8:])
    return FileError(f"{program} failed on {top}:\n{end}")
