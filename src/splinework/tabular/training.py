"""From rows to one network: additive part, members for what it leaves, and the blend of both.

First every input gets a curve (`additive.py`); then networks learn what curves cannot say (`ensemble.py`), each blind to a fold
of the rows; rows held out say how much of them is true (`stacking.py`), and the result is one network (`assembly.py`). Where
interactions do not help beyond doubt the network stays `[p, q]`, which anybody can read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.errors import ConfigError
from splinework.nn.frame import FramedKAN
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import adapted_knots, refine_coefficients
from splinework.tabular.additive import AdditiveFit, DesignMatrix, fit_additive, make_design, refit_additive
from splinework.tabular.assembly import Standardisation, additive_network, combined_network
from splinework.tabular.continuation import continue_training
from splinework.tabular.ensemble import EnsembleSettings, ProgressCallback, train_ensemble, wide_network
from splinework.tabular.rows import Floats
from splinework.tabular.stacking import stack
from splinework.tabular.tasks import Multiclass, Task

FOLDS = 6
HIDDEN = 8
CURVED = 10
"""Intervals of a curve, where there are not too many inputs."""
FEWEST = 30
"""Rows below which interactions are not looked for unless asked for."""
ANEW = 3000
"""Rows up to which variances are found anew for every fold."""
WIDTH, WIDTH_CLASSES = 600, 300
"""Columns of the additive part's design: a round costs their cube, with several classes for each of them."""
KNOTS = 256
"""Intervals of all many-valued inputs of the members together; each has 16 to 64."""
GRID_EPS = 0.1
"""Grids by quantiles, a little evened out."""


@dataclass(frozen=True)
class Hyperparameters:
    """What a user may say of the network.

    Attributes:
        hidden: Hidden nodes of each member, one number per layer; 0 or () for an additive network; `auto` lets held-out rows
            say whether there are any.
        grid: Intervals of the inputs' splines, or `auto`.
        degree: Degree of the splines.
        members: Networks that are averaged into one, or `auto`.
        max_iter: Most steps of their training.
    """

    hidden: int | Sequence[int] | str = "auto"
    grid: int | str = "auto"
    degree: int = 3
    members: int | str = "auto"
    max_iter: int = 5000

    def layers(self) -> tuple[int, ...] | None:
        """Nodes of the hidden layers that the user wants; None leaves it to held-out rows.

        Raises:
            ConfigError: If it is a word that means nothing.
        """
        if self.hidden == "auto":
            return None
        if isinstance(self.hidden, str):
            raise ConfigError(f"hidden is 'auto', a number of nodes or one number per layer, got {self.hidden!r}.")
        nodes = (self.hidden,) if isinstance(self.hidden, int) else tuple(self.hidden)
        return nodes if nodes != (0,) else ()


@dataclass(frozen=True)
class TrainedNetwork:
    """A fit.

    Attributes:
        model: The network in float64: raw numbers out for a regression, else calibrated logits.
        loss: Mean loss: of rows held out where there were any, else of the rows themselves. In units of the targets' spread.
        steps: Steps of training.
        history: Records `{"stage", "step", "loss"}`.
    """

    model: KAN | FramedKAN
    loss: float
    steps: int
    history: list[dict[str, Any]] = field(default_factory=list)


def train(
    x: Floats,
    y: NDArray[Any],
    weights: Floats,
    *,
    task: Task,
    settings: Hyperparameters,
    seed: int,
    groups: Sequence[Sequence[int]] | None = None,
    listen: ProgressCallback | None = None,
    start: KAN | None = None,
    names: Sequence[str] | None = None,
) -> TrainedNetwork:
    """Fits a network to rows.

    The result depends on the rows as a sorted set with weights, on the settings and the seed, and on nothing else.

    Args:
        x: `(n, p)`, finite.
        y: `(n, q)` numbers of a regression, or `(n,)` codes of classes.
        weights: `(n,)`, above 0; only their ratios matter.
        task: Regression, binary or multi-class.
        settings: What the user said.
        seed: Seed of folds, starts and orders.
        groups: Inputs that are levels of one category.
        listen: Called with stage, step, steps and loss; True ends the stage.
        start: A network to go on from: its grids stay.
        names: Of the inputs.

    Raises:
        ConfigError: If `grid`, `degree` or `hidden` make no sense.
    """
    raw_x, w = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(np.asarray(weights) / np.mean(weights))
    raw_y = targets_of(y, task)
    unscaled = torch.zeros(raw_y.shape[1]).double(), torch.ones(raw_y.shape[1]).double()
    units = Standardisation(*_moments(raw_x, w), *(_moments(raw_y, w) if task.is_regression else unscaled))
    u, t = (raw_x - units.x_shift) / units.x_scale, (raw_y - units.y_shift) / units.y_scale
    job = _NetworkFit(raw_x, raw_y, u, t, w, units, task, settings, seed, groups or (), names)
    heard = TrainingLog(listen)
    if start is not None:
        loss, steps, model = continue_training(
            start, job.raw_x, job.raw_y, job.weights, task, settings.max_iter, seed, heard
        )
        return TrainedNetwork(model, loss, steps, heard.history)
    return job.run(heard)


class TrainingLog:
    """Passes on what the listener is told, and keeps it."""

    def __init__(self, listen: ProgressCallback | None) -> None:
        self._listen, self.history = listen, list[dict[str, Any]]()

    def __call__(self, stage: str, step: int, steps: int, loss: float) -> bool:
        self.history.append({"stage": stage, "step": step, "loss": loss})
        return bool(self._listen(stage, step, steps, loss)) if self._listen is not None else False


@dataclass(frozen=True)
class _NetworkFit:
    """The rows in network units, and what to do with them."""

    raw_x: Tensor
    raw_y: Tensor
    u: Tensor
    t: Tensor
    weights: Tensor
    units: Standardisation
    task: Task
    settings: Hyperparameters
    seed: int
    groups: Sequence[Sequence[int]]
    names: Sequence[str] | None

    def run(self, heard: TrainingLog) -> TrainedNetwork:
        layer = self._layer()
        design = make_design(layer, self.u, self.weights, self.groups)
        whole = fit_additive(design, self.t, self.weights, self.task)
        loss = float(self.weights @ self.task.loss(whole.values(design), self.t)) / len(self.t)
        hidden = self._hidden()
        if heard("curves", 1, 1, loss) or not hidden:
            return TrainedNetwork(self._additive(layer, design, whole, 1.0), loss, 1, heard.history)
        generator = torch.Generator().manual_seed(self.seed)
        course = self._course(hidden)
        folds = max(FOLDS, course.members)
        fold = torch.randperm(len(self.t), generator=generator) % folds
        parts = [self._without(whole, design, fold == k) for k in range(course.members)]
        offsets = torch.stack([part.values(design) for part in parts], dim=1)
        finer = self._finer(layer)
        net = wide_network(finer, self.u, self.t.shape[1], course, generator)
        groups = train_ensemble(net, self.u, self.t, self.weights, offsets, fold, self.task, course, generator, heard)
        held = torch.nonzero(fold < course.members)[:, 0]
        base, corrections = offsets[held, fold[held]], [group.unseen[held] for group in groups]
        mixture = stack(base, corrections, self.t[held], self.weights[held], self.task)
        steps = heard.history[-1]["step"]
        if not any(mixture.shares) or (self.settings.hidden == "auto" and not mixture.pays):
            return TrainedNetwork(
                self._additive(layer, design, whole, mixture.sharpness), mixture.loss, steps, heard.history
            )
        curves = design.coefficients(torch.stack([part.numbers for part in parts]).mean(0))
        bias = torch.stack([part.bias for part in parts]).mean(0)
        shares, sharp = mixture.shares, mixture.sharpness
        model = combined_network(layer, curves, bias, net, groups, shares, sharp, course, self.units, self.names)
        return TrainedNetwork(model, mixture.loss, steps, heard.history)

    def _without(self, whole: AdditiveFit, design: DesignMatrix, held: Tensor) -> AdditiveFit:
        """The additive part as rows not held out have it.

        Variances that have seen the rows held out flatter them: little where rows are many, and there they stay.
        """
        seen = self.weights * ~held
        if len(self.t) > ANEW:
            return refit_additive(whole, design, self.t, seen, self.task)
        return fit_additive(design, self.t, seen, self.task)

    def _hidden(self) -> tuple[int, ...]:
        hidden = self.settings.layers()
        if hidden is None:
            # One node more for every second output beyond the first few: they share hidden nodes.
            return (max(HIDDEN, min(2 * HIDDEN, 2 * self.t.shape[1])),) if len(self.t) >= FEWEST else ()
        return hidden if len(self.t) > 1 else ()

    def _course(self, hidden: tuple[int, ...]) -> EnsembleSettings:
        count = len(self.t)
        members = FOLDS if self.settings.members == "auto" else int(self.settings.members)
        steps = min(self.settings.max_iter, max(300, min(4 * count, max(2000, count // 5))))
        return EnsembleSettings(hidden, min(members, count), steps=steps, batch=256 if count <= 10_000 else 512)

    def _layer(self) -> KANLayer:
        """The additive part's layer: no numbers yet, but the grid."""
        inputs = self.u.shape[1]
        many = self._many_valued()
        room = (WIDTH_CLASSES if isinstance(self.task, Multiclass) else WIDTH) - (inputs - many)
        auto = max(1, min(CURVED, room // max(many, 1) - 2))
        grid = auto if self.settings.grid == "auto" else int(self.settings.grid)
        layer = self._empty(grid, self.t.shape[1])
        low, high = self.u.min(0).values, self.u.max(0).values
        high = torch.where(high > low, high, low + 1.0)
        layer.grid.copy_(adapted_knots(self.u, grid, self.settings.degree, grid_eps=GRID_EPS, low=low, high=high))
        layer.refresh()
        return layer

    def _finer(self, layer: KANLayer) -> KANLayer:
        """The members' first grid, a refinement of the additive part's."""
        factor = 1
        if self.settings.grid == "auto":
            wanted = max(16, min(64, KNOTS // max(self._many_valued(), 1)))
            factor = max(1, round(wanted / layer.basis.resolution))
        finer = self._empty(factor * layer.basis.resolution, 1)
        finer.grid.copy_(refine_coefficients(layer.grid, layer.edge_coefficients(), self.settings.degree, factor)[0])
        finer.refresh()
        return finer

    def _empty(self, grid: int, outputs: int) -> KANLayer:
        """A layer that is there for its grid."""
        degree = self.settings.degree
        like: dict[str, Any] = {"dtype": torch.float64, "generator": torch.Generator()}
        return KANLayer(self.u.shape[1], outputs, grid=grid, degree=degree, base="none", **like)

    def _many_valued(self) -> int:
        return sum(len(torch.unique(column)) > 2 for column in self.u.T)

    def _additive(self, layer: KANLayer, design: DesignMatrix, found: AdditiveFit, sharpness: float) -> KAN:
        curves, bias = design.coefficients(found.numbers), found.bias
        return additive_network(layer, sharpness * curves, sharpness * bias, self.units, self.names)


def targets_of(y: NDArray[Any], task: Task, classes: int = -1) -> Tensor:
    """`(n, q)`: numbers, or indicators of classes, as many as occur unless it is said how many there are."""
    if task.is_regression:
        return torch.from_numpy(np.ascontiguousarray(y, dtype=np.float64))
    codes = torch.from_numpy(np.asarray(y).astype(np.int64))
    if isinstance(task, Multiclass):
        return torch.nn.functional.one_hot(codes, classes).double()
    return codes.double()[:, None]


def _moments(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted means and spreads of columns; the spread of a constant is 1."""
    share = weights / weights.sum()
    mean = share @ values
    spread = torch.sqrt(share @ (values - mean) ** 2)
    floor = 1e-12 * values.abs().amax(0)
    return mean, torch.where(spread > floor, spread, torch.ones_like(spread))
