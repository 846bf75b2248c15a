"""The subject of verification: a model, the names of its columns, and a box of raw inputs.

Axioms construct their claims (`Axiom.claims`) with the methods of `Subject`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import torch

from splinework.errors import ArgumentError, ConfigError
from splinework.errors.foreign import not_a_model
from splinework.formula.intervals import Floats
from splinework.knowledge.axioms.axiom import Axiom, Name, outputs_of, place
from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.models import ModelRanges, Reading, spread_of
from splinework.knowledge.axioms.checker.ranges import Range
from splinework.knowledge.axioms.verify.claim import Along, Argument, Claim, Define, Environment
from splinework.knowledge.axioms.verify.numbers import Model, array, names_of, network_of
from splinework.nn.frame import Expression, FramedKAN

INEQUALITY_TOLERANCE: Final = 1e-9
"""The tolerance of inequalities of values, relative to the range of the output."""
SLOPE_TOLERANCE: Final = 1e-6
"""The same for derivatives, relative to the range of the output per width of the box."""
EQUALITY_TOLERANCE: Final = 1e-6
"""The same for equations."""
Names = tuple[tuple[str, tuple[float, float]], ...]
"""Further variables of a claim with their ranges."""


@dataclass(frozen=True)
class Subject:
    """A model and a box.

    Attributes:
        inputs: Names of its raw inputs.
        lo: Lower ends of the box, `(I,)`.
        hi: Upper ends.
        spread: Range of every output on sample points of the box, `(J,)`; never 0.
    """

    model: Model
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    lo: Floats
    hi: Floats
    spread: Floats

    def input(self, name: Name, axiom: Axiom) -> int:
        """The index of an input."""
        return place(name, self.inputs, axiom.word)

    def outputs_of(self, axiom: Axiom) -> list[int]:
        """The indices of the outputs that an axiom applies to."""
        return outputs_of(axiom, self.outputs)

    def width(self, i: int) -> float:
        """The width of the box along an input, never 0."""
        return float(self.hi[i] - self.lo[i]) or 1.0

    def tolerance(self, size: float, *, equal: bool = False, derivative: bool = False) -> float:
        """The tolerance of an equation or inequality whose sides have a typical size."""
        return (EQUALITY_TOLERANCE if equal else SLOPE_TOLERANCE if derivative else INEQUALITY_TOLERANCE) * size

    def claim(self, axiom: Axiom, text: str, define: Define, *, extra: Names = (), **more: Any) -> Claim:
        """One claim on the box of an axiom and the ranges of further variables."""
        lo, hi = box_of(axiom, self)
        return Claim(
            text,
            (*self.inputs, *(name for name, _ in extra)),
            np.concatenate([lo, [low for _, (low, _) in extra]]),
            np.concatenate([hi, [high for _, (_, high) in extra]]),
            define,
            len(self.inputs),
            **more,
        )

    def claims(
        self,
        axiom: Axiom,
        text: Callable[[str], str],
        define: Callable[[int, Environment], Any],
        *,
        along: Along = (),
        equal: bool = False,
        scale: float | None = None,
        **more: Any,
    ) -> list[Claim]:
        """One claim for each output that an axiom applies to.

        Args:
            axiom: The axiom.
            text: Maps the name of the output to the claim in words.
            define: The function that must not be negative, given the index of the output.
            along: The inputs of the derivative in the function; empty for values.
            equal: Whether the claim is an equation, which has another tolerance than an inequality.
            scale: Typical size of the function; by default that of the derivative.
            **more: Further fields of `Claim`.
        """
        found = []
        for j in self.outputs_of(axiom):
            size = float(self.spread[j]) / math.prod(map(self.width, along)) if scale is None else scale
            tolerance = self.tolerance(size, equal=equal, derivative=bool(along))
            fields = {"derivatives": (along,), "tolerance": tolerance, "scale": size, "equation": equal, **more}
            found.append(self.claim(axiom, text(self.outputs[j]), partial(define, j), **fields))
        return found

    def transformed(self, axiom: Axiom, text: str, move: Argument, sign: int = 1, **more: Any) -> list[Claim]:
        """`f(moved x) = sign f(x)` for every output; `f(` in the text becomes its name."""

        def there(j: int, env: Environment) -> Any:
            return env.f(move(env))[j] if sign > 0 else env.apply("neg", env.f(move(env))[j])

        return self.equal(axiom, lambda name: text.replace("f(", f"{name}("), there, arguments=(move,), **more)

    def equal(
        self,
        axiom: Axiom,
        text: Callable[[str], str],
        to: Callable[[int, Environment], Any],
        along: Along = (),
        **more: Any,
    ) -> list[Claim]:
        """Claims that each output, or a derivative of it, equals `to`; further arguments as in `claims`."""
        return self.claims(
            axiom,
            text,
            lambda j, env: env.minus_distance(env.partial(j, along), to(j, env)),
            along=along,
            equal=True,
            **more,
        )

    def signed(self, axiom: Axiom, text: Callable[[str], str], along: Along, sign: int) -> list[Claim]:
        """Claims that a derivative of each output has a sign."""

        def define(j: int, env: Environment) -> Any:
            return env.partial(j, along) if sign > 0 else env.apply("neg", env.partial(j, along))

        return self.claims(axiom, text, define, along=along)

    def replaced(self, i: int, new: Callable[[Environment], Any]) -> Argument:
        """The inputs with one of them replaced."""

        def move(env: Environment) -> list[Any]:
            x = list(env.x[: len(self.inputs)])
            x[i] = new(env)
            return x

        return move

    def on_face(self, axiom: Axiom, i: int, end: float, value: float | str, along: Along = ()) -> list[Claim]:
        """Claims that outputs, or derivatives of them, have given values on a face."""
        wanted = self.formula(value)

        def claim_text(name: str) -> str:
            what = name if not along else f"d {name}/d {self.inputs[along[0]]}"
            return f"{what} == {value} at {self.inputs[i]} = {end:g}"

        found = self.equal(axiom, claim_text, lambda j, env: wanted(env), along)
        for claim in found:
            claim.lo[i] = claim.hi[i] = end
        return found

    def formula(self, value: float | str) -> Define:
        """A number or a formula in the inputs as the function of a claim."""
        if isinstance(value, str):
            expression = Expression(value, self.inputs)
            return lambda env: env.run(expression, env.x[: len(self.inputs)])
        return lambda env: env.number(float(value))


def subject_of(model: Model, box: Any = None) -> Subject:
    """A model with a box, by default that of its grids.

    Args:
        model: A KAN or FramedKAN.
        box: Ranges by name or index of the input, or a sequence of pairs; other inputs take the box of the grids.

    Raises:
        ConfigError: If the model cannot be verified, a range is empty, infinite or of an unknown input, or there is no box.
    """
    _check(model)
    inputs, outputs = names_of(model)
    own = grid_box(model)
    if box is None and own is None:
        raise ConfigError(
            f"this model has no grid in its raw inputs {list(inputs)}; give their ranges, box={{{inputs[0]!r}: (0, 1), …}}."
        )
    ranges: list[tuple[float, float] | None] = [None] * len(inputs) if own is None else list(own)
    for i, pair in _given(box, inputs):
        ranges[i] = pair
    missing = [name for name, pair in zip(inputs, ranges, strict=True) if pair is None]
    if missing:
        raise ConfigError(f"the box lacks a range for {', '.join(map(repr, missing))}; give one for every raw input.")
    lo, hi = (np.array([pair[end] for pair in ranges if pair is not None]) for end in (0, 1))
    return Subject(model, inputs, outputs, lo, hi, _spread(model, lo, hi))


def _spread(model: Model, lo: Floats, hi: Floats) -> Floats:
    """The range of every output, to which tolerances refer, as the checker defines it."""
    try:
        return spread_of(ModelRanges(Reading(model), Range(lo, hi)))
    except Unreadable as error:
        raise ConfigError(f"nothing can be proved of this model: {error}.") from None


def _check(model: Any) -> None:
    network: Any = network_of(model)
    if not hasattr(network, "kan_layers"):
        raise ArgumentError(not_a_model("verify", model, "axioms"))
    held = [*network.parameters(), *(layer.grid for layer in network.kan_layers)]
    held += [part for s in (network.input_scaling, network.output_scaling) for part in (s.shift, s.scale)]
    if not all(bool(torch.isfinite(value).all()) for value in held):
        raise ConfigError("the model has parameters that are not finite; nothing can be proved about it.")


def grid_box(model: Model) -> list[tuple[float, float]] | None:
    """The box of raw inputs of a model: that of its frame, or that of the grids of its first layer."""
    if isinstance(model, FramedKAN):
        ranges = getattr(model.frame, "ranges", ()) or ()
        if ranges:
            return [(float(low), float(high)) for low, high in ranges]
        if model.frame.features:
            return None
    network = network_of(model)
    layer = network.kan_layers[0]
    low, high = layer.basis.domain(layer.knots().detach())
    scaling = network.input_scaling
    shift, scale = array(scaling.shift), array(scaling.scale)
    ends = []
    for i, kind in enumerate(scaling.scales):
        pair = [float(end[i]) * scale[i] + shift[i] for end in (array(low), array(high))]
        ends.append((math.exp(pair[0]), math.exp(pair[1])) if kind == "log" else (pair[0], pair[1]))
    return ends


def _given(box: Any, inputs: Sequence[str]) -> list[tuple[int, tuple[float, float]]]:
    if box is None:
        return []
    items: Any = box.items() if isinstance(box, Mapping) else enumerate(box)
    found = []
    try:
        for name, pair in items:
            low, high = (float(end) for end in pair)
            found.append((place(name, inputs, "box"), (low, high)))
    except (TypeError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"a box is ranges such as {{'a': (0, 1)}}, or one pair per input; got {box!r}.") from None
    for i, (low, high) in found:
        if not -math.inf < low < high < math.inf:
            raise ConfigError(f"the range of {inputs[i]!r} is (low, high), finite and low < high; got ({low}, {high}).")
    return found


def box_of(axiom: Axiom, subject: Subject) -> tuple[Floats, Floats]:
    """The box of an axiom: that of the subject, restricted by its domain; infinite for `all`."""
    lo, hi = subject.lo.copy(), subject.hi.copy()
    if axiom.domain == "all":
        scales = network_of(subject.model).config.input_scales
        framed = isinstance(subject.model, FramedKAN)
        lowest = [0.0 if not framed and scale == "log" else -np.inf for scale in scales]
        return np.array(lowest if not framed else [-np.inf] * len(lo)), np.full(len(lo), np.inf)
    if not isinstance(axiom.domain, str):
        for name, (low, high) in axiom.domain:
            i = place(name, subject.inputs, f"the domain of {axiom.word}")
            lo[i] = low if math.isfinite(low) else lo[i]
            hi[i] = high if math.isfinite(high) else hi[i]
    return lo, hi
