"""Whatever is changed in C files or in the network behind them is found, and counted exactly."""

import dataclasses
import re

import numpy as np
import pytest

from splinework.hardware import tools
from splinework.hardware.golden import write_golden
from splinework.hardware.integer import IntegerModel
from splinework.hardware.mcu import McuOptions, read_artefact, verify_mcu, write_mcu
from splinework.hardware.mcu.vectors import vectors
from splinework.hardware.mcu.verify import verify_artefacts
from tests.hardware.cases import random_model

pytestmark = pytest.mark.skipif(tools.find("gcc") is None, reason="needs gcc")


def flipped(model: IntegerModel, seed: int) -> IntegerModel:
    """One entry of one table one more or one less."""
    rng = np.random.default_rng(seed)
    number = int(rng.integers(len(model.layers)))
    layer = model.layers[number]
    i, j = layer.mask.nonzero()
    edge = int(rng.integers(len(i)))
    tables = [table.copy() for table in layer.tables]
    inner = layer.tables[i[edge]][:, j[edge]]
    row = int(rng.integers(len(inner)))
    # towards the middle, so that no output leaves its format
    tables[i[edge]][row, j[edge]] += 1 if inner[row] <= inner.mean() else -1
    changed = dataclasses.replace(layer, tables=tuple(tables))
    return dataclasses.replace(model, layers=(*model.layers[:number], changed, *model.layers[number + 1 :]))


@pytest.mark.parametrize("count", [30, pytest.param(100, marks=pytest.mark.slow)])
def test_every_flipped_entry_is_found_and_all_its_rows_are_counted(count, tmp_path):
    model = random_model(11, (3, 3, 2), (3, 4), density=1.0)
    codes = vectors(model, 20_000)
    expected, mutants, differ = model.run(codes), [], []
    for seed in range(400):
        mutant = flipped(model, seed)
        rows = int((mutant.run(codes) != expected).any(axis=1).sum())
        if rows > 0 and len(mutants) < count:  # others are the same function: a clamp or a rounding hides the entry
            mutants.append(dataclasses.replace(mutant, name=f"mutant{len(mutants)}"))
            differ.append(rows)
    assert len(mutants) == count
    for k, mutant in enumerate(mutants):
        write_mcu(mutant, tmp_path / str(k), options=McuOptions(layout=("edges", "rows", "lanes")[k % 3], float="none"))
        write_golden(dataclasses.replace(model, name=f"mutant{k}"), tmp_path / str(k) / "golden.json")
    artefacts = [read_artefact(tmp_path / str(k)) for k in range(count)]
    found = verify_artefacts(artefacts, rows=20_000, processors=["gcc"], level="-O0")
    assert [v.mismatches for v in found] == differ
    assert not any(v.passed for v in found)


@pytest.mark.parametrize("layout", ["edges", "rows", "lanes"])
def test_a_number_changed_in_the_file_is_found(layout, tmp_path):
    model = random_model(4, (3, 2), (3, 4), density=1.0)
    files = write_mcu(model, tmp_path, options=McuOptions(layout=layout, float="none"))
    text = files["net4.c"]
    places = list(re.finditer(r"\d+(?=U[,}])", text))
    for place in (places[0], places[len(places) // 2], places[-1]):
        number = int(place[0])
        changed = text[: place.start()] + str(number + 1 if number < 255 else number - 1) + text[place.end() :]
        (tmp_path / "net4.c").write_text(changed)
        result = verify_mcu(tmp_path, rows=2000, processors=["gcc"])
        assert not result.passed
        assert "expected" in result.runs[0].failures[0]
        made = tools.call(["make", "-s", "CC=gcc", "-B", "test"], tmp_path, refuse=False)
        assert made.returncode != 0 or "mismatches 0" in made.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sum + half + odd", "sum + half + (0U * odd)"),
        ("sum + half + odd", "sum + odd + (0U * half)"),
        ("(value < high) ? value : high", "(value <= high) ? value : (high - 1U)"),
        ("(value > low) ? ", "(value >= low) ? 1U + "),
        ("sums[k] > sums[best]", "sums[k] >= sums[best]"),
        ("sum - whole", "(sum - whole) + 1.0F"),
        ("(*saturated)++", "(*saturated) += 2U"),
    ],
)
def test_a_changed_line_is_found(old, new, tmp_path):
    for seed in range(6):
        model = random_model(seed, (4, 5, 3), (3, 5), guard=2, density=1.0, task="classification")
        files = write_mcu(model, tmp_path / str(seed))
        (tmp_path / str(seed) / f"net{seed}.c").write_text(files[f"net{seed}.c"].replace(old, new))
    artefacts = [read_artefact(tmp_path / str(seed)) for seed in range(6)]
    found = verify_artefacts(artefacts, rows=20_000, processors=["gcc"], level="-O0")
    assert not all(v.passed for v in found)


def test_a_moved_boundary_is_found(tmp_path):
    files = write_mcu(random_model(8, (2, 1), (4, 4)), tmp_path, options=McuOptions(float="exact"))
    text = files["net8.c"]
    place = re.search(r"_bounds0\[\d+\] = \{(-?\w+\(?\d*\)?), (-?)INT32_C\((\d+)\)", text)
    changed = text[: place.start(3)] + str(int(place[3]) + 1) + text[place.end(3) :]
    (tmp_path / "net8.c").write_text(changed)
    result = verify_mcu(tmp_path, rows=50_000, processors=["gcc"])
    assert result.runs[0].mismatches == 0
    assert result.runs[0].misquantised > 0
