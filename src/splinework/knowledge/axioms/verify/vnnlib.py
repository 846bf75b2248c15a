"""Bounds of outputs as VNN-LIB properties of the model's ONNX file, for verifiers of neural networks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from splinework.errors import ConfigError
from splinework.formula.intervals import Floats
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.verify.claim import Along, Claim, Environment
from splinework.knowledge.axioms.verify.numbers import Model
from splinework.knowledge.axioms.verify.solver_claims import SolverClaim, solver_claims


def vnn_properties(model: Model, axioms: Axiom | str | Sequence[Any], *, box: Any = None) -> list[SolverClaim]:
    """The claims of some axioms that are linear in the outputs, such as `bounded`, `positive` and `ordered`, in VNN-LIB.

    Args:
        model: A KAN, with or without a frame.
        axioms: One axiom, its text, or several.
        box: Ranges of raw inputs, as of `verify`.

    Raises:
        ConfigError: If a claim is about derivatives or is not linear in the outputs: the format has no such properties.

    Example:
        >>> import splinework as sw
        >>> print(vnn_properties(sw.KAN([1, 1]), "bounded(upper=2)")[0].text)
        ; y <= 2.0
        (declare-const X_0 Real)
        (declare-const Y_0 Real)
        (assert (>= X_0 -1.0))
        (assert (<= X_0 1.0))
        (assert (>= Y_0 2.000000001...))
        <BLANKLINE>

    Reference:
        Demarchi et al.: Supporting Standardization of Neural Networks Verification with VNNLIB and CoCoNet (2023).
    """
    return solver_claims(model, axioms, box, lambda claim, subject: _text(claim, len(subject.outputs)))


def _text(claim: Claim, outputs: int) -> str:
    if claim.order or claim.arguments or claim.total is not None or claim.vanishing is not None or claim.conditions:
        raise _unsuited(claim)
    form = claim.define(_LinearEnvironment(claim, outputs))
    used = np.flatnonzero(form.weights)
    bound = float(-claim.tolerance - form.constant)
    if len(used) == 0 or len(claim.names) > claim.inputs:
        raise _unsuited(claim)
    if len(used) == 1:
        weight = float(form.weights[used[0]])
        opposite = f"({'<=' if weight > 0 else '>='} Y_{used[0]} {_decimal(bound / weight)})"
    else:
        total = " ".join(f"(* {_decimal(form.weights[j])} Y_{j})" for j in used)
        opposite = f"(<= (+ {total}) {_decimal(bound)})"
    inputs = range(claim.inputs)
    names = [f"X_{i}" for i in inputs] + [f"Y_{j}" for j in range(outputs)]
    ends = [
        f"(assert ({r} X_{i} {_decimal(end[i])}))" for i in inputs for r, end in ((">=", claim.lo), ("<=", claim.hi))
    ]
    declared = [f"(declare-const {name} Real)" for name in names]
    return "\n".join([f"; {claim.text}", *declared, *ends, f"(assert {opposite})", ""])


def _decimal(value: float) -> str:
    """A number without an exponent, which the format does not have."""
    return np.format_float_positional(value, trim="0")


def _unsuited(claim: Claim) -> ConfigError:
    return ConfigError(
        f"VNN-LIB has linear properties of outputs only, which {claim.text!r} is not; smt_scripts writes such claims."
    )


@dataclass(frozen=True)
class _LinearForm:
    """`weights · outputs + constant`."""

    weights: Floats
    constant: float


@dataclass
class _LinearEnvironment(Environment):
    """An environment whose numbers are linear forms in the outputs."""

    claim: Claim
    outputs: int
    algebra: Mapping[str, Callable[..., Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.x = []
        self.algebra = {
            "add": lambda a, b: _LinearForm(a.weights + b.weights, a.constant + b.constant),
            "sub": lambda a, b: _LinearForm(a.weights - b.weights, a.constant - b.constant),
            "neg": lambda a: _LinearForm(-a.weights, -a.constant),
            **dict.fromkeys(("abs", "mul", "div", "min", "max", "pow"), self._refused),
        }

    def _refused(self, *_: Any) -> Any:
        raise _unsuited(self.claim)

    def number(self, value: float) -> _LinearForm:
        return _LinearForm(np.zeros(self.outputs), float(value))

    def f(self, arguments: Sequence[Any]) -> list[_LinearForm]:
        return [self.partial(j, ()) for j in range(self.outputs)]

    def partial(self, output: int, along: Along) -> _LinearForm:
        return _LinearForm(np.eye(self.outputs)[output], 0.0)
