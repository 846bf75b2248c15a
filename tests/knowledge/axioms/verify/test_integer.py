"""Integer models: by their tables where these tell, else by trying all codes, and then exactly."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from splinework.errors import ConfigError
from splinework.hardware.formats import Format, Wire
from splinework.hardware.integer import IntegerLayer, IntegerModel
from splinework.knowledge.axioms import Bounded, Convex, Even, Lipschitz, Monotone, Positive, Symmetric
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.checker.integers import CodeCheck, decoded, is_integer
from splinework.knowledge.axioms.verify import verify
from splinework.knowledge.axioms.verify.integer import MAX_COMBINATIONS, Codes, integer_digest
from tests.attack.integers import drawn_integers


def model(bits: int = 4, inputs: int = 2, seed: int = 0, *, rising: bool = False, twins: bool = False) -> IntegerModel:
    """Two layers of random tables."""
    draw = np.random.default_rng(seed)
    wires = tuple(Wire(f"x{i}", Format(bits, 2, signed=True)) for i in range(inputs))
    hidden = tuple(Wire(f"h{j}", Format(5, 2, signed=True)) for j in range(3))

    def table(count: int, width: int) -> np.ndarray:
        if rising:
            return np.cumsum(draw.integers(0, 3, (count, width)), axis=0) - count
        return draw.integers(-9, 10, (count, width))

    first = [table(1 << bits, 3) for _ in range(inputs)]
    if twins:
        first = [first[0]] * inputs
    last = tuple(table(32, 1) for _ in range(3))
    low, high = (sum(int(f(t)) for t in last) for f in (np.min, np.max))
    output = (Wire("y", Format.holding(low, high)),)
    layers = (
        IntegerLayer(tuple(first), np.ones((inputs, 3), dtype=bool), np.zeros(3, dtype=np.int64), 1, hidden),
        IntegerLayer(last, np.ones((3, 1), dtype=bool), np.zeros(1, dtype=np.int64), 0, output),
    )
    return IntegerModel("test", wires, layers)


def every(m: IntegerModel) -> np.ndarray:
    axes = [range(w.format.low, w.format.high + 1) for w in m.inputs]
    codes = np.array(list(itertools.product(*axes)))
    return m.run(codes)[:, 0].reshape([len(a) for a in axes])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rising", [False, True], ids=["any", "rising"])
def test_monotone_is_decided_as_by_trying_all(seed, rising):
    m = model(seed=seed, rising=rising)
    found = verify(m, Monotone("x0"))
    assert found.status == ("proved" if (np.diff(every(m), axis=0) >= 0).all() else "refuted")
    assert check(m, found)
    if rising:
        assert found.claims[0].method == "structure"


def test_a_wide_model_is_proved_by_its_tables_or_unknown():
    wide = model(bits=12, rising=True)
    assert verify(wide, Monotone("x0")).status == "proved"
    assert verify(model(bits=12), Monotone("x0")).status == "unknown"
    assert verify(wide, Bounded(-1000, 1000)).status == "proved"


@pytest.mark.parametrize("seed", range(4))
def test_bounds_and_symmetries_are_decided_as_by_trying_all(seed):
    m = model(seed=seed)
    values = every(m).astype(float)
    assert verify(m, Bounded(values.min() - 0.5, values.max() + 0.5)).status == "proved"
    assert verify(m, Bounded(upper=float(values.max()) - 0.5)).status == "refuted"
    assert verify(m, Positive()).status == ("proved" if values.min() >= 0 else "refuted")
    assert verify(m, Symmetric(("x0", "x1"))).status == "refuted"
    assert verify(m, Even("x0")).status == "refuted"
    steepest = float(np.abs(np.diff(values, axis=0)).max()) * 4  # per unit, which is four codes
    assert verify(m, Lipschitz(steepest, ("x0",))).status == "proved"
    assert verify(m, Lipschitz(steepest - 1, ("x0",))).status == "refuted"


def test_a_symmetry_of_tables_is_structure():
    m = model(bits=12, twins=True)
    found = verify(m, Symmetric(("x0", "x1")))
    assert (found.status, found.claims[0].method) == ("proved", "structure")
    assert check(m, found)


def test_a_counterexample_is_in_raw_units():
    m = model(seed=1)
    found = verify(m, Bounded(upper=float(every(m).max()) - 0.5))
    point = np.array([list(found.counterexample.values())])
    assert m.predict(point)[0, 0] == every(m).max()


@pytest.mark.parametrize("centre", [0.0, -0.125, 0.25, 0.375])
@pytest.mark.parametrize("seed", range(4))
def test_a_counterexample_of_even_is_a_point_whose_mirror_image_differs_by_its_value(seed, centre):
    m = model(seed=seed)
    (claim,) = verify(m, Even("x0", centre)).claims
    assert claim.status == "refuted"
    point = np.array([list(claim.counterexample.values())])
    image = np.column_stack([2 * centre - point[:, 0], point[:, 1]])
    assert np.array_equal(m.encode(image), m.encode(np.clip(image, -2, 1.75)))
    assert -abs(m.predict(point) - m.predict(image))[0, 0] * 1.0 == float(claim.value)


@pytest.mark.parametrize(
    "text", ["bounded(-1000, 1000)", "bounded(upper=0)", "monotone(x0)", "even(x0)", "lipschitz(9)"]
)
@pytest.mark.parametrize("box", [{"x0": (-1.0, 0.5)}, {"x1": (0.0, 1.0), "x0": (-0.5, 0.5)}])
def test_the_checker_takes_right_certificates_on_boxes_and_no_other(text, box):
    m = model()
    found = verify(m, text, box=box)
    assert check(m, found)
    assert check(m, found.to_dict())
    other = replace(found, box={**found.box, "x0": (-8.0, 7.0)})
    wrong = [other, replace(found, box={"x0": (-99.0, 7.0), "x1": (0.0, 1.0)}), replace(found, box={})]
    wrong.append(
        replace(found, claims=(replace(found.claims[0], bound=found.claims[0].bound + 1e6), *found.claims[1:]))
    )
    assert not any(check(m, each) for each in wrong)


def test_what_integers_do_not_have_is_refused():
    with pytest.raises(ConfigError, match="convex"):
        verify(model(), Convex("x0"))
    m = model()
    found = verify(m, Monotone("x0"))
    assert not check(model(seed=3), found)


SMALL = [(bits, seed, rising) for bits in (2, 3, 4) for seed in range(4) for rising in (False, True)]


@pytest.mark.parametrize(("bits", "seed", "rising"), SMALL)
@pytest.mark.parametrize("whole", [True, False])
def test_what_tables_tell_is_true_of_all_codes(bits, seed, rising, whole):
    m = model(bits=bits, seed=seed, rising=rising)
    low, high = m.inputs[0].format.low, m.inputs[0].format.high
    codes = [(low, high), (low, high)] if whole else [(low + 1, high - 1), (low, high)]
    held = Codes(m, codes)
    values = every(m) if whole else every(m)[1:-1]
    assert held.values[..., 0].tolist() == values.tolist()
    (pair,) = held.range()
    assert pair[0] <= values.min() <= values.max() <= pair[1]
    for i in range(2):
        change = np.diff(values, axis=i)
        assert np.abs(change).max() <= held.steps(i)[0]
        way = held.directions(i)[0]
        assert way == 9 or (np.sign(change) * (way or 1) >= 0).all()
        assert way != 0 or (change == 0).all()
        assert way in (0, 1) or not rising
        assert held.differences(i, 0).tolist() == change.tolist()


def single(table, *, guard=0, bias=0, bits=2, output=None) -> SimpleNamespace:
    """One table, and no check that a last layer neither rounds nor saturates."""
    table = np.asarray(table, dtype=np.int64)[:, None]
    wire = Wire("x0", Format(bits, 1, signed=False))
    output = output or Wire("y", Format(12, 2, signed=True))
    layer = IntegerLayer((table,), np.ones((1, 1), dtype=bool), np.array([bias]), guard, (output,))
    return SimpleNamespace(inputs=(wire,), layers=(layer,), run=lambda codes: table[codes[:, 0]])


@pytest.mark.parametrize(
    ("table", "way", "step"),
    [([0, 1, 1, 5], 1, 4), ([5, 1, 1, 0], -1, 4), ([2, 2, 2, 2], 0, 0), ([0, 3, 1, 1], 9, 3), ([0, 0, 0, -7], -1, 7)],
)
def test_one_table_is_known_exactly(table, way, step):
    m = single(table)
    held = Codes(m, [(0, 3)])
    assert held.directions(0).tolist() == [way]
    assert held.steps(0).tolist() == [step]
    assert held.range() == [(min(table), max(table))]
    assert held.step_ratio(0, 0) == m.layers[-1].outputs[0].step / m.inputs[0].step
    part = Codes(m, [(1, 2)])
    assert part.range() == [(min(table[1:3]), max(table[1:3]))]
    assert part.steps(0).tolist() == [abs(table[2] - table[1])]
    assert part.differences(0, 0).tolist() == [table[2] - table[1]]
    still = Codes(m, [(2, 2)])
    assert still.differences(0, 0) is None
    assert still.steps(0).tolist() == [0]
    assert still.directions(0).tolist() == [0]


@pytest.mark.parametrize("guard", [0, 1, 2, 4])
def test_sums_are_rounded_half_to_even_and_saturate(guard):
    for value in (-41, -24, -8, -6, -3, -2, -1, 0, 1, 2, 3, 5, 6, 8, 9, 24, 40):
        (pair,) = Codes(single([value] * 4, guard=guard), [(0, 3)]).range()
        assert pair == (round(value / 2**guard),) * 2
        assert Codes(single([0] * 4, guard=guard, bias=value), [(0, 3)]).range() == [pair]
    narrow = Wire("y", Format(3, 0, signed=True))
    assert Codes(single([-99, 0, 1, 99], output=narrow), [(0, 3)]).range() == [(-4, 3)]
    sums = Codes(single([0, 5, 5, 9], guard=guard), [(0, 3)]).steps(0)[0]
    assert sums == (5 if guard == 0 else (5 >> guard) + 1)


def test_directions_go_through_layers_with_their_signs():
    first = [np.array([[0, 3, 0], [1, 2, 2], [2, 1, 1], [3, 0, 0]]), np.zeros((4, 3), dtype=np.int64)]
    wires = tuple(Wire(f"x{i}", Format(2, 0, signed=False)) for i in range(2))
    hidden = tuple(Wire(f"h{j}", Format(2, 0, signed=False)) for j in range(3))
    up, down, bent = np.arange(4)[:, None], -np.arange(4)[:, None], np.array([[0], [2], [1], [0]])

    def ways(a, b, c):
        output = (Wire("y", Format(8, 0, signed=True)),)
        layers = (
            IntegerLayer(tuple(first), np.ones((2, 3), dtype=bool), np.zeros(3, dtype=np.int64), 0, hidden),
            IntegerLayer((a, b, c), np.ones((3, 1), dtype=bool), np.zeros(1, dtype=np.int64), 0, output),
        )
        held = Codes(IntegerModel("three", wires, layers), [(0, 3), (0, 3)])
        return [held.directions(i)[0] for i in range(2)]

    none = up * 0
    assert ways(up, down, none) == [1, 0]  # h1 falls, and what falls of it rises
    assert ways(down, up, none) == [-1, 0]
    assert ways(up, up, none) == [9, 0]
    for last in (up, down, bent):  # h2 rises and falls
        assert ways(none, none, last) == [9, 0]
        assert ways(up, none, last) == [9, 0]
    assert ways(bent, none, none) == [9, 0]
    assert ways(none, none, none) == [0, 0]


def test_the_digest_is_of_every_table_bias_guard_and_format():
    m = model()
    first, last = m.layers
    changed = [
        replace(first, tables=(first.tables[0] + 1, *first.tables[1:])),
        replace(first, bias=first.bias + 1),
        replace(first, guard=first.guard + 1),
        replace(first, outputs=(Wire("h0", Format(5, 3, signed=True)), *first.outputs[1:])),
    ]
    digests = {integer_digest(replace(m, layers=(layer, last))) for layer in (first, *changed)}
    digests.add(integer_digest(replace(m, inputs=(m.inputs[1], m.inputs[0]))))
    assert len(digests) == 6
    assert integer_digest(model()) == integer_digest(m)


@pytest.mark.parametrize("least", [-3, -1, 0, 2])
def test_a_slack_decides_by_its_least_value_and_names_the_place(least):
    m = model()
    held = Codes(m, [(w.format.low, w.format.high) for w in m.inputs])
    claim = held.result(Monotone("x0"), "y rises")
    assert (claim.status, claim.method, claim.bound) == ("unknown", "none", -np.inf)
    assert (claim.lo, claim.hi) == ((-8.0, -8.0), (7.0, 7.0))
    slack = np.full((15, 16), 5)
    slack[4, 9] = least
    found = held.decide(claim, slack, start=(0, 1))
    if least >= 0:
        assert (found.status, found.method, found.bound, found.least, found.boxes) == (
            "proved",
            "exhaustion",
            least,
            least,
            240,
        )
    else:
        assert (found.status, found.method, found.bound, found.least) == ("refuted", "exhaustion", least, least)
        assert found.value == repr(float(least))
        assert found.counterexample == {"x0": (-8 + 5) / 4, "x1": (-8 + 9) / 4}
    assert held.decide(claim, slack, bound=0.0).method == "structure"
    open_ = held.decide(claim, None, bound=-2.0)
    assert (open_.status, open_.bound) == ("unknown", -2.0)
    assert "too many codes" in open_.reason
    assert held.decide(claim, None).bound == -np.inf


def test_inputs_may_be_exchanged_only_where_tables_formats_and_codes_agree():
    m = model(twins=True)
    codes = [(w.format.low, w.format.high) for w in m.inputs]
    assert Codes(m, codes).exchangeable(0, 1)
    assert not Codes(m, [codes[0], (0, 3)]).exchangeable(0, 1)
    assert not Codes(model(), codes).exchangeable(0, 1)
    other = replace(m, inputs=(m.inputs[0], Wire("x1", Format(4, 1, signed=True))))
    assert not Codes(other, codes).exchangeable(0, 1)


def test_all_codes_are_tried_up_to_a_limit():
    m = model(bits=10)
    ranges = [(-512, 511), (-512, 511)]
    assert Codes(m, ranges).enumerable
    assert MAX_COMBINATIONS == 1 << 20
    wider = model(bits=11)
    assert not Codes(wider, [(-1024, 1023), (-512, 511)]).enumerable
    assert Codes(wider, [(-1024, 1023), (-512, 511)]).differences(0, 0) is None


def test_a_box_is_of_codes_and_names_or_places_do():
    m = model()
    for box in ({"x1": (-0.5, 0.5)}, {1: (0.5, -0.5)}, [(-9.0, 9.0), (-0.5, 0.5)]):
        assert verify(m, "positive()", box=box).box == {"x0": (-8.0, 7.0), "x1": (-2.0, 2.0)}


def test_values_are_those_of_every_output_at_every_code():
    tables = np.arange(8).reshape(4, 2), np.array([[0, 1], [5, 9], [7, 7], [2, 3]])
    wires = tuple(Wire(f"x{i}", Format(2, 0, signed=False)) for i in range(2))
    outputs = tuple(Wire(f"y{j}", Format(8, 0, signed=True)) for j in range(2))
    layer = IntegerLayer(tables, np.ones((2, 2), dtype=bool), np.zeros(2, dtype=np.int64), 0, outputs)
    held = Codes(IntegerModel("two", wires, (layer,)), [(0, 3), (1, 2)])
    wanted = tables[0][:, None] + tables[1][None, 1:3]
    assert held.values.tolist() == wanted.tolist()
    assert held.range() == [(5, 13), (8, 16)]


@pytest.mark.parametrize("seed", range(12))
def test_the_checkers_bounds_by_tables_hold_for_all_steps_and_codes(seed):
    """Where an input acts through both hidden sums, their changes add up."""
    draw = np.random.default_rng(seed)
    m = drawn_integers(draw)
    whole = [(w.format.low, w.format.high) for w in m.inputs]
    for ranges in (whole, [(low, max(low, high - 1)) for low, high in whole]):
        held = CodeCheck(m, ranges)
        codes = np.array(list(itertools.product(*(range(low, high + 1) for low, high in ranges))))
        y = m.run(codes)[:, 0].reshape(held.shape)
        ((low, high),) = held.ranges()
        assert low <= y.min() <= y.max() <= high
        for i in range(len(ranges)):
            steps = np.diff(y, axis=i)
            if steps.size:
                (least, most) = held.steps(i)[:, 0]
                assert least <= steps.min() <= steps.max() <= most


def test_a_claim_about_no_codes_has_no_proof():
    """The mirror image of a code about this centre is none."""
    m = model(3, 1)
    held = CodeCheck(m, [(m.inputs[0].format.low, m.inputs[0].format.high)])
    (claim,) = held.claims("even('x0', centre=0.1234)")
    proved = {"status": "proved", "method": "structure", "bound": 0.0, "counterexample": None, "value": ""}
    assert "not what the tables give" in held.fault(claim, proved)
    assert "no proof by" in held.fault(claim, proved | {"method": "bounds"})
    ends = m.inputs[0].decode(np.array([m.inputs[0].format.low, m.inputs[0].format.high]))
    (uneven,) = held.claims(f"even('x0', centre={float(ends.mean())!r})")
    assert "not what the tables give" in held.fault(uneven, proved)


def test_what_has_no_parameters_is_no_integer_model_by_that_alone():
    parts = dict.fromkeys(("inputs", "layers", "run", "encode"))
    assert is_integer(SimpleNamespace(**parts))
    assert not is_integer(SimpleNamespace(**parts, parameters=None))
    assert not any(is_integer(SimpleNamespace(**{key: None for key in parts if key != name})) for name in parts)


@pytest.mark.parametrize("log", [False, True])
def test_codes_have_the_values_that_their_wire_gives_them(log):
    wire = Wire("x", Format(5, 3, signed=True), 0.75, -1.5, log)
    codes = np.arange(wire.format.low, wire.format.high + 1)
    np.testing.assert_array_equal(decoded(wire, codes), wire.decode(codes))
