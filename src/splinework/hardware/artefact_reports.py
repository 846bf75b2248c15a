"""The reports of FPGA and microcontroller artefacts: checks, power, tables, pictures and usage.

The figures come from `fpga_artefact` and `mcu_artefact`; the page is rendered by `report_page`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from splinework.errors import ConfigError
from splinework.hardware.formats import Wire
from splinework.hardware.integer import IntegerModel
from splinework.hardware.report_facts import ArtefactReport, PowerEstimate, ReportCheck, ReportPicture, ReportTable
from splinework.hardware.report_pictures import plot_front, tables_of
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.verify import ClaimResult, verify

PICOJOULE_PER_CYCLE: Final = 72.0
"""Assumed energy of a Cortex-M0+ cycle: 40 µA/MHz at 1.8 V."""
CYCLES_PER_INSTRUCTION: Final = 1.3
"""Assumed for a Cortex-M0+, where loads and taken branches take two cycles."""
INFERENCES_PER_SECOND: Final = 1000
"""Rate for which the power is given."""
PICOJOULE_PER_TOGGLE: Final = 0.1
"""Assumed energy of a toggling LUT or flip-flop with its wires, of the order of 16 nm FPGAs."""
_DEFAULT_CLOCK_MHZ: Final = 100.0  # If the maximum clock is unknown
TOGGLE_SHARE: Final = 0.25
"""Assumed share of LUTs and flip-flops that toggle in a cycle."""
AXIOM_EFFORT: Final = 20.0
"""Time limit for the proof of each axiom."""
_PROOF_METHODS: Final = {
    "structure": "from the directions, ranges and steps of the tables",
    "exhaustion": "by trying all combinations of codes",
}


def counted(number: int) -> str:
    """A whole number in groups of three.

    >>> counted(100000)
    '100 000'
    """
    return f"{number:,}".replace(",", " ")


def _wire_tables(golden: IntegerModel) -> tuple[ReportTable, ReportTable]:
    """Tables of the codes of inputs and outputs and their values."""

    def law(wire: Wire) -> str:
        return f"{'ln(value)' if wire.log else 'value'} = {wire.shift:.6g} + {wire.step:.6g} · code"

    def codes(wire: Wire) -> tuple[str, int, str]:
        return wire.name, wire.format.width, f"{wire.format.low} … {wire.format.high}"

    ends = [wire.decode([wire.format.low, wire.format.high]) for wire in golden.inputs]
    rows = tuple(
        (*codes(w), f"{float(low):.5g} … {float(high):.5g}", law(w))
        for w, (low, high) in zip(golden.inputs, ends, strict=True)
    )
    sums = tuple((*codes(w), law(w)) for w in golden.wires(len(golden.layers)))
    return (
        ReportTable("Inputs: codes and their values", ("input", "bits", "codes", "values", "law"), rows),
        ReportTable("Outputs: exact sums and their values", ("output", "bits", "codes", "law"), sums),
    )


def _decision(golden: IntegerModel) -> str:
    """A sentence on how the outputs determine the class; empty for a regression."""
    if golden.task != "classification":
        return ""
    if golden.outputs == 1:
        return f"The class is {golden.classes[1]} if y0 is above 0, else {golden.classes[0]}."
    return f"The class is that of the largest output, the first of equal ones: {', '.join(golden.classes)}."


def _saturation_warning(figures: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence on saturated values, if there are any."""
    found = figures.get("saturated") or {}
    if not found:
        return ()
    listed = ", ".join(f"{name}: {count}" for name, count in list(found.items())[:8])
    return (
        f"{counted(sum(found.values()))} of the given values lie outside the range of the input codes and are saturated, in all "
        f"figures too ({listed}). Training narrows the ranges to where resolution matters most.",
    )


def _pictures_of(golden: IntegerModel, front: Sequence[tuple[float, float]]) -> tuple[ReportPicture, ...]:
    """Pictures of the front of networks and of the tables of the chosen one."""
    found = []
    if len(front) > 1:
        share = golden.task == "classification"
        points = [(area, 100 * score if share else -score) for area, score in front]
        word, better = ("accuracy, %", "more") if share else ("RMSE", "less")
        axes = plot_front(points, chosen=0, x="LUTs, rough estimate", y=f"{word}, validation rows", better=better)
        drawn = axes.get_figure(root=True)
        if drawn is not None:
            found.append(
                ReportPicture(
                    drawn, "networks by area and merit", "The networks of the run; the chosen one is circled."
                )
            )
    return (*found, *tables_of(golden)) if golden.edges else tuple(found)


def mcu_report(
    golden: IntegerModel, figures: Mapping[str, Any], notes: Sequence[str], front: Sequence[tuple[float, float]] = ()
) -> ArtefactReport:
    """The report of C files from figures and notes; `front` is as for `fpga_report`."""
    name, upper = golden.name, golden.name.upper()
    checks = tuple(
        ReportCheck(
            f"bit for bit on {run['processor']}",
            f"{counted(run['mismatches'])} of {counted(run['vectors'])} vectors differ"
            + (f", {counted(run['misquantised'])} of {counted(run['quantised'])} codes" if run["quantised"] else ""),
            run["mismatches"] + run["misquantised"] == 0,
        )
        for run in figures["verification"]["runs"]
    )
    instructions = figures["instructions"].get("cortex-m0plus")
    power = None
    if instructions is not None:
        joules = instructions * CYCLES_PER_INSTRUCTION * PICOJOULE_PER_CYCLE * 1e-12
        power = PowerEstimate(
            joules * INFERENCES_PER_SECOND,
            f"{INFERENCES_PER_SECOND} inferences per second × {instructions:g} instructions × {CYCLES_PER_INSTRUCTION:g} cycles "
            f"× {PICOJOULE_PER_CYCLE:g} pJ (Cortex-M0+ at 40 µA/MHz and 1.8 V, assumed)\n"
            f"= {1e6 * joules * INFERENCES_PER_SECOND:.3g} µW, {1e9 * joules:.3g} nJ per inference",
        )
    fills = "/* fill codes[], see the table of inputs */"
    if figures["quantise_instructions"]:
        fills = f"{name}_quantise(values, codes);"
    last = f"\nuint32_t class_number = {name}_classify(codes);" if golden.classes else ""
    call = (
        f'#include "{name}.h"\n\n{name}_code_t codes[{upper}_INPUTS];\n{name}_sum_t sums[{upper}_OUTPUTS];\n{fills}\n'
        f"{name}_predict(codes, sums);{last}"
    )
    use = (
        ("Add the two files to your project and call:", call),
        ("Check against the golden model again, or on this machine only:", "splinework hardware check .\nmake test"),
    )
    title = f"{name}: a network in C for microcontrollers"
    shared = _common(golden, figures, front, "C99")
    return ArtefactReport(title, "mcu", figures, checks=checks, power=power, usage=use, notes=tuple(notes), **shared)


def fpga_report(
    golden: IntegerModel,
    figures: Mapping[str, Any],
    notes: Sequence[str],
    checks: Sequence[ReportCheck],
    warnings: Sequence[str],
    front: Sequence[tuple[float, float]] = (),
) -> ArtefactReport:
    """The report of a circuit from figures, notes, checks and warnings; warnings of saturated values are added.

    `front` holds areas and scores of all networks of the run, the chosen one first.
    """
    name = golden.name
    cells = sum(int(figures[word] or figures[f"{word}_estimated"]) for word in ("luts", "flipflops"))
    mhz = figures["fmax_mhz"] or _DEFAULT_CLOCK_MHZ
    watts = cells * TOGGLE_SHARE * PICOJOULE_PER_TOGGLE * 1e-12 * mhz * 1e6
    power = PowerEstimate(
        watts,
        f"(LUTs + flip-flops) × activity × energy per toggle × clock = {cells} × {TOGGLE_SHARE:g} × {PICOJOULE_PER_TOGGLE:g} pJ "
        f"× {mhz:g} MHz\n= {1e3 * watts:.3g} mW, without the device's standby power; activity and energy are assumed",
    )
    ports = ", ".join(f".x{i}(x{i})" for i in range(len(golden.inputs)))
    outs = ", ".join(f".y{j}(y{j})" for j in range(golden.outputs))
    held = figures["handshake"] == "valid_ready"
    ready, taken = (".in_ready(in_ready), ", ".out_ready(out_ready), ") if held else ("", "")
    call = (
        f"{name} {name}_0 (.clk(clk), .rst(rst), .in_valid(in_valid), {ready}{ports},\n"
        f"    .out_valid(out_valid), {taken}{outs});"
    )
    cycles = figures["latency_cycles"]
    use = (
        (f"Instantiate the top module; latency {cycles} cycles, one result per cycle:", call),
        ("Check the files again:", "splinework hardware check ."),
        ("Simulate or synthesise by hand:", "make -C tb\nmake -C synth"),
    )
    title = f"{name}: a network as a circuit for {figures['technology_title']}"
    shared = _common(golden, figures, front, "Verilog-2005")
    shared["warnings"] = (*warnings, *shared["warnings"])
    made = tuple(checks)
    return ArtefactReport(title, "fpga", figures, checks=made, power=power, usage=use, notes=tuple(notes), **shared)


def _common(
    golden: IntegerModel, figures: Mapping[str, Any], front: Sequence[tuple[float, float]], language: str
) -> dict[str, Any]:
    """The content common to all reports of quantised networks: lead, tables, pictures, axioms, saturation."""
    shape = "-".join(map(str, golden.shape))
    lead = f"A quantised network of {shape} nodes and {golden.edges} tables in {language}. {_decision(golden)}"
    held, unproved = preserved_axioms(golden)
    return {
        "lead": lead.strip(),
        "tables": (*(() if held is None else (held,)), *_wire_tables(golden)),
        "pictures": _pictures_of(golden, front),
        "warnings": (*unproved, *_saturation_warning(figures)),
    }


def preserved_axioms(golden: IntegerModel) -> tuple[ReportTable | None, tuple[str, ...]]:
    """A table of the hard axioms and their status, or None without axioms, and warnings about those not proved."""
    if not golden.axioms:
        return None, ()
    rows: list[tuple[str, str, str]] = []
    warnings: list[str] = []
    for axiom in golden.axioms:
        status, how = _axiom_status(golden, axiom)
        rows.append((axiom, status, how))
        if status != "proved":
            warnings.append(f"The network was built with {axiom}; after quantisation this is {status}: {how}.")
    table = ReportTable("Hard axioms after quantisation", ("axiom", "status", "how"), tuple(rows))
    return table, tuple(warnings)


def _axiom_status(golden: IntegerModel, axiom: str) -> tuple[str, str]:
    model: Any = golden
    (recipe,) = axioms_of([axiom])
    box = None if isinstance(recipe.domain, str) else dict(recipe.domain)
    try:
        found = verify(model, recipe, box=box, effort=AXIOM_EFFORT)
    except ConfigError:
        return (
            "not known",
            "rounding preserves order and symmetry but not curvature or equations, so these are not proved",
        )
    worst = [claim for claim in found.claims if claim.status == found.status]
    return found.status, "; ".join(dict.fromkeys(_how(claim) for claim in worst))


def _how(claim: ClaimResult) -> str:
    if claim.status == "refuted":
        point = ", ".join(f"{name} = {value:.6g}" for name, value in (claim.counterexample or {}).items())
        return f"it fails at {point}"
    if claim.status == "unknown":
        return claim.reason or "it could not be decided"
    counted = f", {claim.boxes} of them" if claim.method == "exhaustion" and claim.boxes else ""
    return _PROOF_METHODS[claim.method] + counted
