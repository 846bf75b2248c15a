"""Axioms on values at points and on faces, and of physics, as claims."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from splinework.errors import ConfigError
from splinework.formula.units.parsing import parse_dimension
from splinework.knowledge.axioms.axiom import Axiom, place
from splinework.knowledge.axioms.meanings import speaks_of_any, understand
from splinework.knowledge.axioms.physics import Conserved, Law, Residual, Units
from splinework.knowledge.axioms.statements import Statement
from splinework.knowledge.axioms.values import Boundary, Initial, Integral, Through
from splinework.knowledge.axioms.verify.claim import Along, Argument, Asker, Claim, Define
from splinework.knowledge.axioms.verify.making import EQUALITY, equal, fixed, output
from splinework.knowledge.axioms.verify.making import claim as _whole
from splinework.knowledge.axioms.verify.subject import Subject
from splinework.nn.frame import Expression
from splinework.nn.frame.regions import Region

_DERIVATIVES: Final = 2


def through(axiom: Through, subject: Subject) -> list[Claim]:
    """At every point, the difference to the value."""
    outputs = subject.outputs_of(axiom)
    inputs = len(subject.inputs)
    if len(axiom.points[0]) != inputs or len(axiom.values[0]) not in (1, len(outputs)):
        raise ConfigError(
            f"through has points of {len(axiom.points[0])} numbers with {len(axiom.values[0])} values each; the model has "
            f"{inputs} inputs, and {len(outputs)} outputs are meant."
        )
    found = []
    for point, values in zip(axiom.points, axiom.values, strict=True):
        for number, j in enumerate(outputs):
            value = values[number] if len(values) > 1 else values[0]
            spread = float(subject.spread[j])
            claim = _whole(
                axiom,
                subject,
                f"{subject.outputs[j]}({', '.join(f'{v:g}' for v in point)}) == {value!r}",
                equal(output(j), fixed(value)),
                tolerance=EQUALITY * spread,
                scale=spread,
            )
            found.append(replace(claim, lo=np.array(point), hi=np.array(point)))
    return found


def _formula(value: float | str, subject: Subject) -> Callable[[Asker], Any]:
    if isinstance(value, str):
        expression = Expression(value, subject.inputs)
        return lambda ask: ask.run(expression, ask.x[: len(subject.inputs)])
    return lambda ask: ask.number(float(value))


def _on_face(axiom: Axiom, subject: Subject, i: int, end: float, value: float | str, along: Along = ()) -> list[Claim]:
    """Claims that outputs (or derivatives of them) have given values where an input is fixed."""
    wanted = _formula(value, subject)
    found = []
    for j in subject.outputs_of(axiom):
        spread = float(subject.spread[j]) / math.prod(subject.width(k) for k in along)
        name = subject.outputs[j] if not along else f"d {subject.outputs[j]}/d {subject.inputs[along[0]]}"
        claim = _whole(
            axiom,
            subject,
            f"{name} == {value} at {subject.inputs[i]} = {end:g}",
            equal(output(j, along), wanted),
            tolerance=EQUALITY * spread,
            scale=spread,
            derivatives=(along,),
        )
        lo, hi = claim.lo.copy(), claim.hi.copy()
        lo[i] = hi[i] = end
        found.append(replace(claim, lo=lo, hi=hi))
    return found


def boundary(axiom: Boundary, subject: Subject) -> list[Claim]:
    """Face by face; the boundary of another region is no box, and only a formula can prove what holds there."""
    if isinstance(axiom.face, Region):
        reason = (
            "the boundary of this region is no face of a box; only the model's own formula can prove what holds there"
        )
        wanted = _formula(axiom.value, subject)
        return [
            _whole(
                axiom,
                subject,
                f"{subject.outputs[j]} == {axiom.value} on the boundary",
                equal(output(j), wanted),
                reason=reason,
            )
            for j in subject.outputs_of(axiom)
        ]
    faces = [(place(name, subject.inputs, axiom.word), end) for name, ends in axiom.face for end in ends]
    return [claim for i, end in faces if math.isfinite(end) for claim in _on_face(axiom, subject, i, end, axiom.value)]


def initial(axiom: Initial, subject: Subject) -> list[Claim]:
    """The value at the first time, and the rate."""
    i = subject.input(axiom.input, axiom)
    found = _on_face(axiom, subject, i, axiom.at, axiom.value)
    if axiom.rate is not None:
        found += _on_face(axiom, subject, i, axiom.at, axiom.rate, (i,))
    return found


def integral(axiom: Integral, subject: Subject) -> list[Claim]:
    """Integrals are enclosed by `integrals.py`; here is what they are of."""
    weight = Expression(axiom.weight, subject.inputs)
    lo, hi = subject.lo.copy(), subject.hi.copy()
    for name, (low, high) in axiom.over or ():
        i = place(name, subject.inputs, axiom.word)
        lo[i], hi[i] = low, high
    found = []
    for j in subject.outputs_of(axiom):
        spread = float(subject.spread[j]) * float(np.prod(hi - lo))
        text = f"the integral of {axiom.weight} * {subject.outputs[j]} == {axiom.equals!r}"
        tolerance = EQUALITY * max(spread, abs(axiom.equals))
        define = _weighted(weight, j)
        found.append(
            Claim(text, subject.inputs, lo, hi, define, len(subject.inputs), tolerance=tolerance, scale=spread)
        )
    return found


def _weighted(weight: Expression, j: int) -> Define:
    return lambda ask: ask.do("mul", ask.run(weight, ask.x), ask.partial(j, ()))


def units(axiom: Units, subject: Subject) -> list[Claim]:
    """The output after the base units were rescaled by 1/2 to 2 is as its own unit says."""
    powers = {subject.input(name, axiom): parse_dimension(unit) for name, unit in axiom.of_inputs}
    target = parse_dimension(axiom.of_output)
    inputs = len(subject.inputs)
    bases = sorted({unit for dimension in (*powers.values(), target) for unit, _ in dimension.exponents})
    names = tuple(f"log of the scale of {unit}" for unit in bases)

    def factor(ask: Asker, dimension: Any) -> Any:
        total = ask.number(0.0)
        for number, base in enumerate(bases):
            total = ask.do("add", total, ask.do("mul", float(dimension[base]), ask.x[inputs + number]))
        return ask.do("exp", total)

    def moved(ask: Asker) -> list[Any]:
        return [ask.do("mul", ask.x[i], factor(ask, powers[i])) if i in powers else ask.x[i] for i in range(inputs)]

    def scaled(j: int) -> Define:
        return lambda ask: ask.off(ask.do("mul", ask.partial(j, ()), factor(ask, target)), ask.f(moved(ask))[j])

    found = []
    rim = np.full(len(bases), math.log(2.0))
    for j in subject.outputs_of(axiom):
        spread = float(subject.spread[j])
        claim = _whole(
            axiom,
            subject,
            f"{subject.outputs[j]} scales as {axiom.of_output} when base units are rescaled by 1/2 to 2",
            scaled(j),
            tolerance=EQUALITY * spread,
            scale=spread,
            arguments=(moved,),
        )
        found.append(
            replace(
                claim,
                names=(*claim.names, *names),
                lo=np.concatenate([claim.lo, -rim]),
                hi=np.concatenate([claim.hi, rim]),
            )
        )
    return found


def conserved(axiom: Conserved, subject: Subject) -> list[Claim]:
    """The rate along the flow."""
    flow = [(subject.input(name, axiom), Expression(text, subject.inputs)) for name, text in axiom.flow]

    def define(j: int) -> Callable[[Asker], Any]:
        def of(ask: Asker) -> Any:
            total = ask.number(0.0)
            for i, rate in flow:
                total = ask.do("add", total, ask.do("mul", ask.partial(j, (i,)), ask.run(rate, ask.x)))
            return ask.off(total, 0.0)

        return of

    found = []
    for j in subject.outputs_of(axiom):
        scale = float(subject.spread[j]) / min(subject.width(i) for i, _ in flow)
        text = f"d {subject.outputs[j]}/dt == 0 along the flow"
        along = tuple((i,) for i, _ in flow)
        more: dict[str, Any] = {"derivatives": along, "tolerance": EQUALITY * scale, "scale": scale}
        found.append(_whole(axiom, subject, text, define(j), **more))
    return found


def stated(axiom: Law | Residual, subject: Subject) -> list[Claim]:
    """Every sign of a relation, with its free variables as further variables."""
    text = axiom.statement if isinstance(axiom, Law) else axiom.equation
    unknowns = dict(axiom.unknowns) if isinstance(axiom, Residual) else {}
    meant: list[int | None] = [subject.outputs_of(axiom)[0]] if axiom.output is not None else [None]
    if axiom.output is None and len(subject.outputs) > 1 and speaks_of_any(text, subject.inputs, subject.outputs):
        meant = list(range(len(subject.outputs)))
    found = []
    for j in meant:
        statement = understand(text, subject.inputs, subject.outputs, output=j, unknowns=tuple(unknowns))
        found += _relation(axiom, subject, statement, list(unknowns.values()), j)
    return found


@dataclass(frozen=True)
class _Reading:
    """A statement in the words of an asker; `starts` are the values of its coefficients."""

    statement: Statement
    inputs: int
    starts: tuple[float, ...]

    def given(self, ask: Asker) -> list[Any]:
        """Inputs, free variables and coefficients."""
        every = [*ask.x[: self.inputs + len(self.statement.free)], *map(ask.number, self.starts)]
        return [every[position] for position, _ in self.statement.columns]

    def known(self, ask: Asker) -> list[Any]:
        """These, and what the model gives."""
        columns = self.given(ask)
        for atom in self.statement.atoms:
            if atom.arguments:
                columns.append(ask.f([ask.run(side, columns) for side in atom.arguments])[atom.output])
            else:
                columns.append(ask.partial(atom.output, atom.along))
        return columns

    def difference(self, number: int) -> Define:
        """What is not negative where the sign of that number holds."""

        def of(ask: Asker) -> Any:
            columns = self.known(ask)
            sides = [ask.run(side, columns) for side in self.statement.sides]
            if not self.statement.signs:
                return ask.off(sides[0], 0.0)
            left, right, sign = sides[number], sides[number + 1], self.statement.signs[number]
            if sign in ("=", "=="):
                return ask.off(left, right)
            return ask.do("sub", left, right) if sign[0] == ">" else ask.do("sub", right, left)

        return of

    def called(self, call: Sequence[Expression]) -> Argument:
        """The arguments of a call of the model."""
        return lambda ask: [ask.run(side, self.given(ask)) for side in call]

    def side(self, side: Expression) -> Define:
        """One side of a condition."""
        return lambda ask: ask.run(side, self.known(ask))


def _relation(
    axiom: Law | Residual, subject: Subject, statement: Statement, starts: list[float], meant: int | None
) -> list[Claim]:
    reading = _Reading(statement, len(subject.inputs), tuple(starts))
    calls = [atom.arguments for atom in statement.atoms if atom.arguments]
    plain = all(max(side.columns, default=0) < len(statement.columns) for call in calls for side in call)
    deepest = max((len(atom.along) for atom in statement.atoms), default=0)
    reason = ""
    if not plain:
        reason = "the model's answer goes back into the model; how far that reaches is not known beforehand"
    if deepest > _DERIVATIVES:
        reason = f"it has derivatives of order {deepest}; enclosures go up to {_DERIVATIVES}"
    scale = float(subject.spread[meant or 0]) if deepest == 0 else 1.0
    claim = _whole(
        axiom,
        subject,
        statement.text,
        reading.difference(0),
        derivatives=tuple(atom.along for atom in statement.atoms if not atom.arguments) or ((),),
        arguments=tuple(map(reading.called, calls)) if plain else (),
        tolerance=EQUALITY * scale,
        scale=scale,
        conditions=tuple((reading.side(low), reading.side(high)) for low, high in statement.conditions),
        reason=reason,
    )
    ranges = [(claim.lo[i], claim.hi[i]) for i in statement.ranges]
    claim = replace(
        claim,
        names=(*claim.names, *statement.free),
        lo=np.concatenate([claim.lo, [low for low, _ in ranges]]),
        hi=np.concatenate([claim.hi, [high for _, high in ranges]]),
    )
    return [replace(claim, define=reading.difference(number)) for number in range(max(1, len(statement.signs)))]


DEMANDS: Final[dict[type[Axiom], Callable[[Any, Subject], list[Claim]]]] = {
    Through: through,
    Boundary: boundary,
    Initial: initial,
    Integral: integral,
    Units: units,
    Conserved: conserved,
    Residual: stated,
    Law: stated,
}
