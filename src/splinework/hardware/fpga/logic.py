"""Truth tables of gate-level wires over the few input bits that they depend on, as integers.

A truth table over n bits is an integer of 2^n bits; its bit `a` is the value at address `a`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.fpga.netlist import Module, NetBit, Unproved, ordered

MAX_SUPPORT_BITS: Final = 14
"""Largest number of input bits of a truth table."""

_GATES: Final[Mapping[str, Callable[[int, Mapping[str, int]], int]]] = {
    "$_BUF_": lambda ones, p: p["A"],
    "$_NOT_": lambda ones, p: ones ^ p["A"],
    "$_AND_": lambda ones, p: p["A"] & p["B"],
    "$_NAND_": lambda ones, p: ones ^ (p["A"] & p["B"]),
    "$_OR_": lambda ones, p: p["A"] | p["B"],
    "$_NOR_": lambda ones, p: ones ^ (p["A"] | p["B"]),
    "$_XOR_": lambda ones, p: p["A"] ^ p["B"],
    "$_XNOR_": lambda ones, p: ones ^ p["A"] ^ p["B"],
    "$_ANDNOT_": lambda ones, p: p["A"] & (ones ^ p["B"]),
    "$_ORNOT_": lambda ones, p: p["A"] | (ones ^ p["B"]),
    "$_MUX_": lambda ones, p: (p["A"] & (ones ^ p["S"])) | (p["B"] & p["S"]),
    "$_NMUX_": lambda ones, p: ones ^ ((p["A"] & (ones ^ p["S"])) | (p["B"] & p["S"])),
}


class Logic:
    """The truth tables of a module of gates; wires behind other cells are refused.

    Args:
        module: Module without registers.
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        self._supports: dict[NetBit, frozenset[NetBit] | None] = {bit: frozenset({bit}) for bit in module.given}
        self._tables: dict[tuple[NetBit, ...], dict[NetBit, int]] = {}

    def support(self, bit: NetBit) -> frozenset[NetBit] | None:
        """The input bits that a wire may depend on; None if there are too many, or cells other than gates in between."""
        if isinstance(bit, str):
            return frozenset()
        if bit not in self._supports:
            for cell in ordered(self.module, (bit,), self._supports):
                union = self._union(cell.inputs.values()) if cell.kind in _GATES else None
                for bits in cell.outputs.values():
                    self._supports.update(dict.fromkeys(bits, union))
        return self._supports.get(bit)

    def _union(self, ports: Iterable[tuple[NetBit, ...]]) -> frozenset[NetBit] | None:
        union: set[NetBit] = set()
        for bits in ports:
            for bit in bits:
                part = frozenset() if isinstance(bit, str) else self._supports.get(bit)
                if part is None:
                    return None
                union |= part
        return frozenset(union) if len(union) <= MAX_SUPPORT_BITS else None

    def table(self, bit: NetBit, over: tuple[NetBit, ...]) -> int:
        """The truth table of a wire over input bits that include its support; the first is the lowest address bit.

        Raises:
            Unproved: If it depends on other bits.
        """
        known = self._tables.setdefault(over, self._start(over))
        if bit not in known:
            ones = (1 << (1 << len(over))) - 1
            for cell in ordered(self.module, (bit,), known):
                gate = _GATES.get(cell.kind)
                if gate is None or any(b not in known for bits in cell.inputs.values() for b in bits):
                    raise Unproved(f"{self.module.name} has {cell.kind} where gates over few bits were expected")
                values = {port: known[bits[0]] for port, bits in cell.inputs.items()}
                known[next(iter(cell.outputs.values()))[0]] = gate(ones, values)
        if bit not in known:
            raise Unproved(f"{self.module.name} has a wire that depends on more than its table")
        return known[bit]

    def _start(self, over: tuple[NetBit, ...]) -> dict[NetBit, int]:
        ones = (1 << (1 << len(over))) - 1
        start: dict[NetBit, int] = {"0": 0, "1": ones}
        for place, bit in enumerate(over):
            start[bit] = ones // ((1 << (1 << place)) + 1) << (1 << place)
        return start


def entries(table: int, bits: int) -> NDArray[np.int64]:
    """A truth table as an array of 0 and 1, `(2^bits,)`.

    >>> entries(0b0110, 2)
    array([0, 1, 1, 0])
    """
    size = 1 << bits
    raw = np.frombuffer(table.to_bytes(max(1, size // 8), "little"), dtype=np.uint8)
    return np.unpackbits(raw, bitorder="little")[:size].astype(np.int64)


def values(module: Module, given: Mapping[NetBit, int], wanted: tuple[NetBit, ...]) -> int:
    """The number on some wires, the lowest first, for one assignment of the inputs; cells are gates, `$add` and `$sub`."""
    known: dict[NetBit, int] = {"0": 0, "1": 1, **given}

    def number(bits: tuple[NetBit, ...]) -> int:
        return sum(known[bit] << place for place, bit in enumerate(bits))

    for cell in ordered(module, wanted, given):
        (outputs,) = cell.outputs.values()
        kind = cell.kind if cell.kind in (*_GATES, "$add", "$sub") else ""
        if not kind or any(bit not in known for bits in cell.inputs.values() for bit in bits):
            raise Unproved(f"{module.name} has {cell.kind} or an open wire where gates and adders were expected")
        if kind in _GATES:
            known[outputs[0]] = _GATES[cell.kind](1, {port: known[bits[0]] for port, bits in cell.inputs.items()})
            continue
        terms = []
        for port in ("A", "B"):
            bits = cell.inputs[port]
            negative = cell.parameters.get("A_SIGNED") == cell.parameters.get("B_SIGNED") == 1 and known[bits[-1]]
            terms.append(number(bits) - (1 << len(bits) if negative else 0))
        total = terms[0] - terms[1] if cell.kind == "$sub" else terms[0] + terms[1]
        for place, bit in enumerate(outputs):
            known[bit] = (total >> place) & 1
    return number(wanted)
