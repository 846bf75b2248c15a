"""What a fitted estimator tells: formulas, importances, pictures, a page, a file."""

import pickle
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

import splinework as sw
from splinework.errors import FileError
from splinework.nn.checkpoint import read_header
from splinework.tabular import KANClassifier, KANRegressor, KANTransformer, load
from splinework.tabular.columns import Columns, NumericColumn
from splinework.tabular.importances import interaction_effects, total_effects
from tests.families import slow
from tests.tabular.tables import KINDS, QUICK, labels, mixed, numbers, outputs, target_for

each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def explained() -> KANRegressor:
    frame, y = mixed()
    return KANRegressor(**QUICK, formula_budget=8).fit(frame, y)


# --------------------------------------------------------------------------------------------------------- formulas


def test_the_law_behind_a_table_is_found_in_its_own_names(explained: KANRegressor) -> None:
    table = explained.equations_
    assert isinstance(table, pd.DataFrame)
    assert {"target", "formula", "complexity", "rmse", "r2"} <= set(table.columns)
    assert table["target"].eq("price").all()
    best = explained.equation_
    assert {"carat_ct", "depth_missing"} < set(best.inputs) <= set(explained.model_.config.input_names)
    assert any(name.startswith("cut_") for name in best.inputs)  # levels can be told by one another
    assert best.r2 > 0.999
    assert best.text == table["formula"][0]


def test_formulas_are_searched_for_once(explained: KANRegressor, monkeypatch: pytest.MonkeyPatch) -> None:
    first = explained.formulas_
    monkeypatch.setattr(KANRegressor, "_search", lambda _: pytest.fail("a second search"))
    assert explained.formulas_ is first


def test_formulas_travel_with_a_pickle_and_not_with_a_clone(explained: KANRegressor) -> None:
    assert str(explained.formulas_.best) == str(pickle.loads(pickle.dumps(explained)).equation_)
    assert "_formulas" not in vars(clone(explained))


def test_a_new_fit_forgets_the_formulas_of_the_old_one() -> None:
    x, _ = numbers()
    model = KANRegressor(**QUICK, formula_budget=2).fit(x, 2 * x[:, 0])
    assert str(model.equation_) == "y = 2*x0"
    assert str(model.fit(x, 3 * x[:, 1]).equation_) == "y = 3*x1"


def test_listing_attributes_searches_for_nothing() -> None:
    frame, y = mixed()
    model = KANRegressor(**QUICK).fit(frame, y)
    model._repr_html_()
    estimator_html_repr(make_pipeline(StandardScaler(), model))
    assert "_formulas" not in vars(model)


@pytest.mark.slow
def test_formulas_of_classes_are_their_probabilities() -> None:
    x, _ = numbers(rows=200)
    target = np.where(np.random.default_rng(0).random(200) < 1 / (1 + np.exp(-3 * x[:, 0])), "yes", "no")
    model = KANClassifier(**QUICK, formula_budget=5).fit(x, pd.Series(target, name="answer"))
    assert model.equation_.target == "P(answer=yes)"
    assert model.equation_.inputs == ("x0",)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [3, 6])
def test_few_rows_have_formulas_of_the_network(rows: int) -> None:
    x, y = numbers(rows=rows)
    for model, target in ((KANRegressor(**QUICK), y), (KANClassifier(**QUICK), y > np.median(y))):
        assert len(model.set_params(formula_budget=2).fit(x, target).equations_) >= 1


@pytest.mark.slow
def test_several_outputs_have_formulas_each() -> None:
    x, _ = numbers()
    model = KANRegressor(**QUICK, formula_budget=4).fit(x, pd.DataFrame({"a": x[:, 0], "b": x[:, 1] + 1}))
    assert set(model.equations_["target"]) == {"a", "b"}


@each_kind
def test_nothing_is_explained_before_a_fit(kind: type) -> None:
    for name in ("equations_", "equation_", "formulas_", "feature_importances_"):
        assert not hasattr(kind(), name)
    for call in (lambda m: m.plot(), lambda m: m.report("never.html"), lambda m: m.save("never.safetensors")):
        with pytest.raises(NotFittedError):
            call(kind())


# ------------------------------------------------------------------------------------------------------ importances


@each_kind
def test_importances_are_shares_of_the_columns(kind: type) -> None:
    frame, y = mixed()
    shares = kind(**QUICK).fit(frame, target_for(kind, y.to_numpy())).feature_importances_
    assert shares.shape == (4,)
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()
    assert shares[3] == 0  # the constant


def test_a_column_that_matters_is_important() -> None:
    x, _ = numbers(rows=200)
    assert KANRegressor(**QUICK).fit(x, np.exp(x[:, 1])).feature_importances_.argmax() == 1
    assert KANRegressor().fit(x, np.ones(200)).feature_importances_.tolist() == [0, 0, 0]


def test_interactions_are_the_superset_importances_of_the_function() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (4000, 4))
    columns = Columns(tuple(NumericColumn(name, 0.0, True, False) for name in "abcd"), ("y",))

    def predictor(rows):
        return 2 * rows[:, :1] + rows[:, :1] * rows[:, 1:2] + 0.5 * rows[:, 1:2] * rows[:, 2:3]

    pairs = interaction_effects(predictor, x, columns, total_effects(predictor, x, columns, 0), seed=0)
    variance = 4 / 3 + 1 / 9 + 1 / 36
    assert [pair[:2] for pair in pairs] == [(0, 1), (1, 2)]
    assert pairs[0][2] == pytest.approx(1 / 9 / variance, rel=0.1)
    assert pairs[1][2] == pytest.approx(1 / 36 / variance, rel=0.1)


@pytest.mark.slow
def test_interactions_are_named_and_an_additive_model_has_none() -> None:
    x = pd.DataFrame(np.random.default_rng(0).uniform(-1, 1, (300, 3)), columns=["a", "b", "c"])
    found = KANRegressor().fit(x, x["a"] * x["c"] + x["b"]).interactions_
    assert found.columns.tolist() == ["column", "with", "share"]
    assert found[["column", "with"]].to_numpy().tolist() == [["a", "c"]]
    assert found["share"][0] == pytest.approx((1 / 9) / (1 / 9 + 1 / 3), rel=0.2)
    assert len(KANRegressor(hidden=0).fit(x, x["a"] * x["c"] + x["b"]).interactions_) == 0


def test_importances_are_the_total_effects_of_the_function() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (20_000, 3))
    columns = Columns(tuple(NumericColumn(name, 0.0, True, False) for name in "abc"), ("y",))
    effects = total_effects(lambda rows: 2 * rows[:, :1] + rows[:, :1] * rows[:, 1:2], x, columns, seed=0)
    variances = np.array([4 / 3 + 1 / 9, 1 / 9, 0.0])  # total effects of 2a + ab by hand
    np.testing.assert_allclose(effects, variances / (4 / 3 + 1 / 9), atol=0.02)


def test_a_category_that_tells_nothing_has_no_importance() -> None:
    generator = np.random.default_rng(1)
    x = pd.DataFrame({"a": generator.normal(size=400), "state": generator.integers(0, 40, 400).astype(str)})
    model = KANRegressor(hidden=0).fit(x, np.sin(x["a"]) + 0.2 * generator.normal(size=400))
    assert model.feature_importances_[1] < 0.02
    table = model.permutation_importances(x, np.sin(x["a"]), repeats=3)
    assert table.index.tolist() == ["a", "state"]
    assert table.loc["a", "importance"] > 10 * table.loc["a", "standard error"] > 0
    assert abs(table.loc["state", "importance"]) < 0.02


# --------------------------------------------------------------------------------------------------------- pictures


def svg_of(page: str) -> ET.Element:
    return ET.fromstring(re.findall(r"<svg.*?</svg>", page, re.DOTALL)[-1])


@each_kind
def test_a_notebook_shows_a_diagram(kind: type) -> None:
    frame, y = mixed()
    before = kind(**QUICK)
    assert "not fitted" in "".join(svg_of(before._repr_html_()).itertext())
    model = before.fit(frame, target_for(kind, y.to_numpy()))
    words = "".join(svg_of(model._repr_html_()).itertext())
    assert "cut=ideal" in words
    assert "carat (ct)" in words
    assert model._repr_mimebundle_()["text/html"].count("<svg") >= 1


@pytest.mark.parametrize(
    "name", ['</text><script>alert("x")</script>', "a&b", '"><img src=x onerror=y>', "'; DROP", "\u202ename"]
)
def test_hostile_names_are_text(name: str) -> None:
    frame, y = mixed()
    hostile = frame.rename(columns={"carat (ct)": name}).assign(cut=frame["cut"] + name)
    model = KANRegressor(**QUICK).fit(hostile, y.rename(name + "!"))
    page = model._diagram()
    root = svg_of(page)
    assert not [node for node in root.iter() if node.tag.rpartition("}")[2] in ("script", "img")]
    assert name[:10] in "".join(root.itertext())
    assert model.plot() is not None


def test_wide_networks_have_a_small_diagram() -> None:
    x, y = numbers(rows=80, columns=40)
    assert len(KANRegressor(hidden=0, grid=3, members=1).fit(x, y)._diagram()) < 20_000


@pytest.mark.parametrize("kind", [KANClassifier, *slow(KANRegressor, KANTransformer)])
def test_a_plot_and_a_page(kind: type, tmp_path: Path) -> None:
    frame, y = mixed()
    model = kind(**QUICK).fit(frame, target_for(kind, y.to_numpy()))
    texts = {text.get_text() for text in model.plot().texts}
    assert "cut=ideal" in texts
    page = model.report(tmp_path / "page.html", equations=False, title="Diamonds").read_text("utf-8")
    assert "Diamonds" in page
    assert "shop" in page  # the constant column is told


@pytest.mark.slow
def test_a_page_with_formulas(explained: KANRegressor, tmp_path: Path) -> None:
    page = explained.report(tmp_path / "page.html").read_text("utf-8")
    assert "cut_ideal" in page


@pytest.mark.parametrize("rows", [1, 2])
def test_tiny_fits_are_drawn(rows: int, tmp_path: Path) -> None:
    x, y = numbers(rows=rows)
    model = KANRegressor(**QUICK).fit(x, y)
    model.plot()
    model.report(tmp_path / "page.html", equations=False)
    model._repr_html_()


# ------------------------------------------------------------------------------------------------------------- files


@each_kind
def test_a_file_holds_the_estimator(kind: type, tmp_path: Path) -> None:
    frame, y = mixed()
    model = kind(**QUICK).fit(frame, target_for(kind, y.to_numpy()))
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert type(again) is kind
    assert again.get_params() == model.get_params()
    assert np.array_equal(outputs(again, frame), outputs(model, frame))
    assert again.columns_ == model.columns_
    assert np.allclose(again.feature_importances_, model.feature_importances_)
    if kind is KANClassifier:
        assert np.array_equal(again.predict(frame), model.predict(frame))


@pytest.mark.parametrize("target", [[True, False], [3, 7], [1.0, 2.0], ["a", "b"]])
def test_classes_keep_their_kind_in_a_file(target: list[Any], tmp_path: Path) -> None:
    x, y = numbers()
    given = np.array(target)[(y > np.median(y)).astype(int)]
    model = KANClassifier(**QUICK, class_weight={target[0]: 2, target[1]: 1}).fit(x, given)
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert again.classes_.dtype == model.classes_.dtype
    assert again.class_weight == model.class_weight
    assert np.array_equal(again.predict(x), model.predict(x))


def test_a_file_is_a_network_too(tmp_path: Path) -> None:
    frame, y = mixed()
    model = KANRegressor(**QUICK).fit(frame, y)
    model.save(tmp_path / "model.safetensors")
    network = sw.load(tmp_path / "model.safetensors")
    assert network.config.output_names == ("price",)
    assert read_header(tmp_path / "model.safetensors")["notes"]["columns"]["carat_ct"] == "carat (ct)"


def test_what_is_no_estimator_is_refused(tmp_path: Path) -> None:
    sw.save(sw.KAN([2, 1]), tmp_path / "network.safetensors")
    with pytest.raises(FileError, match="not an estimator"):
        load(tmp_path / "network.safetensors")
    sw.save(sw.KAN([2, 1]), tmp_path / "odd.safetensors", notes={"estimator": {"class": "KANRegressor"}})
    with pytest.raises(FileError, match="inconsistent parts"):
        load(tmp_path / "odd.safetensors")


def test_a_file_goes_on_being_fitted(tmp_path: Path) -> None:
    x, y = numbers()
    model = KANClassifier(**QUICK).partial_fit(x, labels(y), classes=["low", "top"])
    model.save(tmp_path / "model.safetensors")
    assert load(tmp_path / "model.safetensors").partial_fit(x, labels(y)).score(x, labels(y)) > 0.8


def test_listing_the_attributes_starts_no_search(monkeypatch):
    rows = np.linspace(-1, 1, 60)[:, None]
    model = KANRegressor().fit(rows, rows[:, 0] ** 2)
    monkeypatch.setattr(KANRegressor, "_search", lambda self: pytest.fail("a search was started"))
    assert {"equation_", "equations_", "formulas_", "predict", "model_"} <= set(dir(model))
    assert "equations_" not in dir(KANRegressor())
