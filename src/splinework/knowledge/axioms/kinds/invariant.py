"""Invariance under groups that act on several inputs.

`f(g x) = f(x)` for all g of a group.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import Axiom, Name
from splinework.knowledge.axioms.facts import GroupInvariance
from splinework.knowledge.axioms.fields import names_of
from splinework.knowledge.axioms.kinds.exchange import Symmetric
from splinework.knowledge.axioms.kinds.parity import Even
from splinework.knowledge.axioms.linear import LinearAxiom
from splinework.knowledge.axioms.penalties import AxiomPenalty, paired_penalty
from splinework.knowledge.axioms.sampling import PenaltyContext, with_partners

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Argument, Claim, Draft, Environment, Subject

GROUPS: Final = ("sign", "scale", "translation", "rotation")
_MAX_SCALE: Final = 4.0


@explained_record
@final
@dataclass(frozen=True)
class Invariant(LinearAxiom):
    """The output is invariant under a group acting on some inputs together.

    Attributes:
        group: `sign` (all change their sign), `scale` (all times a positive number), `translation` (all plus a number) or
            `rotation` (a vector rotated or reflected about the origin).
        acts_on: The inputs, at least two; for `sign` at least one. With `rotation`, several vectors of the same length may
            be given as tuples of names, and rotate together.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Invariant("rotation", ("x", "y")).text()
        "invariant('rotation', acts_on=('x', 'y'))"
    """

    group: str
    acts_on: tuple[Any, ...] = ()

    word: ClassVar[str] = "invariant"
    gathers: ClassVar[int] = 1
    built_by: ClassVar[frozenset[str]] = frozenset({"group"})
    max_classes_on_scores: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.group not in GROUPS:
            raise ConfigError(f"invariant takes one of the groups {', '.join(GROUPS)}, got {self.group!r}.")
        vectors = self.vectors
        flat = [name for vector in vectors for name in vector]
        names_of(flat, f"{self.word} under {self.group}", least=1 if self.group == "sign" else 2)
        if len({len(vector) for vector in vectors}) > 1 or (len(vectors) > 1 and self.group != "rotation"):
            raise ConfigError(
                f"only rotation acts on several vectors, which must have the same length; got {self.acts_on!r} for "
                f"{self.group}."
            )
        object.__setattr__(self, "acts_on", vectors if len(vectors) > 1 else vectors[0])

    @property
    def vectors(self) -> tuple[tuple[Name, ...], ...]:
        """The inputs as vectors."""
        given = self.acts_on if isinstance(self.acts_on, Sequence) and not isinstance(self.acts_on, str) else ()
        nested = [isinstance(part, (tuple, list)) for part in given]
        if nested and all(nested):
            return tuple(tuple(part) for part in given)
        return (names_of(self.acts_on, self.word),)

    @property
    def inputs(self) -> tuple[Name, ...]:
        return tuple(name for vector in self.vectors for name in vector)

    def facts(self) -> Sequence[GroupInvariance]:
        return (GroupInvariance(self, self.group, self.vectors),)

    def follows(self) -> Sequence[Axiom]:
        """Rotations of one vector reflect and exchange its inputs; a change of sign of one input reflects it."""
        if len(self.vectors) > 1 or (self.group != "rotation" and not (self.group == "sign" and len(self.inputs) == 1)):
            return ()
        found: list[Axiom] = [Even(name, **self.shared) for name in self.inputs]
        return [*found, Symmetric(self.inputs, **self.shared)] if self.group == "rotation" else found

    def renamed(self, name: Callable[[Any], str]) -> Axiom:
        vectors = tuple(tuple(map(name, vector)) for vector in self.vectors)
        changed = replace(self, acts_on=vectors if len(vectors) > 1 else vectors[0])
        return Axiom.renamed(changed, name)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        """The change of the values under a random element of the group."""
        vectors = [[context.input(name, self) for name in vector] for vector in self.vectors]
        act = {"sign": _negated, "scale": _scaled, "translation": _shifted, "rotation": _turned}[self.group]

        def acted(x: Tensor, generator: torch.Generator) -> Tensor:
            return act(x, vectors, context.box, generator)

        return paired_penalty(self, context, *with_partners(context, acted))

    def claims(self, subject: "Subject") -> "list[Claim]":
        vectors = [[subject.input(name, self) for name in vector] for vector in self.vectors]
        flat = [i for vector in vectors for i in vector]
        count = first = len(subject.inputs)

        def all_of(change: "Callable[[Environment, int], Any]") -> "Argument":
            return lambda env: [change(env, i) if i in flat else env.x[i] for i in range(count)]

        same = f"f({', '.join(subject.inputs[i] for i in flat)}) is the same"
        if self.group == "sign":
            return subject.transformed(
                self, f"{same} with all signs changed", all_of(lambda env, i: env.apply("neg", env.x[i]))
            )
        if self.group == "scale":
            move = all_of(lambda env, i: env.apply("mul", env.x[i], env.x[first]))
            return subject.transformed(self, f"{same} with all times 1/2 to 2", move, extra=(("factor", (0.5, 2.0)),))
        if self.group == "translation":
            half = min(subject.width(i) for i in flat) / 2
            move = all_of(lambda env, i: env.apply("add", env.x[i], env.x[first]))
            text = f"{same} with up to {half:g} added to all"
            return subject.transformed(self, text, move, extra=(("shift", (-half, half)),))
        found = []
        for p, q in itertools.pairwise(range(len(vectors[0]))):
            text = f"{same} turned in the plane of axes {p + 1} and {q + 1}"
            extra = (("angle", (-math.pi, math.pi)),)
            found += subject.transformed(self, text, _turned_claim(vectors, p, q, count), extra=extra)
        return found

    def draft_features(self, draft: "Draft") -> None:
        vectors = [[draft.place(name, self) for name in vector] for vector in self.vectors]
        names = [[draft.symbols[i] for i in vector] for vector in vectors]
        flat = [i for vector in vectors for i in vector]
        if self.group == "sign" and len(flat) == 1:
            draft.features[draft.of(self, flat[0])].even = True
            return
        if self.group == "sign":
            pairs = itertools.combinations_with_replacement(names[0], 2)
            texts = [f"{a}**2" if a == b else f"{a}*{b}" for a, b in pairs]
        elif self.group == "translation":
            texts = [f"{b}-{a}" for a, b in itertools.pairwise(names[0])]
        elif self.group == "scale":
            size = "+".join(f"{name}**2" for name in names[0])
            texts = [f"{name}/sqrt({size})" for name in names[0]]
        else:
            texts = []
            for one, other in itertools.combinations_with_replacement(range(len(names)), 2):
                product = "+".join(f"{a}*{b}" for a, b in zip(names[one], names[other], strict=True))
                texts.append(f"sqrt({product})" if one == other else product)
        draft.replace(flat, texts)


def _turned_claim(vectors: list[list[int]], p: int, q: int, count: int) -> "Argument":
    """All vectors rotated in the plane of two axes by the angle, the variable after the inputs."""

    def move(env: "Environment") -> list[Any]:
        x = list(env.x[:count])
        c, s = env.apply("cos", env.x[count]), env.apply("sin", env.x[count])
        for vector in vectors:
            a, b = env.x[vector[p]], env.x[vector[q]]
            x[vector[p]] = env.apply("sub", env.apply("mul", c, a), env.apply("mul", s, b))
            x[vector[q]] = env.apply("add", env.apply("mul", s, a), env.apply("mul", c, b))
        return x

    return move


def _negated(x: Tensor, vectors: list[list[int]], box: Tensor, generator: torch.Generator) -> Tensor:
    result = x.clone()
    result[:, vectors[0]] *= -1
    return result


def _scaled(x: Tensor, vectors: list[list[int]], box: Tensor, generator: torch.Generator) -> Tensor:
    unit = 2 * torch.rand(len(x), 1, generator=generator, dtype=x.dtype) - 1
    result = x.clone()
    result[:, vectors[0]] *= torch.exp(math.log(_MAX_SCALE) * unit)
    return result


def _shifted(x: Tensor, vectors: list[list[int]], box: Tensor, generator: torch.Generator) -> Tensor:
    part = x[:, vectors[0]]
    least = (box[vectors[0], 0] - part).max(dim=-1).values
    most = (box[vectors[0], 1] - part).min(dim=-1).values
    shift = least + (most - least) * torch.rand(len(x), generator=generator, dtype=x.dtype)
    result = x.clone()
    result[:, vectors[0]] = part + shift[:, None]
    return result


def _turned(x: Tensor, vectors: list[list[int]], box: Tensor, generator: torch.Generator) -> Tensor:
    size = len(vectors[0])
    turn, upper = torch.linalg.qr(torch.randn(len(x), size, size, generator=generator, dtype=x.dtype))
    turn = turn * upper.diagonal(dim1=-2, dim2=-1).sign()[:, None, :]  # uniform: Mezzadri 2007
    result = x.clone()
    for vector in vectors:
        result[:, vector] = (turn @ x[:, vector, None]).squeeze(-1)
    return result
