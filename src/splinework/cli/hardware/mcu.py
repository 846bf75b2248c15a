"""`splinework hardware mcu`: a fitted model as C99 for a microcontroller."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from splinework.cli.hardware.building import build, merits
from splinework.cli.hardware.options import ArtefactArguments, QuantisationArguments, on_model
from splinework.cli.options import command, option, takes


@dataclass(frozen=True, kw_only=True)
class McuArguments:
    """The options of the C code and its verification."""

    HEADING: ClassVar[str] = "Firmware"

    prefer: Literal["speed", "flash"] = option(default="speed", help="Optimise for instructions or for bytes.")
    floats: Literal["none", "single", "exact"] = option(
        "--float",
        default="single",
        help="Quantiser of float inputs: none, single-precision arithmetic, or exact comparison.",
    )
    accumulator: Literal["16", "32"] = option(default="32", help="Width of sums in bits.")
    flash: int | None = option(within=(1, None), metavar="BYTES", help="Refuse to build if more flash is needed.")
    codes: Literal["trusted", "saturated"] = option(
        default="trusted", help="Whether input codes are trusted or saturated to their range."
    )
    processors: tuple[Literal["gcc", "clang", "cortex-m0plus", "cortex-m3", "cortex-m4f"], ...] = option(
        "--processor",
        default=(),
        metavar="NAME,…",
        show_default="all whose tools are installed",
        help="Processors to compare on: gcc, clang, cortex-m0plus, cortex-m3, cortex-m4f.",
    )
    vectors: int = option(default=100_000, within=(1, 10_000_000), metavar="N", help="Number of vectors to compare.")


@command(no_args_is_help=True, short_help="Build C for a microcontroller, compare it and measure it.")
@on_model
@takes(QuantisationArguments)
@takes(McuArguments)
def mcu(order: ArtefactArguments, widths: QuantisationArguments, firmware: McuArguments) -> int:
    """Build C99 for a microcontroller from MODEL, a file written by `fit`, `discover` or an estimator.

    The network is trained with quantisation, written in C with no dynamic memory and integer-only sums, compiled warning-free,
    compared bit for bit with its golden model on this machine and on emulated ARM cores, and measured. A large network is
    distilled into a small one first. The exit code is 1 if the C code differs from its golden model.

    \b
    Examples:
      splinework hardware mcu splinework-wine/model.safetensors --data wine.csv --out firmware
      splinework hardware mcu model.safetensors --data data.csv --out firmware --prefer flash --bits 5 --flash 4096
    """
    widths.check()

    def recipe() -> Any:
        from splinework.hardware.mcu.options import McuOptions
        from splinework.hardware.mcu_artefact import McuRecipe

        return McuRecipe(
            options=McuOptions(
                prefer=firmware.prefer,
                float=firmware.floats,
                accumulator=int(firmware.accumulator),
                flash=firmware.flash,
                codes=firmware.codes,
            ),
            vectors=firmware.vectors,
            processors=firmware.processors or None,
            name=order.artefact_name,
            seed=order.seed,
        )

    return build(order, recipe, lambda shape: {"quantisation": widths.recipe(order, shape)}, _lines)


def _lines(figures: Mapping[str, Any]) -> list[str]:
    lines = [merits(figures)]
    runs = figures["verification"]["runs"]
    lines.append(
        f"verification: {figures['mismatches']} mismatches in {figures['vectors']} vectors on each of "
        f"{', '.join(run['processor'] for run in runs)}"
    )
    for name, count in figures["instructions"].items():
        stack = figures["stack"].get(name)
        lines.append(
            f"{name}: {count:g} instructions per inference, {figures['flash'][name]} bytes of flash, {figures['ram'][name]} of "
            f"RAM{'' if stack is None else f', {stack} of stack'}"
        )
    return lines
