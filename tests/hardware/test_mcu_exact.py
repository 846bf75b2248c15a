"""C files equal their golden model, bit for bit: every layout, width, mask, format and option, on every processor there is."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from splinework.hardware import tools
from splinework.hardware.formats import Format, Wire
from splinework.hardware.integer import IntegerLayer, IntegerModel
from splinework.hardware.mcu import McuOptions, read_artefact, verify_mcu, write_mcu
from splinework.hardware.mcu.boards import PROCESSORS
from splinework.hardware.mcu.quantiser import boundaries, floats, slack
from splinework.hardware.mcu.vectors import vectors
from splinework.hardware.mcu.verify import verify_artefacts
from tests.hardware.cases import random_model

SHAPES = ((1, 1), (3, 4, 2), (2, 7, 1), (13, 4, 3), (4, 3, 3, 2), (9, 1, 9), (5, 11, 3))
needs_gcc = pytest.mark.skipif(tools.find("gcc") is None, reason="needs gcc")


def options(seed: int) -> McuOptions:
    """Every value of every option, in turn."""
    return McuOptions(
        prefer=("speed", "flash")[seed % 2],
        layout=("auto", "edges", "rows", "lanes")[seed // 2 % 4],
        float=("exact", "single", "none")[seed % 3],
        codes=("trusted", "saturated")[seed // 3 % 2],
        unroll=(64, 0, 3)[seed // 5 % 3],
        accumulator=(32, 32, 16)[seed // 7 % 3],
    )


def network(seed: int) -> IntegerModel:
    """Random networks whose inputs may also fall or be logarithmic."""
    bits = ((2, 4), (2, 6), (4, 8), (8, 8))[seed % 4]
    task = ("regression", "classification")[seed // 2 % 2]
    model = random_model(seed, SHAPES[seed % len(SHAPES)], bits, density=(0.4, 0.8, 1.0)[seed % 3], task=task)
    rng = np.random.default_rng(seed)
    inputs = [
        dataclasses.replace(w, scale=float(rng.choice([-1.7, 0.3, 1e-3])), shift=float(rng.normal()), log=seed % 5 == 0)
        for w in model.inputs
    ]
    return dataclasses.replace(model, inputs=tuple(inputs))


def written(folder: Path, count: int, start: int = 0):
    """Artefacts in folders of their own."""
    for seed in range(start, start + count):
        write_mcu(network(seed), folder / str(seed), options=options(seed))
    return [read_artefact(folder / str(seed)) for seed in range(start, start + count)]


@needs_gcc
@pytest.mark.parametrize("count", [20, pytest.param(50, marks=pytest.mark.slow)])
def test_random_networks_equal_their_golden_model(count, tmp_path):
    found = verify_artefacts(written(tmp_path, count), rows=4000, processors=["gcc"], level="-O0")
    assert [v.runs[0].failures for v in found] == [()] * count
    assert all(v.passed for v in found)
    assert all(v.runs[0].quantised for v in found if read_artefact(tmp_path / v.name[3:]).options.float != "none")


@pytest.mark.parametrize("processor", [name for name in PROCESSORS if name != "gcc"])
def test_they_do_on_every_processor(processor, tmp_path):
    missing = PROCESSORS[processor].missing()
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")
    found = verify_artefacts(written(tmp_path, 10, 60), rows=2000, processors=[processor])
    assert [v.runs[0].failures for v in found] == [()] * 10
    assert all(v.passed for v in found)


@needs_gcc
def test_a_hundred_thousand_vectors(tmp_path):
    write_mcu(network(3), tmp_path)
    result = verify_mcu(tmp_path, processors=["gcc"], level="-O0")
    assert result.passed
    assert result.vectors >= 100_000
    assert result.runs[0].quantised > 50_000


@pytest.mark.slow
def test_random_networks_equal_their_golden_model_everywhere(tmp_path):
    for start in range(0, 200, 50):
        found = verify_artefacts(written(tmp_path, 50, 1000 + start), rows=100_000)
        assert all(v.passed for v in found), [v.runs for v in found if not v.passed]


@needs_gcc
def test_sums_at_the_ends_of_the_accumulator(tmp_path):
    ends = {16: ((-(2**15), 2**15 - 1), (0, 2**15 - 1), (-(2**15), -1)), 32: ((-(2**31), 2**31 - 1), (-5, 2**31 - 6))}
    artefacts = []
    for bits, pairs in ends.items():
        for k, (low, high) in enumerate(pairs):
            table = np.array([[low], [0 if low < 0 < high else low + 7], [high], [high - 1]])
            layer = IntegerLayer(
                (table,), np.array([[True]]), np.array([0]), 0, (Wire("y", Format.holding(min(low, -1), high)),)
            )
            model = IntegerModel(f"end{bits}_{k}", (Wire("x", Format(2, 0, True)),), (layer,))
            write_mcu(model, tmp_path / model.name, options=McuOptions(accumulator=bits))
            artefacts.append(read_artefact(tmp_path / model.name))
    assert all(v.passed and v.vectors == 4 for v in verify_artefacts(artefacts, processors=["gcc"]))


@needs_gcc
def test_codes_beyond_their_formats_are_saturated_on_demand(tmp_path):
    model = random_model(5, (3, 2, 1), (3, 5))
    write_mcu(model, tmp_path, options=McuOptions(codes="saturated"))
    forms = [w.format for w in model.inputs]
    rows = list(itertools.product([-128, -1, 0, 3, 127], repeat=3))
    if all(not f.signed for f in forms):
        rows = [tuple(abs(c) for c in row) for row in rows]
    calls = "".join(
        f'    {{ const net5_code_t c[3] = {{{", ".join(map(str, row))}}}; net5_predict(c, y); printf("%ld\\n", (long)y[0]); }}\n'
        for row in rows
    )
    main = f'#include <stdio.h>\n#include "net5.h"\nint main(void) {{ net5_sum_t y[1];\n{calls} return 0; }}\n'
    (tmp_path / "main.c").write_text(main)
    tools.call(["gcc", "-std=c99", "-fsanitize=address,undefined", "-o", "try", "main.c", "net5.c", "-lm"], tmp_path)
    got = [int(line) for line in tools.call([tmp_path / "try"], tmp_path).stdout.split()]
    kept = np.clip(np.array(rows), [f.low for f in forms], [f.high for f in forms])
    assert got == model.run(kept)[:, 0].tolist()


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("scale", [0.37, -2.5, 1e-7])
def test_boundaries_are_the_smallest_floats_of_their_codes(log, scale):
    wire = Wire("x", Format(6, 2, True), scale, 0.1, log)
    keys = boundaries(wire)
    sign = np.sign(scale)
    wanted = wire.format.low + np.arange(len(keys))
    assert (np.diff(keys) >= 0).all()
    assert (wire.unsaturated(sign * floats(keys).astype(float)) >= wanted).all()
    assert (wire.unsaturated(sign * floats(keys - 1).astype(float)) < wanted).all()


def test_slack_grows_with_the_offset_and_stays_small():
    wires = [Wire("x", Format(8), 1.0, shift) for shift in (0.0, 1.0, 100.0)]
    assert [slack(w) for w in wires] == sorted(slack(w) for w in wires)
    assert slack(wires[-1]) < 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (9, 2), (40, 2)])
def test_vectors_hold_all_combinations_or_all_ends_and_sweeps(shape):
    model = random_model(3, shape, (3, 5))
    codes = vectors(model, 20_000)
    forms = [w.format for w in model.inputs]
    for form, column in zip(forms, codes.T, strict=True):
        assert np.array_equal(np.unique(column), np.arange(form.low, form.high + 1))
    count = int(np.prod([float(f.count) for f in forms]))
    if count <= 20_000:
        assert len(np.unique(codes, axis=0)) == len(codes) == count
    else:
        assert len(codes) >= 20_000
    for ends in ([f.low for f in forms], [f.high for f in forms]):
        assert (codes == ends).all(axis=1).any()


def test_data_are_among_the_vectors():
    model = random_model(3, (9, 2), (5, 5))
    data = vectors(model, 50, seed=9)
    assert np.array_equal(vectors(model, 2000, data=data)[: len(data)], data)
