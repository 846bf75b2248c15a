"""Floating-gate memory and analogue networks: write-verify, noise-aware training, temperature, retention, a chip in the loop.

Everything is simulated with the stated models; no figure here was measured on a chip. Numbers go to
benchmarks/results/floating_gate. Run:
python benchmarks/bench_floating_gate.py write-verify|noise|temperature|retention|tuning
"""

import argparse
import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits, load_wine, make_moons
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import splinework as sw
from benchmarks.analog.characterise import characterise
from benchmarks.analog.device import SimulatedChip
from benchmarks.analog.mapping import Mapping, map_table
from benchmarks.analog.memory import CellArray
from benchmarks.analog.programming import READOUTS, Readout, WriteVerify, program
from benchmarks.analog.tuning import Tuning, tune
from splinework.hardware.analog.convert import convert
from splinework.hardware.analog.fitting import EdgeFitRecipe
from splinework.hardware.analog.imperfections import ACCEPTANCE, Programming, ReadNoise
from splinework.hardware.analog.network import AnalogNetwork
from splinework.hardware.analog.noise_aware import NoiseAwareRecipe, train_through_device
from splinework.hardware.analog.yields import MonteCarloRecipe, over_temperature, over_years, yields

RESULTS = Path(__file__).parent / "results" / "floating_gate"
HARSH = (Programming(gain=0.05, centre=2.5e-3), ReadNoise(span=0.015))
"""Five times the errors of acceptance: where training through the device matters."""


@dataclass(frozen=True)
class Data:
    """Rows to train on and rows to count on."""

    x: np.ndarray
    y: np.ndarray
    x_new: np.ndarray
    y_new: np.ndarray
    shape: list[int]
    grid: int
    pairs: int


def moons() -> Data:
    """Two moons, noise 0.2; one output, whose sign decides."""
    x, y = make_moons(2000, noise=0.2, random_state=0)
    return _split(x, y, [2, 3, 1], 5, 10)


def wine() -> Data:
    """Wine: 178 rows, 13 columns, 3 classes."""
    return _split(*load_wine(return_X_y=True), [13, 2, 3], 3, 8)


def digits() -> Data:
    """Digits: 1797 images of 8 × 8, here the means of 2 × 2 pixels: 16 columns, 10 classes."""
    x, y = load_digits(return_X_y=True)
    pooled = x.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)
    return _split(pooled, y, [16, 6, 10], 3, 6)


DATA: dict[str, Callable[[], Data]] = {"moons": moons, "wine": wine, "digits": digits}


def _split(x: np.ndarray, y: np.ndarray, shape: list[int], grid: int, pairs: int) -> Data:
    a, b, ya, yb = train_test_split(x.astype(np.float64), y, test_size=0.3, stratify=y, random_state=0)
    return Data(a, ya, b, yb, shape, grid, pairs)


def trained(data: Data) -> sw.KAN:
    """A KAN in float64, as `fit` makes it."""
    model = sw.KAN(data.shape, grid=data.grid, generator=torch.Generator().manual_seed(0)).double()
    loss = "logistic" if data.shape[-1] == 1 else "softmax"
    return sw.fit(model, data.x, data.y, loss=loss, steps=200, grids=None, progress=False).model


def circuits(model: sw.KAN, data: Data) -> AnalogNetwork:
    """The analogue network of a KAN."""
    return convert(model, data.x, recipe=EdgeFitRecipe(max_elements=data.pairs), tolerance=0.1).network


def decided(outputs: np.ndarray) -> np.ndarray:
    return (outputs[:, 0] > 0).astype(int) if outputs.shape[1] == 1 else outputs.argmax(axis=1)


def save(name: str, numbers: dict[str, object]) -> None:
    """Writes numbers; those of other data that are there stay."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(before | numbers, indent=1) + "\n")


def write_verify() -> None:
    """Pulses and errors of 1000 cells, random targets, and a mapped table."""
    targets, numbers = np.random.default_rng(1).random(1000), {}
    print("| value | bits | pulses median | 95 % | most | within half a step |")
    print("|---|---|---|---|---|---|")
    for kind in READOUTS:
        for bits in (6, 8, 10):
            prior = characterise(CellArray(64, seed=99))
            array = CellArray(1000, seed=0)
            done = program(array, targets, WriteVerify(bits=bits), readout=Readout(kind), prior=prior)
            middle, most_of, most = np.quantile(done.pulses, [0.5, 0.95, 1.0])
            found = {"pulses_median": middle, "pulses_95": most_of, "pulses_most": most, "within": done.within(bits)}
            numbers[f"{kind}-{bits}"] = found
            print(f"| {kind} | {bits} | " + " | ".join(f"{v:.4g}" for v in found.values()) + " |", flush=True)
    table, mapped = np.random.default_rng(2).normal(size=(60, 10)), {}
    print("\n| table 60 × 10 | cells | rms, % | worst, % | bits | broken | saved | spares used | lost |")
    print("|---|---|---|---|---|---|---|---|---|")
    recipes = {
        "one pair an entry": Mapping(),
        "not calibrated": Mapping(calibrate=False),
        "two pairs an entry": Mapping(slices=2),
        "2 % of cells broken, no spares": Mapping(stuck=0.02, spares=0),
        "2 % of cells broken, 6 spares": Mapping(stuck=0.02, spares=6),
    }
    for name, recipe in recipes.items():
        r = map_table(table, recipe, seed=0).report
        mapped[name] = asdict(r)
        errors = f"{100 * r.rms:.3f} | {100 * r.worst:.2f} | {r.bits:.1f}"
        print(f"| {name} | {r.cells} | {errors} | {r.broken} | {r.saved} | {r.spares_used} | {len(r.lost)} |")
    save("write_verify", {"programming": numbers, "mapping": mapped})


def noise(names: list[str], draws: int) -> None:
    """Accuracy on rows not trained on, 100 chips: as fitted and after training through the device, two sets of errors."""
    numbers = {}
    print(
        "| data | errors | float | fitted, nominal | fitted, chips | loss | trained, nominal | trained, chips | loss |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        data = DATA[name]()
        model = trained(data)
        network = circuits(model, data)
        with torch.no_grad():
            exact = float((decided(model(torch.as_tensor(data.x_new)).numpy()) == data.y_new).mean())
        for label, errors in (("1 %, 0.3 %", ACCEPTANCE), ("5 %, 1.5 %", HARSH)):
            recipe = NoiseAwareRecipe(imperfections=errors, task="cross_entropy", steps=300)
            better = train_through_device(network, data.x, data.y, recipe).network
            recipe_of_chips = MonteCarloRecipe(draws=draws, limit=exact - 0.01)
            before, after = (
                yields(n, data.x_new, data.y_new, errors, recipe=recipe_of_chips) for n in (network, better)
            )
            numbers[f"{name} {label}"] = {"float": exact, "fitted": before.to_dict(), "trained": after.to_dict()}
            cells = [
                exact,
                before.nominal,
                before.mean,
                exact - before.mean,
                after.nominal,
                after.mean,
                exact - after.mean,
            ]
            print(f"| {name} | {label} | " + " | ".join(f"{100 * v:.2f}" for v in cells) + " |", flush=True)
    save("noise", numbers)


def temperature(names: list[str], draws: int) -> None:
    """0 to 85 °C under the errors of acceptance, with and without calibration at each temperature."""
    numbers = {}
    for name in names:
        data = DATA[name]()
        network = _robust(data)
        rows = over_temperature(
            network, data.x_new, data.y_new, recipe=MonteCarloRecipe(draws=draws), calibration=data.x[:64]
        )
        numbers[name] = [
            {"celsius": r.celsius, "plain": r.plain.to_dict(), "calibrated": r.calibrated.to_dict()} for r in rows
        ]
        print(f"\n{name}: accuracy, % (nominal {100 * rows[0].plain.nominal:.2f})")
        _table("°C", [(r.celsius, r) for r in rows])
    save("temperature", numbers)


def retention(names: list[str], draws: int) -> None:
    """Years at 55, 85 and 125 °C under the errors of acceptance, with and without calibration afterwards."""
    numbers = {}
    for name in names:
        data = DATA[name]()
        network = _robust(data)
        for celsius in (55.0, 85.0, 125.0):
            recipe = MonteCarloRecipe(draws=draws)
            rows = over_years(network, data.x_new, data.y_new, celsius=celsius, recipe=recipe, calibration=data.x[:64])
            numbers[f"{name} {celsius:g}"] = [
                {"years": r.years, "plain": r.plain.to_dict(), "calibrated": r.calibrated.to_dict()} for r in rows
            ]
            print(f"\n{name} at {celsius:g} °C: accuracy, % (nominal {100 * rows[0].plain.nominal:.2f})")
            _table("years", [(r.years, r) for r in rows])
    save("retention", numbers)


def tuning(names: list[str], draws: int) -> None:
    """Chips with hidden mismatch, tuned in the loop: measured loss before and after, accuracy on new rows, pulses."""
    numbers = {}
    print("| data | loss before | after | accuracy before, % | after, % | pulses |\n|---|---|---|---|---|---|")
    for name in names:
        data = DATA[name]()
        network, rows = circuits(trained(data), data), []
        for seed in range(min(draws, 10)):
            chip = SimulatedChip(network, seed=seed)
            before = float((decided(chip.measure(data.x_new)) == data.y_new).mean())
            found = tune(chip, network, data.x[:100], data.y[:100], Tuning(task="cross_entropy"))
            after = float((decided(chip.measure(data.x_new)) == data.y_new).mean())
            rows.append((found.before, found.after, 100 * before, 100 * after, found.pulses))
        numbers[name] = rows
        print(f"| {name} | " + " | ".join(f"{v:.4g}" for v in np.mean(rows, axis=0)) + " |", flush=True)
    save("tuning", numbers)


def _robust(data: Data) -> AnalogNetwork:
    recipe = NoiseAwareRecipe(task="cross_entropy", steps=300)
    return train_through_device(circuits(trained(data), data), data.x, data.y, recipe).network


def _table(what: str, rows: list) -> None:
    print(f"| {what} | mean | worst chip | calibrated, mean | worst chip |\n|---|---|---|---|---|")
    for place, row in rows:
        found = [row.plain.mean, row.plain.values.min(), row.calibrated.mean, row.calibrated.values.min()]
        print(f"| {place:g} | " + " | ".join(f"{100 * v:.2f}" for v in found) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["write-verify", "noise", "temperature", "retention", "tuning"])
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=["moons", "wine"])
    parser.add_argument("--draws", type=int, default=100)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", sw.FitWarning)
    if chosen.what == "write-verify":
        write_verify()
    else:
        {"noise": noise, "temperature": temperature, "retention": retention, "tuning": tuning}[chosen.what](
            chosen.data, chosen.draws
        )


if __name__ == "__main__":
    main()
