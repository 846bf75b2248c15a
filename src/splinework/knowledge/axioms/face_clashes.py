"""Values on two faces of a box against what a shape or a symmetry says of them."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, final

import torch
from torch import Tensor

from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.clash import CONSTANT, TOLERANCE, Clash, Context
from splinework.knowledge.axioms.joint_clashes import Found
from splinework.knowledge.axioms.shapes import Even, Lipschitz, Monotone, Odd, Periodic
from splinework.knowledge.axioms.value_clashes import FACES, Face, faces_of, largest


@final
@dataclass(frozen=True, eq=False)
class Given:
    """A face with its axiom and the values at sample points moved there."""

    face: Face
    axiom: Axiom
    points: Tensor
    value: Tensor

    @property
    def at(self) -> float:
        """Where it is."""
        return self.face.at


def monotone_faces(axiom: Axiom, others: tuple[Axiom, ...], context: Context) -> Found | None:
    """Values on two faces, or along one, that go the wrong way, or not at all."""
    if not isinstance(axiom, Monotone):
        return None
    i, sign = context.input(axiom.input), 1.0 if axiom.increasing else -1.0
    across = _across(axiom, i, others, context)
    for low, high in pairwise(across):
        worst = largest(sign * (low.value - high.value), low.value.abs() + high.value.abs())
        if worst is not None:
            clash = _wrong(axiom, low.at, float(low.value[worst]), high.at, float(high.value[worst]))
            return clash, tuple(dict.fromkeys((low.axiom, high.axiom)))
        if not bool(((high.value - low.value).abs() > TOLERANCE).any()):
            return Clash(
                f"it has the same value at {axiom.input} = {low.at:g} and {high.at:g} and never "
                f"{'falls' if axiom.increasing else 'rises'} between them, so it does not depend on {axiom.input} there",
                "Keep one of them.",
                CONSTANT,
            ), tuple(dict.fromkeys((low.axiom, high.axiom)))
    for given in _faces(axiom, others, context):
        found = _along(given, axiom, i, sign, context)
        if found is not None:
            return found, (given.axiom,)
    return None


def lipschitz_faces(axiom: Axiom, others: tuple[Axiom, ...], context: Context) -> Found | None:
    """Values on two faces that are too far apart for the greatest slope."""
    if not isinstance(axiom, Lipschitz):
        return None
    for i in [context.input(name) for name in axiom.along] or range(len(context.input_names)):
        across = _across(axiom, i, others, context)
        for low, high in pairwise(across):
            most, apart = axiom.constant * (high.at - low.at), (low.value - high.value).abs()
            if largest(apart - most, apart) is not None:
                return Clash(
                    f"the values at {context.input_names[i]} = {low.at:g} and {high.at:g} differ by up to "
                    f"{float(apart.max()):.6g}, and slopes of at most {axiom.constant:g} allow {most:.6g}",
                    "Raise the constant, or correct a value.",
                ), tuple(dict.fromkeys((low.axiom, high.axiom)))
    return None


def mirrored_faces(axiom: Axiom, others: tuple[Axiom, ...], context: Context) -> Found | None:
    """Values on two faces that a symmetry relates to each other."""
    if not isinstance(axiom, (Even, Odd, Periodic)):
        return None
    sign = -1.0 if isinstance(axiom, Odd) else 1.0
    across = _across(axiom, context.input(axiom.input), others, context)
    for number, one in enumerate(across):
        for other in across[number:]:
            worst = largest((one.value - sign * other.value).abs(), one.value.abs() + other.value.abs())
            if worst is None or not _related(axiom, one.at, other.at):
                continue
            wanted = "the opposite of" if sign < 0 else "the same as"
            return Clash(
                f"the value at {axiom.input} = {one.at:g} is {float(one.value[worst]):.6g}, and must be {wanted} "
                f"{float(other.value[worst]):.6g}, the value at {other.at:g}",
                "Correct a value, or drop the symmetry.",
            ), tuple(dict.fromkeys((one.axiom, other.axiom)))
    return None


FACE_RULES: Final = (monotone_faces, lipschitz_faces, mirrored_faces)
"""Rules on one axiom and all others; what they return names those that take part."""


def _faces(axiom: Axiom, others: tuple[Axiom, ...], context: Context) -> list[Given]:
    points, found = context.samples(axiom), []
    for other in others:
        if isinstance(other, FACES) and context.outputs(axiom) & context.outputs(other):
            for face in filter(lambda face: context.reaches(axiom, face.input, face.at), faces_of(other, context)):
                moved = face.on(points)
                found.append(Given(face, other, moved, context.value(face.value, moved)))
    return found


def _across(axiom: Axiom, i: int, others: tuple[Axiom, ...], context: Context) -> list[Given]:
    """Faces along one input where the axiom holds, in order."""
    found = [given for given in _faces(axiom, others, context) if given.face.input == i]
    return sorted(found, key=lambda given: given.at)


def _along(given: Given, axiom: Monotone, i: int, sign: float, context: Context) -> Clash | None:
    """A value on a face that goes the wrong way along it."""
    if given.face.input == i or not isinstance(given.face.value, str):
        return None
    other = given.points.clone()
    other[:, i] = given.points[:, i].flip(0)
    first = (given.points[:, i] < other[:, i])[:, None]
    low, high = torch.where(first, given.points, other), torch.where(first, other, given.points)
    a, b = context.value(given.face.value, low), context.value(given.face.value, high)
    worst = largest(sign * (a - b), a.abs() + b.abs())
    if worst is None:
        return None
    return _wrong(axiom, float(low[worst, i]), float(a[worst]), float(high[worst, i]), float(b[worst]))


def _wrong(axiom: Monotone, low: float, a: float, high: float, b: float) -> Clash:
    return Clash(
        f"the value is {a:.6g} at {axiom.input} = {low:.6g} and {b:.6g} at {high:.6g}, which "
        f"{'falls' if axiom.increasing else 'rises'}",
        "Correct a value, or drop the axiom.",
    )


def _related(axiom: Even | Odd | Periodic, one: float, other: float) -> bool:
    if isinstance(axiom, Periodic):
        turns = (other - one) / axiom.period
        return turns > 0.5 and abs(turns - round(turns)) < TOLERANCE
    return abs(one + other - 2 * axiom.centre) <= TOLERANCE * (1 + abs(axiom.centre))
