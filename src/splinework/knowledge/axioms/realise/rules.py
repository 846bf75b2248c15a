"""Constraints of hard axioms on every edge: a mask, a shape, and inputs that share edges."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.realise.draft import Draft
from splinework.nn.nodes import Nodes
from splinework.splines.cones import CONCAVE, CONVEX, DECREASING, EVEN, INCREASING, ODD, PERIODIC

Inputs = frozenset[int]


@final
@dataclass
class EdgeRules:
    """Constraints on edges, collected from the axioms (`Axiom.edge_rules`).

    Attributes:
        rising: Features along which the output increases (1) or decreases (-1).
        convex: Features along which it is convex.
        concave: Features along which it is concave.
        steep: Features along which slopes are bounded.
        apart: Pairs of features that must not interact.
        separate: Whether an axiom forbids interactions, even if there are no such pairs.
        exchanged: Groups of features that share edges.
        odd: Whether the network as a whole is odd, and therefore has no constants.
    """

    rising: dict[int, int] = field(default_factory=dict)
    convex: set[int] = field(default_factory=set)
    concave: set[int] = field(default_factory=set)
    steep: set[int] = field(default_factory=set)
    apart: set[frozenset[int]] = field(default_factory=set)
    separate: bool = False
    exchanged: list[list[int]] = field(default_factory=list)
    odd: bool = False

    @classmethod
    def of(cls, draft: Draft, axioms: Sequence[Axiom]) -> "EdgeRules":
        """The constraints of some axioms."""
        found = cls()
        for axiom in axioms:
            axiom.edge_rules(draft, found)
        return found

    @property
    def shaped(self) -> Inputs:
        """Features along which edges are constrained in shape."""
        return frozenset(self.rising) | self.convex | self.concave

    def all_apart(self, features: int) -> bool:
        """Whether no two features may interact: then one spline per feature suffices, without hidden nodes."""
        return features > 1 and len(self.apart) == features * (features - 1) // 2

    def keep_apart(self, draft: Draft, axiom: Axiom, groups: Sequence[Sequence[int]]) -> None:
        """Forbids interactions between groups of raw inputs; raises ConfigError if a feature combines two groups."""
        self.separate = True
        owner = {i: number for number, group in enumerate(groups) for i in group}
        owners = [{owner[i] for i in feature.sources if i in owner} for feature in draft.features]
        for feature, own in zip(draft.features, owners, strict=True):
            if len(own) > 1:
                raise ConfigError(
                    f"{axiom.text()} cannot be hard: another axiom has combined its inputs in {feature.text}. Make one of them "
                    "soft."
                )
        for a, b in itertools.combinations(range(len(owners)), 2):
            if any(x != y for x in owners[a] for y in owners[b]):
                self.apart.add(frozenset((a, b)))


@final
@dataclass
class NetworkRules:
    """Constraints on all layers.

    Attributes:
        flags: Shapes per layer, `(I, J)`.
        masks: True where an edge may be, per layer.
        twins: For each feature the first one with the same edges, `(F,)`.
        steep: Features along which slopes are bounded.
        odd: Whether the network as a whole is odd, and therefore has no constants.
    """

    flags: list[Tensor]
    masks: list[Tensor]
    twins: Tensor
    steep: frozenset[int]
    odd: bool

    @property
    def shaped(self) -> bool:
        """Whether some edge has a shape or a bound on its slope."""
        return bool(self.steep) or any(bool((flags != 0).any()) for flags in self.flags)

    @property
    def shared(self) -> bool:
        """Whether some inputs share edges."""
        return bool((self.twins != torch.arange(len(self.twins))).any())


def rules_of(draft: Draft, constraints: EdgeRules, nodes: Sequence[Nodes]) -> NetworkRules:
    """The constraints on the edges of a network with these nodes, the features first.

    Raises:
        ConfigError: If the network is too narrow to separate inputs, or has a product where none is possible.
    """
    sets = node_sets(
        len(draft.features),
        constraints.apart,
        *map(frozenset, (constraints.rising, constraints.convex, constraints.concave)),
    )
    twins, shaped = _twins(draft, constraints), constraints.shaped
    before: list[Inputs] = [frozenset((i,)) for i in range(len(draft.features))]
    flags, masks = [], []
    for index, after in enumerate(nodes[1:]):
        last = index == len(nodes) - 2
        own = [frozenset(range(len(draft.features)))] * after.width if last else _own(sets, after, shaped, twins)
        sums = [own[node] for node, group in enumerate(after.groups) for _ in group]
        allowed = torch.tensor([[last or a <= b for b in sums] for a in before])
        wanted = [_first(draft, constraints, i) if index == 0 else _later(a, constraints) for i, a in enumerate(before)]
        layer = torch.tensor(wanted, dtype=torch.int64)[:, None].expand(-1, len(sums)).clone()
        flags.append(layer | ODD if constraints.odd else layer)
        masks.append(allowed)
        _check_products(after, last, shaped, constraints.separate)
        if not last and not bool(allowed.any(0).all()):
            raise ConfigError(
                f"layer {index + 1} is too narrow for the axioms: some nodes of the next layer have no inputs; make it "
                f"wider than {len(before)}."
            )
        before = own
    return NetworkRules(flags, masks, twins, frozenset(constraints.steep), constraints.odd)


def _first(draft: Draft, constraints: EdgeRules, i: int) -> int:
    """The shape of the edges of a feature."""
    feature = draft.features[i]
    flags = {1: INCREASING, -1: DECREASING, 0: 0}[constraints.rising.get(i, 0)]
    flags |= CONVEX if i in constraints.convex else 0
    flags |= CONCAVE if i in constraints.concave else 0
    flags |= EVEN if feature.even else 0
    return flags | (PERIODIC if feature.period else 0)


def _later(depends: Inputs, constraints: EdgeRules) -> int:
    """The shape of the edges out of a hidden node: increasing after a constrained feature, convex after a convex one."""
    flags = INCREASING if depends & constraints.shaped else 0
    flags |= CONVEX if depends & constraints.convex else 0
    return flags | (CONCAVE if depends & constraints.concave else 0)


def _twins(draft: Draft, constraints: EdgeRules) -> Tensor:
    """The first feature that shares the edges of each feature, `(F,)`."""
    twins = torch.arange(len(draft.features))
    for among in constraints.exchanged:
        owners = {int(twins[i]) for i in among}
        for i in range(len(twins)):
            if int(twins[i]) in owners:
                twins[i] = min(owners)
    return twins


def _own(sets: Sequence[Inputs], nodes: Nodes, shaped: Inputs, twins: Tensor) -> list[Inputs]:
    """The inputs that each node of a hidden layer may depend on; products get unconstrained sets."""
    free = [each for each in sets if not each & shaped]
    needed = _needed(sets)
    if nodes.sums < len(needed) and not nodes.products:
        raise ConfigError(
            f"a hidden layer of {nodes.width} nodes is too narrow for the axioms, which split the inputs into {len(needed)} sets "
            f"that must not interact; use at least {len(needed)} nodes, or no hidden layer."
        )
    for each in sets:
        for i in each:
            same = {j for j in range(len(twins)) if int(twins[j]) == int(twins[i])}
            if not same <= each:
                raise ConfigError(
                    "inputs that may be exchanged must be allowed to interact in a network with hidden nodes; use a network "
                    "without, or make one of the axioms soft."
                )
    return dealt(sets, nodes.sums) + dealt(free or sets, len(nodes.products))


def _needed(sets: Sequence[Inputs]) -> list[Inputs]:
    """The sets that no other set contains."""
    return [each for each in sets if not any(each < other for other in sets)]


def _check_products(nodes: Nodes, last: bool, shaped: Inputs, separate: bool) -> None:
    if nodes.products and last and (shaped or separate):
        raise ConfigError(
            "an output that is a product cannot have hard shapes or be additive; use a sum node as the output."
        )
    if nodes.products and shaped:
        raise ConfigError(
            "products do not preserve shapes (a product of increasing functions need not increase); use a network of sums "
            "for hard monotone, convex, concave or lipschitz axioms."
        )


def cliques(count: int, apart: set[frozenset[int]]) -> list[Inputs]:
    """The maximal sets of inputs that may all interact (Bron and Kerbosch 1973), largest first."""
    together = {i: {j for j in range(count) if j != i and frozenset((i, j)) not in apart} for i in range(count)}
    found: list[Inputs] = []

    def grow(inside: set[int], open_: set[int], done: set[int]) -> None:
        if not open_ and not done:
            found.append(frozenset(inside))
            return
        pivot = max(open_ | done, key=lambda i: (len(together[i] & open_), -i))
        for i in sorted(open_ - together[pivot]):
            grow(inside | {i}, open_ & together[i], done & together[i])
            open_ = open_ - {i}
            done = done | {i}

    grow(set(), set(range(count)), set())
    return sorted(found, key=lambda s: (-len(s), sorted(s)))


def node_sets(count: int, apart: set[frozenset[int]], rising: Inputs, convex: Inputs, concave: Inputs) -> list[Inputs]:
    """The sets of inputs that each hidden node may depend on, the most important first.

    A node that depends on a set of inputs may feed only nodes that depend on all of these. Inputs that must not interact never
    meet before the last sum, and monotone and convex inputs are separated from unconstrained ones: every edge on a path from a
    constrained input is constrained, while nodes without constrained inputs may feed constrained ones, never the reverse.

    Args:
        count: Number of inputs.
        apart: Pairs that must not interact.
        rising: Inputs along which the output is monotone, or has a bounded slope.
        convex: Inputs along which it is convex.
        concave: Inputs along which it is concave.
    """
    shaped = rising | convex | concave
    found: list[Inputs] = []
    for clique in cliques(count, apart):
        free = clique - shaped
        kinds = [clique]
        if clique & shaped and free:
            kinds.append(free)
        # A node with inputs of several kinds only allows linear edges afterwards, so add nodes of one kind as well.
        several = [kind for kind in (rising - convex - concave, convex, concave) if clique & kind]
        if len(several) > 1:
            kinds += [free | (clique & kind) for kind in several]
        found += [kind for kind in kinds if kind and kind not in found]
    return found


def dealt(sets: Sequence[Inputs], width: int) -> list[Inputs]:
    """Sets for `width` nodes, cyclically."""
    return [sets[j % len(sets)] for j in range(width)]
