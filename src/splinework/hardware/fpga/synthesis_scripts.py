"""Scripts for Yosys, nextpnr and make, the wrapper around a design, and constraints."""

from collections.abc import Sequence
from dataclasses import dataclass

from splinework.errors import ConfigError
from splinework.hardware.fpga.technologies import FpgaTechnology, Router

CLOCK, RESET = "clk", "rst"
SECOND_ROUTER = ("--router", "router2")
_IO_PACKAGE_NOTE = "Pins have no places: what is measured is the design between registers, not a board."


@dataclass(frozen=True)
class Port:
    """One port of the top module: its name, width and direction."""

    name: str
    width: int
    output: bool


def synthesis_script(technology: FpgaTechnology, recipe: str, top: str, sources: Sequence[str]) -> str:
    """The Yosys script that maps a design to cells and counts them."""
    lines = [
        f"# {top} for {technology.title}; {technology.note}",
        *(f"read_verilog {source}" for source in sources),
        *(part.strip() for part in recipe.format(top=top).split(";")),
        "check -assert",
        f"tee -q -o stat.json stat -json {technology.stat}".rstrip(),
        f"tee -q -o ports.txt portlist {top}",
        "write_verilog -noattr netlist.v",
    ]
    if technology.router is not None:
        lines.append("write_rtlil core.il")
    return "\n".join(lines) + "\n"


def wrapping_script(recipe: str, top: str) -> str:
    """The Yosys script that puts the mapped design, unchanged, between the registers of the wrapper."""
    wrapped = f"{top}_wrap"
    return (
        "\n".join(
            (
                f"# {top} between shift registers, so that pins do not decide the frequency",
                "read_rtlil core.il",
                "design -stash core",
                "read_verilog wrap.v",
                *(part.strip() for part in recipe.format(top=wrapped).split(";")),
                f"design -copy-from core -as {top} {top}",
                f"hierarchy -top {wrapped}",
                "flatten",
                "opt_clean",
                "write_json wrap.json",
            )
        )
        + "\n"
    )


def wrapper(top: str, ports: Sequence[Port]) -> str:
    """Verilog that feeds a design from one pin through a shift register, and folds its outputs into one pin.

    The output register XORs every output bit into a bit of a shift register: the tools cannot remove any output, and no path
    of the wrapper is longer than one LUT.

    Raises:
        ConfigError: If the design has no clock, no further input or no output.
    """
    ins = [p for p in ports if not p.output and p.name not in (CLOCK, RESET)]
    outs = [p for p in ports if p.output]
    names = {p.name for p in ports}
    if CLOCK not in names or not ins or not outs:
        raise ConfigError(
            f"{top} has the ports {', '.join(sorted(names)) or '(none)'}; a design to be placed and routed has {CLOCK}, "
            "inputs and outputs."
        )
    wide_in, wide_out = sum(p.width for p in ins), sum(p.width for p in outs)
    links = [f".{CLOCK}({CLOCK})", *([f".{RESET}(reset)"] if RESET in names else [])]
    for group, wire in ((ins, "feed"), (outs, "result")):
        start = 0
        for port in group:
            links.append(f".{port.name}({wire}[{start + port.width - 1}:{start}])")
            start += port.width
    stub_ports = [f"{'output' if p.output else 'input'} [{p.width - 1}:0] {p.name}" for p in ports]
    joined, stub = ",\n        ".join(links), ",\n    ".join(stub_ports)
    shifted = f"{{feed[{wide_in - 2}:0], serial_in}}" if wide_in > 1 else "serial_in"
    turned = f"{{signature[{wide_out - 2}:0], signature[{wide_out - 1}]}}" if wide_out > 1 else "signature"
    return f"""// {top} between registers. {_IO_PACKAGE_NOTE}
(* blackbox *)
module {top} (
    {stub}
);
endmodule

module {top}_wrap (
    input {CLOCK},
    input {RESET},
    input serial_in,
    output serial_out
);
    reg reset;
    reg [{wide_in - 1}:0] feed;
    wire [{wide_out - 1}:0] result;
    reg [{wide_out - 1}:0] signature;
    assign serial_out = signature[{wide_out - 1}];
    always @(posedge {CLOCK}) begin
        reset <= {RESET};
        feed <= {shifted};
        signature <= {turned} ^ result;
    end
    {top} core (
        {joined}
    );
endmodule
"""


def constraints(router: Router, mhz: float) -> str:
    """The constraints file, with the clock only."""
    return f"# {_IO_PACKAGE_NOTE}\n{router.clock.format(mhz=mhz)}\n"


def routing_command(router: Router, seed: int, mhz: float, *, second: bool = False) -> list[str]:
    """The command of one placement and routing run; the second router reaches slower clocks but always terminates."""
    return [
        router.program,
        *router.device,
        *(SECOND_ROUTER if second else ()),
        *("--json", "wrap.json", router.option, router.constraints, router.free),
        *("--freq", f"{mhz:g}", "--seed", str(seed), "--timing-allow-fail", "--report", f"report-{seed}.json"),
    ]


def makefile(
    technology: FpgaTechnology, seeds: Sequence[int], mhz: float, sources: Sequence[str], rerouted: Sequence[int]
) -> str:
    """A Makefile that repeats the synthesis, placement and routing; rerouted seeds use the second router."""
    router = technology.router
    goals = ["stat.json"] if router is None else [f"report-{seed}.json" for seed in seeds]
    text = [
        f"# {technology.title}: {technology.note}",
        f"all: {' '.join(goals)}",
        "",
        f"stat.json: synth.ys {' '.join(sources)}",
        "\tyosys -q -s synth.ys",
    ]
    if router is not None:
        text += ["", "wrap.json: wrap.ys wrap.v stat.json", "\tyosys -q -s wrap.ys"]
        for seed in seeds:
            words = " ".join(routing_command(router, seed, mhz, second=seed in rerouted))
            text += ["", f"report-{seed}.json: wrap.json {router.constraints}", f"\t{words}"]
    clean = "stat.json ports.txt netlist.v core.il wrap.json report-*.json"
    text += ["", ".PHONY: all clean", "clean:", f"\trm -f {clean}", ""]
    return "\n".join(text)
