"""Differential equations as text, `u_t + u*u_x = nu*u_xx`: the language of axioms, evaluated on derivatives of any kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms.name_resolution import resolve
from splinework.knowledge.axioms.statements import Statement
from splinework.nn.derivatives import Model, Monomial, partials

Derivative = tuple[int, Monomial]
"""Which output, and by which inputs it is differentiated, in order; `()` is the output itself."""


@final
@dataclass(frozen=True)
class Equation:
    """A differential equation: a relation between inputs, derivatives of outputs, and unknown numbers."""

    statement: Statement

    @property
    def text(self) -> str:
        """The equation as written."""
        return self.statement.text

    @property
    def terms(self) -> tuple[Derivative, ...]:
        """The derivatives that it has, each once."""
        return tuple((atom.output, tuple(sorted(atom.along))) for atom in self.statement.atoms)

    @property
    def monomials(self) -> tuple[Monomial, ...]:
        """The derivatives that it takes of any output."""
        return tuple(dict.fromkeys(m for _, m in self.terms))

    def value(self, x: Tensor, derivatives: Mapping[Derivative, Tensor], unknowns: Sequence[Tensor]) -> Tensor:
        """The residual of the equation, `(B,)`.

        Args:
            x: Points in raw units, `(B, inputs)`.
            derivatives: `(B,)` each, one for each of `terms`.
            unknowns: The unknown coefficients, `(B,)` each.
        """
        columns = self.statement.column_values(x, None, torch.stack(list(unknowns)) if unknowns else ())
        return self.statement.violation_from(columns, [derivatives[term] for term in self.terms])

    def slopes(self, x: Tensor, derivatives: Mapping[Derivative, Tensor]) -> tuple[Tensor, dict[Derivative, Tensor]]:
        """The value of an equation without unknowns, and its derivative in every term, `(B,)` each."""
        held = {term: derivatives[term].detach().requires_grad_() for term in self.terms}
        with torch.enable_grad():
            value = self.value(x, held, [])
            found = torch.autograd.grad(value.sum(), list(held.values()), materialize_grads=True)
        return value.detach(), dict(zip(held, found, strict=True))

    def residual(self, model: Model, x: Tensor, outputs: int) -> Tensor:
        """The residual for a model whose outputs after the first `outputs` are the unknowns, `(B, 1)`."""
        unknowns = self.statement.unknowns
        monomials = self.monomials if () in self.monomials or not unknowns else (*self.monomials, ())
        parts = dict(zip(monomials, partials(model, x, *monomials), strict=True))
        derivatives = {(j, m): parts[m][:, j] for j, m in self.terms}
        return self.value(x, derivatives, [parts[()][:, outputs + k] for k in range(len(unknowns))])[:, None]


def read_equation(
    text: str, inputs: Sequence[str], outputs: Sequence[str], unknowns: Sequence[str] = (), output: int | None = None
) -> Equation:
    """The equation of a text; a formula alone should vanish.

    Args:
        text: In the names of inputs, of outputs and their derivatives, and of unknowns.
        inputs: Names of the inputs, in order.
        outputs: Names of the outputs, in order.
        unknowns: Names of all unknowns of the problem, in order.
        output: The output that `u` denotes where none has that name.

    Raises:
        ConfigError: If it takes the function elsewhere than at the point, or has free variables or no output.
        FormulaError: If it cannot be read.

    >>> burgers = read_equation("u_t + u*u_x = 0.01*u_xx", ["x", "t"], ["u"])
    >>> burgers.terms
    ((0, (1,)), (0, ()), (0, (0,)), (0, (0, 0)))
    """
    statement = resolve(text, inputs, outputs, output=output, unknowns=unknowns)
    local = not statement.free and not any(atom.arguments for atom in statement.atoms)
    if not statement.atoms or not local:
        raise ConfigError(
            f"an equation to solve is one between outputs and their derivatives at a point, such as 'u_t = u_xx', without "
            f"free variables; got {text!r}. Functions of the model, splinework.train.Residual, take all others."
        )
    return Equation(statement)
