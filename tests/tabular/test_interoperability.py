"""The estimators among scikit-learn's own tools: searches, pipelines, routing, callbacks, threads."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_info

from splinework.tabular import KANClassifier, KANRegressor, KANTransformer
from splinework.train import EarlyStopping, Step, StopTraining
from splinework.train.threads import is_worker, suited_to
from tests.tabular.tables import KINDS, QUICK, labels, mixed, numbers, target_for

each_kind = pytest.mark.parametrize("kind", KINDS)


class Counting(KANRegressor):  # type: ignore[misc]  # final for users; a test may look inside
    """Remembers how many threads torch has in a fit."""

    def _train(self, *given: Any, **named: Any) -> None:
        super()._train(*given, **named)
        self.threads_ = torch.get_num_threads()


@pytest.fixture
def by_value() -> Iterator[None]:
    """Lets workers, who cannot import tests, have the classes of this one."""
    cloudpickle = pytest.importorskip("cloudpickle")
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


@pytest.mark.usefixtures("by_value")
@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_a_search_in_parallel_is_the_same_and_uses_one_thread_each(backend: str) -> None:
    x, y = numbers()
    grid = {"grid": [3, 4], "hidden": [0, 2]}
    alone = GridSearchCV(KANRegressor(**QUICK), grid, cv=2).fit(x, y)
    before = torch.get_num_threads()
    with joblib.parallel_backend(backend, n_jobs=2):
        both = GridSearchCV(KANRegressor(**QUICK), grid, cv=2, n_jobs=2).fit(x, y)
        seen = cross_validate(Counting(**QUICK), x, y, cv=2, n_jobs=2, return_estimator=True)["estimator"]
    assert torch.get_num_threads() == before
    assert np.array_equal(alone.cv_results_["mean_test_score"], both.cv_results_["mean_test_score"])
    assert {model.threads_ for model in seen} == {1}


def test_a_limit_on_threads_leaves_no_trace() -> None:
    before, blas = torch.get_num_threads(), threadpool_info()
    torch.set_num_threads(2)
    try:
        with suited_to(10):
            assert torch.get_num_threads() == 1
            with suited_to(10):
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        assert not is_worker()
        found: list[bool] = []
        thread = threading.Thread(target=lambda: found.append(is_worker()))
        thread.start()
        thread.join()
        assert found == [True]
        with suited_to(10**6):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threadpool_info() == blas


def test_pipelines_and_meta_estimators() -> None:
    frame, y = mixed()
    x, z = numbers()
    columns = ColumnTransformer([("cut", OneHotEncoder(), ["cut"])], remainder="passthrough")
    assert make_pipeline(columns, KANRegressor(**QUICK)).fit(frame, y).score(frame, y) > 0.8
    assert make_pipeline(StandardScaler(), KANRegressor(**QUICK)).fit(x, z).score(x, z) > 0.5
    made = make_pipeline(KANTransformer(**QUICK), LogisticRegression()).fit(x, labels(z))
    assert made.score(x, labels(z)) > 0.8
    assert BaggingRegressor(KANRegressor(**QUICK), n_estimators=2, random_state=0).fit(x, z).predict(x).shape == (60,)
    assert CalibratedClassifierCV(KANClassifier(**QUICK), cv=2).fit(x, labels(z)).predict_proba(x).shape == (60, 2)
    assert cross_val_predict(KANClassifier(**QUICK), x, labels(z), cv=2, method="predict_proba").shape == (60, 2)
    assert cross_val_predict(KANRegressor(**QUICK), x, z, cv=2).shape == (60,)
    both = np.c_[z > 0, x[:, 1] > 0]
    assert MultiOutputClassifier(KANClassifier(**QUICK)).fit(x, both).predict(x).shape == (60, 2)
    target = TransformedTargetRegressor(KANRegressor(**QUICK), func=np.log1p, inverse_func=np.expm1)
    assert target.fit(x, np.abs(z)).predict(x).shape == (60,)


@each_kind
def test_weights_are_routed(kind: type) -> None:
    x, y = numbers()
    target = target_for(kind, y)
    weights = np.random.default_rng(0).integers(1, 4, 60).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        model = kind(**QUICK).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, model).fit(x, target, sample_weight=weights)
    direct = kind(**QUICK).fit(StandardScaler().fit(x).transform(x), target, weights)
    name = "transform" if kind is KANTransformer else "predict"
    assert np.array_equal(getattr(routed, name)(x), getattr(direct, name)(StandardScaler().fit(x).transform(x)))


# ------------------------------------------------------------------------------------------------------- callbacks


class Recorder:
    """A callback that is a context manager too."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.said: list[str] = []

    def __enter__(self) -> Recorder:
        self.said.append("enter")
        return self

    def __exit__(self, *error: object) -> None:
        self.said.append("leave")

    def __call__(self, step: Step) -> None:
        self.steps.append(step)


@each_kind
def test_callbacks_are_told_every_step(kind: type) -> None:
    x, y = numbers()
    recorder, second = Recorder(), Recorder()
    kind(**QUICK, callbacks=[recorder, second]).fit(x, target_for(kind, y))
    assert recorder.said == ["enter", "leave"]
    assert [step.number for step in recorder.steps] == list(range(1, len(recorder.steps) + 1))
    assert recorder.steps == second.steps
    assert all(np.isfinite(step.loss) and step.stage for step in recorder.steps)
    assert len(recorder.steps) >= 1


def test_a_callback_ends_the_fit() -> None:
    def at_once(step: Step) -> None:
        told.append(step)
        raise StopTraining("enough")

    told: list[Step] = []
    x, y = numbers(rows=200)
    settings = {"hidden": 3, "grid": 4, "members": 1}
    model = KANRegressor(**settings, max_iter=200, callbacks=at_once).fit(x, y)
    full = Recorder()
    KANRegressor(**settings, max_iter=200, callbacks=full).fit(x, y)
    assert len(told) < len(full.steps)
    assert np.isfinite(model.predict(x)).all()
    KANRegressor(**settings, callbacks=EarlyStopping(patience=3)).fit(x, y)


def test_what_is_no_callback_is_refused() -> None:
    x, y = numbers()
    with pytest.raises(TypeError, match="functions of a Step"):
        KANRegressor(callbacks=["print"]).fit(x, y)


@each_kind
def test_callbacks_of_scikit_learn(kind: type) -> None:
    callback = pytest.importorskip("sklearn.callback")
    x, y = numbers()
    target = target_for(kind, y)

    class Tasks:
        def __init__(self) -> None:
            self.begun: list[str] = []
            self.ended: list[str] = []

        def setup(self, estimator: Any, context: Any) -> None:
            self.begun.append("setup")

        def teardown(self, estimator: Any, context: Any) -> None:
            self.ended.append("teardown")

        def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
            self.begun.append(context.task_name)

        def on_fit_task_end(self, estimator: Any, context: Any) -> None:
            self.ended.append(context.task_name)

    tasks = Tasks()
    model = kind(**QUICK).set_callbacks(tasks).fit(x, target)
    assert tasks.begun[:2] == ["setup", "fit"]
    assert tasks.ended[-2:] == ["fit", "teardown"]
    assert sorted(tasks.begun[1:]) == sorted(tasks.ended[:-1])
    assert "_callback_fit_ctx" not in vars(model)
    if hasattr(model, "score"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            monitor = callback.ScoringMonitor(scoring="r2" if kind is KANRegressor else "accuracy")
        model.set_callbacks(monitor).fit(x, target)
        scores = [row["r2" if kind is KANRegressor else "accuracy"] for row in monitor.get_logs().data]
        assert scores[-1] == pytest.approx(model.score(x, target))


def test_the_callbacks_of_scikit_learn_end_a_fit() -> None:
    pytest.importorskip("sklearn.callback")
    x, y = numbers(rows=200)

    class Impatient:
        def setup(self, estimator: Any, context: Any) -> None: ...
        def teardown(self, estimator: Any, context: Any) -> None: ...
        def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...
        def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
            return context.task_name == "step"

    model = KANRegressor(**QUICK).set_callbacks(Impatient()).fit(x, y)
    assert np.isfinite(model.predict(x)).all()
