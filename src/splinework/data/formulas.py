"""`FormulaSet`: a set whose target is a formula of its inputs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

import numpy as np

from splinework.data.designs import SOBOL, Design
from splinework.data.inputs import Input
from splinework.data.marginals import Marginals
from splinework.data.noise import Noise
from splinework.data.properties import statements
from splinework.data.random_streams import Floats
from splinework.data.recipe import BoxSet
from splinework.data.sample import Schema
from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.errors.stored_values import shown
from splinework.formula.expression import Expression
from splinework.formula.reading import names_in, parse

_IDLE: Final = "idle"
MAX_IDLE: Final = 100_000
"""Maximum number of inactive inputs, so that a recipe of one line cannot ask for any amount of memory."""


@explained_record
@final
@dataclass(frozen=True)
class FormulaSet(BoxSet):
    """A formula on a box.

    Attributes:
        formula: Text of the formula, as read by `Expression`.
        inputs: Its variables with ranges, units and distributions; those not in the formula are inactive.
        design: Design of the inputs.
        noise: Noise models, applied in order.
        idle: Number of additional inactive inputs, `idle1`, `idle2`, …, from -1 to 1.
        correlation: Correlation matrix of the Gaussian copula of the inputs, without the additional ones.
        target: Name of the target.
        unit: Unit of the target, or empty.
        name: Name of the set.
        about: Description; empty for the formula.
        source: Source of the set.
        known: Further axioms that do not follow from the formula's text, such as the equation that it solves.

    Raises:
        FormulaError: If the formula cannot be read.
        ConfigError: If names, design and correlation are incompatible.

    Example:
        >>> recipe = FormulaSet("a*exp(b)", (Input("a", 0, 1), Input("b", 0, 1)))
        >>> drawn = recipe.draw(8, seed=1)
        >>> drawn.x.shape, drawn.truth.active, drawn.truth.noise_floor
        ((8, 2), ('a', 'b'), 0.0)
    """

    formula: str
    inputs: tuple[Input, ...]
    design: Design = SOBOL
    noise: tuple[Noise, ...] = ()
    idle: int = 0
    correlation: tuple[tuple[float, ...], ...] = ()
    target: str = "y"
    unit: str = ""
    name: str = "formula"
    about: str = ""
    source: str = "computed from the formula"
    known: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.inputs and not self.idle:
            raise ConfigError(f"the formula {self.formula!r} needs inputs; name at least one.")
        if not 0 <= self.idle <= MAX_IDLE:
            raise ConfigError(f"idle must be a number of inputs from 0 to {MAX_IDLE}, got {shown(self.idle)}.")
        names = [one.name for one in self.box()]
        if self.target in names:
            raise ConfigError(f"target {self.target!r} is also the name of an input; choose another name.")
        if isinstance(self.design, Marginals):
            self._check_rows(self.design)
        self.check()
        _ = self._function

    def box(self) -> tuple[Input, ...]:
        taken = {one.name for one in self.inputs}
        free = (name for place in range(1, self.idle + len(taken) + 1) if (name := f"{_IDLE}{place}") not in taken)
        return (*self.inputs, *(Input(next(free)) for _ in range(self.idle)))

    def dependence(self) -> tuple[tuple[float, ...], ...]:
        if not self.correlation or not self.idle:
            return self.correlation
        size = len(self.inputs) + self.idle
        whole = np.eye(size)
        whole[: len(self.inputs), : len(self.inputs)] = self.correlation
        return tuple(tuple(row) for row in whole.tolist())

    def evaluate(self, x: Floats) -> Floats:
        return self._function(x)[:, None]

    def schema(self) -> Schema:
        box = self.box()
        used = names_in(parse(self.formula), [one.name for one in box])
        units = {one.name: one.unit for one in box if one.unit} | ({self.target: self.unit} if self.unit else {})
        return Schema(
            self.name,
            self.about or f"{self.target} = {self.formula}",
            tuple(one.name for one in box),
            (self.target,),
            units,
            self.formula,
            tuple(one.name for one in box if one.name in used),
            source=self.source,
        )

    def axioms(self) -> tuple[str, ...]:
        return (*statements(self.formula, self.inputs), *self.known)

    def _check_rows(self, design: Marginals) -> None:
        """Checks that given rows have the inputs as columns and lie in their ranges, for which the axioms are stated."""
        box = self.box()
        rows = np.asarray(design.rows, dtype=np.float64)
        if rows.shape[1] != len(box):
            raise ConfigError(f"the rows of Marginals have {rows.shape[1]} columns, the inputs are {len(box)}.")
        for one, low, high in zip(box, rows.min(axis=0), rows.max(axis=0), strict=True):
            if not one.low <= low <= high <= one.high:
                raise ConfigError(
                    f"the rows of Marginals have {one.name!r} from {low:g} to {high:g}, outside its range {one.low:g} to "
                    f"{one.high:g}; widen the range."
                )

    @cached_property
    def _function(self) -> Expression:
        return Expression(self.formula, [one.name for one in self.box()])
