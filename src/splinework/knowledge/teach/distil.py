"""Knowledge distillation of any trained model into a KAN: the teacher is queried, and the student is fitted to its answers.

The fidelity of the student is measured on held-out real rows and on the whole box, always at points outside its training data.
"""

import warnings
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.errors import ConfigError, FitWarning
from splinework.knowledge.teach.black_box import BlackBox, black_box, labels
from splinework.knowledge.teach.discontinuities import find_discontinuities
from splinework.knowledge.teach.query_points import QueryPoints, Sampler, domain_of
from splinework.nn.derivatives import partials
from splinework.nn.network import KAN
from splinework.train.callbacks import StopBelow
from splinework.train.fitting import fit
from splinework.train.options import TrainingOptions
from splinework.train.residual import Residual
from splinework.train.solving import solve

Floats = NDArray[np.float64]

HELD_OUT_SHARE, N_TEST_POINTS, MAX_ROWS = 0.2, 1024, 4096
"""Share of the real rows that only judge, points of the box that only judge, and most real rows used at all."""
INITIAL_SHARE, WORST_SHARE = 0.6, 0.1
"""Share of the points before the first adaptive round; share of a round's probes around which its other half is put."""
JITTER_SHARE = 0.05
"""How far from a bad point others are put, in units of the box."""
MAX_HIDDEN_NODES = 12
"""Hidden nodes of the usual student, at most."""
N_SLOPE_POINTS, MAX_SLOPE_STEPS = 600, 60
"""Points at which derivatives are learned, and steps for it."""
ERROR_TOLERANCE, MIN_UNEXPLAINED_SHARE = 1e-6, 1e-10
"""A fit ends at this share of the spread; with such a share of the variance left derivatives have nothing to improve."""


@final
@dataclass(frozen=True)
class DistillationResult:
    """A distilled network, with its fidelity to the teacher.

    Attributes:
        model: The student.
        kind: The learned quantity: `values`, or `log odds` of a classifier.
        classes: Labels, in the order of the log odds.
        rows: R² on real rows that it has not seen, the least of the outputs'; NaN without real rows.
        box: R² on fresh points spread over the box.
        agreement: Share of the box's points at which student and teacher name the same class; NaN for values.
        rounds: For each round the number of points used so far, and R² on the box.
        asked: Total number of queries to the teacher.
        notes: Remarks for the user.

    >>> points = QueryPoints(total=400, rounds=0)
    >>> distil(lambda x: 2 * x[:, 0], box=[(0, 1)], points=points, progress=False).box > 0.999
    True
    """

    model: KAN
    kind: str
    classes: tuple[Any, ...]
    rows: float
    box: float
    agreement: float
    rounds: tuple[tuple[int, float], ...]
    asked: int
    notes: tuple[str, ...]


def distil(
    teacher: Any,
    x: Any = None,
    *,
    box: Any = None,
    model: KAN | None = None,
    points: QueryPoints | None = None,
    output: str | None = None,
    seed: int = 0,
    progress: bool = True,
) -> DistillationResult:
    """Distils a trained model (the teacher) into a KAN (the student), which is fitted to the teacher's answers at query points.

    Args:
        teacher: A function of an array or a tensor, a torch module, an object with `predict` or `predict_proba`, or the path of
            an ONNX file. Of a classifier the student learns log odds; of a torch module also derivatives, where that pays.
        x: Real rows `(n, inputs)`, for where inputs usually are; may be left out with a box.
        box: `(low, high)` per input; None takes the range of the rows.
        model: The student; None takes `[p, min(2p + 1, 12), q]` on five intervals.
        points: Where the teacher is asked.
        output: Name of the output of an ONNX file.
        seed: Seed of everything random here.
        progress: Whether to show progress on a terminal.

    Returns:
        `DistillationResult(.model, .rows, .box, .notes, …)`.

    Raises:
        ConfigError: Without rows and box, for a teacher that is none, or a student of another shape.
        ShapeError: If rows, box and answers do not fit together.
        DataError: If answers are no finite numbers.
        FileError: If an ONNX file cannot be read.

    >>> points = QueryPoints(400, rounds=0)  # further rounds ask where the student is worst
    >>> found = distil(lambda x: np.sin(3 * x[:, 0]), box=[(-1, 1)], points=points, progress=False)
    >>> found.box > 0.9999
    True
    """
    points = points or QueryPoints()
    rows, low, high = domain_of(x, box)
    if teacher is None:
        raise ConfigError("distil takes a teacher first: distil(teacher, x).")
    asked = black_box(teacher, len(low), output=output)
    distillation = _Distillation(asked, Sampler(points, rows, low, high, np.random.default_rng(seed)), progress)
    with torch.inference_mode(False):
        return distillation.run(model, seed)


class _Distillation:
    """The distillation of one student."""

    def __init__(self, teacher: BlackBox, sampler: Sampler, progress: bool) -> None:
        self.teacher, self.sampler, self.points, self.rng = teacher, sampler, sampler.points, sampler.rng
        self.low, self.high, self.progress, self.asked = sampler.low, sampler.high, progress, 0
        order = self.rng.permutation(len(sampler.rows))[:MAX_ROWS]
        out = round(HELD_OUT_SHARE * len(order)) if len(order) >= 5 else 0
        self.held, sampler.rows = sampler.rows[order[:out]], sampler.rows[order[out:]]
        self.notes: list[str] = []

    def run(self, model: KAN | None, seed: int) -> DistillationResult:
        """All rounds."""
        points = self.points
        judges = self.sampler.even(N_TEST_POINTS)
        truth = self.ask(judges)
        x = self.sampler.design(round(INITIAL_SHARE * points.total) if points.rounds else points.total)
        y = self.ask(x)
        student = self._student(model, y.shape[1], seed)
        rounds: list[tuple[int, float]] = []
        share = points.total - len(x)
        for number in range(points.rounds + 1):
            student = self._fitted(student, x, y, seed, first=number == 0, last=number == points.rounds)
            rounds.append((len(x), _least_r2(_answers(student, judges), truth)))
            if number < points.rounds:
                x, y = self._more(student, x, y, share // points.rounds)
        student = self._with_slopes(student, x, y, judges[::2], truth[::2])
        self._look_for_steps(student)
        seen = _answers(student, judges)
        rows = _least_r2(_answers(student, self.held), self.ask(self.held)) if len(self.held) > 1 else float("nan")
        agreement = float(np.mean(labels(seen) == labels(truth))) if self.teacher.kind == "log odds" else float("nan")
        kind, classes, box = self.teacher.kind, self.teacher.classes, _least_r2(seen, truth)
        return DistillationResult(
            student, kind, classes, rows, box, agreement, tuple(rounds), self.asked, tuple(self.notes)
        )

    def ask(self, x: Floats) -> Floats:
        """The teacher's answers, blurred if that was asked for."""
        if not self.points.blur:
            self.asked += len(x)
            return self.teacher.values(x, progress=self.progress)
        many = np.repeat(x[None], 16, axis=0)
        many = many + self.points.blur * (self.high - self.low) * self.rng.standard_normal(many.shape)
        self.asked += many.shape[0] * many.shape[1]
        flat = self.teacher.values(np.clip(many, self.low, self.high).reshape(-1, x.shape[1]), progress=self.progress)
        return np.asarray(flat.reshape(16, len(x), -1).mean(0))

    def _more(self, student: KAN, x: Floats, y: Floats, count: int) -> tuple[Floats, Floats]:
        """Probes, and points around those at which the student was worst; all of them are learned from."""
        probes = self.sampler.design(max(count // 2, 4))
        answers = self.ask(probes)
        error = (np.abs(_answers(student, probes) - answers) / (y.std(0) + 1e-300)).max(1)
        worst = np.argsort(error)[::-1][: max(int(WORST_SHARE * len(probes)), 1)]
        near = self.sampler.moved(probes[self.rng.choice(worst, max(count - len(probes), 1))], JITTER_SHARE)
        return np.concatenate([x, probes, near]), np.concatenate([y, answers, self.ask(near)])

    def _student(self, model: KAN | None, outputs: int, seed: int) -> KAN:
        inputs = len(self.low)
        if model is None:
            names = self.teacher.names if len(self.teacher.names) == inputs else None
            shape = [inputs, min(2 * inputs + 1, MAX_HIDDEN_NODES), outputs]
            generator = torch.Generator().manual_seed(seed)
            return KAN(shape, names=names, dtype=torch.float64, generator=generator)
        if (model.inputs, model.outputs) != (inputs, outputs):
            raise ConfigError(
                f"the teacher has {inputs} inputs and {outputs} outputs, the student {model.inputs} and {model.outputs}."
            )
        return model

    def _fitted(self, student: KAN, x: Floats, y: Floats, seed: int, *, first: bool, last: bool) -> KAN:
        """The first round looks for a start, the last for the grid and degree; those between only follow."""
        options = TrainingOptions(
            seed=seed,
            starts=None if first else 1,
            progress=self.progress,
            callbacks=[StopBelow("rmse_train", ERROR_TOLERANCE * float(y.std(0).min()))],
        )
        if not last:
            options = replace(options, grids=None, degree="keep")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)  # fidelity is reported
            return fit(student, x, y, options=options).model

    def _with_slopes(self, student: KAN, x: Floats, y: Floats, judges: Floats, truth: Floats) -> KAN:
        """The student that has learned derivatives, too, where it is closer at points that it has not seen."""
        before = _least_r2(_answers(student, judges), truth)
        if self.teacher.slopes is None or self.points.blur or 1 - before < MIN_UNEXPLAINED_SHARE:
            return student
        some = self.rng.permutation(len(x))[:N_SLOPE_POINTS]
        spread, width = y.std(0) + 1e-300, self.high - self.low
        slopes = self.teacher.slopes(x[some]) * width / spread[:, None]
        unit, reach = torch.as_tensor(spread), torch.as_tensor(width)

        def values(model: KAN, at: Any, known: Any) -> Any:
            return (model(at) - known) / unit.to(at)

        def derivatives(model: KAN, at: Any, known: Any) -> Any:
            found = partials(model, at, *range(model.inputs))
            return torch.cat([each * part / unit for each, part in zip(found, reach, strict=True)], 1) - known

        size = float(np.mean(slopes**2)) or 1.0
        known = slopes.swapaxes(1, 2).reshape(len(some), -1)
        terms = [
            Residual(values, x, data=y, name="values"),
            Residual(derivatives, x[some], weight=0.1 / size, data=known, name="slopes"),
        ]
        options = TrainingOptions(
            starts=1, grids=None, degree="keep", steps=MAX_SLOPE_STEPS, validation=0, progress=self.progress
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            other = solve(student, terms, options=options).model
        after = _least_r2(_answers(other, judges), truth)
        better = after > before
        self.notes.append(
            f"derivatives of the teacher {'were' if better else 'did not help and were not'} learned: 1 - R² {1 - before:.2g} "
            f"without, {1 - after:.2g} with them"
        )
        return other if better else student

    def _look_for_steps(self, student: KAN) -> None:
        through = self.sampler.rows if len(self.sampler.rows) else self.sampler.even(8)
        grid = student.kan_layers[0].basis.resolution
        seen = find_discontinuities(lambda points: self.teacher.values(points), self.low, self.high, through)
        if seen.any and not self.points.blur:
            text = seen.text(student.config.input_names, grid)
            self.notes.append(text)
            warnings.warn(FitWarning(text), stacklevel=4)


def _answers(model: KAN, x: Floats) -> Floats:
    with torch.no_grad():
        return np.asarray(model(torch.as_tensor(x).to(next(model.parameters()))).double().cpu().numpy())


def _least_r2(seen: Floats, truth: Floats) -> float:
    """R² of the output that is worst; of one that does not vary, 1 where it is met and -inf else."""
    left, spread = np.square(seen - truth).sum(0), np.square(truth - truth.mean(0)).sum(0)
    r2 = np.where(spread > 0, 1 - left / np.where(spread > 0, spread, 1.0), np.where(left == 0, 1.0, -np.inf))
    return float(r2.min())
