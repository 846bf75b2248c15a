"""The models of the panel, each as a function of rows to learn from; every package is loaded by its model only.

Nothing is tuned by a reader's hand: ours have no option set, gradient boosting neither; the Gaussian process, pyGAM and EBM get
the search of their own kind (marginal likelihood, generalised cross-validation, rounds of boosting). One thread.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray
Predict: TypeAlias = Callable[[Array], Array]

MOST_ROWS = 1000
"""Most rows that the Gaussian process learns from: the first ones of more."""
SEARCH_ROWS = 400
"""Most rows that the restarts of the Gaussian process learn from; the best one is followed on all its rows."""
RESTARTS = 2
JITTERS = (1e-13, 1e-10, 1e-7)
"""Constants that are added to the diagonal of its matrix, the next one where rounding makes the matrix lose its definiteness."""
SPLINES = (10, 20, 40, 80)
"""Numbers of splines a column that pyGAM chooses from."""
STRENGTHS = tuple(float(f"{10**power:.3g}") for power in np.arange(-6, 3.1, 1.0))
"""Strengths of smoothing that pyGAM chooses from."""
MOST_COEFFICIENTS = 400
EBM = {"outer_bags": 4, "learning_rate": 0.04, "interactions": 10, "max_rounds": 5000}
"""Its defaults (14, 0.015, three pairs for each column, 50 000) take minutes for ten columns and 1000 rows without noise."""
WIDEST = 11
"""Most nodes of the hidden layer of `fit`."""


@dataclass(frozen=True)
class Model:
    """A model of the panel.

    Attributes:
        name: Name on the command line.
        title: Title in tables.
        modules: Modules that are imported before the clock starts.
        package: Package to install, as pip calls it.
        fit: Learns rows (x, y) and returns a function that predicts others.
        rival: Whether its package may be in another environment.
    """

    name: str
    title: str
    modules: tuple[str, ...]
    package: str
    fit: Callable[[Array, Array], Predict]
    rival: bool = False


def fitted_network(x: Array, y: Array) -> Any:
    """The result of `sw.fit` of a network with a hidden layer of 2d + 1 nodes, at most 11, or of a curve; no option is set."""
    import torch

    import splinework as sw

    columns = x.shape[1]
    shape = [1, 1] if columns == 1 else [columns, min(2 * columns + 1, WIDEST), 1]
    return sw.fit(sw.KAN(shape), torch.from_numpy(x), torch.from_numpy(y))


def fitted_regressor(x: Array, y: Array) -> Any:
    """`KANRegressor()` as it comes, fitted."""
    import splinework as sw

    return sw.KANRegressor().fit(x, y)


def network(x: Array, y: Array) -> Predict:
    """The network of `fitted_network`."""
    return predictions(fitted_network(x, y).model)


def predictions(fitted: Any) -> Predict:
    """The outputs of a network of one output."""
    import torch

    def predict(other: Array) -> Array:
        with torch.no_grad():
            return np.asarray(fitted(torch.from_numpy(other)).double().numpy()).reshape(-1)

    return predict


def regressor(x: Array, y: Array) -> Predict:
    """`KANRegressor()` as it comes."""
    return _predict(fitted_regressor(x, y))


def gaussian_process(x: Array, y: Array) -> Predict:
    """Constant times squared exponential with a length for each column, plus white noise, by the marginal likelihood.

    Columns and y have unit spread. Three starts on at most `SEARCH_ROWS` rows; the best one goes on with at most `MOST_ROWS`.
    """
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    centre, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-12)
    scaled = ((x - centre) / spread)[:MOST_ROWS]
    y = y[:MOST_ROWS]
    lengths = np.full(x.shape[1], 2 * np.sqrt(x.shape[1]))
    kernel = ConstantKernel(1.0, (1e-3, 1e6)) * RBF(lengths, (5e-3, 1e3)) + WhiteKernel(0.1, (1e-12, 10.0))
    for jitter in JITTERS:
        try:
            model = _process(kernel, scaled, y, jitter)
            break
        except np.linalg.LinAlgError:
            if jitter == JITTERS[-1]:
                raise
    return lambda other: np.asarray(model.predict((other - centre) / spread))


def _process(kernel: Any, x: Array, y: Array, jitter: float) -> Any:
    """The search from several starts, and what follows the best of them."""
    from sklearn.gaussian_process import GaussianProcessRegressor

    for rows, restarts in ((SEARCH_ROWS, RESTARTS), (MOST_ROWS, 0)):
        options: dict[str, Any] = {"n_restarts_optimizer": restarts, "random_state": 0}
        model = GaussianProcessRegressor(kernel, alpha=jitter, normalize_y=True, **options).fit(x[:rows], y[:rows])
        kernel = model.kernel_
        if rows >= len(y):
            break
    return model


def additive(x: Array, y: Array) -> Predict:
    """pyGAM: one number of splines for all columns and one strength of smoothing, by generalised cross-validation."""
    from pygam import LinearGAM

    low, high = x.min(axis=0), x.max(axis=0)
    most = min(MOST_COEFFICIENTS, len(y) // 2)
    counts = [count for count in SPLINES if count * x.shape[1] <= most] or [max(5, most // x.shape[1])]
    best, least = None, np.inf
    for count in counts:
        for strength in STRENGTHS:
            try:
                model = LinearGAM(n_splines=count, lam=strength, max_iter=40, verbose=False).fit(x, y)
            except (ValueError, np.linalg.LinAlgError):  # an unpenalised direction without rows
                continue
            score = float(model.statistics_["GCV"])
            if np.isfinite(score) and score < least:
                best, least = model, score
    if best is None:
        raise RuntimeError("pyGAM could not fit at any strength")
    chosen = best
    return lambda other: np.asarray(chosen.predict(np.clip(other, low, high)))


def explainable(x: Array, y: Array) -> Predict:
    """EBM with its defaults, but for what makes it take minutes."""
    from interpret.glassbox import ExplainableBoostingRegressor

    return _predict(ExplainableBoostingRegressor(n_jobs=1, random_state=0, **EBM).fit(x, y))


def boosting(x: Array, y: Array) -> Predict:
    """HistGradientBoostingRegressor with its defaults."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return _predict(HistGradientBoostingRegressor(random_state=0).fit(x, y))


def linear(x: Array, y: Array) -> Predict:
    """Least squares."""
    from sklearn.linear_model import LinearRegression

    return _predict(LinearRegression().fit(x, y))


def constant(x: Array, y: Array) -> Predict:
    """The mean."""
    mean = float(y.mean())
    return lambda other: np.full(len(other), mean)


def _predict(model: Any) -> Predict:
    def predict(other: Array) -> Array:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(model.predict(other))

    return predict


KNOWN = {
    model.name: model
    for model in (
        Model("constant", "constant", (), "numpy", constant),
        Model("linear", "linear", ("sklearn.linear_model",), "scikit-learn", linear),
        Model("boosting", "gradient boosting", ("sklearn.ensemble",), "scikit-learn", boosting),
        Model("gam", "GAM (pyGAM)", ("pygam",), "pygam", additive, rival=True),
        Model("gp", "Gaussian process", ("sklearn.gaussian_process",), "scikit-learn", gaussian_process),
        Model("ebm", "EBM", ("interpret.glassbox",), "interpret-core", explainable, rival=True),
        Model(
            "fit", "fit", ("splinework.train", "splinework.knowledge.teach.fit", "splinework.nn"), "splinework", network
        ),
        Model("regressor", "KANRegressor", ("splinework.tabular", "sklearn.ensemble"), "splinework", regressor),
    )
}
OURS = ("fit", "regressor")


def ready(question: dict[str, Any], folder: Path) -> Callable[[], tuple[Array, dict[str, Any]]]:
    """A model that will learn the rows of a folder and predict others, for `benchmarks.worker`."""
    model = KNOWN[question["model"]]
    for module in model.modules:
        import_module(module)
    with np.load(folder / "rows.npz") as rows:
        x, y, fresh = rows["x"], rows["y"], rows["fresh"]
    return lambda: (model.fit(x, y)(fresh), {})
