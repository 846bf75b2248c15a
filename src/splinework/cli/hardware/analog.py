"""`splinework hardware analog`: a fitted model as circuits for an analogue array."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from splinework.cli.hardware.building import build, merits
from splinework.cli.hardware.options import ArtefactArguments, on_model
from splinework.cli.options import command, option, takes


@dataclass(frozen=True, kw_only=True)
class AnalogArguments:
    """The options of the circuits and their evaluation."""

    HEADING: ClassVar[str] = "Circuits"

    max_elements: int = option(
        default=10, within=(2, 64), metavar="N", help="Largest number of differential pairs per edge."
    )
    tolerance: float = option(default=0.02, metavar="P", help="Largest error of an edge, relative to its span.")
    programming_error: float = option(default=0.01, metavar="P", help="Relative error of programmed currents.")
    read_noise: float = option(default=0.003, metavar="P", help="Noise of sums, relative to their spans.")
    steps: int = option(
        default=200, within=(0, None), metavar="N", help="Number of training steps, through the device model."
    )
    draws: int = option(default=100, within=(1, 10_000), metavar="N", help="Number of chips drawn for the yield.")
    limit: float | None = option(
        metavar="V",
        show_default="one point less accuracy, or an RMSE of 2 % of the span",
        help="Accuracy or RMSE of a good chip.",
    )
    vectors: int | None = option(
        within=(3, 10_000),
        metavar="N",
        show_default="60, fewer for large networks",
        help="Number of vectors to compare, in ngspice.",
    )
    no_fpaa: bool = option(default=False, help="Do not write the document for a field-programmable array.")


@command(no_args_is_help=True, short_help="Build circuits for an analogue array, with simulation and yields.")
@on_model
@takes(AnalogArguments)
def analog(order: ArtefactArguments, array: AnalogArguments) -> int:
    """Build circuits for an analogue array from MODEL, a file written by `fit`, `discover` or an estimator.

    Each edge becomes differential pairs with floating gates. The circuits are trained through the device model and its errors,
    written as an ngspice netlist, which is simulated and compared, and as a document for a field-programmable array; yields are
    estimated over chips, temperature and years. The exit code is 1 if ngspice and the device model disagree.

    \b
    Examples:
      splinework hardware analog splinework-sensor/model.safetensors --data sensor.csv --out array
      splinework hardware analog model.safetensors --data data.csv --out array --max-elements 8 --programming-error 0.02
    """

    def recipe() -> Any:
        from splinework.hardware.analog_artefact import AnalogRecipe

        settings = {field.name: getattr(array, field.name) for field in fields(array) if field.name != "no_fpaa"}
        return AnalogRecipe(**settings, fpaa=not array.no_fpaa, name=order.artefact_name, seed=order.seed)

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
