"""Absence of interactions between inputs."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import Axiom, Name
from splinework.knowledge.axioms.evidence import DataEvidence, SuggestedAxiom, is_small, suggestion, upper_rms
from splinework.knowledge.axioms.facts import Floats, Separability
from splinework.knowledge.axioms.fields import names_of
from splinework.knowledge.axioms.linear import LinearAxiom, LinearCondition
from splinework.knowledge.axioms.penalties import AxiomPenalty, derivative_penalty, values
from splinework.knowledge.axioms.sampling import PenaltyContext
from splinework.knowledge.axioms.statements import Model

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, Draft, EdgeRules, Subject


@dataclass(frozen=True)
class _SeparableAxiom(Axiom):
    """The base class: mixed second derivatives vanish."""

    built_by: ClassVar[frozenset[str]] = frozenset({"apart"})
    linear_output: ClassVar[bool] = True
    max_classes_on_scores: ClassVar[float] = math.inf

    def _mixed(self, subject: "Subject", pairs: Sequence[tuple[int, int]]) -> "list[Claim]":
        """The claims that mixed derivatives vanish."""

        def claims_of(a: int, b: int) -> "list[Claim]":
            x, z = subject.inputs[a], subject.inputs[b]
            return subject.equal(self, lambda name: f"d² {name}/d {x} d {z} == 0", lambda j, env: 0.0, (a, b))

        return [claim for pair in pairs for claim in claims_of(*pair)]


@explained_record
@final
@dataclass(frozen=True)
class NoInteraction(_SeparableAxiom):
    """The effect of one input does not depend on the other: `∂²f/∂a∂b = 0`.

    Attributes:
        first: An input, by name or index.
        second: The other input.
        strength, domain, output: See `Axiom`.

    Example:
        >>> NoInteraction("a", "b").text()
        "no_interaction('a', second='b')"
    """

    first: Name
    second: Name

    word: ClassVar[str] = "no_interaction"
    sign_invariant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        names_of((self.first, self.second), self.word, least=2)

    def facts(self) -> Sequence[Separability]:
        return (Separability(self, ((self.first,), (self.second,)), rest=False),)

    def canonical(self) -> Axiom:
        first, second = sorted(self.inputs, key=str)
        return Axiom.canonical(replace(self, first=first, second=second))

    def on_columns(self, words: Mapping[Name, Sequence[str]]) -> tuple[Axiom, ...]:
        (inside,) = super().on_columns(words)
        assert isinstance(inside, NoInteraction)
        pairs = itertools.product(words[self.first], words[self.second])
        return tuple(replace(inside, first=a, second=b) for a, b in pairs)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        return derivative_penalty(self, context, self.inputs, lambda mixed: mixed)

    def claims(self, subject: "Subject") -> "list[Claim]":
        a, b = sorted(subject.input(name, self) for name in self.inputs)
        return self._mixed(subject, [(a, b)])

    def linear_conditions(self, context: PenaltyContext, column: int) -> list[LinearCondition]:
        """`f(a, b) - f(a, b') - f(a', b) + f(a', b')` for random pairs of rows."""
        i, j = (context.input(name, self) for name in self.inputs)
        rows = context.points
        other = rows[torch.randperm(len(rows), generator=context.generator)]
        first, second, both = rows.clone(), rows.clone(), rows.clone()
        first[:, i], second[:, j] = other[:, i], other[:, j]
        both[:, [i, j]] = other[:, [i, j]]
        zero = torch.zeros(len(rows), dtype=torch.float64)
        return [LinearCondition(lambda f, _: f(rows) - f(first) - f(second) + f(both), zero, True)]

    def edge_rules(self, draft: "Draft", rules: "EdgeRules") -> None:
        rules.keep_apart(draft, self, [[i] for i in draft.at(self)])


@explained_record
@final
@dataclass(frozen=True)
class Additive(_SeparableAxiom, LinearAxiom):
    """A sum of functions, one per group of inputs: `f = Σ_g f_g(x_g)`.

    Attributes:
        groups: The groups of inputs; inputs in none are groups by themselves.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Additive((("a", "b"),)).text()
        "additive((('a', 'b'),))"
    """

    groups: tuple[tuple[Name, ...], ...] = ()

    word: ClassVar[str] = "additive"
    rank: ClassVar[int] = 12
    gathers: ClassVar[int] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.groups, Sequence) or isinstance(self.groups, str):
            raise ConfigError(f"additive takes groups such as (('a', 'b'), ('c',)), got {self.groups!r}.")
        groups = tuple(names_of(group, self.word) for group in self.groups)
        if groups:
            names_of([name for group in groups for name in group], f"{self.word} (a group each)", least=1)
        object.__setattr__(self, "groups", groups)

    @property
    def inputs(self) -> tuple[Name, ...]:
        return tuple(name for group in self.groups for name in group)

    def facts(self) -> Sequence[Separability]:
        return (Separability(self, self.groups, rest=True),)

    def renamed(self, name: Callable[[Any], str]) -> Axiom:
        groups = tuple(tuple(map(name, group)) for group in self.groups)
        return Axiom.renamed(replace(self, groups=groups), name)

    def on_columns(self, words: Mapping[Name, Sequence[str]]) -> tuple[Axiom, ...]:
        (inside,) = super().on_columns(words)
        groups = tuple(tuple(word for name in group for word in words[name]) for group in self.groups)
        return (replace(self, groups=groups, domain=inside.domain),)

    def _numbers(self, place: Callable[[Name], int], inputs: int) -> list[list[int]]:
        """All groups as indices of inputs, the given ones first."""
        groups = [[place(name) for name in group] for group in self.groups]
        grouped = set(itertools.chain.from_iterable(groups))
        return groups + [[i] for i in range(inputs) if i not in grouped]

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        """`f(x) + f(y) - f(x_S, y_T) - f(y_S, x_T)` for random points y, where S is some of the groups and T the others."""
        inputs = len(context.input_names)
        groups = self._numbers(lambda name: context.input(name, self), inputs)
        outputs = context.outputs(self)
        generator, x = context.generator, context.points
        y = x[torch.randperm(len(x), generator=generator)]
        chosen = torch.rand(len(x), len(groups), generator=generator) < 0.5
        here = torch.zeros(len(x), inputs, dtype=torch.bool)
        for number, group in enumerate(groups):
            here[:, group] = chosen[:, number : number + 1]

        def mixed(model: Model, x: Tensor, data: Tensor) -> Tensor:
            y, first, second = data.unflatten(-1, (3, inputs)).unbind(-2)
            at = [values(model, points, outputs) for points in (x, y, first, second)]
            return at[0] + at[1] - at[2] - at[3]

        others = torch.cat([y, torch.where(here, x, y), torch.where(here, y, x)], dim=-1)
        return AxiomPenalty.of(context.spread[outputs], mixed, x, others)

    def claims(self, subject: "Subject") -> "list[Claim]":
        count = len(subject.inputs)
        groups = self._numbers(lambda name: subject.input(name, self), count)
        owner = {i: number for number, group in enumerate(groups) for i in group}
        return self._mixed(
            subject, [(a, b) for a, b in itertools.combinations(range(count), 2) if owner[a] != owner[b]]
        )

    @classmethod
    def suggestions(cls, evidence: DataEvidence) -> Iterator[SuggestedAxiom]:
        """Additive if no inputs interact, else the pairs that do not."""
        if len(evidence.relevant) < 2:
            return
        x, other = evidence.x, evidence.x[evidence.order]

        def alone(i: int) -> Floats:
            first, second = x.copy(), other.copy()
            first[:, i], second[:, i] = other[:, i], x[:, i]
            drawn = [evidence.function.drawn(p) for p in (other, first, second)]
            return (evidence.values + drawn[0] - drawn[1] - drawn[2]) / 2

        worst = max(map(alone, range(x.shape[1])), key=upper_rms)
        if is_small(worst):
            yield suggestion(cls(), worst, "inputs interact by")
            return
        for i, j in itertools.combinations(evidence.relevant, 2):
            first, second, both = x.copy(), x.copy(), x.copy()
            first[:, i], second[:, j] = other[:, i], other[:, j]
            both[:, [i, j]] = other[:, [i, j]]
            drawn = [evidence.function.drawn(place) for place in (x, second, first, both)]
            size = (drawn[0] - drawn[1] - drawn[2] + drawn[3]) / 2
            if is_small(size):
                axiom = NoInteraction(evidence.names[i], evidence.names[j])
                yield suggestion(axiom, size, "they interact by")

    def edge_rules(self, draft: "Draft", rules: "EdgeRules") -> None:
        rules.keep_apart(draft, self, self._numbers(lambda name: draft.place(name, self), len(draft.inputs)))
