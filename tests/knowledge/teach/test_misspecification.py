"""Laws of the tests of axioms: a wrong axiom is named, a right one is not, whatever model was fitted."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import isotonic_regression, lsq_linear
from torch import nn

import splinework as sw
from splinework.errors import FitWarning
from splinework.knowledge.axioms import Axiom, Boundary, Even, Through
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.sampling import PenaltyContext
from splinework.knowledge.teach.alternatives import alternative_space
from splinework.knowledge.teach.fit import fit
from splinework.knowledge.teach.informed import GivenRows, given_rows
from splinework.knowledge.teach.likelihood_ratio import (
    ResidualSample,
    _EqualityTest,
    _InequalityTest,
    likelihood_ratio_test,
)
from splinework.knowledge.teach.misspecification import AxiomTest, axiom_tests

NOISE = 0.1


class Known(nn.Module):
    """A function in place of a fitted model."""

    def __init__(self, function, inputs):
        super().__init__()
        self.function, self.inputs = function, inputs
        self.number = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.config = sw.KAN([inputs, 1]).config

    def forward(self, x):
        return self.function(x)[:, None]


def told(truth, fitted, axioms, *, inputs=1, count=200, low=-1.0, seed=0, noise=NOISE) -> list[AxiomTest]:
    """Doubts where rows come from a truth and the model is another function."""
    generator = torch.Generator().manual_seed(seed)
    x = low + (1 - low) * torch.rand(count, inputs, generator=generator, dtype=torch.float64)
    y = truth(x) + noise * torch.randn(count, generator=generator, dtype=torch.float64)
    rows: GivenRows = given_rows(sw.KAN([inputs, 1]), x, y, "squared")
    return axiom_tests(Known(fitted, inputs), axioms_of(axioms), rows)


def setting(inputs=1, count=200, low=-1.0) -> PenaltyContext:
    x = low + (1 - low) * torch.rand(count, inputs, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    box = torch.stack([x.amin(0), x.amax(0)], dim=1)
    one = torch.ones(1, dtype=torch.float64)
    return PenaltyContext(tuple(f"x{i + 1}" for i in range(inputs)), ("y",), box, one, 0 * one, x)


WRONG = {
    "monotone(0)": (1, lambda x: x[:, 0] ** 2, lambda x: 0 * x[:, 0] + 0.4),
    "convex(0)": (1, lambda x: torch.sin(3 * x[:, 0]), lambda x: x[:, 0]),
    "concave(0)": (1, lambda x: x[:, 0] ** 2, lambda x: 0 * x[:, 0] + 0.3),
    "bounded(upper=0.5)": (1, lambda x: x[:, 0] ** 2, lambda x: (x[:, 0] ** 2).clamp_max(0.5)),
    "positive()": (1, lambda x: x[:, 0], lambda x: x[:, 0].clamp_min(0)),
    "lipschitz(0.5)": (1, lambda x: x[:, 0], lambda x: 0.5 * x[:, 0]),
    "even(0)": (1, lambda x: x[:, 0] ** 2 + x[:, 0] / 2, lambda x: x[:, 0] ** 2),
    "odd(0)": (1, lambda x: x[:, 0] + x[:, 0] ** 2, lambda x: x[:, 0]),
    "periodic(0, period=0.5)": (1, lambda x: x[:, 0], lambda x: 0 * x[:, 0]),
    "through([[0.0]], [[0.5]])": (1, lambda x: x[:, 0], lambda x: x[:, 0] + torch.exp(-50 * x[:, 0] ** 2) / 2),
    "integral(1.0)": (1, lambda x: x[:, 0], lambda x: x[:, 0] + 0.5),
    "initial(0, at=-1.0)": (1, lambda x: 0 * x[:, 0] + 0.6, lambda x: 0.6 - 0.6 * torch.exp(-8 * (x[:, 0] + 1))),
    "symmetric([0, 1])": (2, lambda x: x[:, 0], lambda x: (x[:, 0] + x[:, 1]) / 2),
    "antisymmetric([0, 1])": (2, lambda x: x[:, 0], lambda x: (x[:, 0] - x[:, 1]) / 2),
    "invariant('rotation', acts_on=(0, 1))": (2, lambda x: x[:, 0], lambda x: 0 * x[:, 0]),
    "no_interaction(0, 1)": (2, lambda x: x[:, 0] * x[:, 1], lambda x: 0 * x[:, 0]),
    "additive()": (2, lambda x: x[:, 0] * x[:, 1], lambda x: 0 * x[:, 0]),
}
"""Axiom, number of inputs, a truth that breaks it by more than a noise deviation, and a model that keeps it."""


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_axiom_is_named(text):
    inputs, truth, kept = WRONG[text]
    (doubt,) = told(truth, kept, [text], inputs=inputs)
    (axiom,) = axioms_of([text])
    assert doubt.text.startswith(f"the data contradict {axiom.text()}: p ")
    assert 0 <= doubt.probability <= 0.01


@pytest.mark.parametrize("text", WRONG)
def test_a_right_axiom_is_not_blamed_for_what_the_model_misses(text):
    """The truth keeps the axiom; the model is it and half as much, which keeps the axiom too but misfits by far."""
    inputs, _, kept = WRONG[text]
    shrunk = kept if text.startswith(("through", "integral", "initial")) else lambda x: kept(x) / 2
    blamed = sum(bool(told(kept, shrunk, [text], inputs=inputs, seed=seed)) for seed in range(4))
    assert blamed == 0


@pytest.mark.parametrize("kind", ["apex", "edge", "smooth"])
@pytest.mark.slow
def test_false_doubts_are_rare(kind):
    truth = {"apex": lambda x: 0 * x[:, 0], "edge": lambda x: x[:, 0].clamp_min(0), "smooth": lambda x: x[:, 0]}[kind]
    blamed = sum(bool(told(truth, truth, ["monotone(0)"], seed=seed, count=100)) for seed in range(40))
    assert blamed <= 3  # at 1 %, four or more of 40 have a chance of 0.1 %


def test_noise_that_grows_along_an_input_is_no_doubt():
    def truth(x):
        return 0 * x[:, 0]

    blamed = 0
    for seed in range(25):
        generator = torch.Generator().manual_seed(seed)
        x = torch.rand(150, 1, generator=generator, dtype=torch.float64)
        y = x[:, 0] ** 3 * torch.randn(150, generator=generator, dtype=torch.float64)
        rows = given_rows(sw.KAN([1, 1]), x, y, "squared")
        blamed += bool(axiom_tests(Known(truth, 1), axioms_of(["monotone(0)"]), rows))
    assert blamed <= 3


def test_only_the_wrong_of_several_is_named():
    texts = ["monotone(0)", "monotone(1)", "no_interaction(0, 1)"]
    (doubt,) = told(lambda x: x[:, 0] ** 2 + x[:, 1], lambda x: x[:, 1] + 0.3, texts, inputs=2, count=300)
    assert "monotone(0)" in doubt.text


def test_what_is_only_to_be_verified_is_not_tested():
    assert told(lambda x: x[:, 0] ** 2, lambda x: 0 * x[:, 0], ["monotone(0, strength='verify')"]) == []


def test_a_soft_axiom_is_tested():
    assert told(lambda x: x[:, 0] ** 2, lambda x: 0 * x[:, 0], ["monotone(0, strength='soft(1.0)')"])


def test_few_rows_say_nothing():
    assert told(lambda x: x[:, 0] ** 2, lambda x: 0 * x[:, 0], ["monotone(0)"], count=19) == []


def test_other_losses_say_nothing():
    x = torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None]
    rows = given_rows(sw.KAN([1, 1]), x, x[:, 0] ** 2, "absolute")
    assert axiom_tests(Known(lambda x: 0 * x[:, 0], 1), axioms_of(["monotone(0)"]), rows) == []


@pytest.mark.parametrize(
    "axiom", [Even("x1", centre=5.0), *axioms_of(["periodic(0, period=3.0)"])], ids=["even", "periodic"]
)
def test_nothing_is_demanded_where_the_rows_cannot_tell(axiom: Axiom):
    assert axiom.linear_conditions(setting(), 0) == []


def test_rows_without_noise_are_no_doubt_of_a_right_axiom():
    assert told(lambda x: x[:, 0] ** 3, lambda x: x[:, 0] ** 3, ["monotone(0)", "odd(0)"], noise=0.0) == []


def test_the_sentence_says_where():
    dip = told(
        lambda x: x[:, 0] - torch.exp(-(((x[:, 0] - 0.5) / 0.2) ** 2)),
        lambda x: 0.6 * x[:, 0],
        ["monotone(0)"],
        count=400,
    )[0]
    where = float(dip.text.split("x1 = ")[1].split(" ")[0])
    assert 0.2 < where < 0.9
    assert "noise deviations" in dip.text
    assert "Verify()" in dip.text


def test_values_of_demands_vanish_for_functions_that_keep_the_axiom():
    its = setting(2)
    for axiom, function in (
        (Boundary({"x1": (-1.0, 1.0)}, "x2"), lambda x: x[:, 1:] + 1 - x[:, :1] ** 2),
        (Through(((0.5, 0.5),), ((2.0,),)), lambda x: 4 * x[:, :1]),
        *(
            (axiom, lambda x: x[:, :1] ** 2 + x[:, 1:] ** 2)
            for axiom in axioms_of(["symmetric([0, 1])", "additive()", "even(0)"])
        ),
    ):
        for demand in axiom.linear_conditions(its, 0):
            seen = demand.values(function, 1)[:, 0] + demand.offset
            assert float(seen.abs().max()) < 1e-12


@pytest.mark.parametrize("inputs", [1, 2, 4, 30])
def test_a_family_is_orthonormal_and_not_too_large(inputs):
    x = torch.rand(400, inputs, generator=torch.Generator().manual_seed(1), dtype=torch.float64) ** 3
    its = alternative_space(x, 8, 100)
    assert its is not None
    basis = its.of(x)
    assert basis.shape[1] <= 100
    torch.testing.assert_close(basis.T @ basis, torch.eye(its.size, dtype=torch.float64), atol=1e-8, rtol=0)


def test_a_family_needs_rows_and_passes_over_constant_inputs():
    x = torch.stack([torch.linspace(0, 1, 50), torch.ones(50)], dim=1).double()
    assert alternative_space(x, 4, 3) is None
    its = alternative_space(x, 4, 25)
    assert its is not None
    assert (its.products, its.size) == ((), 7)


def test_distances_from_a_cone_are_those_of_isotonic_regression():
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(20, 12))
    rises = np.diff(np.eye(12), axis=0)
    expected = [np.square(each - isotonic_regression(each).x).sum() for each in seen]
    np.testing.assert_allclose(_InequalityTest(rises).distances(seen), expected, atol=1e-10)


def test_moves_to_a_polyhedron_are_those_of_a_bounded_least_squares():
    rng = np.random.default_rng(1)
    for _ in range(20):
        matrix, bound, seen = rng.normal(size=(6, 6)), rng.normal(size=6), rng.normal(size=6)
        # With s = matrix g - bound ≥ 0 it is a problem with bounds.
        inverse = np.linalg.inv(matrix)
        slack = lsq_linear(inverse, seen - inverse @ bound, bounds=(0, np.inf), tol=1e-14).x
        expected = seen - inverse @ (slack + bound)
        np.testing.assert_allclose(_InequalityTest(matrix).move(seen, bound), expected, atol=1e-5)


def test_moves_to_a_plane_meet_it():
    rng = np.random.default_rng(2)
    matrix, bound, seen = rng.normal(size=(2, 7)), rng.normal(size=2), rng.normal(size=7)
    move = _EqualityTest(matrix).move(seen, bound)
    np.testing.assert_allclose(matrix @ (seen - move), bound, atol=1e-12)
    np.testing.assert_allclose(
        np.linalg.lstsq(matrix.T, move, rcond=None)[1], 0, atol=1e-12
    )  # at right angles to the plane


def test_probabilities_of_an_equation_are_those_of_the_f_distribution():
    """One linear combination of functions vanishes: Student's t, squared, is the oracle."""
    from scipy.stats import f

    generator = torch.Generator().manual_seed(3)
    basis = torch.linalg.qr(torch.randn(200, 5, generator=generator, dtype=torch.float64))[0]
    row = torch.zeros(1, 5, dtype=torch.float64)
    row[0, 0] = 1.0
    noise = torch.randn(200, generator=generator, dtype=torch.float64)
    noise = noise - basis[:, :1] @ (basis[:, :1].T @ noise) + 2.2 * basis[:, 0] * noise.std()
    sample = ResidualSample(basis, (basis,), noise)
    statistic = float(sample.seen[0]) ** 2 / sample.noise**2
    found = likelihood_ratio_test(
        sample, row, torch.zeros(1, dtype=torch.float64), None, draws=4000, generator=generator
    )
    expected = f.sf(statistic, 1, 195)
    assert abs(found.probability - expected) < 5 * math.sqrt(expected / 4000)


def test_fit_warns_of_a_wrong_axiom_and_says_so_in_the_history():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(100, 1, generator=generator, dtype=torch.float64)
    y = (x[:, 0] - 0.5) ** 2 + 0.015 * torch.randn(100, generator=generator, dtype=torch.float64)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = fit(sw.KAN([1, 1], names=["age"]), x, y, axioms=["monotone(age)"], progress=False)
    texts = [str(each.message) for each in caught if issubclass(each.category, FitWarning)]
    assert any("the data contradict monotone('age')" in text for text in texts)
    assert any("the data contradict" in decision.text for decision in result.history.decisions)
    assert result.certificate.status == "proved"  # the axiom is kept all the same
