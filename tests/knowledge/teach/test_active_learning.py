"""Where to measure next: the greedy choice is the greedy choice, no point comes twice, gaps come first."""

import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.knowledge.teach.active_learning import _greedy, suggest
from splinework.train.fitting import FitResult
from tests.contracts.cases import normal
from tests.train.cases import uniform

F64 = torch.float64


def fitted(x, y, shape, **options):
    model = sw.KAN(shape, dtype=F64, generator=torch.Generator().manual_seed(0))
    return sw.fit(
        model, x, y, progress=False, **{"steps": 40, "grids": None, "degree": "keep", "validation": 0, **options}
    )


@pytest.fixture(scope="module")
def gap():
    x = uniform(80, 2)
    x = x[~((x[:, 0].abs() < 0.4) & (x[:, 1].abs() < 0.9))]
    return fitted(x, torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2 + 0.05 * normal(len(x), 1), [2, 1])


@pytest.mark.parametrize("outputs", [1, 2])
def test_updates_of_rank_one_are_those_of_the_covariance(outputs):
    rays, noise = normal(40, outputs, 7), torch.linspace(0.5, 0.8, outputs, dtype=F64)
    places = uniform(40, 2)
    chosen, left = _greedy(rays, noise, places, torch.full((1, 2), 9.0, dtype=F64), 5, "widest")
    covariance = torch.eye(7, dtype=F64)
    begun = torch.einsum("cqr,rs,cqs->cq", rays, covariance, rays).mean()
    for which, share in zip(chosen.tolist(), left.tolist(), strict=True):
        information = torch.einsum("cqr,rs,cqs->cq", rays, covariance, rays) / noise**2
        assert torch.log1p(information).sum(1).max() == pytest.approx(float(torch.log1p(information[which]).sum()))
        precision = torch.linalg.inv(covariance) + torch.einsum("qr,qs,q->rs", rays[which], rays[which], noise**-2)
        covariance = torch.linalg.inv(precision)
        now = torch.einsum("cqr,rs,cqs->cq", rays, covariance, rays).mean()
        assert share == pytest.approx(float(now / begun), rel=1e-9)


def test_the_lowest_mean_is_the_lowest():
    rays, noise = normal(30, 1, 5), torch.tensor([0.7], dtype=F64)
    chosen, left = _greedy(rays, noise, uniform(30, 2), torch.full((1, 2), 9.0, dtype=F64), 1, "mean")
    each = []
    for ray in rays[:, 0]:
        covariance = torch.linalg.inv(torch.eye(5, dtype=F64) + torch.outer(ray, ray) / 0.49)
        each.append(float(torch.einsum("cqr,rs,cqs->", rays, covariance, rays)))
    assert int(chosen) == min(range(30), key=each.__getitem__)
    assert float(left) == pytest.approx(min(each) / float(rays.square().sum()))


def test_gaps_come_first_and_the_deviation_is_that_of_the_interval(gap):
    found = suggest(gap, 6, box=[(-1, 1), (-1, 1)])
    assert (found.x[:3, 0].abs() < 0.5).any()
    told = gap.interval(found.x, kind="mean").deviation[:, 0] / gap.model.output_scaling.scale
    inflation = told / found.deviation
    assert torch.allclose(inflation, inflation[:1].expand(6), rtol=1e-6)
    assert (found.left.diff() < 0).all()


def test_no_point_comes_twice_nor_close_to_a_row(gap):
    found = suggest(gap, 20, box={"x1": (-1, 1)})
    apart = torch.cdist(found.x, torch.cat([found.x, gap.model.input_scaling.inverse(gap.training_data.u)]))
    apart[torch.arange(20), torch.arange(20)] = 9.0
    assert float(apart.min()) > 0.03
    assert torch.equal(found.x, suggest(gap, 20, box={"x1": (-1, 1)}).x)
    assert (found.x.abs() <= 1 + 1e-12).all()


def test_points_come_from_the_pool(gap):
    pool = uniform(50, 2, seed=5)
    found = suggest(gap, 7, pool=pool)
    assert ((found.x[:, None] - pool).abs().sum(2).min(1).values < 1e-12).all()
    assert len(torch.unique(found.x, dim=0)) == 7
    everything = suggest(gap, 50, pool=pool)  # however close they are
    assert len(torch.unique(everything.x, dim=0)) == 50


def test_with_fewer_rows_than_numbers_there_is_an_answer():
    x = uniform(9, 2)
    found = suggest(fitted(x, x[:, :1] * x[:, 1:], [2, 3, 1]), 5)
    assert found.x.shape == (5, 2)
    assert found.x.isfinite().all()


def test_a_committee_is_heard(gap):
    x = gap.model.input_scaling.inverse(gap.training_data.u)
    y = torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2
    several = sw.ensemble(sw.KAN([2, 1], dtype=F64), x, y, members=2, steps=4, grids=None, progress=False)
    with_them = suggest(gap, 4, committee=several)
    assert (with_them.deviation > 0).all()
    assert not torch.equal(with_them.deviation, suggest(gap, 4).deviation)


def test_logarithmic_inputs_stay_positive():
    x = 10 ** uniform(40, 1)
    model = sw.KAN([1, 1], input_scales=("log",), dtype=F64)
    result = sw.fit(model, x, torch.log(x) ** 2, progress=False, steps=20)
    found = suggest(result, 4, box=[(0.01, 100.0)])
    assert (found.x > 0.0099).all()
    assert found.x.max() > 50 or found.x.min() < 0.02  # beyond the rows nothing is known


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"result": sw.KAN([2, 1])}, ConfigError, "FitResult"),
        ({"n": 0}, ConfigError, "at least 1"),
        ({"criterion": "best"}, ConfigError, "widest, mean"),
        ({"box": [(0, 1)]}, ShapeError, "for each of 2"),
        ({"box": [(0, 1), (1, 0)]}, ConfigError, "low before high"),
        ({"box": {"z": (0, 1)}}, ConfigError, "x1, x2"),
        ({"pool": torch.zeros(2, 2)}, ConfigError, "fewer than the 3"),
        ({"pool": torch.full((9, 2), torch.nan)}, DataError, "not finite"),
        ({"pool": torch.zeros(9, 2), "box": [(0, 1)] * 2}, ConfigError, "leave one"),
        ({"committee": 3}, ConfigError, "sw.ensemble"),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value),
)
def test_refusals(gap, change, error, words):
    given = {"result": gap, "n": 3} | change
    with pytest.raises(error, match=words):
        suggest(given.pop("result"), given.pop("n"), **given)


def test_without_rows_there_is_no_suggestion(gap):
    with pytest.raises(ConfigError, match="kept no rows"):
        suggest(FitResult(gap.model, gap.history), 3)


def test_results_of_fits_with_axioms_are_taken():
    x = uniform(60, 2)
    y = x[:, :1] ** 3 + x[:, 1:]
    model = sw.KAN([2, 1], dtype=F64, generator=torch.Generator().manual_seed(0))
    options = {"progress": False, "grids": None, "degree": "keep", "steps": 20}
    assert suggest(sw.fit(model, x, y, axioms=["monotone(x1)"], **options), 3).x.shape == (3, 2)
    framed = sw.fit(model, x, y, axioms=["antisymmetric(x1, x2)"], **options)
    if not isinstance(framed.model, sw.KAN):
        with pytest.raises(ConfigError, match=r"result\.rows"):
            suggest(framed, 3)
