"""The mean of networks is their mean, and keeps what all of them are."""

import pytest
import torch

import splinework as sw
from splinework.knowledge.axioms import Even, Monotone, NoInteraction
from splinework.knowledge.axioms.realise import realise
from splinework.knowledge.teach.averaging import average_networks

RANGES = ((-1.0, 1.0), (-1.0, 1.0))


def members(count: int, axioms: tuple[object, ...], shape: tuple[int, ...], grids: tuple[int, ...]) -> list[sw.KAN]:
    found = []
    for seed, grid in zip(range(count), grids, strict=True):
        generator = torch.Generator().manual_seed(seed)
        model = realise(
            sw.KAN(list(shape), grid=4, names=["a", "b"], dtype=torch.float64, generator=generator), axioms, RANGES
        )
        for layer in model.kan_layers:
            values = layer.edge_coefficients()
            layer.set_edge_coefficients(torch.randn(values.shape, generator=generator, dtype=torch.float64))
        found.append(sw.refine(model, grid))
    return found


@pytest.mark.parametrize("shape", [(2, 1), (2, 4, 1), (2, 4, 3, 2)], ids=str)
@pytest.mark.parametrize(
    "axioms", [(), (Monotone("a"),), (NoInteraction("a", "b"),)], ids=["free", "monotone", "apart"]
)
def test_the_mean_network_gives_the_mean(axioms, shape):
    several = members(3, axioms, shape, (4, 8, 6))
    mean = average_networks(several)
    assert mean is not None
    x = 3 * torch.rand(400, 2, generator=torch.Generator().manual_seed(9), dtype=torch.float64) - 1.5
    expected = torch.stack([model(x) for model in several]).mean(0)
    torch.testing.assert_close(mean(x), expected, atol=1e-8 * float(expected.detach().abs().max()), rtol=0)


def test_the_mean_keeps_shapes_to_the_last_bit():
    mean = average_networks(members(4, (Monotone("a"), Monotone("b")), (2, 3, 1), (4, 4, 8, 5)))
    assert mean is not None
    for layer in mean.kan_layers:
        assert layer.shaping is not None
        assert float(torch.diff(layer.edge_coefficients().detach(), dim=1).min()) >= 0
    assert sw.verify(mean, [Monotone("a"), Monotone("b")]).status == "proved"


def test_a_single_network_is_its_own_mean():
    (one,) = members(1, (), (2, 1), (4,))
    assert average_networks([one]) is one


def test_networks_that_do_not_fit_have_no_mean_network():
    a, b = members(2, (), (2, 3, 1), (4, 4))
    assert average_networks([a, sw.edit.raise_degree(b, 5)]) is None
    assert average_networks([a, sw.adapt(b, 5 * torch.rand(50, 2, dtype=torch.float64))]) is None


def test_the_mean_of_even_networks_is_even():
    mean = average_networks(members(2, (Even("a"),), (2, 3, 1), (4, 6)))
    assert mean is not None
    x = torch.rand(50, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    mirrored = x * torch.tensor([-1.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(mean(x), mean(mirrored), atol=1e-10, rtol=1e-10)
