"""`splinework hardware fpga`: a fitted model as a circuit for an FPGA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import click

from splinework.cli.hardware.building import build, merits
from splinework.cli.hardware.options import ArtefactArguments, QuantisationArguments, on_model
from splinework.cli.options import option, takes
from splinework.errors import ConfigError


@dataclass(frozen=True)
class FpgaArguments:
    """How the circuit is made and checked, as it was given."""

    technology: Literal["xcup", "ecp5", "ecp5-25", "ice40", "ice40-up5k", "asic"] = option(
        default="xcup", help="AMD UltraScale+, Lattice ECP5 or iCE40, or generic cells."
    )
    mhz: float | None = option(metavar="F", help="Clock to reach, where the technology is placed and routed.")
    levels: int | None = option(within=(1, 8), metavar="N", help="Levels of adders in a cycle; 1 by default.")
    cycles: int | None = option(within=(1, None), metavar="N", help="The longest latency.")
    handshake: Literal["stream", "valid_ready"] = option(
        default="stream", help="Whether the receiver can hold a result."
    )
    no_axi: bool = option(default=False, help="Leave the AXI-stream wrapper out.")
    dont_care: Literal["proof", "data", "off"] = option(
        default="proof", help="Codes that are taken as impossible: by proof, those not in DATA, or none."
    )
    vectors: int = option(default=100_000, within=(16, 10_000_000), metavar="N", help="To simulate.")
    placings: int = option(default=1, within=(1, 99), metavar="N", help="Seeds of routing.")
    no_proof: bool = option(default=False, help="Do not prove the neurons.")
    no_synthesis: bool = option(default=False, help="Do not synthesise; the report has estimates.")

    def check(self) -> None:
        """Raises a ConfigError where they do not go together, before anything is loaded: with the way out."""
        if self.mhz is not None and (self.levels is not None or self.cycles is not None):
            raise ConfigError(
                "--mhz chooses the depth of the pipeline, which --levels and --cycles say too; give one of them."
            )
        if self.mhz is not None and not self.mhz > 0:
            raise ConfigError(f"--mhz is a frequency above 0, such as 200; got {self.mhz:g}.")


@click.command(no_args_is_help=True, short_help="Build a circuit for an FPGA, prove it and synthesise it.")
@on_model("the circuit")
@takes(QuantisationArguments)
@takes(FpgaArguments)
def fpga(order: ArtefactArguments, widths: QuantisationArguments, circuit: FpgaArguments) -> int:
    """Build a circuit for an FPGA from MODEL, a file that `fit`, `discover` or an estimator wrote.

    The network is trained as integers, written as Verilog, simulated against its golden model, proven neuron by neuron, and
    synthesised. A large network gets a small one that learns from it. Ends with exit code 1 where something differs.

    \b
    Examples:
      splinework hardware fpga splinework-wine/model.safetensors --data wine.csv --out circuit
      splinework hardware fpga model.safetensors --data data.csv --out circuit --bits auto --loss 0.01
      splinework hardware fpga model.safetensors --data data.csv --out circuit --technology ecp5 --mhz 200
    """
    widths.check()
    circuit.check()

    def recipe() -> Any:
        from splinework.hardware.fpga.plan import FpgaOptions
        from splinework.hardware.fpga_artefact import FpgaRecipe

        options = FpgaOptions(
            technology=circuit.technology,
            stage_levels=circuit.levels or 1,
            max_cycles=circuit.cycles,
            handshake=circuit.handshake,
            dont_care=circuit.dont_care,
        )
        return FpgaRecipe(
            options=options,
            mhz=circuit.mhz,
            axi=not circuit.no_axi,
            vectors=circuit.vectors,
            proof=not circuit.no_proof,
            synthesis=not circuit.no_synthesis,
            place_seeds=tuple(range(1, circuit.placings + 1)),
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
            f"{figures['technology_title']}: {figures['luts']} {figures['unit']} (estimated {figures['luts_estimated']}), "
            f"{figures['flipflops']} flip-flops"
        )
    clock = figures["fmax_mhz"]
    lines.append(f"latency {figures['latency_cycles']} cycles{'' if clock is None else f', {clock:g} MHz at most'}")
    return lines
