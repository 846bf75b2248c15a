"""Certificates of integer models: tables and exact sums at every combination of codes, or bounds by the tables alone."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.knowledge.axioms.checker.axioms import AxiomText, parse
from splinework.knowledge.axioms.checker.formulas import Unreadable

Integers = NDArray[np.int64]
_MOST_COMBINATIONS: Final = 1 << 20
_CHUNK: Final = 1 << 16


def is_integer(model: Any) -> bool:
    """Whether a model is a network of integer tables."""
    return all(hasattr(model, name) for name in ("inputs", "layers", "run", "encode")) and not hasattr(
        model, "parameters"
    )


def integer_digest(model: Any) -> str:
    """SHA-256 over all tables, sums and formats."""
    found = hashlib.sha256()
    for layer in model.layers:
        for table in (*layer.tables, layer.bias, np.array([layer.guard])):
            found.update(np.ascontiguousarray(table, dtype="<i8").tobytes())
        found.update(repr(layer.outputs).encode())
    found.update(repr(model.inputs).encode())
    return found.hexdigest()


def decoded(wire: Any, codes: Any) -> Any:
    """The raw values of codes."""
    value = wire.shift + wire.scale * (np.asarray(codes, dtype=np.float64) * 2.0**-wire.format.fraction)
    return np.exp(value) if wire.log else value


def _narrowed(sums: Integers, guard: int, wires: Sequence[Any]) -> Integers:
    """Sums without their guard bits, rounded half to even, within the range of their wires."""
    low, high = (np.array([getattr(w.format, end) for w in wires], dtype=np.int64) for end in ("low", "high"))
    if guard:
        whole, rest, half = sums >> guard, sums & ((1 << guard) - 1), 1 << (guard - 1)
        sums = whole + ((rest > half) | ((rest == half) & (whole % 2 == 1)))
    return np.clip(sums, low, high)


def code_ranges(model: Any, box: Mapping[str, Sequence[float]]) -> list[tuple[int, int]]:
    """The ranges of codes of a box.

    Raises:
        Unreadable: If it is not one range of codes per input.
    """
    if set(box) != {wire.name for wire in model.inputs}:
        raise Unreadable("its box is not one range per input")
    for wire in model.inputs:
        low, high = box[wire.name]
        if not (low.is_integer() and high.is_integer() and wire.format.low <= low <= high <= wire.format.high):
            raise Unreadable(f"its range of {wire.name} has no codes")
    return [(int(low), int(high)) for low, high in (box[wire.name] for wire in model.inputs)]


@dataclass
class CodeCheck:
    """An integer model on ranges of codes, one per input."""

    model: Any
    codes: list[tuple[int, int]]

    def __post_init__(self) -> None:
        self.wires = self.model.layers[-1].outputs
        self.inputs, self.outputs = [w.name for w in self.model.inputs], [w.name for w in self.wires]
        self.shape = tuple(high - low + 1 for low, high in self.codes)
        self.few = float(np.prod([float(n) for n in self.shape])) <= _MOST_COMBINATIONS

    def run(self, codes: Integers) -> Integers:
        """The codes of the outputs for codes `(n, I)`."""
        now, wires = codes, self.model.inputs
        for layer in self.model.layers:
            sums = np.broadcast_to(np.asarray(layer.bias, dtype=np.int64), (len(now), len(layer.outputs))).copy()
            for k, table in enumerate(layer.tables):
                sums += np.asarray(table, dtype=np.int64)[now[:, k] - wires[k].format.low]
            now, wires = _narrowed(sums, layer.guard, layer.outputs), layer.outputs
        return now

    @cached_property
    def values(self) -> Integers:
        """The outputs at all combinations, `(codes…, J)`."""
        lows, parts = np.array([low for low, _ in self.codes]), []
        for first in range(0, total := int(np.prod(self.shape)), _CHUNK):
            index = np.unravel_index(np.arange(first, min(first + _CHUNK, total)), self.shape)
            parts.append(self.run(lows + np.column_stack(index)))
        return np.concatenate(parts).reshape(*self.shape, -1)

    def place(self, name: Any, names: Sequence[str]) -> int:
        """The index of an input or output."""
        if isinstance(name, int) and 0 <= name < len(names):
            return name
        if name not in names:
            raise Unreadable(f"{name!r} is none of {', '.join(names)}")
        return list(names).index(name)

    def steps(self, i: int) -> tuple[Integers, Integers]:
        """Bounds `(J,)` of the change of every output's code when a code of an input rises by one."""
        low = high = np.array([int(k == i) for k in range(len(self.inputs))], dtype=np.int64)
        for number, layer in enumerate(self.model.layers):
            least, most = np.zeros(len(layer.outputs), dtype=np.int64), np.zeros(len(layer.outputs), dtype=np.int64)
            for k, table in enumerate(layer.tables):
                held = np.asarray(table, dtype=np.int64)
                if number == 0:
                    start = self.model.inputs[k].format.low
                    held = held[self.codes[k][0] - start : self.codes[k][1] - start + 1]
                if (low[k] == 0 and high[k] == 0) or len(held) < 2:
                    continue
                step, spread = np.diff(held, axis=0), held.max(0) - held.min(0)
                ends = [bound * each for bound in (low[k], high[k]) for each in (step.min(0), step.max(0))]
                if low[k] <= 0 <= high[k]:
                    ends.append(np.zeros_like(spread))
                # A change of several codes is a sum of as many steps, and at most the spread of the table.
                least = least + np.maximum(np.minimum.reduce(ends), -spread)
                most = most + np.minimum(np.maximum.reduce(ends), spread)
            if layer.guard:
                least, most = (least >> layer.guard) - (least < 0), (most >> layer.guard) + (most > 0)
            low, high = least, most
        return low, high

    def ranges(self) -> list[tuple[int, int]]:
        """Bounds of the code of every output."""
        now, wires = self.codes, self.model.inputs
        for layer in self.model.layers:
            low = high = np.asarray(layer.bias, dtype=np.int64)
            for wire, table, (a, b) in zip(wires, layer.tables, now, strict=True):
                part = np.asarray(table, dtype=np.int64)[a - wire.format.low : b - wire.format.low + 1]
                low, high = low + part.min(0), high + part.max(0)
            ends = _narrowed(np.stack([low, high]), layer.guard, layer.outputs)
            now, wires = list(zip(ends[0].tolist(), ends[1].tolist(), strict=True)), layer.outputs
        return now

    def claims(self, text: str) -> list["CodeClaim"]:
        """The claims of an axiom."""
        s = parse(text)
        if s.word not in _MEANING:
            raise Unreadable(f"{s.word} is not defined for integer models")
        meant = range(len(self.outputs)) if s.output is None else [self.place(s.output, self.outputs)]
        lo, hi = ([float(pair[end]) for pair in self.codes] for end in (0, 1))
        own: dict[str, Any] = {"axiom": text, "names": self.inputs, "lo": lo, "hi": hi}
        return [replace(claim, **own) for j in meant for claim in _MEANING[s.word](s, self, j)]

    def fault(self, claim: "CodeClaim", result: Mapping[str, Any]) -> str:
        """Why the result of a claim is not confirmed; empty if it is."""
        slack = claim.slack() if self.few and claim.slack is not None else None
        worst = -np.inf if slack is None else float(slack.min())
        if result["status"] == "refuted":
            return self._counterexample(claim, slack, result)
        if result["status"] == "proved" and result["method"] not in ("structure", "exhaustion"):
            return f"it has no proof by {result['method']}"
        if result["bound"] > max(worst, claim.bound()):
            return f"the bound {result['bound']:.6g} is not what the tables give"
        return ""

    def _counterexample(self, claim: "CodeClaim", slack: Any, result: Mapping[str, Any]) -> str:
        point = result["counterexample"]
        if slack is None or point is None or list(point) != self.inputs or result["method"] != "exhaustion":
            return "it is refuted, but without a counterexample"
        at = []
        for k, (wire, value) in enumerate(zip(self.model.inputs, point.values(), strict=True)):
            codes = np.arange(self.codes[k][0], self.codes[k][1] + 1)
            near = np.flatnonzero(np.isclose(decoded(wire, codes), value, rtol=1e-12, atol=1e-300))
            if len(near) != 1:
                return "its counterexample is no combination of codes"
            at.append(int(near[0]) - (claim.start[1] if k == claim.start[0] else 0))
        if any(not 0 <= index < size for index, size in zip(at, slack.shape, strict=True)):
            return "its counterexample lies outside its codes"
        value = float(slack[tuple(at)])
        if not value < 0 or repr(value) != result["value"] or result["bound"] != float(slack.min()):
            return "it has another value at its counterexample"
        return ""


@dataclass(frozen=True)
class CodeClaim:
    """A claim about codes.

    Attributes:
        text: The claim in words.
        slack: The values that must not be negative, at every combination, from all outputs; None if there is no such combination.
        start: An input, and the offset of the first code of the slack along it.
        bound: A bound of the slack by the tables alone.
        axiom: The text of the axiom.
        names: Names of the inputs.
        lo: The first code of every input.
        hi: The last code.
        tolerance: None.
    """

    text: str
    slack: Callable[[], Any] | None
    start: tuple[int, int] = (0, 0)
    bound: Callable[[], float] = lambda: -np.inf
    axiom: str = ""
    names: Sequence[str] = ()
    lo: Sequence[float] = ()
    hi: Sequence[float] = ()
    tolerance: float = 0.0


def _monotone(s: AxiomText, c: CodeCheck, j: int) -> list[CodeClaim]:
    i = c.place(s.input, c.inputs)
    sign = (1 if s.increasing else -1) * int(np.sign(c.wires[j].scale * c.model.inputs[i].scale))

    def bound() -> float:
        low, high = c.steps(i)
        return 0.0 if (low[j] >= 0 if sign > 0 else high[j] <= 0) else -np.inf

    text = f"{c.outputs[j]} never {'falls' if s.increasing else 'rises'} with {c.inputs[i]}, code by code"
    slack = (lambda: sign * np.diff(c.values[..., j], axis=i)) if c.shape[i] > 1 else None
    return [CodeClaim(text, slack, bound=bound)]


def _bounded(c: CodeCheck, j: int, low: Any, high: Any) -> list[CodeClaim]:
    def claim(end: float, sign: int) -> CodeClaim:
        def room(codes: Any) -> Any:
            return sign * (decoded(c.wires[j], codes) - end)

        text = f"{c.outputs[j]} {'>=' if sign > 0 else '<='} {end!r}"
        return CodeClaim(text, lambda: room(c.values[..., j]), bound=lambda: float(room(np.array(c.ranges()[j])).min()))

    ends = [(end, sign) for end, sign in ((low, 1), (high, -1)) if end is not None and np.isfinite(end)]
    return [claim(float(end), sign) for end, sign in ends]


def _symmetric(s: AxiomText, c: CodeCheck, j: int) -> list[CodeClaim]:
    def claim(a: int, b: int) -> CodeClaim:
        tables, wires, same = c.model.layers[0].tables, c.model.inputs, c.codes[a] == c.codes[b]
        alike = (
            same and replace(wires[a], name="") == replace(wires[b], name="") and np.array_equal(tables[a], tables[b])
        )
        text = f"{c.outputs[j]} is the same with {c.inputs[a]} and {c.inputs[b]} exchanged"
        slack = (lambda: -np.abs(c.values[..., j] - np.swapaxes(c.values[..., j], a, b))) if same else None
        return CodeClaim(text, slack, bound=lambda: 0.0 if alike else -np.inf)

    return [claim(a, b) for a, b in pairwise(c.place(name, c.inputs) for name in s.among)]


def _even(s: AxiomText, c: CodeCheck, j: int) -> list[CodeClaim]:
    i = c.place(s.input, c.inputs)
    wire, (low, high) = c.model.inputs[i], c.codes[i]
    text = f"{c.outputs[j]} is even in {c.inputs[i]} about {s.centre!r}, code by code"
    step = wire.scale * 2.0**-wire.format.fraction
    twice = 2 * (s.centre - float(decoded(wire, 0))) / step
    if wire.log or abs(twice - round(twice)) > 1e-6:
        return [CodeClaim(text, None)]
    first, last = max(low, round(twice) - high), min(high, round(twice) - low)
    inside = np.arange(first, last + 1) - low

    def slack() -> Any:
        values = np.moveaxis(c.values[..., j], i, 0)[inside]
        return np.moveaxis(-np.abs(values - values[::-1]), 0, i)

    def bound() -> float:
        held = np.asarray(c.model.layers[0].tables[i])[inside + low - wire.format.low]
        return 0.0 if np.array_equal(held, held[::-1]) else -np.inf

    return [CodeClaim(text, slack if len(inside) else None, (i, first - low), bound)]


def _lipschitz(s: AxiomText, c: CodeCheck, j: int) -> list[CodeClaim]:
    def claim(i: int) -> CodeClaim:
        wires = c.wires[j], c.model.inputs[i]
        ratio = abs(float(np.divide(*(w.scale * 2.0**-w.format.fraction for w in wires))))

        def room(steps: Any) -> Any:
            return s.constant - ratio * np.abs(steps)

        text = f"{c.outputs[j]} changes by at most {s.constant!r} per unit of {c.inputs[i]}, code by code"
        slack = (lambda: room(np.diff(c.values[..., j], axis=i))) if c.shape[i] > 1 else None
        return CodeClaim(text, slack, bound=lambda: float(room(np.stack(c.steps(i))[:, j]).min()))

    return [claim(i) for i in [c.place(name, c.inputs) for name in s.along] or range(len(c.inputs))]


_MEANING: Final[Mapping[str, Callable[[AxiomText, CodeCheck, int], list[CodeClaim]]]] = {
    "monotone": _monotone,
    "bounded": lambda s, c, j: _bounded(c, j, s.lower, s.upper),
    "positive": lambda s, c, j: _bounded(c, j, 0.0, None),
    "symmetric": _symmetric,
    "even": _even,
    "lipschitz": _lipschitz,
}
