"""Differential equations as text: `u_t + u*u_x = nu*u_xx`, read once, then evaluated on derivatives of any kind.

A derivative is written as the output, `_`, and the inputs: `u_xx`, `u_tx`; where names are long, `temp_time_time`. Everything
else is a formula of `splinework.frame.Expression`, so the text is never executed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.frame import Expression
from splinework.frame.expression import TENSORS
from splinework.jets import Model, Monomial, partials

Derivative = tuple[int, Monomial]
"""Which output, and by which inputs it is differentiated, in order; `()` is the output itself."""


@final
@dataclass(frozen=True)
class Equation:
    """Something that vanishes: a formula in inputs, derivatives of outputs, and unknown numbers.

    Attributes:
        formula: In the columns `inputs`, then the names of `terms`, then `unknowns`.
        inputs: Names of the inputs.
        terms: Which derivatives it has, in the order of their columns.
        unknowns: Names of the unknown coefficients.
    """

    formula: Expression
    inputs: tuple[str, ...]
    terms: tuple[Derivative, ...]
    unknowns: tuple[str, ...]

    @property
    def monomials(self) -> tuple[Monomial, ...]:
        """The derivatives that it takes of any output."""
        return tuple(dict.fromkeys(m for _, m in self.terms))

    def value(self, x: Tensor, derivatives: Mapping[Derivative, Tensor], unknowns: Sequence[Tensor]) -> Tensor:
        """What should vanish, `(B,)`.

        Args:
            x: Points in raw units, `(B, inputs)`.
            derivatives: `(B,)` each, one for each of `terms`.
            unknowns: The unknown coefficients, numbers or `(B,)`.
        """
        columns = [*x.unbind(-1), *(derivatives[term] for term in self.terms), *unknowns]
        found = self.formula.run(columns, TENSORS)
        return found if isinstance(found, Tensor) else x.new_full(x.shape[:1], float(found))

    def slopes(
        self, x: Tensor, derivatives: Mapping[Derivative, Tensor], unknowns: Sequence[Tensor]
    ) -> tuple[Tensor, dict[Derivative, Tensor]]:
        """The value, and its derivative in every term, `(B,)` each."""
        held = {term: derivatives[term].detach().requires_grad_() for term in self.terms}
        with torch.enable_grad():
            value = self.value(x, held, unknowns)
            if not value.requires_grad:
                raise ConfigError(f"the equation {self.formula.text!r} has no output in it.")
            found = torch.autograd.grad(value.sum(), list(held.values()), materialize_grads=True)
        return value.detach(), dict(zip(held, found, strict=True))

    def residual(self, model: Model, x: Tensor, outputs: int) -> Tensor:
        """What should vanish for a model whose outputs after the first `outputs` are the unknowns, `(B, 1)`."""
        monomials = self.monomials if () in self.monomials or not self.unknowns else (*self.monomials, ())
        parts = dict(zip(monomials, partials(model, x, *monomials), strict=True))
        derivatives = {(j, m): parts[m][:, j] for j, m in self.terms}
        unknowns = [parts[()][:, outputs + k] for k in range(len(self.unknowns))]
        return self.value(x, derivatives, unknowns)[:, None]


def read_equation(
    text: str, inputs: Sequence[str], outputs: Sequence[str], unknowns: Sequence[str] = ()
) -> Equation:
    """The equation of a text; `left = right` is `left - right`.

    Args:
        text: In the names of inputs, of outputs and their derivatives, and of unknowns.
        inputs: Names of the inputs, in order.
        outputs: Names of the outputs, in order.
        unknowns: Names of all unknowns of the problem, in order.

    Raises:
        ConfigError: If it has more than one `=`, or no output.
        FormulaError: If it cannot be read.

    >>> burgers = read_equation("u_t + u*u_x = 0.01*u_xx", ["x", "t"], ["u"])
    >>> burgers.terms
    ((0, (1,)), (0, ()), (0, (0,)), (0, (0, 0)))
    """
    sides = text.replace("==", "=").split("=")
    if len(sides) > 2:
        raise ConfigError(f"an equation is 'left = right' or something that vanishes, got {text!r}.")
    whole = text if len(sides) == 1 else f"({sides[0].strip()}) - ({sides[1].strip()})"
    known = {*inputs, *unknowns}
    terms: dict[str, Derivative] = {}
    for name in re.findall(r"[^\W\d]\w*", whole):
        found = None if name in known else derivative_of(name, inputs, outputs)
        if found is not None:
            terms[name] = found
    if not terms:
        raise ConfigError(f"the equation {text!r} has no output in it; the outputs are {', '.join(outputs)}.")
    formula = Expression(whole, (*inputs, *terms, *unknowns))
    return Equation(formula, tuple(inputs), tuple(terms.values()), tuple(unknowns))


def derivative_of(name: str, inputs: Sequence[str], outputs: Sequence[str]) -> Derivative | None:
    """What a name such as `u_xx` means; None where it is no output and no derivative of one."""
    for j, output in enumerate(outputs):
        if name == output:
            return j, ()
        if name.startswith(output + "_"):
            monomial = _split(name[len(output) + 1 :], inputs)
            if monomial:
                return j, tuple(sorted(monomial))
    return None


def _split(suffix: str, inputs: Sequence[str]) -> list[int] | None:
    """A text of names of inputs, with or without `_` between them, as their numbers; None where it is none."""
    if not suffix:
        return []
    for i, name in enumerate(inputs):
        if suffix.startswith(name):
            rest = _split(suffix[len(name) :].removeprefix("_"), inputs)
            if rest is not None:
                return [i, *rest]
    return None
