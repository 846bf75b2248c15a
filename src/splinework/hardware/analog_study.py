"""What is found out about a network as analogue circuits: fitted, trained through the device, and drawn chip by chip.

Here are the settings and the steps that take long; folders and reports are in `analog_artefact`.
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
from splinework.hardware.students import MOST_EDGES, Shape, shapes_for, shown, student
from splinework.nn.network import KAN
from splinework.train.fit import fit

_CELSIUS = tuple(float(c) for c in range(0, 90, 5))
_GOOD = 0.02  # What a good chip of a regression achieves: an RMSE in parts of the span of the targets
_YEARS = (0.0, 1.0, 5.0, 10.0)
MOST_PAIRS = FpaaDevice().cabs * FpaaDevice().slots["diff_pair"]
"""Differential pairs of the array."""


@dataclass(frozen=True)
class StudySettings:
    """How a network becomes analogue circuits, and how chips are drawn.

    Attributes:
        elements: Most differential pairs of an edge.
        tolerance: Largest rms error of an edge, in parts of its span.
        programming: Standard deviation of programmed currents, relative.
        read_noise: Of every sum, in parts of its span.
        steps: Of training through the device; 0 leaves the fitted values as they are.
        draws: Chips of the yields.
        limit: What a good chip achieves: an accuracy, or an RMSE in raw units. None takes one point of accuracy less than the
            circuits without errors, or 2 % of the span of the targets.
        shape: See `students.shapes_for`.
        technology: The device.
        rows: Rows that ngspice is run at; None takes 60, fewer of large networks.
        name: Of the network, an identifier.
        seed: Of everything random.
        fpaa: Whether a document for a field-programmable array is written, which the network must then fit.
        notes: What the report says besides.
    """

    elements: int = 10
    tolerance: float = 0.02
    programming: float = 0.01
    read_noise: float = 0.003
    steps: int = 200
    draws: int = 100
    limit: float | None = None
    shape: Shape = "auto"
    technology: AnalogTechnology = field(default=GENERIC)
    rows: int | None = None
    name: str = "kan"
    seed: int = 0
    fpaa: bool = True
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.elements < 2 or self.draws < 1 or (self.rows is not None and self.rows < 3) or self.steps < 0:
            raise ConfigError(
                f"elements are at least 2, draws at least 1, rows at least 3, steps at least 0; got {self.elements}, "
                f"{self.draws}, {self.rows} and {self.steps}."
            )
        if not (0 <= self.programming < 1 and 0 <= self.read_noise < 1 and self.tolerance > 0):
            raise ConfigError(
                f"programming and read_noise are shares from 0 up to 1, tolerance above 0; got {self.programming}, "
                f"{self.read_noise} and {self.tolerance}."
            )

    @property
    def imperfections(self) -> tuple[Programming, ReadNoise]:
        """What chips are drawn with."""
        return Programming(self.programming), ReadNoise(self.read_noise)


@dataclass(frozen=True, eq=False)
class Study:
    """What was found out about a network of circuits.

    The fitted circuits, the network after training through the device, the yields of both, and those of the trained one over
    0 to 85 °C and over ten years at 85 °C.
    """

    conversion: Conversion
    network: AnalogNetwork
    before: YieldResult
    after: YieldResult
    temperature: tuple[YieldAtCondition, ...]
    years: tuple[YieldAtCondition, ...]


def small_enough(model: KAN, rows: Examples, how: StudySettings, tell: Progress) -> tuple[KAN, tuple[str, ...]]:
    """The network, or the best of its students on the rows held back from their training."""
    most = MOST_PAIRS // how.elements if how.fpaa else MOST_EDGES
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
        tell(f"a network of {shown(shape)} learns from the given one")
        fresh = student(model, shape, grid=5, seed=how.seed)
        made = fit(
            fresh, x, wanted, progress=False, grids=None, degree="keep", seed=how.seed, budget=60, steps=200
        ).model
        score = merit(outputs_of(made, rows.x[judged]), rows.y[judged], rows.task)
        found.append((score if rows.task == "classification" else -score, -made.active_edges(), made, shape))
    best = max(found, key=lambda one: one[:2])
    text = (
        f"the given network has {model.active_edges()} edges; one of {shown(best[3])} learned from it and was converted: "
        + ", ".join(f"{shown(one[3])} scored {abs(one[0]):.4g}" for one in found)
        + " on rows held out in training"
    )
    return best[2], (text,)


def _between(x: Floats, rng: np.random.Generator) -> Floats:
    """The rows and as many mixtures of two of them, at least 1000 in all."""
    count = max(len(x), 1000 - len(x))
    a, b = rng.integers(len(x), size=(2, count))
    share = rng.uniform(size=(count, 1))
    return np.concatenate([x, share * x[a] + (1 - share) * x[b]])


def study_of(model: KAN, rows: Examples, how: StudySettings, tell: Progress) -> Study:
    """Fits the circuits of a network, trains them through the device, and draws chips.

    Raises:
        ConfigError: If an edge is steeper than the device can follow, or the network does not fit the array.
    """
    tell("fitting circuits to the edges")
    made = convert(
        model,
        torch.as_tensor(rows.x),
        technology=how.technology,
        recipe=EdgeFitRecipe(elements=how.elements),
        tolerance=how.tolerance,
    )
    network = made.network
    if how.fpaa:
        device = FpaaDevice()
        check_fit(network, blocks_of(network, device), device)  # before anything that takes long
    if how.steps:
        tell("training through the device")
        course = NoiseAwareRecipe(
            imperfections=how.imperfections,
            task="cross_entropy" if rows.task == "classification" else "mse",
            steps=how.steps,
            seed=how.seed,
        )
        network = train_through_device(network, rows.x, rows.y, course).network
    metric: Metric = "accuracy" if rows.task == "classification" else "rmse"
    limit = how.limit
    if limit is None and metric == "rmse":
        limit = _GOOD * float(np.ptp(rows.held_y, axis=0).mean())
    count = MonteCarloRecipe(metric, how.draws, limit, how.seed)
    held = rows.held_x, rows.held_y
    some = rows.x[:256]
    tell(f"drawing {how.draws} chips")
    before, after = (yields(each, *held, how.imperfections, recipe=count) for each in (made.network, network))
    tell("the same chips from 0 to 85 °C and over ten years")
    fewer = replace(count, draws=min(how.draws, 30))
    warm = over_temperature(network, *held, how.imperfections, celsius=_CELSIUS, recipe=fewer, calibration=some)
    aged = over_years(network, *held, how.imperfections, years=_YEARS, recipe=fewer, calibration=some)
    return Study(made, network, before, after, warm, aged)
