"""Equations and inequalities as texts: differential equations to solve, and custom laws."""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.facts import DifferentialEquation
from splinework.knowledge.axioms.fields import text
from splinework.knowledge.axioms.name_resolution import resolve, uses_alias
from splinework.knowledge.axioms.penalties import AxiomPenalty
from splinework.knowledge.axioms.sampling import PenaltyContext, inside, sobol
from splinework.knowledge.axioms.statements import Model, Statement

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Argument, Claim, Define, Environment, Subject
    from splinework.nn.frame import Expression

_OVERSAMPLING: Final = 16
"""The number of points drawn per point needed, for statements that do not hold everywhere."""
_MAX_ORDER: Final = 2
"""The highest order of derivatives that the verifier encloses."""


@dataclass(frozen=True)
class _RelationAxiom(Axiom):
    """The base class of axioms that are a relation as text."""

    @property
    @abstractmethod
    def relation(self) -> str:
        """The text."""

    @property
    def starts(self) -> dict[str, float]:
        """The starting values of unknown coefficients."""
        return {}

    def _statements(self, names: tuple[Sequence[str], Sequence[str]], first: int) -> list[tuple[Statement, int | None]]:
        """The statements about each output with its index, or None if it names its outputs."""
        meant: list[int | None] = [first if self.output is not None else None]
        if self.output is None and len(names[1]) > 1 and uses_alias(self.relation, *names):
            meant = list(range(len(names[1])))
        unknowns = tuple(self.starts)
        return [(resolve(self.relation, *names, output=j, unknowns=unknowns), j) for j in meant]

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        """The violation, with coefficients at their starting values."""
        names = context.input_names, context.output_names
        statements = [statement for statement, _ in self._statements(names, context.outputs(self)[0])]
        starts = list(self.starts.values())
        points, data = _points_where_stated(statements[0], context, self, starts)
        sizes = torch.stack([_violation_scale(each, context, points, data, starts) for each in statements])

        def failing(model: Model, x: Tensor, data: Tensor | None = None) -> Tensor:
            return torch.stack([each.violation(model, x, data, starts) for each in statements], dim=-1)

        return AxiomPenalty.of(sizes, failing, points, data)

    def claims(self, subject: "Subject") -> "list[Claim]":
        """One claim per sign of the relation, with its free variables as further variables."""
        names = subject.inputs, subject.outputs
        statements = self._statements(names, subject.outputs_of(self)[0])
        return [claim for each, j in statements for claim in self._relation(subject, each, j or 0)]

    def _relation(self, subject: "Subject", statement: Statement, spread_of: int) -> "list[Claim]":
        reading = _StatementInEnvironment(statement, len(subject.inputs), tuple(self.starts.values()))
        calls = [atom.arguments for atom in statement.atoms if atom.arguments]
        plain = all(max(side.columns, default=0) < len(statement.columns) for call in calls for side in call)
        deepest = max((len(atom.along) for atom in statement.atoms), default=0)
        reason = ""
        if not plain:
            reason = "the model is applied to its own output, whose range is not known beforehand"
        if deepest > _MAX_ORDER:
            reason = f"it has derivatives of order {deepest}; enclosures go up to {_MAX_ORDER}"
        scale = float(subject.spread[spread_of]) if deepest == 0 else 1.0
        claim = subject.claim(
            self,
            statement.text,
            reading.difference(0),
            derivatives=tuple(atom.along for atom in statement.atoms if not atom.arguments) or ((),),
            arguments=tuple(map(reading.called, calls)) if plain else (),
            tolerance=subject.tolerance(scale, equal=True),
            scale=scale,
            conditions=tuple((reading.side(low), reading.side(high)) for low, high in statement.conditions),
            reason=reason,
            equation=not statement.signs or statement.signs[0] in ("=", "=="),
        )
        ranges = list(statement.ranges)
        claim = replace(
            claim,
            names=(*claim.names, *statement.free),
            lo=np.concatenate([claim.lo, claim.lo[ranges]]),
            hi=np.concatenate([claim.hi, claim.hi[ranges]]),
        )
        return [replace(claim, define=reading.difference(number)) for number in range(max(1, len(statement.signs)))]


@explained_record
@final
@dataclass(frozen=True)
class ResidualEquation(_RelationAxiom):
    """A differential equation: a formula in inputs, outputs and derivatives that vanishes, such as `u_t + u*u_x - nu*u_xx`.

    Attributes:
        equation: The formula, or `left = right`. Derivatives are written `u_x`, `u_xx`, `u_tx`: the output, `_`, the inputs. A
            system is several axioms.
        unknowns: Coefficients to identify with the function, with starting values, such as `{"nu": 0.1}`.
        strength, domain, output: See `Axiom`.

    Example:
        >>> ResidualEquation("u_t = nu*u_xx", {"nu": 0.1}).text()
        "residual('u_t = nu*u_xx', unknowns=(('nu', 0.1),))"
    """

    equation: str = field(metadata=text("residual takes an equation such as 'u_t - u_xx'"))
    unknowns: tuple[tuple[str, float], ...] = ()

    word: ClassVar[str] = "residual"
    no_hard_form: ClassVar[str] = "no construction solves an arbitrary equation"

    def __post_init__(self) -> None:
        super().__post_init__()
        given = tuple(self.unknowns.items()) if isinstance(self.unknowns, Mapping) else tuple(self.unknowns)
        try:
            object.__setattr__(self, "unknowns", tuple((str(name), float(value)) for name, value in given))
        except (TypeError, ValueError):
            raise ConfigError(f"unknowns are starting values such as {{'nu': 0.1}}, got {given!r}.") from None

    @property
    def relation(self) -> str:
        return self.equation

    @property
    def starts(self) -> dict[str, float]:
        return dict(self.unknowns)

    def facts(self) -> Sequence[DifferentialEquation]:
        return (DifferentialEquation(self, self.equation, self.unknowns),)


@explained_record
@final
@dataclass(frozen=True)
class Law(_RelationAxiom):
    """A custom equation or inequality: `f(x,y) == f(y,x)`, `d f/d x >= 0 when y > 0`.

    Attributes:
        statement: The relation. `f(…)` is the output at other inputs, in the order of the model's inputs; a name that is not an
            input ranges over the interval of the input in whose place it occurs.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Law("f(x, y) == f(y, x)").text()
        "law('f(x, y) == f(y, x)')"
    """

    statement: str = field(metadata=text("law takes a statement such as 'f(x,y) == f(y,x)'"))

    word: ClassVar[str] = "law"
    of_all_inputs: ClassVar[bool] = True
    no_hard_form: ClassVar[str] = "no construction is known for custom statements"

    @property
    def relation(self) -> str:
        return self.statement


@dataclass(frozen=True)
class _StatementInEnvironment:
    """A statement evaluated in an environment; `starts` are the values of its coefficients."""

    statement: Statement
    inputs: int
    starts: tuple[float, ...]

    def given(self, env: "Environment") -> list[Any]:
        """Inputs, free variables and coefficients."""
        every = [*env.x[: self.inputs + len(self.statement.free)], *map(env.number, self.starts)]
        return [every[position] for position, _ in self.statement.columns]

    def known(self, env: "Environment") -> list[Any]:
        """These columns and the model terms."""
        columns = self.given(env)
        for atom in self.statement.atoms:
            if atom.arguments:
                columns.append(env.f([env.run(side, columns) for side in atom.arguments])[atom.output])
            else:
                columns.append(env.partial(atom.output, atom.along))
        return columns

    def difference(self, number: int) -> "Define":
        """The function that is not negative where the sign with this index holds."""

        def of(env: "Environment") -> Any:
            columns = self.known(env)
            sides = [env.run(side, columns) for side in self.statement.sides]
            if not self.statement.signs:
                return env.minus_distance(sides[0], 0.0)
            left, right, sign = sides[number], sides[number + 1], self.statement.signs[number]
            if sign in ("=", "=="):
                return env.minus_distance(left, right)
            return env.apply("sub", left, right) if sign[0] == ">" else env.apply("sub", right, left)

        return of

    def called(self, call: "Sequence[Expression]") -> "Argument":
        """The arguments of a call of the model."""
        return lambda env: [env.run(side, self.given(env)) for side in call]

    def side(self, side: "Expression") -> "Define":
        """One side of a condition."""
        return lambda env: env.run(side, self.known(env))


def _points_where_stated(
    statement: Statement, context: PenaltyContext, axiom: Axiom, unknowns: list[float]
) -> tuple[Tensor, Tensor | None]:
    """Points and free variables at which the statement concerns the model within its box."""
    count, inputs = len(context.points), len(context.input_names)
    limited = axiom.domain != "all" and any(atom.arguments for atom in statement.atoms)
    picky = limited or (bool(statement.conditions) and statement.conditions_on_inputs)
    times = _OVERSAMPLING if picky else 1
    box = torch.cat([context.box, context.box[list(statement.ranges)]])
    both = sobol(count * times, box, context.seed + 1)
    if context.given or not picky:
        both[:, :inputs] = context.points.repeat(times, 1)
    x, free = both[:, :inputs], both[:, inputs:] if statement.free else None
    fits = torch.ones(len(both), dtype=torch.bool)
    columns = statement.column_values(x, free, unknowns)
    if limited:
        for arguments in statement.arguments(columns):
            fits &= inside(arguments, context.box)
    if statement.conditions and statement.conditions_on_inputs:
        fits &= statement.holds(columns, ())
    rows = fits.nonzero().squeeze(-1)[:count]
    if len(rows) == 0:
        raise ConfigError(
            f"{axiom} has no effect on its domain: no point was found where its conditions hold and the arguments of its calls "
            "lie in the box of the grids; use domain='all' or other conditions."
        )
    return x[rows], None if free is None else free[rows]


def _violation_scale(
    statement: Statement, context: PenaltyContext, x: Tensor, free: Tensor | None, unknowns: list[float]
) -> Tensor:
    """The scale of the violation: its largest change when one model term changes by its standard deviation.

    Values are drawn around the output's mean, derivatives around zero in standard deviations per range.
    """
    columns = statement.column_values(x, free, unknowns)
    drawn: list[Tensor] = []
    sizes: list[float] = []
    for atom in statement.atoms:
        size = float(context.spread[atom.output] / context.width[list(atom.along)].prod())
        middle = 0.0 if atom.along else float(context.centre[atom.output])
        draws = torch.randn(len(x), generator=torch.Generator().manual_seed(context.seed + len(sizes)), dtype=x.dtype)
        drawn.append((middle + size * draws).requires_grad_())
        sizes.append(size)
    size = 0.0
    for part in statement.differences(columns, drawn) if drawn else ():
        slopes = torch.autograd.grad(part.sum(), drawn, allow_unused=True, retain_graph=True, materialize_grads=True)
        found = [
            float(slope[slope.isfinite()].square().mean().sqrt()) * s for slope, s in zip(slopes, sizes, strict=True)
        ]
        size = max([size, *filter(math.isfinite, found)])
    return torch.tensor(size if size > 0 else 1.0, dtype=torch.float64)
