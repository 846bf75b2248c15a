"""Verification of integer models: networks of tables and exact sums, as computed by circuits and microcontrollers.

If the inputs have few combinations of codes, all are enumerated. Otherwise the tables are used: rounding to codes and saturation
are monotone, so a sum of monotone tables is monotone, and ranges of tables bound a sum. Arithmetic is exact, without a margin.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from splinework.knowledge.axioms.axiom import Axiom, Name, outputs_of, place
from splinework.knowledge.axioms.verify.certificate import Certificate, ClaimResult, new

Integers = NDArray[np.int64]
MAX_COMBINATIONS: Final = 1 << 20
"""The maximum number of combinations of codes that are enumerated."""
_CHUNK_SIZE: Final = 1 << 16
ROUNDING_NOTE: Final = "integers are exact; nothing is rounded"


@runtime_checkable
class IntegerNetwork(Protocol):
    """A network of integer tables: `c' = saturate(round(bias + Σ T_i[c_i], guard))`."""

    inputs: tuple[Any, ...]
    layers: tuple[Any, ...]

    def run(self, codes: Any) -> Integers: ...


def is_integer(model: Any) -> bool:
    """Whether a model is an integer network."""
    return isinstance(model, IntegerNetwork) and not hasattr(model, "parameters") and hasattr(model, "encode")


def integer_digest(model: IntegerNetwork) -> str:
    """SHA-256 over all tables, sums and formats."""
    found = hashlib.sha256()
    for layer in model.layers:
        for table in (*layer.tables, layer.bias, np.array([layer.guard])):
            found.update(np.ascontiguousarray(table, dtype="<i8").tobytes())
        found.update(repr(layer.outputs).encode())
    found.update(repr(model.inputs).encode())
    return found.hexdigest()


def verify_integer(model: IntegerNetwork, axioms: Sequence[Axiom], *, box: Any = None) -> Certificate:
    """Proves or refutes axioms of an integer model, on all of its codes or those of a box; raises ConfigError as `verify`."""
    return verify_codes(model, axioms, _ranges(model, box))


def verify_codes(model: IntegerNetwork, axioms: Sequence[Axiom], codes: Sequence[tuple[int, int]]) -> Certificate:
    """The same on ranges of codes, one per input, which are the box of the certificate."""
    start = time.monotonic()
    subject = Codes(model, list(codes))
    claims = [claim for axiom in axioms for claim in subject.claims(axiom)]
    ends = {w.name: (float(lo), float(hi)) for w, (lo, hi) in zip(model.inputs, subject.codes, strict=True)}
    return new(
        claims,
        axioms=tuple(axiom.text() for axiom in axioms),
        model=integer_digest(model),
        box=ends,
        seconds=round(time.monotonic() - start, 4),
        margin=ROUNDING_NOTE,
    )


def _ranges(model: IntegerNetwork, box: Any) -> list[tuple[int, int]]:
    """The ranges of codes of the inputs, restricted to a box in raw units if given."""
    names = [wire.name for wire in model.inputs]
    found = [(wire.format.low, wire.format.high) for wire in model.inputs]
    items = box.items() if isinstance(box, dict) else enumerate(box or ())
    for name, (low, high) in items:
        i = place(name, names, "box")
        ends = np.sort(model.inputs[i].encode(np.array([float(low), float(high)])))
        found[i] = (int(ends[0]), int(ends[1]))
    return found


@dataclass
class Codes:
    """An integer model and the ranges of codes of its inputs, for which axioms make claims (`Axiom.integer_claims`)."""

    model: IntegerNetwork
    codes: list[tuple[int, int]]

    def __post_init__(self) -> None:
        self.inputs = [wire.name for wire in self.model.inputs]
        self.wires = self.model.layers[-1].outputs
        self.outputs = [wire.name for wire in self.wires]
        self.enumerable = int(np.prod([float(hi - lo + 1) for lo, hi in self.codes])) <= MAX_COMBINATIONS

    @cached_property
    def values(self) -> Integers:
        """The outputs at all combinations, `(codes…, J)`."""
        shape, lows = tuple(hi - lo + 1 for lo, hi in self.codes), np.array([lo for lo, _ in self.codes])
        total, parts = int(np.prod(shape)), []
        for first in range(0, total, _CHUNK_SIZE):
            index = np.unravel_index(np.arange(first, min(first + _CHUNK_SIZE, total)), shape)
            parts.append(self.model.run(lows + np.column_stack(index)))
        return np.concatenate(parts).reshape(*shape, -1)

    def claims(self, axiom: Axiom) -> list[ClaimResult]:
        """The results of an axiom, one per output."""
        return [result for j in outputs_of(axiom, self.outputs) for result in axiom.integer_claims(self, j)]

    @staticmethod
    def supported() -> str:
        """The supported axioms, for a message."""
        from splinework.knowledge.axioms.kinds import WORDS

        words = [kind.word for kind in WORDS.values() if kind.integer_claims is not Axiom.integer_claims]
        return f"verify supports {', '.join(words)}"

    def input(self, name: Name, axiom: Axiom) -> int:
        """The index of an input."""
        return place(name, self.inputs, axiom.word)

    def exchangeable(self, a: int, b: int) -> bool:
        """Whether two inputs have the same tables, formats and codes."""
        tables, wires = self.model.layers[0].tables, self.model.inputs
        same = np.array_equal(tables[a], tables[b]) and self.codes[a] == self.codes[b]
        return bool(same and replace(wires[a], name="") == replace(wires[b], name=""))

    def step_ratio(self, i: int, j: int) -> float:
        """The step of an output's codes per step of an input's, signed."""
        return float(self.wires[j].step / self.model.inputs[i].step)

    def decoded(self, j: int, codes: Any) -> Any:
        """The values of an output's codes in raw units."""
        return np.asarray(self.wires[j].decode(codes))

    def differences(self, i: int, j: int) -> Integers | None:
        """The changes of an output's code when an input's code increases by one; None if there are too many combinations."""
        if not self.enumerable or self.codes[i][0] == self.codes[i][1]:
            return None
        return np.diff(self.values[..., j], axis=i)

    def result(self, axiom: Axiom, text: str) -> ClaimResult:
        lo, hi = (tuple(float(pair[end]) for pair in self.codes) for end in (0, 1))
        names = tuple(self.inputs)
        return ClaimResult(axiom.text(), text, "unknown", "none", -np.inf, 0.0, names, lo, hi)

    def decide(
        self, result: ClaimResult, slack: Any, *, bound: float | None = None, start: tuple[int, int] = (0, 0)
    ) -> ClaimResult:
        """The result from the slack at every combination, or from a proved bound of it.

        Args:
            result: The claim.
            slack: Values that must not be negative, at all codes; None if there are too many.
            bound: A proved lower bound of the slack.
            start: An input, and the offset of the first code of the slack along it.
        """
        if bound is not None and bound >= 0:
            return replace(result, status="proved", method="structure", bound=bound)
        if slack is None:
            why = f"{result.text} is not proved by its tables, and there are too many codes to enumerate"
            return replace(result, bound=-np.inf if bound is None else bound, reason=why)
        worst = float(slack.min())
        if worst >= 0:
            return replace(
                result, status="proved", method="exhaustion", bound=worst, least=worst, boxes=int(slack.size)
            )
        at = [int(i) for i in np.unravel_index(int(slack.argmin()), slack.shape)]
        at[start[0]] += start[1]
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

    def directions(self, i: int) -> Integers:
        """The direction in which each output changes with an input: 1, -1, 0 for constant, 9 for unknown."""
        now = np.zeros(len(self.inputs), dtype=np.int64)
        now[i] = 1
        for number, layer in enumerate(self.model.layers):
            found = np.zeros(len(layer.outputs), dtype=np.int64)
            for k, table in enumerate(layer.tables):
                if now[k] == 0:
                    continue
                held = table if number else table[self.rows(k)]
                step = np.diff(held, axis=0)
                way = np.where(
                    (step == 0).all(0), 0, np.where((step >= 0).all(0), 1, np.where((step <= 0).all(0), -1, 9))
                )
                way = np.where(way == 9, 9, np.where(now[k] == 9, np.where(way == 0, 0, 9), way * now[k]))
                found = np.where(found == 0, way, np.where((way == 0) | (way == found), found, 9))
            now = found
        return now

    def rows(self, k: int) -> slice:
        """The rows of a table of the first layer within the ranges of codes."""
        low = self.model.inputs[k].format.low
        return slice(self.codes[k][0] - low, self.codes[k][1] - low + 1)

    def range(self) -> list[tuple[int, int]]:
        """Bounds of the code of every output, by sums of the extremes of tables."""
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

    def steps(self, i: int) -> Integers:
        """Bounds of the change of every output's code when an input's code changes by one."""
        now = np.zeros(len(self.inputs), dtype=np.int64)
        now[i] = 1
        for number, layer in enumerate(self.model.layers):
            sums = np.zeros(len(layer.outputs), dtype=np.int64)
            for k, table in enumerate(layer.tables):
                held = table if number else table[self.rows(k)]
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
