"""FPGAs: the estimator and its calibration, latency against frequency, and what compression saves.

    python benchmarks/bench_fpga.py calibrate      # 30 random networks per target; prints the tables for estimate.py
    python benchmarks/bench_fpga.py estimator      # 20 others: estimate against synthesis
    python benchmarks/bench_fpga.py fan-in         # one neuron of 4, 8, 16, 32 inputs on ECP5-85: cycles against MHz
    python benchmarks/bench_fpga.py compression    # plain against compressed tables of the same networks

What has been measured is in benchmarks/results/fpga_*.jsonl and is not measured again; --again begins anew, --render only prints.
Needs yosys and nextpnr (make hardware-tools).
"""

import argparse
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import lines
from benchmarks.bench_fpga_fit import circuit_of, counted, errors, fit_area, fit_delays
from benchmarks.bench_fpga_models import Case, build, families, family, measure, network, simulated_latency
from splinework.errors import SplineworkError
from splinework.hardware.fpga.circuit import FpgaOptions
from splinework.hardware.fpga.estimate import area_of, costs_of, size_of
from splinework.hardware.fpga.estimate import estimate as guess
from splinework.hardware.fpga.estimate_paths import longest
from splinework.hardware.fpga.plan import design
from splinework.hardware.integer import IntegerModel

RESULTS = Path(__file__).resolve().parent / "results"
CALIBRATION = 30
HELD_OUT = 1000
"""Numbers of random networks from here on are never calibrated with."""
FAN_IN_SEEDS = (1, 2, 3, 4, 5)
Work = Iterable[tuple[dict[str, Any], IntegerModel, FpgaOptions, str, tuple[int, ...]]]
"""The key of a line, the network, how it is built, for what, and the seeds of placing."""


def collect(name: str, work: Work, *, again: bool, render: bool) -> list[dict[str, Any]]:
    """All lines of a file; work whose key is not in it yet is done and added."""
    path = RESULTS / f"fpga_{name}.jsonl"
    if again and not render:
        path.unlink(missing_ok=True)
    there = list(lines.read(path))
    wanted = []
    for name_of_case, model, options, target, seeds in work:
        built, circuit = build(model, options)
        key = {**name_of_case, **built}
        found = next((line for line in there if all(line.get(k) == v for k, v in key.items())), None)
        if found is None and not render:
            try:
                found = {**key, **measure(circuit, target, seeds=seeds)}
            except SplineworkError as error:
                say(f"{name_of_case}: {error}")
                continue
            lines.append(path, found)
            say(f"{name_of_case}: {found['luts']} LUTs, {found['latency_cycles']} cycles, {found['fmax_mhz']} MHz")
        if found is not None:
            wanted.append(found)
    return wanted


def say(text: str) -> None:
    """A line on the error stream."""
    print(text, file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table in Markdown."""
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join('' if cell is None else str(cell) for cell in row)} |")


def random_work(targets: Sequence[str], first: int, count: int) -> Work:
    """The random networks of some numbers, for each target."""
    for target in targets:
        for number in range(first, first + count):
            case = Case.of(number)
            yield {"number": number, "target": target}, case.model(), case.options(target), target, (1,)


def calibrate(args: argparse.Namespace) -> None:
    """Measures, fits, and prints what belongs into estimate.py."""
    work = random_work(args.targets, 0, args.designs or CALIBRATION)
    found = collect("calibration", work, again=args.again, render=args.render)
    for target in args.targets:
        own = [line for line in found if line["target"] == target]
        if not own:
            continue
        area = fit_area(own, target)
        guessed = [area_of(counted(line), area) for line in own]
        print(f"{target}: area = {area}\n    errors of the fit: {errors(own, guessed, 'luts')}")
        if own[0]["fmax_mhz"] is not None:
            delays = fit_delays(own, target, area)
            ways = [longest(circuit_of(line), costs_of(target).lookup, delays) for line in own]
            sizes = [size_of(counted(line), luts) for line, luts in zip(own, guessed, strict=True)]
            rates = [1000 / replace(w, size=s).period(delays) for w, s in zip(ways, sizes, strict=True)]
            print(f"    delays = {delays}\n    errors of the fit: {errors(own, rates, 'fmax_mhz')}")


def estimator(args: argparse.Namespace) -> None:
    """Estimate against synthesis on networks that were not calibrated with; estimates are built again, latencies simulated."""
    work = random_work(args.targets, HELD_OUT, args.designs or 20)
    found = collect("estimator", work, again=args.again, render=args.render)
    rows = []
    for target in args.targets:
        own = [line for line in found if line["target"] == target]
        cases = [Case.of(line["number"]) for line in own]
        circuits = [design(case.model(), case.options(target)) for case in cases]
        made = [guess(circuit, target) for circuit in circuits]
        seen = [simulated_latency(case.model(), circuit) for case, circuit in zip(cases, circuits, strict=True)]
        latency = sum(m.latency_cycles == cycles for m, cycles in zip(made, seen, strict=True))
        for what, values in (
            ("luts", [m.luts for m in made]),
            ("flipflops", [m.flipflops for m in made]),
            ("fmax_mhz", [m.fmax_mhz or 0.0 for m in made]),
        ):
            stats = errors(own, values, what)
            if stats:
                rows.append([target, what, *stats.values(), f"{latency} of {len(own)}" if what == "luts" else ""])
    table(
        ["target", "figure", "designs", "bias %", "median %", "nine in ten %", "worst %", "latency as simulated"], rows
    )


def fan_in(args: argparse.Namespace) -> None:
    """Single neurons: latency in cycles against the frequency on ECP5-85."""

    def work() -> Work:
        for inputs in (4, 8, 16, 32):
            for bits in (4, 5, 6):
                for levels in (1, 2):
                    key = {"inputs": inputs, "bits": bits, "stage_levels": levels}
                    model = network(inputs, (inputs, 1), (bits, bits))
                    options = FpgaOptions(technology="ecp5", stage_levels=levels)
                    yield key, model, options, "ecp5", FAN_IN_SEEDS

    found = collect("fan_in", work(), again=args.again, render=args.render)
    columns = ("inputs", "bits", "stage_levels", "latency_cycles", "luts", "flipflops", "fmax_mhz")
    rows = []
    for line in found:
        spread = f"{min(line['fmax_by_seed'])}-{max(line['fmax_by_seed'])}"
        rows.append([*(line[c] for c in columns), spread, line["estimate"]["fmax_mhz"]])
    head = ["fan-in", "bits", "levels a stage", "cycles", "LUT4", "flip-flops", "MHz", "of five seeds", "MHz estimated"]
    table(head, rows)


def compression(args: argparse.Namespace) -> None:
    """Plain tables against compressed ones, the same random networks and flags."""
    shapes = (((2, 2, 1), 0.9), ((13, 4, 3), 0.6), ((16, 2, 7), 0.9), ((16, 8, 5), 0.5), ((8, 1), 1.0), ((16, 1), 1.0))

    def work() -> Work:
        for target in args.targets:
            for number, (shape, density) in enumerate(shapes):
                for bits in (5, 6, 7):
                    model = network(500 + number, shape, (bits, bits), density)
                    yield from both(model, target, {"case": f"{'-'.join(map(str, shape))}, {bits} bits"})

    saving(collect("compression", work(), again=args.again, render=args.render), "case")


def both(model: IntegerModel, target: str, key: dict[str, Any]) -> Work:
    """A network with plain and with compressed tables."""
    for compress in (False, True):
        options = FpgaOptions(technology=family(target), compress=compress)
        yield {**key, "target": target, "compress": compress}, model, options, target, (1,)


def saving(found: Sequence[dict[str, Any]], key: str) -> None:
    """Prints the share of LUTs that compression saves, design by design and on the median."""
    rows, shares = [], []
    for line in found:
        if line["compress"]:
            plain = next(p for p in found if not p["compress"] and (p[key], p["target"]) == (line[key], line["target"]))
            share = 100 * (1 - line["luts"] / plain["luts"])
            shares.append((line["target"], share))
            pairs = [(p[c], q[c]) for p, q in [(plain, line)] for c in ("lcs", "latency_cycles", "fmax_mhz")]
            row = [line[key], line["target"], plain["luts"], line["luts"], f"{share:.0f}"]
            rows.append([*row, *(value for pair in pairs for value in pair)])
    head = ["network", "target", "LUTs plain", "LUTs", "saved %", "LCs plain", "LCs"]
    table([*head, "cycles plain", "cycles", "MHz plain", "MHz"], rows)
    for target in dict.fromkeys(t for t, _ in shares):
        own = [share for t, share in shares if t == target]
        print(f"\n{target}: median {statistics.median(own):.0f} %, least {min(own):.0f} %, most {max(own):.0f} %")


COMMANDS = {
    "calibrate": calibrate,
    "estimator": estimator,
    "fan-in": fan_in,
    "compression": compression,
}


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--targets", type=lambda text: text.split(","), default=families())
    parser.add_argument("--designs", type=int, help="how many random networks")
    parser.add_argument("--again", action="store_true", help="measure everything anew")
    parser.add_argument("--render", action="store_true", help="only print what has been measured")
    args = parser.parse_args()
    COMMANDS[args.command](args)


if __name__ == "__main__":
    main()
