"""Exchange of inputs: symmetric or antisymmetric functions."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import Name
from splinework.knowledge.axioms.evidence import DataEvidence, SuggestedAxiom, is_small, suggestion, upper_rms
from splinework.knowledge.axioms.facts import ExchangeSymmetry, Floats, facts_of
from splinework.knowledge.axioms.fields import several
from splinework.knowledge.axioms.linear import LinearAxiom
from splinework.knowledge.axioms.penalties import AxiomPenalty, paired_penalty
from splinework.knowledge.axioms.sampling import PenaltyContext, with_partners

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, ClaimResult, Codes, Draft, EdgeRules, Environment, Subject

MAX_INPUTS_BY_MOMENTS: Final = 4
"""The maximum number of inputs that are replaced by moments."""


@dataclass(frozen=True)
class _ExchangeAxiom(LinearAxiom):
    """The base class: the value is multiplied by a sign when two of these inputs are exchanged."""

    among: tuple[Name, ...] = field(metadata=several(least=2))

    sign: ClassVar[int]
    gathers: ClassVar[int] = 0
    draft_order: ClassVar[int] = 1

    def facts(self) -> Sequence[ExchangeSymmetry]:
        return (ExchangeSymmetry(self, self.among, self.sign),)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        among = torch.tensor([context.input(name, self) for name in self.among])

        def swapped(x: Tensor, generator: torch.Generator) -> Tensor:
            order = torch.rand(len(x), len(among), generator=generator).argsort(dim=-1)
            first, second = among[order[:, 0]][:, None], among[order[:, 1]][:, None]
            partner = x.scatter(1, first, x.gather(1, second))
            return partner.scatter(1, second, x.gather(1, first))

        return paired_penalty(self, context, *with_partners(context, swapped), self.sign)

    def claims(self, subject: "Subject") -> "list[Claim]":
        """Exchanges of neighbours, which generate all others."""
        found = []
        for one, other in itertools.pairwise(subject.input(name, self) for name in self.among):

            def move(env: "Environment", a: int = one, b: int = other) -> list[Any]:
                x = list(env.x[: len(subject.inputs)])
                x[a], x[b] = x[b], x[a]
                return x

            a, b = subject.inputs[one], subject.inputs[other]
            text = f"f({a}, {b}) == {'-' if self.sign < 0 else ''}f({b}, {a})"
            found += subject.transformed(self, text, move, self.sign)
        return found

    def draft_features(self, draft: "Draft") -> None:
        """Replaces few exchangeable inputs by their sum and central moments, which generate all symmetric functions.

        If another axiom needs the inputs themselves, or there are many, they share edges instead (`edge_rules`).
        """
        at = draft.at(self)
        named = {i for each in draft.axioms if not facts_of([each], ExchangeSymmetry) for i in draft.at(each)}
        others = [f for f in draft.features if set(f.sources) & set(at)]
        if draft.separate or len(at) > MAX_INPUTS_BY_MOMENTS or named & set(at) or not all(f.straight for f in others):
            return
        names = [draft.symbols[i] for i in at]
        total = "+".join(names)
        texts = [total]
        if len(names) == 2:
            texts.append(f"({names[0]}-{names[1]})**2")
        else:
            for power in range(2, len(names) + 1):
                texts.append("+".join(f"({name}-({total})/{len(names)})**{power}" for name in names))
        draft.replace(at, texts)

    def edge_rules(self, draft: "Draft", rules: "EdgeRules") -> None:
        at = set(draft.at(self))
        by_moments = all(at <= set(f.sources) for f in draft.features if at & set(f.sources))
        if not by_moments:
            rules.exchanged.append([draft.of(self, i, straight=True) for i in draft.at(self)])


@explained_record
@final
@dataclass(frozen=True)
class Symmetric(_ExchangeAxiom):
    """The output is unchanged when two of these inputs are exchanged: `f(a, b) = f(b, a)`.

    Attributes:
        among: The inputs, by name or index, at least two.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Symmetric(("a", "b")).text()
        "symmetric(('a', 'b'))"
    """

    word: ClassVar[str] = "symmetric"
    rank: ClassVar[int] = 11
    sign: ClassVar[int] = 1
    built_by: ClassVar[frozenset[str]] = frozenset({"exchange"})
    max_classes_on_scores: ClassVar[float] = math.inf

    def integer_claims(self, codes: "Codes", output: int) -> "list[ClaimResult]":
        j, found = output, []
        for a, b in itertools.pairwise(codes.input(name, self) for name in self.among):
            what = f"{codes.outputs[j]} is the same with {codes.inputs[a]} and {codes.inputs[b]} exchanged"
            slack = None
            if codes.enumerable and codes.codes[a] == codes.codes[b]:
                values = codes.values[..., j]
                slack = -np.abs(values - np.swapaxes(values, a, b))
            found.append(codes.decide(codes.result(self, what), slack, bound=0.0 if codes.exchangeable(a, b) else None))
        return found

    @classmethod
    def suggestions(cls, evidence: DataEvidence) -> Iterator[SuggestedAxiom]:
        """Groups of inputs of which all pairs may be exchanged."""
        pairs: dict[tuple[int, int], Floats] = {}
        for i, j in itertools.combinations(evidence.relevant, 2):
            here_there = evidence.exchanged(i, j)
            if here_there is not None and is_small(here_there[0] - here_there[1]):
                pairs[(i, j)] = here_there[0] - here_there[1]
        groups: list[list[int]] = []
        for i in evidence.relevant:
            group = next((g for g in groups if all((k, i) in pairs for k in g)), None)
            if group is None:
                groups.append([i])
            else:
                group.append(i)
        for group in groups:
            if len(group) > 1:
                worst = max((pairs[pair] for pair in itertools.combinations(group, 2)), key=upper_rms)
                yield suggestion(cls(tuple(evidence.names[i] for i in group)), worst, "an exchange changes it by")


@explained_record
@final
@dataclass(frozen=True)
class Antisymmetric(_ExchangeAxiom):
    """The output changes its sign when two of these inputs are exchanged: `f(a, b) = -f(b, a)`.

    Attributes:
        among: The inputs, by name or index, at least two.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Antisymmetric(("a", "b")).text()
        "antisymmetric(('a', 'b'))"
    """

    word: ClassVar[str] = "antisymmetric"
    rank: ClassVar[int] = 10
    sign: ClassVar[int] = -1
    built_by: ClassVar[frozenset[str]] = frozenset({"factor"})
    max_classes_on_scores: ClassVar[float] = 2

    @classmethod
    def suggestions(cls, evidence: DataEvidence) -> Iterator[SuggestedAxiom]:
        for i, j in itertools.combinations(evidence.relevant, 2):
            found = evidence.exchanged(i, j)
            if found is not None and is_small(found[0] + found[1]):
                axiom = cls((evidence.names[i], evidence.names[j]))
                yield suggestion(axiom, found[0] + found[1], "values after the exchange are opposite up to")

    def draft_answers(self, draft: "Draft") -> None:
        names = [draft.symbols[i] for i in draft.at(self)]
        draft.times(self, "*".join(f"({a}-{b})" for a, b in itertools.combinations(names, 2)))
