"""`splinework hardware fpga`: a fitted model as a circuit for an FPGA."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from splinework.cli.hardware.building import build, merits
from splinework.cli.hardware.options import ArtefactArguments, QuantisationArguments, on_model
from splinework.cli.options import command, option, takes
from splinework.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class FpgaArguments:
    """The options of the circuit and its verification."""

    HEADING: ClassVar[str] = "Circuit"

    technology: Literal["xcup", "ecp5", "ecp5-25", "ice40", "ice40-up5k", "asic"] = option(
        default="xcup", help="AMD UltraScale+, Lattice ECP5 or iCE40, or generic ASIC cells."
    )
    mhz: float | None = option(metavar="F", help="Clock frequency to reach, if the technology is placed and routed.")
    stage_levels: int | None = option(
        within=(1, 8), metavar="N", show_default="1", help="Adder levels per pipeline stage."
    )
    max_cycles: int | None = option(within=(1, None), metavar="N", help="Largest latency in cycles.")
    handshake: Literal["stream", "valid_ready"] = option(
        default="stream", help="valid_ready lets the receiver stall the output."
    )
    no_axi: bool = option(default=False, help="Do not write the AXI-stream wrapper.")
    dont_care: Literal["proof", "data", "off"] = option(
        default="proof", help="Codes assumed impossible: proved so, absent from DATA, or none."
    )
    vectors: int = option(default=100_000, within=(16, 10_000_000), metavar="N", help="Number of vectors to compare.")
    place_seeds: int = option(default=1, within=(1, 99), metavar="N", help="Number of placement seeds to try.")
    no_proof: bool = option(default=False, help="Do not prove the neurons.")
    no_synthesis: bool = option(default=False, help="Do not synthesise; report estimates only.")

    def check(self) -> None:
        """Raises a ConfigError, before anything is loaded, if the options contradict each other."""
        if self.mhz is not None and (self.stage_levels is not None or self.max_cycles is not None):
            raise ConfigError(
                "--mhz chooses the depth of the pipeline, as do --stage-levels and --max-cycles; give one of them."
            )
        if self.mhz is not None and not self.mhz > 0:
            raise ConfigError(f"--mhz must be a frequency above 0, such as 200; got {self.mhz:g}.")


@command(no_args_is_help=True, short_help="Build an FPGA circuit, prove it and synthesise it.")
@on_model
@takes(QuantisationArguments)
@takes(FpgaArguments)
def fpga(order: ArtefactArguments, widths: QuantisationArguments, circuit: FpgaArguments) -> int:
    """Build an FPGA circuit from MODEL, a file written by `fit`, `discover` or an estimator.

    The network is trained with quantisation, written as Verilog, simulated against its golden model, proven neuron by neuron,
    and synthesised. A large network is distilled into a small one first. The exit code is 1 if the circuit differs from its
    golden model.

    \b
    Examples:
      splinework hardware fpga splinework-wine/model.safetensors --data wine.csv --out circuit
      splinework hardware fpga model.safetensors --data data.csv --out circuit --bits auto --max-loss 0.01
      splinework hardware fpga model.safetensors --data data.csv --out circuit --technology ecp5 --mhz 200
    """
    widths.check()
    circuit.check()

    def recipe() -> Any:
        from splinework.hardware.fpga.plan import FpgaOptions
        from splinework.hardware.fpga_artefact import FpgaRecipe

        options = FpgaOptions(
            technology=circuit.technology,
            stage_levels=circuit.stage_levels or 1,
            max_cycles=circuit.max_cycles,
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
            place_seeds=tuple(range(1, circuit.place_seeds + 1)),
            name=order.artefact_name,
            seed=order.seed,
        )

    return build(order, recipe, lambda shape: {"quantisation": widths.recipe(order, shape)}, _lines)


def _lines(figures: Mapping[str, Any]) -> list[str]:
    proven = figures["neurons_proven"]
    proofs = "no proofs" if proven is None else f"{proven} of {figures['neurons']} neurons proven"
    lines = [
        merits(figures),
        f"verification: {figures['mismatches']} mismatches in {figures['vectors']} vectors, {proofs}",
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
    lines.append(
        f"latency {figures['latency_cycles']} cycles{'' if clock is None else f', maximum clock {clock:g} MHz'}"
    )
    return lines
