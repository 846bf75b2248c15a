"""Laws of the estimators: what a fit must not depend on, and what its results must agree with."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_iris

from splinework.tabular import KANClassifier, KANRegressor, KANTransformer
from tests.tabular.tables import KINDS, QUICK, labels, mixed, numbers, outputs, target_for

each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_weights_are_repetition_to_the_bit(kind: type) -> None:
    frame, y = mixed()
    target = target_for(kind, y.to_numpy())
    weights = np.random.default_rng(0).integers(0, 4, len(y))
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(len(y)), weights))
    weighted = kind(**QUICK).fit(frame, target, weights)
    repeated = kind(**QUICK).fit(frame.iloc[rows], target[rows])
    assert np.array_equal(outputs(weighted, frame), outputs(repeated, frame))


def test_class_weights_are_repetition_too() -> None:
    x, y = numbers()
    target = labels(y)
    weighted = KANClassifier(**QUICK, class_weight={"low": 3, "top": 1}).fit(x, target)
    model = KANClassifier(**QUICK).fit(x, target, np.where(target == "low", 3, 1))
    assert np.array_equal(weighted.decision_function(x), model.decision_function(x))


def test_balanced_weights_are_those_of_equal_classes() -> None:
    x, y = numbers()
    target = np.where(y > np.quantile(y, 0.8), "rare", "usual")
    balanced = KANClassifier(**QUICK, class_weight="balanced").fit(x, target)
    by_hand = KANClassifier(**QUICK, class_weight={"rare": 60 / (2 * 12), "usual": 60 / (2 * 48)}).fit(x, target)
    plain = KANClassifier(**QUICK).fit(x, target)
    assert np.allclose(balanced.decision_function(x), by_hand.decision_function(x))
    rare = list(balanced.classes_).index("rare")
    assert balanced.predict_proba(x)[:, rare].mean() > plain.predict_proba(x)[:, rare].mean()


@each_kind
def test_the_order_of_rows_does_not_matter(kind: type) -> None:
    frame, y = mixed()
    target = target_for(kind, y.to_numpy())
    order = np.random.default_rng(0).permutation(len(y))
    a, b = kind(**QUICK).fit(frame, target), kind(**QUICK).fit(frame.iloc[order], target[order])
    assert np.array_equal(outputs(a, frame), outputs(b, frame))


@each_kind
def test_a_second_fit_is_the_first(kind: type) -> None:
    x, y = numbers()
    model = kind(**QUICK).fit(x, target_for(kind, y))
    before = outputs(model, x)
    assert np.array_equal(before, outputs(model.fit(x, target_for(kind, y)), x))
    assert np.array_equal(before, outputs(clone(model).fit(x, target_for(kind, y)), x))


@each_kind
def test_the_number_of_threads_does_not_matter(kind: type) -> None:
    x, y = numbers()
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(outputs(kind(**QUICK).fit(x, target_for(kind, y)), x))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(*found)


@each_kind
def test_the_number_of_rows_at_a_time_does_not_matter(kind: type) -> None:
    frame, y = mixed()
    model = kind(**QUICK).fit(frame, target_for(kind, y.to_numpy()))
    whole = outputs(model, frame)
    parts = np.concatenate([outputs(model, frame.iloc[i : i + 1]) for i in range(len(frame))])
    assert np.allclose(whole, parts, rtol=1e-12, atol=1e-12)


@each_kind
def test_a_seed_decides(kind: type) -> None:
    x, y = numbers()
    target = target_for(kind, y)
    by_seed = [outputs(kind(**QUICK, random_state=seed).fit(x, target), x) for seed in (7, np.random.RandomState(7))]
    assert np.array_equal(*by_seed)


@each_kind
def test_predicting_changes_nothing(kind: type) -> None:
    x, y = numbers()
    model = kind(**QUICK).fit(x, target_for(kind, y))
    kept = x.copy()
    before = pickle.dumps(model)
    outputs(model, x)
    assert pickle.dumps(model) == before
    assert np.array_equal(x, kept)


READ = """
import sys, joblib, numpy as np
model = joblib.load(sys.argv[1])
x = np.load(sys.argv[2])
method = next(m for m in ("decision_function", "predict", "transform") if hasattr(model, m))
np.save(sys.argv[3], getattr(model, method)(x))
"""


@pytest.mark.slow
@each_kind
def test_a_pickle_is_read_by_another_process(kind: type, tmp_path: Path) -> None:
    x, y = numbers()
    model = kind(**QUICK).fit(x, target_for(kind, y))
    joblib.dump(model, tmp_path / "model.joblib")
    np.save(tmp_path / "x.npy", x)
    files = [str(tmp_path / name) for name in ("model.joblib", "x.npy", "out.npy")]
    subprocess.run([sys.executable, "-c", READ, *files], check=True, timeout=120)
    assert np.array_equal(np.load(tmp_path / "out.npy"), outputs(model, x))


@each_kind
def test_a_pickle_is_the_estimator(kind: type, tmp_path: Path) -> None:
    frame, y = mixed()
    model = kind(**QUICK).fit(frame, target_for(kind, y.to_numpy()))
    joblib.dump(model, tmp_path / "model.joblib")
    for again in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib", mmap_mode="r")):
        assert np.array_equal(outputs(again, frame), outputs(model, frame))


# ------------------------------------------------------------------------------------------------------ regression


def test_outputs_have_the_shape_of_the_target() -> None:
    x, y = numbers()
    flat = KANRegressor(**QUICK).fit(x, y)
    column = KANRegressor(**QUICK).fit(x, y[:, None])
    both = KANRegressor(**QUICK).fit(x, np.c_[y, -2 * y])
    assert flat.predict(x).shape == (60,)
    assert column.predict(x).shape == (60, 1)
    assert np.array_equal(column.predict(x).ravel(), flat.predict(x))
    assert both.predict(x).shape == (60, 2)
    assert both.score(x, np.c_[y, -2 * y]) > 0.5
    assert both.model_.config.output_names == ("y1", "y2")


@pytest.mark.bits
def test_a_constant_target_is_predicted_exactly() -> None:
    x, _ = numbers()
    assert (KANRegressor().fit(x, np.full(60, 0.1)).predict(x) == 0.1).all()
    assert KANRegressor().fit(np.ones((4, 2)), [1, 2, 3, 4]).predict(np.ones((1, 2))).tolist() == [2.5]


# -------------------------------------------------------------------------------------------------- classification


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_decisions_and_classes_agree(classes: int) -> None:
    x, y = numbers()
    model = KANClassifier(**QUICK).fit(x, labels(y, classes))
    decisions, chances = model.decision_function(x), model.predict_proba(x)
    if classes == 2:
        assert decisions.shape == (60,)
        assert np.allclose(chances[:, 1], expit(decisions))
    else:
        assert np.allclose(chances, softmax(decisions, axis=1))
    assert np.allclose(chances.sum(1), 1)
    assert np.allclose(np.exp(model.predict_log_proba(x)), chances)
    assert np.array_equal(model.predict(x), model.classes_[chances.argmax(1)])


def test_log_probabilities_stay_finite() -> None:
    x = np.linspace(-1, 1, 40)[:, None]
    model = KANClassifier(**QUICK).fit(x, x[:, 0] > 0)
    assert np.isfinite(model.predict_log_proba(1e6 * x)).all()


def test_one_class_is_always_predicted() -> None:
    x, _ = numbers()
    model = KANClassifier().fit(x, np.full(60, "only"))
    assert set(model.predict(x)) == {"only"}
    assert model.predict_proba(x).tolist() == [[1.0]] * 60
    assert model.decision_function(x).shape == (60,)


def test_a_class_without_weight_keeps_its_place() -> None:
    x, y = numbers()
    target = labels(y, 3)
    model = KANClassifier(**QUICK).fit(x, target, target != "middle")
    assert list(model.classes_) == ["low", "middle", "top"]
    assert model.predict_proba(x)[:, 1].max() < 0.5
    assert "middle" not in model.predict(x)


def test_chances_of_wide_tables_are_calibrated() -> None:
    """Where labels are drawn from probabilities, the mean of those predicted on new rows is that of the labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 2))
    target = rng.random(1500) < expit(2 * x[:, 0])
    model = KANClassifier(**QUICK).fit(x[:500], target[:500])
    chances = model.predict_proba(x[500:])[:, 1]
    for low, high in ((0, 0.3), (0.3, 0.7), (0.7, 1)):
        part = (chances >= low) & (chances < high)
        assert chances[part].mean() == pytest.approx(target[500:][part].mean(), abs=0.12)


# ------------------------------------------------------------------------------------------------------- transformer


def test_features_are_the_hidden_nodes() -> None:
    x, y = load_iris(return_X_y=True)
    model = KANTransformer(hidden=4, max_iter=20).fit(x, y)
    features = model.transform(x)
    width = model.model_.config.nodes[-2].width
    assert features.shape == (150, width)
    assert len(model.get_feature_names_out()) == width
    last = model.model_.kan_layers[-1]
    again = last(torch.from_numpy(features)).detach()
    assert np.allclose(model.model_.output_scaling.inverse(again), model.model_(torch.from_numpy(x)).detach())


def test_features_in_frames() -> None:
    pytest.importorskip("polars")
    frame, y = mixed()
    for container in ("pandas", "polars"):
        features = KANTransformer(**QUICK).set_output(transform=container).fit_transform(frame, y)
        assert list(features.columns) == [f"kantransformer{i}" for i in range(features.shape[1])]
        assert type(features).__module__.startswith(container)


def test_whole_numbers_are_classes_only_where_they_are_few() -> None:
    x, y = numbers()
    few, many = (y > 0).astype(int), np.round(100 * y).astype(int)
    assert hasattr(KANTransformer(**QUICK).fit(x, few), "classes_")
    assert not hasattr(KANTransformer(**QUICK).fit(x, many), "classes_")
    assert not hasattr(KANTransformer(**QUICK, task="regression").fit(x, few), "classes_")


def test_parameters_are_kept_as_they_are() -> None:
    given: dict[str, Any] = {"hidden": [3, 2], "random_state": np.random.RandomState(0)}
    for kind in KINDS:
        model = kind(**given)
        assert all(model.get_params()[name] is value for name, value in given.items())
