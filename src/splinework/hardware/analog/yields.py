"""Yields by Monte Carlo over chips, and tables over temperature and years.

Every number comes from `draws` chips with a seed; with the same seed, two networks or lists of imperfections are evaluated on the
same chips. Pictures are in `yield_plots`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from splinework.errors import ConfigError
from splinework.hardware.analog.calibration import recalibrated_outputs
from splinework.hardware.analog.chips import Imperfection, draw, outputs
from splinework.hardware.analog.imperfections import ACCEPTANCE, Retention, RetentionLaw, Temperature
from splinework.hardware.analog.network import AnalogNetwork, Floats
from splinework.hardware.analog.noise_aware import check_rows

Metric = Literal["accuracy", "rmse"]
METRICS: Final = ("accuracy", "rmse")
PERCENTILES: Final = (1, 5, 25, 50, 75, 95, 99)


@dataclass(frozen=True)
class MonteCarloRecipe:
    """The recipe of a Monte Carlo yield.

    Attributes:
        metric: `accuracy` or `rmse`.
        draws: Number of chips.
        limit: Metric that a good chip reaches; None takes one percentage point of accuracy, or a tenth of the RMSE, worse than
            nominal.
        seed: Seed of the chips.
    """

    metric: Metric = "accuracy"
    draws: int = 100
    limit: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.metric not in METRICS or self.draws < 1:
            raise ConfigError(
                f"metric is one of {', '.join(METRICS)} and draws must be at least 1, got {self.metric!r} and {self.draws}."
            )


@dataclass(frozen=True, eq=False)
class YieldResult:
    """The distribution of a metric over chips.

    Attributes:
        metric: `accuracy` (a share) or `rmse` (raw units, over all outputs).
        nominal: Metric of the network without imperfections.
        values: Metric of each chip, `(draws,)`.
        limit: Metric that a good chip reaches.
        seed: Seed of the chips.
    """

    metric: str
    nominal: float
    values: Floats
    limit: float
    seed: int

    @property
    def share(self) -> float:
        """The yield, the share of chips at the limit or better."""
        good = self.values >= self.limit if self.metric == "accuracy" else self.values <= self.limit
        return float(good.mean())

    @property
    def mean(self) -> float:
        """Mean metric of the chips."""
        return float(self.values.mean())

    @property
    def loss(self) -> float:
        """Mean loss of the chips against the nominal network."""
        return self.nominal - self.mean if self.metric == "accuracy" else self.mean - self.nominal

    def percentiles(self) -> dict[int, float]:
        """The metric at 1, 5, 25, 50, 75, 95 and 99 % of the chips."""
        found = np.percentile(self.values, PERCENTILES)
        return dict(zip(PERCENTILES, found.tolist(), strict=True))

    def to_dict(self) -> dict[str, object]:
        """The result as JSON values."""
        return {
            "metric": self.metric,
            "nominal": self.nominal,
            "mean": self.mean,
            "worst": float(self.values.min() if self.metric == "accuracy" else self.values.max()),
            "loss": self.loss,
            "limit": self.limit,
            "yield": self.share,
            "draws": len(self.values),
            "seed": self.seed,
            "percentiles": {str(k): v for k, v in self.percentiles().items()},
        }


def measure(found: Floats, target: Floats, metric: str) -> Floats:
    """The metric of each chip, `accuracy` or `rmse`, from raw outputs `(chips, B, O)`.

    Targets are class indices `(B,)`, for which a single output decides by its sign, or values `(B, O)`.
    """
    if metric == "rmse":
        errors: Floats = np.sqrt(((found - target) ** 2).mean(axis=(1, 2)))
        return errors
    decided = found[..., 0] > 0 if found.shape[-1] == 1 else found.argmax(axis=-1)
    shares: Floats = (decided == target).mean(axis=1)
    return shares


def yields(
    network: AnalogNetwork,
    x: ArrayLike,
    y: ArrayLike,
    imperfections: Sequence[Imperfection] = ACCEPTANCE,
    *,
    recipe: MonteCarloRecipe | None = None,
    calibration: ArrayLike | None = None,
) -> YieldResult:
    """Evaluates the yield of a network over many chips.

    Args:
        network: The programmed network.
        x: Rows in raw units, `(n, inputs)`.
        y: Class indices for `accuracy`, else values.
        imperfections: Imperfections of the chips.
        recipe: Recipe of the Monte Carlo; None takes the defaults.
        calibration: Known rows on which each chip is calibrated first; None for no calibration.

    Raises:
        ShapeError: If the shapes of rows and targets do not match the network.
        DataError: If a class has no output.
    """
    recipe = recipe or MonteCarloRecipe()
    metric, seed, limit = recipe.metric, recipe.seed, recipe.limit
    rows, checked = check_rows(network, x, y, "cross_entropy" if metric == "accuracy" else "mse")
    target = checked.numpy()
    nominal = float(measure(network.forward(rows)[None], target, metric)[0])
    chips = draw(network, imperfections, chips=recipe.draws, rows=len(rows), seed=seed)
    if calibration is None:
        found = outputs(network, rows, chips)
    else:
        found = recalibrated_outputs(network, rows, chips, np.asarray(calibration, dtype=np.float64), seed=seed)
    if limit is None:
        limit = nominal - 0.01 if metric == "accuracy" else 1.1 * nominal
    return YieldResult(metric, nominal, measure(found, target, metric), limit, seed)


@dataclass(frozen=True)
class YieldAtCondition:
    """One row of a table over temperature or years: the yield without and with calibration at the condition."""

    celsius: float
    years: float
    plain: YieldResult
    calibrated: YieldResult | None


def over_temperature(
    network: AnalogNetwork,
    x: ArrayLike,
    y: ArrayLike,
    imperfections: Sequence[Imperfection] = ACCEPTANCE,
    *,
    celsius: Sequence[float] = tuple(range(0, 90, 5)),
    recipe: MonteCarloRecipe | None = None,
    calibration: ArrayLike | None = None,
) -> tuple[YieldAtCondition, ...]:
    """Yields of the same chips at several temperatures in °C, without and, given rows for it, with calibration at each.

    The other arguments are those of `yields`.
    """
    places = [(Temperature(float(c)), float(c), 0.0) for c in celsius]
    return _over(places, network, x, y, imperfections, recipe, calibration)


def over_years(
    network: AnalogNetwork,
    x: ArrayLike,
    y: ArrayLike,
    imperfections: Sequence[Imperfection] = ACCEPTANCE,
    *,
    years: Sequence[float] = (0, 1, 5, 10),
    celsius: float = 85.0,
    law: RetentionLaw | None = None,
    recipe: MonteCarloRecipe | None = None,
    calibration: ArrayLike | None = None,
) -> tuple[YieldAtCondition, ...]:
    """Yields of the same chips after years at a temperature, read at 27 °C; other arguments are those of `yields`."""
    leaks = law or RetentionLaw()
    ages = [(Retention(float(t), celsius, leaks), celsius, float(t)) for t in years]
    return _over(ages, network, x, y, imperfections, recipe, calibration)


def _over(
    conditions: Sequence[tuple[Imperfection, float, float]],
    network: AnalogNetwork,
    x: ArrayLike,
    y: ArrayLike,
    imperfections: Sequence[Imperfection],
    recipe: MonteCarloRecipe | None,
    calibration: ArrayLike | None,
) -> tuple[YieldAtCondition, ...]:
    """The table over further imperfections, each with its temperature and years."""
    rows = []
    for cause, celsius, years in conditions:
        causes = [*imperfections, cause]
        plain, trimmed = yields(network, x, y, causes, recipe=recipe), None
        if calibration is not None:
            trimmed = yields(network, x, y, causes, recipe=recipe, calibration=calibration)
        rows.append(YieldAtCondition(celsius, years, plain, trimmed))
    return tuple(rows)
