"""ngspice, which solves Kirchhoff's equations by itself, agrees with the Python model within 0.2 % of span; mutants do not."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.analog import spice
from benchmarks.analog.spice import run_edge, run_network
from splinework.errors import ConfigError, FileError, ShapeError
from splinework.hardware import tools
from splinework.hardware.analog.circuits import OperatingPoint
from splinework.hardware.analog.convert import convert
from splinework.hardware.analog.ekv import AnalogTechnology
from splinework.hardware.analog.fitting import EdgeFitRecipe, edge_current, fit_edge
from splinework.hardware.analog.netlist import netlist
from splinework.hardware.analog.network import Perturbation, Span
from tests.hardware.analog_cases import random_elements, random_network, random_spline, trained

TECHNOLOGY = AnalogTechnology()
KELVIN = (273.15, 300.15, 358.15)
needs_ngspice = pytest.mark.skipif(tools.find("ngspice") is None, reason="ngspice is not installed")


def rows(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 2.5, (count, 2))


def distance(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(found - wanted).max() / np.ptp(wanted))


@needs_ngspice
@pytest.mark.parametrize("kinds", [("tanh",), ("bump",), ("tanh", "constant")], ids="-".join)
@pytest.mark.parametrize("law", ["reference", "charge"])
def test_an_edge_in_ngspice_is_the_edge_in_python(kinds: tuple[str, ...], law: str) -> None:
    technology = AnalogTechnology(tail_law=law)
    elements = random_elements(np.random.default_rng(len(kinds)), kinds, 3)
    voltage = np.linspace(1.2, 2.1, 16)
    found = run_edge(elements, voltage, technology=technology, temperatures=KELVIN)
    for kelvin, wires in zip(KELVIN, found, strict=True):
        wanted = edge_current(voltage, elements, OperatingPoint(technology, kelvin))
        if law == "reference" or kelvin == 300.15:  # `edge_current` takes tails as they are
            assert distance(wires[:, 0] - wires[:, 1], wanted) < 2e-3 if np.ptp(wanted) > 0 else True


LAWS = [("reference", "fixed"), ("charge", "ptat"), ("reference", "ptat-centres")]


@needs_ngspice
@pytest.mark.parametrize("case", range(3))
def test_a_random_network_in_ngspice_is_the_network_in_python(case: int) -> None:
    tail_law, span_law = LAWS[case]
    network = random_network(
        case,
        (2, 2, 1),
        technology=AnalogTechnology(tail_law=tail_law, span_law=span_law),
        product=case == 1,
        kinds=("tanh", "constant") if case == 1 else ("tanh", "bump", "constant"),
        elements=2,
    )
    rng = np.random.default_rng(case)
    chip = Perturbation(
        gain_error=0.05 * rng.normal(size=network.element_count),
        centre_shift=0.01 * rng.normal(size=network.element_count),
        kappa_factor=1 + 0.02 * rng.normal(size=network.element_count),
        offset_error=0.1,
        node_gain=0.03 * rng.normal(size=network.node_count),
        node_offset=0.02,
        supply_shift=0.1,
    )
    x = rows(case, 6)
    found = run_network(network, x, temperatures=KELVIN, perturbation=chip)
    for kelvin, outputs in zip(KELVIN, found, strict=True):
        assert distance(outputs, network.forward(x, temperature=kelvin, perturbation=chip)) < 2e-3


@needs_ngspice
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_many_random_networks_agree(seed: int) -> None:
    network = random_network(
        seed, (2, 3, 1), technology=AnalogTechnology(*(), tail_law=LAWS[seed % 3][0]), product=seed % 2 == 1
    )
    x = rows(seed, 10)
    found = run_network(network, x, temperatures=KELVIN, timeout=600)
    for kelvin, outputs in zip(KELVIN, found, strict=True):
        assert distance(outputs, network.forward(x, temperature=kelvin)) < 2e-3


@needs_ngspice
@pytest.mark.parametrize("seed", range(2))
def test_a_fitted_edge_in_ngspice_follows_its_spline_within_half_a_percent(seed: int) -> None:
    values = random_spline(seed)
    fit = fit_edge(
        values,
        Span(-1.0, 1.0, TECHNOLOGY.input_low, TECHNOLOGY.input_high),
        unit=float(np.ptp(values)) / TECHNOLOGY.node_current,
        technology=TECHNOLOGY,
    )
    voltage = np.linspace(TECHNOLOGY.input_low, TECHNOLOGY.input_high, 81)
    plus, minus = run_edge(fit.elements, voltage, technology=TECHNOLOGY)[0].T
    error = (plus - minus + fit.constant) * fit.unit - random_spline(seed, points=81)
    assert np.sqrt(np.mean(error**2)) < 0.005 * np.ptp(values)


@needs_ngspice
def test_a_converted_network_agrees_and_a_netlist_with_a_wrong_charge_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = trained([2, 1])
    network = convert(model, x, recipe=EdgeFitRecipe(max_elements=6)).network
    few = x.numpy()[:8]
    wanted = network.forward(few)
    assert distance(run_network(network, few, folder=tmp_path)[0], wanted) < 2e-3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data0.txt", "kan.cir"]

    def broken(*args: object, **options: object) -> str:
        text = netlist(*args, **options)  # type: ignore[arg-type]
        line = next(word for word in text.splitlines() if " pair vm=" in word and "X3" in word)
        first, second = line.split()[2:4]
        return text.replace(line, line.replace(f"{first} {second} pair", f"{second} {first} pair"))

    monkeypatch.setattr(spice, "netlist", broken)
    assert distance(run_network(network, few)[0], wanted) > 2e-3


def test_a_netlist_has_one_subcircuit_for_each_edge_and_node_and_is_the_same_each_time() -> None:
    network = random_network(0, product=True)
    text = netlist(network, name="net")
    assert text == netlist(network, name="net")
    for l, layer in enumerate(network.layers):
        for edge in layer.edges:
            assert text.count(f".subckt edge_{l}_{edge.source}_{edge.target} ") == 1
        assert text.count(f".subckt sum_{l}_") == len(layer.sums)
    assert text.count(".subckt") == text.count(".ends")


@pytest.mark.parametrize("name", ["two words", "pair", "1st", ""])
def test_a_name_that_no_netlist_can_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        netlist(random_network(0), name=name)


def test_a_batch_of_chips_is_refused() -> None:
    network = random_network(0)
    with pytest.raises(ConfigError, match="one chip"):
        netlist(network, perturbation=Perturbation(gain_error=np.zeros((3, 1, network.element_count))))


@needs_ngspice
def test_wrong_rows_and_sweeps_are_refused() -> None:
    with pytest.raises(ShapeError, match="2 inputs"):
        run_network(random_network(0), np.zeros((3, 5)))
    with pytest.raises(ConfigError, match="equal steps"):
        run_edge((), np.array([1.0, 1.1, 1.5]), technology=TECHNOLOGY)


@needs_ngspice
def test_what_ngspice_says_comes_with_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spice, "netlist", lambda *_, **__: "* nothing\n")
    with pytest.raises(FileError, match="its output"):
        run_network(random_network(0), rows(0, 3))


def test_a_missing_ngspice_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find", lambda _: None)
    with pytest.raises(ConfigError, match="install"):
        run_network(random_network(0), rows(0, 3))
