"""The study of a network as analogue circuits: fitting, training through the device, and Monte Carlo yields.

The settings and the long computations are here; folders and reports are in `analog_artefact`.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from splinework.errors import ConfigError
from splinework.hardware.analog.convert import Conversion, convert
from splinework.hardware.analog.ekv import GENERIC, AnalogTechnology
from splinework.hardware.analog.fitting import EdgeFitRecipe
from splinework.hardware.analog.fpaa import FpaaDevice, blocks_of
from splinework.hardware.analog.fpaa_placement import check_fit
from splinework.hardware.analog.imperfections import Programming, ReadNoise
from splinework.hardware.analog.network import AnalogNetwork, Floats
from splinework.hardware.analog.noise_aware import NoiseAwareRecipe, train_through_device
from splinework.hardware.analog.yields import (
    Metric,
    MonteCarloRecipe,
    YieldAtCondition,
    YieldResult,
    over_temperature,
    over_years,
    yields,
)
from splinework.hardware.examples import Examples, merit, outputs_of
from splinework.hardware.results import Progress
from splinework.hardware.students import MAX_EDGES, Shape, shapes_for, shown, student
from splinework.knowledge.teach.fit import fit
from splinework.nn.network import KAN

_CELSIUS = tuple(float(c) for c in range(0, 90, 5))
_MAX_RMSE_SHARE = 0.02  # Largest RMSE of a good chip relative to the span of the targets, for a regression
_YEARS = (0.0, 1.0, 5.0, 10.0)
N_ARRAY_PAIRS = FpaaDevice().cabs * FpaaDevice().slots["diff_pair"]
"""Number of differential pairs of the array."""


@dataclass(frozen=True)
class StudySettings:
    """The settings of analogue circuits and of the chips that are drawn; `AnalogRecipe` explains the fields."""

    max_elements: int = 10
    tolerance: float = 0.02
    programming_error: float = 0.01
    read_noise: float = 0.003
    steps: int = 200
    draws: int = 100
    limit: float | None = None
    shape: Shape = "auto"
    technology: AnalogTechnology = field(default=GENERIC)
    vectors: int | None = None
    name: str = "kan"
    seed: int = 0
    fpaa: bool = True
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_elements < 2 or self.draws < 1 or (self.vectors is not None and self.vectors < 3) or self.steps < 0:
            raise ConfigError(
                f"expected max_elements >= 2, draws >= 1, vectors >= 3 and steps >= 0; got {self.max_elements}, {self.draws}, "
                f"{self.vectors} and {self.steps}."
            )
        if not (0 <= self.programming_error < 1 and 0 <= self.read_noise < 1 and self.tolerance > 0):
            raise ConfigError(
                f"expected programming_error and read_noise in [0, 1) and tolerance > 0; got {self.programming_error}, "
                f"{self.read_noise} and {self.tolerance}."
            )

    @property
    def imperfections(self) -> tuple[Programming, ReadNoise]:
        """The imperfections of the drawn chips."""
        return Programming(self.programming_error), ReadNoise(self.read_noise)


@dataclass(frozen=True, eq=False)
class Study:
    """The results of a study.

    The fitted circuits, the network after training through the device, the yields of both, and those of the trained network
    from 0 to 85 °C and over ten years at 85 °C.
    """

    conversion: Conversion
    network: AnalogNetwork
    before: YieldResult
    after: YieldResult
    temperature: tuple[YieldAtCondition, ...]
    years: tuple[YieldAtCondition, ...]


def small_enough(model: KAN, rows: Examples, how: StudySettings, tell: Progress) -> tuple[KAN, tuple[str, ...]]:
    """The network, or its best student on validation rows."""
    most = N_ARRAY_PAIRS // how.max_elements if how.fpaa else MAX_EDGES
    shapes = shapes_for(model, how.shape, most=most)
    if not shapes:
        return model, ()
    rng = np.random.default_rng(how.seed)
    order = rng.permutation(len(rows.x))
    kept, judged = order[len(order) // 5 :], order[: len(order) // 5]
    x = _between(rows.x[kept], rng)
    wanted = outputs_of(model, x)
    found = []
    for shape in shapes:
        tell(f"training a student of shape {shown(shape)}")
        fresh = student(model, shape, grid=5, seed=how.seed)
        made = fit(
            fresh, x, wanted, progress=False, grids=None, degree="keep", seed=how.seed, budget=60, steps=200
        ).model
        score = merit(outputs_of(made, rows.x[judged]), rows.y[judged], rows.task)
        found.append((score if rows.task == "classification" else -score, -made.active_edges(), made, shape))
    best = max(found, key=lambda one: one[:2])
    text = (
        f"the given network has {model.active_edges()} edges; a student of shape {shown(best[3])} was trained and converted: "
        + ", ".join(f"{shown(one[3])} scored {abs(one[0]):.4g}" for one in found)
        + " on validation rows"
    )
    return best[2], (text,)


def _between(x: Floats, rng: np.random.Generator) -> Floats:
    """The rows and the same number of random mixtures of two rows, at least 1000 in total."""
    count = max(len(x), 1000 - len(x))
    a, b = rng.integers(len(x), size=(2, count))
    share = rng.uniform(size=(count, 1))
    return np.concatenate([x, share * x[a] + (1 - share) * x[b]])


def study_of(model: KAN, rows: Examples, how: StudySettings, tell: Progress) -> Study:
    """Fits the circuits of a network, trains them through the device, and draws chips.

    Raises:
        ConfigError: If an edge is too steep for the device, or the network does not fit the array.
    """
    tell("fitting circuits to the edges")
    made = convert(
        model,
        torch.as_tensor(rows.x),
        technology=how.technology,
        recipe=EdgeFitRecipe(max_elements=how.max_elements),
        tolerance=how.tolerance,
    )
    network = made.network
    if how.fpaa:
        device = FpaaDevice()
        check_fit(network, blocks_of(network, device), device)  # before the long computations
    if how.steps:
        tell("training through the device")
        recipe = NoiseAwareRecipe(
            imperfections=how.imperfections,
            task="cross_entropy" if rows.task == "classification" else "mse",
            steps=how.steps,
            seed=how.seed,
        )
        network = train_through_device(network, rows.x, rows.y, recipe).network
    metric: Metric = "accuracy" if rows.task == "classification" else "rmse"
    limit = how.limit
    if limit is None and metric == "rmse":
        limit = _MAX_RMSE_SHARE * float(np.ptp(rows.held_y, axis=0).mean())
    count = MonteCarloRecipe(metric, how.draws, limit, how.seed)
    held = rows.held_x, rows.held_y
    some = rows.x[:256]
    tell(f"drawing {how.draws} chips")
    before, after = (yields(each, *held, how.imperfections, recipe=count) for each in (made.network, network))
    tell("evaluating the chips from 0 to 85 °C and over ten years")
    fewer = replace(count, draws=min(how.draws, 30))
    warm = over_temperature(network, *held, how.imperfections, celsius=_CELSIUS, recipe=fewer, calibration=some)
    aged = over_years(network, *held, how.imperfections, years=_YEARS, recipe=fewer, calibration=some)
    return Study(made, network, before, after, warm, aged)
