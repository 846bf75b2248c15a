"""Comparing the edges of two networks that compute about the same function.

Nodes may come in another order, shifted, scaled and with another sign without any change of the output. So hidden nodes are
standardised on common rows and matched one to one by the Hungarian method on the magnitudes of their correlations (Kuhn 1955);
then edges between matched nodes are the same edge, up to the sign, factor and constant of the node that they go to.
"""

import copy
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from splinework.errors import ConfigError, ShapeError
from splinework.errors.foreign import explained
from splinework.nn.arrays import data_of
from splinework.nn.network import KAN
from splinework.nn.trace import LayerTrace, trace

MIN_SPREAD_SHARE = 1e-9
"""A node or edge that varies less than this share of the outputs' spread is none."""


@final
@dataclass(frozen=True)
class EdgePair:
    """An edge of the teacher and the student's at the same place.

    Attributes:
        layer: Number of the layer, from 0.
        i: The teacher's input.
        j: The teacher's sum.
        student: The student's input and sum, or None where it has no such edge.
        r2: R² of the student's curve as a model of the teacher's, both in units of their node; NaN without an edge.
    """

    layer: int
    i: int
    j: int
    student: tuple[int, int] | None
    r2: float


@final
@dataclass(frozen=True)
class Alignment:
    """How the student's edges compare with the teacher's.

    Attributes:
        precision: Share of the student's edges that the teacher has.
        recall: Share of the teacher's edges that the student has.
        pairs: One per edge of the teacher.
        nodes: Per layer of nodes, inputs first, the teacher's number for each of the student's; -1 for none.
        correlations: Per layer of nodes the magnitude of each match's correlation.
    """

    precision: float
    recall: float
    pairs: tuple[EdgePair, ...]
    nodes: tuple[tuple[int, ...], ...]
    correlations: tuple[tuple[float, ...], ...]


@torch.no_grad()
@explained
def aligned_edges(student: KAN, teacher: KAN, x: Any) -> Alignment:
    """Matches the nodes of two networks and compares their edges.

    Args:
        student: A network of sum nodes, of as many layers as the teacher.
        teacher: The network that it should be.
        x: Common rows in raw units, `(n, inputs)`, at least 10.

    Returns:
        The matching of nodes, with precision and recall of the edges.

    Raises:
        ConfigError: If depths, inputs or outputs differ, or nodes multiply.
        ShapeError: If x does not fit, or has fewer than 10 rows.
        DataError: If x is not finite.

    >>> model, x = KAN([2, 3, 1], dtype=torch.float64), torch.rand(50, 2, dtype=torch.float64)
    >>> found = aligned_edges(model, model, x)
    >>> found.precision, found.recall, found.nodes[1]
    (1.0, 1.0, (0, 1, 2))
    """
    sizes = [(len(model.kan_layers), model.inputs, model.outputs) for model in (student, teacher)]
    if sizes[0] != sizes[1]:
        raise ConfigError(
            f"edges are compared of networks with the same inputs, outputs and depth, got {student.config.shape} and "
            f"{teacher.config.shape}."
        )
    if any(nodes.products for model in (student, teacher) for nodes in model.config.nodes):
        raise ConfigError("edges are compared of networks whose nodes add; these have products.")
    doubled = [copy.deepcopy(model).double() for model in (student, teacher)]
    own, known = (trace(model, data_of(model, x)).layers for model in doubled)
    if len(own[0].inputs) < 10:
        raise ShapeError(f"correlations of nodes need at least 10 rows, got {len(own[0].inputs)}.")
    nodes = [tuple(range(student.inputs))]
    correlations: list[tuple[float, ...]] = [(1.0,) * student.inputs]
    pairs: list[EdgePair] = []
    hits = total = 0
    for number, (seen, truth) in enumerate(zip(own, known, strict=True)):
        last = number == len(own) - 1
        match, strength = _matched(seen.sums, truth.sums, fixed=last)
        living, sought = (
            _living(record, model.kan_layers[number].alive) for record, model in ((seen, student), (truth, teacher))
        )
        back = {there: here for here, there in enumerate(nodes[-1]) if there >= 0}
        over = {there: here for here, there in enumerate(match) if there >= 0}
        for i, j in sought.nonzero().tolist():
            a, b = back.get(i, -1), over.get(j, -1)
            alike = a >= 0 and b >= 0 and bool(living[a, b])
            hits += alike
            r2 = _r2(seen, truth, (a, b), (i, j)) if alike else float("nan")
            pairs.append(EdgePair(number, i, j, (a, b) if alike else None, r2))
        total += int(living.sum())
        nodes.append(match)
        correlations.append(strength)
    return Alignment(hits / max(total, 1), hits / max(len(pairs), 1), tuple(pairs), tuple(nodes), tuple(correlations))


def _living(record: LayerTrace, alive: Tensor) -> Tensor:
    """Edges that are there and vary."""
    spread = record.edges.std(0)
    living: Tensor = alive & (spread > MIN_SPREAD_SHARE * record.sums.std(0).amax().clamp_min(1e-300))
    return living


def _standard(values: Tensor) -> Tensor:
    centred = values - values.mean(0)
    return centred / centred.square().mean(0).sqrt().clamp_min(1e-300)


def _matched(own: Tensor, known: Tensor, *, fixed: bool) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The teacher's node for each of the student's, and how they correlate; outputs stay in their order."""
    correlation = (_standard(own).T @ _standard(known) / len(own)).abs().nan_to_num().cpu().numpy()
    if fixed:
        return tuple(range(own.shape[1])), tuple(float(c) for c in np.diag(correlation))
    match, strength = [-1] * own.shape[1], [0.0] * own.shape[1]
    for here, there in zip(*linear_sum_assignment(-correlation), strict=True):
        match[int(here)], strength[int(here)] = int(there), float(correlation[here, there])
    return tuple(match), tuple(strength)


def _r2(seen: LayerTrace, truth: LayerTrace, own: tuple[int, int], known: tuple[int, int]) -> float:
    """R² of an edge in units of the node that it goes to, with the sign by which nodes correlate."""

    def curve(record: LayerTrace, edge: tuple[int, int]) -> Tensor:
        node = record.sums[:, edge[1]]
        values = record.edges[:, edge[0], edge[1]]
        unit: Tensor = (values - values.mean()) / (node - node.mean()).square().mean().sqrt().clamp_min(1e-300)
        return unit

    a, b = _standard(seen.sums[:, own[1]]), _standard(truth.sums[:, known[1]])
    sign = torch.sign((a * b).sum())
    target = curve(truth, known)
    left = (sign * curve(seen, own) - target).square().sum()
    return float(1 - left / target.square().sum().clamp_min(1e-300))
