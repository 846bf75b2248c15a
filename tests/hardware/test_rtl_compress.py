"""Every step of compression keeps what a neuron computes wherever it matters, and makes nothing larger."""

import numpy as np
import pytest

from splinework.hardware.formats import Format, Integers
from splinework.hardware.fpga.circuit import CircuitNode, CircuitTable, CodeBit, FpgaOptions
from splinework.hardware.fpga.compress_bits import smallest, to_flags, to_mask, without
from splinework.hardware.fpga.compress_edges import folded, joined, narrowed, odd, parts, whole
from splinework.hardware.fpga.compress_split import MirroredTable, OperandTable, SplitTable, opposites, split
from splinework.hardware.fpga.cost import functions, lookups, per_bit, shared_with_adder
from splinework.hardware.fpga.schedule import chains_needed, connect
from tests.families import every
from tests.hardware.evaluate import node_value

XCUP = FpgaOptions()


def smooth(seed: int, bits: int, *, input: int = 0, amplitude: float = 20.0, care: float = 1.0) -> OperandTable:
    """A smooth table over one code."""
    rng = np.random.default_rng(seed)
    place = np.linspace(-1, 1, 1 << bits)
    a, b, c = rng.normal(size=3)
    values = np.rint(amplitude * (a * np.tanh(2 * place + b) + 0.3 * c * np.sin(3 * place))).astype(np.int64)
    flags = rng.random(1 << bits) < care
    flags[rng.integers(1 << bits)] = True
    return OperandTable(tuple(CodeBit(input, k) for k in range(bits)), values, flags)


def codes(edge: OperandTable) -> Integers:
    """All addresses as rows of codes, one column for each input up to the last."""
    width = 1 + max(bit.input for bit in edge.address)
    rows = np.zeros((len(edge.values), width), dtype=np.int64)
    for place, bit in enumerate(edge.address):
        rows[:, bit.input] |= ((np.arange(len(edge.values)) >> place) & 1) << bit.place
    return rows


def worth(tables: list[CircuitTable], rows: Integers) -> Integers:
    """What tables add up to, by the evaluation of a neuron that holds nothing else."""
    total = np.zeros(len(rows), dtype=np.int64)
    for table in tables:
        form = Format(40, 0, True)
        node = CircuitNode(0, 0, "n", (0,), (table,), 0, 0, form, form.low, form.high, (), (0,), 0, (False,))
        total += node_value(node, rows)
    return total


def pieces_worth(pieces: SplitTable | MirroredTable, rows: Integers) -> Integers:
    tables = [t for t in (pieces.table, *pieces.carries) if t is not None]
    return pieces.constant + worth(tables, rows)


def edge_worth(edge: OperandTable, rows: Integers) -> Integers:
    """An edge looked up by rows of codes."""
    address = np.zeros(len(rows), dtype=np.int64)
    for place, bit in enumerate(edge.address):
        value = rows[:, bit.input] >> bit.place
        value = value ^ (rows[:, bit.input] >> bit.fold) if bit.fold >= 0 else value
        address |= (value & 1) << place
    return edge.values[address]


@every("seed", range(20))
def test_a_function_of_fewest_inputs_keeps_ones_and_zeros_and_needs_each_input(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = int(rng.integers(1, 8))
    kind = rng.integers(0, 3, size=1 << places)
    on, off = to_mask(kind == 1), to_mask(kind == 0)
    needed, ones, zeros = smallest(on, off, places)
    assert ones & on == on
    assert zeros & off == off
    assert ones & zeros == 0
    for place in range(places):
        pair = to_flags(ones, 1 << places).reshape(-1, 2, 1 << place)
        assert place in needed or (pair[:, 0] == pair[:, 1]).all()
        assert place not in needed or without(ones, zeros, place, places) is None


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("slack", [0, 1, 2, 3])
@pytest.mark.parametrize("bits", [1, 3, 5, 6, 8])
def test_the_pieces_of_a_table_add_up_to_it_on_all_codes_that_occur(bits: int, slack: int, exact: bool) -> None:
    for seed in range(6):
        edge = smooth(seed, bits, amplitude=4.0 * 2**seed, care=0.6 if seed % 2 else 1.0)
        rows = codes(edge)
        ways = list(split(edge, slack, XCUP, exact=exact))
        ways += [] if exact else list(opposites(edge, slack, XCUP))
        assert ways
        for way in ways:
            assert np.array_equal(pieces_worth(way, rows)[edge.care], edge.values[edge.care])
            assert len(way.carries) <= slack
            assert not exact or way.table is None or way.constant == 0
            assert way.fused <= way.head


@every("seed", range(8))
def test_a_carry_bit_makes_smooth_tables_cheaper_and_never_dearer(seed: int) -> None:
    edge = smooth(seed, 6, amplitude=14.0)
    plain = min(way.fused for way in split(edge, 0, XCUP))
    lent = min(way.fused for slack in (0, 1, 2) for way in split(edge, slack, XCUP))
    assert lent <= plain
    assert lent <= max(plain, 1) * 0.7 or plain <= 2


def test_straight_tables_are_wires() -> None:
    for slope, sign in ((1, 1), (4, 1), (1, -1), (8, -1)):
        edge = OperandTable(
            tuple(CodeBit(0, k) for k in range(6)), sign * slope * np.arange(64) + 5, np.ones(64, dtype=bool)
        )
        way = min(split(edge, 0, XCUP), key=lambda p: p.head)
        assert way.head == 0
        assert way.table is not None
        assert way.table.shift == slope.bit_length() - 1


@every("seed", range(10))
def test_inputs_that_do_not_matter_are_left_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    edge = smooth(seed, 6, care=0.5)
    coarse = OperandTable(edge.address, np.repeat(edge.values[::4], 4), edge.care)
    small = narrowed(coarse)
    rows = codes(coarse)
    assert len(small.address) <= 4
    assert np.array_equal(edge_worth(small, rows)[coarse.care], coarse.values[coarse.care])
    noise = OperandTable(edge.address, rng.permutation(64), np.ones(64, dtype=bool))
    assert narrowed(noise).address == noise.address


def test_joined_tables_fit_a_lookup_table_and_keep_their_sum() -> None:
    edges = [smooth(i, bits, input=i) for i, bits in enumerate((5, 3, 3, 2, 1, 1))]
    groups = joined(edges, 6)
    assert len(groups) < len(edges)
    assert all(len(g.address) <= 6 for g in groups)
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.integers(0, 1 << len(e.address), size=500) for e in edges])
    assert np.array_equal(sum(edge_worth(g, rows) for g in groups), sum(edge_worth(e, rows) for e in edges))


@pytest.mark.parametrize("guard", [0, 1, 3])
def test_a_neuron_of_one_operand_is_a_table_of_codes(guard: int) -> None:
    edge, half = smooth(3, 6, amplitude=60.0), (1 << guard) >> 1
    form = Format(4, 0, True)
    node = CircuitNode(0, 0, "n", (0,), (), 7 + half, guard, form, edge.low + 7 + half, edge.high + 7 + half)
    exact = np.clip(np.rint((edge.values + 7) / 2**guard), form.low, form.high)
    assert np.array_equal(whole(edge, node).values, exact)


@pytest.mark.parametrize("bits", [7, 8])
@pytest.mark.parametrize("middle", [0, 3, 4])
def test_symmetric_tables_are_halved(bits: int, middle: int) -> None:
    half = smooth(1, bits - 1, amplitude=30.0).values
    address = tuple(CodeBit(0, k) for k in range(bits))
    care = np.random.default_rng(bits).random(1 << bits) < 0.9
    even = OperandTable(address, np.concatenate([half, half[::-1]]) + middle, care)
    small = folded(even)
    rows = codes(even)
    assert small is not None
    assert len(small.address) < bits
    assert np.array_equal(edge_worth(small, rows)[care], even.values[care])
    assert odd(even, XCUP, 1) is None

    against = OperandTable(address, np.concatenate([half, middle - half[::-1]]), care)
    way = odd(against, XCUP, 1)
    assert way is not None
    assert way.table is not None
    assert len(way.table.address) == bits - 1
    assert len(way.carries) == (1 - middle % 2)
    assert np.array_equal(pieces_worth(way, rows)[care], against.values[care])
    assert folded(against) is None


@pytest.mark.parametrize("seed", range(5))
def test_wide_tables_become_smaller_ones_with_the_same_sum(seed: int) -> None:
    edge = smooth(seed, 9, amplitude=50.0, care=0.9)
    split_up = parts(edge, XCUP, 1)
    rows = codes(edge)
    total = sum(edge_worth(part, rows) for part in split_up)
    assert np.array_equal(total[edge.care], edge.values[edge.care])  # type: ignore[index]
    cost = sum(min(w.fused for s in (0, 1) for w in split(part, s, XCUP)) for part in split_up)
    assert cost < min(w.fused for w in split(edge, 0, XCUP))


def test_equal_and_opposite_bits_count_once() -> None:
    edge = smooth(0, 6, amplitude=15.0)
    rows = OperandTable(edge.address, edge.values * 4, edge.care), OperandTable(edge.address, -edge.values, edge.care)
    plain, *others = (min(split(e, 0, XCUP), key=lambda p: p.head).table for e in (edge, *rows))
    assert plain is not None
    assert others[0] is not None
    assert set(functions(others[0])) == set(functions(plain))
    assert lookups([plain, others[0]], 6) == lookups([plain], 6)
    assert shared_with_adder(plain, 6) >= lookups([plain], 6)
    assert [per_bit(n, 6) for n in range(10)] == [0, 0, 1, 1, 1, 1, 1, 3, 6, 12]


@every("count", range(2, 20))
def test_chains_fit_into_their_levels(count: int) -> None:
    least = (count - 1).bit_length()
    tables = tuple(
        CircuitTable(tuple(CodeBit(i, k) for k in range(3)), np.random.default_rng(i).permutation(8), 0, 7)
        for i in range(count)
    )
    form = Format(12)
    node = CircuitNode(0, 0, "n", tuple(range(count)), tables, 0, 0, form, 0, 7 * count)
    for levels in range(least, count + 1):
        tree = connect(node, XCUP, levels)
        assert tree.depth <= levels
        assert len(tree.sums) == count - 1
        assert count - sum(tree.fused) == chains_needed(count, levels)
    assert chains_needed(count, count - 1) == 1
