"""Selection of inputs: those that held-out rows do not defend lose their curves, and their edges to hidden nodes.

All inputs of a column are tested together, so that the fifty levels of a category do not pass fifty tests.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from splinework.interpret.edit.pruning import edge_means, with_edges
from splinework.nn.frame import network_of
from splinework.nn.network import KAN
from splinework.tabular.additive import AdditiveFit
from splinework.tabular.cross_validation import CrossValidatedCurves, of_parts
from splinework.tabular.design import DesignMatrix, many_valued
from splinework.tabular.ensemble import DecayGroup, EnsembleSettings, correction_of
from splinework.tabular.trained import TrainedNetwork
from splinework.train.between_rows import is_significant
from splinework.train.process_search import CHANCE_GAIN

MAX_EVALUATIONS, MIN_TESTED_ROWS = 200_000, 1000
"""Evaluations of hidden nodes, one for each column and held-out row, in the test of all columns, and rows that it takes anyway:
weak columns are seen on many rows only, and a network without them is far worse (telecom churn: 1000 of 4000 rows missed four
of 13)."""

DEFENDED_Z_SCORE = 2.0
"""Standard errors by which a column of hidden nodes must matter: with one, every sixth idle column would stay."""
MAX_IDLE_COST = 0.002
"""Share of the held-out loss that idle columns may cost when their curves go, or hidden nodes no longer see them."""
MAX_CHANCE_SHARE = 0.01
"""The most that an idle column is taken to gain by chance, as a share of the loss: classes that are nearly separable leave little
to gain, and a margin between them that any column of use makes wider."""
MAX_MEAN_ROWS = 10_000
"""Rows that say what removed edges are in the mean: all edges at all rows would be more memory than the rest of a long fit."""
MAX_LEVELS_SEEN, MIN_LEVEL_ROWS_SEEN = 30, 5
"""Levels of a category that hidden nodes see, at most, and rows of one: each takes as many columns of the ensemble, and few rows
say nothing of what a level does together with other columns (ames, one fold: 0.128 with and without those of fewer rows)."""
MAX_LEVELS_WITHOUT_CURVE = 10
"""Inputs of a category up to which hidden nodes see it though it has no effect of its own; an interaction of more levels would
take as many columns."""


def columns_of(owners: Tensor) -> list[list[int]]:
    """The inputs of each column of a table, given the column of each input `(p,)`.

    >>> columns_of(torch.tensor([0, 1, 1, 2]))
    [[0], [1, 2], [3]]
    """
    return [torch.nonzero(owners == column)[:, 0].tolist() for column in torch.unique(owners)]


def without_idle_curves(
    curves: CrossValidatedCurves,
    design: DesignMatrix,
    y: Tensor,
    weights: Tensor,
    fold: Tensor,
    columns: Sequence[Sequence[int]],
) -> CrossValidatedCurves:
    """The additive part without the curves that held-out rows do not miss: as many as cost next to nothing.

    A loss within its standard error is not enough: each of several redundant columns could be dropped alone, but not all of them.
    An idle column lowers the loss by chance in every second table, so that all together may cost `MAX_IDLE_COST` of it.
    The column that matters most stays in any case. Products of columns count like further columns.
    """
    columns = [*columns, *([i] for i in range(len(design.lift), len(design.spans)))]
    costs, shares = removal_costs(curves, design, y, weights, fold, columns)
    held, task = curves.held, curves.whole.task
    t, w = y[held], weights[held]
    order, gone = sorted(range(len(columns)), key=costs.__getitem__), torch.zeros_like(curves.base)

    def totals() -> Iterator[float]:
        for k in order[:-1]:
            gone.add_(shares[k])
            yield float(w @ task.loss(curves.base - gone, t))

    count = _most_that_are_idle(float(w @ task.loss(curves.base, t)), totals())
    idle = [i for column in order[:count] for i in columns[column]]
    if not idle:
        return curves

    def flat(fit: AdditiveFit) -> AdditiveFit:
        coefficients = fit.coefficients.clone()
        for i in idle:
            coefficients[design.spans[i]] = 0.0
        return replace(fit, coefficients=coefficients)

    return of_parts(flat(curves.whole), [flat(part) for part in curves.parts], design, fold)


def _most_that_are_idle(loss: float, without: Iterable[float], chance: float = 0.0) -> int:
    """The number of columns that cost next to nothing together, by the losses without the first, the first two and so on.

    Where rows were seen, what an idle column lowers their loss by is `chance` in the mean.
    """
    totals = [total - chance * number for number, total in enumerate([loss, *without])]
    allowed = min(totals) + MAX_IDLE_COST * abs(loss)
    return max(number for number, total in enumerate(totals) if total <= allowed)


@torch.no_grad()
def without_idle_inputs(
    best: TrainedNetwork,
    x: Tensor,
    outputs: Tensor,
    y: Tensor,
    weights: Tensor,
    held: Tensor,
    columns: Sequence[Sequence[int]],
) -> TrainedNetwork:
    """A network of classes without edges from the columns that held-out rows do not miss, by the rule of `without_idle_curves`.

    The network has seen these rows, so that each log odds of them, like the process of one, gains from an idle column by chance.

    Args:
        best: The result with this network, and its likelihood.
        x: Inputs `(n, p)` in raw units.
        outputs: Outputs of curves and ensemble for the held-out rows as if these had not seen them, `(m, q)`; those of the result
            itself count instead, where it has some.
        y: Class indicators `(n, q)`.
        weights: Row weights `(n,)`.
        held: Indices of the held-out rows, `(m,)`.
        columns: Inputs of each column.
    """
    model, task, rows, t, w = network_of(best.model), best.task, x[held], y[held], weights[held]
    assert task is not None
    outputs = outputs if best.out_of_fold is None else best.out_of_fold[held]
    alive, own = [layer.alive for layer in model.kan_layers], model(rows)
    columns = [each for each in columns if bool(alive[0][list(each)].any())]
    means = edge_means(model, rows[:: math.ceil(len(rows) / MAX_MEAN_ROWS)])

    def without(gone: Sequence[int]) -> tuple[KAN, Tensor, float]:
        keep = alive[0].clone()
        keep[list(gone)] = False
        smaller = with_edges(model, means, [keep, *alive[1:]])
        moved = outputs + smaller(rows) - own
        return smaller, moved, float(w @ task.loss(moved, t))

    costs = [without(each)[2] for each in columns]
    order = sorted(range(len(columns)), key=costs.__getitem__)
    firsts = [[i for k in order[: count + 1] for i in columns[k]] for count in range(len(order) - 1)]
    loss = float(w @ task.loss(outputs, t))
    chance = min(CHANCE_GAIN * max(1, model.outputs - 1), MAX_CHANCE_SHARE * loss)
    count = _most_that_are_idle(loss, (without(gone)[2] for gone in firsts), chance)
    if not count:
        return best
    model, moved, loss = without(firsts[count - 1])
    unseen = None if best.out_of_fold is None else best.out_of_fold.index_copy(0, held, moved)
    return replace(best, model=model, loss=loss / float(w.sum()), out_of_fold=unseen)


def removal_costs(
    curves: CrossValidatedCurves,
    design: DesignMatrix,
    y: Tensor,
    weights: Tensor,
    fold: Tensor,
    columns: Sequence[Sequence[int]],
    *,
    bends: bool = False,
) -> tuple[list[float], list[Tensor]]:
    """The growth of the held-out loss, summed over the rows, without each column, and the column's outputs `(n, q)`.

    With `bends` only the bends of their curves go, and lines stay.
    """
    held, task = curves.held, curves.whole.task
    t, w, own = y[held], weights[held], fold[held]
    parts = torch.stack([part.coefficients for part in curves.parts])

    def share(inputs: Sequence[int]) -> Tensor:
        """Contribution of these inputs to the out-of-fold outputs."""
        of = torch.cat([torch.arange(design.spans[i].start + bends, design.spans[i].stop) for i in inputs])
        each = torch.einsum("np,kpq->nkq", design.values[held[:, None], of].to(parts.dtype), parts[:, of])
        return each[torch.arange(len(held)), own]

    losses = task.loss(curves.base, t)
    shares = [share(inputs) for inputs in columns]
    return [float(w @ (task.loss(curves.base - each, t) - losses)) for each in shares], shares


def in_terms(fit: AdditiveFit, design: DesignMatrix) -> Tensor:
    """Whether an input has a curve, or a part in a product, `(p,)`."""
    own, count = fit.coefficients, len(design.lift)
    products = zip(design.products, design.spans[count:], strict=True)
    used = {column for each, span in products if own[span].any() for column in (*each.first, *each.second)}
    spans = [range(span.start, span.stop) for span in design.spans[:count]]
    return torch.tensor([bool(own[list(span)].any()) or not used.isdisjoint(span) for span in spans])


def candidates(
    curves: CrossValidatedCurves, design: DesignMatrix, u: Tensor, columns: Sequence[Sequence[int]]
) -> Tensor:
    """Whether hidden nodes may see an input of `u (n, p)`, `(p,)`: no categories of many levels that have no curves.

    Of all levels of a category they may see the most frequent `MAX_LEVELS_SEEN`, and none of few rows.
    """
    alive = [bool(curves.whole.coefficients[span].any()) for span in design.spans[: len(design.lift)]]
    rows = torch.where(many_valued(u), len(u), (u == u.amax(0)).sum(0)).tolist()
    found = torch.zeros(len(alive), dtype=torch.bool)
    for inputs in columns:
        if len(inputs) <= MAX_LEVELS_WITHOUT_CURVE or any(alive[i] for i in inputs):
            often = [i for i in inputs if len(inputs) == 1 or rows[i] >= MIN_LEVEL_ROWS_SEEN]
            found[sorted(often, key=lambda i: -rows[i])[:MAX_LEVELS_SEEN]] = True
    return found if found.any() else torch.ones_like(found)


def defended_inputs(
    losses: Tensor, permuted: Sequence[Tensor], weights: Tensor, columns: Sequence[Sequence[int]], inputs: int
) -> Tensor:
    """Whether hidden nodes predict held-out rows significantly worse when a column is permuted, for each input `(inputs,)`.

    Args:
        losses: Losses of held-out rows, `(m,)`; this and the next two as `permuted_losses` returns them.
        permuted: Losses with each column permuted.
        weights: Weights of these rows, `(m,)`.
        columns: Inputs of each column.
        inputs: Number of all inputs.
    """
    found = torch.zeros(inputs, dtype=torch.bool)
    for own, each in zip(columns, permuted, strict=True):
        found[list(own)] = is_significant(each - losses, weights, DEFENDED_Z_SCORE)
    return found


def permuted_losses(
    net: KAN,
    groups: Sequence[DecayGroup],
    stacking_weights: Sequence[float],
    curves: CrossValidatedCurves,
    u: Tensor,
    y: Tensor,
    weights: Tensor,
    fold: Tensor,
    columns: Sequence[Sequence[int]],
    settings: EnsembleSettings,
    generator: torch.Generator,
    given_up: Tensor | None = None,
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Losses `(m,)` of held-out rows, those with each column permuted for the hidden nodes, and the rows' weights.

    Args:
        net: The wide network.
        groups: Its trained groups.
        stacking_weights: Their weights; equal ones if all are zero.
        curves: The cross-validated additive part.
        u: Inputs `(n, p)` in units of the network.
        y: Targets `(n, q)`.
        weights: Row weights `(n,)`.
        fold: Fold of each row, `(n,)`.
        columns: Inputs of each column.
        settings: Hyperparameters of the ensemble.
        generator: Generator of the permutations.
        given_up: Outputs of each part's curves that a full share of the networks replaces, `(n, members, q)`; None for nothing.
    """
    most = max(MIN_TESTED_ROWS, MAX_EVALUATIONS // len(columns))
    at = torch.randperm(len(curves.held), generator=generator)[:most]
    rows, base, task = curves.held[at], curves.base[at], curves.whole.task
    order = torch.randperm(len(rows), generator=generator)
    shares = stacking_weights if any(stacking_weights) else [1 / len(groups)] * len(groups)
    trained = [(group, share) for group, share in zip(groups, shares, strict=True) if share and group.state is not None]
    if given_up is not None:
        base = base - sum(share for _, share in trained) * given_up[rows, fold[rows]]
    outputs = [base.clone() for _ in range(len(columns) + 1)]
    for group, share in trained:
        outputs[-1] += share * correction_of(net, group, u[rows], fold[rows], settings)
        for k, inputs in enumerate(columns):
            permuted = u[rows].clone()
            permuted[:, list(inputs)] = permuted[order][:, list(inputs)]
            outputs[k] += share * correction_of(net, group, permuted, fold[rows], settings)
    *each, losses = (task.loss(values, y[rows]) for values in outputs)
    return losses, each, weights[rows]
