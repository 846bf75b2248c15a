"""Conflicts of values on two faces of a box with shapes and symmetries."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, final

import torch
from torch import Tensor

from splinework.knowledge.axioms.conflict import CONSTANT, Conflict, ConflictContext, JointConflict
from splinework.knowledge.axioms.facts import TOLERANCE, FaceValue, Fact, Parity, Periodicity, SlopeBound, SlopeSign
from splinework.knowledge.axioms.value_conflicts import index_of_largest, on_face

Facts = tuple[Fact, ...]


@final
@dataclass(frozen=True, eq=False)
class FaceSamples:
    """A face with sample points on it and its values there."""

    face: FaceValue
    points: Tensor
    value: Tensor

    @property
    def at(self) -> float:
        """The input's value on the face."""
        return self.face.at


def slope_faces(fact: SlopeSign, others: Facts, context: ConflictContext) -> JointConflict | None:
    """Values on two faces, or along one face, that change in the wrong direction or not at all."""
    i, sign = context.input(fact.input), fact.sign
    across = _across(fact, i, others, context)
    for low, high in pairwise(across):
        worst = index_of_largest(sign * (low.value - high.value), low.value.abs() + high.value.abs())
        if worst is not None:
            conflict = _wrong(fact, low.at, float(low.value[worst]), high.at, float(high.value[worst]))
            return conflict, tuple(dict.fromkeys((low.face, high.face)))
        if not bool(((high.value - low.value).abs() > TOLERANCE).any()):
            return Conflict(
                f"it has the same value at {fact.input} = {low.at:g} and {high.at:g} and never "
                f"{fact.forbidden} between them, so it does not depend on {fact.input} there",
                "Keep one of them.",
                CONSTANT,
            ), tuple(dict.fromkeys((low.face, high.face)))
    for given in _faces(fact, others, context):
        found = _along(given, fact, i, sign, context)
        if found is not None:
            return found, (given.face,)
    return None


def steepness_faces(fact: SlopeBound, others: Facts, context: ConflictContext) -> JointConflict | None:
    """Values on two faces that differ by more than the largest slope allows."""
    for i in fact.numbers(context):
        across = _across(fact, i, others, context)
        for low, high in pairwise(across):
            most, apart = fact.most * (high.at - low.at), (low.value - high.value).abs()
            if index_of_largest(apart - most, apart) is not None:
                return Conflict(
                    f"the values at {context.input_names[i]} = {low.at:g} and {high.at:g} differ by up to "
                    f"{float(apart.max()):.6g}, and slopes of at most {fact.most:g} allow {most:.6g}",
                    "Raise the constant, or correct a value.",
                ), tuple(dict.fromkeys((low.face, high.face)))
    return None


def image_faces(fact: Parity | Periodicity, others: Facts, context: ConflictContext) -> JointConflict | None:
    """Values on two faces that a symmetry relates to each other."""
    sign = fact.sign
    across = _across(fact, context.input(fact.input), others, context)
    for number, one in enumerate(across):
        for other in across[number:]:
            worst = index_of_largest((one.value - sign * other.value).abs(), one.value.abs() + other.value.abs())
            if worst is None or not fact.related(one.at, other.at):
                continue
            wanted = "the opposite of" if sign < 0 else "the same as"
            return Conflict(
                f"the value at {fact.input} = {one.at:g} is {float(one.value[worst]):.6g}, and must be {wanted} "
                f"{float(other.value[worst]):.6g}, the value at {other.at:g}",
                "Correct a value, or drop the symmetry.",
            ), tuple(dict.fromkeys((one.face, other.face)))
    return None


FACE_RULES: Final = {SlopeSign: slope_faces, SlopeBound: steepness_faces, Parity: image_faces, Periodicity: image_faces}
"""Rules for one fact and all others; each returns the facts involved."""


def _faces(fact: Fact, others: Facts, context: ConflictContext) -> list[FaceSamples]:
    points, found = context.samples(fact), []
    for face in others:
        if not isinstance(face, FaceValue) or not context.outputs(fact) & context.outputs(face):
            continue
        if context.reaches(fact, context.input(face.input), face.at):
            moved = on_face(face, points, context)
            found.append(FaceSamples(face, moved, context.value(face.value, moved)))
    return found


def _across(fact: Fact, i: int, others: Facts, context: ConflictContext) -> list[FaceSamples]:
    """The faces of one input on which the fact holds, in order."""
    found = [given for given in _faces(fact, others, context) if context.input(given.face.input) == i]
    return sorted(found, key=lambda given: given.at)


def _along(given: FaceSamples, fact: SlopeSign, i: int, sign: float, context: ConflictContext) -> Conflict | None:
    """Values along a face that change in the wrong direction."""
    if context.input(given.face.input) == i or not isinstance(given.face.value, str):
        return None
    other = given.points.clone()
    other[:, i] = given.points[:, i].flip(0)
    first = (given.points[:, i] < other[:, i])[:, None]
    low, high = torch.where(first, given.points, other), torch.where(first, other, given.points)
    a, b = context.value(given.face.value, low), context.value(given.face.value, high)
    worst = index_of_largest(sign * (a - b), a.abs() + b.abs())
    if worst is None:
        return None
    return _wrong(fact, float(low[worst, i]), float(a[worst]), float(high[worst, i]), float(b[worst]))


def _wrong(fact: SlopeSign, low: float, a: float, high: float, b: float) -> Conflict:
    return Conflict(
        f"the value is {a:.6g} at {fact.input} = {low:.6g} and {b:.6g} at {high:.6g}, which {fact.forbidden}",
        "Correct a value, or drop the axiom.",
    )
