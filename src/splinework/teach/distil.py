"""From any trained model to a KAN: the teacher is asked at points of our choice, and the student is fitted to its answers.

How close the student comes is told twice, on rows like the real ones and all over the box, and always at points that it has
not learned from.
"""

import warnings
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import qmc

from splinework.errors import ConfigError, DataError, FitWarning, ShapeError
from splinework.jets import partials
from splinework.network import KAN
from splinework.teach.black_box import BlackBox, black_box, labels
from splinework.teach.steps import steps_of
from splinework.train.fit import fit
from splinework.train.residual import Residual
from splinework.train.solve import solve

Floats = NDArray[np.float64]

HELD_OUT, JUDGES, MOST_ROWS = 0.2, 1024, 4096
"""Share of the real rows that only judge, points of the box that only judge, and most real rows used at all."""
BEGUN, WORST = 0.6, 0.1
"""Share of the points before the first adaptive round; share of a round's probes around which its other half is put."""
NEAR = 0.05
"""How far from a bad point others are put, in units of the box."""
WIDEST = 12
"""Hidden nodes of the usual student, at most."""
SLOPE_POINTS, SLOPE_STEPS = 600, 60
"""Points at which derivatives are learned, and steps for it."""
EXACT = 1e-10
"""With less than this share of the variance left there is nothing that derivatives could improve."""


@final
@dataclass(frozen=True)
class Points:
    """Where a teacher is asked.

    Attributes:
        total: How many points, all rounds together.
        rows: Share of real rows with some jitter; goes to the box where there are none.
        box: Share of points spread evenly over the box.
        faces: Share on its faces and corners, so that the student does not go beyond what it knows silently.
        jitter: Of real rows, as a share of each input's range.
        rounds: After the first fit, so many times points are added where the student is worst.
        blur: The teacher is averaged over inputs moved by this share of their range, 16 times; smooths steps. 0 takes it as is.

    Raises:
        ConfigError: If a number is out of range.
    """

    total: int = 2000
    rows: float = 0.5
    box: float = 0.3
    faces: float = 0.2
    jitter: float = 0.05
    rounds: int = 2
    blur: float = 0.0

    def __post_init__(self) -> None:
        if not (isinstance(self.total, int) and self.total >= 16):
            raise ConfigError(f"total is a number of points, at least 16, got {self.total!r}.")
        if not (isinstance(self.rounds, int) and self.rounds >= 0):
            raise ConfigError(f"rounds is a whole number, 0 or more, got {self.rounds!r}.")
        for name in ("rows", "box", "faces", "jitter", "blur"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} of Points must not be negative, got {getattr(self, name)!r}.")
        if self.box + self.faces <= 0:
            raise ConfigError("some points must lie in the box or on its faces: give box or faces a share above 0.")


@final
@dataclass(frozen=True)
class Distilled:
    """A student and how close it is.

    Attributes:
        model: The student.
        kind: What it learned: `values`, or `log odds` of a classifier.
        classes: Labels, in the order of the log odds.
        rows: R² on real rows that it has not seen, the least of the outputs'; NaN without real rows.
        box: R² on fresh points spread over the box.
        agreement: Share of the box's points at which student and teacher name the same class; NaN for values.
        rounds: Per round the points learned from so far, and R² on the box.
        asked: How many answers the teacher gave in all.
        notes: What one should know.
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
    points: Points | None = None,
    output: str | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Distilled:
    """Fits a KAN to what a teacher answers.

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
        `Distilled(.model, .rows, .box, .notes, …)`.

    Raises:
        ConfigError: Without rows and box, for a teacher that is none, or a student of another shape.
        ShapeError: If rows, box and answers do not fit together.
        DataError: If answers are no finite numbers.
        FileError: If an ONNX file cannot be read.

    >>> found = distil(lambda x: np.sin(3 * x[:, 0]), box=[(-1, 1)], points=Points(200), progress=False)
    >>> found.box > 0.9999
    True
    """
    points = points or Points()
    rows, low, high = _domain(x, box)
    if teacher is None:
        raise ConfigError("distil takes a teacher first: distil(teacher, x).")
    asked = black_box(teacher, len(low), output=output)
    course = _Course(asked, points, rows, low, high, np.random.default_rng(seed), progress)
    with torch.inference_mode(False):
        return course.take(model, seed)


class _Course:
    """What one student goes through.

    Args:
        teacher: Who is asked.
        points: Where.
        rows: Real rows, `(n, p)`, none where there are none.
        low: Lower ends of the box.
        high: Upper ends.
        rng: Source of all that is random.
        progress: Whether fits show progress.
    """

    def __init__(
        self, teacher: BlackBox, points: Points, rows: Floats, low: Floats, high: Floats, rng: Any, progress: bool
    ) -> None:
        self.teacher, self.points, self.low, self.high = teacher, points, low, high
        self.rng, self.progress, self.asked = rng, progress, 0
        order = rng.permutation(len(rows))[:MOST_ROWS]
        out = int(round(HELD_OUT * len(order))) if len(order) >= 5 else 0
        self.held, self.rows = rows[order[:out]], rows[order[out:]]
        self.notes: list[str] = []

    def take(self, model: KAN | None, seed: int) -> Distilled:
        """All rounds."""
        points = self.points
        judges = self._even(JUDGES)
        truth = self.ask(judges)
        x = self.design(round(BEGUN * points.total) if points.rounds else points.total)
        y = self.ask(x)
        student = self._student(model, y.shape[1], seed)
        told: list[tuple[int, float]] = []
        share = points.total - len(x)
        for number in range(points.rounds + 1):
            student = self._fitted(student, x, y, seed, None if number == 0 else 1)
            told.append((len(x), _least_r2(_answers(student, judges), truth)))
            if number < points.rounds:
                x, y = self._more(student, x, y, share // points.rounds)
        student = self._with_slopes(student, x, y, judges[::2], truth[::2])
        self._look_for_steps(student)
        seen = _answers(student, judges)
        rows = _least_r2(_answers(student, self.held), self.ask(self.held)) if len(self.held) > 1 else float("nan")
        agreement = float(np.mean(labels(seen) == labels(truth))) if self.teacher.kind == "log odds" else float("nan")
        return Distilled(
            student,
            self.teacher.kind,
            self.teacher.classes,
            rows,
            _least_r2(seen, truth),
            agreement,
            tuple(told),
            self.asked,
            tuple(self.notes),
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

    def design(self, count: int) -> Floats:
        """Points of all three kinds."""
        shares = np.array([self.points.rows if len(self.rows) else 0.0, self.points.box, self.points.faces])
        if not len(self.rows):
            shares[1] += self.points.rows
        near, even, faces = (int(part) for part in np.round(count * shares / shares.sum()))
        parts = [self._even(even), self._faces(faces)]
        if near:
            drawn = self.rows[self.rng.integers(0, len(self.rows), near)]
            parts.append(self._moved(drawn, self.points.jitter))
        return np.concatenate(parts)

    def _moved(self, x: Floats, share: float) -> Floats:
        away = share * (self.high - self.low) * self.rng.standard_normal(x.shape)
        return np.asarray(np.clip(x + away, self.low, self.high))

    def _even(self, count: int) -> Floats:
        if not count:
            return np.zeros((0, len(self.low)))
        sobol = qmc.Sobol(len(self.low), seed=int(self.rng.integers(2**31)))
        drawn = sobol.random_base2(max(int(np.ceil(np.log2(count))), 0))[:count]
        return np.asarray(self.low + (self.high - self.low) * drawn)

    def _faces(self, count: int) -> Floats:
        """On the faces; a quarter of them in corners."""
        drawn = self.rng.random((count, len(self.low)))
        corners = count // 4
        drawn[:corners] = drawn[:corners].round()
        side = self.rng.integers(0, len(self.low), count)
        drawn[np.arange(count), side] = drawn[np.arange(count), side].round()
        return np.asarray(self.low + (self.high - self.low) * drawn)

    def _more(self, student: KAN, x: Floats, y: Floats, count: int) -> tuple[Floats, Floats]:
        """Probes, and points around those at which the student was worst; all of them are learned from."""
        probes = self.design(max(count // 2, 4))
        answers = self.ask(probes)
        error = (np.abs(_answers(student, probes) - answers) / (y.std(0) + 1e-300)).max(1)
        worst = np.argsort(error)[::-1][: max(int(WORST * len(probes)), 1)]
        near = self._moved(probes[self.rng.choice(worst, max(count - len(probes), 1))], NEAR)
        return np.concatenate([x, probes, near]), np.concatenate([y, answers, self.ask(near)])

    def _student(self, model: KAN | None, outputs: int, seed: int) -> KAN:
        inputs = len(self.low)
        if model is None:
            names = self.teacher.names if len(self.teacher.names) == inputs else None
            shape = [inputs, min(2 * inputs + 1, WIDEST), outputs]
            generator = torch.Generator().manual_seed(seed)
            return KAN(shape, names=names, dtype=torch.float64, generator=generator)
        if (model.inputs, model.outputs) != (inputs, outputs):
            raise ConfigError(
                f"the teacher has {inputs} inputs and {outputs} outputs, the student {model.inputs} and {model.outputs}."
            )
        return model

    def _fitted(self, student: KAN, x: Floats, y: Floats, seed: int, starts: int | None) -> KAN:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)  # fidelity is told
            return fit(student, x, y, seed=seed, starts=starts, progress=self.progress).model

    def _with_slopes(self, student: KAN, x: Floats, y: Floats, judges: Floats, truth: Floats) -> KAN:
        """The student that has learned derivatives, too, where it is closer at points that it has not seen."""
        before = _least_r2(_answers(student, judges), truth)
        if self.teacher.slopes is None or self.points.blur or 1 - before < EXACT:
            return student
        some = self.rng.permutation(len(x))[:SLOPE_POINTS]
        spread, width = y.std(0) + 1e-300, self.high - self.low
        slopes = self.teacher.slopes(x[some]) * width / spread[:, None]
        unit, reach = torch.as_tensor(spread), torch.as_tensor(width)

        def values(model: KAN, at: Any, known: Any) -> Any:
            return (model(at) - known) / unit.to(at)

        def derivatives(model: KAN, at: Any, known: Any) -> Any:
            found = partials(model, at, *range(model.inputs))
            return torch.cat([each * part / unit for each, part in zip(found, reach, strict=True)], 1) - known

        size = float(np.mean(slopes**2)) or 1.0
        terms = [
            Residual(values, x, data=y, name="values"),
            Residual(derivatives, x[some], weight=0.1 / size, data=slopes.swapaxes(1, 2).reshape(len(some), -1), name="slopes"),
        ]
        options: dict[str, Any] = {"starts": 1, "grids": None, "degree": "keep", "steps": SLOPE_STEPS, "validation": 0}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            other = solve(student, terms, progress=self.progress, **options).model
        after = _least_r2(_answers(other, judges), truth)
        better = after > before
        self.notes.append(
            f"derivatives of the teacher {'were' if better else 'did not help and were not'} learned: 1 - R² {1 - before:.2g} "
            f"without, {1 - after:.2g} with them"
        )
        return other if better else student

    def _look_for_steps(self, student: KAN) -> None:
        through = self.rows if len(self.rows) else self._even(8)
        grid = student.kan_layers[0].basis.resolution
        seen = steps_of(lambda points: self.teacher.values(points), self.low, self.high, through)
        if seen.any and not self.points.blur:
            text = seen.text(student.config.input_names, grid)
            self.notes.append(text)
            warnings.warn(FitWarning(text), stacklevel=4)


def _domain(x: Any, box: Any) -> tuple[Floats, Floats, Floats]:
    """Real rows and the ends of the box."""
    if x is None and box is None:
        raise ConfigError("distil needs real rows x, or a box of (low, high) per input, to know where to ask the teacher.")
    rows = np.zeros((0, 0))
    if x is not None:
        try:
            rows = np.asarray(x.detach().cpu() if isinstance(x, torch.Tensor) else x, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"x must be numbers of shape (rows, inputs); {error}.") from error
        if rows.ndim != 2 or not len(rows):
            raise ShapeError(f"x has the shape (rows, inputs), with at least one row, got {rows.shape}.")
        if not np.isfinite(rows).all():
            raise DataError("x has values that are not finite numbers; drop or fill those rows first.")
    ends = np.stack([rows.min(0), rows.max(0)], 1) if box is None else np.asarray(box, dtype=np.float64)
    if ends.ndim != 2 or ends.shape[1] != 2 or (len(rows) and len(ends) != rows.shape[1]):
        raise ShapeError(f"box has (low, high) per input, got an array of shape {ends.shape} for rows of shape {rows.shape}.")
    if not (np.isfinite(ends).all() and (ends[:, 0] <= ends[:, 1]).all()):
        raise ConfigError(f"box has finite ends, low before high, got {ends.tolist()}.")
    return (rows if len(rows) else np.zeros((0, len(ends)))), ends[:, 0], ends[:, 1]


def _answers(model: KAN, x: Floats) -> Floats:
    with torch.no_grad():
        return np.asarray(model(torch.as_tensor(x).to(next(model.parameters()))).double().cpu().numpy())


def _least_r2(seen: Floats, truth: Floats) -> float:
    """R² of the output that is worst; of one that does not vary, 1 where it is met and -inf else."""
    left, spread = np.square(seen - truth).sum(0), np.square(truth - truth.mean(0)).sum(0)
    r2 = np.where(spread > 0, 1 - left / np.where(spread > 0, spread, 1.0), np.where(left == 0, 1.0, -np.inf))
    return float(r2.min())
