"""`sw.hardware.mcu`: a folder of C that equals its golden model; what is wrong in it is found."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import splinework as sw
from splinework.errors import ConfigError, FileError
from splinework.hardware import tools
from splinework.hardware.artefact import check
from splinework.hardware.formats import Format, Wire
from splinework.hardware.golden import read_golden
from splinework.hardware.integer import IntegerLayer, IntegerModel
from splinework.hardware.mcu.options import McuOptions
from splinework.hardware.mcu_artefact import McuRecipe, mcu
from tests.hardware.api_cases import QUICK, classes, curves, rows, tree
from tests.hardware.cases import random_model

needs_gcc = pytest.mark.skipif(tools.find("gcc") is None, reason="needs gcc")
HERE = McuRecipe(quantisation=QUICK, vectors=400, processors=("gcc",), name="net")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder that `mcu` wrote, and what it said."""
    if tools.find("gcc") is None:
        pytest.skip("needs gcc")
    place, model, x = tmp_path_factory.mktemp("mcu") / "out", curves(0, (2, 3)), rows(60)
    made = mcu(
        model,
        place,
        x=x,
        y=classes(x),
        task="classification",
        classes=["a", "b", "c"],
        recipe=replace(HERE, notes=("N",)),
    )
    return place, made


def test_the_folder_is_whole_and_its_figures_are_those_of_the_files(built):
    place, made = built
    assert made.passed
    assert {p.name for p in place.iterdir()} == {
        *("net.c", "net.h", "net_test.c", "net_vectors.h", "Makefile"),
        *("golden.json", "mcu.json", "report.json", "report.html", "artefact.json"),
    }
    report = json.loads((place / "report.json").read_text())
    golden = read_golden(place / "golden.json")
    assert report["mismatches"] == 0
    assert report["vectors"] >= 400
    assert report["tables"] == golden.edges
    assert 0 <= report["accuracy_quantised"] <= 1
    assert report["accuracy_float"] == made.figures["accuracy_float"]
    assert "N" in report["notes"]
    assert "gcc" in report["tools"]
    assert golden.classes == ("a", "b", "c")
    page = (place / "report.html").read_text()
    for text in ("net_predict(codes, sums);", "splinework hardware check", "Inputs: codes", "a, b, c"):
        assert text in page


def test_it_passes_again_and_nothing_is_written(built):
    place, _ = built
    before = tree(place)
    found = check(place, vectors=300, seed=3)
    assert (found.kind, found.name, found.passed, found.failures) == ("mcu", "net", True, ())
    assert found.figures["vectors"] >= 300
    assert tree(place) == before


@pytest.mark.parametrize("change", ["entry", "sign", "syntax"])
def test_a_change_in_the_c_is_found(built, tmp_path, change):
    place = shutil.copytree(built[0], tmp_path / "copy")
    text = (place / "net.c").read_text()
    if change == "entry":
        start = text.index("{", text.index("static const")) + 1
        end = text.index("U", start)
        text = f"{text[:start]}{int(text[start:end].strip('{ ')) + 1}{text[end:]}"
    elif change == "sign":
        text = text.replace(" - ", " + ", 1) if " - " in text else text.replace("a0 + ", "a0 - ", 1)
    else:
        text += "\nint broken(;\n"
    (place / "net.c").write_text(text)
    found = check(place, vectors=300)
    assert not found.passed
    assert found.failures
    assert change != "entry" or "expected" in found.failures[0]


def test_what_is_missing_or_changed_by_hand_is_told(built, tmp_path):
    for name, said in (("net.c", "has no net.c"), ("golden.json", "cannot be read"), ("mcu.json", "recipe of C files")):
        place = shutil.copytree(built[0], tmp_path / name)
        (place / name).unlink()
        with pytest.raises(FileError, match=said):
            check(place)


@pytest.mark.slow
@needs_gcc
def test_a_network_of_integers_needs_no_rows(tmp_path):
    golden = random_model(3, (2, 2, 1))
    made = mcu(golden, tmp_path / "out", recipe=HERE)
    assert made.passed
    assert "accuracy_float" not in made.figures
    x = np.column_stack([w.decode([w.format.low, w.format.high] * 10) for w in golden.inputs])
    with_rows = mcu(golden, tmp_path / "out", x=x, y=golden.predict(x), recipe=HERE)
    assert with_rows.figures["rmse_quantised"] == pytest.approx(0, abs=1e-12)


def test_a_sum_that_leaves_its_accumulator_is_refused(tmp_path):
    table = np.array([[0], [40_000]])
    layer = IntegerLayer((table,), np.array([[True]]), np.array([0]), 0, (Wire("y", Format(17, 0, True)),))
    golden = IntegerModel("wide", (Wire("x", Format(1)),), (layer,))
    with pytest.raises(ConfigError, match="16"):
        mcu(golden, tmp_path / "out", recipe=replace(HERE, options=McuOptions(accumulator=16)))
    assert list(tmp_path.iterdir()) == []


def test_the_verbs_are_reached_without_an_import_and_stay_verbs():
    import splinework.hardware.fpga.plan  # the package of the same name
    import splinework.hardware.mcu.options  # noqa: F401

    for name in ("fpga", "mcu", "analog", "check", "quantise", "train_quantised", "sweep"):
        assert callable(getattr(sw.hardware, name)), name
        assert name in dir(sw.hardware)
    with pytest.raises(AttributeError, match="no attribute 'gpu'"):
        _ = sw.hardware.gpu
