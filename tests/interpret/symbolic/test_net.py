"""The net of symbolic edges: its values, its Jacobian, and its constants as one vector."""

import dataclasses

import numpy as np
import pytest
import torch

from splinework import KAN
from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import BY_NAME, LIBRARY
from splinework.interpret.symbolic.net import SplineEdge, SymbolicEdge, SymbolicNet, edge_places
from tests.families import every
from tests.interpret.symbolic.cases import edge, generator, planted, relative, symbolic_net, uniform


def one_edge(function):
    draw = generator(5)
    low, high, a, b = planted(function, draw)
    net = symbolic_net([1, 1], {(0, 0, 0): SymbolicEdge(function, a, b, 1.7)}, [[0.3]])
    return net, draw.uniform(low, high, (50, 1))


def sums():
    edges = {(0, 0, 0): edge("sin", 2.0, 0.3, 1.5), (0, 1, 0): edge("x^2", 1.0, -0.4, 0.7)}
    return symbolic_net([2, 1], edges, [[0.2]])


def two_outputs():
    edges = {
        (0, 0, 0): edge("tanh", 1.3, 0.1, -0.8),
        (0, 1, 1): edge("exp", 0.6, 0.2, 0.5),
        (0, 1, 0): edge("x", c=2.0),
    }
    return symbolic_net([2, 2], edges, [[0.2, -1.0]])


def hidden():
    edges = {
        (0, 0, 0): edge("sin", 3.0, 0.2),
        (0, 1, 0): edge("x^2", 1.0, 0.1, 0.6),
        (0, 0, 1): edge("gaussian", 0.9, 0.3),
        (1, 0, 0): edge("exp", 0.7, 0.0, 1.2),
        (1, 1, 0): edge("log", 1.0, 3.0, -0.4),
        (1, 1, 1): edge("arctan", 2.0, 0.5, 0.9),
    }
    return symbolic_net([2, 2, 2], edges, [[0.1, 0.2], [0.3, -0.7]])


def products():
    edges = {
        (0, 0, 0): edge("x", c=1.1),
        (0, 1, 1): edge("cosh", 0.8, -0.1),
        (0, 0, 2): edge("sin", 1.2, 0.4),
        (0, 1, 3): edge("x", c=-0.6),
        (0, 1, 4): edge("x^3", 1.0, 0.7, 0.4),
        (1, 0, 0): edge("x", c=0.8),
        (1, 1, 0): edge("x^2", 1.0, 0.2, 1.1),
    }
    return symbolic_net(
        [2, (1, [2, 2]), 1], {**edges, (1, 2, 0): edge("sin", 1.0, 0.3, 0.5)}, [[0.1, 0.2, -0.3, 0.4, 0.5], [0.6]]
    )


def deep():
    edges = {
        (0, 0, 0): edge("x^2", 1.0, 0.1),
        (0, 1, 0): edge("x", c=0.5),
        (1, 0, 0): edge("sin", 1.1, 0.2),
        (2, 0, 0): edge("exp", -0.6, 0.0, 1.4),
    }
    return symbolic_net([2, 1, 1, 1], edges, [[0.3], [0.1], [-0.2]])


def with_spline():
    model = KAN([2, 2, 1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    net = hidden()
    edges = {p: e for p, e in net.edges.items() if p[2] < 1 or p[0] == 0}
    edges[0, 1, 1] = SplineEdge(model.kan_layers[0], 1, 1)
    edges[1, 1, 0] = SplineEdge(model.kan_layers[1], 1, 0)
    return SymbolicNet(edges, (net.constants[0], np.array([0.4])), model.config.nodes)


def without_edges():
    return symbolic_net([2, 1], {}, [[0.7]])


NETS = [sums, two_outputs, hidden, products, deep, with_spline, without_edges]
every_net = pytest.mark.parametrize("make", NETS, ids=lambda f: f.__name__)


@every_net
def test_the_jacobian_is_that_of_central_differences(make):
    net, u = make(), uniform(30, 2)
    values, jacobian = net(u)
    vector = net.pack()
    assert values.shape == (30, len(net.constants[-1]) if make is not products else 1)
    assert jacobian.shape == (*values.shape, len(vector))
    for n in range(len(vector)):
        step = 1e-6 * np.eye(len(vector))[n]
        column = (net.unpack(vector + step)(u)[0] - net.unpack(vector - step)(u)[0]) / 2e-6
        assert np.abs(jacobian[..., n] - column).max() <= 1e-7 * max(1.0, np.abs(column).max())


@every("function", LIBRARY)
def test_the_jacobian_holds_for_an_edge_of_every_function(function):
    net, u = one_edge(function)
    _, jacobian = net(u)
    vector = net.pack()
    for n in range(len(vector)):
        size = 1e-6 * (abs(vector[n]) or 1.0)
        step = size * np.eye(len(vector))[n]
        column = (net.unpack(vector + step)(u)[0] - net.unpack(vector - step)(u)[0]) / (2 * size)
        assert relative(jacobian[..., n], column) <= 1e-5


def test_the_jacobian_is_that_of_torch():
    """The whole of `hidden` written in torch, by reverse-mode differentiation."""
    net, u = hidden(), uniform(20, 2)
    x = torch.from_numpy(u)

    def same(v):
        first = v[0] * torch.sin(v[1] * x[:, 0] + v[2]) + v[3] * (x[:, 1] + v[4]) ** 2 + v[16]
        second = v[5] * torch.exp(-((v[6] * x[:, 0] + v[7]) ** 2)) + v[17]
        one = v[8] * torch.exp(v[9] * first + v[10]) + v[11] * torch.log(second + v[12]) + v[18]
        return torch.stack([one, v[13] * torch.arctan(v[14] * second + v[15]) + v[19]], 1)

    vector = torch.from_numpy(net.pack())
    values, jacobian = net(u)
    assert relative(values, same(vector)) <= 1e-14
    assert relative(jacobian, torch.func.jacrev(same)(vector)) <= 1e-13


@every_net
def test_unpack_is_the_inverse_of_pack(make):
    net = make()
    vector = net.pack()
    other = generator(1).normal(size=len(vector))
    assert (net.unpack(other).pack() == other).all()
    again = net.unpack(vector)
    assert again.edges == net.edges
    assert all((a == b).all() for a, b in zip(again.constants, net.constants, strict=True))
    assert (net.pack() == vector).all()  # unpack wrote into nothing of the first


@pytest.mark.parametrize("kind", ["adaptive", "learnable", "normalised"])
@pytest.mark.parametrize("shape", [[2, 1], [3, 2, 2], [2, (1, 1), 1], [2, (0, [3]), 2], [2, 2, 1, 1]], ids=str)
def test_a_net_of_nothing_but_splines_is_the_network(shape, kind):
    model = KAN(shape, grid=4, grid_kind=kind, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.bias.normal_(generator=torch.Generator().manual_seed(1))
    edges = {(at, i, j): SplineEdge(model.kan_layers[at], i, j) for at, i, j in edge_places(model)}
    net = SymbolicNet.of(model, edges, {})
    u = uniform(40, shape[0], -3, 3)  # outside the grids too
    with torch.no_grad():
        truth = model.unit_forward(torch.from_numpy(u)).numpy()
    values, jacobian = net(u)
    assert relative(values, truth) <= 1e-13
    assert net.splines == len(edges)
    assert net.cost == 0
    assert jacobian.shape[-1] == len(net.pack()) <= sum(len(c) for c in net.constants)


def test_a_splines_slope_is_that_of_differences():
    model = KAN([2, 1], grid=5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    spline = SplineEdge(model.kan_layers[0], 1, 0)
    x = uniform(50, 1, -2, 2)[:, 0]
    _, slope, parts = spline.value(x)
    assert relative(slope, (spline.value(x + 1e-6)[0] - spline.value(x - 1e-6)[0]) / 2e-6) <= 1e-7
    assert parts == []


def test_masked_edges_and_what_they_carry_stay_out():
    model = KAN([3, 2, 1], dtype=torch.float64)
    with torch.no_grad():
        model.kan_layers[0].mask[2] = 0
    assert (0, 2, 0) not in edge_places(model)
    assert len(edge_places(model)) == 4 + 2


def test_offsets_of_the_edges_go_to_their_sums():
    model = KAN([2, 2, 1], dtype=torch.float64)
    with torch.no_grad():
        model.kan_layers[0].bias.copy_(torch.tensor([0.5, -0.5]))
    net = SymbolicNet.of(model, {}, {(0, 0, 1): 2.0, (0, 1, 1): 3.0, (1, 0, 0): 0.25})
    assert net.constants[0].tolist() == [0.5, 4.5]
    assert net.constants[1].tolist() == [0.25]
    assert model.kan_layers[0].bias.tolist() == [0.5, -0.5]


def test_a_node_that_nothing_reads_has_no_free_constant():
    edges = {(0, 0, 0): edge("x"), (1, 0, 0): edge("x")}
    net = symbolic_net([1, 2, 1], edges, [[0.1, 0.2], [0.3]])
    assert net.pack().tolist() == [1.0, 1.0, 0.1, 0.3]


@pytest.mark.parametrize("make", [sums, two_outputs, hidden, products, deep, with_spline], ids=lambda f: f.__name__)
def test_refitting_from_nearby_constants_brings_the_function_back(make):
    net, u = make(), uniform(200, 2)
    truth, _ = net(u)
    start = net.unpack(net.pack() * (1 + 0.01 * generator(2).normal(size=len(net.pack()))))
    refitted, solution = start.refitted(u, truth, steps=200)
    assert relative(refitted(u)[0], truth) <= 1e-6
    assert solution.rss <= 1e-9 * (truth**2).sum()
    assert np.isfinite(refitted.pack()).all()


def test_refitting_outside_a_domain_gives_none():
    net = symbolic_net([1, 1], {(0, 0, 0): edge("log", b=0.5)}, [[0.0]])
    assert net.refitted(uniform(20, 1), np.zeros((20, 1))) is None


def test_rank_counts_each_constant_that_the_data_can_tell_once():
    """Scale of the inner edge, scale of the outer one: one number for two constants."""
    edges = {(0, 0, 0): edge("x^2", 1.0, 0.1), (1, 0, 0): edge("x", c=2.0)}
    net = symbolic_net([1, 1, 1], edges, [[0.0], [0.0]])
    u = uniform(50, 1)
    _, solution = net.refitted(u, net(u)[0])
    assert len(net.pack()) == 5
    assert solution.rank == 3


def test_a_symbolic_edge_says_which_constants_are_free():
    assert edge("x").free == ("c",)
    assert edge("x^2").free == ("c", "b")
    assert edge("exp").free == ("c", "a", "b")
    assert edge("sin").free == ("c", "a", "b")
    assert dataclasses.is_dataclass(BY_NAME["sin"])


@pytest.mark.parametrize("net", [sums(), hidden()], ids=["sums", "hidden"])
def test_a_fit_counts_its_rows_as_work(net):
    """Twice the rows are twice the work of an evaluation."""
    spent = []
    for rows in (200, 400):
        with clock.counting_work():
            began = clock.now()
            net._residuals(np.zeros((rows, 2)), np.zeros((rows, 1)))(net.pack())
            spent.append(clock.now() - began - clock.QUESTION)
    assert spent[1] == pytest.approx(2 * spent[0], rel=1e-6)
    assert spent[0] > 0
