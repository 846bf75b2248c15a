"""Monotone directions: curves within their cones are the best there, and hidden nodes keep theirs at every step."""

import numpy as np
import pytest
import torch

from splinework.nn.network import KAN
from splinework.tabular import KANClassifier, KANRegressor
from splinework.tabular.additive import fit_additive
from splinework.tabular.design import DesignMatrix, make_design
from splinework.tabular.directions import DirectedNetwork, settle
from splinework.tabular.grids import quantile_layer
from splinework.tabular.monotone_curves import within
from splinework.tabular.tasks import Binary, Regression

SIGNS = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)


def against(seed: int, classes: bool) -> tuple[DesignMatrix, torch.Tensor, torch.Tensor]:
    """Rows whose curves turn, and weights some of which are zero."""
    random = torch.Generator().manual_seed(seed)
    u = torch.randn(120, 3, generator=random, dtype=torch.float64)
    y = torch.sin(3 * u[:, :1]) + torch.cos(2 * u[:, 1:2]) + u[:, 2:] ** 2
    y = y + 0.3 * torch.randn(120, 1, generator=random, dtype=torch.float64)
    weights = (torch.rand(120, generator=random) > 0.2).double()
    design = make_design(quantile_layer(u, 1, 6, 3), u, weights, ())
    return design, (y > 1).double() if classes else y, weights


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_curves_within_their_directions_are_the_best_there(seed, classes):
    design, y, weights = against(seed, classes)
    task = Binary() if classes else Regression()
    free = fit_additive(design, y, weights, task)
    held = within(free, design, y, weights, SIGNS)

    def least_step(coefficients):
        steps = torch.diff(design.spline_coefficients(coefficients)[..., 0], dim=1)
        return float((SIGNS[:, None] * steps).min())

    scale = float(held.coefficients.abs().max())
    assert least_step(free.coefficients) < -1e-3 * scale  # the rows speak against it
    assert least_step(held.coefficients) >= -1e-9 * scale
    factor = 1.0 if classes else 2.0  # the squared loss of a task is twice that of penalised least squares

    def objective(coefficients, bias):
        losses = task.loss(design.times(coefficients) + bias, y)
        return float(weights @ losses + 0.5 * factor * (held.penalties * coefficients**2).sum())

    # A point of a convex cone is the best one where no step towards another point of it, or along itself, is downhill.
    own = objective(held.coefficients, held.bias)
    for shift in (1, 7, 40):
        other = within(fit_additive(design, y.roll(shift, 0), weights, task), design, y.roll(shift, 0), weights, SIGNS)
        for share in (1e-2, 1e-4):
            bias = held.bias + share * (other.bias - held.bias)
            assert objective(held.coefficients.lerp(other.coefficients, share), bias) >= own - 1e-7 * abs(own)
    for share in (0.999, 1.001):
        assert objective(share * held.coefficients, held.bias) >= own - 1e-7 * abs(own)


def test_signs_that_the_rows_have_anyway_change_nothing():
    design, y, weights = against(0, classes=False)
    free = fit_additive(design, y, weights, Regression())
    assert within(free, design, y, weights, torch.zeros(3, dtype=torch.float64)) is free


@pytest.mark.parametrize("hidden", [(4,), (5, 3)])
def test_projected_networks_rise_along_their_directions_and_stay_as_they_are(hidden):
    blocks, generator = 2, torch.Generator().manual_seed(3)
    widths = [3, *(blocks * h for h in hidden), blocks]
    net = KAN(widths, grid=5, generator=generator, dtype=torch.float64)
    directed = DirectedNetwork.of(SIGNS, hidden, blocks, 1)
    for number, edges in enumerate(net.kan_layers):
        directed.begin(edges, number)
        edges.coefficients.data += 0.3 * torch.randn(edges.coefficients.shape, generator=generator, dtype=torch.float64)
    directed.project_all(net)
    settled = [edges.coefficients.clone() for edges in net.kan_layers]
    directed.project_all(net)
    assert all(torch.equal(edges.coefficients, old) for edges, old in zip(net.kan_layers, settled, strict=True))
    settle(net, SIGNS)
    x = 2 * torch.rand(50, 3, generator=generator, dtype=torch.float64) - 1
    for i, sign in ((0, 1), (1, -1)):
        rows = x[:, None].repeat(1, 60, 1)
        rows[:, :, i] = torch.linspace(-2, 2, 60, dtype=torch.float64)
        steps = sign * torch.diff(net(rows.flatten(0, 1)).unflatten(0, (50, 60)), dim=1)
        assert steps.min() >= -1e-12
        assert steps.max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("kind", [KANRegressor, KANClassifier])
def test_directions_that_hold_cost_little_and_are_proved_with_interactions(kind):
    random = np.random.default_rng(0)
    x, fresh = random.uniform(-1, 1, (600, 3)), random.uniform(-1, 1, (4000, 3))

    def truth(x):
        return 2 * np.exp(x[:, 0]) * np.maximum(x[:, 1] + 0.3, 0) - x[:, 2] ** 2

    y, wanted = truth(x) + 0.1 * random.normal(size=600), truth(fresh)
    if kind is KANClassifier:
        y, wanted = (y > 0.5).astype(int), (wanted > 0.5).astype(int)
    free, known = kind().fit(x, y), kind(monotone=[1, 1, 0]).fit(x, y)
    assert {status.status for status in known.axiom_status_} == {"proved"}
    errors = [np.mean((model.predict(fresh) - wanted) ** 2) for model in (free, known)]
    assert errors[1] <= 2 * errors[0] + 0.01
    if kind is KANRegressor:
        assert len(known.model_.config.shape) == 3


@pytest.mark.slow
@pytest.mark.parametrize("known", [{"axioms": ["concave(x0)"]}, {"monotone": [0, 1]}])
def test_intervals_under_axioms_cover_new_rows(known):
    random = np.random.default_rng(5)

    def draw(rows):
        x = random.uniform(-1, 1, (rows, 2))
        return x, np.exp(x[:, 1]) - x[:, 0] ** 2 + 0.3 * random.normal(size=rows)

    model = KANRegressor(**known).fit(*draw(300))
    fresh, y = draw(4000)
    found = model.predict(fresh, interval=0.9)
    assert 0.83 <= np.mean((found.lower <= y) & (y <= found.upper)) <= 0.97
