"""Axioms on how inputs enter together: symmetry, invariance under groups, absence of interaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, Name, names_of

GROUPS = ("sign", "scale", "translation", "rotation")


@dataclass(frozen=True)
class _Exchange(Axiom):
    """An axiom on inputs that may be exchanged."""

    among: tuple[Name, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "among", names_of(self.among, self.word, least=2))

    @property
    def inputs(self) -> tuple[Name, ...]:
        return self.among


@final
@dataclass(frozen=True)
class Symmetric(_Exchange):
    """The output stays when any of these inputs are exchanged: `f(a, b) = f(b, a)`."""

    word: ClassVar[str] = "symmetric"


@final
@dataclass(frozen=True)
class Antisymmetric(_Exchange):
    """The output changes its sign when two of these inputs are exchanged: `f(a, b) = -f(b, a)`."""

    word: ClassVar[str] = "antisymmetric"


@final
@dataclass(frozen=True)
class Invariant(Axiom):
    """The output stays when a group acts on some inputs together.

    Attributes:
        group: `sign` (all change their sign), `scale` (all times a positive number), `translation` (all plus a number) or
            `rotation` (a vector turned, or mirrored, about the origin).
        acts_on: The inputs, two at least; for `sign` one will do. With `rotation`, several vectors of the same length may
            be given as tuples of names, and turn together.
    """

    group: str
    acts_on: tuple[Any, ...] = ()

    word: ClassVar[str] = "invariant"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.group not in GROUPS:
            raise ConfigError(f"invariant takes one of the groups {', '.join(GROUPS)}, got {self.group!r}.")
        vectors = self.vectors
        flat = [name for vector in vectors for name in vector]
        names_of(flat, f"{self.word} under {self.group}", least=1 if self.group == "sign" else 2)
        if len({len(vector) for vector in vectors}) > 1 or (len(vectors) > 1 and self.group != "rotation"):
            raise ConfigError(
                f"several vectors turn together under rotation, and then they have one length; got {self.acts_on!r} for "
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


@final
@dataclass(frozen=True)
class NoInteraction(Axiom):
    """The effect of one of these inputs does not depend on the other: `∂²f/∂a∂b = 0`."""

    first: Name
    second: Name

    word: ClassVar[str] = "no_interaction"

    def __post_init__(self) -> None:
        super().__post_init__()
        names_of((self.first, self.second), self.word, least=2)

    @property
    def inputs(self) -> tuple[Name, ...]:
        return (self.first, self.second)


@final
@dataclass(frozen=True)
class Additive(Axiom):
    """A sum of functions, one of each group of inputs; without groups, one of each input."""

    groups: tuple[tuple[Name, ...], ...] = ()

    word: ClassVar[str] = "additive"

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
