"""Small cells of toys, relations, phase boundaries, KAN 2.0 and comparisons of others, and laws of what they share."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from splinework.reproduce import FinishedCell, recipe
from splinework.reproduce.boundary_terms import boundary_formulas
from splinework.reproduce.contrastive import contrast, contrastive_relations, vanishing_sets
from splinework.reproduce.experiments.conserved_quantities import SYSTEMS, is_known, trajectories
from splinework.reproduce.experiments.constitutive_laws import STRESSES, deformations
from splinework.reproduce.experiments.formula_compiler import equation_names
from splinework.reproduce.experiments.lagrangians import MOTIONS, sparse_lagrangian
from splinework.reproduce.experiments.language_model import (
    CONTEXT,
    LAYERS,
    PARTS,
    Transformer,
    batch,
    characters,
    forward_part,
)
from splinework.reproduce.experiments.modular_structures import STARTS, SWAPPED, nearest
from splinework.reproduce.experiments.unsupervised_relations import columns
from splinework.reproduce.figures import draw_experiment
from splinework.reproduce.module_training import (
    best_rate,
    count,
    kan,
    kan_operations,
    local_operations,
    perceptron,
    perceptron_operations,
    width_of,
)

SMALL = {
    "auxiliary-variables": {"method": "paper", "given": "β and γ", "seed": 0, "steps": 3},
    "class-incremental": {"model": "local", "seed": 0, "steps": 5, "rate": 3e-3},
    "fair-comparison": {"task": "wine", "model": "parameters", "seed": 0, "steps": 5},
    "formula-compiler": {"names": ["I.6.2", "I.9.18"], "rows": 50, "seed": 0},
    "lagrangians": {"motion": "pendulum", "seed": 0, "limit": 0.9},
    "language-model": {"kind": "kan", "part": "quarter", "seed": 0, "steps": 2, "rate": 3e-3},
    "unsupervised-relations": {
        **{"method": "paper", "rows": 100, "seed": 0, "grid": 3, "steps": 5, "weight": 2e-3, "entropy": 10.0}
    },
}
SLOW = {
    "decision-boundaries": {"task": "phase", "method": "paper", "seed": 0},
    "modular-structures": {"task": "exp_sine", "start": "sparse", "steps": 20, "seed": 0},
    "anderson-localisation": {"model": "mosaic", "seed": 0, "sites": 89, "chains": 20},
    "conserved-quantities": {"system": "oscillator", "points": 100, "seed": 0},
    "interpretability-toys": {"toy": "quotient", "method": "paper", "seed": 0, "rows": 100, "weight": 1e-2, "steps": 5},
    "multiplication-nodes": {"task": "scores", "seed": 0},
    "constitutive-laws": {"stress": "P12", "seed": 0, "rows": 300, "effort": 20},
    "hello-world": {"method": "ours", "seed": 0},
    "hidden-symmetry": {"seed": 0, "points": 100, "effort": 20},
    "knots": {"model": "formulas", "seed": 0},
    "tree-converter": {"tree": "pairs", "seed": 0, "rows": 400},
}


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_a_small_cell_runs_and_its_results_are_read(name):
    one, settings = recipe(name), {**SMALL, **SLOW}[name]
    result = json.loads(json.dumps(one.run(settings)))
    assert all(math.isfinite(value) for value in result.values() if isinstance(value, float))
    finished = [FinishedCell("small", settings, result, 0.1)]
    draw_experiment(one, finished, Figure())
    assert all(isinstance(check.value, str) for check in one.checks(finished))
    assert one.rows(finished)


# ------------------------------------------------------------------------------------------------------- relations


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 5, 7])
def test_all_relations_are_found_and_no_other(seed):
    found = contrastive_relations(columns(600, seed), seed=seed)
    assert sorted(each.columns for each in found) == [(0, 1, 2), (3, 4)]


def test_permuted_rows_keep_each_column_and_the_relations_that_were_found():
    x = columns(200, 0)
    rows, labels = contrast(x, [(3, 4)], np.random.default_rng(0))
    permuted = rows[labels == 0]
    assert np.array_equal(np.sort(permuted, axis=0), np.sort(x, axis=0))
    assert np.allclose(permuted[:, 4], permuted[:, 3] ** 3)
    assert not np.allclose(permuted[:, 2], np.exp(np.sin(np.pi * permuted[:, 0]) + permuted[:, 1] ** 2))


def test_the_smallest_sets_with_a_constant_sum_are_found():
    a, b, c = np.random.default_rng(1).normal(size=(3, 300))
    terms = np.column_stack([a, b, -a - b, c, 2 - c, 1e-6 * a])
    assert [each for each, _ in vanishing_sets(terms)] == [(3, 4), (0, 1, 2)]


# ------------------------------------------------------------------------------------------------ phase boundaries


def test_of_equal_boundaries_the_shortest_is_taken():
    e = np.random.default_rng(0).uniform(-2, 2, 1000)
    found = boundary_formulas(e[:, None], np.abs(e) < 1, ["e"], 5 * (1 - np.abs(e)))
    assert str(found[0]) == "-1*abs(e) +1"  # and not 1 - e**2
    assert found[0].accuracy == 1


@pytest.mark.parametrize(
    ("form", "text"),
    [
        pytest.param(lambda e, l: 1 - np.abs(e) * l, "-1*abs(e)*l +1", marks=pytest.mark.slow),
        pytest.param(lambda e, l: 2 - e**2 - l, "-1*e**2 -1*l +2", marks=pytest.mark.slow),
    ],
)
def test_a_boundary_with_simple_numbers_is_found_through_blur(form, text):
    draw = np.random.default_rng(0)
    x = np.column_stack([draw.uniform(-2, 2, 2500), draw.uniform(0.3, 2, 2500)])
    z = form(*x.T)
    found = boundary_formulas(x, z + 0.05 * draw.normal(size=len(z)) > 0, ["e", "l"], 5 * z)
    assert text in map(str, found[:2])  # or a form of the same length with the same sign


# ---------------------------------------------------------------------------------------------------------- physics


@pytest.mark.parametrize("name", MOTIONS)
def test_lagrangians_are_found_up_to_a_factor(name):
    import sympy

    motion = MOTIONS[name]
    found = sparse_lagrangian(motion.acceleration, 0.9, seed=3)
    q, v = sympy.symbols("q v", real=True)
    wanted = {
        "pendulum": v**2 + 2 * sympy.cos(q),
        "relativistic": sympy.sqrt(1 - v**2) + q,
        "oscillator": v**2 - q**2 - q**4 / 2,
    }
    assert sympy.simplify(found / wanted[name]).is_number


@pytest.mark.parametrize("name", SYSTEMS)
def test_known_quantities_are_conserved_by_the_trajectories(name):
    import sympy

    system = SYSTEMS[name]
    for formula in system.expected:
        value = sympy.lambdify([sympy.Symbol(each) for each in system.names], sympy.sympify(formula))
        for z in trajectories(system):
            assert np.std(value(*z.T)) < (0.1 if system.noise else 1e-7) * (1 + abs(np.mean(value(*z.T))))
        symbols = {each: sympy.Symbol(each, real=True) for each in system.names}
        assert is_known(system, formula, [3 * sympy.sympify(formula, locals=symbols)])
        assert not is_known(system, formula, [next(iter(symbols.values()))])


@pytest.mark.parametrize("name", STRESSES)
def test_stresses_are_their_formulas(name):
    import sympy

    stress = STRESSES[name]
    x, y = deformations(stress, 50, 0)
    values = sympy.lambdify([sympy.Symbol(each) for each in stress.inputs], sympy.sympify(stress.formula))(*x.T)
    assert np.abs(values - y).max() < 1e-12


@pytest.mark.parametrize("sides", [pair for shape in STARTS.values() for pair in itertools.pairwise(shape)] + [(7, 3)])
def test_a_sparse_start_leaves_no_node_alone_and_joins_the_nearest(sides):
    edges = nearest(*sides)
    assert edges.any(0).all()
    assert edges.any(1).all()
    assert edges.sum() < sides[0] * sides[1] or min(sides) == 1
    assert torch.equal(edges, edges.flip(0, 1))  # as symmetric as the line


@pytest.mark.parametrize("task", SWAPPED)
def test_tasks_whose_nodes_are_swapped_fit_their_shapes(task):
    shape, rows = SWAPPED[task]
    x, y = rows(0)
    assert (x.shape[1], y.shape[1], len(x)) == (shape[0], shape[-1], len(y))
    assert 0.4 < float((y > 0.5).double().mean()) < 0.6 or task == "pairs"


def test_the_compiler_has_the_equations_of_the_data_set():
    assert len(set(equation_names())) == 120


# ------------------------------------------------------------------------------------------------------ comparisons


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 1), (64, 10), (10, 1)])
def test_rivals_cost_what_they_are_compared_at(inputs, outputs):
    shape = [inputs, 7, outputs]
    same = width_of(inputs, outputs, count(kan(shape, 0)), lambda own: count(perceptron(own, 0)))
    assert count(perceptron([inputs, same, outputs], 0)) == pytest.approx(
        count(kan(shape, 0)), abs=inputs + outputs + 1
    )
    for cost in (kan_operations, local_operations):
        width = width_of(inputs, outputs, cost(shape), perceptron_operations)
        assert perceptron_operations([inputs, width, outputs]) == pytest.approx(cost(shape), abs=2 * (inputs + outputs))
    assert local_operations(shape) < kan_operations(shape)


def test_the_rate_is_chosen_without_the_test_rows_and_the_same_seed_gives_the_same_module():
    x = torch.linspace(-1, 1, 200)[:, None]
    modules = [
        best_rate(lambda: kan([1, 3, 1], 0), x, x**2, lambda p, t: (p - t).square().mean(), steps=20, seed=1)
        for _ in range(2)
    ]
    assert all(torch.equal(a, b) for a, b in zip(modules[0].parameters(), modules[1].parameters(), strict=True))


def test_a_transformer_sees_no_later_character_and_its_parts_have_the_size_asked_for():
    generator = torch.Generator().manual_seed(0)
    model = Transformer(20, "kan", PARTS["half"], generator)
    x = torch.randint(20, (1, CONTEXT), generator=generator)
    changed = x.clone()
    changed[0, 20:] = (changed[0, 20:] + 1) % 20
    assert torch.allclose(model(x)[0, :20], model(changed)[0, :20], atol=1e-5)
    assert len(model.blocks) == LAYERS
    for kind in ("mlp", "kan"):
        for wanted in PARTS.values():
            assert count(forward_part(kind, wanted, generator)) == pytest.approx(wanted, rel=0.1)


def test_pieces_of_the_text_are_followed_by_their_next_characters():
    text = characters()
    x, y = batch(text, torch.Generator().manual_seed(0))
    assert torch.equal(x[:, 1:], y[:, :-1])
    assert len(text) > 20_000
