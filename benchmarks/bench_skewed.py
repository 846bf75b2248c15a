"""Skewed and uneven inputs with nothing set: errors with the scales that a fit chooses and on raw scales, beside other models.

Run: python benchmarks/bench_skewed.py --seeds 100 101 102 103 [--columns uneven]
Each seed draws one to three columns (lognormal over four orders of magnitude, Pareto, Student's t with 1.5 degrees of freedom),
a target for them (waves and products of logarithms, saturation, powers), 100 to 1000 rows and noise of 0, 5 or 20 %. The error is
the root mean square on 2000 fresh rows of the same distribution, as a share of the spread.

With `--columns uneven` it draws one to eight columns that go together (correlated by 0, 0.6 or 0.95 before each is made uniform,
normal, lognormal, whole, 0/1, clustered or far from 0, in its own units), 25 to 2500 rows, sums of products of functions of them,
and noise of 0 to 50 %: normal, of Student's t with three degrees of freedom, or of changing size.
"""

import argparse
import sys
import warnings
from unittest import mock

import numpy as np
import torch
from scipy.stats import norm
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


def drawn_uneven(seed: int) -> tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same of columns of all kinds that go together."""
    rng = np.random.default_rng(seed)
    width, count = int(rng.choice([1, 2, 3, 4, 6, 8])), round(np.exp(rng.uniform(np.log(25), np.log(2500))))
    rows, together = count + N_FRESH, float(rng.choice([0, 0.6, 0.95]))
    common, columns, even, kinds = rng.normal(size=rows), [], [], []
    for _ in range(width):
        kind = str(rng.choice(["uniform", "normal", "lognormal", "whole", "0/1", "clusters", "far from 0"]))
        normal = together * common + np.sqrt(1 - together**2) * rng.normal(size=rows)
        share = norm.cdf(normal)
        plain = {
            "normal": normal / 1.5,
            "lognormal": normal / 1.5,
            "whole": np.floor(7 * share) / 3 - 1,
            "0/1": 2.0 * (share > 0.5) - 1,
            "clusters": np.where(share < 0.5, 0.6 * share - 0.95, 0.8 * share + 0.1),
        }.get(kind, 2 * share - 1)
        scale = float(rng.choice([1, 1e-6, 1e3]))
        own = {
            "lognormal": np.exp(1.5 * plain),
            "whole": 3 * plain + 3,
            "0/1": (plain + 1) / 2,
            "far from 0": 3e4 + 5 * plain,
        }
        columns.append(own.get(kind, scale * plain))
        even.append(plain)
        kinds.append(kind)
    functions = (
        np.exp,
        np.square,
        np.abs,
        np.sin,
        lambda v: np.tanh(5 * v),
        lambda v: 1 / (1 + 10 * v**2),
        lambda v: v,
    )
    truth = np.zeros(rows)
    for _ in range(int(rng.integers(1, 4))):
        chosen = rng.choice(width, size=min(width, int(rng.integers(1, 4))), replace=False)
        term = np.prod([functions[rng.integers(len(functions))](2 * even[i] - 0.3) for i in chosen], axis=0)
        truth += rng.uniform(0.5, 2) * term / max(term.std(), 1e-9)
    truth /= max(truth.std(), 1e-9)
    noise, how = float(rng.choice([0, 0.05, 0.2, 0.5])), str(rng.choice(["normal", "t", "changing"]))
    errors = rng.standard_t(3, size=count) / np.sqrt(3) if how == "t" else rng.normal(size=count)
    errors *= np.abs(1 + even[0][:count]) if how == "changing" else 1
    x = np.column_stack(columns)
    name = f"{', '.join(kinds)}; correlated {together:g}; {count} rows, {noise:.0%} {how}"
    return name, x[:count], truth[:count] + noise * errors, x[count:], truth[count:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(100, 112)))
    parser.add_argument("--columns", choices=["skewed", "uneven"], default="skewed")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| target | fit on raw scales | fit | KANRegressor | boosting |\n|---|---|---|---|---|")
    for seed in chosen.seeds:
        name, x, y, fresh, truth = (drawn if chosen.columns == "skewed" else drawn_uneven)(seed)
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
