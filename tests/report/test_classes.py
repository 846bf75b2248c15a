"""Laws of the page of a classifier and of its scores: every figure is that of the model on the rows that are shown."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, log_loss, roc_auc_score

import splinework as sw
from splinework.report import baselines, reporting, scores
from splinework.tabular import KANClassifier, KANRegressor
from tests.report.pages import page


def table(rows=240, seed=0):
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": generator.normal(size=rows), "b": generator.uniform(1, 2, rows)})
    frame["kind"] = pd.Series(generator.choice(["red", "<b>blue"], rows), dtype=object)
    noise = generator.normal(0, 0.4, rows)
    return frame, frame["a"] * frame["b"] + (frame["kind"] == "red") + noise


def cards(text):
    return {label: value for value, label in re.findall(r"<dd>([^<]*)[^\n]*?</dd><dt>([^<]*)</dt>", text)}


@pytest.fixture(scope="module")
def classified(tmp_path_factory):
    X, y = table()
    labels = pd.Series(np.array(["low", "mid", "top"])[np.digitize(y, [0, 1.5])], name="level")
    fitted = KANClassifier(hidden=0, grid=2, max_iter=5).fit(X[:160], labels[:160])
    path = tmp_path_factory.mktemp("classes") / "r.html"
    fitted.report(path, X[:160], labels[:160], test=(X[160:], labels[160:]), equations=False)
    return fitted, X[160:], labels[160:], page(path)


def test_accuracy_log_loss_and_confusion_are_those_of_the_estimator(classified):
    fitted, X, labels, read = classified
    shown = cards(read.text)
    assert float(shown["accuracy on test rows"].rstrip(" %")) == pytest.approx(100 * fitted.score(X, labels), rel=1e-3)
    assert float(shown["log loss on test rows"]) == pytest.approx(
        log_loss(labels, fitted.predict_proba(X), labels=fitted.classes_), rel=1e-3
    )
    section = read.text[read.text.index('id="classes"') :]
    rows = re.findall(r"<tr><th scope=\"row\"[^>]*>(?:low|mid|top)</th>(.*?)</tr>", section)
    counts = [[int(cell) for cell in re.findall(r">(\d+)<", row)[:3]] for row in rows]
    assert counts == confusion_matrix(labels, fitted.predict(X)).tolist()
    for place, name in enumerate(fitted.classes_):
        area = roc_auc_score(labels == name, fitted.predict_proba(X)[:, place])
        assert f"{name}: area {area:.4f}" in section


def test_a_classifier_s_page_has_its_sections_and_names_columns_as_the_user_does(classified):
    _, _, _, read = classified
    assert read.sections == [
        "answer",
        "try",
        "network",
        "effects",
        "classes",
        "worst",
        "data",
        "notes",
        "use",
        "repeat",
    ]
    for shown in ("On the log odds", "On the probabilities", "logistic regression", "&lt;b&gt;blue", "load("):
        assert shown in read.text, shown
    assert "<b>blue" not in read.text


def test_given_metrics_and_held_out_rows_alone_are_shown(classified, tmp_path, monkeypatch):
    fitted, X, labels, _ = classified
    monkeypatch.setattr(reporting, "SECTIONS", reporting.SECTIONS[:2])
    path = fitted.report(
        tmp_path / "r.html", test=(X, labels), metrics={"accuracy_test": 0.123, "n_train": 5}, equations=False
    )
    shown = cards(path.read_text("utf-8"))
    assert shown["accuracy on test rows"] == "12.3 %"
    assert shown["training rows"] == "5"
    other = sw.report(fitted, tmp_path / "s.html", test=(X, labels), metrics={"accuracy_test": 0.123, "n_train": 5})
    assert other.read_bytes() == path.read_bytes()


def test_rows_of_one_class_or_of_unknown_classes_are_told(classified, tmp_path, monkeypatch):
    fitted, X, labels, _ = classified
    monkeypatch.setattr(
        reporting, "SECTIONS", [part for part in reporting.SECTIONS if part[0] in ("answer", "classes")]
    )
    path = tmp_path / "r.html"
    one = labels == "mid"
    fitted.report(path, X[one], labels[one], equations=False)
    assert "All these rows are of one class (mid)" in path.read_text("utf-8")
    fitted.report(path, X, labels.replace("mid", "new"), equations=False)
    text = path.read_text("utf-8")
    assert "have a class that the model does not know" in text
    assert "there is no log loss" in text
    fitted.report(path, X, None, equations=False)
    assert "cannot say how good the model is" in path.read_text("utf-8")


@pytest.mark.slow
def test_a_regression_of_several_targets_with_gaps_is_reported(tmp_path):
    X, y = table()
    X.loc[::7, "a"] = np.nan
    targets = pd.DataFrame({"first": y, "second": -y})
    fitted = KANRegressor(hidden=0, grid=2, max_iter=5).fit(X[:160], targets[:160])
    path = fitted.report(tmp_path / "r.html", X[:160], targets[:160], test=(X[160:], targets[160:]), equations=False)
    shown = cards(path.read_text("utf-8"))
    off = fitted.predict(X[160:]) - targets[160:].to_numpy()
    assert float(shown["RMSE on test rows"]) == pytest.approx(np.sqrt((off**2).mean()), rel=1e-3)
    text = path.read_text("utf-8")
    for fragment in ("R² on the test rows, by model and output", "missing", "how first and second depend on 3 columns"):
        assert fragment in text, fragment


# ----------------------------------------------------------------------------------------------------- the figures


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.ones(3), 80).round(2) + 1e-3  # with ties
    shares /= shares.sum(axis=1, keepdims=True)
    codes = generator.integers(0, 3, 80)
    assert scores.log_loss(shares, codes) == pytest.approx(log_loss(codes, shares), rel=1e-12)
    assert (scores.confusion(shares, codes) == confusion_matrix(codes, shares.argmax(axis=1), labels=[0, 1, 2])).all()
    curve = scores.roc(shares[:, 1], codes == 1)
    assert curve.area == pytest.approx(roc_auc_score(codes == 1, shares[:, 1]), rel=1e-12)
    assert (np.diff(curve.false) >= 0).all()
    assert (curve.true[0], curve.true[-1]) == (0, 1)
    told = scores.calibration(shares[:, 1], codes == 1)
    assert ((told.low <= told.observed) & (told.observed <= told.high)).all()
    assert np.isnan(scores.roc(shares[:, 1], codes > 5).area)


def test_baselines_know_what_is_in_their_family():
    generator = np.random.default_rng(0)
    x = np.column_stack([generator.normal(size=(300, 3)), np.ones(300)])
    y = np.column_stack([1 + x[:, :3] @ [1.0, -2.0, 0.5], x[:, 0]])
    mean, linear, near = baselines.regressions(x, y)
    np.testing.assert_allclose(linear.predict(x), y, atol=1e-4)
    np.testing.assert_allclose(mean.predict(x), np.tile(y.mean(axis=0), (300, 1)))
    assert ((near.predict(x) - y) ** 2).mean() < 0.5 * ((mean.predict(x) - y) ** 2).mean()
    codes = (y[:, 0] > 0).astype(np.int64)
    for each in baselines.classifications(x, codes, 2):
        shares = each.predict(x)
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        assert (shares > 0).all()
        least = {"class frequencies": 0.5, "logistic regression": 0.97}.get(each.name, 0.85)
        assert scores.accuracy(shares, codes) >= least
    assert [each.name for each in baselines.regressions(x[:, 3:], y)] == ["mean of the training rows"]
