"""Chooses the one quantised network that an artefact is built from, given a trained network, rows and a recipe.

The network is trained as integers or only calibrated, with given code widths or those of a sweep, directly or through a small
student; the recipe chooses among the results. Training itself is in `training` and `sweep`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.hardware.area import area, largest_tables
from splinework.hardware.examples import Examples
from splinework.hardware.formats import Floats
from splinework.hardware.framed import quantise
from splinework.hardware.integer import IntegerModel
from splinework.hardware.quantisation import MAX_CODE_BITS, Bits
from splinework.hardware.results import Progress, no_progress
from splinework.hardware.students import MAX_EDGES, Shape, shapes_for, shown, student
from splinework.hardware.training import QuantisationSchedule, QuantisedFit, TrainingStage, train_quantised
from splinework.hardware.width_sweep import sweep
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN

MAX_LUTS: Final = 200_000.0
"""Largest estimated number of LUTs that is still trained: no supported FPGA holds more."""


_LOSS_TOLERANCE: Final = 0.25  # Relative difference in the loss on few rows that is not significant


@explained_record
@dataclass(frozen=True)
class QuantisationRecipe:
    """How a network becomes integers.

    Attributes:
        bits: Code width of the inputs in bits; `auto` tries 3 to 6 bits for inputs and hidden nodes.
        hidden_bits: Code width of the hidden nodes in bits; None takes that of the inputs.
        method: `train` for quantisation-aware training, or `calibrate` for post-training rounding, which is quick.
        shape: Shape of the network to build; see `students.shapes_for`.
        max_luts: Largest area in LUTs, as estimated by `area`.
        max_loss: Largest loss of merit against the best network of the run, in exchange for a smaller area: a difference in
            accuracy, or a relative increase in the error of a regression.
        schedule: Schedule of the training.

    Raises:
        ConfigError: If a value is out of range, or the values contradict each other.

    Example:
        >>> QuantisationRecipe(bits=5, max_luts=400).hidden_bits is None
        True
    """

    bits: int | Literal["auto"] = 6
    hidden_bits: int | None = None
    method: Literal["train", "calibrate"] = "train"
    shape: Shape = "auto"
    max_luts: float | None = None
    max_loss: float | None = None
    schedule: QuantisationSchedule = field(default_factory=QuantisationSchedule)

    def __post_init__(self) -> None:
        if self.method not in ("train", "calibrate"):
            raise ConfigError(f"method is 'train' or 'calibrate', got {self.method!r}.")
        if self.bits != "auto":
            self.widths(1)
        elif self.method == "calibrate" or self.hidden_bits is not None:
            raise ConfigError(
                "bits='auto' finds the widths by training; leave method and hidden_bits out, or give a number."
            )
        if self.method == "calibrate" and (self.max_luts is not None or self.max_loss is not None):
            raise ConfigError(
                "max_luts and max_loss choose among the networks of a training run; with method='calibrate' there is only one."
            )
        if (self.max_luts is not None and self.max_luts <= 0) or not 0 <= (self.max_loss or 0) < 1:
            raise ConfigError(
                f"max_luts must be above 0 and 0 <= max_loss < 1, got {self.max_luts} and {self.max_loss}."
            )

    def widths(self, inputs: int, most: tuple[int, ...] | None = None) -> Bits:
        """The code widths for a number of inputs, each at most the width in `most` that its values need."""
        if not isinstance(self.bits, int) or isinstance(self.bits, bool):
            raise ConfigError(f"bits is 1 to {MAX_CODE_BITS} or 'auto', got {self.bits!r}.")
        hidden = self.hidden_bits if self.hidden_bits is not None else self.bits
        each = tuple(min(self.bits, b) for b in most) if most is not None else (self.bits,) * inputs
        return Bits(each, hidden, max(8, hidden))


@dataclass(frozen=True, eq=False)
class ChosenNetwork:
    """The quantised network and how it was chosen.

    Attributes:
        golden: The quantised network.
        teacher: The given floating-point network; None if a quantised network was given.
        student: Shape of the student network trained in its place; empty without a student.
        notes: The decisions, one sentence each.
        front: LUTs and scores of all networks of the run, the chosen one first; empty if there was no choice.
    """

    golden: IntegerModel
    teacher: KAN | FramedKAN | None
    student: tuple[object, ...] = ()
    notes: tuple[str, ...] = ()
    front: tuple[tuple[float, float], ...] = ()


def needed_widths(x: Floats) -> tuple[int, ...]:
    """Code width in bits that distinguishes the values of each column if they are evenly spaced; else the largest width.

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
        even = np.abs(places - np.rint(places)).max() < 1e-6 and places[-1] < 2**MAX_CODE_BITS
        found.append(max(1, int(np.rint(places[-1])).bit_length()) if even else MAX_CODE_BITS)
    return tuple(found)


def choose(
    model: KAN | FramedKAN | IntegerModel,
    rows: Examples | None,
    recipe: QuantisationRecipe,
    *,
    name: str,
    progress: Progress | None = None,
) -> ChosenNetwork:
    """Chooses the quantised network to build and names it.

    A trained network needs rows to be trained and judged on; a framed model is only calibrated; a quantised network is used as
    it is.

    Raises:
        ConfigError: If the recipe does not suit the model, or the network is too large.
    """
    if isinstance(model, IntegerModel):
        return ChosenNetwork(model, None, notes=("the quantised network was given and is used as it is",))
    if rows is None:
        raise ConfigError("quantising a trained network needs rows that are typical of its use; give x and y.")
    tell = progress or no_progress
    if isinstance(model, FramedKAN):
        return _framed(model, rows, recipe, name)
    axioms = model.config.axioms
    if axioms and recipe.shape not in ("auto", "same"):
        raise ConfigError(
            f"this network has hard axioms, {', '.join(axioms)}, which a student network would not keep; leave shape out."
        )
    shapes = () if axioms else shapes_for(model, recipe.shape)
    if shapes and recipe.method == "calibrate":
        raise ConfigError(
            f"this network has {model.active_edges()} edges, and a smaller student has to be trained; leave method='calibrate' "
            "out, or keep the network with shape='same'."
        )
    if not shapes:
        return _itself(model, rows, recipe, name, tell)
    return _students(model, shapes, rows, recipe, name, tell)


def _framed(model: FramedKAN, rows: Examples, recipe: QuantisationRecipe, name: str) -> ChosenNetwork:
    if recipe.bits == "auto" or recipe.max_luts is not None or recipe.max_loss is not None:
        raise ConfigError(
            "a framed model is calibrated, not trained as integers; leave bits='auto', max_luts and max_loss out."
        )
    bits = recipe.widths(model.inputs, needed_widths(rows.x))
    golden = quantise(model, rows.x, bits=bits, task=rows.task, name=name)
    refuse_large(golden)
    how = "the tables are the rounded splines and frame formulas, without quantisation-aware training"
    return ChosenNetwork(golden, model, notes=(how,))


def _itself(model: KAN, rows: Examples, recipe: QuantisationRecipe, name: str, tell: Progress) -> ChosenNetwork:
    bits = recipe.widths(model.inputs, needed_widths(rows.x)) if recipe.bits != "auto" else Bits(5, 5)
    classes = rows.classes or None
    tell("calibrating")
    first = quantise(model, rows.x, bits=bits, task=rows.task, classes=classes, name=name)
    refuse_large(first)
    if recipe.method == "calibrate":
        return ChosenNetwork(
            first, model, notes=("the tables are the rounded splines, without quantisation-aware training",)
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
        tell(f"training a student of shape {shown(shape)}")
        fresh = student(model, shape, seed=recipe.schedule.seed)
        found.append((*_trained(fresh, model, rows, recipe, name, tell), shape))
    chosen = _foremost([one for _, one, _ in found])
    fit, stage, shape = next(one for one in found if one[1] is chosen)
    edges = model.active_edges()
    why = (
        f"more than the {MAX_EDGES} that suit small devices" if recipe.shape == "auto" else "and a shape was requested"
    )
    notes = [
        f"the given network has {edges} edges, {why}: a student of shape {shown(shape)} was trained with it as the teacher"
    ]
    notes += [
        f"{shown(other)} was tried too: score {one.score:.4g} at {one.area:.0f} LUTs on validation rows, against "
        f"{stage.score:.4g} at {stage.area:.0f}"
        for _, one, other in found
        if other != shape
    ]
    return ChosenNetwork(stage.model, model, shape, (*notes, _about(fit, stage)), _front(fit, stage))


def _trained(
    model: KAN, teacher: KAN | None, rows: Examples, recipe: QuantisationRecipe, name: str, tell: Progress
) -> tuple[QuantisedFit, TrainingStage]:
    """Trains the network and returns the fit with the stage that the recipe chooses."""
    how: dict[str, Any] = {"task": rows.task, "classes": rows.classes or None, "name": name}
    how |= {"schedule": recipe.schedule, "teacher": teacher, "progress": tell}
    if recipe.bits == "auto":
        fit = sweep(model, rows.x, rows.y, **how).fit
    else:
        bits = recipe.widths(model.inputs, needed_widths(rows.x))
        fit = train_quantised(model, rows.x, rows.y, bits=bits, **how)
    return fit, pick(fit, max_luts=recipe.max_luts, max_loss=recipe.max_loss)


def pick(fit: QuantisedFit, *, max_luts: float | None, max_loss: float | None) -> TrainingStage:
    """The best network within an area, or the smallest within a loss of the best, or both.

    Raises:
        ConfigError: If no network is that small.
    """
    if max_loss is not None:
        return fit.near_best(max_loss, max_luts=max_luts)
    fit.best(max_luts=max_luts)  # raises if no network is that small
    return _foremost([s for s in fit.stages if max_luts is None or s.area <= max_luts])


def _foremost(stages: Sequence[TrainingStage]) -> TrainingStage:
    """The stage with the best score; ties are broken by the training score, then the loss, then the area.

    Few rows are held out, so several stages often share the best score. Among those whose loss is close to the least, the
    smallest network is taken.
    """
    classified = stages[0].model.task == "classification"

    def merit(stage: TrainingStage) -> tuple[float, float]:
        return stage.score, stage.train_score if classified else 0.0

    top = max(map(merit, stages))
    equal = [stage for stage in stages if merit(stage) == top]
    sure = min(stage.loss for stage in equal) * (1 + _LOSS_TOLERANCE)
    return min((stage for stage in equal if stage.loss <= sure), key=lambda stage: stage.area)


def _front(fit: QuantisedFit, stage: TrainingStage) -> tuple[tuple[float, float], ...]:
    """All stages, the chosen one first."""
    return tuple((round(s.area, 1), s.score) for s in (stage, *(s for s in fit.stages if s is not stage)))


def _about(fit: QuantisedFit, stage: TrainingStage) -> str:
    accurate = _foremost(fit.stages)
    text = (
        f"quantisation-aware training gave {len(fit.stages)} networks of decreasing area; chosen: about {stage.area:.0f} LUTs, "
        f"score {stage.score:.4g} on validation rows"
    )
    return text if stage is accurate else f"{text} (best score: {accurate.score:.4g} at {accurate.area:.0f} LUTs)"


def refuse_large(golden: IntegerModel) -> None:
    """Refuses a network that is too large for every supported device, before it is trained.

    Raises:
        ConfigError: If the estimated area exceeds `MAX_LUTS`.
    """
    size = area(golden)
    if size > MAX_LUTS:
        raise ConfigError(
            f"{golden.name} has {golden.edges} tables and needs about {size:.0f} six-input LUTs, at most {MAX_LUTS:.0f} are "
            f"supported; prune edges or use fewer bits, first for {'; '.join(largest_tables(golden))}; or train a small student "
            "with shape='auto'."
        )
