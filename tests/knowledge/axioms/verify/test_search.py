"""Branch and bound: bounds hold and are met, divisions cover, and what is read from a text is what was written."""

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError
from splinework.interpret.edit import refine
from splinework.knowledge.axioms.checker.divisions import division
from splinework.knowledge.axioms.verify import bound, difference
from splinework.knowledge.axioms.verify.branch import search
from splinework.knowledge.axioms.verify.claim import Claim, reach
from splinework.knowledge.axioms.verify.exact import ExactEnvironment, ExactModel
from splinework.knowledge.axioms.verify.network import Enclosure
from splinework.knowledge.axioms.verify.tree import Tree
from splinework.knowledge.axioms.verify.work import WorkBudget
from tests.knowledge.axioms.verify.models import any_model, cube, derivatives, smooth


def grid(n: int, m: int) -> torch.Tensor:
    axis = torch.linspace(-1, 1, m, dtype=torch.float64)
    return torch.cartesian_prod(*[axis] * n).reshape(-1, n)


@pytest.mark.parametrize("shape", [[1, 1], [2, 3, 1], [2, (2, 1), 1], [3, 4, 1]], ids=str)
@pytest.mark.parametrize("largest", [True, False], ids=["greatest", "least"])
def test_a_bound_holds_on_a_grid_and_is_met_at_its_point(shape, largest):
    model = smooth(shape, 2)
    found = bound(model, largest=largest, gap=1e-3)
    sign = 1.0 if largest else -1.0
    values = sign * model(grid(shape[0], 41)).detach().numpy()
    assert values.max() <= found.upper
    point = torch.tensor([list(found.point.values())], dtype=torch.float64)
    assert sign * float(model(point).detach()) == pytest.approx(found.lower, abs=1e-9)
    assert found.upper - found.lower <= 1.01e-3 * (values.max() - values.min()) * 1.5


@pytest.mark.parametrize("case", range(8))
def test_a_bound_holds_for_any_network(case):
    model = any_model(case)
    logs = [scale == "log" for scale in model.config.input_scales]
    box = {name: (0.3, 2.0) if log else (-1.2, 1.2) for name, log in zip(model.config.input_names, logs, strict=True)}
    found = bound(model, box=box, gap=0.05, effort=2)
    lo, hi = (np.array([pair[end] for pair in box.values()]) for end in (0, 1))
    x = lo + np.random.default_rng(0).uniform(size=(20_000, len(lo))) * (hi - lo)
    values = model(torch.from_numpy(x))[:, 0].detach().numpy()
    assert values.max() <= found.upper + 1e-12 * (1 + abs(found.upper))
    assert found.lower <= found.upper


def test_the_difference_of_two_models_is_bounded():
    model = smooth([2, 3, 1])
    assert difference(model, refine(model, grid=10)).upper < 1e-8
    other = smooth([2, 3, 1], 1)
    found = difference(model, other, gap=0.01)
    x = grid(2, 101)
    most = float((model(x) - other(x)).detach().abs().max())
    assert most <= found.upper <= most * 1.03
    with pytest.raises(ConfigError, match="2 and 3 inputs"):
        difference(model, smooth([3, 1]), box=[(-1, 1), (-1, 1)])


def test_a_search_that_runs_out_of_time_says_what_is_known():
    model = smooth([4, 5, 5, 1])
    lo, hi = np.full(4, -1.0), np.full(4, 1.0)
    claim = Claim("f", ("a", "b", "c", "d"), lo, hi, lambda env: env.partial(0, ()), 4)
    enclosure = Enclosure(model, reach([claim]))
    least = -bound(model, largest=False).upper
    found = search(claim, enclosure, target=least + 1e-9, work=WorkBudget(30.0), most=200)
    assert not found.proved
    assert found.lower <= least
    assert found.upper >= least
    assert len(found.open[0])


def test_conditions_confine_what_is_claimed():
    """x³ >= 0 where x >= 0.25, and nothing is said elsewhere: faces and centres outside count for nothing."""
    claim = Claim(
        "x³ >= 0.01 where x >= 0.25",
        ("x",),
        np.array([-1.0]),
        np.array([1.0]),
        lambda env: env.apply("sub", env.partial(0, ()), 0.01),
        1,
        conditions=((lambda env: env.number(0.25), lambda env: env.x[0]),),
    )
    enclosure = Enclosure(cube(), reach([claim]))
    assert search(claim, enclosure, target=0.0, work=WorkBudget(10.0)).proved
    found = search(claim, enclosure, target=0.01, work=WorkBudget(10.0))
    assert not found.proved
    assert found.point[0] >= 0.25
    assert found.upper < 0.01


def random_tree(seed: int, n: int = 3) -> tuple[Tree, list[tuple[np.ndarray, np.ndarray]]]:
    """A division at random, and the boxes that it leaves."""
    draw = np.random.default_rng(seed)
    lo, hi = np.full(n, -1.0), np.full(n, 2.0)
    tree, boxes = Tree(lo, hi), {0: (lo, hi)}
    for _ in range(40):
        node = int(draw.choice(list(boxes)))
        a, b = boxes.pop(node)
        axis = int(draw.integers(n))
        if draw.random() < 0.3:
            face = int(draw.integers(n))
            mask = np.zeros((1, n), dtype=bool)
            mask[0, face] = b[face] > a[face]
            tree.face(np.array([node]), mask, np.zeros((1, n), dtype=bool))
            b = np.where(mask[0], a, b)
        middle = a[axis] / 2 + b[axis] / 2
        child = int(tree.split(np.array([node]), np.array([axis]))[0])
        left, right = b.copy(), a.copy()
        left[axis] = right[axis] = middle
        boxes[child], boxes[child + 1] = (a, left), (right, b)
    return tree, list(boxes.values())


@pytest.mark.parametrize("n", [3, 62, 63, 64, 70, 130])
@pytest.mark.parametrize("seed", range(5))
def test_a_division_is_read_as_it_was_written(seed, n):
    tree, boxes = random_tree(seed, n)
    leaves = division(tree.text(), np.full(n, -1.0), np.full(n, 2.0))
    written = sorted((tuple(a), tuple(b)) for a, b in boxes)
    read = sorted((tuple(a), tuple(b)) for a, b in zip(leaves.lo, leaves.hi, strict=True))
    assert read == written


@pytest.mark.parametrize("case", range(6))
def test_sixty_digits_agree_with_the_model(case):
    model = any_model(case)
    draw = np.random.default_rng(case)
    logs = np.array([s == "log" for s in model.config.input_scales])
    for x in draw.uniform(np.where(logs, 0.3, -1.7), np.where(logs, 2.5, 1.7), (3, model.inputs)):
        y, slope, bend = derivatives(model, x)
        env = ExactEnvironment(ExactModel(model), x.tolist(), model.inputs)
        for j in range(model.outputs):
            assert float(env.partial(j, ())) == pytest.approx(y[0, j], rel=1e-9, abs=1e-9)
            assert float(env.partial(j, (0,))) == pytest.approx(slope[0, j, 0], rel=1e-7, abs=1e-7)
            if model.config.bases[0].name != "bspline" or model.config.bases[0].degree > 1:
                assert float(env.partial(j, (0, 0))) == pytest.approx(bend[0, j, 0, 0], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("n", [62, 63, 64, 70, 130])
def test_faces_of_any_variable_are_read_as_they_were_noted(n):
    for variable in range(n):
        tree = Tree(np.zeros(n), np.ones(n))
        one = np.arange(n)[None] == variable
        tree.face(np.array([0]), one, np.roll(one, 1, axis=1))
        tree.split(np.array([0]), np.array([0]))
        (signs,) = division(tree.text(), np.zeros(n), np.ones(n)).signs
        assert np.flatnonzero(signs > 0).tolist() == [variable]
        assert np.flatnonzero(signs < 0).tolist() == [(variable + 1) % n]
