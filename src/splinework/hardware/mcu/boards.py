"""Processors on which code is run: this machine with two compilers, and ARM cores in QEMU with semihosting.

The ARM boards are QEMU's MPS2 with a Cortex-M3 or Cortex-M4; code for a Cortex-M0+ is compiled for that core and library and
runs on the M3, whose instruction set includes the M0+'s. QEMU counts instructions, not cycles.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from splinework.errors import ConfigError
from splinework.hardware import tools
from splinework.hardware.mcu.files import WARNINGS

_MEMORY: Final = """ENTRY(board_reset)
MEMORY { FLASH (rx) : ORIGIN = 0x00000000, LENGTH = 4M RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 4M }
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) KEEP(*(.init)) KEEP(*(.fini)) } > FLASH
  .ARM.extab : { *(.ARM.extab*) } > FLASH
  .ARM.exidx : { __exidx_start = .; *(.ARM.exidx*) __exidx_end = .; } > FLASH
  .data : { __preinit_array_start = .; KEEP(*(.preinit_array*)) __preinit_array_end = .;
            __init_array_start = .; KEEP(*(.init_array*)) __init_array_end = .;
            __fini_array_start = .; KEEP(*(.fini_array*)) __fini_array_end = .; *(.data*) } > RAM
  .bss : { __bss_start__ = .; *(.bss*) *(COMMON) __bss_end__ = .; } > RAM
  end = .; __end__ = .; PROVIDE(__stack = ORIGIN(RAM) + LENGTH(RAM));
}
"""

_BOARD: Final = files("splinework.hardware.mcu").joinpath("board.c").read_text("utf-8")


@dataclass(frozen=True)
class Processor:
    """A processor and its compiler.

    Attributes:
        name: Name of the processor.
        compiler: Name of the compiler program.
        flags: Compiler flags of the processor.
        machine: Board of QEMU; None means this machine.
    """

    name: str
    compiler: str
    flags: tuple[str, ...] = ()
    machine: str | None = None

    @property
    def programs(self) -> tuple[str, ...]:
        """Programs needed to compile and run."""
        return (self.compiler,) if self.machine is None else (self.compiler, "qemu-system-arm")

    def missing(self) -> list[str]:
        """Programs that are not installed."""
        return [program for program in self.programs if tools.find(program) is None]


PROCESSORS: Final = {
    processor.name: processor
    for processor in (
        Processor("gcc", "gcc"),
        Processor("clang", "clang"),
        Processor("cortex-m0plus", "arm-none-eabi-gcc", ("-mcpu=cortex-m0plus", "-mthumb"), "mps2-an385"),
        Processor("cortex-m3", "arm-none-eabi-gcc", ("-mcpu=cortex-m3", "-mthumb"), "mps2-an385"),
        Processor(
            "cortex-m4f",
            "arm-none-eabi-gcc",
            ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
            "mps2-an386",
        ),
    )
}
"""Supported processors by name."""


def processors(names: Iterable[str] | None = None) -> list[Processor]:
    """The processors with some names; None means all."""
    for name in names or ():
        if name not in PROCESSORS:
            raise ConfigError(f"a processor is one of {', '.join(PROCESSORS)}, got {name!r}.")
    return [PROCESSORS[name] for name in (PROCESSORS if names is None else names)]


def build(
    where: Processor, folder: Path, own: Sequence[str], program: str, *, level: str = "-O2", strict: bool = True
) -> Path:
    """Compiles source files and a program, the file with `main`, at an optimisation level.

    With `strict`, warnings in the source files are errors; warnings in the program are ignored.

    Returns:
        Path of the executable.

    Raises:
        ConfigError: If a tool is missing.
        FileError: If a file does not compile.
    """
    warned = WARNINGS if strict else ("-std=c99", "-w")
    objects = [_object(where, folder, file, (*warned, level)) for file in own]
    objects.append(_object(where, folder, program, ("-std=c99", "-w", level)))
    result = folder / f"{Path(program).stem}.{where.name}"
    command: list[str | Path] = [where.compiler, *where.flags, level, "-o", result, *objects]
    if where.machine is not None:
        (folder / "board.c").write_text(_BOARD, encoding="ascii")
        (folder / "board.ld").write_text(_MEMORY, encoding="ascii")
        board = _object(where, folder, "board.c", ("-std=gnu99", "-w", level))
        command += [board, "--specs=rdimon.specs", "-T", "board.ld", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments"]
    tools.call([*command, "-lm"], folder)
    return result


def _object(where: Processor, folder: Path, file: str, flags: Sequence[str]) -> str:
    name = f"{Path(file).stem}.{where.name}.o"
    sections = ["-ffunction-sections", "-fdata-sections"] if where.machine is not None else []
    tools.call([where.compiler, *where.flags, *flags, *sections, "-c", "-o", name, file], folder)
    return name


def start(where: Processor, program: Path, folder: Path, *, counted: bool = False, timeout: float = 600.0) -> str:
    """Runs a program of `build` in the folder of its files and returns its output; `timeout` is in seconds.

    With `counted`, QEMU's clock advances one nanosecond per instruction, which is slower.

    Raises:
        FileError: If the program fails.
        ConfigError: If it exceeds the timeout.
    """
    command: list[str | Path] = [program.resolve()]
    if where.machine is not None:
        silent = ["-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native"]
        clock = ["-icount", "shift=0"] if counted else []
        command = ["qemu-system-arm", "-M", where.machine, *silent, *clock, "-kernel", program.resolve()]
    return tools.call(command, folder, timeout=timeout).stdout


def versions(used: Sequence[Processor]) -> dict[str, str]:
    """Versions of the installed programs."""
    found = {name: tools.version(name) for name in dict.fromkeys(name for p in used for name in p.programs)}
    return {name: text for name, text in found.items() if text is not None}
