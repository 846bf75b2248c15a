"""Random integer models, whose truth is known by trying all codes."""

import itertools

import numpy as np

from splinework.hardware.formats import Format, Wire
from splinework.hardware.integer import IntegerLayer, IntegerModel


def drawn_integers(draw: np.random.Generator) -> IntegerModel:
    """Two layers of random tables, now and then rising or alike."""
    bits, inputs = int(draw.integers(1, 5)), int(draw.integers(1, 4))
    rising, alike = draw.random() < 0.4, draw.random() < 0.4
    signed = bool(draw.integers(2))
    wires = tuple(Wire(f"x{i}", Format(bits, 2, signed=signed), scale=1.5, shift=0.25) for i in range(inputs))
    hidden = tuple(Wire(f"h{j}", Format(5, 2, signed=True)) for j in range(2))

    def table(count: int, width: int) -> np.ndarray:
        found = draw.integers(-9, 10, (count, width))
        return np.cumsum(np.abs(found) // 4, axis=0) - count if rising else found

    first = [table(1 << bits, 2) for _ in range(inputs)]
    first = [first[0]] * inputs if alike else first
    last = tuple(table(32, 1) for _ in range(2))
    low, high = (sum(int(of(each)) for each in last) for of in (np.min, np.max))
    zero = np.zeros(2, dtype=np.int64)
    layers = (
        IntegerLayer(tuple(first), np.ones((inputs, 2), dtype=bool), zero, int(draw.integers(3)), hidden),
        IntegerLayer(last, np.ones((2, 1), dtype=bool), zero[:1], 0, (Wire("y", Format.holding(low, high)),)),
    )
    return IntegerModel("test", wires, layers)


def claims_of_integers(model: IntegerModel, draw: np.random.Generator) -> dict[str, bool]:
    """Claims with their truth."""
    axes = [range(w.format.low, w.format.high + 1) for w in model.inputs]
    codes = np.array(list(itertools.product(*axes)))
    y = model.run(codes)[:, 0].reshape([len(axis) for axis in axes])
    end = float(y.max()) + float(draw.choice([-1.0, -1e-9, 0.0, 1e-9]))
    i = int(draw.integers(len(axes)))
    steps = np.diff(y, axis=i)
    found = {
        f"monotone(x{i})": bool((steps >= 0).all()),
        f"monotone(x{i}, increasing=False)": bool((steps <= 0).all()),
        f"bounded(upper={end!r})": bool((y <= end).all()),
    }
    if len(axes) > 1:
        found["symmetric(x0, x1)"] = bool((y == np.swapaxes(y, 0, 1)).all())
    return found
