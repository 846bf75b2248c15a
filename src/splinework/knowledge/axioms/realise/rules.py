"""What hard axioms ask of every edge: a mask, a shape, and inputs whose edges are shared."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, place
from splinework.knowledge.axioms.realise.conflicts import no_hard_form
from splinework.knowledge.axioms.realise.draft import Draft
from splinework.knowledge.axioms.realise.sets import Inputs, dealt, node_sets
from splinework.knowledge.axioms.shapes import Concave, Convex, Lipschitz, Monotone, Odd
from splinework.knowledge.axioms.structure import Additive, Antisymmetric, NoInteraction, Symmetric
from splinework.nn.nodes import Nodes
from splinework.splines.cones import CONCAVE, CONVEX, DECREASING, EVEN, INCREASING, ODD, PERIODIC


@final
@dataclass
class Rules:
    """Of all layers.

    Attributes:
        flags: Shapes per layer, `(I, J)`.
        masks: True where an edge may be, per layer.
        twins: Of the features, `(F,)`.
        steep: Features along which slopes are bounded.
        odd: Whether the network as a whole is odd, and so has no constants.
    """

    flags: list[Tensor]
    masks: list[Tensor]
    twins: Tensor
    steep: frozenset[int]
    odd: bool

    @property
    def shaped(self) -> bool:
        """Whether some edge has a shape or a largest slope."""
        return bool(self.steep) or any(bool((flags != 0).any()) for flags in self.flags)

    @property
    def shared(self) -> bool:
        """Whether some inputs share their edges."""
        return bool((self.twins != torch.arange(len(self.twins))).any())


def rules_of(draft: Draft, axioms: Sequence[Axiom], nodes: Sequence[Nodes]) -> Rules:
    """The rules for a network of these nodes, the features first.

    Raises:
        ConfigError: If the network is too narrow for what must be kept apart, or a product is where none can be.
    """
    tags = _tags(draft, axioms)
    apart = _apart(draft, axioms)
    rising, convex, concave = (frozenset(tags[key]) for key in ("rising", "convex", "concave"))
    sets = node_sets(len(draft.features), apart, rising, convex, concave)
    twins = _twins(draft, axioms)
    shaped = rising | convex | concave
    before: list[Inputs] = [frozenset((i,)) for i in range(len(draft.features))]
    flags, masks = [], []
    single = _odd_alone(draft, axioms)
    for index, after in enumerate(nodes[1:]):
        last = index == len(nodes) - 2
        own = [frozenset(range(len(draft.features)))] * after.width if last else _own(sets, after, shaped, twins)
        sums = [own[node] for node, group in enumerate(after.groups) for _ in group]
        allowed = torch.tensor([[last or a <= b for b in sums] for a in before])
        wanted = [
            _first(draft, tags, i) if index == 0 else _later(a, shaped, convex, concave) for i, a in enumerate(before)
        ]
        layer = torch.tensor(wanted, dtype=torch.int64)[:, None].expand(-1, len(sums)).clone()
        flags.append(layer | ODD if single else layer)
        masks.append(allowed)
        _check_products(after, last, shaped, axioms)
        if not last and not bool(allowed.any(0).all()):
            raise ConfigError(
                f"layer {index + 1} is too narrow for the axioms: some nodes of the next have nothing to depend on; make it "
                f"wider than {len(before)}."
            )
        before = own
    return Rules(flags, masks, twins, frozenset(tags["steep"]), single)


def is_sum_of_inputs(draft: Draft, axioms: Sequence[Axiom]) -> bool:
    """Whether no two features may meet: then a spline of each says all, and hidden nodes would say no more."""
    count = len(draft.features)
    return count > 1 and len(_apart(draft, axioms)) == count * (count - 1) // 2


def _tags(draft: Draft, axioms: Sequence[Axiom]) -> dict[str, dict[int, int]]:
    """Features by kind: what rises (1) or falls (-1), is convex, is concave, has a largest slope."""
    tags: dict[str, dict[int, int]] = {"rising": {}, "convex": {}, "concave": {}, "steep": {}}
    for axiom in axioms:
        if (
            isinstance(axiom, (Monotone, Convex, Concave, Lipschitz))
            and axiom.output is not None
            and len(draft.outputs) > 1
        ):
            raise no_hard_form(axiom, "hidden nodes serve all outputs; name no output, or fit that output by itself")
        if isinstance(axiom, Monotone):
            tags["rising"][draft.of(axiom, draft.at(axiom)[0])] = 1 if axiom.increasing else -1
        elif isinstance(axiom, (Convex, Concave)):
            tags[axiom.word][draft.of(axiom, draft.at(axiom)[0], straight=True)] = 1
        elif isinstance(axiom, Lipschitz):
            for i in draft.at(axiom) or range(len(draft.inputs)):
                tags["steep"][draft.of(axiom, i)] = 1
    return tags


def _first(draft: Draft, tags: dict[str, dict[int, int]], i: int) -> int:
    """The shape of a feature's own edges."""
    feature = draft.features[i]
    flags = {1: INCREASING, -1: DECREASING, 0: 0}[tags["rising"].get(i, 0)]
    flags |= CONVEX if i in tags["convex"] else 0
    flags |= CONCAVE if i in tags["concave"] else 0
    flags |= EVEN if feature.even else 0
    return flags | (PERIODIC if feature.period else 0)


def _later(depends: Inputs, shaped: Inputs, convex: Inputs, concave: Inputs) -> int:
    """The shape of the edges out of a hidden node: growing where something shaped has come in, bent where something bent has."""
    flags = INCREASING if depends & shaped else 0
    flags |= CONVEX if depends & convex else 0
    return flags | (CONCAVE if depends & concave else 0)


def _apart(draft: Draft, axioms: Sequence[Axiom]) -> set[frozenset[int]]:
    """Pairs of features that must not interact."""
    found: set[frozenset[int]] = set()
    for axiom in axioms:
        if isinstance(axiom, NoInteraction):
            found |= _pairs(draft, axiom, [[i] for i in draft.at(axiom)])
        elif isinstance(axiom, Additive):
            named = [[place(name, draft.inputs, axiom.word) for name in group] for group in axiom.groups]
            named += [[i] for i in range(len(draft.inputs)) if not any(i in group for group in named)]
            found |= _pairs(draft, axiom, named)
    return found


def _pairs(draft: Draft, axiom: Axiom, groups: Sequence[Sequence[int]]) -> set[frozenset[int]]:
    """Pairs of features of different groups of raw inputs.

    Raises:
        ConfigError: If a feature is made of inputs of two groups.
    """
    owner = {i: number for number, group in enumerate(groups) for i in group}
    for feature in draft.features:
        if len({owner[i] for i in feature.sources if i in owner}) > 1:
            raise ConfigError(
                f"{axiom.text()} cannot be hard: another axiom has joined its inputs in {feature.text}. Make one of them soft."
            )
    found = set()
    for a, b in itertools.combinations(range(len(draft.features)), 2):
        of_a = {owner[i] for i in draft.features[a].sources if i in owner}
        of_b = {owner[i] for i in draft.features[b].sources if i in owner}
        if any(x != y for x in of_a for y in of_b):
            found.add(frozenset((a, b)))
    return found


def _twins(draft: Draft, axioms: Sequence[Axiom]) -> Tensor:
    """The first of the features that share each one's edges."""
    twins = torch.arange(len(draft.features))
    for axiom in axioms:
        if isinstance(axiom, (Symmetric, Antisymmetric)) and not _by_moments(draft, axiom):
            among = [draft.of(axiom, i, straight=True) for i in draft.at(axiom)]
            owners = {int(twins[i]) for i in among}
            for i in range(len(twins)):
                if int(twins[i]) in owners:
                    twins[i] = min(owners)
    return twins


def _by_moments(draft: Draft, axiom: Symmetric | Antisymmetric) -> bool:
    """Whether the features are symmetric functions of these inputs already."""
    at = set(draft.at(axiom))
    return all(at <= set(f.sources) for f in draft.features if at & set(f.sources))


def _own(sets: Sequence[Inputs], nodes: Nodes, shaped: Inputs, twins: Tensor) -> list[Inputs]:
    """What each node of a hidden layer may depend on; products take sets without shapes."""
    free = [each for each in sets if not each & shaped]
    needed = _needed(sets)
    if nodes.sums < len(needed) and not nodes.products:
        raise ConfigError(
            f"a hidden layer of {nodes.width} nodes is too narrow for the axioms, which part the inputs into {len(needed)} sets "
            f"that must not meet; take at least {len(needed)} nodes, or no hidden layer."
        )
    for each in sets:
        for i in each:
            same = {j for j in range(len(twins)) if int(twins[j]) == int(twins[i])}
            if not same <= each:
                raise ConfigError(
                    "inputs that may be exchanged must not be kept apart in a network with hidden nodes; take a network without, "
                    "or make one of the axioms soft."
                )
    return dealt(sets, nodes.sums) + dealt(free or sets, len(nodes.products))


def _needed(sets: Sequence[Inputs]) -> list[Inputs]:
    """The sets that no other holds."""
    return [each for each in sets if not any(each < other for other in sets)]


def _check_products(nodes: Nodes, last: bool, shaped: Inputs, axioms: Sequence[Axiom]) -> None:
    if nodes.products and last and (shaped or any(isinstance(a, (Additive, NoInteraction)) for a in axioms)):
        raise ConfigError(
            "an output that is a product cannot have hard shapes or be additive; take a sum node as the output."
        )
    if nodes.products and shaped:
        raise ConfigError(
            "products do not keep shapes (a product of growing functions need not grow); take a network of sums for hard "
            "monotone, convex, concave or lipschitz axioms."
        )


def _odd_alone(draft: Draft, axioms: Sequence[Axiom]) -> bool:
    return len(draft.inputs) == 1 and any(isinstance(axiom, Odd) for axiom in axioms)
