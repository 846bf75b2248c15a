"""From a trained network and rows to the one network of integers that an artefact is built from, by a recipe.

It may be trained as integers or only calibrated, with given widths of codes or with those of a sweep, by itself or through a
small student; among what comes out, the recipe chooses. Training itself is in `training` and `sweep`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.area import area, largest_tables
from splinework.hardware.examples import Examples
from splinework.hardware.formats import Floats
from splinework.hardware.framed import quantise
from splinework.hardware.integer import IntegerModel
from splinework.hardware.quantise import WIDEST_CODE, Bits
from splinework.hardware.results import Progress, no_progress
from splinework.hardware.students import MOST_EDGES, Shape, shapes_for, shown, student
from splinework.hardware.sweep import sweep
from splinework.hardware.training import QuantisationSchedule, QuantisedFit, TrainingStage, train_quantised
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN

LARGEST: Final = 200_000.0
"""LUTs by the rule of thumb from which on nothing is trained: no part of the targets holds it."""


_AS_SURE: Final = 0.25  # Part by which the loss on few rows may be larger without a meaning


@dataclass(frozen=True)
class QuantisationRecipe:
    """How a network becomes integers.

    Attributes:
        bits: Of the codes of the inputs; `auto` tries 3 to 6, each for hidden nodes too.
        hidden: Of the codes of hidden nodes; None takes those of the inputs.
        method: `train` learns the tables as they will be rounded; `calibrate` only rounds, which is quick.
        shape: See `students.shapes_for`.
        luts: The most that is wanted, by the rule of thumb of `area`.
        loss: How much worse than the best network of the run the chosen one may be where it is smaller: a share of right
            classes, or of the error of a regression.
        schedule: Of training.
    """

    bits: int | Literal["auto"] = 6
    hidden: int | None = None
    method: Literal["train", "calibrate"] = "train"
    shape: Shape = "auto"
    luts: float | None = None
    loss: float | None = None
    schedule: QuantisationSchedule = field(default_factory=QuantisationSchedule)

    def __post_init__(self) -> None:
        if self.method not in ("train", "calibrate"):
            raise ConfigError(f"method is 'train' or 'calibrate', got {self.method!r}.")
        if self.bits != "auto":
            self.widths(1)
        elif self.method == "calibrate" or self.hidden is not None:
            raise ConfigError(
                "bits='auto' finds the widths by training; leave method and hidden out, or give a number."
            )
        if self.method == "calibrate" and (self.luts is not None or self.loss is not None):
            raise ConfigError(
                "luts and loss choose among networks in training; with method='calibrate' there is only one."
            )
        if (self.luts is not None and self.luts <= 0) or (self.loss is not None and not 0 <= self.loss < 1):
            raise ConfigError(f"luts is above 0 and loss a share from 0 up to 1, got {self.luts} and {self.loss}.")

    def widths(self, inputs: int, most: tuple[int, ...] | None = None) -> Bits:
        """The widths of codes of so many inputs, none wider than the values of that input need: `most`."""
        if not isinstance(self.bits, int) or isinstance(self.bits, bool):
            raise ConfigError(f"bits is 1 to {WIDEST_CODE} or 'auto', got {self.bits!r}.")
        hidden = self.hidden if self.hidden is not None else self.bits
        each = tuple(min(self.bits, b) for b in most) if most is not None else (self.bits,) * inputs
        return Bits(each, hidden, max(8, hidden))


@dataclass(frozen=True, eq=False)
class ChosenNetwork:
    """The network of integers, and how it came about.

    Attributes:
        golden: The network.
        teacher: The network that was given; None where the integers were given.
        student: Shape of the network that was trained in its place, empty where it was itself.
        notes: What was decided, in sentences.
        front: LUTs and scores of the networks of the run, the chosen one first; none where there was no choice.
    """

    golden: IntegerModel
    teacher: KAN | FramedKAN | None
    student: tuple[object, ...] = ()
    notes: tuple[str, ...] = ()
    front: tuple[tuple[float, float], ...] = ()


def needed_widths(x: Floats) -> tuple[int, ...]:
    """Bits that the codes of each column need to tell its values apart, where these are evenly spaced; else the widest.

    >>> needed_widths(np.array([[0.0, 0.1, 1.0], [1.0, 0.25, 3.0], [1.0, 0.77, 7.0]]))
    (1, 12, 2)
    """
    found = []
    for column in x.T:
        values = np.unique(column)
        steps = np.diff(values)
        if len(values) < 2:
            found.append(1)
            continue
        places = (values - values[0]) / steps.min()
        even = np.abs(places - np.rint(places)).max() < 1e-6 and places[-1] < 2**WIDEST_CODE
        found.append(max(1, int(np.rint(places[-1])).bit_length()) if even else WIDEST_CODE)
    return tuple(found)


def choose(
    model: KAN | FramedKAN | IntegerModel,
    rows: Examples | None,
    recipe: QuantisationRecipe,
    *,
    name: str,
    progress: Progress | None = None,
) -> ChosenNetwork:
    """The network of integers to build, with a name.

    Of a trained network rows are needed to train and judge with; one in a frame is only calibrated, and one of integers is
    taken as it is.

    Raises:
        ConfigError: If the recipe does not fit, or the network is too large: with the estimate, and what to prune.
    """
    if isinstance(model, IntegerModel):
        return ChosenNetwork(model, None, notes=("the network of integers was given as it is",))
    if rows is None:
        raise ConfigError("a trained network becomes integers by rows that are typical for its use; give x and y.")
    tell = progress or no_progress
    if isinstance(model, FramedKAN):
        return _framed(model, rows, recipe, name)
    axioms = model.config.axioms
    if axioms and recipe.shape not in ("auto", "same"):
        raise ConfigError(
            f"this network has hard axioms, {', '.join(axioms)}, and another one that learns from it would not; leave shape out."
        )
    shapes = () if axioms else shapes_for(model, recipe.shape)
    if shapes and recipe.method == "calibrate":
        raise ConfigError(
            f"this network has {model.active_edges()} edges, and a smaller one in its place has to be trained; leave "
            "method='calibrate' out, or take it as it is with shape='same'."
        )
    if not shapes:
        return _itself(model, rows, recipe, name, tell)
    return _students(model, shapes, rows, recipe, name, tell)


def _framed(model: FramedKAN, rows: Examples, recipe: QuantisationRecipe, name: str) -> ChosenNetwork:
    if recipe.bits == "auto" or recipe.luts is not None or recipe.loss is not None:
        raise ConfigError(
            "a model in a frame is calibrated, not trained as integers; leave bits='auto', luts and loss out."
        )
    bits = recipe.widths(model.inputs, needed_widths(rows.x))
    golden = quantise(model, rows.x, bits=bits, task=rows.task, name=name)
    refuse_large(golden)
    how = "the tables were rounded from the trained splines and the frame's formulas, without training"
    return ChosenNetwork(golden, model, notes=(how,))


def _itself(model: KAN, rows: Examples, recipe: QuantisationRecipe, name: str, tell: Progress) -> ChosenNetwork:
    bits = recipe.widths(model.inputs, needed_widths(rows.x)) if recipe.bits != "auto" else Bits(5, 5)
    classes = rows.classes or None
    tell("calibrating")
    first = quantise(model, rows.x, bits=bits, task=rows.task, classes=classes, name=name)
    refuse_large(first)
    if recipe.method == "calibrate":
        return ChosenNetwork(
            first, model, notes=("the tables were rounded from the trained splines, without training",)
        )
    fit, stage = _trained(model, None, rows, recipe, name, tell)
    return ChosenNetwork(stage.model, model, notes=(_about(fit, stage),), front=_front(fit, stage))


def _students(
    model: KAN,
    shapes: tuple[tuple[object, ...], ...],
    rows: Examples,
    recipe: QuantisationRecipe,
    name: str,
    tell: Progress,
) -> ChosenNetwork:
    found: list[tuple[QuantisedFit, TrainingStage, tuple[object, ...]]] = []
    for shape in shapes:
        tell(f"a network of {shown(shape)} learns from the given one")
        fresh = student(model, shape, seed=recipe.schedule.seed)
        found.append((*_trained(fresh, model, rows, recipe, name, tell), shape))
    chosen = _foremost([one for _, one, _ in found])
    fit, stage, shape = next(one for one in found if one[1] is chosen)
    edges = model.active_edges()
    why = (
        f"more than the {MOST_EDGES} that small devices hold well"
        if recipe.shape == "auto"
        else "and a shape was asked for"
    )
    notes = [f"the given network has {edges} edges, {why}: one of {shown(shape)} was trained with it as the teacher"]
    notes += [
        f"{shown(other)} was tried too: score {one.score:.4g} at {one.area:.0f} LUTs on rows held out in training, against "
        f"{stage.score:.4g} at {stage.area:.0f}"
        for _, one, other in found
        if other != shape
    ]
    return ChosenNetwork(stage.model, model, shape, (*notes, _about(fit, stage)), _front(fit, stage))


def _trained(
    model: KAN, teacher: KAN | None, rows: Examples, recipe: QuantisationRecipe, name: str, tell: Progress
) -> tuple[QuantisedFit, TrainingStage]:
    """What training gives, and the stage of it that the recipe chooses."""
    how: dict[str, Any] = {"task": rows.task, "classes": rows.classes or None, "name": name}
    how |= {"schedule": recipe.schedule, "teacher": teacher, "progress": tell}
    if recipe.bits == "auto":
        fit = sweep(model, rows.x, rows.y, **how).fit
    else:
        bits = recipe.widths(model.inputs, needed_widths(rows.x))
        fit = train_quantised(model, rows.x, rows.y, bits=bits, **how)
    return fit, pick(fit, luts=recipe.luts, loss=recipe.loss)


def pick(fit: QuantisedFit, *, luts: float | None, loss: float | None) -> TrainingStage:
    """The best network within an area, or the smallest within a loss of the best, or both.

    Raises:
        ConfigError: If none is that small.
    """
    if loss is not None:
        return fit.near_best(loss, largest=luts)
    fit.best(largest=luts)  # refuses where none is that small
    return _foremost([s for s in fit.stages if luts is None or s.area <= luts])


def _foremost(stages: Sequence[TrainingStage]) -> TrainingStage:
    """The one with the best score.

    Few rows are held out, and where they cannot tell networks apart, rows trained on may, then how sure the networks are; of
    those about as sure as the surest it is the smallest.
    """
    classified = stages[0].model.task == "classification"

    def merit(stage: TrainingStage) -> tuple[float, float]:
        return stage.score, stage.train_score if classified else 0.0

    top = max(map(merit, stages))
    equal = [stage for stage in stages if merit(stage) == top]
    sure = min(stage.loss for stage in equal) * (1 + _AS_SURE)
    return min((stage for stage in equal if stage.loss <= sure), key=lambda stage: stage.area)


def _front(fit: QuantisedFit, stage: TrainingStage) -> tuple[tuple[float, float], ...]:
    """All stages, the chosen one first."""
    return tuple((round(s.area, 1), s.score) for s in (stage, *(s for s in fit.stages if s is not stage)))


def _about(fit: QuantisedFit, stage: TrainingStage) -> str:
    accurate = _foremost(fit.stages)
    text = (
        f"trained as integers through {len(fit.stages)} networks of falling area; chosen: about {stage.area:.0f} LUTs, score "
        f"{stage.score:.4g} on rows held out in training"
    )
    return text if stage is accurate else f"{text} (the best of all: {accurate.score:.4g} at {accurate.area:.0f} LUTs)"


def refuse_large(golden: IntegerModel) -> None:
    """Raises where a network is too large for any target, before it is trained.

    Raises:
        ConfigError: With the estimate, and what to prune.
    """
    size = area(golden)
    if size > LARGEST:
        raise ConfigError(
            f"{golden.name} has {golden.edges} tables, about {size:.0f} lookup tables of six inputs where {LARGEST:.0f} are "
            f"the most; prune edges or use fewer bits, first {'; '.join(largest_tables(golden))}; or let a small network learn "
            "from it: shape='auto'."
        )
