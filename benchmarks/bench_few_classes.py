"""`KANClassifier` on few rows of drawn classes, nearly separable to overlapping, beside scikit-learn's classifiers.

A seed draws 80 to 300 rows, 4 to 20 columns, of which at least two matter, and 2 to 4 classes: of three seeds in turn, normal
classes, 1.5 to 6 apart and each with deviations of 0.7 to 1.3; log odds that are sums of curves; and such sums with two products.
Every second table has columns that are mixed. Scores are log losses expected on 4000 fresh rows by the true probabilities. The
rivals are logistic regression with a cross-validated penalty, a Gaussian process with one length scale, and boosting.

Run: python -m benchmarks.bench_few_classes [--seeds 1,3,5]
"""

import argparse
import sys
import warnings
from typing import Any

import numpy as np
from scipy.special import softmax

from benchmarks.bench_losses import fitted_tables
from benchmarks.processes import say

KINDS = ("clusters", "additive", "interactions")
SEEDS = ",".join(str(seed) for seed in range(1, 32, 2))
"""Seeds that nobody developed with."""
FRESH, LEAST_ROWS = 4000, 6
CURVES = (lambda x: x, lambda x: np.sin(2 * x), lambda x: (x**2 - 1) / 1.4)
Table = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seeds", default=SEEDS, help="seeds of tables; the odd ones up to 31")
    return made


def drawn(seed: int) -> Table | None:
    """Columns, labels, fresh columns, their true probabilities, and a name; None where a class has fewer than six rows."""
    random = np.random.default_rng([77, seed])
    kind = KINDS[seed // 2 % 3]
    count, columns = round(np.exp(random.uniform(np.log(80), np.log(300)))), int(random.integers(4, 21))
    classes, used = int(random.integers(2, 5)), int(random.integers(2, columns + 1))
    sharp, mixing = float(np.exp(random.uniform(np.log(1.5), np.log(12)))), np.eye(columns)
    if random.random() < 0.5:
        mixing = mixing + random.normal(size=(columns, columns)) / np.sqrt(columns)
    if kind == "clusters":
        means, apart = random.normal(size=(classes, used)), random.uniform(1.5, 6)
        between = np.linalg.norm(means[:, None] - means[None], axis=2)
        means *= apart / between[np.triu_indices(classes, 1)].min()
        deviations = random.uniform(0.7, 1.3, (classes, used))
        turned = np.linalg.qr(mixing)[0] if mixing[0, 1] else np.eye(columns)

        def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
            own, x = random.integers(classes, size=n), random.normal(size=(n, columns))
            x[:, :used] = means[own] + deviations[own] * x[:, :used]
            z = (x[:, None, :used] - means) / deviations
            return x @ turned, softmax(-0.5 * (z**2).sum(2) - np.log(deviations).sum(1), axis=1)

    else:
        weights = random.normal(size=(used, 3, classes)) * np.array([1, 0.7, 0.7])[:, None] * sharp / np.sqrt(2 * used)
        pairs = random.integers(0, used, (2, 2))
        products = sharp * random.normal(size=(2, classes)) * (kind == "interactions") / 1.4

        def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
            x = random.normal(size=(n, columns)) @ mixing
            x /= np.linalg.norm(mixing, axis=0)
            odds = np.einsum("ncb,cbk->nk", np.stack([curve(x[:, :used]) for curve in CURVES], 2), weights)
            odds += sum(x[:, i, None] * x[:, j, None] * products[k] for k, (i, j) in enumerate(pairs))
            return x, softmax(odds, axis=1)

    (x, p), (fresh, true) = rows(count), rows(FRESH)
    y = np.array([random.choice(classes, p=each) for each in p])
    name = f"{kind}: {count} rows, {columns} columns ({used} matter), {classes} classes"
    return None if np.bincount(y, minlength=classes).min() < LEAST_ROWS else (x, y, fresh, true, name)


def rivals() -> dict[str, Any]:
    """The rivals."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    process = GaussianProcessClassifier(ConstantKernel() * RBF(3.0), random_state=0)
    return {
        "logistic": make_pipeline(StandardScaler(), LogisticRegressionCV(scoring="neg_log_loss", max_iter=2000, cv=5)),
        "process": make_pipeline(StandardScaler(), process),
        "boosting": HistGradientBoostingClassifier(),
    }


def run(seeds: list[int]) -> None:
    ratios = []
    say("table | KAN | best other | ratio | s a fit")
    for seed, found, model, spent in fitted_tables(drawn, seeds):
        x, y, fresh, true, name = found
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rivals that have not converged
            models = {"KAN": model, **{each: rival.fit(x, y) for each, rival in rivals().items()}}
        losses = {
            each: -(true * np.log(np.maximum(one.predict_proba(fresh), 1e-7))).sum(1).mean()
            for each, one in models.items()
        }
        own, (least, best) = losses.pop("KAN"), min((loss, each) for each, loss in losses.items())
        ratios.append(own / least)
        say(f"{seed} {name} | {own:.4f} | {least:.4f} {best} | {ratios[-1]:.3f} | {spent:.1f}")
    say(f"geometric mean {np.exp(np.mean(np.log(ratios))):.3f}, worst {max(ratios):.3f}")


def main() -> int:
    made = parser()
    text = made.parse_args().seeds
    wanted = [seed.strip() for seed in text.split(",")]
    if not all(seed.isdigit() for seed in wanted):
        made.error(f"--seeds are whole numbers such as 1,3,5; got {text!r}.")
    run([int(seed) for seed in wanted])
    return 0


if __name__ == "__main__":
    sys.exit(main())
