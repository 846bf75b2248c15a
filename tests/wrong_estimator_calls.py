"""The likeliest wrong calls of the estimators, for `wrong_calls.CALLS`; what scikit-learn checks itself is not among them."""

import numpy as np

import splinework as sw

ROWS = np.random.default_rng(0).uniform(-1, 1, (60, 2))
TARGET = ROWS[:, 0] + ROWS[:, 1] ** 2
FEW = {"hidden": 0, "grid": 2, "max_iter": 1}


def regressor(**options):
    """A fitted regressor."""
    return sw.KANRegressor(**FEW, **options).fit(ROWS, TARGET)


def classifier():
    """A fitted classifier."""
    return sw.KANClassifier(**FEW).fit(ROWS, TARGET > 0)


ESTIMATORS = {
    "KANRegressor": [
        (lambda f: sw.KANRegressor(hidden_layer_sizes=(5,)), TypeError, ["'hidden_layer_sizes'", "'hidden'"]),
        (lambda f: sw.KANRegressor([2, 5, 1]), TypeError, ["KANRegressor", "hidden=[2, 5, 1]"]),
        (lambda f: sw.KANRegressor(epochs=100), TypeError, ["'epochs'", "'max_iter'"]),
        (lambda f: sw.KANRegressor(k=3), TypeError, ["'k'", "'degree'"]),
        (lambda f: sw.KANRegressor(alpha=1e-3), TypeError, ["'alpha'", "penalties"]),
        (lambda f: sw.KANRegressor(verbose=1), TypeError, ["'verbose'", "progress"]),
        (lambda f: sw.KANRegressor(seed=0), TypeError, ["'seed'", "'random_state'"]),
        (lambda f: sw.KANRegressor(n_estimators=5), TypeError, ["'n_estimators'", "'members'"]),
        (lambda f: sw.KANRegressor(timeout_in_seconds=5), TypeError, ["'timeout_in_seconds'", "'formula_budget'"]),
        (lambda f: sw.KANRegressor().predict(ROWS), ValueError, ["KANRegressor", "fit"]),
        (lambda f: sw.KANRegressor().fit(ROWS), TypeError, ["y"]),
        (lambda f: sw.KANRegressor().save("m.safetensors"), ValueError, ["KANRegressor", "fit"]),
        (lambda f: sw.KANRegressor().report("r.html"), ValueError, ["KANRegressor", "fit"]),
        (lambda f: sw.KANRegressor().plot(), ValueError, ["KANRegressor", "fit"]),
        (lambda f: sw.KANRegressor(n_jobs=2), TypeError, ["'n_jobs'", "torch.set_num_threads"]),
        (lambda f: regressor().predict(ROWS, interval=90), ValueError, ["90", "interval=0.9"]),
        (lambda f: regressor().predict(ROWS, interval=1.5), ValueError, ["between 0 and 1", "1.5"]),
        (lambda f: regressor().predict(ROWS, interval="90%"), ValueError, ["between 0 and 1", "'90%'", "0.9 is usual"]),
        (lambda f: regressor().predict(ROWS, interval=True), ValueError, ["between 0 and 1", "True"]),
        (lambda f: regressor().predict(ROWS, quantile=0.9), TypeError, ["'quantile'"]),
        (lambda f: sw.KANRegressor().extrapolates(ROWS), ValueError, ["KANRegressor", "fit"]),
        (lambda f: regressor(loss="poisson"), ValueError, ["non-negative", "-0."]),
        (lambda f: regressor().predict(ROWS, alpha=0.1), TypeError, ["'alpha'", "'interval'"]),
        (lambda f: regressor().predict(ROWS, interval=0.999), ValueError, ["1999 rows", "60", "0.96"]),
        (lambda f: regressor().predict(ROWS, interval=0.9, return_std=True), ValueError, ["interval", "return_std"]),
        (lambda f: regressor(loss="quantile"), ValueError, ["quantile=0.9"]),
        (lambda f: regressor(loss="gamma"), ValueError, ["strictly positive", "squared_error"]),
        (lambda f: regressor(loss="poisson", monotone=[1, 0]), ValueError, ["squared_error", "'poisson'"]),
    ],
    "KANClassifier": [
        (lambda f: classifier().predict(ROWS, interval=0.9), TypeError, ["'interval'", "predict_proba"]),
        (lambda f: sw.KANClassifier(hidden_layers=[5]), TypeError, ["'hidden_layers'", "'hidden'"]),
        (lambda f: sw.KANClassifier(learning_rate_init=0.1), TypeError, ["'learning_rate_init'", "Adam"]),
        (lambda f: sw.KANClassifier(C=1.0), TypeError, ["'C'", "penalties"]),
        (
            lambda f: (
                sw.KANClassifier(hidden=0).fit(ROWS, ROWS[:, 0] > 0).permutation_importances(ROWS, ROWS, repeats=1)
            ),
            ValueError,
            ["at least 2", "got 1", "try 5"],
        ),
        (lambda f: sw.KANClassifier(gird=5), TypeError, ["'gird'", "did you mean 'grid'"]),
        (lambda f: sw.KANClassifier([5, 5]), TypeError, ["by place", "hidden=[5, 5]"]),
        (lambda f: sw.KANClassifier().fit(ROWS), TypeError, ["'y'", "missing"]),
        (lambda f: sw.KANClassifier().fit(ROWS, TARGET, epochs=5), TypeError, ["'epochs'"]),
        (lambda f: sw.KANClassifier().predict(ROWS), ValueError, ["KANClassifier", "fit"]),
        (lambda f: sw.KANClassifier().predict_proba(ROWS), ValueError, ["KANClassifier", "fit"]),
    ],
    "KANTransformer": [
        (lambda f: sw.KANTransformer(n_knots=5), TypeError, ["'n_knots'", "'grid'"]),
        (lambda f: sw.KANTransformer(activation="relu"), TypeError, ["'activation'", "base"]),
        (lambda f: sw.KANTransformer(5), TypeError, ["by place", "hidden=5"]),
        (lambda f: sw.KANTransformer().transform(ROWS), ValueError, ["KANTransformer", "fit"]),
        (lambda f: sw.KANTransformer().fit(ROWS), TypeError, ["'y'", "missing"]),
        (lambda f: sw.KANTransformer().fit(ROWS, TARGET, epochs=5), TypeError, ["'epochs'"]),
        (lambda f: sw.KANTransformer(seed=0), TypeError, ["'seed'", "'random_state'"]),
        (lambda f: sw.KANTransformer(n_components=2), TypeError, ["'n_components'", "It has"]),
    ],
}
