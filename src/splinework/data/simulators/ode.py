"""Ordinary differential equations given by formulas: states along trajectories, and their exact derivatives."""

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np

from splinework.data.inputs import Input, check_inputs
from splinework.data.noise import Noise
from splinework.data.random_streams import POINTS_STREAM, Floats, stream
from splinework.data.recipe import Recipe
from splinework.data.sample import Schema
from splinework.errors import ConfigError, DataError
from splinework.errors.foreign import explained, explained_record
from splinework.formula.derivatives import derivative
from splinework.formula.expression import Expression
from splinework.formula.reading import names_in, parse

RTOL: Final = 1e-10
ATOL: Final = 1e-12
MAX_LYAPUNOV_TIMES: Final = 15.0
"""Maximum time times Lyapunov exponent: the solver's error grows by e^15, from 1e-10 to about 3e-4 of the state. The derivatives
are nevertheless exact for their states."""
_GROUP_SIZE: Final = 8
"""Number of trajectories that are solved as one system, with common steps."""
_MAX_CALLS: Final = 400_000
"""Maximum number of evaluations of the right-hand sides for one group of trajectories."""
_TIME: Final = "t"


@explained_record
@final
@dataclass(frozen=True)
class OdeSet(Recipe):
    """Trajectories of x' = f(t, x) from random starts: rows of time and state, and as targets the derivatives f.

    Solved by DOP853, or by Radau with the exact Jacobian for stiff equations, at rtol 1e-10 and atol 1e-12. The derivatives are
    the right-hand sides at the states, not finite differences.

    Attributes:
        equations: Pairs of a state and its right-hand side, a formula of the states, the parameters and the time `t`.
        start: Range of each initial state, in the order of the equations, with the units of the states.
        end: Final time of a trajectory.
        points: Number of rows of a trajectory, evenly spaced in time from 0.
        parameters: Pairs of a name and its value.
        stiff: Whether to use Radau.
        exponent: Largest Lyapunov exponent, 0 if not chaotic; `end` times this must be below 15.
        noise: Noise models, applied in order.
        time_unit: Unit of the time, or empty.
        name: Name of the set.
        about: Description.

    Raises:
        ConfigError: If names, numbers and ranges are incompatible.
        FormulaError: If a right-hand side cannot be read.

    Example:
        >>> recipe = ode_set({"x": "v", "v": "-x"}, {"x": (1, 2), "v": (0, 1)}, end=3.0, points=5)
        >>> drawn = recipe.draw(10, seed=0)
        >>> drawn.names, drawn.targets, drawn.y.shape
        (('t', 'x', 'v'), ('dx_dt', 'dv_dt'), (10, 2))
    """

    equations: tuple[tuple[str, str], ...]
    start: tuple[Input, ...]
    end: float = 10.0
    points: int = 200
    parameters: tuple[tuple[str, float], ...] = ()
    stiff: bool = False
    exponent: float = 0.0
    noise: tuple[Noise, ...] = ()
    time_unit: str = ""
    name: str = "ode"
    about: str = "trajectories of an ordinary differential equation"

    def __post_init__(self) -> None:
        states = tuple(state for state, _ in self.equations)
        check_inputs(self.start)
        if not states or states != tuple(one.name for one in self.start):
            raise ConfigError(
                f"{self.name} has equations for {list(states)} and initial ranges for {[one.name for one in self.start]}; "
                "give both for every state, in the same order."
            )
        taken = [_TIME, *states, *(f"d{state}_dt" for state in states)]
        if len(set(taken)) < len(taken):
            raise ConfigError(
                f"no state of {self.name} may have the name {_TIME!r} or that of a derivative (dx_dt); rename it."
            )
        for word, value in (("end", self.end), ("points", self.points - 1)):
            if not 0 < value < math.inf:
                raise ConfigError(f"{word} of {self.name} is too small or not finite, got {getattr(self, word)}.")
        if self.exponent * self.end >= MAX_LYAPUNOV_TIMES:
            raise ConfigError(
                f"{self.name} is chaotic: beyond t = {MAX_LYAPUNOV_TIMES / self.exponent:.4g} rounding errors reach the size "
                f"of the state, got end={self.end}; choose an earlier end."
            )
        _ = self._sides

    def schema(self) -> Schema:
        states = tuple(state for state, _ in self.equations)
        used = {name for text in self.formulas() for name in names_in(parse(text), states)}
        time = self.time_unit
        units = {_TIME: time} if time else {}
        for one in self.start:
            if one.unit:
                units |= {one.name: one.unit, f"d{one.name}_dt": f"{one.unit}/{time}" if time else ""}
        return Schema(
            self.name,
            self.about,
            (_TIME, *states),
            tuple(f"d{state}_dt" for state in states),
            {name: unit for name, unit in units.items() if unit},
            "; ".join(f"d{state}_dt = {text}" for state, text in zip(states, self.formulas(), strict=True)),
            tuple(name for name in (_TIME, *states) if name in used),
            source=f"solved by {'Radau' if self.stiff else 'DOP853'} of scipy, rtol {RTOL:g}, atol {ATOL:g}",
        )

    def formulas(self) -> tuple[str, ...]:
        """The right-hand sides with the values of the parameters substituted."""
        values = dict(self.parameters)
        return tuple(substituted(text, values) for _, text in self.equations)

    def clean(self, rows: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
        times = np.linspace(0.0, self.end, self.points)
        together = 1 if self.stiff else _GROUP_SIZE
        trajectories = -(-rows // self.points)
        for first in range(0, trajectories, together):
            numbers = range(first, min(first + together, trajectories))
            levels = np.stack([stream(seed, POINTS_STREAM, number).random(len(self.start)) for number in numbers])
            starts = np.column_stack([one.values(levels[:, place]) for place, one in enumerate(self.start)])
            x = self.solve(starts, times)[: rows - first * self.points]
            yield x, self.evaluate(x)

    def solve(self, starts: Floats, times: Floats) -> Floats:
        """Rows of time and state, trajectory after trajectory.

        Args:
            starts: Initial states, shape (m, k).
            times: Increasing times, shape (p,).

        Returns:
            Shape (m p, 1 + k).

        Raises:
            DataError: If a trajectory diverges, or takes too many steps.
        """
        from scipy.integrate import solve_ivp

        count, size = starts.shape
        watched = _RightHandSide(self, count)
        options: dict[str, Any] = {"method": "Radau", "jac": watched.jacobian} if self.stiff else {"method": "DOP853"}
        with np.errstate(all="ignore"):
            found = solve_ivp(
                watched,
                (float(times[0]), float(times[-1])),
                starts.ravel(),
                t_eval=times,
                rtol=RTOL,
                atol=ATOL,
                **options,
            )
        if not found.success or not np.isfinite(found.y).all():
            raise watched.blown_up()
        states = found.y.reshape(count, size, len(times)).transpose(0, 2, 1).reshape(-1, size)
        return np.column_stack([np.tile(times, count), states])

    def evaluate(self, x: Floats) -> Floats:
        """The derivatives, shape (n, k), at rows of time and state, shape (n, 1 + k)."""
        return np.column_stack([side(x) for side in self._sides])

    def truth_at(self, x: Floats) -> Floats | None:
        return self.evaluate(x)

    @cached_property
    def _sides(self) -> tuple[Expression, ...]:
        names = [_TIME, *(state for state, _ in self.equations)]
        return tuple(Expression(text, names) for text in self.formulas())

    @cached_property
    def slopes(self) -> tuple[tuple[Expression, ...], ...]:
        """The Jacobian: row i holds the derivatives of right-hand side i with respect to the states."""
        names = [_TIME, *(state for state, _ in self.equations)]
        return tuple(tuple(Expression(derivative(text, name), names) for name in names[1:]) for text in self.formulas())


class _RightHandSide:
    """The right-hand sides of several trajectories as one vector; remembers the last finite state for messages."""

    def __init__(self, recipe: OdeSet, count: int) -> None:
        self.recipe, self.count = recipe, count
        self.calls = 0
        self.time, self.states = 0.0, np.zeros((count, len(recipe.start)))

    def __call__(self, time: float, flat: Floats) -> Floats:
        states = flat.reshape(self.count, -1)
        self.calls += 1
        slopes = self.recipe.evaluate(np.column_stack([np.full(self.count, time), states]))
        if np.isfinite(slopes).all():
            self.time, self.states = time, states.copy()
        elif self.calls == 1:
            raise self.blown_up()
        if self.calls > _MAX_CALLS:
            raise DataError(
                f"{self.recipe.name} took {self.calls} evaluations to reach t = {self.time:.6g} of {self.recipe.end:g}; choose "
                "an earlier end, or set stiff=True."
            )
        return slopes.ravel()

    def jacobian(self, time: float, flat: Floats) -> Floats:
        row = np.concatenate([[time], flat])[None, :]
        return np.array([[float(slope(row)[0]) for slope in side] for side in self.recipe.slopes])

    def blown_up(self) -> DataError:
        """The error with time and state of the divergence."""
        recipe = self.recipe
        place = int(np.abs(self.states).max(axis=0).argmax())
        value = self.states[np.abs(self.states[:, place]).argmax(), place]
        return DataError(
            f"{recipe.name} diverges at t = {self.time:.6g}, where {recipe.start[place].name} = {value:.6g}; choose an earlier "
            f"end (end={recipe.end:g}), or other initial values."
        )


@explained
def ode_set(
    equations: Mapping[str, str], start: Mapping[str, tuple[float, float]], *, end: float, points: int = 200
) -> OdeSet:
    """A set of trajectories of a custom equation.

    Args:
        equations: State → right-hand side, such as `{"x": "y", "y": "-sin(x)"}`.
        start: State → lowest and highest initial value.
        end: Final time of a trajectory.
        points: Number of rows of a trajectory.

    Returns:
        The recipe.

    Raises:
        ConfigError: If a state lacks an equation or a range, or a number is out of range.
        FormulaError: If a right-hand side cannot be read.

    Example:
        >>> ode_set({"x": "-x"}, {"x": (1, 2)}, end=1.0).draw(2, seed=0).targets
        ('dx_dt',)
    """
    unknown = [state for state in (*equations, *start) if state not in equations or state not in start]
    if unknown:
        raise ConfigError(f"{unknown[0]!r} needs both an equation and an initial range.")
    inputs = tuple(Input(state, *start[state]) for state in equations)
    return OdeSet(tuple(equations.items()), inputs, end, points)


def substituted(text: str, values: Mapping[str, float]) -> str:
    """A formula with numbers substituted for some names.

    >>> substituted("-k*x", {"k": 2.5})
    '-2.5 * x'
    """

    class _Replace(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            if node.id not in values:
                return node
            value = float(values[node.id])
            number = ast.Constant(abs(value))
            return ast.UnaryOp(ast.USub(), number) if value < 0 else number

    return ast.unparse(ast.fix_missing_locations(_Replace().visit(parse(text))))
