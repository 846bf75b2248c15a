"""One small network for reading, where a sum of curves alone is too far from the best model: curves and a few hidden nodes.

The ensemble for predictions has a hundred hidden nodes. Here one network sees all rows, with 1 to 8 hidden nodes, and networks
of the same kind without each fold say how well it predicts. The fewest nodes, then the fewest columns, then the fewest edges
whose held-out losses the best model allows are taken: the rule of `one_standard_error.py` once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from splinework.interpret.scores import attribution
from splinework.nn.network import KAN
from splinework.tabular.cross_validation import CrossValidatedCurves
from splinework.tabular.curves import FittedCurves
from splinework.tabular.ensemble import DecayGroup, EnsembleSettings, train_ensemble
from splinework.tabular.interactions import InteractionTraining
from splinework.tabular.one_standard_error import Reference, by_cost, curves_of, fewest
from splinework.tabular.selection import permuted_losses, removal_costs, without_idle_curves
from splinework.tabular.stacking import Stacking, stack

NODES = (1, 2, 3, 4, 6, 8)
"""Numbers of hidden nodes that are tried, the fewest first: more of them are not always better, as each has another start."""
MAX_SCORED_ROWS = 500
"""Rows on which edges are scored."""


@dataclass(frozen=True)
class FewNodes:
    """Curves and a few hidden nodes.

    Attributes:
        parts: The curves, of all rows and without each fold.
        net: The wide network, one block for each fold and a last one for all rows.
        group: The trained blocks.
        ensemble: The settings with which they were trained.
        mixture: How the hidden nodes are weighed.
    """

    parts: CrossValidatedCurves
    net: KAN
    group: DecayGroup
    ensemble: EnsembleSettings
    mixture: Stacking


def fewest_nodes(
    training: InteractionTraining, curves: FittedCurves, columns: Sequence[Sequence[int]], best: Reference
) -> FewNodes | None:
    """The smallest network whose held-out losses the best model allows; None where eight hidden nodes do not suffice.

    Every fold must have a member.
    """
    folds, every = len(training.parts.parts), tuple(i for inputs in columns for i in inputs)
    if int(training.fold.max()) >= folds:
        return None
    for nodes in NODES:
        # One member more than there are folds: the last one sees all rows.
        ensemble = replace(training.ensemble, hidden=(nodes,), members=folds + 1)
        own = replace(training, ensemble=ensemble)
        found = _trained(own, curves, training.parts, every, best)
        if found is not None:
            found = _of_fewest_columns(own, curves, found, columns, best)
            return _of_fewest_edges(own, curves, found, best)
    return None


def _trained(
    training: InteractionTraining,
    curves: FittedCurves,
    parts: CrossValidatedCurves,
    inputs: Sequence[int],
    best: Reference,
) -> FewNodes | None:
    """Hidden nodes that see these inputs, beside these curves; None where the best model does not allow their losses."""
    living = torch.zeros(training.u.shape[1], dtype=torch.bool)
    living[list(inputs)] = True
    own = _beside(training, curves, parts)
    trained = own.on(living)
    like = FewNodes(parts, trained.net, trained.groups[0], training.ensemble, trained.mixture)
    return _allowed(own, like, trained.groups, best)


def _beside(training: InteractionTraining, curves: FittedCurves, parts: CrossValidatedCurves) -> InteractionTraining:
    """The training beside these curves, those without each fold and, for the last member, those of all rows."""
    offsets = torch.cat([parts.offsets, parts.whole.values(curves.design)[:, None]], dim=1)
    return replace(training, parts=replace(parts, offsets=offsets), task=parts.whole.task)


def _allowed(
    training: InteractionTraining, like: FewNodes, groups: Sequence[DecayGroup], best: Reference
) -> FewNodes | None:
    """The network with the best of its groups; None where the best model does not allow the losses of any."""
    found, held = None, training.parts.held
    for group in groups:
        if group.state is None:
            continue
        rows = training.t[held], training.weights[held], training.task
        mixture = stack(training.parts.base, [group.out_of_fold[held]], *rows)
        better = found is None or mixture.loss <= found.mixture.loss
        if mixture.improves and better and best.allows(mixture.losses):
            found = replace(like, group=group, mixture=mixture)
    return found


def _of_fewest_columns(
    training: InteractionTraining,
    curves: FittedCurves,
    found: FewNodes,
    columns: Sequence[Sequence[int]],
    best: Reference,
) -> FewNodes:
    """The network of the fewest columns, in order of what the loss gains when their curves go and hidden nodes lose them."""
    rows = training.t, training.weights, training.fold
    of_curves, _ = removal_costs(found.parts, curves.design, *rows, columns)
    groups, shares = [found.group], found.mixture.stacking_weights
    losses, of_columns, weights = permuted_losses(
        found.net, groups, shares, found.parts, training.u, *rows, columns, found.ensemble, training.generator
    )
    scale = float(training.weights[found.parts.held].sum() / weights.sum())
    costs = [
        max(own, 0.0) + scale * max(float(weights @ (without - losses)), 0.0)
        for own, without in zip(of_curves, of_columns, strict=True)
    ]
    order = by_cost(costs)

    def of_first(count: int) -> FewNodes | None:
        if count == len(columns):
            return found
        own = [list(columns[k]) for k in order[:count]]
        inputs = [i for each in own for i in each]
        if len(inputs) < 2:  # hidden nodes are for what inputs do together
            return None
        same = replace(curves, whole=found.parts.whole)
        parts = curves_of(same, training.fold, len(found.parts.parts), inputs)
        parts = without_idle_curves(parts, curves.design, *rows, own)
        return _trained(training, curves, parts, inputs, best)

    return fewest(of_first, len(columns)) or found


def _of_fewest_edges(training: InteractionTraining, curves: FittedCurves, found: FewNodes, best: Reference) -> FewNodes:
    """The network without its weakest edges to hidden nodes, trained again: as many as the best model allows, in every block."""
    net, group, settings = found.net, found.group, found.ensemble
    assert group.state is not None
    trained, own = group.state, _beside(training, curves, found.parts)
    net.load_state_dict(trained)
    at = torch.randperm(len(training.u), generator=training.generator)[:MAX_SCORED_ROWS]
    u, first = training.u[at].float(), net.kan_layers[0]
    blocks = settings.members * len(settings.weight_decays)
    with torch.no_grad():
        scores = attribution(net, u).edges[0].unflatten(1, (blocks, -1)).movedim(1, 0).flatten(1)
        alive = (first.mask != 0).unflatten(1, (blocks, -1)).movedim(1, 0).flatten(1)
        scores = torch.where(alive, scores, torch.full_like(scores, float("inf")))
        living, ranks = int(alive[0].sum()), scores.argsort(dim=1).argsort(dim=1)
        means = first.edges(u).mean(0)

    def of_first(count: int) -> FewNodes | None:
        """The network with this number of edges to the hidden nodes of each block."""
        gone = (ranks < living - count).unflatten(1, (first.inputs, -1)).movedim(0, 1).flatten(1)
        state = {name: value.clone() for name, value in trained.items()}
        name = next(key.removesuffix("mask") for key in state if key.startswith("layers.0.") and key.endswith("mask"))
        state[f"{name}mask"][gone] = 0
        state[f"{name}bias"] += (means * gone).sum(0)
        net.load_state_dict(state)
        rows = own.u, own.t, own.weights, own.parts.offsets, own.fold
        groups = train_ensemble(net, *rows, own.task, settings, own.generator, own.log)
        return _allowed(own, found, groups, best)

    return fewest(of_first, living - 1) or found
