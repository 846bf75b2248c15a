"""`partial_fit` and `warm_start`: a fit that goes on."""

import numpy as np
import pytest

from splinework.tabular import KANClassifier, KANRegressor
from tests.tabular.tables import QUICK, labels, mixed, numbers


def test_pieces_are_nearly_the_whole() -> None:
    x, y = numbers(rows=400)
    model = KANRegressor(**QUICK)
    for start in range(0, 400, 100):
        model.partial_fit(x[start : start + 100], y[start : start + 100])
    whole = KANRegressor(**QUICK).fit(x, y)
    assert model.score(x, y) > whole.score(x, y) - 0.1


def test_twice_the_rows_are_a_new_fit() -> None:
    x, y = numbers(rows=80)
    model = KANRegressor(**QUICK).partial_fit(x[:40], y[:40]).partial_fit(x[40:], y[40:])
    whole = KANRegressor(**QUICK).fit(x, y).predict(x)
    assert np.array_equal(model.predict(x), whole)
    few = model.partial_fit(x[:5] + 0.1, y[:5])
    assert few.n_iter_ <= QUICK["max_iter"]
    assert not np.array_equal(few.predict(x), whole)


def test_rows_seen_first_are_not_forgotten() -> None:
    x, y = numbers(rows=400)
    order = np.argsort(x[:, 0])
    model = KANRegressor(**QUICK).partial_fit(x, y)
    before = model.score(x[order[:200]], y[order[:200]])
    model.partial_fit(x[order[200:]], y[order[200:]])
    assert model.score(x[order[:200]], y[order[:200]]) > before - 0.1


def test_the_columns_of_the_first_call_stay() -> None:
    frame, y = mixed()
    model = KANRegressor(**QUICK).partial_fit(frame, y)
    columns = model.columns_
    model.partial_fit(frame.assign(cut="new"), y)
    assert model.columns_ == columns


def test_another_width_is_refused() -> None:
    x, y = numbers()
    model = KANRegressor(**QUICK).partial_fit(x, y)
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(x[:, :2], y)
    with pytest.raises(ValueError, match="outputs"):
        model.partial_fit(x, np.c_[y, y])


def test_classes_come_with_the_first_call() -> None:
    x, y = numbers(rows=120)
    target = labels(y)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        KANClassifier().partial_fit(x, target)
    model = KANClassifier(**QUICK)
    for start in (0, 60):
        model.partial_fit(x[start : start + 60], target[start : start + 60], classes=["low", "top"])
    assert model.score(x, target) > KANClassifier(**QUICK).fit(x, target).score(x, target) - 0.1
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(x, target, classes=["low", "other"])
    with pytest.raises(ValueError, match="classes not in"):
        model.partial_fit(x, np.full(120, "other"))


@pytest.mark.slow
def test_a_class_may_come_later() -> None:
    x, y = numbers(rows=150)
    target = labels(y, 3)
    model = KANClassifier(**QUICK)
    first = target != "top"
    model.partial_fit(x[first], target[first], classes=["low", "middle", "top"])
    assert model.predict_proba(x).shape == (150, 3)
    model.partial_fit(x, target)
    assert model.score(x, target) > KANClassifier(**QUICK).fit(x, target).score(x, target) - 0.1


def test_balanced_weights_cannot_be_known_from_some_rows() -> None:
    x, y = numbers()
    with pytest.raises(ValueError, match="not supported for partial_fit"):
        KANClassifier(class_weight="balanced").partial_fit(x, labels(y), classes=["low", "top"])


def test_a_warm_start_goes_on() -> None:
    x, y = numbers()
    model = KANRegressor(**QUICK, warm_start=True).fit(x, y)
    first = model.loss_
    assert model.fit(x, y).loss_ <= 1.5 * first  # the first is of held-out rows, so both are equal up to chance
    assert model.fit(x + 0.01, y).score(x, y) > 0.5
    with pytest.raises(ValueError, match="features"):
        model.fit(x[:, :2], y)
    model.set_params(warm_start=False).fit(x[:, :2], y)
    assert model.n_features_in_ == 2


def test_a_constant_beginning_is_left_behind() -> None:
    x, y = numbers()
    model = KANRegressor(**QUICK).partial_fit(x, np.zeros(60))
    assert model.partial_fit(x, y, sample_weight=np.full(60, 1e6)).score(x, y) > 0.5
