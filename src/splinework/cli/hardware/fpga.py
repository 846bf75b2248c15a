"""`splinework hardware fpga`: a fitted model as a circuit for an FPGA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from splinework.cli.hardware.building import build, merits
from splinework.cli.hardware.options import Order, Widths, on_integers, on_model
from splinework.errors import ConfigError

_TARGETS: Final = ("xcup", "ecp5", "ecp5-25", "ice40", "ice40-up5k", "asic")


@click.command(no_args_is_help=True, short_help="Build a circuit for an FPGA, prove it and synthesise it.")
@on_model("the circuit")
@on_integers
@click.option(
    "--target",
    type=click.Choice(_TARGETS),
    default="xcup",
    show_default=True,
    help="AMD UltraScale+, Lattice ECP5 or iCE40, or generic cells.",
)
@click.option("--mhz", type=float, metavar="F", help="Clock to reach, where the target is placed and routed.")
@click.option("--levels", type=click.IntRange(1, 8), metavar="N", help="Levels of adders in a cycle; 1 by default.")
@click.option("--cycles", type=click.IntRange(1), metavar="N", help="The longest latency.")
@click.option(
    "--handshake",
    type=click.Choice(["stream", "valid_ready"]),
    default="stream",
    show_default=True,
    help="Whether the receiver can hold a result.",
)
@click.option("--no-axi", is_flag=True, help="Leave the AXI-stream wrapper out.")
@click.option(
    "--dont-care",
    type=click.Choice(["proof", "data", "off"]),
    default="proof",
    show_default=True,
    help="Codes that are taken as impossible: by proof, those not in DATA, or none.",
)
@click.option(
    "--vectors",
    type=click.IntRange(16, 10_000_000),
    default=100_000,
    show_default=True,
    metavar="N",
    help="To simulate.",
)
@click.option(
    "--placings", type=click.IntRange(1, 99), default=1, show_default=True, metavar="N", help="Seeds of routing."
)
@click.option("--no-proof", is_flag=True, help="Do not prove the neurons.")
@click.option("--no-synthesis", is_flag=True, help="Do not synthesise; the report has estimates.")
def fpga(
    order: Order,
    widths: Widths,
    target: str,
    mhz: float | None,
    levels: int | None,
    cycles: int | None,
    handshake: Any,
    no_axi: bool,
    dont_care: Any,
    **checks: Any,
) -> int:
    """Build a circuit for an FPGA from MODEL, a file that `fit`, `discover` or an estimator wrote.

    The network is trained as integers, written as Verilog, simulated against its golden model, proven neuron by neuron, and
    synthesised. A large network gets a small one that learns from it. Ends with exit code 1 where something differs.

    \b
    Examples:
      splinework hardware fpga splinework-wine/model.safetensors --data wine.csv --out circuit
      splinework hardware fpga model.safetensors --data data.csv --out circuit --bits auto --loss 0.01
      splinework hardware fpga model.safetensors --data data.csv --out circuit --target ecp5 --mhz 200
    """
    widths.check()
    if mhz is not None and (levels is not None or cycles is not None):
        raise ConfigError(
            "--mhz chooses the depth of the pipeline, which --levels and --cycles say too; give one of them."
        )
    if mhz is not None and not mhz > 0:
        raise ConfigError(f"--mhz is a frequency above 0, such as 200; got {mhz:g}.")

    def recipe() -> Any:
        from splinework.hardware.fpga.plan import Options
        from splinework.hardware.fpga_artefact import FpgaRecipe

        options = Options(
            target=target, stage_levels=levels or 1, max_cycles=cycles, handshake=handshake, dont_care=dont_care
        )
        return FpgaRecipe(
            options=options,
            mhz=mhz,
            axi=not no_axi,
            vectors=checks["vectors"],
            proof=not checks["no_proof"],
            synthesis=not checks["no_synthesis"],
            place_seeds=tuple(range(1, checks["placings"] + 1)),
            name=order.called,
            seed=order.seed,
        )

    return build(order, recipe, lambda shape: {"quantising": widths.recipe(order, shape)}, _lines)


def _lines(figures: Mapping[str, Any]) -> list[str]:
    proven = figures["neurons_proven"]
    said = "no proofs" if proven is None else f"{proven} of {figures['neurons']} neurons proven"
    lines = [
        merits(figures),
        f"verification: {figures['mismatches']} mismatches in {figures['vectors']} vectors, {said}",
    ]
    if figures["luts"] is None:
        lines.append(
            f"about {figures['luts_estimated']} {figures['unit']} and {figures['flipflops_estimated']} flip-flops (estimates)"
        )
    else:
        lines.append(
            f"{figures['target_title']}: {figures['luts']} {figures['unit']} (estimated {figures['luts_estimated']}), "
            f"{figures['flipflops']} flip-flops"
        )
    clock = figures["fmax_mhz"]
    lines.append(f"latency {figures['latency_cycles']} cycles{'' if clock is None else f', {clock:g} MHz at most'}")
    return lines
