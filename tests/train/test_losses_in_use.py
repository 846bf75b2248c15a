"""Losses at work: the models that their minimisation gives, the targets they read, the answers they give."""

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import sklearn.linear_model
import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, DtypeError, ShapeError
from splinework.train.losses import (
    LOSSES,
    Absolute,
    Custom,
    Huber,
    Logistic,
    Loss,
    Poisson,
    Quantile,
    Softmax,
    Squared,
    best_constant,
    make_loss,
)
from tests.contracts.cases import normal, relative_distance, seeded
from tests.families import every, raising
from tests.train.loss_cases import ONE, cauchy, every_case

# ------------------------------------------------------------------------------------- what minimisation gives


def least(loss: Loss, design: Tensor, t: Tensor, outputs: int, *, steps: int = 300) -> tuple[Tensor, list[float]]:
    """A linear model's coefficients `(P, J)` by steps on the expansion, damped where a step does not help."""
    unit = torch.ones(outputs, dtype=torch.float64)
    beta = torch.zeros(design.shape[1], outputs, dtype=torch.float64)
    values, damping = [loss.rows(design @ beta, t, unit).mean().item()], 1e-10
    for _ in range(steps):
        slope, curvature = loss.expand(design @ beta, t, unit)
        full = torch.diag_embed(curvature) if curvature.dim() == 2 else curvature
        vector = torch.einsum("np,nj->pj", design, slope).flatten()
        matrix = torch.einsum("np,njk,nq->pjqk", design, full, design).reshape(len(vector), -1)
        value = math.inf
        while not value <= values[-1] and damping < 1e8:
            scaled = matrix + damping * matrix.diagonal().mean() * torch.eye(len(vector), dtype=torch.float64)
            move = torch.linalg.solve(scaled, vector).reshape(beta.shape)
            value = loss.rows(design @ (beta - move), t, unit).mean().item()
            damping *= 0.1 if value <= values[-1] else 10.0
        if not value <= values[-1]:
            break
        damping = max(damping, 1e-10)
        beta = beta - move
        values.append(value)
        if values[-2] - value <= 1e-15 * abs(value):
            break
    return beta, values


def design_of(rows: int = 400, columns: int = 3, *, seed: int = 0) -> Tensor:
    return torch.cat([normal(rows, columns, seed=seed), torch.ones(rows, 1, dtype=torch.float64)], 1)


@pytest.mark.parametrize("rows", [250, 1001])
@pytest.mark.parametrize("levels", [0.5, (0.01, 0.1, 0.5, 0.9), (0.25, 0.75)], ids=str)
def test_the_best_constants_are_the_empirical_quantiles(levels, rows):
    loss = Quantile(levels)
    y = normal(rows, 1).exp()
    y = y / y.std()
    t = loss.targets(y, len(loss.levels), ["y"])
    found = best_constant(loss, t, torch.ones(len(loss.levels), dtype=torch.float64))
    for level, value in zip(loss.levels, found.tolist(), strict=True):
        low, high = np.quantile(y.numpy(), level, method="lower"), np.quantile(y.numpy(), level, method="higher")
        assert low - 1e-3 <= value <= high + 1e-3


def test_the_best_constants_are_median_mean_log_rate_and_log_odds():
    y = normal(301, 2).exp()
    two = torch.ones(2, dtype=torch.float64)
    assert relative_distance(best_constant(Absolute(), y, two), y.median(0).values) <= 1e-4
    assert relative_distance(best_constant(Squared(), y, two), y.mean(0)) <= 1e-13
    counts = torch.poisson(1000 * y, generator=seeded())
    assert relative_distance(best_constant(Poisson(), counts, two), counts.mean(0).log()) <= 1e-7
    rare = (y > 5).double()
    share = rare.mean(0)
    assert relative_distance(best_constant(Logistic(), rare, two), (share / (1 - share)).log()) <= 1e-7
    assert best_constant(Logistic(), torch.zeros(50, 2, dtype=torch.float64), two).isfinite().all()
    classes = torch.nn.functional.one_hot((2.5 * y[:, 0]).long().clamp_max(2), 3).double()
    found = best_constant(Softmax(), classes, torch.ones(3, dtype=torch.float64))
    assert relative_distance(torch.softmax(found, 0), classes.mean(0)) <= 1e-7
    weights = torch.rand(301, generator=seeded(), dtype=torch.float64)
    weighted = best_constant(Squared(), y, two, weights)
    assert relative_distance(weighted, (weights[:, None] * y).sum(0) / weights.sum()) <= 1e-12


def test_huber_gives_the_coefficients_that_scipy_finds():
    design = design_of()
    y = design @ normal(4, 1, seed=3) + torch.from_numpy(np.random.default_rng(0).standard_t(1.5, (400, 1)))
    found, _ = least(Huber(0.5), design, y, 1)
    truth = scipy.optimize.least_squares(
        lambda b: design.numpy() @ b - y[:, 0].numpy(), np.zeros(4), loss="huber", f_scale=0.5, xtol=1e-15, ftol=1e-15
    )
    assert Huber(0.5).rows(design @ found, y, ONE).sum().item() == pytest.approx(2 * truth.cost, rel=1e-12)
    np.testing.assert_allclose(found[:, 0].numpy(), truth.x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("level", [0.2, 0.5])
def test_a_quantile_gives_the_least_pinball_loss_that_linear_programming_finds(level):
    design = design_of()
    y = design @ normal(4, 1, seed=3) + 0.5 * normal(400, 1, seed=4)
    found, _ = least(Quantile((level,)), design, y, 1)
    model = sklearn.linear_model.QuantileRegressor(quantile=level, alpha=0, fit_intercept=False)
    model.fit(design.numpy(), y[:, 0].numpy())
    np.testing.assert_allclose(found[:, 0].numpy(), model.coef_, atol=5e-3)
    pinball = lambda f: torch.maximum(level * (y - f), (level - 1) * (y - f)).mean().item()  # noqa: E731
    best = pinball(design @ torch.from_numpy(model.coef_)[:, None])
    assert pinball(design @ found) <= best * (1 + 1e-3)
    if level == 0.5:
        median, _ = least(Absolute(), design, y, 1)
        assert pinball(design @ median) <= best * (1 + 1e-3)


def test_poisson_gives_the_coefficients_of_sklearn():
    design = design_of()
    rate = (design @ torch.tensor([[1.0], [-0.7], [0.3], [1.5]], dtype=torch.float64)).exp()
    t = torch.poisson(rate, generator=seeded())
    found, values = least(Poisson(), design, t, 1)
    model = sklearn.linear_model.PoissonRegressor(alpha=0, fit_intercept=False, solver="newton-cholesky", tol=1e-12)
    model.fit(design.numpy(), t[:, 0].numpy())
    np.testing.assert_allclose(found[:, 0].numpy(), model.coef_, rtol=0, atol=1e-6)
    assert len(values) <= 15


def test_logistic_gives_the_coefficients_of_sklearn():
    design = design_of()
    chance = torch.sigmoid(design @ torch.tensor([[3.0], [-2.0], [0.3], [-1.0]], dtype=torch.float64))
    t = torch.bernoulli(chance, generator=seeded())
    found, values = least(Logistic(), design, t, 1)
    model = sklearn.linear_model.LogisticRegression(
        C=np.inf, fit_intercept=False, solver="newton-cholesky", tol=1e-12, max_iter=500
    )
    model.fit(design.numpy(), t[:, 0].numpy())
    np.testing.assert_allclose(found[:, 0].numpy(), model.coef_[0], rtol=0, atol=1e-6)
    assert len(values) <= 25


def test_softmax_gives_the_probabilities_of_sklearn():
    design = design_of()
    score = design @ (1.5 * normal(4, 3, seed=7))
    classes = torch.multinomial(torch.softmax(score, 1), 1, generator=seeded())
    t = Softmax().targets(classes.double(), 3, ["y"])
    found, values = least(Softmax(), design, t, 3)
    model = sklearn.linear_model.LogisticRegression(
        C=np.inf, fit_intercept=False, solver="newton-cg", tol=1e-12, max_iter=5000
    )
    model.fit(design.numpy(), classes[:, 0].numpy())
    mean = found.mean(1, keepdim=True)  # what is common to all classes has no effect
    np.testing.assert_allclose((found - mean).T.numpy(), model.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        Softmax().response(design @ found).numpy(), model.predict_proba(design.numpy()), rtol=0, atol=1e-7
    )
    assert len(values) <= 25


@pytest.mark.parametrize(
    ("loss", "t"),
    [
        (Poisson(), torch.full((400, 1), 1e4, dtype=torch.float64)),
        (Logistic(), (design_of()[:, :1] > 1).double()),
        (Custom(cauchy), 50 + normal(400, 1, seed=1)),
        (Custom(lambda f, t: (f - t).abs()), 50 + normal(400, 1, seed=1)),
    ],
    ids=["poisson", "logistic", "cauchy", "absolute"],
)
def test_steps_from_far_away_arrive(loss, t):
    design = design_of()[:, 1:]
    _, values = least(loss, design, t, 1, steps=100)
    start = loss.rows(torch.zeros(400, 1, dtype=torch.float64), t, ONE).mean().item()
    known = best_constant(loss, t, ONE).expand(400, 1)
    assert values[-1] <= loss.rows(known, t, ONE).mean().item() * (1 + 1e-6)
    assert values[-1] < start


# ------------------------------------------------------------------------------------------- targets, responses


@every_case
def test_a_loss_is_a_recipe_that_compares_and_hashes(case):
    assert case.loss == case.loss.__class__(**vars(case.loss))
    assert hash(case.loss) == hash(case.loss.__class__(**vars(case.loss)))


def test_a_loss_comes_by_name_as_a_recipe_or_as_a_function():
    assert set(LOSSES) == {"squared", "huber", "absolute", "quantile", "poisson", "logistic", "softmax"}
    for name, recipe in LOSSES.items():
        assert make_loss(name) == recipe()
        assert make_loss(name).name == name
    assert make_loss(Huber(2.0)) == Huber(2.0)
    assert make_loss(cauchy) == Custom(cauchy)


def test_one_level_may_be_a_number():
    assert Quantile(0.3) == Quantile((0.3,)) == Quantile([0.3])
    assert Quantile(np.array([0.1, 0.2])).levels == (0.1, 0.2)


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_targets_are_read_as_they_are_meant():
    y = normal(7, 2)
    for loss in (Squared(), Huber(), Absolute(), Custom(cauchy)):
        assert torch.equal(loss.targets(y, 2, ["a", "b"]), y)
    assert torch.equal(Quantile().targets(y[:, :1], 3, ["a"]), y[:, :1].expand(-1, 3))
    assert torch.equal(Poisson().targets(column(0, 3, 2.5), 1, ["n"]), column(0, 3, 2.5))
    assert torch.equal(Logistic().targets(column(0, 1, 1), 1, ["c"]), column(0, 1, 1))
    assert torch.equal(Logistic().targets(column(2, -1, 2), 1, ["c"]), column(1, 0, 1))
    assert torch.equal(Logistic((5, 3)).targets(column(3, 5), 1, ["c"]), column(1, 0))
    assert torch.equal(Logistic().targets(column(0, 0), 1, ["c"]), column(0, 0))
    one_hot = torch.eye(3, dtype=torch.float64)[[2, 0, 1]]
    assert torch.equal(Softmax().targets(column(2, 0, 1), 3, ["c"]), one_hot)
    assert torch.equal(Softmax().targets(one_hot, 3, ["p", "q", "r"]), one_hot)
    shares = torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64)
    assert relative_distance(Softmax().targets(shares, 3, ["p", "q", "r"]), shares) <= 1e-15


def test_held_out_rows_are_read_with_the_labels_of_the_rows_to_fit():
    loss = Logistic().settle(column(1, 2, 2))
    assert loss == Logistic((1.0, 2.0))
    assert torch.equal(loss.targets(column(2, 2), 1, ["c"]), column(1, 1))
    assert loss.settle(column(7, 8)) == loss
    assert Squared().settle(column(1)) == Squared()


def test_responses_are_probabilities_rates_and_values_in_order():
    f = 3 * normal(5, 4, 3)
    for loss in (Squared(), Huber(), Absolute(), Custom(cauchy)):
        assert torch.equal(loss.response(f), f)
    assert (Quantile().response(f).diff(dim=-1) >= 0).all()
    assert torch.equal(Quantile().response(f).sum(-1), f.sort(-1).values.sum(-1))
    assert torch.equal(Poisson().response(f), f.exp())
    np.testing.assert_allclose(Logistic().response(f).numpy(), scipy.special.expit(f.numpy()), rtol=1e-14)
    np.testing.assert_allclose(Softmax().response(f).numpy(), scipy.special.softmax(f.numpy(), -1), rtol=1e-14)


def test_y_has_a_column_per_output_but_for_quantiles_and_classes():
    for loss in (Squared(), Huber(), Absolute(), Poisson(), Logistic()):
        assert loss.columns(3) == (3,)
    assert Quantile().columns(3) == (1,)
    assert Softmax().columns(3) == (1, 3)
    assert Custom(cauchy).columns(3) == ()


# ------------------------------------------------------------------------------------------------------- errors


@every(
    ("act", "error", "told"),
    [
        (lambda: make_loss("l2"), ConfigError, ["squared, huber, absolute", "'l2'"]),
        (lambda: make_loss(Huber), ConfigError, ["Huber()"]),
        (lambda: make_loss(3), ConfigError, ["3"]),
        (lambda: Custom(3), ConfigError, ["function", "int"]),
        (lambda: Huber(0.0), ConfigError, ["threshold", "0.0"]),
        (lambda: Huber(math.nan), ConfigError, ["threshold", "nan"]),
        (lambda: Absolute(-1.0), ConfigError, ["smoothing of Absolute", "-1.0"]),
        (lambda: Quantile((0.1, 1.0)), ConfigError, ["levels", "1.0"]),
        (lambda: Quantile((0.5, 0.1)), ConfigError, ["levels", "rise"]),
        (lambda: Quantile((0.5, 0.5)), ConfigError, ["levels"]),
        (lambda: Quantile(()), ConfigError, ["levels"]),
        (lambda: Quantile("half"), ConfigError, ["levels", "half"]),
        (lambda: Quantile(smoothing=0.0), ConfigError, ["smoothing of Quantile"]),
        (lambda: Quantile().columns(1), ConfigError, ["3 levels", "1 outputs"]),
        (lambda: Softmax().columns(1), ConfigError, ["logistic"]),
        (lambda: Logistic((1, 1)), ConfigError, ["labels", "(1, 1)"]),
        (lambda: Squared().targets(normal(5, 2), 3, ["a", "b"]), ShapeError, ["(rows, 3)", "(5, 2)"]),
        (lambda: Softmax().targets(normal(5, 2), 3, ["a", "b"]), ShapeError, ["(rows, 1) or (rows, 3)", "(5, 2)"]),
        (lambda: Poisson().targets(column(1, -2), 1, ["n"]), DataError, ["poisson", "n has -2", "squared"]),
        (lambda: Logistic().targets(column(0, 1, 2), 1, ["c"]), DataError, ["0, 1, 2", "softmax"]),
        (lambda: Logistic().targets(column(4, 4), 1, ["c"]), DataError, ["label 4"]),
        (lambda: Logistic((0, 1)).targets(column(0, 3), 1, ["c"]), DataError, ["0 and 1", "3"]),
        (lambda: Softmax().targets(column(0, 3), 3, ["c"]), DataError, ["0 to 2", "has 3", "np.unique"]),
        (lambda: Softmax().targets(column(0.5), 3, ["c"]), DataError, ["0.5"]),
        (lambda: Softmax().targets(torch.ones(2, 3), 3, ["p", "q", "r"]), DataError, ["row 0", "sum"]),
        (lambda: Custom(lambda f, t: (f - t).mean()).rows(normal(4, 1), normal(4, 1), ONE), ShapeError, ["(4,)", "()"]),
        (lambda: Custom(lambda f, t: 1.0).rows(normal(4, 1), normal(4, 1), ONE), DtypeError, ["float"]),
        (lambda: Custom(lambda f, t: t[:, 0]).expand(normal(4, 1), normal(4, 1), ONE), ConfigError, ["derivative"]),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(act, error, told):
    with raising(error, told):
        act()
