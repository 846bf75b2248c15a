"""Axioms of integer models: networks of tables and exact sums, as circuits and controllers compute them.

Where the inputs have few codes together, all of them are tried. Else by the tables alone: rounding to codes and saturation
never fall, so a sum of tables that never fall never falls;
and ranges of tables bound a sum. Nothing is rounded here, so there is no margin.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, place
from splinework.knowledge.axioms.shapes import Bounded, Even, Lipschitz, Monotone, Positive
from splinework.knowledge.axioms.structure import Symmetric
from splinework.knowledge.axioms.verify.certificate import Certificate, ClaimResult, new

Integers = NDArray[np.int64]
FEW: Final = 1 << 20
"""Most combinations of codes that are tried one by one."""
_CHUNK: Final = 1 << 16
MARGIN: Final = "integers are exact; nothing is rounded"


@runtime_checkable
class IntegerModel(Protocol):
    """A network of integer tables: `c' = saturate(round(bias + Σ T_i[c_i], guard))`."""

    inputs: tuple[Any, ...]
    layers: tuple[Any, ...]

    def run(self, codes: Any) -> Integers: ...


def is_integer(model: Any) -> bool:
    """Whether a model is one of integers."""
    return isinstance(model, IntegerModel) and not hasattr(model, "parameters") and hasattr(model, "encode")


def integer_digest(model: IntegerModel) -> str:
    """SHA-256 over all tables, sums and formats."""
    found = hashlib.sha256()
    for layer in model.layers:
        for table in (*layer.tables, layer.bias, np.array([layer.guard])):
            found.update(np.ascontiguousarray(table, dtype="<i8").tobytes())
        found.update(repr(layer.outputs).encode())
    found.update(repr(model.inputs).encode())
    return found.hexdigest()


def verify_integer(
    model: IntegerModel, axioms: Sequence[Axiom], *, box: Any = None, budget: float = 30.0
) -> Certificate:
    """Proves or refutes axioms of an integer model, on all of its codes or those of a box.

    Raises:
        ConfigError: If an axiom is of a kind that integers do not have, or names what does not exist.
    """
    start = time.monotonic()
    subject = _Subject(model, _ranges(model, box), start + budget)
    claims = [claim for axiom in axioms for claim in subject.claims(axiom)]
    ends = {w.name: (float(lo), float(hi)) for w, (lo, hi) in zip(model.inputs, subject.codes, strict=True)}
    return new(
        claims,
        axioms=tuple(axiom.text() for axiom in axioms),
        model=integer_digest(model),
        box=ends,
        seconds=round(time.monotonic() - start, 4),
        margin=MARGIN,
    )


def _ranges(model: IntegerModel, box: Any) -> list[tuple[int, int]]:
    """Codes of every input, those of a box in raw units where one is given."""
    names = [wire.name for wire in model.inputs]
    found = [(wire.format.low, wire.format.high) for wire in model.inputs]
    items = box.items() if isinstance(box, dict) else enumerate(box or ())
    for name, (low, high) in items:
        i = place(name, names, "box")
        ends = np.sort(model.inputs[i].encode(np.array([float(low), float(high)])))
        found[i] = (int(ends[0]), int(ends[1]))
    return found


@dataclass
class _Subject:
    """A model, the codes of its inputs that are meant, and until when."""

    model: IntegerModel
    codes: list[tuple[int, int]]
    deadline: float

    def __post_init__(self) -> None:
        self.inputs = [wire.name for wire in self.model.inputs]
        self.wires = self.model.layers[-1].outputs
        self.outputs = [wire.name for wire in self.wires]
        self.few = int(np.prod([float(hi - lo + 1) for lo, hi in self.codes])) <= FEW
        self._all: Integers | None = None

    def values(self) -> Integers:
        """The outputs at all combinations, `(codes…, J)`."""
        if self._all is None:
            axes = [np.arange(lo, hi + 1) for lo, hi in self.codes]
            shape = tuple(len(axis) for axis in axes)
            total = int(np.prod(shape))
            parts = []
            for first in range(0, total, _CHUNK):
                index = np.unravel_index(np.arange(first, min(first + _CHUNK, total)), shape)
                parts.append(self.model.run(np.column_stack([a[i] for a, i in zip(axes, index, strict=True)])))
            self._all = np.concatenate(parts).reshape(*shape, -1)
        return self._all

    def claims(self, axiom: Axiom) -> list[ClaimResult]:
        """What is known of an axiom, output by output."""
        makers = {
            Monotone: self._monotone,
            Positive: self._bounded,
            Bounded: self._bounded,
            Symmetric: self._symmetric,
            Even: self._even,
            Lipschitz: self._lipschitz,
        }
        if type(axiom) not in makers:
            known = ", ".join(("monotone", "positive", "bounded", "symmetric", "even", "lipschitz"))
            raise ConfigError(f"of an integer model verify knows {known}; got {axiom.word}.")
        js = range(len(self.outputs))
        if axiom.output is not None:
            js = range(*(lambda j: (j, j + 1))(place(axiom.output, self.outputs, axiom.word, "output")))
        return [result for j in js for result in makers[type(axiom)](axiom, j)]  # type: ignore[operator]

    def _result(self, axiom: Axiom, text: str) -> ClaimResult:
        lo, hi = (tuple(float(pair[end]) for pair in self.codes) for end in (0, 1))
        names = tuple(self.inputs)
        return ClaimResult(axiom.text(), text, "unknown", "none", -np.inf, 0.0, names, lo, hi)

    def _decided(self, result: ClaimResult, slack: Any, *, bound: float | None = None) -> ClaimResult:
        """The result from the slack at every combination, or from a proved bound of it."""
        if bound is not None and bound >= 0:
            return replace(result, status="proved", method="structure", bound=bound)
        if slack is None:
            why = f"{result.text} is not proved by its tables, and there are too many codes to try all"
            return replace(result, bound=-np.inf if bound is None else bound, reason=why)
        worst = float(slack.min())
        if worst >= 0:
            return replace(
                result, status="proved", method="exhaustion", bound=worst, least=worst, boxes=int(slack.size)
            )
        at = np.unravel_index(int(slack.argmin()), slack.shape)
        point = {
            name: float(np.asarray(wire.decode(np.array([lo + i])))[0])
            for name, wire, (lo, _), i in zip(self.inputs, self.model.inputs, self.codes, at, strict=False)
        }
        return replace(
            result,
            status="refuted",
            method="exhaustion",
            bound=worst,
            least=worst,
            counterexample=point,
            value=repr(worst),
        )

    def _monotone(self, axiom: Monotone, j: int) -> list[ClaimResult]:
        i = place(axiom.input, self.inputs, axiom.word)
        sign = (1 if axiom.increasing else -1) * int(np.sign(self.model.inputs[i].step) * np.sign(self.wires[j].step))
        text = f"{self.outputs[j]} never {'falls' if axiom.increasing else 'rises'} with {self.inputs[i]}, code by code"
        result = self._result(axiom, text)
        if int(self._directions(i)[j]) in (0, sign):
            return [self._decided(result, None, bound=0.0)]
        slack = (
            np.diff(self.values()[..., j], axis=i) * sign if self.few and self.codes[i][0] < self.codes[i][1] else None
        )
        return [self._decided(result, slack)]

    def _directions(self, i: int) -> Integers:
        """Which way every output goes with an input: 1, -1, 0 for not at all, 9 for not known."""
        now = np.zeros(len(self.inputs), dtype=np.int64)
        now[i] = 1
        for number, layer in enumerate(self.model.layers):
            found = np.zeros(len(layer.outputs), dtype=np.int64)
            for k, table in enumerate(layer.tables):
                if now[k] == 0:
                    continue
                held = table if number else table[self._rows(k)]
                step = np.diff(held, axis=0)
                way = np.where(
                    (step == 0).all(0), 0, np.where((step >= 0).all(0), 1, np.where((step <= 0).all(0), -1, 9))
                )
                way = np.where(way == 9, 9, np.where(now[k] == 9, np.where(way == 0, 0, 9), way * now[k]))
                found = np.where(found == 0, way, np.where((way == 0) | (way == found), found, 9))
            now = found
        return now

    def _rows(self, k: int) -> slice:
        """The rows of a first table that are meant."""
        low = self.model.inputs[k].format.low
        return slice(self.codes[k][0] - low, self.codes[k][1] - low + 1)

    def _bounded(self, axiom: Bounded | Positive, j: int) -> list[ClaimResult]:
        lower, upper = (0.0, None) if isinstance(axiom, Positive) else (axiom.lower, axiom.upper)
        ends = np.sort(np.asarray(self.wires[j].decode(np.array(self._range()[j]))))
        every = np.asarray(self.wires[j].decode(self.values()[..., j])) if self.few else None
        found = []
        if lower is not None:
            result = self._result(axiom, f"{self.outputs[j]} >= {lower!r}")
            found.append(self._decided(result, None if every is None else every - lower, bound=float(ends[0]) - lower))
        if upper is not None:
            result = self._result(axiom, f"{self.outputs[j]} <= {upper!r}")
            found.append(self._decided(result, None if every is None else upper - every, bound=upper - float(ends[1])))
        return found

    def _range(self) -> list[tuple[int, int]]:
        """Least and greatest code of every output, by sums of the ends of tables."""
        now = self.codes
        for number, layer in enumerate(self.model.layers):
            wires = self.model.inputs if number == 0 else self.model.layers[number - 1].outputs
            low, high = layer.bias.copy(), layer.bias.copy()
            for wire, table, (lo, hi) in zip(wires, layer.tables, now, strict=True):
                part = table[lo - wire.format.low : hi - wire.format.low + 1]
                low, high = low + part.min(0), high + part.max(0)
            pairs = []
            for k, wire in enumerate(layer.outputs):
                ends = _rounded(np.array([low[k], high[k]]), layer.guard)
                a, b = wire.format.saturate(ends).tolist()
                pairs.append((a, b))
            now = pairs
        return now

    def _symmetric(self, axiom: Symmetric, j: int) -> list[ClaimResult]:
        found = []
        for a, b in pairwise(place(name, self.inputs, axiom.word) for name in axiom.among):
            text = f"{self.outputs[j]} is the same with {self.inputs[a]} and {self.inputs[b]} exchanged"
            result = self._result(axiom, text)
            first, wires = self.model.layers[0], self.model.inputs
            same = np.array_equal(first.tables[a], first.tables[b]) and self.codes[a] == self.codes[b]
            same = same and replace(wires[a], name="") == replace(wires[b], name="")
            slack = None
            if self.few and self.codes[a] == self.codes[b]:
                values = self.values()[..., j]
                slack = -np.abs(values - np.swapaxes(values, a, b))
            found.append(self._decided(result, slack, bound=0.0 if same else None))
        return found

    def _even(self, axiom: Even, j: int) -> list[ClaimResult]:
        i = place(axiom.input, self.inputs, axiom.word)
        wire, (lo, hi) = self.model.inputs[i], self.codes[i]
        result = self._result(
            axiom, f"{self.outputs[j]} is even in {self.inputs[i]} about {axiom.centre!r}, code by code"
        )
        twice = 2 * (axiom.centre - float(np.asarray(wire.decode(np.array([0])))[0])) / wire.step
        if abs(twice - round(twice)) > 1e-6:
            return [replace(result, reason="the centre lies between the codes, and not half way")]
        codes = np.arange(lo, hi + 1)
        mirrored = round(twice) - codes
        inside = (mirrored >= lo) & (mirrored <= hi)
        table = self.model.layers[0].tables[i][self._rows(i)]
        same = bool((table[codes[inside] - lo] == table[mirrored[inside] - lo]).all())
        slack = None
        if self.few and inside.any():
            values = np.moveaxis(self.values()[..., j], i, 0)
            slack = np.moveaxis(-np.abs(values[codes[inside] - lo] - values[mirrored[inside] - lo]), 0, i)
        return [self._decided(result, slack, bound=0.0 if same else None)]

    def _lipschitz(self, axiom: Lipschitz, j: int) -> list[ClaimResult]:
        along = [place(name, self.inputs, axiom.word) for name in axiom.along] or list(range(len(self.inputs)))
        found = []
        for i in along:
            text = f"{self.outputs[j]} changes by at most {axiom.constant!r} per unit of {self.inputs[i]}, code by code"
            result = self._result(axiom, text)
            ratio = abs(self.wires[j].step / self.model.inputs[i].step)
            bound = axiom.constant - ratio * float(self._steps(i)[j])
            slack = None
            if self.few and self.codes[i][0] < self.codes[i][1]:
                slack = axiom.constant - ratio * np.abs(np.diff(self.values()[..., j], axis=i))
            found.append(self._decided(result, slack, bound=bound))
        return found

    def _steps(self, i: int) -> Integers:
        """By how many codes every output can change when an input changes by one."""
        now = np.zeros(len(self.inputs), dtype=np.int64)
        now[i] = 1
        for number, layer in enumerate(self.model.layers):
            sums = np.zeros(len(layer.outputs), dtype=np.int64)
            for k, table in enumerate(layer.tables):
                held = table if number else table[self._rows(k)]
                steepest = np.abs(np.diff(held, axis=0)).max(0, initial=0)
                sums += np.minimum(steepest * now[k], held.max(0) - held.min(0)) * (now[k] > 0)
            now = sums if layer.guard == 0 else (sums >> layer.guard) + (sums > 0)
        return now


def _rounded(values: Integers, bits: int) -> Integers:
    """`values / 2^bits`, half to even."""
    if bits == 0:
        return values
    half = (1 << (bits - 1)) - 1
    rounded: Integers = (values + half + ((values >> bits) & 1)) >> bits
    return rounded
