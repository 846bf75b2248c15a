"""`splinework hardware analog`: a fitted model as circuits for an analogue array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from splinework.cli.hardware.building import build, merits
from splinework.cli.hardware.options import Order, on_model


@click.command(no_args_is_help=True, short_help="Build circuits for an analogue array, simulated and with yields.")
@on_model("the circuits")
@click.option(
    "--elements",
    type=click.IntRange(2, 64),
    default=10,
    show_default=True,
    metavar="N",
    help="Most differential pairs of an edge.",
)
@click.option(
    "--tolerance",
    type=float,
    default=0.02,
    show_default=True,
    metavar="P",
    help="Largest error of an edge, of its span.",
)
@click.option(
    "--programming", type=float, default=0.01, show_default=True, metavar="P", help="Error of programmed currents."
)
@click.option(
    "--read-noise", type=float, default=0.003, show_default=True, metavar="P", help="Of sums, of their spans."
)
@click.option(
    "--steps",
    type=click.IntRange(0),
    default=200,
    show_default=True,
    metavar="N",
    help="Of training through the device; 0 for none.",
)
@click.option(
    "--draws", type=click.IntRange(1, 10_000), default=100, show_default=True, metavar="N", help="Chips of the yields."
)
@click.option(
    "--limit", type=float, metavar="V", help="What a good chip achieves; a point of accuracy less, or 2 % of the span."
)
@click.option(
    "--rows", type=click.IntRange(3, 10_000), metavar="N", help="That ngspice is run at; 60, fewer of large networks."
)
@click.option("--no-fpaa", is_flag=True, help="Leave the document for a field-programmable array out.")
def analog(order: Order, no_fpaa: bool, **settings: Any) -> int:
    """Build circuits for an analogue array from MODEL, a file that `fit`, `discover` or an estimator wrote.

    Each edge becomes differential pairs with floating gates. The circuits are trained through the device model with its errors,
    written as an ngspice netlist, which is run and compared, and as a document for a field-programmable array; yields are drawn
    over chips, temperature and years. Ends with exit code 1 where ngspice and the device model disagree.

    \b
    Examples:
      splinework hardware analog splinework-sensor/model.safetensors --data sensor.csv --out array
      splinework hardware analog model.safetensors --data data.csv --out array --elements 8 --programming 0.02
    """

    def recipe() -> Any:
        from splinework.hardware.analog_artefact import AnalogRecipe

        return AnalogRecipe(**settings, fpaa=not no_fpaa, name=order.called, seed=order.seed)

    return build(order, recipe, lambda shape: {"shape": shape}, _lines)


def _lines(figures: Mapping[str, Any]) -> list[str]:
    share, limit = figures["yield"]["yield"], figures["yield"]["limit"]
    checked = figures["verification"]
    worst = max(checked["rms_by_celsius"].values())
    return [
        merits(figures),
        f"yield: {100 * share:.0f} % of {figures['yield']['draws']} chips reach {limit:.4g}",
        f"ngspice against the device model: {100 * worst:.3g} % of the span rms at {checked['rows']} rows, 0 to 85 °C "
        f"({100 * checked['allowed']:g} % is allowed)",
        f"edges: {figures['edges']} of {figures['elements']} elements, fitted to {100 * figures['edge_error_median']:.2g} % rms "
        "(median)",
        f"power {1e6 * figures['power_watts']:.3g} µW, settling {1e6 * figures['settling_seconds']:.3g} µs, area "
        f"{1e-6 * figures['area_square_micrometres']:.3g} mm² (estimates)",
    ]
