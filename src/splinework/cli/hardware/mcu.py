"""`splinework hardware mcu`: a fitted model as C99 for a microcontroller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from splinework.cli.hardware.building import build, merits
from splinework.cli.hardware.options import Order, Widths, on_integers, on_model

_PROCESSORS: Final = ("gcc", "clang", "cortex-m0plus", "cortex-m3", "cortex-m4f")


@click.command(no_args_is_help=True, short_help="Build C for a microcontroller, compare it and measure it.")
@on_model("the C files")
@on_integers
@click.option(
    "--prefer", type=click.Choice(["speed", "flash"]), default="speed", show_default=True, help="What to save."
)
@click.option(
    "--float",
    "floats",
    type=click.Choice(["none", "single", "exact"]),
    default="single",
    show_default=True,
    help="How values become codes: not at all, by float arithmetic, or by exact comparison.",
)
@click.option("--accumulator", type=click.Choice(["16", "32"]), default="32", show_default=True, help="Bits of sums.")
@click.option("--flash", type=click.IntRange(1), metavar="BYTES", help="Refuse what takes more.")
@click.option("--checked", is_flag=True, help="Saturate codes that are passed in, instead of trusting them.")
@click.option(
    "--processor",
    "processors",
    type=click.Choice(_PROCESSORS),
    multiple=True,
    help="Compare on this one; may be repeated. All whose tools are here by default.",
)
@click.option(
    "--vectors", type=click.IntRange(1, 10_000_000), default=100_000, show_default=True, metavar="N", help="To compare."
)
def mcu(
    order: Order,
    widths: Widths,
    prefer: Any,
    floats: Any,
    accumulator: str,
    flash: int | None,
    checked: bool,
    processors: tuple[str, ...],
    vectors: int,
) -> int:
    """Build C99 for a microcontroller from MODEL, a file that `fit`, `discover` or an estimator wrote.

    The network is trained as integers, written without memory allocation and floats in its sums, compiled without a warning,
    compared bit for bit with its golden model on this machine and on emulated ARM cores, and measured. A large network gets a
    small one that learns from it. Ends with exit code 1 where something differs.

    \b
    Examples:
      splinework hardware mcu splinework-wine/model.safetensors --data wine.csv --out firmware
      splinework hardware mcu model.safetensors --data data.csv --out firmware --prefer flash --bits 5 --flash 4096
    """
    widths.check()

    def recipe() -> Any:
        from splinework.hardware.mcu.options import Options
        from splinework.hardware.mcu_artefact import McuRecipe

        return McuRecipe(
            options=Options(
                prefer=prefer,
                float=floats,
                accumulator=int(accumulator),
                flash=flash,
                codes="saturated" if checked else "trusted",
            ),
            vectors=vectors,
            processors=processors or None,
            name=order.called,
            seed=order.seed,
        )

    return build(order, recipe, lambda shape: {"quantising": widths.recipe(order, shape)}, _lines)


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
            f"{name}: {count:g} instructions an inference, {figures['flash'][name]} bytes of flash, {figures['ram'][name]} of "
            f"RAM{'' if stack is None else f', {stack} of stack'}"
        )
    return lines
