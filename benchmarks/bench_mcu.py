"""Microcontrollers: instructions, flash and stack of quantised networks in C, beside the float splines of the same networks.

Each network is trained, quantised, written as C in several ways and compared with its golden model on 100 000 vectors by every
compiler and core that is installed; then QEMU counts instructions (not cycles) of gcc -O2 code. The baseline is our own C export
in single precision of the trained splines, compiled in the same way. "from floats" is the quantiser and predict together.

Run: python benchmarks/bench_mcu.py [--quick]; results go to benchmarks/results/mcu.json, the table to the terminal.
"""

import argparse
import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import train_test_split

import splinework as sw
from splinework.export import export
from splinework.export.number_lists import nested
from splinework.hardware.mcu import McuOptions, measure, verify_mcu, write_mcu
from splinework.hardware.mcu.boards import PROCESSORS
from splinework.hardware.mcu.measurement import McuCost, Probe, cost
from splinework.hardware.mcu.quantiser import number
from splinework.hardware.quantisation import quantise

RESULTS = Path(__file__).parent / "results" / "mcu.json"
CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4f", "gcc")
WAYS = {
    "speed": McuOptions(float="exact"),
    "speed, single": McuOptions(float="single"),
    "flash": McuOptions(prefer="flash", float="exact"),
    "edges": McuOptions(layout="edges", float="none"),
    "rows": McuOptions(layout="rows", float="none"),
}
ROWS = 64
"""Rows over which instructions are averaged."""


def networks(quick: bool) -> Iterator[tuple[str, list[int], int, Any, Any]]:
    """Name, shape, bits, x and labels."""
    x, y = load_wine(return_X_y=True)
    yield "wine", [13, 3], 6, x, y
    yield "wine", [13, 4, 3], 5, x, y
    if not quick:
        yield "wine", [13, 4, 3], 6, x, y
        x, y = load_digits(return_X_y=True)
        keep = np.flatnonzero(x.std(axis=0) > 0)
        yield "digits", [len(keep), 16, 10], 5, x[:, keep], y


def trained(shape: list[int], x: Any, y: Any) -> sw.KAN:
    """Cubic splines on five intervals, trained with a softmax."""
    generator = torch.Generator().manual_seed(0)
    model = sw.KAN(shape, grid=5, generator=generator)
    mean, spread = torch.tensor(x.mean(axis=0)), torch.tensor(x.std(axis=0))
    model.input_scaling.set(mean, 2.5 * spread)
    steps = 300 if shape[0] < 20 else 120
    options = {"loss": "softmax", "grids": None, "degree": "keep", "validation": 0.0, "standardise": False}
    return sw.fit(model, x, y, steps=steps, optimiser="adam", progress=False, **options).model


def baseline(model: sw.KAN, x: Any, core: str) -> McuCost:
    """The float splines in C on a core."""
    files = {"spline.c": str(export(model, "c", name="spline", precision="float")).encode()}
    rows = x[np.random.default_rng(0).integers(len(x), size=ROWS)]
    declared = [
        "void spline_predict(const float *x, float *y);",
        f"static float sums[{model.outputs}];",
        f"static const float values[{ROWS}][{model.inputs}] = {nested(rows, number, '{}')};",
    ]
    probe = Probe("spline_predict", "spline_predict(values[row], sums);")
    return cost(PROCESSORS[core], files, "spline.c", declared, probe, ROWS, strict=False)


def figures(name: str, shape: list[int], bits: int, x: Any, y: Any) -> Iterator[dict[str, Any]]:
    """A record for each way and core."""
    fit_x, test_x, fit_y, test_y = train_test_split(x, y, test_size=0.3, stratify=y, random_state=0)
    model = trained(shape, fit_x, fit_y)
    golden = quantise(model, fit_x, bits=bits, task="classification", name=name)
    with torch.no_grad():
        guess = model(torch.tensor(test_x, dtype=torch.float32)).argmax(dim=1).numpy()
    accuracy = {"float": float((guess == test_y).mean()), "quantised": float((golden.predict(test_x) == test_y).mean())}
    cores = [core for core in CORES if not PROCESSORS[core].missing()]
    splines = {core: baseline(model, test_x, core) for core in cores}
    for way, options in WAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            write_mcu(golden, folder, options=options)
            checked = verify_mcu(folder, data=fit_x)
            found = measure(folder, processors=cores, calls=ROWS)
        for k, core in enumerate(cores):
            predict, quantiser = found["predict"][k], found["quantise"][k] if "quantise" in found else None
            yield {
                "network": name,
                "shape": shape,
                "edges": golden.edges,
                "bits": bits,
                "accuracy": accuracy,
                "way": way,
                "core": core,
                "vectors": checked.vectors,
                "mismatches": checked.mismatches,
                "processors": [run.processor for run in checked.runs],
                "tools": checked.tools,
                "predict": vars(predict),
                "quantise": None if quantiser is None else vars(quantiser),
                "spline": vars(splines[core]),
            }


def line(record: dict[str, Any]) -> str:
    """A row of the table."""
    predict, quantiser, spline = (record[key] for key in ("predict", "quantise", "spline"))
    count, base = predict["instructions"], spline["instructions"]
    whole = None if quantiser is None else count + quantiser["instructions"]
    cells = [
        f"{record['network']} {'-'.join(map(str, record['shape']))}, {record['bits']} bits",
        record["way"],
        record["core"],
        f"{count:.0f}",
        "" if whole is None else f"{whole:.0f}",
        f"{base:.0f}",
        f"{base / count:.0f}×",
        "" if whole is None else f"{base / whole:.1f}×",
        f"{predict['flash']}",
        "" if quantiser is None else f"{quantiser['flash']}",
        f"{spline['flash']}",
        f"{predict['stack']}",
        f"{record['mismatches']} of {record['vectors']}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints the table and writes the records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the small networks only, and write no file")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    columns = ["network", "way", "core", "predict", "from floats", "float splines", "ratio", "ratio from floats"]
    columns += ["flash", "flash of the quantiser", "flash of float splines", "stack", "mismatches"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    records = []
    for network in networks(quick):
        for record in figures(*network):
            records.append(record)
            print(line(record), flush=True)
        print(f"accuracy on 30 % held out: {records[-1]['accuracy']}", flush=True)
    if not quick:
        RESULTS.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()
