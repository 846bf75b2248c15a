"""Synthesises a design with Yosys and, if a free router supports the device, nextpnr: area, frequency, and scripts.

The area is that of the design alone; the frequency is that of the design between registers, after routing.
"""

import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splinework.errors import ConfigError, FileError
from splinework.hardware import tools
from splinework.hardware.fpga.synthesis_results import (
    FpgaArea,
    explain_failure,
    read_area,
    read_fmax,
    read_json,
    read_ports,
    read_utilisation,
)
from splinework.hardware.fpga.synthesis_scripts import (
    constraints,
    makefile,
    routing_command,
    synthesis_script,
    wrapper,
    wrapping_script,
)
from splinework.hardware.fpga.technologies import FpgaTechnology, Router, technology_of
from splinework.nn.files import write_whole

_KEPT_FILES = ("*.ys", "*.v", "*.lpf", "*.pcf", "stat.json", "report-*")
_TIMEOUT_SECONDS = 120.0  # Of the default router, which does not terminate for a few placements
_TIMEOUT_SECONDS_PER_LUT = 0.2


@dataclass(frozen=True)
class Synthesis:
    """The result of synthesis.

    Attributes:
        top: Name of the top module.
        title: Description of the technology.
        luts: Number of LUT cells, in `unit`.
        unit: `LUTs`, or `NAND2 equivalents` for ASICs.
        lcs: Yosys' estimate of logic cells; None if there is none.
        flipflops: Number of flip-flops.
        carries: Number of carry cells.
        fmax_mhz: Maximum clock after routing in MHz, median over the seeds; None if not routed.
        fmax_by_seed: Each seed and its frequency in MHz.
        rerouted: Seeds for which the default router timed out and nextpnr's second router was used.
        utilisation: Used and available resources of the device with the wrapper, for the first seed.
        cells: Number of cells of each type.
        recipe: The synthesis command that gave the smallest result.
        tools: Programs and their versions.
        note: Remark on the figures.
        files: Names and texts of scripts, constraints, the wrapper and the reports of the programs.
        log: Statistics of Yosys and clock messages of nextpnr.
    """

    top: str
    technology: str
    title: str
    luts: int
    unit: str
    lcs: int | None
    flipflops: int
    carries: int
    fmax_mhz: float | None
    fmax_by_seed: tuple[tuple[int, float], ...]
    rerouted: tuple[int, ...]
    utilisation: Mapping[str, tuple[int, int]]
    cells: Mapping[str, int]
    recipe: str
    tools: Mapping[str, str]
    note: str
    files: Mapping[str, str] = field(repr=False)
    log: str = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values, without files and log."""
        content = {key: value for key, value in vars(self).items() if key not in ("files", "log")}
        return content | {
            "fmax_by_seed": {str(seed): mhz for seed, mhz in self.fmax_by_seed},
            "rerouted": list(self.rerouted),
            "utilisation": {name: list(pair) for name, pair in self.utilisation.items()},
            "cells": dict(self.cells),
            "tools": dict(self.tools),
        }


@dataclass(frozen=True)
class _SynthesisTask:
    technology: FpgaTechnology
    top: str
    seeds: tuple[int, ...]
    mhz: float
    timeout: float


def synthesise(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    top: str,
    technology: str | FpgaTechnology = "xcup",
    *,
    seeds: Sequence[int] = (1,),
    mhz: float = 250.0,
    out: str | os.PathLike[str] | None = None,
    recipes: int | None = None,
    timeout: float = 3600.0,
) -> Synthesis:
    """Maps Verilog to the cells of a technology, and places and routes it if possible.

    Args:
        source: Folder with the files `rtl/*.v`, or the files themselves.
        top: Name of the top module; its clock is `clk`.
        technology: Name such as `xcup`, `ecp5`, `ice40` or `asic`.
        seeds: Seeds of placement and routing, one run for each.
        mhz: Frequency in MHz that nextpnr aims for; the reached frequency is reported.
        out: Folder for the scripts and reports, such as `FOLDER/synth`; None writes nothing.
        recipes: Number of the technology's alternative commands to try; None tries all and keeps the smallest result.
        timeout: Time limit in seconds for each run of a program.

    Raises:
        ConfigError: If the technology is unknown, a tool is missing or times out, or the design does not fit the device.
        FileError: If there are no files, or a tool rejects them.
    """
    chosen = technology_of(technology)
    files = _sources(source)
    _check(top, seeds, mhz, recipes)
    router = chosen.router
    programs = ["yosys", *([router.program] if router is not None else [])]
    tools.need(*programs, purpose=f"synthesis for {chosen.name}")
    job = _SynthesisTask(chosen, top, tuple(seeds), mhz, timeout)
    with tempfile.TemporaryDirectory() as name:
        rtl = Path(name) / "rtl"
        rtl.mkdir()
        for file in files:
            (rtl / file.name).write_bytes(file.read_bytes())
        inside = [f"../rtl/{file.name}" for file in files]
        area, recipe, folder = _smallest(job, chosen.recipes[:recipes], inside, Path(name))
        routed = _route(job, recipe, router, folder, area) if router is not None else _RoutingResult((), (), "")
        kept = sorted(path for pattern in _KEPT_FILES for path in folder.glob(pattern))
        texts = {path.name: path.read_text(encoding="utf-8") for path in kept}
    names = inside if out is None else [os.path.relpath(file, out) for file in files]
    texts["synth.ys"] = synthesis_script(chosen, recipe, top, names)
    texts["Makefile"] = makefile(chosen, job.seeds, mhz, names, routed.rerouted)
    rates = tuple((seed, round(read_fmax(report), 2)) for seed, report in zip(job.seeds, routed.reports, strict=False))
    if out is not None:
        _write(Path(out), texts)
    return Synthesis(
        top=top,
        technology=chosen.name,
        title=chosen.title,
        luts=area.luts,
        unit=chosen.unit,
        lcs=area.lcs,
        flipflops=area.flipflops,
        carries=area.carries,
        fmax_mhz=round(statistics.median(rate for _, rate in rates), 2) if rates else None,
        fmax_by_seed=rates,
        rerouted=routed.rerouted,
        utilisation=read_utilisation(routed.reports[0]) if routed.reports else {},
        cells=area.cells,
        recipe=recipe.format(top=top),
        tools={program: tools.version(program) or "" for program in programs},
        note=chosen.note,
        files=texts,
        log=texts["stat.json"] + routed.log,
    )


def _smallest(
    job: _SynthesisTask, recipes: Sequence[str], sources: Sequence[str], place: Path
) -> tuple[FpgaArea, str, Path]:
    """The smallest result of Yosys, its recipe, and the folder of its netlist, statistics and ports."""
    found = []
    for number, recipe in enumerate(recipes):
        folder = place / f"synth{number}"
        folder.mkdir()
        (folder / "synth.ys").write_text(synthesis_script(job.technology, recipe, job.top, sources), encoding="utf-8")
        tools.call(["yosys", "-q", "-s", "synth.ys"], folder, timeout=job.timeout)
        found.append((read_area(read_json(folder / "stat.json"), job.technology), recipe, folder))
    return min(found, key=lambda one: (one[0].luts, one[0].flipflops))


@dataclass(frozen=True)
class _RoutingResult:
    reports: tuple[dict[str, Any], ...]
    rerouted: tuple[int, ...]
    log: str


def _route(job: _SynthesisTask, recipe: str, router: Router, folder: Path, area: FpgaArea) -> _RoutingResult:
    """Wraps the netlist and runs nextpnr for every seed."""
    ports = read_ports((folder / "ports.txt").read_text(encoding="utf-8"))
    (folder / "wrap.v").write_text(wrapper(job.top, ports), encoding="utf-8")
    (folder / "wrap.ys").write_text(wrapping_script(recipe, job.top), encoding="utf-8")
    (folder / router.constraints).write_text(constraints(router, job.mhz), encoding="utf-8")
    tools.call(["yosys", "-q", "-s", "wrap.ys"], folder, timeout=job.timeout)
    router_timeout = min(job.timeout, max(_TIMEOUT_SECONDS, _TIMEOUT_SECONDS_PER_LUT * area.luts))
    reports, rerouted, lines = [], [], []
    for seed in job.seeds:
        try:
            words = routing_command(router, seed, job.mhz)
            result = tools.call(words, folder, timeout=router_timeout, refuse=False)
        except ConfigError:  # a timeout, as the program is known to be installed
            rerouted.append(seed)
            words = routing_command(router, seed, job.mhz, second=True)
            result = tools.call(words, folder, timeout=job.timeout, refuse=False)
        output = result.stdout + result.stderr
        if result.returncode != 0:
            raise explain_failure(output, router.program, job.technology, job.top)
        reports.append(read_json(folder / f"report-{seed}.json"))
        lines += [f"seed {seed}: {line}" for line in output.splitlines() if "Max frequency" in line]
    return _RoutingResult(tuple(reports), tuple(rerouted), "\n".join(lines) + "\n")


def _sources(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    if isinstance(source, str | os.PathLike):
        files = sorted((Path(source) / "rtl").glob("*.v"))
        if not files:
            raise FileError(f"{source} has no Verilog in {Path(source) / 'rtl'}; name the folder that holds rtl/*.v.")
        return files
    files = [Path(file) for file in source]
    missing = [str(file) for file in files if not file.is_file()]
    if missing or not files:
        raise FileError(f"synthesis needs Verilog files; not found: {', '.join(missing) or '(none named)'}.")
    if len({file.name for file in files}) != len(files):
        raise FileError(f"Verilog files must have distinct names, got {', '.join(map(str, files))}.")
    return files


def _check(top: str, seeds: Sequence[int], mhz: float, recipes: int | None) -> None:
    if not top.isidentifier() or not top.isascii():
        raise ConfigError(f"the top module must be an identifier such as 'wine', got {top!r}.")
    if not seeds or len(set(seeds)) != len(seeds) or any(seed < 1 for seed in seeds):
        raise ConfigError(f"seeds must be distinct positive integers, got {list(seeds)}.")
    if not 1 <= mhz <= 2000:
        raise ConfigError(f"mhz must be from 1 to 2000, got {mhz!r}.")
    if recipes is not None and recipes < 1:
        raise ConfigError(f"recipes must be at least 1, or None for all, got {recipes!r}.")


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder} cannot be created ({error}); choose another folder.") from error
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
