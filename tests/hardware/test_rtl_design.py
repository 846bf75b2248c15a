"""A circuit computes its golden model, in as many cycles as it says, and is refused where it cannot be built."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from splinework.errors import ConfigError
from splinework.hardware.formats import Format, Wire
from splinework.hardware.fpga.circuit import Adder, FpgaDesign, FpgaOptions
from splinework.hardware.fpga.cost import lookups
from splinework.hardware.fpga.plan import design
from splinework.hardware.integer import IntegerLayer, IntegerModel
from splinework.hardware.reach import reach
from tests.families import every
from tests.hardware.cases import corner_codes, random_model
from tests.hardware.evaluate import evaluate
from tests.hardware.rtl_cases import PLAIN, VARIANTS, family

MODELS = {f"net{k}": model for k, model in enumerate(family(40))}
NAMES = list(VARIANTS)
PAIRS = [(f"net{k}", NAMES[k % len(NAMES)]) for k in range(20)]
ALL = [(name, variant) for name in MODELS for variant in VARIANTS]


@lru_cache(maxsize=64)
def circuit_of(name: str, variant: str) -> FpgaDesign:
    return design(MODELS[name], VARIANTS[variant])


@every(("name", "variant"), PAIRS)
def test_a_circuit_is_its_golden_model(name: str, variant: str) -> None:
    model = MODELS[name]
    codes = corner_codes(model, 4000)
    assert np.array_equal(evaluate(circuit_of(name, variant), codes), model.run(codes))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variant"), ALL)
def test_all_of_the_family_in_all_variants(name: str, variant: str) -> None:
    model = MODELS[name]
    codes = corner_codes(model, 10_000)
    assert np.array_equal(evaluate(design(model, VARIANTS[variant]), codes), model.run(codes))


@pytest.mark.parametrize(("name", "variant"), PAIRS)
def test_every_word_is_wide_enough_for_what_occurs_and_no_wider(name: str, variant: str) -> None:
    for layer in circuit_of(name, variant).layers:
        for node in layer.nodes:
            for word in node.words:
                assert Format.holding(word.low, word.high).width >= word.width
                if isinstance(word, Adder):
                    assert word.width + word.shift <= Format.holding(node.low, node.high).width


@every(("name", "variant"), PAIRS)
def test_words_are_ready_when_they_are_read_and_each_is_read_once(name: str, variant: str) -> None:
    for layer in circuit_of(name, variant).layers:
        for node in layer.nodes:
            tables = len(node.tables)
            for number, word in enumerate(node.sums, start=tables):
                parts = [p for p in (word.left, word.right, word.carry) if p >= 0]
                assert all(p < number and node.stages[p] <= node.stages[number] for p in parts)
            assert all(stage <= node.finish <= layer.cycles for stage in node.stages)
            used = [p for s in node.sums for p in (s.left, s.right, s.carry) if p >= 0]
            assert sorted(used) == list(range(len(node.words) - 1)) or not node.tables


@lru_cache
def pruned(fan_in: int) -> IntegerModel:
    """Two layers whose nodes have so many inputs each."""
    model = random_model(2, (8, 4, 2), (4, 5), density=1.0, guard=1)
    layers = []
    for layer in model.layers:
        mask = layer.mask.copy()
        for node in range(layer.width):
            mask[np.roll(np.arange(layer.inputs), node)[fan_in:], node] = False
        tables = tuple(t * m for t, m in zip(layer.tables, mask, strict=True))
        layers.append(replace(layer, mask=mask, tables=tables))
    return replace(model, layers=tuple(layers))


def test_two_layers_of_fan_in_4_take_5_cycles_at_most_and_one_result_comes_per_cycle() -> None:
    assert design(pruned(4), FpgaOptions(stage_levels=2)).latency_cycles <= 5
    circuit = design(pruned(4), FpgaOptions(max_cycles=5))
    assert circuit.latency_cycles <= 5
    assert circuit.bound == "max_cycles"
    assert circuit.levels <= 2


@pytest.mark.quick(3)
@pytest.mark.parametrize("limit", [1, 2, 5, 8, 11])
@pytest.mark.parametrize("objective", ["latency", "area"])
def test_the_latency_keeps_its_limit_and_says_which_one_bound(limit: int, objective: str) -> None:
    free = design(pruned(6), FpgaOptions())
    circuit = design(pruned(6), FpgaOptions(max_cycles=limit, objective=objective))  # type: ignore[arg-type]
    assert 1 <= circuit.latency_cycles <= limit
    assert circuit.bound == ("max_cycles" if limit < free.latency_cycles else "stage_levels")
    if circuit.bound == "stage_levels":
        assert circuit.levels <= 1


def table_lookups(circuit: FpgaDesign) -> int:
    """Lookup tables of all tables that do not vanish in an adder."""
    return sum(
        lookups((t for t, f in zip(n.tables, n.fused, strict=True) if not f), 6)
        for la in circuit.layers
        for n in la.nodes
    )


def test_area_takes_cycles_and_saves_tables() -> None:
    model = random_model(7, (13, 4, 3), (5, 5), density=1.0, guard=1)
    fast, small = design(model), design(model, FpgaOptions(objective="area"))
    assert small.latency_cycles > fast.latency_cycles
    assert table_lookups(small) < 0.5 * table_lookups(fast)


def test_neurons_with_equal_doubled_and_negated_tables_share_them() -> None:
    model = random_model(12, (6, 3), (6, 6), density=1.0)
    layer = model.layers[0]
    tables = tuple(np.column_stack([t[:, 0], 2 * t[:, 0], -t[:, 0]]) for t in layer.tables)
    outputs = tuple(Wire(f"y{j}", Format(16, 0, True)) for j in range(3))
    same = replace(model, layers=(replace(layer, tables=tables, bias=np.array([3, 6, -3]), outputs=outputs),))
    nodes = design(same, FpgaOptions(technology="ecp5")).layers[0].nodes
    alone, together = (lookups((t for n in row for t in n.tables), 4) for row in (nodes[:1], nodes))
    host = max(lookups([t], 4) for n in nodes for t in n.tables)  # takes the constant, another one in each neuron
    assert together <= alone + 2 * host


def test_codes_that_were_not_seen_need_not_be_right() -> None:
    model = random_model(11, (4, 3, 2), (5, 6))
    rng = np.random.default_rng(0)
    seen = tuple(rng.random(w.format.count) < 0.5 for w in model.inputs)
    for flags in seen:
        flags[0] = True
    circuit = design(model, FpgaOptions(dont_care="data"), seen=seen)
    rows = np.column_stack(
        [rng.choice(np.flatnonzero(f), 3000) + w.format.low for w, f in zip(model.inputs, seen, strict=True)]
    )
    assert np.array_equal(evaluate(circuit, rows), model.run(rows))
    assert table_lookups(circuit) < table_lookups(design(model))
    assert any("do not occur in the data" in note for note in circuit.notes)
    for layer, codes in zip(circuit.layers, reach(model, seen).codes, strict=True):
        assert [int(c.sum()) for c in layer.care] == [int(c.sum()) for c in codes]


def test_options_that_contradict_each_other_are_refused() -> None:
    model = random_model(1, (2, 1))
    for change, said in (
        ({"handshake": "none"}, "handshake"),
        ({"dont_care": "all"}, "dont_care"),
        ({"objective": "speed"}, "objective"),
        ({"stage_levels": 0}, "stage_levels"),
        ({"max_cycles": 0}, "max_cycles"),
    ):
        with pytest.raises(ConfigError, match=said):
            FpgaOptions(**change)
    seen = tuple(np.ones(w.format.count, dtype=bool) for w in model.inputs)
    with pytest.raises(ConfigError, match="seen"):
        design(model, FpgaOptions(dont_care="data"))
    with pytest.raises(ConfigError, match="seen"):
        design(model, seen=seen)
    with pytest.raises(ConfigError, match="x0"):
        design(model, FpgaOptions(dont_care="data"), seen=(seen[0][:-1], *seen[1:]))
    with pytest.raises(ConfigError, match="x1"):
        design(model, FpgaOptions(dont_care="data"), seen=(seen[0], np.zeros_like(seen[1])))


def wide(bits: int, inputs: int, nodes: int) -> IntegerModel:
    """One layer of straight tables."""
    wires = tuple(Wire(f"x{i}", Format(bits)) for i in range(inputs))
    table = np.repeat(np.arange(1 << bits)[:, None], nodes, axis=1)
    outputs = tuple(Wire(f"y{j}", Format(bits + 12, 0, True)) for j in range(nodes))
    layer = IntegerLayer(
        (table,) * inputs, np.ones((inputs, nodes), dtype=bool), np.zeros(nodes, dtype=np.int64), 0, outputs
    )
    return IntegerModel("large", wires, (layer,))


def test_what_is_too_large_is_refused_with_an_estimate_and_what_to_prune() -> None:
    with pytest.raises(ConfigError, match=r"'x0'.*8192 entries.*12 bits"):
        design(wide(13, 2, 1))
    with pytest.raises(ConfigError, match=r"200 edges.*9830400 bits.*six-input LUTs.*prune.*'x9' \(20 edges"):
        design(wide(12, 10, 20))
    assert design(wide(12, 1, 1), PLAIN).latency_cycles == 1
