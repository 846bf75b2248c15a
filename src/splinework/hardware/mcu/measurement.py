"""Measures the cost of an inference on compiled code: instructions, flash, RAM and stack.

On ARM cores QEMU runs the code with a clock that ticks once per instruction, read through the core's SysTick: instructions, not
cycles (a Cortex-M0+ takes one for most and two for loads and branches). On this machine valgrind's callgrind counts.
"""

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from splinework.errors import FileError
from splinework.export.number_lists import nested
from splinework.hardware import tools
from splinework.hardware.mcu import boards
from splinework.hardware.mcu.quantiser import number
from splinework.hardware.mcu.source import signed
from splinework.hardware.mcu.verify import read_artefact

_INSTRUCTIONS_PER_TICK: Final = 40  # SysTick runs at 25 MHz, instructions take 1 ns
_CALLS_PER_READING: Final = 16  # SysTick has only 24 bits


@dataclass(frozen=True)
class McuCost:
    """The cost of a function on a processor.

    Attributes:
        instructions: Mean number of instructions per call.
        flash: Bytes of code and constants, including linked library code.
        ram: Bytes of static variables.
        stack: Bytes of stack of the deepest call chain inside the file; None if the compiler does not report it.
    """

    processor: str
    instructions: float
    flash: int
    ram: int
    stack: int | None


@dataclass(frozen=True)
class Probe:
    """A function to measure: its name, and a C statement that calls it for the index `row`."""

    function: str
    call: str


def measure(
    folder: str | os.PathLike[str],
    *,
    processors: Sequence[str] | None = None,
    calls: int = 256,
    level: str = "-O2",
    seed: int = 0,
) -> dict[str, list[McuCost]]:
    """Measures the functions written by `write_mcu` on random rows.

    Args:
        folder: Folder written by `write_mcu`.
        processors: Names in `boards.PROCESSORS`; None takes all whose tools are installed, of this machine gcc only.
        calls: Number of calls of each function.
        level: Optimisation level.
        seed: Seed of the rows.

    Returns:
        The cost on each processor, by the last word of the function's name: `predict` and, if present, `quantise`.

    Raises:
        FileError: If a file is missing or does not compile.
        ConfigError: If a tool of a requested processor is missing.
    """
    artefact = read_artefact(folder)
    if processors is None:
        processors = [p.name for p in boards.PROCESSORS.values() if not p.missing() and p.name != "clang"]
    chosen = boards.processors(processors)
    name, model = artefact.name, artefact.model
    rng = np.random.default_rng(seed)
    probes = {"predict": Probe(f"{name}_predict", f"{name}_predict(codes[row], sums);")}
    low, high = (np.array([getattr(w.format, end) for w in model.inputs]) for end in ("low", "high"))
    codes = rng.integers(low, high + 1, size=(calls, len(model.inputs)))
    declared = [
        f'#include "{name}.h"',
        f"static {name}_sum_t sums[{model.outputs}];",
        f"static const {name}_code_t codes[{calls}][{len(model.inputs)}] = {nested(codes, signed, '{}')};",
    ]
    if artefact.options.float != "none":
        values = np.column_stack([w.decode(c) for w, c in zip(model.inputs, codes.T, strict=True)])
        declared.append(f"static const float values[{calls}][{len(model.inputs)}] = {nested(values, number, '{}')};")
        declared.append(f"static {name}_code_t quantised[{len(model.inputs)}];")
        probes["quantise"] = Probe(f"{name}_quantise", f"{name}_quantise(values[row], quantised);")
    files = {file: (artefact.folder / file).read_bytes() for file in (f"{name}.c", f"{name}.h")}
    return {
        key: [cost(where, files, f"{name}.c", declared, probe, calls, level=level) for where in chosen]
        for key, probe in probes.items()
    }


def cost(
    where: boards.Processor,
    files: Mapping[str, bytes],
    own: str,
    declared: Sequence[str],
    probe: Probe,
    calls: int,
    *,
    level: str = "-O2",
    strict: bool = True,
) -> McuCost:
    """Measures a C function.

    Raises:
        FileError: If it does not compile or does not run.
        ConfigError: If a tool is missing.
    """
    with tempfile.TemporaryDirectory(prefix="splinework-mcu-") as name:
        place = Path(name)
        for file, content in files.items():
            (place / file).write_bytes(content)
        head = "\n".join(declared)
        text = _PROBE.replace("$DECLARED", head).replace("$CALL", probe.call).replace("$ROWS", str(calls))
        text = text.replace("$BLOCK", str(_CALLS_PER_READING)).replace(
            "$TICKS", _SYSTICK if where.machine else _NO_CLOCK
        )
        (place / "probe.c").write_text(text, encoding="ascii")
        program = boards.build(where, place, [own], "probe.c", level=level, strict=strict)
        counted = _by_qemu(where, program, place) if where.machine else _by_callgrind(program, place)
        flash, ram = _sizes(where, place, f"{Path(own).stem}.{where.name}.o", probe.function)
        return McuCost(where.name, counted / calls, flash, ram, _stack(where, place, own, probe.function, level))


def _by_qemu(where: boards.Processor, program: Path, place: Path) -> float:
    text = boards.start(where, program, place, counted=True)
    full, empty = (int(word) for word in text.split()[-2:])
    return float((full - empty) * _INSTRUCTIONS_PER_TICK)


def _by_callgrind(program: Path, place: Path) -> float:
    tools.need("valgrind", purpose="counting instructions on this machine")
    counts = []
    for function in ("probe", "nothing"):
        options = ["--tool=callgrind", f"--toggle-collect={function}", "--callgrind-out-file=/dev/null"]
        output = tools.call(["valgrind", *options, program], place).stderr
        found = re.search(r"Collected\s*:\s*(\d+)", output)
        if found is None:
            raise FileError(f"valgrind counted nothing: {output[-300:]}")
        counts.append(int(found[1]))
    return float(counts[0] - counts[1])


def _sizes(where: boards.Processor, place: Path, item: str, function: str) -> tuple[int, int]:
    """Flash and RAM of a function linked alone; on this machine those of the whole file."""
    program = "size"
    target = item
    if where.machine is not None:
        program, target = "arm-none-eabi-size", "alone.elf"
        link = ["-nostartfiles", "-Wl,--gc-sections", f"-Wl,-e,{function}", f"-Wl,-u,{function}", "--specs=nosys.specs"]
        tools.call([where.compiler, *where.flags, *link, "-o", target, item, "-lm"], place)
    text, data, bss = (int(word) for word in tools.call([program, target], place).stdout.splitlines()[1].split()[:3])
    return text + data, data + bss


def _stack(where: boards.Processor, place: Path, own: str, function: str, level: str) -> int | None:
    if where.compiler == "clang":
        return None
    command = [where.compiler, *where.flags, "-std=c99", "-w", level, "-fcallgraph-info=su", "-c", "-o", "graph.o", own]
    tools.call(command, place)
    graph = next(iter(sorted(place.glob("graph*.ci"))), None)
    return None if graph is None else deepest(graph.read_text(encoding="utf-8", errors="replace"), function)


def deepest(graph: str, function: str) -> int:
    """Bytes of stack of the deepest call chain in a call graph of gcc; library functions count 0."""
    nodes = re.findall(r'node: \{ title: "([^"]+)" label: "([^"]*)"', graph)
    sizes = {title: int(found[1]) for title, label in nodes if (found := re.search(r"(\d+) bytes", label))}
    calls: dict[str, set[str]] = {}
    for source, target in re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', graph):
        calls.setdefault(source, set()).add(target)

    def depth(title: str, above: frozenset[str]) -> int:
        below = [depth(next_, above | {title}) for next_ in calls.get(title, set()) - above - {title}]
        return sizes.get(title, 0) + max(below, default=0)

    return depth(function, frozenset())


_PROBE: Final = files("splinework.hardware.mcu").joinpath("probe.c").read_text("utf-8")

_SYSTICK: Final = """#define SYSTICK ((volatile uint32_t *)0xE000E010u)
static void start_ticks(void) { SYSTICK[1] = 0xFFFFFFu; SYSTICK[2] = 0; SYSTICK[0] = 5; }
static uint32_t ticks(void) { return SYSTICK[2]; }"""

_NO_CLOCK: Final = """static void start_ticks(void) { }
static uint32_t ticks(void) { return 0; }"""
