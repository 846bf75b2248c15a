"""Drawn tables with categories and gaps: the estimators as they come, beside gradient boosting and linear models of indicators.

Run: python benchmarks/bench_categories.py [--seeds 14 15 16] [--classes]
Each seed draws 80 to 6000 rows, one to four columns of numbers (normal, lognormal, even, counts) with a curve or none each, and
one to three categories of 2 to 80 levels, as frequent as each other or as words are. A category does nothing, has an effect
for each level, a slope in one of the columns for each, or both. Noise is 0.05 to 1 of the spread; a tenth of all cells may be
missing. The error is the root mean square on 3000 fresh rows, as a share of the spread.

With `--classes` the target is two or three classes, as frequent as each other: that function with logistic noise, cut. The
error is by how much the log loss that is expected on the fresh rows exceeds that of the true probabilities.
"""

import argparse
import sys
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

import splinework as sw
from splinework.errors import DataError

N_FRESH = 3000
CURVES = (lambda u: np.sin(2 * u), lambda u: u, lambda u: np.tanh(2 * u), np.abs, lambda u: 0 * u)


def drawn(seed: int) -> tuple[str, pd.DataFrame, np.ndarray, np.ndarray]:
    """A description, the table with the fresh rows at its end, its function and noisy targets."""
    random = np.random.default_rng(7000 + seed)
    count = round(np.exp(random.uniform(np.log(80), np.log(6000))))
    numbers, categories = int(random.integers(1, 5)), int(random.integers(1, 4))
    rows = count + N_FRESH
    columns: dict[str, np.ndarray] = {}
    function, units = np.zeros(rows), list[np.ndarray]()
    for j in range(numbers):
        kind, normal = random.integers(4), random.normal(size=rows)
        x = [normal, np.exp(normal), random.uniform(-1, 1, rows), random.poisson(4, rows).astype(float)][kind]
        units.append((x - x.mean()) / x.std())
        columns[f"x{j}"] = x
        curve = CURVES[random.integers(len(CURVES))](units[-1])
        function += curve / (curve.std() or 1) * random.uniform(0.3, 1)
    for j in range(categories):
        levels = round(np.exp(random.uniform(np.log(2), np.log(80))))
        shares = 1 / np.arange(1, levels + 1) ** random.choice([0.0, 1.0])
        code = random.choice(levels, rows, p=shares / shares.sum())
        few = random.random() >= 0.8
        effects = (random.random(levels) < 0.2) * 2.0 if few else random.normal(size=levels)
        columns[f"c{j}"] = np.array([f"l{k}" for k in range(levels)])[code]
        how = random.integers(4)
        if how == 1:
            function += effects[code] * random.uniform(0.3, 1)
        elif how == 2:
            function += effects[code] * units[random.integers(numbers)] * random.uniform(0.3, 1)
        elif how == 3:
            own = effects[code] * random.uniform(0.3, 1)
            function += own + 0.5 * effects[code] * units[random.integers(numbers)]
    function = (function - function.mean()) / max(function.std(), 1e-9)
    noise = float(random.choice([0.05, 0.2, 0.5, 1.0]))
    errors, table = random.normal(size=rows), pd.DataFrame(columns)
    gaps = float(random.choice([0, 0, 0.1]))
    for name in table.columns if gaps else ():
        table.loc[random.random(rows) < gaps, name] = np.nan
    widths = ", ".join(str(table[name].nunique()) for name in table if name[0] == "c")
    name = f"{count} rows, {numbers} of numbers, levels {widths}{', gaps' * bool(gaps)}, noise {noise:g}"
    return name, table, function, function + noise * errors


def drawn_classes(seed: int, function: np.ndarray) -> tuple[str, np.ndarray, np.ndarray]:
    """A description, labels and their probabilities `(n, classes)`."""
    random = np.random.default_rng(99_000 + seed)
    classes, width = int(random.choice([2, 3])), float(random.choice([0.1, 0.3, 0.6]))
    cuts = np.quantile(function, np.arange(1, classes) / classes)
    above = expit((function[:, None] - cuts) / width)
    ends = np.ones((len(function), 1)), np.zeros((len(function), 1))
    true = np.clip(-np.diff(np.concatenate([ends[0], above, ends[1]], axis=1), axis=1), 1e-12, 1)
    true /= true.sum(axis=1, keepdims=True)
    return f"{classes} classes {width:g}", np.array([random.choice(classes, p=each) for each in true]), true


def rivals(table: pd.DataFrame, *, classes: bool) -> list[tuple[Any, pd.DataFrame]]:
    """Boosting, a linear model of splines and indicators, and a constant, each with the table as it takes it."""
    numbers, categories = ([name for name in table if name[0] == kind] for kind in "xc")
    codes, words = table.copy(), table.copy()
    for name in categories:
        codes[name] = codes[name].astype("category").cat.codes.astype(float).replace(-1, np.nan)
    words[categories] = words[categories].fillna("?")
    curves = make_pipeline(SimpleImputer(), SplineTransformer(6, extrapolation="linear"), StandardScaler())
    terms = make_column_transformer((curves, numbers), (OneHotEncoder(handle_unknown="ignore"), categories))
    how: dict[str, Any] = {"categorical_features": categories}
    if not classes:
        line = make_pipeline(terms, RidgeCV(np.logspace(-3, 3, 13)))
        return [(HistGradientBoostingRegressor(**how), codes), (line, words), (DummyRegressor(), table)]
    boosting = HistGradientBoostingClassifier(**how, early_stopping=False, max_iter=60)
    line = make_pipeline(terms, LogisticRegression(max_iter=2000))
    penalties = {"logisticregression__C": [0.01, 0.1, 1, 10]}
    line = GridSearchCV(line, penalties, scoring="neg_log_loss", cv=4)
    return [(boosting, codes), (line, words), (DummyClassifier(), table)]


def measured(seed: int, *, classes: bool) -> tuple[str, list[float], float]:
    """A description, the errors of the estimator and its rivals, and seconds of processor time that the estimator took.

    Raises:
        DataError: If the estimator takes a column for free text, or a class has fewer than six rows.
    """
    name, table, function, y = drawn(seed)
    seen, fresh, model = (
        table.index[:-N_FRESH],
        table.index[-N_FRESH:],
        sw.KANClassifier() if classes else sw.KANRegressor(),
    )
    if classes:
        how, y, true = drawn_classes(seed, function)
        name = f"{name.rpartition(', noise')[0]}, {how}"
        if np.bincount(y[seen]).min() < 6:
            raise DataError("a class has fewer than six rows")

    def error(model: Any, table: pd.DataFrame) -> float:
        if not classes:
            return float(np.sqrt(np.mean((model.predict(table.loc[fresh]) - function[fresh]) ** 2)))
        found = np.maximum(model.predict_proba(table.loc[fresh]), 1e-15)
        return float((true[fresh] * np.log(true[fresh] / found)).sum(1).mean())

    began = time.process_time()
    model.fit(table.loc[seen], y[seen])
    spent, errors = time.process_time() - began, [error(model, table)]
    errors += [error(each.fit(own.loc[seen], y[seen]), own) for each, own in rivals(table, classes=classes)]
    return name, errors, spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(14, 34)))
    parser.add_argument("--classes", action="store_true", help="classes instead of numbers")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| table | KAN | boosting | linear | constant | ratio | s a fit |\n|---|---|---|---|---|---|---|")
    ratios = []
    for seed in chosen.seeds:
        try:
            name, errors, spent = measured(seed, classes=chosen.classes)
        except DataError as refusal:
            print(f"| {seed} | {refusal} | | | | | |", flush=True)
            continue
        ratios.append(errors[0] / min(errors[1:]))
        cells = " | ".join(f"{each:.3g}" for each in errors)
        print(f"| {seed}: {name} | {cells} | {ratios[-1]:.2f} | {spent:.1f} |", flush=True)
    mean, ahead = np.exp(np.mean(np.log(ratios))), np.mean(np.array(ratios) < 1)
    print(f"geometric mean of KAN / best other {mean:.2f}, worst {max(ratios):.2f}, ahead in {ahead:.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
