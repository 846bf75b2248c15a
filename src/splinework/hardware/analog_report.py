"""The report of an analogue artefact: agreement with ngspice, yields with pictures, power, tables over temperature."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from splinework.hardware.analog.network import AnalogNetwork
from splinework.hardware.analog.yield_plots import plot_conditions, plot_yield
from splinework.hardware.analog_study import Study
from splinework.hardware.artefact_reports import counted
from splinework.hardware.report_facts import ArtefactReport, PowerEstimate, ReportCheck, ReportPicture, ReportTable


def analog_report(name: str, figures: Mapping[str, Any], notes: Sequence[str], study: Study) -> ArtefactReport:
    """The report of circuits from figures and notes; the study holds their yields, also over temperature and years."""
    network = study.network
    checked = figures["verification"]
    worst = max(checked["rms_by_celsius"].values())
    checks = (
        ReportCheck(
            "ngspice against the device model",
            f"{100 * worst:.3g} % of the span rms at {checked['rows']} rows, at 0, 27 and 85 °C; {100 * checked['allowed']:g} % "
            "is allowed",
            bool(figures["agrees"]),
        ),
    )
    watts, seconds = figures["power_watts"], figures["settling_seconds"]
    power = PowerEstimate(
        watts,
        "P = V_DD (tails + mirror outputs + constant currents + multipliers + amplifiers)\n"
        f"V_DD = {network.technology.supply:g} V, currents at the mean of the rows\n= {1e6 * watts:.3g} µW\n"
        f"settling {1e6 * seconds:.3g} µs, so {1e12 * figures['energy_joules']:.3g} pJ per inference; no converters, no pads",
    )
    is_share = "accuracy_float" in figures
    use = (
        (
            "The netlist is one subcircuit; 1 V stands for one network unit at its ends:",
            f".include {name}.cir\nX1 {' '.join(f'u{i}' for i in range(len(network.input_names)))} "
            f"{' '.join(f'y{j}' for j in range(len(network.output_names)))} {name}",
        ),
        ("Check against the device model again:", "splinework hardware check ."),
    )
    return ArtefactReport(
        f"{name}: a network as analogue circuits",
        "analog",
        figures,
        lead=f"{counted(figures['elements'])} differential pairs and currents on {figures['edges']} edges, in a generic "
        f"technology ({network.technology.name}); the numbers of the technology are assumptions.",
        checks=checks,
        power=power,
        tables=(
            _units(network),
            _conditions("Over temperature", "°C", "celsius", figures["temperature"], is_share),
            _conditions("Over years at 85 °C, read at 27 °C", "years", "years", figures["retention"], is_share),
        ),
        pictures=_pictures(study),
        usage=use,
        warnings=_outside(figures),
        notes=tuple(notes),
    )


def _outside(figures: Mapping[str, Any]) -> tuple[str, ...]:
    found = figures["saturated"]
    if not found:
        return ()
    listed = ", ".join(f"{name}: {count}" for name, count in list(found.items())[:8])
    return (f"Some of the given values lie outside the spans that the circuits were fitted for: {listed}.",)


def _pictures(study: Study) -> tuple[ReportPicture, ...]:
    found, warm, aged = study.after, study.temperature, study.years
    return (
        ReportPicture(
            _of(plot_yield(found)), "histogram over chips", f"{len(found.values)} chips, and the limit of a good chip."
        ),
        ReportPicture(
            _of(plot_conditions(warm, "celsius")),
            "the same chips over temperature",
            "Mean and the middle 90 % of chips.",
        ),
        ReportPicture(
            _of(plot_conditions(aged, "years")), "the same chips over years", "Mean and the middle 90 % of chips."
        ),
    )


def _of(axes: Axes) -> Figure:
    figure = axes.figure
    assert isinstance(figure, Figure)  # a sub-figure has one above it
    return figure


def _units(network: AnalogNetwork) -> ReportTable:
    rows: list[tuple[str | float | None, ...]] = []
    units = network.input_units
    for name, span, kind, shift, scale in zip(
        network.input_names, network.layers[0].inputs, units.scales, units.shift, units.scale, strict=True
    ):
        law = f"u = ({'ln(value)' if kind == 'log' else 'value'} − {shift:.6g}) / {scale:.6g}"
        rows.append(
            (name, law, f"{span.low:.4g} … {span.high:.4g}", f"{span.low_voltage:.3g} … {span.high_voltage:.3g} V")
        )
    return ReportTable("Inputs: network units and voltages", ("input", "unit", "span of u", "voltage"), tuple(rows))


def _conditions(caption: str, word: str, key: str, rows: Sequence[Mapping[str, Any]], is_share: bool) -> ReportTable:
    def show(value: float | None) -> str | None:
        if value is None:
            return None
        return f"{100 * value:.2f} %" if is_share else f"{value:.4g}"

    cells = tuple(
        (
            float(row[key]),
            show(row["mean"]),
            f"{100 * row['yield']:.0f} %",
            show(row["calibrated_mean"]),
            None if row["calibrated_yield"] is None else f"{100 * row['calibrated_yield']:.0f} %",
        )
        for row in rows
    )
    return ReportTable(caption, (word, "mean", "yield", "calibrated: mean", "calibrated: yield"), cells)
