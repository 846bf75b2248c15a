"""Laws of the golden model: formats, sums, the file, reachable codes, simplification."""

import contextlib
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from splinework.errors import ConfigError, DataError, FileError, ShapeError
from splinework.hardware.fake import simplify
from splinework.hardware.formats import Format, Wire, round_shift
from splinework.hardware.golden import ChangedError, digest, read_golden, to_dict, write_golden
from splinework.hardware.integer import IntegerLayer, IntegerModel, accumulator_width, equal
from splinework.hardware.reach import reach
from tests.families import every
from tests.hardware.cases import corner_codes, random_model

SEEDS = range(12)
SHAPES = [(3, 4, 2), (1, 1), (5, 3), (2, 3, 3, 1), (4, 2, 2, 2, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_file_keeps_every_integer(tmp_path: Path, seed: int, shape: tuple[int, ...]) -> None:
    model = random_model(seed, shape)
    write_golden(model, tmp_path / "golden.json")
    read = read_golden(tmp_path / "golden.json")
    assert equal(model, read)
    assert digest(model) == digest(read)
    codes = corner_codes(model, 200)
    np.testing.assert_array_equal(model.run(codes), read.run(codes))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_occurs_is_called_reachable(seed: int, shape: tuple[int, ...]) -> None:
    model = random_model(seed, shape)
    codes = corner_codes(model, 500)
    found, states = reach(model), model.trace(codes)
    for number, state in enumerate(states[:-1]):
        for wire, flags, column in zip(model.layers[number].outputs, found.codes[number + 1], state.T, strict=True):
            assert flags[column - wire.format.low].all()
    assert (found.low[-1] <= states[-1].min(axis=0)).all()
    assert (states[-1].max(axis=0) <= found.high[-1]).all()


def test_reach_is_exact_in_a_first_layer() -> None:
    model = random_model(3, (2, 3, 1), (3, 4))
    grids = np.meshgrid(*(np.arange(w.format.low, w.format.high + 1) for w in model.inputs))
    codes = np.stack([g.ravel() for g in grids], axis=1)
    state = model.trace(codes)[0]
    for wire, flags, column in zip(model.layers[0].outputs, reach(model).codes[1], state.T, strict=True):
        assert set(np.flatnonzero(flags)) == set((column - wire.format.low).tolist())


@every("seed", SEEDS)
def test_simplify_keeps_the_outputs(seed: int) -> None:
    model = random_model(seed, (4, 5, 4, 2), density=0.4)
    dead = model.layers[1]
    tables = tuple(np.where(np.arange(dead.width) == 1, table[0], table) for table in dead.tables)
    model = IntegerModel(
        model.name,
        model.inputs,
        (model.layers[0], IntegerLayer(tables, dead.mask, dead.bias, dead.guard, dead.outputs), model.layers[2]),
    )
    smaller = simplify(model)
    codes = corner_codes(model, 500)
    np.testing.assert_array_equal(model.run(codes), smaller.run(codes))
    assert smaller.edges < model.edges
    for layer in smaller.layers[1:]:
        assert layer.mask.any(axis=1).all() or layer.inputs == 1
    assert equal(simplify(smaller), smaller)


@pytest.mark.parametrize("bits", range(5))
def test_a_shift_rounds_half_to_even(bits: int) -> None:
    values = np.arange(-300, 300)
    np.testing.assert_array_equal(round_shift(values, bits), np.rint(values / 2**bits).astype(int))


@pytest.mark.parametrize("width", [1, 2, 5, 12])
@pytest.mark.parametrize("signed", [False, True])
def test_codes_survive_their_values(width: int, signed: bool) -> None:
    form = Format(width, 3, signed)
    for wire in (Wire("a", form, 0.7, -3.0), Wire("b", form, 0.01, 0.3, log=True)):
        codes = np.arange(form.low, form.high + 1)
        np.testing.assert_array_equal(wire.encode(wire.decode(codes)), codes)


def test_values_beyond_the_codes_saturate_and_are_counted() -> None:
    wire = Wire("a", Format(3, 0, True))
    model = IntegerModel(
        "one",
        (wire,),
        (IntegerLayer((np.zeros((8, 1), np.int64),), np.ones((1, 1), bool), np.zeros(1, np.int64), 0, (wire,)),),
    )
    x = np.array([[-9.0], [3.4], [3.6], [np.inf], [-np.inf], [0.0]])
    np.testing.assert_array_equal(model.encode(x)[:, 0], [-4, 3, 3, 3, -4, 0])
    assert model.saturated(x).tolist() == [4]


@pytest.mark.parametrize(("low", "high"), [(-1, 0), (0, 1), (-8, 7), (-9, 7), (-8, 8), (5, 9), (-9, -5)])
def test_an_accumulator_holds_its_ends_and_no_bit_more(low: int, high: int) -> None:
    width = accumulator_width(low, high)
    assert -(2 ** (width - 1)) <= low
    assert high < 2 ** (width - 1)
    assert width == 1 or not (-(2 ** (width - 2)) <= low and high < 2 ** (width - 2))


def test_decisions_are_the_sign_or_the_first_largest() -> None:
    binary = random_model(1, (2, 1), task="classification")
    np.testing.assert_array_equal(binary.decide([[-1], [0], [1]]), [0, 0, 1])
    three = random_model(1, (2, 3), task="classification")
    np.testing.assert_array_equal(three.decide([[1, 3, 3], [2, 2, 0], [-5, -4, -3]]), [1, 0, 2])


def test_wrong_numbers_are_refused(tmp_path: Path) -> None:
    model = random_model(0)
    with pytest.raises(ShapeError, match="rows of 3 values"):
        model.encode(np.zeros((4, 2)))
    with pytest.raises(DataError, match="'x1'"):
        model.encode([[0.0, np.nan, 0.0]])
    with pytest.raises(DataError, match="lie between"):
        model.run([[0, 99, 0]])
    with pytest.raises(DataError, match="integers"):
        model.run([[0.5, 0.0, 0.0]])
    huge = tuple(table * 2**60 // np.maximum(1, np.abs(table)) for table in model.layers[1].tables)
    last = model.layers[1]
    with pytest.raises(ConfigError, match="needs 64 bits, at most"):
        IntegerModel("big", model.inputs, (model.layers[0], IntegerLayer(huge, last.mask, last.bias, 0, last.outputs)))
    with pytest.raises(ConfigError, match="1 to 48 bits"):
        Format(49)


def test_files_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "golden.json"
    with pytest.raises(FileError, match="cannot be read"):
        read_golden(file)
    content = to_dict(random_model(0))
    for change, message in (
        ({"format": "splinework-integer/9"}, "another version"),
        ({"layers": []}, "not a complete golden model"),
        ({"inputs": content["inputs"][:2]}, "not a complete golden model"),
        ({"classes": [1]}, "not a complete golden model"),
    ):
        changed = content | change
        text = json.dumps(changed, sort_keys=True)
        file.write_text(json.dumps({"digest": hashlib.sha256(text.encode()).hexdigest(), **changed}))
        with pytest.raises(FileError, match=message):
            read_golden(file)
        file.write_text(json.dumps({"digest": digest(random_model(0)), **changed}))
        with pytest.raises(FileError):
            read_golden(file)
    file.write_text(json.dumps({"digest": digest(random_model(0)), **content, "name": "other"}))
    with pytest.raises(ChangedError, match="digest does not match"):
        read_golden(file)


@pytest.mark.parametrize("case", range(30))
def test_damaged_files_never_give_another_network(tmp_path: Path, case: int) -> None:
    rng = np.random.default_rng(case)
    file = tmp_path / "golden.json"
    write_golden(random_model(case % 5), file)
    text = bytearray(file.read_bytes())
    for _ in range(int(rng.integers(1, 4))):
        text[int(rng.integers(len(text)))] = int(rng.choice(list(b'0123456789-[]{}",: ae')))
    file.write_bytes(bytes(text))
    with contextlib.suppress(FileError):
        assert digest(read_golden(file)) == digest(random_model(case % 5))
