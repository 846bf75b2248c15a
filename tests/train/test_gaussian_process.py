"""Gaussian processes: derivatives by differences, means and leave-one-out residuals by dense algebra, noise that is found."""

import math
from dataclasses import replace
from itertools import product

import pytest
import torch

from splinework.train import gaussian_process, process_search
from splinework.train.covariance import FAMILIES, Covariance, RowPairs, cholesky_factor, condition, kappa, kernel_of
from splinework.train.gaussian_process import fit_process
from splinework.train.process_search import EvidenceRows
from tests.families import slow
from tests.train.lessons import EvidenceClock


def rows(count, inputs=2, noise=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, inputs, generator=generator, dtype=torch.float64) * 2 - 1
    truth = torch.sin(3 * x[:, 0]) + x[:, -1] ** 2
    return x, truth + noise * torch.randn(count, generator=generator, dtype=torch.float64)


def covariance(family, additive, inputs=2):
    values = torch.randn((2 + (4 if additive else 2) * inputs,), generator=torch.Generator().manual_seed(1)).double()
    return Covariance(family, 0.4 * values, inputs, additive)


@pytest.mark.parametrize("family", FAMILIES)
def test_kappa_is_one_at_zero_and_its_derivative_is_that_of_differences(family):
    square = torch.tensor([1e-3, 0.3, 2.0, 9.0], dtype=torch.float64)
    step = 1e-6
    difference = (kappa(family, square + step)[0] - kappa(family, square - step)[0]) / (2 * step)
    torch.testing.assert_close(kappa(family, square)[1], difference, rtol=1e-6, atol=1e-9)
    assert float(kappa(family, torch.zeros(1, dtype=torch.float64))[0]) == 1.0


@pytest.mark.parametrize(("family", "additive"), [*product(FAMILIES, (False, True))])
def test_the_covariance_is_the_sum_that_its_definition_says(monkeypatch, family, additive):
    monkeypatch.setattr(
        "splinework.train.covariance.MAX_BLOCK_ENTRIES", 12
    )  # blocks of a few rows, the last one shorter
    one, (x, _) = covariance(family, additive), rows(5)
    c, length, slope = one.values[1].exp(), one.values[2:4].exp(), one.values[4:6].exp()
    for i, j in product(range(5), range(5)):
        apart = x[i] - x[j]
        expected = 1 + (slope**2 * x[i] * x[j]).sum() + c**2 * kappa(family, ((apart / length) ** 2).sum())[0]
        if additive:
            size, own = one.values[6:8].exp(), one.values[8:10].exp()
            expected = expected + (size**2 * kappa(family, (apart / own) ** 2)[0]).sum()
        assert float(one(x, x)[i, j]) == pytest.approx(float(expected), rel=1e-12, abs=0)
    torch.testing.assert_close(one.variance(x), one(x, x).diagonal(), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("family", "additive"), [*product(FAMILIES, (False, True))])
def test_the_derivatives_of_the_evidence_are_those_of_differences(family, additive):
    one, (x, y) = covariance(family, additive), rows(20)
    seen = EvidenceRows.of(x, y, torch.linspace(0.5, 2, 20, dtype=torch.float64))
    _, slope = process_search.negative_evidence(one, seen)
    for k in range(len(one.values)):
        step = torch.zeros_like(one.values)
        step[k] = 1e-5
        up, down = (
            process_search.negative_evidence(replace(one, values=one.values + s * step), seen)[0] for s in (1, -1)
        )
        assert float(slope[k]) == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("family", "additive"), [*product(FAMILIES, (False, True))])
@pytest.mark.parametrize("twin", [False, True])
def test_the_evidence_and_its_derivatives_are_those_of_dense_algebra(family, additive, twin):
    one, (x, y) = covariance(family, additive), rows(40)
    if twin:  # rows that are nearly alike and next to no noise: the matrix takes more on its diagonal
        x, one = 1e-7 * x, one.with_noise(1e-22)
    inverse = torch.linspace(0.5, 2, 40, dtype=torch.float64)
    seen = EvidenceRows.of(x, y, inverse)
    of = replace(one, values=one.values + 0.3), one  # the first leaves nothing behind
    value, slope = [process_search.negative_evidence(each, seen) for each in of][1]
    matrix, fresh = (one.noise * inverse).diag(), RowPairs.of(x)
    factor = cholesky_factor(matrix.put_(fresh.places, one.expand(fresh)[0], accumulate=True))
    loads, inside = torch.cholesky_solve(y[:, None], factor)[:, 0], torch.cholesky_inverse(factor)
    assert value == pytest.approx(float(y @ loads) / 2 + float(factor.diagonal().log().sum()), rel=1e-12)
    by_noise = (inside.diagonal() - loads.square()) @ (one.noise * inverse)
    assert float(slope[0]) == pytest.approx(float(by_noise), rel=1e-9)


@pytest.mark.parametrize("inducing", [False, True])
def test_a_row_left_out_is_predicted_as_by_the_process_without_it(monkeypatch, inducing):
    x, y = rows(40, noise=0.1)
    if inducing:
        monkeypatch.setattr(gaussian_process, "MAX_EXACT_ROWS", 20)
        monkeypatch.setattr(gaussian_process, "N_INDUCING_ROWS", 15)
    whole = gaussian_process._fitted(x, y, None, 0, None, 80)
    assert len(whole.nodes) == (15 if inducing else 40)
    z, t = (x - whole.shift) / whole.scale, (y - whole.centre) / whole.spread
    for row in (0, 7, 39):
        others = [i for i in range(40) if i != row]
        nodes = whole.nodes if inducing else z[others]
        noise = whole.covariance.noise
        cross = whole.covariance(z[others], nodes)
        if inducing:
            own = whole.covariance(nodes, nodes)
            loads = torch.linalg.solve(noise * own + cross.T @ cross, cross.T @ t[others])
        else:
            loads = torch.linalg.solve(cross + noise * torch.eye(39, dtype=z.dtype), t[others])
        left = whole.spread * (t[row] - (whole.covariance(z[[row]], nodes) @ loads)[0])
        assert float(whole.left_out[row]) == pytest.approx(float(left), rel=1e-5)


@pytest.mark.quick(2)
@pytest.mark.parametrize(("count", "inputs"), [(24, 2), (40, 2), (41, 2), (30, 1)])
def test_residuals_of_few_rows_are_those_of_fits_without_their_fold(monkeypatch, count, inputs):
    """Twenty rows per input or fewer, of several inputs; else a factor allows for what variances have seen."""
    monkeypatch.setattr(gaussian_process, "LAST_ITERATIONS", 2)
    x, y = rows(count, noise=0.3)
    x = x[:, :inputs]
    whole, alone = fit_process(x, y), gaussian_process._fitted(x, y, None, 0, None, 80, selects=True)
    left = alone.left_out * (count / (count - len(alone.covariance.values) / 2)) ** 0.5
    if inputs > 1 and count <= 40:
        fold = torch.randperm(count, generator=torch.Generator().manual_seed(0)) % 6
        for k in range(6):
            seen = fold != k
            some = gaussian_process._fitted(x[seen], y[seen], None, 0, alone.covariance, 2)
            left[~seen] = y[~seen] - some(x[~seen])
    torch.testing.assert_close(whole.left_out, left)


def test_mean_and_deviation_are_those_of_dense_algebra():
    x, y = rows(30, noise=0.2)
    process, fresh = fit_process(x, y), rows(6, seed=3)[0]
    z, t = (x - process.shift) / process.scale, (y - process.centre) / process.spread
    f = (fresh - process.shift) / process.scale
    inverse = torch.linalg.inv(process.covariance(z, z) + process.covariance.noise * torch.eye(30, dtype=z.dtype))
    cross = process.covariance(f, z)
    torch.testing.assert_close(process(fresh), process.centre + process.spread * (cross @ inverse @ t))
    variance = (process.covariance(f, f) - cross @ inverse @ cross.T).diagonal()
    torch.testing.assert_close(process.deviation(fresh), process.spread * variance.sqrt(), rtol=1e-6, atol=1e-9)


def test_a_row_of_weight_two_counts_as_two_copies(monkeypatch):
    x, y = rows(30, noise=0.2)
    base = fit_process(x, y)
    known = replace(base.covariance, rows=40)
    monkeypatch.setattr(process_search, "estimate", lambda *given: (known, base.evidence))
    monkeypatch.setattr(process_search, "without_idle_inputs", lambda found, density, *given, **how: (found, density))
    twice = torch.ones(30, dtype=torch.float64)
    twice[:10] = 2
    weighted = fit_process(x, y, weights=twice)
    copied = fit_process(torch.cat([x, x[:10]]), torch.cat([y, y[:10]]))
    torch.testing.assert_close(weighted(x), copied(x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("noise", [0.3, *slow(0.05)])
def test_noise_is_found_without_a_model_of_the_function(noise):
    process = fit_process(*rows(200, noise=noise))
    assert process.noise == pytest.approx(noise, rel=0.2)


def test_without_noise_fresh_rows_are_met():
    process = fit_process(*rows(120))
    x, y = rows(300, seed=5)
    assert float((process(x) - y).square().mean().sqrt()) < 1e-4


@pytest.mark.parametrize("inputs", [1, 3])
def test_a_line_with_noise_is_not_followed_into_the_noise(inputs):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(200, inputs, generator=generator, dtype=torch.float64)
    line = x @ torch.arange(1.0, inputs + 1, dtype=torch.float64)
    process = fit_process(x, line + 0.3 * torch.randn(200, generator=generator, dtype=torch.float64))
    least = 0.3 * math.sqrt((inputs + 1) / 200)
    assert float((process(x) - line).square().mean().sqrt()) < 3 * least


@pytest.mark.parametrize(("family", "additive", "i"), [*product(FAMILIES, (False, True), (0, 2))])
def test_without_an_input_is_the_covariance_of_the_others(family, additive, i):
    one, (x, y) = covariance(family, additive, 3), rows(20, 3)
    others = [k for k in range(3) if k != i]
    places = [0, 1, *(2 + 3 * part + k for part in range(4 if additive else 2) for k in others)]
    fewer, own = one.without(i), Covariance(family, one.values[places], 2, additive)
    assert fewer.depends.tolist() == [k != i for k in range(3)]
    for got, expected in (
        (fewer(x, x), own(x[:, others], x[:, others])),
        (fewer.variance(x), own.variance(x[:, others])),
    ):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=0)
    seen = EvidenceRows.of(x, y, torch.ones_like(y))
    value, slope = process_search.negative_evidence(fewer, seen)
    least, least_slope = process_search.negative_evidence(own, seen.among(fewer.depends))
    assert value == pytest.approx(least, rel=1e-12, abs=0)
    torch.testing.assert_close(slope[places], least_slope, rtol=1e-9, atol=1e-12)
    assert not bool(slope[~fewer.values.isfinite()].any())
    assert bool(process_search._priors(fewer)(fewer.values)[1].isfinite().all())


@pytest.mark.parametrize("seed", [1, 0, 2])
def test_a_search_that_has_ended_is_not_gone_on_with_by_rounding(seed, monkeypatch):
    x = torch.rand(80, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    y = torch.sin(3 * x[:, 0]) * x[:, 1]
    process, clock = fit_process(x, y), EvidenceClock(monkeypatch)
    z, t = (x - process.shift) / process.scale, (y - process.centre) / process.spread
    process_search.maximise(process.covariance, EvidenceRows.of(z, t, torch.ones_like(y)), 80)
    assert clock.now <= 80  # one a step: 6 to 41 over seeds and all paths, up to 113 with 20 in a line search


def test_the_integral_over_the_hyperparameters_is_that_of_a_sample():
    x, y = rows(25, inputs=1, noise=0.2)
    z, t = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    seen, values = EvidenceRows.of(z, t, torch.ones_like(y)), torch.tensor([-1.0, 0.0, 0.0, -1.0], dtype=torch.float64)
    found = process_search.maximise(Covariance("matern 5/2", values, 1), seen, 80)
    _, lower, upper = process_search._prior_normals(found[0])
    generator, best = torch.Generator().manual_seed(0), found[0].values
    drawn = torch.randn(1500, 4, generator=generator, dtype=torch.float64)
    spread = torch.tensor([0.3, 0.8, 0.5, 2.0], dtype=torch.float64)
    logs = []
    for step in drawn:
        at = best + spread * step
        value, _ = process_search.negative_evidence(replace(found[0], values=at), seen)
        pull, _ = process_search._priors(found[0])(at)
        logs.append(-value - pull + float(step.square().sum()) / 2)
    sampled = torch.logsumexp(torch.tensor(logs), 0) - math.log(1500) + float(spread.log().sum())
    sampled -= float(((lower + upper) / 2).log().sum())
    assert process_search.integrated(found, seen) == pytest.approx(float(sampled), abs=0.5)


def test_constant_inputs_and_targets_are_no_obstacle():
    x = torch.cat([torch.ones(20, 1), torch.linspace(0, 1, 20)[:, None]], dim=1).double()
    process = fit_process(x, torch.full((20,), 3.0, dtype=torch.float64))
    torch.testing.assert_close(process(x), torch.full((20,), 3.0, dtype=torch.float64), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("noise", [1e-5, 1e-2, 0.3])
def test_a_regression_on_the_covariances_of_all_rows_is_the_exact_process(noise):
    z = torch.rand(60, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = torch.sin(4 * z[:, 0]) * z[:, 1]
    values = torch.tensor([math.log(noise), 0.0, -0.5, -0.5, -1.0, -1.0], dtype=torch.float64)
    covariance, ones = Covariance("matern 5/2", values, 2), torch.ones_like(t)
    ways = [kernel_of(covariance, z, nodes) for nodes in (z, z.clone())]
    exact, regression = (condition(way, t, covariance.noise * ones) for way in ways)
    x = torch.rand(40, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    matrix = covariance(z, z) + covariance.noise * torch.eye(60, dtype=torch.float64)
    eps, free = torch.finfo(torch.float64).eps, covariance.noise * torch.linalg.inv(matrix).diagonal()  # 1 - leverage
    off = (covariance(x, z) @ (regression[0] - exact[0])).abs().max()  # of means, on all paths of tests/portable: 0.04
    assert off < eps * torch.linalg.cond(matrix) * t.abs().max()
    # A residual is exact to n eps ‖t‖ at most and divided by what of the row is left to the others. Measured: 0.4 n.
    assert ((regression[1] - exact[1]).abs() * free).max() < 5 * len(t) * eps * t.norm()


@pytest.mark.slow
def test_many_rows_without_noise_are_met_to_far_below_the_root_of_rounding(monkeypatch):
    monkeypatch.setattr(gaussian_process, "MAX_EXACT_ROWS", 400)
    monkeypatch.setattr(gaussian_process, "N_INDUCING_ROWS", 300)
    x, fresh = (
        2 * torch.rand(n, 2, generator=torch.Generator().manual_seed(n), dtype=torch.float64) - 1 for n in (900, 200)
    )
    process = fit_process(x, torch.exp(x[:, 0] * x[:, 1]))
    error = process(fresh) - torch.exp(fresh[:, 0] * fresh[:, 1])
    assert float(error.square().mean().sqrt()) < 1e-5


@pytest.mark.parametrize("noise", [0.05, 2.0])
def test_a_search_on_few_rows_that_leaves_more_than_noise_begins_anew_on_more(noise, monkeypatch):
    (x, y), asked, own = rows(160, noise=noise), [], process_search.estimate

    def estimate(seen, *more):
        asked.append(len(seen.z))
        if len(asked) > 1:
            return own(seen, *more)
        values = torch.tensor(
            [math.log(0.1), -4.0, *[5.0] * 2, *[-8.0] * 2], dtype=torch.float64
        )  # nothing, and little noise
        values[0] += math.log(9) * (noise > 1)
        return Covariance(FAMILIES[0], values, 2), -1e9

    monkeypatch.setattr(process_search, "estimate", estimate)
    monkeypatch.setattr(gaussian_process, "EVIDENCE_ROWS", 60)
    climb = process_search.maximise
    monkeypatch.setattr(
        process_search,
        "maximise",
        lambda start, seen, most: (
            (start, -1e9) if most == gaussian_process.LAST_ITERATIONS else climb(start, seen, most)
        ),
    )
    process = fit_process(x, y)
    assert asked == ([60, 160] if noise < 1 else [60])
    if noise < 1:
        assert float((process(x) - rows(160)[1]).square().mean().sqrt()) < noise


@pytest.mark.parametrize(("count", "before", "stays"), [(80, 60, False), (700, 60, False), (700, 80, True)])
def test_hyperparameters_are_sought_anew_unless_they_come_from_as_many_rows(monkeypatch, count, before, stays):
    monkeypatch.setattr(gaussian_process, "EVIDENCE_ROWS", 40)
    monkeypatch.setattr(gaussian_process, "MAX_EVIDENCE_ROWS", 80)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    y = torch.sin(2 * x[:, 0]) + 0.1 * torch.randn(count, generator=generator, dtype=torch.float64)
    begun = gaussian_process.fit_process(x[:before], y[:before]).covariance
    found = gaussian_process.fit_process(x, y, begun=begun).covariance
    assert torch.equal(found.values, begun.values) is stays


def test_a_search_goes_on_only_with_what_may_still_be_the_best(monkeypatch):
    x, y = rows(200, noise=0.05)
    climb, ended = process_search.maximise, []

    def counted(start, seen, most):
        found = climb(start, seen, most)
        if most == process_search.MAX_ITERATIONS:
            ended.append((start.family, start.additive))
        return found

    monkeypatch.setattr(process_search, "maximise", counted)
    best = fit_process(x, y)
    assert [additive for _, additive in ended].count(True) == 1
    monkeypatch.setattr(process_search, "MAX_GAIN", math.inf)
    everywhere = fit_process(x, y)
    assert len([each for each in ended if not each[1]]) > len(FAMILIES)  # not all of them at first
    assert best.evidence > everywhere.evidence - 1
    ended.clear()
    process_search.estimate(EvidenceRows.of(x, y, torch.ones_like(y)), None, math.inf)
    assert not ended  # more than that is known already


@pytest.mark.parametrize(("family", "additive"), [*product(FAMILIES, (False, True))])
def test_a_covariance_among_more_inputs_is_the_same_function_of_its_own(family, additive):
    own, (x, _) = covariance(family, additive, 2), rows(20, 4)
    used = torch.tensor([False, True, False, True])
    found = own.among(used)
    assert found.depends.tolist() == used.tolist()
    torch.testing.assert_close(found(x, x), own(x[:, used], x[:, used]), rtol=1e-12, atol=0)
    torch.testing.assert_close(found.variance(x), own.variance(x[:, used]), rtol=1e-12, atol=0)
    assert bool(process_search._priors(found)(found.values)[1].isfinite().all())


@pytest.mark.quick(2)
@pytest.mark.parametrize(("count", "inputs"), [(40, 1), (40, 6), (160, 3)])
@pytest.mark.parametrize("deadline", [0.0, 30.0])
def test_a_search_for_a_process_ends_when_its_time_is_up(count, inputs, deadline, monkeypatch):
    (x, y), clock = rows(count, inputs, 0.1), EvidenceClock(monkeypatch)
    found = fit_process(x, y, deadline=deadline)
    over = clock.now - deadline
    assert bool(found(x).isfinite().all())
    assert over < 30  # what has been found so far, and the folds of few rows
    clock.now = 0.0
    whole = fit_process(x, y)
    assert clock.now > 2 * (deadline + over)
    clock.now = 0.0
    torch.testing.assert_close(fit_process(x, y, deadline=1e6)(x), whole(x), rtol=0, atol=0)
