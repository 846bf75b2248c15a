"""Diagnostics of a fit: pure functions of its results, each of which returns one finding or None."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import final

import torch
from scipy.special import fdtri
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.callbacks import Step
from splinework.train.penalties import Penalty, Roughness

MIN_VALUES_PER_PARAMETER = 2.0
"""With fewer numbers to fit per parameter, a spline follows the noise more than the function."""
N_SCANNED_ROWS = 20_000
"""Rows that are looked through first, one by one."""
MAX_CODES = 10
"""A column with at most this number of distinct values, each repeated, is a code: nothing lies between them."""
MIN_IMPROVEMENT, N_WINDOW_STEPS = 0.1, 10
"""A fit that still gains this share of the objective within this number of steps has not converged."""
MAX_NEGLIGIBLE_SHARE = 1e-6
"""Share of y's variance below which an error is too small for a warning to help."""
MAX_UNEXPLAINED_SHARE = 0.9
"""Share of y's variance that a fit leaves if it has learned next to nothing."""
MAX_OUTSIDE_SHARE, MAX_HIDDEN_OUTSIDE_SHARE = 0.02, 0.25
"""Share of the rows of one input, and of the activations of a hidden layer, that may lie outside their grids."""
MAX_ERROR_RATIO, SIGNIFICANCE_LEVEL = 2.0, 1e-3
"""Largest ratio of held-out to training error that is not a sign of overfitting, and the level of the F-test beyond it."""
MAX_HARMLESS_ERROR = 1e-2
"""A held-out error below this share of y's standard deviation does no harm, however small the training error."""


@final
@dataclass(frozen=True)
class Finding:
    """One thing that the user should know.

    Attributes:
        kind: `parameters`, `cells`, `convergence`, `grid` or `validation`.
        text: A sentence that names what came, and the way out.
    """

    kind: str
    text: str


@torch.no_grad()
def diagnose(
    model: KAN,
    u: Tensor,
    t: Tensor,
    *,
    steps: Sequence[Step] = (),
    cut_short: bool = False,
    held_out: tuple[Tensor, Tensor] | None = None,
    judged: KAN | None = None,
    penalties: Sequence[Penalty] = (),
    squared: bool = True,
    sampled: bool = False,
    taught: bool = False,
) -> list[Finding]:
    """Everything found about a fit, at most one finding per kind; an ordinary good fit has none.

    Args:
        model: As it is handed back.
        u: Rows that the fit learned from, without the held-out ones, `(N, inputs)` in network units.
        t: Their outputs in network units, `(N, outputs)`.
        steps: Those of the history.
        cut_short: Whether the fit ended because its steps or its time were used up.
        held_out: Rows `(u, t)` by which states were chosen, or None.
        judged: The state that had not seen the held-out rows, where a last polish has put them in; None is the model.
        penalties: Those of the fit.
        squared: Whether the loss is the squared error; else errors are not compared.
        sampled: Whether the rows are a sample of those that the fit learned from: it says nothing about there being too few.
        taught: Whether a smooth estimate taught the network: rows need not determine its numbers, and may be met exactly.
    """
    judge = model if judged is None else judged
    everything = u if held_out is None else torch.cat([u, held_out[0]])
    numbers = len(everything if judged is not None else u) * model.outputs
    found = [
        None if sampled or taught else few_numbers(model, numbers, penalties),
        None if sampled or taught else empty_cells(model, everything, penalties),
        convergence(steps, judge, held_out or (u, t), cut_short=cut_short, squared=squared),
        outside_grid(model, everything),
        overfitting(judge, (u, t), held_out) if squared and held_out is not None and not taught else None,
    ]
    return [finding for finding in found if finding is not None]


def few_numbers(model: KAN, numbers: int, penalties: Sequence[Penalty] = ()) -> Finding | None:
    """Whether there are too few numbers to fit for the independent parameters, with no smoothing to make up for it."""
    parameters = independent_parameters(model)
    if numbers >= MIN_VALUES_PER_PARAMETER * parameters or _smoothed(penalties):
        return None
    return Finding(
        "parameters",
        f"{numbers} numbers to fit are few for {parameters} independent parameters (at least "
        f"{math.ceil(MIN_VALUES_PER_PARAMETER * parameters)} are needed to average noise out); take more rows, a smaller grid "
        "or fewer nodes, or penalties=[Roughness()].",
    )


def independent_parameters(model: KAN) -> int:
    """Parameters that change the outputs: a constant in an edge does what the constant of its sum does already."""
    total = 0
    for layer in model.kan_layers:
        edges, size = int((layer.mask != 0).sum()), layer.basis.size + (layer.base_weight is not None)
        total += edges * (size - 1 if layer.bias is not None else size)
        total += int((layer.mask != 0).any(0).sum()) if layer.bias is not None else 0
        total += 0 if layer.functions is None else sum(numbers.numel() for numbers in layer.functions.parameters())
    return total


def empty_cells(model: KAN, u: Tensor, penalties: Sequence[Penalty] = ()) -> Finding | None:
    """Inputs whose rows leave coefficients of the first layer undetermined, by the condition of Schoenberg and Whitney.

    The coefficients of a spline are determined if and only if each basis function can be given a row of its own inside
    its support, `t_m < x_(m) < t_{m+k+1}` (de Boor 2001, ch. XIII).
    """
    layer = model.kan_layers[0]
    if layer.basis.degree is None or _smoothed(penalties):
        return None
    few = u[:: len(u) // N_SCANNED_ROWS + 1]
    if len(few) < len(u) and empty_cells(model, few, penalties) is None:
        return None  # what some rows determine, more do
    knots, columns = layer.knots().detach(), layer.squash(u)
    low, high = layer.basis.domain(knots)
    texts = []
    for i in range(layer.inputs):
        if not bool((layer.mask[i] != 0).any()):
            continue
        values = columns[:, i].clamp(low[i], high[i]).unique()  # sorted
        if len(values) <= MAX_CODES and 2 * len(values) <= len(u):
            continue
        free = layer.basis.size - n_matched_sorted(values, knots[i], layer.basis.degree)
        if free:
            texts.append(
                f"{model.config.input_names[i]} ({free} of {layer.basis.size} undetermined"
                f"{_gap(model, values, knots, layer.basis.degree, i)})"
            )
    if not texts:
        return None
    return Finding(
        "cells",
        f"the rows leave coefficients of the grid undetermined in the column{'s' * (len(texts) > 1)} {', '.join(texts)}; "
        "take rows there, a smaller grid, adapt(model, x), input_scales=['log', …] for a skewed column, or "
        "penalties=[Roughness()].",
    )


def n_matched_sorted(values: Tensor, knots: Tensor, degree: int) -> int:
    """How many basis functions get a value of their own, of the sorted different values; each takes the first it can."""
    size, taken, position = len(knots) - degree - 1, 0, 0
    points, ends = values.tolist(), knots.tolist()
    for m in range(size):
        while position < len(points) and points[position] <= ends[m]:
            position += 1
        if position < len(points) and points[position] < ends[m + degree + 1]:
            taken, position = taken + 1, position + 1
    return taken


def _gap(model: KAN, values: Tensor, knots: Tensor, degree: int, i: int) -> str:
    """The longest run of cells without rows, in raw units, as a text."""
    points = knots[i, degree : knots.shape[1] - degree]
    counts = torch.histogram(values.double().cpu(), points.double().cpu()).hist.tolist()
    best, start = (0, 0), 0
    for cell, count in enumerate([*counts, 1.0]):
        if count:
            best, start = max(best, (cell - start, -start)), cell + 1
    length, first = best[0], -best[1]
    if not length:
        return ""
    ends = points.new_zeros(2, model.inputs)
    ends[0, i], ends[1, i] = points[first], points[first + length]
    low, high = model.input_scaling.inverse(ends)[:, i].tolist()
    return f", no rows between {low:.4g} and {high:.4g}"


@torch.no_grad()
def convergence(
    steps: Sequence[Step], judge: KAN, rows: tuple[Tensor, Tensor], *, cut_short: bool, squared: bool = True
) -> Finding | None:
    """Whether the fit was cut short while it was improving, or ended with next to nothing learned.

    Improvement is that of what states are chosen by: the lowest held-out error so far, or the objective.
    """
    share = _unexplained(judge, *rows) if squared else math.nan
    stage = list(takewhile(lambda step: step.stage == steps[-1].stage, reversed(steps)))[::-1]
    if cut_short and len(stage) > 2 and not share < MAX_NEGLIGIBLE_SHARE:
        scores = [step.rmse_validation**2 for step in stage]
        if not all(math.isfinite(score) for score in scores):
            scores = [step.objective for step in stage]
        window = min(N_WINDOW_STEPS, len(scores) - 1)
        before, after = min(scores[: len(scores) - window]), min(scores)
        gained = 1 - after / before if before > 0 else 0.0
        if gained > MIN_IMPROVEMENT * window / N_WINDOW_STEPS:
            return Finding(
                "convergence",
                f"the fit had not converged when it was cut short: its last {window} steps lowered the error by "
                f"{gained:.0%}; give it more steps or a larger budget, or leave both out.",
            )
    if share > MAX_UNEXPLAINED_SHARE and steps and not judge.active_edges():
        return Finding(
            "convergence",
            "nothing predicts y better than its mean on rows that the fit had not seen, so the model is the mean: the inputs may "
            f"not determine y, or {len(rows[0])} rows are too few to show how.",
        )
    if share > MAX_UNEXPLAINED_SHARE and steps:
        return Finding(
            "convergence",
            f"the fit ended with {max(1 - share, 0):.0%} of the variance of y explained; either the inputs do not determine y, "
            "or the optimiser stalled: try another seed, more starts, a finer grid or more nodes.",
        )
    return None


@torch.no_grad()
def outside_grid(model: KAN, u: Tensor) -> Finding | None:
    """Whether activations lie outside their grid, where an edge is only its tail."""
    texts, ways = [], []
    for number, (layer, nodes) in enumerate(zip(model.kan_layers, model.config.nodes[1:], strict=True), start=1):
        low, high = layer.basis.domain(layer.knots())
        room, alive = 1e-6 * (high - low), (layer.mask != 0).any(1)
        shares = ((u < low - room) | (u > high + room)).double().mean(0) * alive
        if layer.grid_kind == "normalised":  # squashed into it
            shares = torch.zeros_like(shares)
        mean = float(shares.sum() / alive.sum().clamp_min(1))
        if number == 1:
            names = zip(model.config.input_names, shares.tolist(), strict=True)
            texts += [f"{share:.0%} of the rows of {name}" for name, share in names if share > MAX_OUTSIDE_SHARE]
            ways += ["fit with standardise=True"] * bool(texts)
        elif mean > MAX_HIDDEN_OUTSIDE_SHARE:
            texts.append(f"{mean:.0%} of the activations that enter layer {number}")
            ways.append("give the fit more steps, in which grids follow, or optimiser='lm'")
            if layer.grid_kind != "adaptive":
                ways[-1] = f"make the network with grid_kind='adaptive' instead of '{layer.grid_kind}'"
        u = nodes.combine(layer(u))
    if not texts:
        return None
    return Finding(
        "grid",
        f"outside the grid, where an edge is only its {model.kan_layers[0].extrapolation} tail, lie {' and '.join(texts)}; "
        f"{', and '.join(dict.fromkeys(ways))}.",
    )


@torch.no_grad()
def overfitting(judge: KAN, used: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor] | None) -> Finding | None:
    """Whether the error on held-out rows is much larger than on those of the fit, beyond what chance explains (F-test)."""
    if held_out is None or len(held_out[0]) < 2:
        return None
    training, error = (float((judge.unit_forward(u) - t).square().mean()) for u, t in (used, held_out))
    chance = float(fdtri(held_out[1].numel(), used[1].numel(), 1 - SIGNIFICANCE_LEVEL))
    if not error > max(MAX_ERROR_RATIO**2, chance) * training or _unexplained(judge, *held_out) < MAX_HARMLESS_ERROR**2:
        return None
    times = math.sqrt(error / max(training, 1e-300))
    return Finding(
        "validation",
        f"the error on held-out rows is {times:.3g} times that on the rows of the fit: the model "
        "overfits; take more rows, a smaller grid or fewer nodes, or penalties=[Roughness()].",
    )


def _smoothed(penalties: Sequence[Penalty]) -> bool:
    return any(isinstance(penalty, Roughness) and penalty.weight for penalty in penalties)


def _unexplained(model: KAN, u: Tensor, t: Tensor) -> float:
    """Share of the variance of t that the model leaves; 0 for a constant t that it hits, NaN for too few rows."""
    if len(t) < 2:
        return math.nan
    left, variance = float((model.unit_forward(u) - t).square().mean()), float(t.var(0, unbiased=False).mean())
    return left / variance if variance > 0 else 0.0
