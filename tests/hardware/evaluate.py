"""Runs a circuit in Python, bit for bit as the hardware does, on codes that occur and on those that do not."""

import numpy as np
from numpy.typing import ArrayLike

from splinework.hardware.formats import Format, Integers
from splinework.hardware.fpga.circuit import Adder, CircuitNode, CircuitTable, CodeBit, FpgaDesign


def evaluate(design: FpgaDesign, codes: ArrayLike) -> Integers:
    """Codes of the inputs `(n, I)` to the codes of the outputs `(n, J)`.

    Args:
        design: The circuit.
        codes: Integers in the formats of the inputs.
    """
    state = np.asarray(codes, dtype=np.int64)
    for layer in design.layers:
        raw = state & np.array([form.count - 1 for form in layer.inputs])
        state = np.column_stack([node_value(node, raw) for node in layer.nodes])
    return state


def node_value(node: CircuitNode, raw: Integers) -> Integers:
    """Codes of a neuron `(n,)` from the bits of all codes of its layer `(n, I)`, read as plain numbers."""
    if not node.tables:
        value = np.full(len(raw), node.constant, dtype=np.int64)
        return np.clip(_rounded(value, node.guard), node.format.low, node.format.high)
    words: list[Integers] = []
    for word in node.words:
        words.append(_table(word, raw) if isinstance(word, CircuitTable) else _sum(word, words))
    whole = words[-1]
    rounded = _rounded(whole, node.guard)
    under, over = node.clips
    if under:
        rounded = np.maximum(rounded, node.format.low)
    if over:
        rounded = np.minimum(rounded, node.format.high)
    return _wrap(rounded, node.format)


def _bit(raw: Integers, bit: CodeBit) -> Integers:
    value = raw[:, bit.input] >> bit.place
    if bit.fold >= 0:
        value = value ^ (raw[:, bit.input] >> bit.fold)
    return value & 1


def _table(table: CircuitTable, raw: Integers) -> Integers:
    address = np.zeros(len(raw), dtype=np.int64)
    for place, bit in enumerate(table.address):
        address |= _bit(raw, bit) << place
    value = table.values[address]
    if table.flip is not None:
        value = value ^ -_bit(raw, table.flip)
    return _held(value, table.width, table.signed) << table.shift


def _sum(word: Adder, words: list[Integers]) -> Integers:
    value = (words[word.left] + words[word.right] + (words[word.carry] if word.carry >= 0 else 0)) >> word.shift
    return _held(value, word.width, word.signed) << word.shift


def _held(value: Integers, width: int, signed: bool) -> Integers:
    return _wrap(value, Format(width, 0, signed))


def _wrap(value: Integers, form: Format) -> Integers:
    return (value - form.low) % form.count + form.low


def _rounded(value: Integers, guard: int) -> Integers:
    if guard == 0:
        return value
    tie = (value & ((1 << guard) - 1)) == 0
    return (value >> guard) & np.where(tie, ~np.int64(1), ~np.int64(0))
