"""The mean of networks is their mean, and keeps what all of them are."""

import pytest
import torch

import splinework as sw
from splinework.interpret.edit.side_by_side import mean_network
from splinework.knowledge.axioms import Even, Monotone, NoInteraction
from splinework.knowledge.axioms.realise import realise

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
    mean = mean_network(several)
    assert mean is not None
    x = 3 * torch.rand(400, 2, generator=torch.Generator().manual_seed(9), dtype=torch.float64) - 1.5
    expected = torch.stack([model(x) for model in several]).mean(0)
    torch.testing.assert_close(mean(x), expected, atol=1e-8 * float(expected.detach().abs().max()), rtol=0)


def test_the_mean_keeps_shapes_to_the_last_bit():
    mean = mean_network(members(4, (Monotone("a"), Monotone("b")), (2, 3, 1), (4, 4, 8, 5)))
    assert mean is not None
    for layer in mean.kan_layers:
        assert layer.shaping is not None
        assert float(torch.diff(layer.edge_coefficients().detach(), dim=1).min()) >= 0
    assert sw.verify(mean, [Monotone("a"), Monotone("b")]).status == "proved"


def test_a_single_network_is_its_own_mean():
    (one,) = members(1, (), (2, 1), (4,))
    assert mean_network([one]) is one


def test_networks_that_do_not_fit_have_no_mean_network():
    a, b = members(2, (), (2, 3, 1), (4, 4))
    assert mean_network([a, sw.edit.raise_degree(b, 5)]) is None
    assert mean_network([a, sw.KAN([2, 3, 3, 1], dtype=torch.float64)]) is None
    rising, other = members(2, (Monotone("a"),), (2, 3, 1), (4, 4))
    assert mean_network([rising, sw.adapt(other, 5 * torch.rand(50, 2, dtype=torch.float64))]) is None


@pytest.mark.parametrize("base", ["none", "silu"])
@pytest.mark.parametrize("shape", [(2, 1), (2, 5, 2), (2, 3, 2, 1)], ids=str)
def test_networks_of_other_sizes_grids_and_units_stand_side_by_side(shape, base):
    """Also between the ends of their grids and beyond both; a base function goes with splines, if its grid reaches furthest."""
    generator = torch.Generator().manual_seed(len(shape))
    one = sw.KAN(list(shape), grid=7, base=base, dtype=torch.float64, generator=generator)
    hidden = [2 + width for width in shape[1:-1]]
    other = sw.KAN([2, *hidden, shape[-1]], grid=4, base="none", dtype=torch.float64, generator=generator)
    for model, reach in ((one, 1.0), (other, 3.0 if base == "none" else 0.1)):
        rows = reach * torch.randn(200, 2, generator=generator, dtype=torch.float64) + 0.3
        model.input_scaling.set(rows.mean(0), rows.std(0))
        model.output_scaling.set(*torch.tensor([[0.7], [1.9 * reach]], dtype=torch.float64).expand(2, shape[-1]))
    other = sw.adapt(other, rows)
    x = 6 * torch.randn(500, 2, generator=generator, dtype=torch.float64)
    for pair, shares in (((one, other), (0.3, 0.7)), ((other, one), (0.9, 0.1))):
        mean = mean_network(pair, shares)
        assert mean is not None
        expected = sum(share * model(x) for share, model in zip(shares, pair, strict=True)).detach()
        torch.testing.assert_close(mean(x), expected, atol=1e-8 * float(expected.abs().max()), rtol=0)


def test_a_base_function_of_inputs_in_other_units_has_no_place():
    a, b = (sw.KAN([2, 2, 1], dtype=torch.float64) for _ in range(2))
    b.input_scaling.set(torch.ones(2), torch.ones(2))
    assert mean_network([a, b]) is None


def test_the_mean_of_even_networks_is_even():
    mean = mean_network(members(2, (Even("a"),), (2, 3, 1), (4, 6)))
    assert mean is not None
    x = torch.rand(50, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    mirrored = x * torch.tensor([-1.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(mean(x), mean(mirrored), atol=1e-10, rtol=1e-10)
