"""Teachers whose edges are known, and how a student's edges are compared with them whatever its nodes are called."""

import warnings

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, ShapeError
from splinework.knowledge.teach.alignment import aligned_edges
from splinework.knowledge.teach.teacher import EDGE_FUNCTIONS, TeacherKAN

F64 = torch.float64
SHAPES = [(2, 1), (4, 3, 1), (3, 4, 2), (5, 4, 3, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
def test_a_teacher_has_the_edges_that_it_says_it_has(shape, sparsity):
    teacher = TeacherKAN(shape, sparsity=sparsity, seed=3).build()
    for number, layer in enumerate(teacher.network.kan_layers):
        told = {(edge.i, edge.j) for edge in teacher.edges if edge.layer == number}
        alive = {tuple(pair) for pair in layer.mask.nonzero().tolist()}
        assert told == alive
        wanted = round((1 - sparsity) * layer.mask.numel())
        least = max(2 * layer.outputs, layer.inputs if number else 0)
        assert wanted <= len(alive) <= max(wanted, least)
        assert ((layer.mask != 0).sum(0) >= min(2, layer.inputs)).all()
        assert number == 0 or (layer.mask != 0).any(1).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_edges_are_the_named_functions(shape):
    teacher = TeacherKAN(shape, seed=1).build()
    x = torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, (500, shape[0])))
    record = sw.trace(teacher.network, x)
    for edge in teacher.edges:
        seen, values = record.edge(edge.layer, edge.i, edge.j)
        inside = seen.abs() <= 1
        curve = EDGE_FUNCTIONS[edge.name](seen[inside])
        design = torch.stack([curve, torch.ones_like(curve)], 1)
        left = values[inside] - design @ torch.linalg.lstsq(design, values[inside, None]).solution[:, 0]
        assert left.abs().max() < 2e-3 * values.std()


def test_the_same_recipe_gives_the_same_rows():
    recipe = TeacherKAN((4, 3, 1), seed=5)
    first, second = (recipe.build().sample(200, seed=2, noise=0.1) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    clean = recipe.build().sample(200, seed=2)[1]
    assert np.std(first[1] - clean) == pytest.approx(0.1 * clean.std(), rel=0.2)
    assert clean.std() == pytest.approx(1.0, rel=0.2)


@pytest.mark.parametrize(
    "change", [{"shape": (3,)}, {"sparsity": 1.0}, {"edges": ("magic",)}, {"edges": ()}, {"shape": (2, 0, 1)}], ids=str
)
def test_impossible_teachers_are_refused(change):
    with pytest.raises(ConfigError):
        TeacherKAN(**({"shape": (3, 2, 1)} | change))


# -------------------------------------------------------------------------------------------------------- alignment


def disguised(model, seed=0):
    """The same function with hidden nodes in another order, scaled, shifted and with other signs."""
    from splinework.splines import greville

    generator = torch.Generator().manual_seed(seed)
    first, second = model.kan_layers
    hidden = first.outputs
    order = torch.randperm(hidden, generator=generator)
    factor = (0.5 + torch.rand(hidden, generator=generator, dtype=F64)) * (
        1 - 2 * torch.randint(2, (hidden,), generator=generator)
    )
    factor[0] = -factor[0].abs()
    other = sw.KAN(model.config, dtype=F64, generator=torch.Generator())
    a, b = other.kan_layers
    with torch.no_grad():
        a.mask.copy_(first.mask[:, order])
        a.replace_grid(first.basis, first.grid, first.edge_coefficients()[:, :, order] * factor)
        a.bias.copy_(first.bias[order] * factor + 0.3)
        # φ(z) of z' = f z + 0.3: knots move with it, and turn round where f is negative.
        knots = second.grid[order] * factor[:, None] + 0.3
        values, turned = second.edge_coefficients()[order], factor < 0
        knots[turned], values[turned] = knots[turned].flip(1), values[turned].flip(1)
        b.mask.copy_(second.mask[order])
        b.replace_grid(second.basis, knots, values)
        b.bias.copy_(second.bias)
    assert greville(knots, 5).diff(dim=1).min() > 0
    return other, order


@pytest.mark.parametrize("seed", range(4))
def test_a_disguised_teacher_is_recognised_edge_by_edge(seed):
    teacher = TeacherKAN((4, 3, 1), seed=seed).build()
    student, order = disguised(teacher.network, seed)
    x, _ = teacher.sample(500, seed=9)
    with torch.no_grad():
        assert torch.allclose(student(torch.as_tensor(x)), teacher.network(torch.as_tensor(x)), atol=1e-10)
    found = aligned_edges(student, teacher.network, x)
    assert (found.precision, found.recall) == (1.0, 1.0)
    assert found.nodes[1] == tuple(order.tolist())
    assert min(pair.r2 for pair in found.pairs) > 1 - 1e-9


def test_edges_too_many_and_too_few_are_counted():
    teacher = TeacherKAN((4, 3, 1), seed=1).build()
    x, _ = teacher.sample(300, seed=0)
    student, _ = disguised(teacher.network)
    layer = student.kan_layers[0]
    i, j = layer.mask.nonzero()[0].tolist()
    layer.mask[i, j] = 0.0
    fewer = aligned_edges(student, teacher.network, x)
    assert (fewer.precision, fewer.recall) == (1.0, 8 / 9)
    assert sum(np.isnan(pair.r2) for pair in fewer.pairs) == 1
    dense = sw.KAN([4, 6, 1], dtype=F64, generator=torch.Generator().manual_seed(0))
    assert aligned_edges(dense, teacher.network, x).precision <= 9 / 30
    empty = aligned_edges(teacher.network, dense, x)
    assert empty.recall <= 9 / 30


def test_networks_that_cannot_be_compared_are_refused():
    model = sw.KAN([2, 3, 1], dtype=F64)
    x = torch.rand(20, 2, dtype=F64)
    for other in (sw.KAN([2, 1]), sw.KAN([3, 3, 1]), sw.KAN([2, (1, 1), 1])):
        with pytest.raises(ConfigError):
            aligned_edges(other, model, x if other.inputs == 2 else torch.rand(20, 3))
    with pytest.raises(ShapeError):
        aligned_edges(model, model, x[:5])


@pytest.mark.slow
def test_sparsify_and_prune_find_the_edges_of_most_teachers():
    """At noise 1 % and 2000 rows, or other edges as good on the rows; more seeds are in docs/learning-from-simulators.md."""
    same = 0
    for seed in range(3):
        teacher = TeacherKAN((4, 3, 1), sparsity=0.5, seed=seed).build()
        x, y = teacher.sample(2000, seed=seed, noise=0.01)
        model = sw.KAN([4, 5, 1], dtype=F64, generator=torch.Generator().manual_seed(seed))
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore", sw.FitWarning)
            found = sw.prune(sw.sparsify(model, x, y, seed=seed, progress=False, accuracy=1e-3).model, x)
            own, best = (
                (net(torch.as_tensor(x)).numpy().reshape(y.shape) - y).std() for net in (found, teacher.network)
            )
        assert own <= 1.05 * best
        alike = aligned_edges(found, teacher.network, x)
        assert alike.recall >= 0.9
        same += alike.precision >= 0.9 and min(pair.r2 for pair in alike.pairs if pair.student) > 0.95
    assert same >= 2
