"""The interactions: an ensemble on the residual of the curves, and its training anew on the inputs that held-out rows defend."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.tabular.additive import MAX_START_ROWS
from splinework.tabular.cross_validation import CrossValidatedCurves
from splinework.tabular.design import DesignMatrix
from splinework.tabular.directions import DirectedNetwork
from splinework.tabular.ensemble import (
    DecayGroup,
    EnsembleSettings,
    ProgressCallback,
    train_ensemble,
    wide_network,
    with_all_inputs,
)
from splinework.tabular.grids import layer_of, member_layer
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.selection import MAX_IDLE_COST, candidates, defended_inputs, permuted_losses
from splinework.tabular.stacking import Stacking, stack
from splinework.tabular.tasks import Classification, Task

SCOUT_STEPS = 1000
"""Steps of the first training, with one weight decay, where the last one takes more than twice as many, as it does of tables of
over 10,000 rows, or there are more than 5000 rows of classes."""


@dataclass(frozen=True)
class Interactions:
    """Trained networks of interactions.

    Attributes:
        net: The wide network of all members.
        groups: Its groups; none without hidden nodes.
        mixture: Their stacking with the curves.
        needed: Whether hidden nodes need an input, `(p,)`.
    """

    net: KAN
    groups: list[DecayGroup]
    mixture: Stacking
    needed: Tensor


@dataclass(frozen=True)
class InteractionTraining:
    """All that a training of interactions needs but the inputs that hidden nodes see.

    Attributes:
        u: Inputs `(n, p)`, standardised.
        t: Targets `(n, q)`.
        weights: Row weights `(n,)`, mean 1.
        task: The likelihood.
        settings: The user's hyperparameters.
        ensemble: The ensemble's own.
        layer: The curves' layer, whose grid the members' grid refines.
        parts: The curves without each fold.
        fold: Fold of each row, `(n,)`.
        generator: Generator of initial values and batches.
        log: Called with stage, step, steps and loss; True ends the stage.
        kept: Mask of the inputs that member k may use, row k of `(>= members, p)`; None for all.
        signs: 1, -1 or 0 for each input along which outputs rise or fall; None without directions.
        given_up: Outputs of each part's curves that a full share of interactions replaces, `(n, members, q)`; None for nothing.
    """

    u: Tensor
    t: Tensor
    weights: Tensor
    task: Task
    settings: Hyperparameters
    ensemble: EnsembleSettings
    layer: KANLayer
    parts: CrossValidatedCurves
    fold: Tensor
    generator: torch.Generator
    log: ProgressCallback
    kept: Tensor | None = None
    signs: Tensor | None = None
    given_up: Tensor | None = None

    def run(self, design: DesignMatrix, columns: Sequence[Sequence[int]]) -> Interactions:
        """The networks, trained again if only some inputs lower the held-out loss; the first ones if theirs is clearly lower.

        Of long trainings the first one is short and has one group, as it only has to tell which inputs matter.

        After screening every part has inputs of its own, and a choice by all held-out rows would be known to each: there is none.
        """
        if self.kept is not None:
            return self.on(torch.ones(self.u.shape[1], dtype=torch.bool))
        seen = candidates(self.parts, design, self.u, columns)
        first = self.ensemble
        many = isinstance(self.task, Classification) and len(self.t) > MAX_START_ROWS
        if first.steps > 2 * SCOUT_STEPS or many:
            first = replace(first, steps=SCOUT_STEPS, weight_decays=first.weight_decays[:1])
        found = replace(self, ensemble=first).on(seen)
        if not found.groups:
            return found
        rows, shares = (self.u, self.t, self.weights, self.fold), found.mixture.stacking_weights
        losses = permuted_losses(
            found.net, found.groups, shares, self.parts, *rows, columns, first, self.generator, self.given_up
        )
        living = defended_inputs(*losses, columns, self.u.shape[1]) & seen
        if living.any() and not torch.equal(living, seen):
            fewer = self.on(living)
            allowed = found.mixture.loss + MAX_IDLE_COST * abs(found.mixture.loss)
            if fewer.mixture.loss <= allowed:
                return fewer
        return replace(found if first is self.ensemble else self.on(seen), needed=living)

    def on(self, living: Tensor) -> Interactions:
        """The networks whose hidden nodes see these inputs, a mask `(p,)`."""
        inputs = torch.nonzero(living)[:, 0]
        visible = living.expand(self.ensemble.members, -1)
        if self.kept is not None:
            visible = visible & self.kept[: self.ensemble.members]
        finer = member_layer(self.layer, self.u, self.settings, living)
        how, directed = (self.ensemble, self.generator), self._directed(inputs)
        own = layer_of(finer, inputs), self.u[:, inputs]
        net = wide_network(*own, self.t.shape[1], *how, visible[:, inputs], directed)
        groups = list[DecayGroup]()
        if self.ensemble.hidden:
            offsets = self.parts.offsets if self.given_up is None else self.parts.offsets - self.given_up
            rows = own[1], self.t, self.weights, offsets, self.fold
            groups = train_ensemble(net, *rows, self.task, *how, self.log, directed)
        net, groups = with_all_inputs(net, groups, finer, inputs)
        held = self.parts.held
        if self.given_up is not None:
            less = torch.zeros_like(self.t).index_copy(0, held, self.given_up[held, self.fold[held]])
            groups = [g if g.state is None else replace(g, out_of_fold=g.out_of_fold - less) for g in groups]
        corrections = [group.out_of_fold[held] for group in groups]
        mixture = stack(self.parts.base, corrections, self.t[held], self.weights[held], self.task)
        return Interactions(net, groups, mixture, living)

    def _directed(self, inputs: Tensor) -> DirectedNetwork | None:
        if self.signs is None:
            return None
        blocks = self.ensemble.members * len(self.ensemble.weight_decays)
        return DirectedNetwork.of(self.signs[inputs], self.ensemble.hidden, blocks, self.t.shape[1])
