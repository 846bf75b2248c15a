"""Gaussian processes of classes of many rows: hyperparameters by samples, the mode of all outputs together, and a network of it.

Out-of-fold outputs of other models are near the mode already: at these, and again at the mode of a sample, working responses of
a few hundred rows say how smooth each output is. Then outputs are sums of covariances with some rows (subset of regressors:
Rasmussen & Williams 2006, ch. 8.3.1), `f = m + V a` with `a ~ N(0, I)`. Steps to the mode of all are preconditioned by the
curvature of each, so that covariances are worked out, and their products with themselves summed over the rows, once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from splinework.nn.network import KAN
from splinework.tabular.assembly import Standardisation, combined_network
from splinework.tabular.ensemble import (
    EnsembleSettings,
    ProgressCallback,
    train_ensemble,
    wide_network,
    with_all_inputs,
)
from splinework.tabular.grids import layer_of
from splinework.tabular.stacking import stack
from splinework.tabular.tasks import Regression, Task
from splinework.train.between_rows import draw_points
from splinework.train.covariance import kernel_of
from splinework.train.gaussian_process import MAX_EVIDENCE_ROWS, MAX_EXACT_ROWS, GaussianProcess, fit_process

N_NODES = 500
"""Rows with whose covariances outputs are regressions: of 10,000 rows and eight inputs the log loss of left-out rows is 0.0008
higher than with 1000, in a third of the time."""
MIN_SLOPE = 1e-4
"""Least derivative of a mean by its output, relative to 1: a row beyond says nothing of the output."""
MIN_LEFT = 1e-3
"""Least share of a row's own variance that its output has without it."""
MIN_GAIN_OF_RATES = 1.0
"""What a rate of wrong labels must add to the log likelihood of left-out rows (Akaike 1974)."""
MIN_FREE = 1e-6
"""Least share of a row's own residual that is left beside it."""
HIDDEN_NODES, POINTS_PER_ROW, MIN_POINTS = 48, 1.5, 10_000
"""Hidden nodes of the network that learns from a process by first-order steps, and the points at which it does. Of five classes
of eight inputs it differs by 0.13 from a mean that is uncertain by 0.24: two seconds of steps, where second-order steps on 40
nodes take 150. With 96 nodes or twice the steps it differs by 0.11, and new rows have the same log loss."""
MAX_LEARNING_STEPS, LEARNING_RATE, HELD_OUT_EVERY = 2000, 2e-2, 10
"""Steps of that network, their rate, and one in how many points is held out."""
MAX_STEPS, MIN_GAIN = 100, 1e-6
"""Most steps to the mode, and the share of the loss that a step must gain: a hundredth of a nat of 10,000 rows."""
MAX_CURVATURES, MIN_GAIN_OF_SAMPLES = 20, 1e-10
"""Most curvatures, and the share of the loss that one must gain, where rows are left out: 1e-7 nats of 1000 rows, where losses
of left-out rows were by 100 nats too high after steps to `MIN_GAIN` in single precision."""


@dataclass(frozen=True)
class Mode:
    """Processes of the outputs at the posterior mode.

    Attributes:
        processes: One for each output.
        outputs: The outputs `(n, q)`.
        unseen: Those without each row.
        weights: The working weights.
        variance: Variances of the outputs; None where they are not known yet.
    """

    processes: tuple[GaussianProcess, ...]
    outputs: Tensor
    unseen: Tensor
    weights: Tensor
    variance: Tensor | None = None

    @property
    def moderated(self) -> Tensor:
        """The outputs without each row, of the mean of the probabilities that are open without it."""
        assert self.variance is not None
        without = self.variance / (1 - self.variance * self.weights).clamp_min(MIN_LEFT)
        return moderated(self.unseen, math.pi / 8 * without)


def moderated(outputs: Tensor, variance: Tensor) -> Tensor:
    """The outputs whose probabilities are those of normal ones in the mean, nearly; variances are times `π / 8`."""
    return outputs / (1 + variance).sqrt()


def mode_of_many(
    u: Tensor, y: Tensor, weights: Tensor, task: Task, known: Tensor, used: Tensor, seed: int, nodes: int = N_NODES
) -> Mode:
    """The posterior mode under the likelihood, or that of right labels where this predicts left-out rows of a sample better.

    Args:
        u: Inputs `(n, p)`.
        y: Class indicators `(n, q)`.
        weights: Row weights `(n,)`.
        task: The likelihood.
        known: Outputs of another model which has not seen the row, `(n, q)`; NaN where there are none.
        used: The inputs `(p,)` that processes may depend on.
        seed: Seed of the samples.
        nodes: Rows with whose covariances outputs are regressions.
    """
    generator = torch.Generator().manual_seed(seed)

    def drawn(information: Tensor, count: int) -> Tensor:
        """Draws rows by what they tell, as of rare classes most rows tell next to nothing."""
        return torch.multinomial(information, min(count, len(information)), generator=generator)

    there = torch.nonzero(~known[:, 0].isnan())[:, 0]
    order = there[drawn(_working(task, known[there], y[there], weights[there])[1].sum(1), MAX_EXACT_ROWS)]
    sample = u[order], y[order], weights[order]
    at, processes, tasks = known[order], list[GaussianProcess](), tuple(dict.fromkeys((task.of_right_labels(), task)))
    task = tasks[0]
    for last in (False, True):
        for j in range(y.shape[1]):
            response, information = task.working(at, *sample[1:], j, MIN_SLOPE)
            some = drawn(information, MAX_EVIDENCE_ROWS)
            response, information = response[some], information[some]
            how: dict[str, Any] = {"noise": 1 / float(information.mean()), "changed": True, "is_last": False}
            how["begun"] = processes.pop(0).covariance if last else None
            share = information / information.mean()
            processes.append(fit_process(sample[0][some][:, used], response, weights=share, seed=seed, **how))
        found = [_of_inputs(each, used) for each in processes]
        if not last:
            regressions = _Regressions.of(found, sample[0], sample[0][:nodes], torch.float64)
            tried = []
            for each in tasks:
                mode = regressions.posterior(*sample[1:], each, *regressions.mode(*sample[1:], each, at))
                tried.append((stack(mode.moderated, (), *sample[1:], each).losses, each, mode.outputs))
            # The rates may go to zero while they are judged, so that those which are not needed are no worse.
            gain = float(sample[2] @ (tried[0][0] - tried[-1][0]))
            _, task, at = tried[-1 if gain > MIN_GAIN_OF_RATES else 0]
    start = torch.where(known.isnan(), at.mean(0), known)
    regressions = _Regressions.of(found, u, sample[0][:nodes])
    numbers, outputs = regressions.mode(y, weights, task, start)
    return regressions.posterior(y, weights, task, numbers, outputs)


def learned_network(
    curves: KAN,
    teacher: Callable[[Tensor], Tensor],
    x: Tensor,
    used: Tensor,
    scaling: Standardisation,
    *,
    seed: int,
    max_iter: int,
    on_step: ProgressCallback,
) -> tuple[KAN, Tensor]:
    """A network of one hidden layer beside curves that has learned a function, and that function at the rows, `(n, q)`.

    Args:
        curves: The network of curves, `[p, q]`, from which the function differs less than from a constant.
        teacher: The function of points `(N, p)` in raw units.
        x: The rows `(n, p)` in raw units.
        used: The inputs `(p,)` that hidden nodes see.
        scaling: The units of inputs and outputs.
        seed: Seed of points and values.
        max_iter: Most steps.
        on_step: Called with the steps.
    """
    generator, inputs, layer = torch.Generator().manual_seed(seed), torch.nonzero(used)[:, 0], curves.kan_layers[0]
    moved = curves.input_scaling(x)
    points = draw_points(moved, max(round(POINTS_PER_ROW * len(x)), MIN_POINTS), generator)
    points[: len(x)] = moved
    assert layer.bias is not None
    with torch.no_grad():
        wanted = teacher(curves.input_scaling.inverse(points))
        beside = curves.unit_forward(points)
        left = (wanted - scaling.y_shift) / scaling.y_scale - beside
        spread = max(float(left.std()), torch.finfo(left.dtype).tiny)
    steps = min(max_iter, MAX_LEARNING_STEPS)
    settings = EnsembleSettings((HIDDEN_NODES,), 1, (0.0,), steps, learning_rate=LEARNING_RATE)
    net = wide_network(layer_of(layer, inputs), points[:, inputs], left.shape[1], settings, generator)
    fold = (torch.arange(len(points)) % HELD_OUT_EVERY).clamp_max(1)
    own = points[:, inputs], left / spread, torch.ones_like(left[:, 0]), torch.zeros_like(left)[:, None], fold

    def tell(_: str, step: int, most: int, loss: float) -> bool:
        return on_step("smooth", step, most, loss)

    groups = train_ensemble(net, *own, Regression(), settings, generator, tell)
    net, groups = with_all_inputs(net, groups, layer, inputs)
    like = (
        layer,
        layer.edge_coefficients().detach(),
        layer.bias.detach(),
        net,
        groups,
        (spread,),
        1.0,
        settings,
        scaling,
    )
    return combined_network(*like, curves.config.input_names), wanted[: len(x)]


def _of_inputs(process: GaussianProcess, used: Tensor) -> GaussianProcess:
    """The same process of more inputs, of which its own are those that are `used (inputs,)`."""
    shift = process.shift.new_zeros(len(used)).masked_scatter(used, process.shift)
    scale = process.scale.new_ones(len(used)).masked_scatter(used, process.scale)
    return replace(process, covariance=process.covariance.among(used), shift=shift, scale=scale)


@dataclass(frozen=True)
class _Regressions:
    """Outputs `(n, q)` that are sums of covariances with nodes.

    Attributes:
        processes: A process for each output, of which covariance and units count.
        nodes: The nodes on the scales of each process, `(m, p)`.
        roots: Cholesky factors of their covariances, `(m, m)`.
        values: V of each output, `(n, m)`. Single precision does for many rows, as the prior adds one to curvatures that are sums
            over the rows; not for a sample whose rows are left out, as residuals are divided by what of a row the others leave.
    """

    processes: Sequence[GaussianProcess]
    nodes: Sequence[Tensor]
    roots: Sequence[Tensor]
    values: Sequence[Tensor]

    @classmethod
    def of(
        cls, processes: Sequence[GaussianProcess], u: Tensor, nodes: Tensor, dtype: torch.dtype = torch.float32
    ) -> _Regressions:
        """Those of rows `u (n, p)` with nodes `(m, p)`."""
        scaled, roots, values = [], [], []
        for each in processes:
            z = (nodes - each.shift) / each.scale
            cross, root = kernel_of(each.covariance, (u - each.shift) / each.scale, z)
            assert root is not None
            scaled.append(z)
            roots.append(root)
            values.append(torch.linalg.solve_triangular(root, cross.T, upper=False).mul_(each.spread).to(dtype).T)
        return cls(processes, scaled, roots, values)

    def factors(self, information: Tensor) -> list[Tensor]:
        """Cholesky factors of the curvatures of each output, whose working weights are `information (n, q)`."""
        found = []
        for own, known in zip(self.values, information.T, strict=True):
            rows = own * known.sqrt().to(own)[:, None]
            found.append(torch.linalg.cholesky((rows.T @ rows).double() + torch.eye(own.shape[1]).double()))
        return found

    def outputs(self, numbers: Tensor) -> Tensor:
        """The outputs `(n, q)` of `a (q, m)`."""
        parts = zip(self.processes, self.values, numbers.to(self.values[0]), strict=True)
        return torch.stack([each.centre + (own @ a).double() for each, own, a in parts], dim=1)

    def pulled(self, slopes: Tensor) -> Tensor:
        """Sums over the rows of V times slopes `(n, q)`, `(q, m)`."""
        parts = zip(self.values, slopes.to(self.values[0]).T, strict=True)
        return torch.stack([(slope @ own).double() for own, slope in parts])

    def mode(self, y: Tensor, weights: Tensor, task: Task, start: Tensor) -> tuple[Tensor, Tensor]:
        """The numbers `(q, m)` of the largest posterior density, and the outputs; from outputs `start (n, q)`.

        Of rows in double precision, whose residuals will be divided by what the others leave of them, the curvatures are worked
        out again at every mode that was found, as in Newton's method, until that gains nothing more.
        """
        exact = self.values[0].dtype == torch.float64
        numbers, outputs, loss = self._nearer(y, weights, task, start, None)
        for _ in range(MAX_CURVATURES if exact else 0):
            numbers, outputs, found = self._nearer(y, weights, task, outputs, numbers)
            if loss - found <= MIN_GAIN_OF_SAMPLES * abs(loss):
                break
            loss = found
        return numbers, outputs

    def _nearer(
        self, y: Tensor, weights: Tensor, task: Task, outputs: Tensor, numbers: Tensor | None
    ) -> tuple[Tensor, Tensor, float]:
        """Numbers nearer to the mode, their outputs and the loss, by steps that the curvature at some outputs preconditions."""
        responses, information = _working(task, outputs, y, weights)
        factors = torch.stack(self.factors(information))
        centres = torch.tensor([each.centre for each in self.processes]).double()

        def scaled(flat: Tensor) -> Tensor:
            found: Tensor = torch.linalg.solve_triangular(factors.mT, flat.view(len(factors), -1, 1), upper=True)
            return found[:, :, 0]

        def against(numbers: Tensor) -> Tensor:
            found: Tensor = torch.linalg.solve_triangular(factors, numbers[:, :, None], upper=False)
            return found.flatten()

        def cost(flat: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
            numbers = scaled(torch.from_numpy(flat))
            outputs = self.outputs(numbers)
            loss = weights @ task.loss(outputs, y) + numbers.square().sum() / 2
            slopes = self.pulled(weights[:, None] * task.slope(outputs, y)) + numbers
            return float(loss), against(slopes).numpy()

        first = (
            against(self.pulled(information * (responses - centres)))
            if numbers is None
            else (factors.mT @ numbers[:, :, None]).flatten()
        )
        found = minimize(
            cost,
            first.numpy(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MAX_STEPS, "ftol": MIN_GAIN, "gtol": 0.0},
        )
        numbers = scaled(torch.from_numpy(found.x))
        return numbers, self.outputs(numbers), float(found.fun)

    def posterior(self, y: Tensor, weights: Tensor, task: Task, numbers: Tensor, outputs: Tensor) -> Mode:
        """The processes at the mode, with what they leave open (Rasmussen & Williams 2006, eqs. 5.12 and 8.14)."""
        responses, information = _working(task, outputs, y, weights)
        variance, processes = torch.empty_like(outputs), list[GaussianProcess]()
        for j, factor in enumerate(self.factors(information)):
            part = torch.linalg.solve_triangular(factor.to(self.values[j]), self.values[j].T, upper=False)
            variance[:, j] = part.square_().sum(0).double()
            free = (1 - variance[:, j] * information[:, j]).clamp_min(MIN_FREE)
            own = self.processes[j]
            covariance = own.covariance.with_noise(1 / float(information[:, j].mean()) / own.spread**2)
            loads = torch.linalg.solve_triangular(self.roots[j].T, numbers[j][:, None], upper=True)[:, 0]
            known: dict[str, Any] = {"loads": loads, "nodes": self.nodes[j], "factor": self.roots[j] @ factor}
            left_out = (responses[:, j] - outputs[:, j]) / free
            processes.append(replace(own, covariance=covariance, left_out=left_out, **known))
        unseen = responses - torch.stack([each.left_out for each in processes], dim=1)
        return Mode(tuple(processes), outputs, unseen, information, variance)


def _working(task: Task, outputs: Tensor, y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Working responses and weights of all outputs, `(n, q)` each."""
    found = [task.working(outputs, y, weights, j, MIN_SLOPE) for j in range(y.shape[1])]
    responses, information = (torch.stack(each, dim=1) for each in zip(*found, strict=True))
    return responses, information
