"""Boundary and initial conditions from axioms: per output the faces of inputs, the regions, and the start in time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

from splinework.errors import ConfigError
from splinework.knowledge.axioms import Axiom, Hard
from splinework.knowledge.axioms.axiom import outputs_of, place
from splinework.knowledge.axioms.facts import FaceValue as Given
from splinework.knowledge.axioms.facts import Periodicity, RegionBoundaryValue, facts_of
from splinework.knowledge.teach.equations.formula_text import number
from splinework.nn.frame import Region

Box = Mapping[str, tuple[float, float]]
"""Range of every input, by name."""


@final
@dataclass(frozen=True)
class Face:
    """Values where an input has one value.

    Attributes:
        at: The value of the input.
        value: Value of the output there, a formula.
        rate: Its first derivative in the input there, or None.
        source: The text of the axiom.
    """

    at: float
    value: str
    rate: str | None
    source: str


@final
@dataclass(frozen=True)
class Sides:
    """The faces of one input: none, one or two, in order."""

    low: Face | None = None
    high: Face | None = None

    @property
    def faces(self) -> tuple[Face, ...]:
        return tuple(face for face in (self.low, self.high) if face is not None)


@final
@dataclass(frozen=True)
class RegionBoundary:
    """Values on the boundary of a region."""

    region: Region
    value: str
    source: str


@final
@dataclass(frozen=True)
class BoundaryConditions:
    """The boundary conditions of one output: sides by the name of their input, and boundaries of regions."""

    sides: dict[str, Sides] = field(default_factory=dict)
    edges: tuple[RegionBoundary, ...] = ()

    @property
    def nothing(self) -> bool:
        return not self.sides and not self.edges


def conditions_of(axioms: Sequence[Axiom], inputs: Sequence[str], outputs: Sequence[str]) -> list[BoundaryConditions]:
    """The conditions that hard axioms set, per output.

    Raises:
        ConfigError: If an axiom names no input or output, or two fix the same face.
    """
    found = [BoundaryConditions() for _ in outputs]
    for axiom in axioms:
        if axiom.strength == Hard():
            for j in outputs_of(axiom, outputs):
                found[j] = _with(found[j], axiom, inputs)
    return found


def faces_of(axiom: Axiom, inputs: Sequence[str]) -> list[tuple[str, Face]]:
    """The faces that it fixes, each with the name of its input; none where it refers to a region.

    Raises:
        ConfigError: If it names no input, or is about faces and has none at a finite value.
    """
    found = []
    for fact in facts_of([axiom], Given):
        rate = None if fact.rate is None else text_of(fact.rate)
        name = inputs[place(fact.input, inputs, fact.word)]
        found.append((name, Face(fact.at, text_of(fact.value), rate, axiom.text())))
    if not found and "ansatz" in axiom.built_by and not facts_of([axiom], RegionBoundaryValue):
        raise ConfigError(f"{axiom.text()} has no face at a finite value; give one end at least.")
    return found


def periods_of(axioms: Sequence[Axiom], inputs: Sequence[str]) -> dict[str, float]:
    """The period of every input in which the function is periodic by construction."""
    periods = facts_of([axiom for axiom in axioms if axiom.strength == Hard()], Periodicity)
    return {inputs[place(fact.input, inputs, fact.word)]: fact.period for fact in periods}


def text_of(value: float | str) -> str:
    """A value as a formula."""
    return value if isinstance(value, str) else number(value)


def _with(before: BoundaryConditions, axiom: Axiom, inputs: Sequence[str]) -> BoundaryConditions:
    edges = list(before.edges)
    for rim in facts_of([axiom], RegionBoundaryValue):
        for name in rim.region.inputs:
            place(name, inputs, axiom.word)
        edges.append(RegionBoundary(rim.region, text_of(rim.value), axiom.text()))
    sides = dict(before.sides)
    for name, face in faces_of(axiom, inputs):
        sides[name] = _beside(sides.get(name, Sides()), face, name)
    return replace(before, sides=sides, edges=tuple(edges))


def _beside(sides: Sides, face: Face, name: str) -> Sides:
    """The sides with one more face."""
    faces = sorted([*sides.faces, face], key=lambda each: each.at)
    if len(faces) > 2 or (len(faces) == 2 and faces[0].at == faces[1].at):
        raise ConfigError(
            f"{name} has its values fixed at {', '.join(f'{each.at:g}' for each in faces)} by "
            f"{' and '.join(dict.fromkeys(each.source for each in faces))}; two different faces of an input can be built in, "
            "so make the others soft."
        )
    if len(faces) == 2 and any(each.rate is not None for each in faces):
        raise ConfigError(
            f"{faces[0].source} and {faces[1].source} fix values and a rate at two faces of {name}; make one of them soft."
        )
    return Sides(*faces)
