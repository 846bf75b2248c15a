"""A KAN in skorch: its constructor takes plain values, so skorch clones it, searches over its shape and pickles it.

`splinework.KANRegressor` is scikit-learn's own door and fits by second-order methods; this is for who wants skorch's training
loop, callbacks and schedules.

Run: python examples/interoperation/skorch_regressor.py (some seconds; needs the package skorch)
"""

import argparse
import pickle

import numpy as np
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor
from skorch.callbacks import EarlyStopping, LRScheduler

import splinework as sw


def network(epochs: int) -> NeuralNetRegressor:
    """skorch wants float32, and y of shape (n, 1)."""
    return NeuralNetRegressor(
        sw.KAN,
        module__shape=[10, 1],
        module__grid=3,
        module__domain=(-2.5, 2.5),
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=0.1,
        lr=0.02,
        batch_size=64,
        max_epochs=epochs,
        callbacks=[LRScheduler("CosineAnnealingLR", T_max=epochs), EarlyStopping(patience=15, load_best=True)],
        verbose=0,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few epochs, one candidate")
    quick = parser.parse_args().quick
    x, y = load_diabetes(return_X_y=True)
    x, y = x.astype(np.float32), y.astype(np.float32)[:, None]
    space = {
        "regressor__neuralnetregressor__module__shape": [[10, 1]] if quick else [[10, 1], [10, 3, 1], [10, (1, 1), 1]],
        "regressor__neuralnetregressor__optimizer__weight_decay": [0.1] if quick else [0.1, 1.0],
    }
    with torch.random.fork_rng():  # skorch and torch's loaders draw from torch's own generator
        torch.manual_seed(0)
        pipeline = make_pipeline(StandardScaler().set_output(transform="default"), network(3 if quick else 60))
        model = TransformedTargetRegressor(pipeline, transformer=StandardScaler())  # y standardised too
        search = GridSearchCV(model, space, cv=3, scoring="neg_root_mean_squared_error")
        search.fit(x, y)
        best = {key.split("__", 2)[2]: value for key, value in search.best_params_.items()}
        print(
            f"best of {len(search.cv_results_['params'])}: {best}, RMSE {-search.best_score_:.2f} (spread {y.std():.1f})"
        )
        again = pickle.loads(pickle.dumps(search.best_estimator_))  # noqa: S301  # our own bytes
        print(f"the same after pickling: {np.array_equal(again.predict(x), search.predict(x))}")
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 3, 20)))
        linear = -cross_val_score(ridge, x, y[:, 0], cv=3, scoring="neg_root_mean_squared_error").mean()
        print(f"ridge regression on the same folds: RMSE {linear:.2f}")


if __name__ == "__main__":
    main()
