"""`sw.hardware.analog`: circuits whose netlist agrees with the device model; what is changed is found."""

import json
import shutil

import numpy as np
import pytest

from splinework.errors import ConfigError, FileError
from splinework.hardware import analog_study, tools
from splinework.hardware.analog.fpaa import FpaaDevice
from splinework.hardware.analog_artefact import AnalogRecipe, analog
from splinework.hardware.analog_checks import MAX_RMS_SHARE, drawn_rows
from splinework.hardware.analog_files import read_analog, write_analog
from splinework.hardware.artefact import check
from tests.hardware.analog_cases import random_network
from tests.hardware.api_cases import curves, rows, says, tree

needs_ngspice = pytest.mark.skipif(tools.find("ngspice") is None, reason="needs ngspice")
QUICK = AnalogRecipe(max_elements=8, steps=4, draws=3, vectors=8, name="net")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder that `analog` wrote, and what it said."""
    if tools.find("ngspice") is None:
        pytest.skip("needs ngspice")
    place, model, x = tmp_path_factory.mktemp("analog") / "out", curves(0), rows(40)
    return place, analog(model, place, x=x, y=says(model, x), recipe=QUICK)


@pytest.mark.parametrize("case", range(4))
def test_a_network_of_circuits_is_read_back_as_it_was(tmp_path, case):
    network = random_network(case, product=case % 2 == 0)
    write_analog(network, tmp_path / "analog.json")
    found = read_analog(tmp_path / "analog.json")
    assert found == network
    x = drawn_rows(network, 9, case)
    np.testing.assert_array_equal(found.forward(x), network.forward(x))


def test_rows_are_drawn_from_the_spans_with_both_ends():
    network = random_network(1)
    x = network.input_units.apply(drawn_rows(network, 50, 0))
    for column, span in zip(x.T, network.layers[0].inputs, strict=True):
        np.testing.assert_allclose([column.min(), column.max()], [span.low, span.high], rtol=1e-9)


def test_a_file_that_is_changed_or_none_is_told(tmp_path):
    path = tmp_path / "analog.json"
    write_analog(random_network(0), path)
    whole = json.loads(path.read_text())
    changed = json.loads(path.read_text())
    changed["layers"][0]["sums"][0]["offset"] += 1e-12
    for content, said in (
        ("{", "cannot be read"),
        (json.dumps(whole | {"format": "splinework-analog/9"}), "another version"),
        (json.dumps(changed), "digest does not match"),
        (json.dumps({k: v for k, v in whole.items() if k != "layers"}), "not a complete"),
    ):
        path.write_text(content)
        with pytest.raises(FileError, match=said):
            read_analog(path)


def test_the_folder_is_whole_and_the_netlist_agrees(built):
    place, made = built
    assert made.passed
    assert {str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()} == {
        *("analog.json", "fpaa.json", "spice/net.cir", "report.json", "report.html", "artefact.json")
    }
    report = json.loads((place / "report.json").read_text())
    assert max(report["verification"]["rms_by_celsius"].values()) <= MAX_RMS_SHARE
    assert set(report["verification"]["rms_by_celsius"]) == {"0", "27", "85"}
    assert report["rmse_float"] == pytest.approx(0, abs=1e-12)
    assert [row["celsius"] for row in report["temperature"]] == list(range(0, 90, 5))
    assert [row["years"] for row in report["retention"]] == [0, 1, 5, 10]
    page = (place / "report.html").read_text()
    for text in ("Over temperature", "Over years", "<svg", "V_DD", "placeholder"):
        assert text in page


def test_it_passes_again_with_other_rows_and_nothing_is_written(built):
    before = tree(built[0])
    found = check(built[0], vectors=5, seed=9)
    assert (found.kind, found.passed, found.figures["rows"]) == ("analog", True, 5)
    assert tree(built[0]) == before


@pytest.mark.parametrize("change", ["centre", "sign", "syntax", "gone"])
def test_a_change_in_the_netlist_is_found(built, tmp_path, change):
    file = shutil.copytree(built[0], tmp_path / "copy") / "spice" / "net.cir"
    lines = file.read_text().splitlines()
    place = next(k for k, line in enumerate(lines) if " pair vm=" in line and line.startswith("X"))
    words = lines[place].split()
    if change == "centre":
        words[5] = f"vm={float(words[5].removeprefix('vm=')) + 0.1!r}"
    elif change == "sign":
        words[2], words[3] = words[3], words[2]
    elif change == "syntax":
        words[4] = "no_such_device"
    lines[place] = " ".join(words)
    file.write_text("\n".join(lines))
    if change == "gone":
        file.unlink()
        with pytest.raises(FileError, match=r"has no spice/net.cir"):
            check(tmp_path / "copy")
        return
    found = check(tmp_path / "copy", vectors=5)
    assert not found.passed
    assert found.failures


@needs_ngspice
def test_a_network_that_does_not_fit_the_array_is_told_before_it_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(analog_study, "FpaaDevice", lambda: FpaaDevice(cabs=1))
    model, x = curves(2), rows(40)
    said: list[str] = []
    with pytest.raises(ConfigError, match=r"does not fit into .* would fit"):
        analog(model, tmp_path / "out", x=x, y=says(model, x), recipe=QUICK, progress=said.append)
    assert said == ["fitting circuits to the edges"]
    assert list(tmp_path.iterdir()) == []
