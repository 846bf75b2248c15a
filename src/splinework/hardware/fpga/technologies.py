"""Supported technologies: synthesis commands of Yosys, cells that are counted, devices of nextpnr.

`synthesis` runs the programs; `estimate` has the costs fitted to their results.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from splinework.errors import ConfigError


@dataclass(frozen=True)
class Router:
    """A device and the program that places and routes for it.

    Attributes:
        program: Name of the nextpnr program.
        device: Arguments that select the device.
        logic: Resource of the device that holds LUTs.
        constraints: Name of the constraints file.
        clock: Format of the clock constraint, with the frequency in MHz.
        option: Argument before the constraints file.
        free: Argument that allows unconstrained pins.
    """

    program: str
    device: tuple[str, ...]
    logic: str
    constraints: str
    clock: str
    option: str
    free: str


@dataclass(frozen=True)
class FpgaTechnology:
    """A family of devices.

    Attributes:
        name: Name on the command line.
        title: Description for reports.
        recipes: Alternative synthesis commands of Yosys; the smallest result is kept. `{top}` is the top module.
        stat: Arguments of `stat`.
        logic: Area of each logic cell, in `unit`.
        flipflops: Number of flip-flops of each storage cell.
        carries: Carry cells.
        ignored: Cells that cost no logic, such as buffers and dedicated multiplexers.
        unit: Unit of the area.
        router: Router of the device; None if no free program supports it.
        note: Remark on the figures for reports.
    """

    name: str
    title: str
    recipes: tuple[str, ...]
    logic: Mapping[str, float]
    flipflops: Mapping[str, float]
    note: str
    stat: str = ""
    carries: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    unit: str = "LUTs"
    router: Router | None = None


def _cells(counts: Mapping[str, float] | None = None, **more: float) -> Mapping[str, float]:
    return MappingProxyType({**(counts or {}), **more})


_XCUP = "synth_xilinx -family xcup -flatten -nobram -nodsp -noiopad -nowidelut -nosrl"
_ICE40_FLOPS = [
    f"SB_DFF{edge}{kind}" for edge in ("", "N") for kind in ("", "E", "SR", "R", "SS", "S", "ESR", "ER", "ESS", "ES")
]
# Transistors of static CMOS, as `stat -tech cmos` of Yosys counts them; a NAND gate of two inputs has four.
_TRANSISTORS: Final = {
    "$_NOT_": 2, "$_AND_": 6, "$_NAND_": 4, "$_OR_": 6, "$_NOR_": 4, "$_XOR_": 12, "$_XNOR_": 12,
    "$_ANDNOT_": 6, "$_ORNOT_": 6, "$_MUX_": 12, "$_NMUX_": 10, "$_AOI3_": 6, "$_OAI3_": 6, "$_AOI4_": 8, "$_OAI4_": 8,
}  # fmt: skip
_FLOP_TRANSISTORS: Final = 16


def _ecp5(name: str, size: str, words: str) -> FpgaTechnology:
    return FpgaTechnology(
        name=name,
        title=f"Lattice ECP5 {words}",
        recipes=("synth_ecp5 -nobram -nodsp -top {top}",),
        # A carry cell is two LUTs with a chain between them.
        logic=_cells(LUT4=1, CCU2C=2),
        flipflops=_cells(TRELLIS_FF=1),
        carries=frozenset({"CCU2C"}),
        ignored=frozenset({"PFUMX", "L6MUX21"}),
        router=Router(
            "nextpnr-ecp5",
            (f"--{size}", "--package", "CABGA381"),
            "TRELLIS_COMB",
            "constraints.lpf",
            'FREQUENCY PORT "clk" {mhz:g} MHZ;',
            "--lpf",
            "--lpf-allow-unconstrained",
        ),
        note="Yosys and nextpnr, placed and routed; LUTs of four inputs, each carry cell counts as two.",
    )


def _ice40(name: str, device: str, package: str, words: str) -> FpgaTechnology:
    return FpgaTechnology(
        name=name,
        title=f"Lattice iCE40 {words}",
        recipes=(f"synth_ice40 -device {'u' if device[0] == 'u' else 'hx'} -top {{top}}",),
        logic=_cells(SB_LUT4=1),
        flipflops=_cells(dict.fromkeys(_ICE40_FLOPS, 1)),
        carries=frozenset({"SB_CARRY"}),
        ignored=frozenset({"SB_GB"}),
        router=Router(
            "nextpnr-ice40",
            (f"--{device}", "--package", package),
            "ICESTORM_LC",
            "constraints.pcf",
            "set_frequency clk {mhz:g}",
            "--pcf",
            "--pcf-allow-unconstrained",
        ),
        note="Yosys and nextpnr, placed and routed; LUTs of four inputs.",
    )


_ALL: Final = (
    FpgaTechnology(
        name="xcup",
        title="AMD (Xilinx) UltraScale+",
        recipes=(f"{_XCUP} -top {{top}}", f"{_XCUP} -abc9 -top {{top}}"),
        stat="-tech xilinx",
        logic=_cells({f"LUT{k}": 1 for k in range(1, 7)}, INV=1, SRL16E=1, SRLC16E=1, SRLC32E=1),
        flipflops=_cells(FDRE=1, FDSE=1, FDCE=1, FDPE=1),
        carries=frozenset({"CARRY4", "CARRY8"}),
        ignored=frozenset({"MUXF7", "MUXF8", "MUXF9", "BUFG"}),
        note="Synthesis by Yosys, no run of the vendor's tools: LUT cells are not packed in pairs, nothing is placed or routed.",
    ),
    _ecp5("ecp5", "85k", "LFE5U-85F"),
    _ecp5("ecp5-25", "25k", "LFE5U-25F"),
    _ice40("ice40", "hx8k", "ct256", "HX8K"),
    _ice40("ice40-up5k", "up5k", "sg48", "UP5K"),
    FpgaTechnology(
        name="asic",
        title="generic standard cells",
        recipes=(
            "synth -flatten -top {top}; dfflegalize -cell $_DFF_P_ 01; abc -g cmos4; opt_clean",
        ),
        stat="-tech cmos",
        logic=_cells({cell: count / 4 for cell, count in _TRANSISTORS.items()}, **{"$_DFF_P_": _FLOP_TRANSISTORS / 4}),
        flipflops=_cells({"$_DFF_P_": 1}),
        unit="NAND2 equivalents",
        note="Generic cells by Yosys without a cell library: transistors of static CMOS / 4, flip-flops included; "
        "no wires, no clock tree.",
    ),
)  # fmt: skip

TECHNOLOGIES: Final[Mapping[str, FpgaTechnology]] = MappingProxyType(
    {technology.name: technology for technology in _ALL}
)


def technology_of(name: str | FpgaTechnology) -> FpgaTechnology:
    """The technology with a name.

    Example:
        >>> technology_of("ecp5").title
        'Lattice ECP5 LFE5U-85F'
    """
    if isinstance(name, FpgaTechnology):
        return name
    if name not in TECHNOLOGIES:
        raise ConfigError(f"technology is one of {', '.join(TECHNOLOGIES)}, got {name!r}.")
    return TECHNOLOGIES[name]
