"""Laws of transistors and circuits: exponential and square limits, Kirchhoff, order, symmetry, derivatives, two array kinds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError
from splinework.hardware.analog import circuits, ekv
from splinework.hardware.analog.circuits import OperatingPoint
from splinework.hardware.analog.ekv import AnalogTechnology

TECHNOLOGY = AnalogTechnology()
TAILS = (1e-10, 1e-8, 1e-6)
CELSIUS = (0.0, 27.0, 85.0)
DIFFERENCES = np.linspace(-0.9, 0.9, 37)


def at(celsius: float = 27.0, technology: AnalogTechnology = TECHNOLOGY) -> OperatingPoint:
    return OperatingPoint(technology, celsius + 273.15)


def tail_current(source: np.ndarray, tail: np.ndarray, at: OperatingPoint) -> np.ndarray:
    """What a tail of `tail` A carries with `source` V on its drain: less below a few U_T, `1 + λ V` above."""
    return tail * circuits._tail_shape(source / at.thermal, tail, at)[0]


def test_nothing_overflows_far_outside_the_rails() -> None:
    v = np.array([-1e4, -50.0, 50.0, 1e4])
    assert np.isfinite(np.asarray(ekv.clamp_to_rails(v, TECHNOLOGY))).all()


def test_voltage_of_is_the_inverse_of_inversion() -> None:
    x = np.linspace(-40, 60, 101)
    assert np.allclose(ekv.voltage_of(ekv.inversion(x)), x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("celsius", CELSIUS)
@pytest.mark.parametrize("tail", TAILS)
def test_kirchhoff_holds_at_the_common_source(tail: float, celsius: float) -> None:
    one, two = circuits.pair_currents(DIFFERENCES, np.array(tail), at(celsius))
    source = circuits.pair_source(DIFFERENCES, np.array(tail), at(celsius))
    assert np.allclose(one + two, tail_current(source, tail, at(celsius)), rtol=1e-10)


@pytest.mark.parametrize("tail", TAILS)
def test_a_pair_is_monotone_odd_without_conductance_and_near_a_tanh_in_weak_inversion(tail: float) -> None:
    one, two = circuits.pair_currents(DIFFERENCES, np.array(tail), at())
    assert (np.diff(one) > 0).all()
    assert (np.diff(one - two) > 0).all()
    ideal = at(technology=replace(TECHNOLOGY, conductance=0.0))
    one, two = circuits.pair_currents(DIFFERENCES, np.array(tail), ideal)
    assert np.allclose(one, two[::-1], rtol=1e-6, atol=1e-6 * tail)
    wanted = np.tanh(0.7 * DIFFERENCES / (2 * ideal.thermal))
    distance = np.abs((one - two) / tail - wanted).max()
    assert distance < (0.09 if tail > 1e-7 else 0.01)


def test_moderate_inversion_bends_the_tanh_as_measured_before() -> None:
    """At I_b / I_s = 0.1 the largest deviation from the ideal was 4.5 % of the tail in a run of another netlist before."""
    ideal = at(technology=replace(TECHNOLOGY, conductance=0.0))
    tail = 0.1 * ekv.specific_current(TECHNOLOGY, TECHNOLOGY.pair_ratio)
    fine = np.linspace(-0.3, 0.3, 601)
    one, two = circuits.pair_currents(fine, np.array(tail), ideal)
    assert np.abs((one - two) / tail - np.tanh(0.7 * fine / (2 * ideal.thermal))).max() == pytest.approx(
        0.045, abs=0.005
    )


@pytest.mark.parametrize("strength", [1.0, 4.0, 9.0])
def test_a_bump_follows_delbruck_in_weak_inversion(strength: float) -> None:
    ideal = at(technology=replace(TECHNOLOGY, conductance=0.0, bump_ratio=strength))
    found = circuits.bump_current(DIFFERENCES, np.array(1e-10), ideal) / 1e-10
    wanted = 1 / (1 + 4 / strength * np.cosh(0.7 * DIFFERENCES / (2 * ideal.thermal)) ** 2)
    assert np.abs(found - wanted).max() < 0.005


@pytest.mark.parametrize("tail", TAILS)
def test_a_bump_rises_then_falls(tail: float) -> None:
    steps = np.diff(circuits.bump_current(np.linspace(-0.4, 0.4, 41), np.array(tail), at()))
    assert (steps[:19] > 0).all()
    assert (steps[21:] < 0).all()


def test_a_mirror_is_near_one_and_monotone() -> None:
    currents = np.logspace(-10, -5, 51)
    out = np.asarray(circuits.mirror_current(currents, at()))
    assert (np.diff(out) > 0).all()
    assert np.abs(out / currents - 1).max() < 0.03
    exact = circuits.mirror_current(currents, at(technology=replace(TECHNOLOGY, conductance=0.0)))
    assert np.allclose(exact, currents, rtol=1e-6)


def test_a_multiplier_is_near_the_product_in_four_quadrants() -> None:
    zero = TECHNOLOGY.product_current
    i = np.linspace(-0.8, 0.8, 17) * zero
    found = circuits.multiply_currents(i[:, None], i[None, :], at())
    assert np.abs(found * zero - i[:, None] * i[None, :]).max() < 0.01 * zero**2
    assert np.allclose(found, found.T)


@pytest.mark.parametrize("celsius", CELSIUS)
def test_derivatives_are_those_of_finite_differences(celsius: float) -> None:
    here = at(celsius)

    def tensor(values: object) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64, requires_grad=True)

    d, tail, kappa = tensor(np.linspace(-0.3, 0.3, 7)), tensor(np.logspace(-1, 1, 7)), tensor([1.0] * 7)
    for circuit in (lambda *a: circuits.pair_currents(*a)[0], circuits.bump_current):
        assert torch.autograd.gradcheck(lambda a, b, c: circuit(a, b * 1e-7, here, c) * 1e7, (d, tail, kappa))  # noqa: B023
    assert torch.autograd.gradcheck(lambda a: circuits.mirror_current(a * 1e-7, here) * 1e7, (tail,))
    i = tensor(np.linspace(-0.7, 0.7, 7))
    assert torch.autograd.gradcheck(lambda a: circuits.multiply_currents(a * 1e-8, 3e-9, here) * 1e8, (i,))


@pytest.mark.parametrize("celsius", CELSIUS)
def test_numpy_and_torch_agree(celsius: float) -> None:
    tails = np.full(37, 3e-8)
    for circuit in (lambda *a: circuits.pair_currents(*a)[1], circuits.bump_current):
        one = circuit(DIFFERENCES, tails, at(celsius))
        two = circuit(torch.tensor(DIFFERENCES), torch.tensor(tails), at(celsius))
        assert np.allclose(one, two.numpy(), rtol=1e-10, atol=0)


def test_tails_keep_their_current_or_their_charge() -> None:
    tails = np.array([1e-9, 1e-7, 4e-7])
    assert np.array_equal(ekv.tail_currents(tails, TECHNOLOGY, 358.15), tails)
    charge = replace(TECHNOLOGY, tail_law="charge")
    hot = ekv.tail_currents(tails, charge, 358.15)
    assert np.allclose(ekv.tail_currents(tails, charge, 300.15), tails)
    assert hot[1] == pytest.approx(1e-7, rel=1e-9)  # the reference itself
    assert hot[0] / 1e-7 == pytest.approx(0.01 ** (300.15 / 358.15), rel=0.1)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"kappa": 0.0}, "kappa"),
        ({"conductance": -1.0}, "conductance"),
        ({"divider_min": 2.0}, "divider"),
        ({"current_min": 1.0}, "current_min"),
        ({"input_low": 3.0}, "input_low"),
        ({"tail_law": "magic"}, "tail_law"),
        ({"span_law": "magic"}, "span_law"),
    ],
    ids=["kappa", "conductance", "divider", "currents", "range", "tail law", "span law"],
)
def test_an_impossible_technology_is_refused(changes: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        AnalogTechnology(**changes)  # type: ignore[arg-type]


def test_celsius_is_refused() -> None:
    with pytest.raises(ConfigError, match="kelvin"):
        ekv.thermal_voltage(-10.0)


@pytest.mark.parametrize("celsius", [-40.0, 27.0, 125.0])
def test_the_solver_finds_every_pair_and_bump_however_far_it_is_driven(celsius: float) -> None:
    rng = np.random.default_rng(0)
    difference, tail = rng.uniform(-3, 3, 4000), 10 ** rng.uniform(-10, -6, 4000)
    kappa = rng.uniform(0.9, 1.1, 4000)
    one, two = circuits.pair_currents(difference, tail, at(celsius), kappa)
    source = circuits.pair_source(difference, tail, at(celsius), kappa)
    inside = source < TECHNOLOGY.drain - 0.01  # beyond, the pair is no pair: its source is at its drains
    assert np.allclose((one + two)[inside], tail_current(source, tail, at(celsius))[inside], rtol=1e-9)
    assert np.isfinite(one).all()
    bump = circuits.bump_current(difference, tail, at(celsius), kappa)[inside]
    assert ((bump > -1e-20 * tail[inside]) & (bump < 0.6 * tail[inside])).all()
