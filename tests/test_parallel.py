"""Many fits at once, by the backends of joblib: the same results as one after the other."""

import warnings

import joblib
import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, FitWarning, warn
from splinework.train.parallel import in_parallel, with_jobs
from splinework.train.progress_line import jobs


def rows(count: int = 80):
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(count, 2, generator=generator, dtype=torch.float64) - 1
    return x, torch.sin(3 * x[:, 0]) * x[:, 1]


def model():
    return sw.KAN([2, 2, 1], generator=torch.Generator().manual_seed(0))


def squared(number: int) -> int:
    if number == 3:
        warn("three is odd")
    if number == 99:
        raise ConfigError("99 is too much")
    return number**2


def pooled():
    """Members of an ensemble, numbers and coverage."""
    return sw.ensemble(model(), *rows(), members=3, steps=6, progress=False)


def started():
    """A fit of several starts, no step of which may be lost."""
    return sw.fit(model(), *rows(), grids=None, degree="keep", validation=0.2, progress=False)


def sparsified():
    """A network with few edges, for whose structures several starts are tried."""
    return sw.sparsify(model(), *rows(), progress=False)


def same(first, second) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def assert_alike_under(backend: str, **options) -> None:
    """All that is shared out is what it is in one process."""
    ensemble, fit, sparse, answer = pooled(), started(), sparsified(), found()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with joblib.parallel_config(backend, **options):
            assert jobs() > 1
            at_once, apart, thin, discovered = pooled(), started(), sparsified(), found()
    for own, other in zip(ensemble.models, at_once.models, strict=True):
        same(own.state_dict(), other.state_dict())
    torch.testing.assert_close(ensemble.coverage, at_once.coverage, equal_nan=True)
    same(fit.model.state_dict(), apart.model.state_dict())
    same(sparse.model.state_dict(), thin.model.state_dict())
    told = [[(s.number, s.stage, s.objective) for s in each.history.steps] for each in (fit, apart)]
    assert told[0] == told[1]
    assert str(answer.rows[0]) == str(discovered.rows[0])


def found():
    """A formula, for which networks of several shapes are tried."""
    x, y = (each.numpy() for each in rows())
    return sw.discover(x, y, budget=6, seed=1, progress=False)


def test_without_a_word_to_joblib_everything_is_done_here():
    assert jobs() == 1
    marks: list[int] = []
    assert in_parallel(marks.append, [(1,), (2,)]) == [None, None]
    assert marks == [1, 2]


@pytest.mark.parametrize("backend", ["threading"])
def test_results_come_in_order_with_their_warnings_and_errors(backend):
    with joblib.parallel_config(backend, n_jobs=2):
        assert jobs() == 2
        with pytest.warns(FitWarning, match="three is odd"):
            assert in_parallel(squared, [(n,) for n in range(7)]) == [n**2 for n in range(7)]
        with pytest.raises(ConfigError, match="99 is too much"):
            in_parallel(squared, [(n,) for n in (1, 99, 2)])


def test_jobs_are_a_number_of_processes():
    with with_jobs(None):
        assert jobs() == 1
    with with_jobs(2):
        assert jobs() == 2
    for wrong in (0, -2):
        with pytest.raises(ConfigError, match="number of processes"), with_jobs(wrong):
            pass


@pytest.mark.slow
def test_processes_of_this_machine_come_to_the_same():
    assert_alike_under("loky", n_jobs=2)


@pytest.mark.slow
def test_a_cluster_of_dask_comes_to_the_same():
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        assert_alike_under("dask", n_jobs=2)
        with joblib.parallel_config("dask"):
            assert_folds_alike()


@pytest.mark.slow
def test_a_cluster_of_ray_comes_to_the_same():
    ray = pytest.importorskip("ray")
    register = pytest.importorskip("ray.util.joblib").register_ray
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register()
    try:
        assert_alike_under("ray", n_jobs=2)
    finally:
        ray.shutdown()


def assert_folds_alike() -> None:
    """Folds of scikit-learn go through the same backends."""
    from sklearn.model_selection import cross_val_score

    from splinework.tabular import KANRegressor

    x, y = (each.numpy() for each in rows())
    at_once = cross_val_score(KANRegressor(), x, y, cv=3)
    with joblib.parallel_config("sequential"):
        np.testing.assert_allclose(cross_val_score(KANRegressor(), x, y, cv=3), at_once, rtol=1e-12)
