"""Skewed inputs in `sw.fit` with nothing set: errors with the scales that the fit chooses and on raw scales, beside other models.

Run: python benchmarks/bench_skewed.py --seeds 100 101 102 103
Each seed draws one to three columns (lognormal over four orders of magnitude, Pareto, Student's t with 1.5 degrees of freedom),
a target for them (waves and products of logarithms, saturation, powers), 100 to 1000 rows and noise of 0, 5 or 20 %. The error is
the root mean square on 2000 fresh rows of the same distribution, as a share of the spread.
"""

import argparse
import sys
import warnings
from unittest import mock

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingRegressor

import splinework as sw
from splinework.train import input_transform

N_FRESH = 2000


def drawn(seed: int) -> tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A name, rows and noisy targets, fresh rows and what is true of them."""
    rng = np.random.default_rng(seed)
    width, count, noise = int(rng.integers(1, 4)), int(rng.choice([100, 300, 1000])), float(rng.choice([0, 0.05, 0.2]))
    columns, logs, kinds = [], [], []
    for _ in range(width):
        kind = str(rng.choice(["lognormal", "Pareto", "t"]))
        normal = rng.normal(size=count + N_FRESH)
        column = {
            "lognormal": np.exp(1.5 * normal),
            "Pareto": 1 + rng.pareto(1.5, len(normal)),
            "t": rng.standard_t(1.5, len(normal)),
        }[kind]
        columns.append(column)
        logs.append(np.arcsinh(column))
        kinds.append(kind)
    parts = {
        "wave": lambda v: np.sin(rng.uniform(1, 2) * v),
        "saturation": lambda v: np.exp(v) / (np.exp(v) + rng.uniform(0.5, 5)),
        "power": lambda v: np.sign(v) * np.expm1(rng.uniform(0.2, 0.6) * np.abs(v)),
        "logarithm": lambda v: v,
    }
    names = [str(rng.choice(list(parts))) for _ in logs]
    values = [parts[name](v) for name, v in zip(names, logs, strict=True)]
    values = [v / v.std() for v in values]
    joined = bool(rng.integers(2)) and width > 1
    truth = values[0] * values[1] + sum(values[2:]) if joined else np.sum(values, axis=0)
    x, y = np.column_stack(columns), truth[:count] + noise * truth[:count].std() * rng.normal(size=count)
    name = f"{('·' if joined else '+').join(names)} of {', '.join(kinds)}; {count} rows, {noise:.0%}"
    return name, x[:count], y, x[count:], truth[count:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(100, 112)))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| target | fit on raw scales | fit | KANRegressor | boosting |\n|---|---|---|---|---|")
    for seed in parser.parse_args().seeds:
        name, x, y, fresh, truth = drawn(seed)
        shape = [x.shape[1], 1] if x.shape[1] == 1 else [x.shape[1], 2 * x.shape[1] + 1, 1]
        with mock.patch.object(input_transform, "even_scales", return_value=(None, ())):
            raw = sw.fit(sw.KAN(shape), x, y, progress=False).model
        models = [raw, sw.fit(sw.KAN(shape), x, y, progress=False).model]
        found = [model(torch.from_numpy(fresh)).detach().numpy()[:, 0] for model in models]
        found += [
            each.fit(x, y).predict(fresh) for each in (sw.KANRegressor(random_state=0), HistGradientBoostingRegressor())
        ]
        errors = (np.sqrt(np.mean((each - truth) ** 2)) / truth.std() for each in found)
        print(f"| {name} | " + " | ".join(f"{each:.2g}" for each in errors) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
