"""Random quantised networks, the family over which the laws of artefacts are tested."""

import numpy as np

from splinework.hardware.formats import Format, Integers, Wire
from splinework.hardware.integer import IntegerLayer, IntegerModel


def random_model(
    seed: int,
    shape: tuple[int, ...] = (3, 4, 2),
    bits: tuple[int, int] = (2, 6),
    *,
    density: float = 0.8,
    guard: int | None = None,
    task: str = "regression",
) -> IntegerModel:
    """A network of smooth random tables: random widths of codes, masks, guard bits, formats with and without sign."""
    rng = np.random.default_rng(seed)
    inputs = tuple(_wire(f"x{i}", rng, bits) for i in range(shape[0]))
    layers: list[IntegerLayer] = []
    for number, width in enumerate(shape[1:]):
        last = number == len(shape) - 2
        wires = inputs if number == 0 else layers[-1].outputs
        bits_out = int(rng.integers(bits[0], bits[1] + 1))
        own = 0 if last else int(rng.integers(0, 3)) if guard is None else guard
        mask = rng.random((len(wires), width)) < density
        mask[rng.integers(len(wires), size=width), np.arange(width)] = True
        tables = tuple(_table(w.format.count, width, m, bits_out + own, rng) for w, m in zip(wires, mask, strict=True))
        bias = rng.integers(-4, 5, size=width)
        layer = IntegerLayer(tables, mask, bias, own, tuple(_wire(f"h{number}_{j}", rng, bits) for j in range(width)))
        if last:
            ends = zip(*(b.tolist() for b in layer.bounds()), strict=True)
            outputs = tuple(Wire(f"y{j}", Format.holding(min(a, -1), b), 0.25) for j, (a, b) in enumerate(ends))
            layer = IntegerLayer(tables, mask, bias, own, outputs)
        layers.append(layer)
    count = 0 if task == "regression" else max(2, shape[-1])
    return IntegerModel(f"net{seed}", inputs, tuple(layers), task, tuple(f"c{k}" for k in range(count)))  # type: ignore[arg-type]


def _wire(name: str, rng: np.random.Generator, bits: tuple[int, int]) -> Wire:
    width = int(rng.integers(bits[0], bits[1] + 1))
    return Wire(name, Format(width, int(rng.integers(0, width + 1)), bool(rng.integers(2))), 2.0, 0.5)


def _table(codes: int, width: int, mask: np.ndarray, bits: int, rng: np.random.Generator) -> Integers:
    place = np.linspace(-1, 1, codes)[:, None]
    a, b, c = rng.normal(size=(3, width))
    curves = a * np.tanh(2 * place + b) + 0.3 * c * np.sin(3 * place + a)
    table: Integers = (np.rint(curves * 2 ** (bits - 2)) * mask).astype(np.int64)
    return table


def corner_codes(model: IntegerModel, rows: int, seed: int = 0) -> Integers:
    """Random codes, the ends of all inputs in many combinations, and each input swept alone."""
    rng = np.random.default_rng(seed)
    forms = [w.format for w in model.inputs]
    drawn = np.column_stack([rng.integers(f.low, f.high + 1, size=rows) for f in forms])
    ends = np.column_stack([rng.choice([f.low, f.high], size=min(rows, 2 ** min(len(forms), 10))) for f in forms])
    middle = np.array([(f.low + f.high) // 2 for f in forms])
    sweeps = []
    for i, f in enumerate(forms):
        block = np.repeat(middle[None, :], f.count, axis=0)
        block[:, i] = np.arange(f.low, f.high + 1)
        sweeps.append(block)
    return np.concatenate([drawn, ends, *sweeps])
