"""Laws of analogue networks: parts, parameters, perturbations, conversion of trained networks, trims, temperature, budgets."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import splinework as sw
from benchmarks.analog.temperature import over_temperature, span_error
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.hardware.analog.budget import area, check_headroom, headroom, power
from splinework.hardware.analog.calibration import trim
from splinework.hardware.analog.circuits import OperatingPoint
from splinework.hardware.analog.convert import convert
from splinework.hardware.analog.ekv import AnalogTechnology
from splinework.hardware.analog.fitting import EdgeFitRecipe, edge_current, fit_edge
from splinework.hardware.analog.network import AnalogParameters, Element, Perturbation, Span
from tests.families import slow
from tests.hardware.analog_cases import random_network, random_spline, trained

TECHNOLOGY = AnalogTechnology()
SPAN = Span(-1.0, 1.0, TECHNOLOGY.input_low, TECHNOLOGY.input_high)
SEEDS = range(4)


def rows(seed: int, count: int = 24, inputs: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 2.5, (count, inputs))


@pytest.mark.parametrize("case", SEEDS)
@pytest.mark.parametrize("celsius", [0.0, 27.0, 85.0])
def test_numpy_and_torch_agree(case: int, celsius: float) -> None:
    network = random_network(
        case, product=bool(case % 2), technology=AnalogTechnology(tail_law=("reference", "charge")[case % 2])
    )
    x = rows(case)
    one = network.forward(x, temperature=celsius + 273.15)
    two = network.forward(torch.tensor(x), temperature=celsius + 273.15)
    assert np.allclose(one, two.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.quick(1)
@pytest.mark.parametrize("case", [0, 1])
def test_derivatives_by_every_parameter_are_those_of_finite_differences(case: int) -> None:
    network = random_network(case, (2, 2, 1), product=bool(case % 2), elements=2)
    x, p = torch.tensor(rows(case, 3)), network.parameters()
    scales = (1e7, 1.0, 1e7, 1.0, 1.0)
    fields = (p.gains, p.centres, p.offsets, p.node_gains, p.node_trims)
    tensors = [torch.tensor(f * s, requires_grad=True) for f, s in zip(fields, scales, strict=True)]

    def outputs(*values: torch.Tensor) -> torch.Tensor:
        return network.forward(x, parameters=AnalogParameters(*(v / s for v, s in zip(values, scales, strict=True))))

    assert torch.autograd.gradcheck(outputs, tensors, eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_parameters_go_round(seed: int) -> None:
    network = random_network(seed, product=True)
    assert network.with_parameters(network.parameters()) == network
    assert len(network.node_names) == len(set(network.node_names)) == network.node_count


def test_parameters_of_another_network_are_refused() -> None:
    with pytest.raises(ConfigError, match="lengths"):
        random_network(0).with_parameters(random_network(1, (3, 4, 1)).parameters())


def test_perturbing_is_programming_otherwise() -> None:
    network, x = random_network(3), rows(0)
    rng = np.random.default_rng(0)
    e, d, o = rng.normal(size=network.element_count), rng.normal(size=network.element_count), rng.normal(size=4)
    p = network.parameters()
    other = replace(p, gains=p.gains * (1 + 0.05 * e), centres=p.centres + 0.01 * d, offsets=p.offsets * (1 + 0.1 * o))
    error = Perturbation(gain_error=0.05 * e, centre_shift=0.01 * d, offset_error=0.1 * o)
    assert np.allclose(network.forward(x, perturbation=error), network.with_parameters(other).forward(x))


def test_many_chips_at_once_are_the_chips_one_by_one() -> None:
    network, x = random_network(2), rows(1, 6)
    rng = np.random.default_rng(1)
    errors, kappa = (0.02 * rng.normal(size=(5, 1, network.element_count)) for _ in range(2))
    noise = 0.01 * rng.normal(size=(5, 6, network.node_count))
    many = network.forward(x, perturbation=Perturbation(errors, kappa_factor=1 + kappa, read_noise=noise))
    assert many.shape == (5, 6, 1)
    for k in range(5):
        chip = Perturbation(errors[k, 0], kappa_factor=1 + kappa[k, 0], read_noise=noise[k])
        assert np.allclose(network.forward(x, perturbation=chip), many[k])


def test_wrong_columns_are_refused() -> None:
    with pytest.raises(ShapeError, match="x0, x1"):
        random_network(0).forward(np.zeros((3, 5)))


@pytest.mark.parametrize("seed", range(4))
def test_ten_pairs_follow_a_spline_within_half_a_percent(seed: int) -> None:
    values = random_spline(seed)
    fit = fit_edge(values, SPAN, unit=np.ptp(values) / TECHNOLOGY.node_current, technology=TECHNOLOGY)
    assert fit.rms < 0.005
    assert fit.expected < 0.01
    voltage = np.linspace(SPAN.low_voltage, SPAN.high_voltage, 1001)
    found = (edge_current(voltage, fit.elements, OperatingPoint(TECHNOLOGY)) + fit.constant) * fit.unit
    assert np.sqrt(np.mean((found - random_spline(seed, points=1001)) ** 2)) < 0.005 * np.ptp(values)
    for element in fit.elements:
        assert TECHNOLOGY.current_min <= abs(element.gain) <= TECHNOLOGY.current_max
        assert TECHNOLOGY.divider_min <= element.divider <= TECHNOLOGY.divider_max
        assert element.divider / TECHNOLOGY.divider_step == pytest.approx(
            round(element.divider / TECHNOLOGY.divider_step)
        )


def test_the_objective_knows_what_programming_does() -> None:
    """With errors in the objective, what is expected of a chip is better than without, though the bare fit is not."""
    values = random_spline(11)
    unit = float(np.ptp(values)) / TECHNOLOGY.node_current
    careful, bare = (
        fit_edge(values, SPAN, unit=unit, technology=TECHNOLOGY, recipe=EdgeFitRecipe(gain_error=g, centre_error=c))
        for g, c in ((0.01, 5e-4), (0.0, 0.0))
    )

    def on_chips(fit_elements: tuple[Element, ...]) -> float:
        rng, voltage = np.random.default_rng(0), np.linspace(SPAN.low_voltage, SPAN.high_voltage, 161)
        errors = []
        for _ in range(40):
            chip = tuple(replace(e, gain=e.gain * (1 + 0.01 * rng.normal())) for e in fit_elements)
            error = edge_current(voltage, chip, OperatingPoint(TECHNOLOGY)) * unit - values
            errors.append(np.std(error))
        return float(np.mean(errors))

    assert on_chips(careful.elements) < on_chips(bare.elements)
    assert bare.rms <= careful.rms * 1.05


def test_a_constant_edge_needs_no_elements_and_a_broken_one_is_refused() -> None:
    fit = fit_edge(np.full(161, 2.0), SPAN, unit=1.0, technology=TECHNOLOGY)
    assert (fit.elements, fit.constant) == ((), 2.0)
    with pytest.raises(DataError, match="finite"):
        fit_edge(np.full(161, np.nan), SPAN, unit=1.0, technology=TECHNOLOGY)


@pytest.mark.parametrize("shape", [[2, (1, 1), 1], *slow([2, 2, 1], [3, 2])], ids=str)
@pytest.mark.slow
def test_a_trained_network_becomes_circuits(shape: list[object]) -> None:
    model, x = trained(shape)
    made = convert(model, x)
    found, wanted = made.network.forward(x.numpy()), model(x).detach().numpy()
    assert span_error(found, wanted) < 0.005
    assert made.median_rms < 0.003
    assert headroom(made.network) > 4


def test_masked_edges_have_no_circuits_and_raw_units_are_kept() -> None:
    model, x = trained([2, 2, 1])
    with torch.no_grad():
        model.kan_layers[0].mask[0, 1] = 0.0
    network = convert(model, x, recipe=EdgeFitRecipe(max_elements=8)).network
    assert (0, 1) not in {(e.source, e.target) for e in network.layers[0].edges}
    assert span_error(network.forward(x.numpy()), model(x).detach().numpy()) < 0.01


def test_an_edge_too_steep_is_named_with_what_would_help() -> None:
    model, x = trained([1, 1], grid=40)
    with torch.no_grad():
        values = model.kan_layers[0].coefficients
        values.copy_((-1.0) ** torch.arange(values.shape[1])[None, :, None])
    with pytest.raises(ConfigError, match=r"edge \(0, 0, 0\) of x1 is too steep.*20 elements: .*input range"):
        convert(model, x)


def test_too_few_rows_and_odd_settings_are_refused() -> None:
    model, x = trained([2, 2, 1], steps=1)
    with pytest.raises(DataError, match="8 rows"):
        convert(model, x[:4])
    with pytest.raises(ConfigError, match="occupancy"):
        convert(model, x, occupancy=2.0)
    with pytest.raises(ConfigError, match="elements"):
        EdgeFitRecipe(max_elements=1)
    with pytest.raises(ConfigError, match="kinds"):
        EdgeFitRecipe(kinds=("sine",))


def test_trims_take_gain_and_offset_errors_away() -> None:
    network, x = random_network(5), rows(2, 60)
    targets = [layer.sums for layer in network.signals(x).layers]
    chip = Perturbation(node_gain=0.1, node_offset=0.05)
    plain = network.forward(x, perturbation=chip)
    after = trim(network, x, targets, perturbation=chip).forward(x, perturbation=chip)
    assert span_error(plain, network.forward(x)) > 0.02
    assert span_error(after, network.forward(x)) < 1e-6
    with pytest.raises(ConfigError, match="trims"):
        trim(network, x, targets, trims="gain")
    with pytest.raises(ShapeError, match="targets"):
        trim(network, x, targets[:1])


def test_temperature_moves_shapes_and_spans_with_their_centres_hold_them() -> None:
    model, x = trained([2, 2, 1])
    table = over_temperature(convert(model, x).network, x.numpy(), celsius=(0, 27, 85))
    column = {remedy: table.rms[:, k] for k, remedy in enumerate(table.remedies)}
    assert column["none"][1] < 1e-6
    assert (column["ptat-centres"][[0, 2]] < 0.25 * column["none"][[0, 2]]).all()
    assert (column["both"][[0, 2]] <= 1.05 * column["none"][[0, 2]]).all()
    # A span that grows without its centres is worse than none: the centres are charges, and stay.
    assert (column["ptat"][[0, 2]] > column["none"][[0, 2]]).all()
    assert table.to_text().count("\n") == 4
    with pytest.raises(ConfigError, match="remedy"):
        over_temperature(random_network(0), rows(0), remedies=("hope",))


def test_power_and_area_are_the_sums_that_they_are_said_to_be() -> None:
    network, x = random_network(1, product=True), rows(0)
    found, size = power(network, x), area(network)
    currents = found.tails + found.mirrors + found.offsets + found.multipliers + found.amplifiers
    assert found.watts == pytest.approx(3.3 * currents)
    assert found.tails == pytest.approx(np.abs(network.parameters().gains).sum())
    assert found.joules == pytest.approx(found.watts * found.settling)
    assert size.total == pytest.approx(size.transistors + size.floating_gates + size.amplifiers)
    paired = sum(e.kind != "constant" for layer in network.layers for e in layer.elements)
    assert size.cells == 3 * paired + network.element_count - paired + network.node_count


def test_drains_that_are_too_low_are_refused() -> None:
    low = replace(random_network(0), technology=AnalogTechnology(drain_drop=2.2))
    with pytest.raises(ConfigError, match="drain-source"):
        check_headroom(low)


def test_a_bump_basis_converts_too() -> None:
    model, x = trained([1, 1])
    network = convert(model, x, recipe=EdgeFitRecipe(max_elements=12, kinds=("tanh", "bump"))).network
    assert {e.kind for e in network.layers[0].elements} == {"tanh", "bump"}
    assert span_error(network.forward(x.numpy()), model(x).detach().numpy()) < 0.005


def test_a_model_of_single_precision_converts() -> None:
    model, x = trained([2, 1])
    single = sw.KAN(model.config, dtype=torch.float32)
    single.load_state_dict(model.state_dict())
    assert span_error(convert(single, x).network.forward(x.numpy()), model(x).detach().numpy()) < 0.005
