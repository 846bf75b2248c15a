"""Certificates of integer models: tables and exact sums at every combination of codes, or bounds by the tables alone."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.knowledge.axioms.checker.claims import parse, place
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


@dataclass(frozen=True)
class CodeClaim:
    """A claim about codes.

    Attributes:
        text: The claim in words.
        slack: The values that must not be negative, `(n,)`, at codes `(n, I)`.
        bound: A bound of them by the tables alone.
        codes: The first and last codes at which it is made; None if it is made nowhere.
        axiom: The text of the axiom.
        names: Names of the inputs.
        lo: The first code of every input.
        hi: The last code.
        tolerance: None.
    """

    text: str
    slack: Callable[[Integers], Any]
    bound: Callable[[], float] = lambda: -np.inf
    codes: Sequence[tuple[int, int]] | None = None
    axiom: str = ""
    names: Sequence[str] = ()
    lo: Sequence[float] = ()
    hi: Sequence[float] = ()
    tolerance: float = 0.0


@dataclass
class CodeCheck:
    """An integer model on ranges of codes, one per input."""

    model: Any
    codes: list[tuple[int, int]]

    def __post_init__(self) -> None:
        self.wires = self.model.layers[-1].outputs
        self.inputs, self.outputs = [w.name for w in self.model.inputs], [w.name for w in self.wires]
        self.first, self.shape = (np.array(each) for each in zip(*((a, b - a + 1) for a, b in self.codes), strict=True))
        self.few = float(np.prod(self.shape.astype(float))) <= _MOST_COMBINATIONS

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
    def _values(self) -> Integers:
        return np.concatenate([self.run(each) for each in _combinations(self.codes)]).reshape(*self.shape, -1)

    def at(self, codes: Integers, j: int) -> Integers:
        """An output at codes `(n, I)`."""
        return self._values[(*(codes - self.first).T, j)]  # type: ignore[no-any-return]

    def steps(self, i: int) -> Integers:
        """Bounds `(2, J)` of the change of every output's code when a code of an input rises by one."""
        low = high = (np.arange(len(self.inputs)) == i).astype(np.int64)
        for number, layer in enumerate(self.model.layers):
            least, most = np.zeros((2, len(layer.outputs)), dtype=np.int64)
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
        return np.stack([low, high])

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

    def claims(self, text: str) -> list[CodeClaim]:
        """The claims of an axiom."""
        word, given, named = parse(text)
        if word not in _MEANING:
            raise Unreadable(f"{word} is not defined for integer models")
        output = named.pop("output", None)
        more = {key: value for key, value in named.items() if key not in ("domain", "strength")}
        meant = range(len(self.outputs)) if output is None else [place(output, self.outputs)]
        lo, hi = ([float(pair[end]) for pair in self.codes] for end in (0, 1))
        own: dict[str, Any] = {"axiom": text, "names": self.inputs, "lo": lo, "hi": hi}
        try:
            return [replace(claim, **own) for j in meant for claim in _MEANING[word](self, j, *given, **more)]
        except TypeError as error:
            raise Unreadable(f"the axiom {text[:80]!r} cannot be read ({error})") from None

    def fault(self, claim: CodeClaim, result: Mapping[str, Any]) -> str:
        """Why the result of a claim is not confirmed; empty if it is."""
        worst = -np.inf
        if self.few and claim.codes is not None and all(low <= high for low, high in claim.codes):
            worst = min(float(claim.slack(each).min()) for each in _combinations(claim.codes))
        if result["status"] == "refuted":
            return self._counterexample(claim, worst, result)
        if result["status"] == "proved" and result["method"] not in ("structure", "exhaustion"):
            return f"it has no proof by {result['method']}"
        if result["bound"] > max(worst, claim.bound()):
            return f"the bound {result['bound']:.6g} is not what the tables give"
        return ""

    def _counterexample(self, claim: CodeClaim, worst: float, result: Mapping[str, Any]) -> str:
        point = result["counterexample"]
        if worst == -np.inf or point is None or list(point) != self.inputs or result["method"] != "exhaustion":
            return "it is refuted, but without a counterexample"
        at = []
        for wire, value, (low, high) in zip(self.model.inputs, point.values(), claim.codes or (), strict=True):
            codes = np.arange(low, high + 1)
            near = codes[np.isclose(decoded(wire, codes), value, rtol=1e-12, atol=1e-300)]
            if len(near) != 1:
                return "its counterexample is no combination of codes"
            at.append(near[0])
        found = float(claim.slack(np.array([at]))[0])
        if not found < 0 or repr(found) != result["value"] or result["bound"] != worst:
            return "it has another value at its counterexample"
        return ""


def _combinations(codes: Sequence[tuple[int, int]]) -> Iterator[Integers]:
    """All combinations of codes, the last input's first, in pieces `(n, I)`."""
    lows, shape = np.array([low for low, _ in codes]), [high - low + 1 for low, high in codes]
    for first in range(0, total := int(np.prod(shape)), _CHUNK):
        index = np.unravel_index(np.arange(first, min(first + _CHUNK, total)), shape)
        yield lows + np.column_stack(index)


def _step(c: CodeCheck, i: int, j: int) -> tuple[Callable[[Integers], Integers], list[tuple[int, int]]]:
    """The change of an output when a code of an input rises by one, and the codes from which it can."""
    one = (np.arange(len(c.inputs)) == i).astype(np.int64)
    codes = [(low, high - (k == i)) for k, (low, high) in enumerate(c.codes)]
    return lambda x: c.at(x + one, j) - c.at(x, j), codes


def _monotone(c: CodeCheck, j: int, input: Any, increasing: bool = True) -> list[CodeClaim]:
    i = place(input, c.inputs)
    sign = (1 if increasing else -1) * int(np.sign(c.wires[j].scale * c.model.inputs[i].scale))
    text = f"{c.outputs[j]} never {'falls' if increasing else 'rises'} with {c.inputs[i]}, code by code"
    step, codes = _step(c, i, j)
    return [
        CodeClaim(
            text, lambda x: sign * step(x), lambda: 0.0 if (sign * c.steps(i)[:, j] >= 0).all() else -np.inf, codes
        )
    ]


def _bounded(c: CodeCheck, j: int, lower: Any = None, upper: Any = None) -> list[CodeClaim]:
    def claim(end: float, sign: int) -> CodeClaim:
        def room(codes: Any) -> Any:
            return sign * (decoded(c.wires[j], codes) - end)

        text = f"{c.outputs[j]} {'>=' if sign > 0 else '<='} {end!r}"
        return CodeClaim(text, lambda x: room(c.at(x, j)), lambda: float(room(np.array(c.ranges()[j])).min()), c.codes)

    ends = [(end, sign) for end, sign in ((lower, 1), (upper, -1)) if end is not None and np.isfinite(end)]
    return [claim(float(end), sign) for end, sign in ends]


def _symmetric(c: CodeCheck, j: int, among: Sequence[Any]) -> list[CodeClaim]:
    def claim(a: int, b: int) -> CodeClaim:
        tables, wires, same = c.model.layers[0].tables, c.model.inputs, c.codes[a] == c.codes[b]
        alike = (
            same and replace(wires[a], name="") == replace(wires[b], name="") and np.array_equal(tables[a], tables[b])
        )
        text, order = (
            f"{c.outputs[j]} is the same with {c.inputs[a]} and {c.inputs[b]} exchanged",
            np.arange(len(c.inputs)),
        )
        order[[a, b]] = b, a

        def slack(x: Integers) -> Any:
            return -np.abs(c.at(x, j) - c.at(x[:, order], j))

        return CodeClaim(text, slack, lambda: 0.0 if alike else -np.inf, c.codes if same else None)

    return [claim(a, b) for a, b in pairwise(place(name, c.inputs) for name in among)]


def _even(c: CodeCheck, j: int, input: Any, centre: float = 0.0) -> list[CodeClaim]:
    i = place(input, c.inputs)
    wire, (low, high) = c.model.inputs[i], c.codes[i]
    text = f"{c.outputs[j]} is even in {c.inputs[i]} about {centre!r}, code by code"
    twice = 2 * (centre - float(decoded(wire, 0))) / (wire.scale * 2.0**-wire.format.fraction)
    own = np.arange(len(c.inputs)) == i
    if wire.log or abs(twice - round(twice)) > 1e-6:
        return [CodeClaim(text, lambda x: np.zeros(len(x)))]
    first, last = max(low, round(twice) - high), min(high, round(twice) - low)
    held = np.asarray(c.model.layers[0].tables[i])[max(first - wire.format.low, 0) : max(last - wire.format.low + 1, 0)]
    return [CodeClaim(
        text,
        lambda x: -np.abs(c.at(x, j) - c.at(np.where(own, round(twice) - x, x), j)),
        lambda: 0.0 if np.array_equal(held, held[::-1]) else -np.inf,
        [(first, last) if k == i else codes for k, codes in enumerate(c.codes)],
    )]  # fmt: skip


def _lipschitz(c: CodeCheck, j: int, constant: float, along: Sequence[Any] = ()) -> list[CodeClaim]:
    def claim(i: int) -> CodeClaim:
        ratio = abs(float(np.divide(*(w.scale * 2.0**-w.format.fraction for w in (c.wires[j], c.model.inputs[i])))))
        text = f"{c.outputs[j]} changes by at most {constant!r} per unit of {c.inputs[i]}, code by code"
        step, codes = _step(c, i, j)

        def room(steps: Integers) -> Any:
            return constant - ratio * np.abs(steps)

        return CodeClaim(text, lambda x: room(step(x)), lambda: float(room(c.steps(i)[:, j]).min()), codes)

    return [claim(i) for i in [place(name, c.inputs) for name in along] or range(len(c.inputs))]


_MEANING: Final[Mapping[str, Callable[..., list[CodeClaim]]]] = {
    "monotone": _monotone,
    "bounded": _bounded,
    "positive": lambda c, j: _bounded(c, j, 0.0),
    "symmetric": _symmetric,
    "even": _even,
    "lipschitz": _lipschitz,
}
