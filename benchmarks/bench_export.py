"""Exported files: how large they are, and how long the C file takes for one row on one core; the table of docs/export.md.

The least of 21 runs over 200 000 rows, compiled by gcc -O2. Run: pip install onnx onnxscript; python benchmarks/bench_export.py
"""

import subprocess
import tempfile
import warnings
from pathlib import Path

import torch

import splinework as sw
from splinework.export import export

NETWORKS = (
    ([2, 5, 1], 5, False),
    ([2, 5, 1], 20, True),
    ([2, 1], 40, True),
    ([20, 20, 1], 5, False),
    ([20, 20, 1], 5, True),
)
"""Shape, intervals, and whether grids follow rows that cluster."""
TARGETS = ("c", "js", "numpy", "onnx", "torch")
TIMER = r"""
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
enum { ROWS = 200000 };
void model_predict_batch(const T *x, T *y, size_t rows);
static T x[ROWS * INPUTS], y[ROWS * OUTPUTS];
int main(void) {
    double best = 1e9;
    for (size_t i = 0; i < ROWS * INPUTS; i++) x[i] = (T)(rand() / (double)RAND_MAX * 2 - 1);
    for (int run = 0; run < 21; run++) {
        clock_t start = clock();
        model_predict_batch(x, y, ROWS);
        double seconds = (clock() - start) / (double)CLOCKS_PER_SEC;
        if (seconds < best) best = seconds;
    }
    printf("%.9g", best / ROWS);
    return 0;
}
"""


def network(shape: list[int], grid: int, adapted: bool) -> sw.KAN:
    """A random network in float32."""
    generator = torch.Generator().manual_seed(0)
    model = sw.KAN(shape, grid=grid, generator=generator).requires_grad_(False)
    return sw.adapt(model, 0.4 * torch.randn(2000, shape[0], generator=generator)) if adapted else model


def seconds_of(model: sw.KAN, precision: str, folder: Path) -> float:
    """Processor time of the C file for one row."""
    export(model, "c", folder / "model.c", precision=precision)
    (folder / "timer.c").write_text(TIMER)
    words = [f"-DT={precision}", f"-DINPUTS={model.inputs}", f"-DOUTPUTS={model.outputs}"]
    files = [str(folder / name) for name in ("model.c", "timer.c")]
    subprocess.run(["gcc", "-std=c99", "-O2", *words, *files, "-o", str(folder / "timer"), "-lm"], check=True)
    return float(subprocess.run([folder / "timer"], check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Prints the table."""
    warnings.simplefilter("ignore")
    columns = ["network", "grids", *(f"`{to}`" for to in TARGETS), "`float`", "`double`"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for shape, grid, adapted in NETWORKS:
        model = network(shape, grid, adapted)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            sizes = []
            for to in TARGETS:
                export(model, to, folder / "file")
                sizes.append(f"{(folder / 'file').stat().st_size:,}".replace(",", " "))
            times = [f"{1e6 * seconds_of(model, precision, folder):.2g} µs" for precision in ("float", "double")]
        kind = f"{'adapted' if adapted else 'even'}, G = {grid}"
        print(f"| {' | '.join([str(shape), kind, *sizes, *times])} |", flush=True)


if __name__ == "__main__":
    main()
