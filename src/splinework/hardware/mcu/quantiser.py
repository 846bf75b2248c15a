"""Quantisers of floats in C: by float arithmetic, or by comparison with exact boundaries.

`single` computes `(value - shift) · (1 / step)` in single precision and rounds half to even. A code can differ from the golden
model, which divides in double precision, by one, and only if the exact quotient is within `slack` of a boundary between codes.
`exact` stores these boundaries, the smallest float of every code found by the golden model itself, so that every float gets the
code of the golden model, logarithms included. It compares the bits of floats as integers, without float arithmetic.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.errors import ConfigError
from splinework.export.number_lists import nested
from splinework.hardware.formats import Floats, Integers, Wire
from splinework.hardware.integer import IntegerModel
from splinework.hardware.mcu.source import signed

_UNIT_ROUNDOFF: Final = 2.0**-24  # Of single precision
_MAX_CODE_BITS: Final = 20  # Represented exactly in single precision
_INFINITY_BITS: Final = 0x7F800000
_COUNT_TYPE: Final = "uint32_t"


def slack(wire: Wire) -> float:
    """Largest distance from a boundary, in codes, at which `single` may choose the other side.

    It bounds the rounding of shift, difference, reciprocal and product, each by 2^-24 relative, and of a logarithm by two units
    in the last place, as common C libraries guarantee.
    """
    form = wire.format
    largest = max(abs(form.low), abs(form.high)) + 1.0
    offset = abs(wire.shift / wire.step)
    logarithm = 4 * (largest + offset) if wire.log else 0.0
    return (4 * largest + 2 * offset + logarithm) * _UNIT_ROUNDOFF


def boundaries(wire: Wire) -> Integers:
    """The smallest float of each code, `(codes + 1,)`, ascending, as its rank among all floats, 0 at 0.

    Entry k belongs to code `low + k`; values below the first and from the last on saturate. If the step is negative, these are
    boundaries of the negated value.
    """
    form, sign = wire.format, 1.0 if wire.step > 0 else -1.0
    wanted = form.low + np.arange(form.count + 1)
    low = np.full(form.count + 1, -_INFINITY_BITS, dtype=np.int64)
    high = np.full(form.count + 1, _INFINITY_BITS, dtype=np.int64)  # infinity reaches every code
    while (low < high).any():
        middle = (low + high) >> 1
        reached = wire.unsaturated(sign * floats(middle).astype(np.float64)) >= wanted
        low, high = np.where(reached, low, np.minimum(middle + 1, high)), np.where(reached, middle, high)
    return high


def floats(keys: Integers) -> NDArray[np.float32]:
    """Floats by their rank among all floats.

    >>> floats(np.array([0, 1065353216, -1065353216])).tolist()
    [0.0, 1.0, -1.0]
    """
    bits = np.where(keys < 0, -keys | 0x80000000, keys).astype(np.uint32)
    return bits.view(np.float32)


def quantiser(model: IntegerModel, code: str, name: str, kind: str) -> tuple[list[str], str]:
    """The required headers, and the text of `NAME_quantise` with its tables; the kind is `single` or `exact`.

    Raises:
        ConfigError: If a scale or shift is out of range in single precision.
    """
    parts = _single(model) if kind == "single" else _exact(model)
    text = "\n\n".join(parts).replace("$NAME", name).replace("$CODE", code)
    needed = {"<math.h>": "logf(", "<string.h>": "memcpy("}
    return [header for header, word in needed.items() if word in text], text


def number(value: float) -> str:
    """A float as an exact constant in C.

    >>> number(0.1)
    '0.1F'
    """
    return f"{float(str(np.float32(value)))!r}F"


def _single(model: IntegerModel) -> list[str]:
    wires = model.inputs
    for wire in wires:
        with np.errstate(over="ignore"):
            step, shift = np.abs(np.array([wire.step, 1 / wire.step])).astype(np.float32), np.float32(wire.shift)
        held = np.isfinite(step).all() and np.isfinite(shift) and (step >= np.finfo(np.float32).tiny).all()
        if not held or wire.format.width > _MAX_CODE_BITS:
            raise ConfigError(
                f"the input {wire.name!r} has {wire.format.width} bits, a step of {wire.step:g} and a shift of {wire.shift:g}, "
                "which single precision cannot represent; use float='exact', or other units."
            )
    shifts, zero = _column("shift", "float", [w.shift for w in wires], number)
    rates, rate = _column("rate", "float", [1 / w.step for w in wires], number)
    lows, low, highs, high = _limits(wires)
    logs, log = _column("log", "uint8_t", [int(w.log) for w in wires], lambda value: f"{value}U")
    plain = "values[i]"
    logarithm = f"(({plain} > 0.0F) ? logf({plain}) : -INFINITY)"
    value = {"0U": plain, "1U": logarithm}.get(log, f"(({log} == 0U) ? {plain} : {logarithm})")
    call = f"$NAME_nearest(({value} - {zero}) * {rate}, {low}, {high}, &saturated)"
    return [*shifts, *rates, *lows, *highs, *logs, _NEAREST_FUNCTION, _quantise_function(len(wires), call)]


def _exact(model: IntegerModel) -> list[str]:
    wires = model.inputs
    texts: dict[bytes, tuple[str, str]] = {}
    names, counts = [], []
    for i, wire in enumerate(wires):
        bounds = boundaries(wire)
        key = bounds.tobytes()
        if key not in texts:
            table = nested(bounds, signed, "{}")
            texts[key] = f"$NAME_bounds{i}", f"static const int32_t $NAME_bounds{i}[{len(bounds)}] = {table};"
        names.append(texts[key][0])
        counts.append(len(bounds))
    tables = [text for _, text in texts.values()]
    pointers, pointer = _column("bounds", "int32_t *const", names, str)
    sizes, size = _column("bounds_count", _COUNT_TYPE, counts, lambda value: f"{value}U")
    lows, low, _, _ = _limits(wires)
    falls, fall = _column("falls", "uint8_t", [int(w.step < 0) for w in wires], lambda value: f"{value}U")
    value = {"0U": "values[i]", "1U": "-values[i]"}.get(fall, f"(({fall} != 0U) ? -values[i] : values[i])")
    call = f"$NAME_begun($NAME_key({value}), {pointer}, {size}, {low}, &saturated)"
    return [*tables, *pointers, *sizes, *lows, *falls, _KEY_FUNCTION, _quantise_function(len(wires), call)]


def _limits(wires: Sequence[Wire]) -> tuple[list[str], str, list[str], str]:
    kind = f"int{32 if max(w.format.width for w in wires) > 15 else 16}_t"
    lows, low = _column("low", kind, [w.format.low for w in wires], str)
    highs, high = _column("high", kind, [w.format.high for w in wires], str)
    return lows, low, highs, high


def _column(name: str, kind: str, values: Sequence[Any], text: Callable[[Any], str]) -> tuple[list[str], str]:
    """A table by input and its entry; if all are equal, no table and the constant."""
    texts = [text(value) for value in values]
    if len(set(texts)) == 1:
        return [], texts[0]
    table = nested(np.array(texts, dtype=object), str, "{}")
    return [f"static const {kind} $NAME_{name}[{len(texts)}] = {table};"], f"$NAME_{name}[i]"


_NEAREST_FUNCTION: Final = """/* The nearest code, half to even, saturated at the ends; saturated values and NaNs are counted. */
static int32_t $NAME_nearest(float value, int32_t low, int32_t high, uint32_t *saturated)
{
    const float whole = 12582912.0F; /* 1.5 * 2^23: a float near it has no fraction, so an addition rounds, half to even */
    const float above = (value > -1048578.0F) ? value : -1048578.0F;
    const float within = (above < 1048578.0F) ? above : 1048578.0F;
    const float sum = within + whole;
    const float rounded = sum - whole;
    int32_t code = (int32_t)rounded;

    if (code < low) {
        code = low;
        (*saturated)++;
    } else if (code > high) {
        code = high;
        (*saturated)++;
    } else {
        /* code lies in its format */
    }
    return code;
}"""

_KEY_FUNCTION: Final = """/* The rank of a float among all IEEE 754 floats, 0 at 0: its bits without the sign. */
static int32_t $NAME_key(float value)
{
    uint32_t bits;
    int32_t key;

    (void)memcpy(&bits, &value, sizeof bits);
    key = (int32_t)(uint32_t)(bits & UINT32_C(0x7FFFFFFF));
    return ((bits >> 31U) == 0U) ? key : -key;
}

/* The code that has begun at a key, by bisection; the ends where it lies beyond, which is counted. */
static int32_t $NAME_begun(int32_t key, const int32_t *bounds, uint32_t count, int32_t low, uint32_t *saturated)
{
    uint32_t first = 0U;
    uint32_t last = count;

    while (first < last) {
        const uint32_t middle = (first + last) / 2U;

        if (key >= bounds[middle]) {
            first = middle + 1U;
        } else {
            last = middle;
        }
    }
    if ((first == 0U) || (first == count)) {
        (*saturated)++;
    }
    first = (first == 0U) ? 1U : first;
    first = (first == count) ? (count - 1U) : first;
    return low + (int32_t)(uint32_t)(first - 1U);
}"""


def _quantise_function(inputs: int, call: str) -> str:
    return f"""uint32_t $NAME_quantise(const float *values, $CODE *codes)
{{
    uint32_t saturated = 0U;
    uint32_t i;

    for (i = 0U; i < {inputs}U; i++) {{
        codes[i] = ($CODE){call};
    }}
    return saturated;
}}"""


def undecided(model: IntegerModel, x: Floats) -> NDArray[np.bool_]:
    """Flags of values `(n, I)` so close to a boundary that `single` may give a neighbouring code."""
    near = []
    for wire, column in zip(model.inputs, x.T, strict=True):
        plain = column.astype(np.float64)
        if wire.log:
            plain = np.log(np.maximum(plain, np.finfo(np.float64).tiny))
        quotient = (plain - wire.shift) / wire.step
        inside = np.clip(quotient, wire.format.low - 1.0, wire.format.high + 1.0)
        near.append(np.abs(np.abs(inside - np.floor(inside)) - 0.5) <= slack(wire))
    return np.column_stack(near)
