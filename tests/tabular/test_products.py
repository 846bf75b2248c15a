"""Laws of products as terms: the network is the additive part to the last digits, and noise brings no products."""

import numpy as np
import pytest
import torch

from splinework.tabular import KANClassifier
from splinework.tabular.assembly import Standardisation, combined_network
from splinework.tabular.cross_validation import cross_validated, with_design
from splinework.tabular.curves import fit_curves
from splinework.tabular.design import make_design
from splinework.tabular.ensemble import EnsembleSettings, wide_network
from splinework.tabular.grids import quantile_layer
from splinework.tabular.products import nodes_of_products, strong_pairs
from splinework.tabular.tasks import Binary


def rows(count: int, inputs: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, inputs)))


@pytest.mark.parametrize("degree", [2, 3, 5])
def test_two_parabolas_are_the_product_exactly(degree: int) -> None:
    generator, u = torch.Generator().manual_seed(0), rows(60, 3).float().double()  # members' grids are in float32
    weights = torch.rand(60, generator=generator, dtype=torch.float64)
    layer = quantile_layer(u, 2, 4, degree)
    layer.grid.copy_(layer.grid.float())
    layer.refresh()
    plain = make_design(layer, u, weights, ())
    a, b, c = (span.start for span in plain.spans)
    pairs = [((a,), (b,)), ((a,), (c,)), ((b,), (c,)), ((a, b, b + 1), (c, c + 1))]
    design = plain.with_products(pairs[:1], weights).with_products(pairs[1:], weights)
    coefficients = torch.randn(design.width, 2, generator=generator, dtype=torch.float64)
    coefficients[design.spans[4]] = 0  # of the second product
    bias = torch.tensor([0.3, -1.0], dtype=torch.float64)
    settings = EnsembleSettings((4,), members=2)
    net = wide_network(layer, u, 2, settings, generator)
    nodes = nodes_of_products(design, coefficients, layer, net)
    assert nodes is not None
    more = 2 * 2 + 2 * 2 * 2  # two for each product that is there; two outputs have two sums of three columns
    assert len(nodes.last) == more
    units = Standardisation(*(torch.full((n,), v).double() for n, v in ((3, 0.5), (3, 2.0), (2, -1.0), (2, 3.0))))
    curves = design.spline_coefficients(coefficients)
    model = combined_network(layer, curves, bias, net, [], (), 1.5, settings, units, None, further=nodes)
    assert model.config.shape == [3, 2 + more, 2]
    with torch.no_grad():
        found = model(0.5 + 2 * u)
    expected = 3 * 1.5 * (design.times(coefficients) + bias) - 1
    assert float((found - expected).abs().max()) <= 1e-11 * float(expected.abs().max())
    assert float((weights @ design.values[:, plain.width :]).abs().max()) < 1e-12  # less their means


def test_pairs_are_of_different_columns_and_of_the_strongest_curves() -> None:
    u = rows(50, 14)
    design = make_design(quantile_layer(u, 1, 2, 3), u, torch.ones(50, dtype=torch.float64), ())
    starts = {span.start: i for i, span in enumerate(design.spans)}
    coefficients = torch.zeros(design.width, 1, dtype=torch.float64)
    for i in range(14):
        coefficients[design.spans[i]] = float(i != 2) * (1 + i)
    found = strong_pairs(design, coefficients, torch.tensor([0, 1, 2, 3, *range(4, 12), 12, 12]))
    pairs = [(starts[first], starts[second]) for (first,), (second,) in found]
    assert {i for pair in pairs for i in pair} == set(range(3, 14))
    assert (12, 13) not in pairs
    assert len(pairs) == 54


@pytest.mark.parametrize("kind", ["noise", "product"])
def test_held_out_labels_say_whether_there_are_products(kind: str) -> None:
    u, weights = rows(200, 2), torch.ones(200, dtype=torch.float64)
    y = ((u[:, :1] * u[:, 1:] if kind == "product" else rows(200, 1, seed=1)) > 0).double()
    fold = torch.arange(200) % 3
    design = make_design(quantile_layer(u, 1, 2, 3), u, weights, ())
    curves = fit_curves(design, y, weights, Binary())
    parts = cross_validated(curves, fold, 3)
    found, better = with_design(curves, parts, design.with_products([((0,), (design.spans[1].start,))], weights), fold)
    assert bool(found.design.products) == (kind == "product")
    own = better.whole.task.loss(better.base, y).mean()
    assert own < 0.5 * 0.69 if kind == "product" else better is parts


@pytest.mark.slow
def test_a_product_of_two_columns_separates_classes() -> None:
    x, fresh = rows(300, 3).numpy(), rows(2000, 3, seed=1).numpy()
    model = KANClassifier().fit(x, x[:, 0] * x[:, 1] > 0)
    assert (model.predict(fresh) == (fresh[:, 0] * fresh[:, 1] > 0)).mean() > 0.97
