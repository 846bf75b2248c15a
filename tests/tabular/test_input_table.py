"""Tables of every library in; what is not a table is refused in scikit-learn's words, or by the name of the column."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from splinework.errors import DataError
from splinework.tabular import KANClassifier, KANRegressor
from tests.tabular.tables import KINDS, QUICK, mixed, numbers, outputs, target_for

each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def fitted() -> KANRegressor:
    frame, y = mixed()
    return KANRegressor(**QUICK).fit(frame, y)


def as_polars(frame: pd.DataFrame) -> Any:
    return pytest.importorskip("polars").from_pandas(frame)


def as_arrow(frame: pd.DataFrame) -> Any:
    return pytest.importorskip("pyarrow").Table.from_pandas(frame, preserve_index=False)


def as_categories(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(cut=frame["cut"].astype(pd.CategoricalDtype(["ideal", "never", "good", "fair"])))


def as_objects(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(object).where(frame.notna(), None)


def as_nullable(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.convert_dtypes()


@pytest.mark.parametrize("other", [as_polars, as_arrow, as_categories, as_objects, as_nullable])
@each_kind
def test_every_kind_of_table_gives_the_same_numbers(kind: type, other: Any) -> None:
    frame, y = mixed()
    target = target_for(kind, y.to_numpy())
    expected = kind(**QUICK).fit(frame, target)
    found = kind(**QUICK).fit(other(frame), target)
    assert np.array_equal(outputs(expected, frame), outputs(found, other(frame)))
    assert np.array_equal(outputs(expected, frame), outputs(found, frame))


def test_polars_targets_and_weights() -> None:
    pl = pytest.importorskip("polars")
    frame, y = mixed()
    weights = np.arange(len(y)) % 3
    a = KANRegressor(**QUICK).fit(frame, y, weights)
    b = KANRegressor(**QUICK).fit(pl.from_pandas(frame), pl.from_pandas(y), pl.Series(weights))
    assert np.array_equal(a.predict(frame), b.predict(frame))
    assert b.columns_.targets == ("price",)


def test_what_the_columns_become(fitted: KANRegressor) -> None:
    assert fitted.columns_.labels == ("carat (ct)", "cut=fair", "cut=good", "cut=ideal", "depth", "depth missing")
    assert fitted.model_.config.input_names[0] == "carat_ct"
    assert fitted.model_.config.output_names == ("price",)
    assert list(fitted.feature_names_in_) == ["carat (ct)", "cut", "depth", "shop"]


def test_gaps_and_levels_have_values_of_their_own(fitted: KANRegressor) -> None:
    row = pd.DataFrame({"carat (ct)": [1.0], "cut": ["good"], "depth": [60.0], "shop": [1.0]})
    plain, ideal, gap = fitted.predict(pd.concat([row, row.assign(cut="ideal"), row.assign(depth=np.nan)]))
    assert ideal - plain == pytest.approx(2.0, abs=0.5)
    assert gap - plain == pytest.approx(1.5, abs=0.5)


def test_unknown_levels_and_gaps_are_predicted(fitted: KANRegressor) -> None:
    frame, _ = mixed()
    strange = frame.assign(cut="never seen")
    assert np.array_equal(fitted.predict(strange), fitted.predict(frame.assign(cut=None)))
    assert np.isfinite(fitted.predict(strange.assign(shop=np.nan))).all()


def test_categories_of_an_array_by_mask_index_and_name() -> None:
    frame, y = mixed()
    codes = frame.assign(cut=frame["cut"].map({"fair": 7.0, "good": 3.0, "ideal": 5.0}))
    x = codes.to_numpy()
    by_mask = KANRegressor(**QUICK, categorical_features=[False, True, False, False]).fit(x, y)
    by_index = KANRegressor(**QUICK, categorical_features=[1]).fit(x, y)
    by_name = KANRegressor(**QUICK, categorical_features=["cut"]).fit(codes, y)
    assert by_mask.columns_.labels == ("x0", "x1=3", "x1=5", "x1=7", "x2", "x2 missing")
    assert np.array_equal(by_mask.predict(x), by_index.predict(x))
    assert np.array_equal(by_mask.predict(x), by_name.predict(codes))
    assert KANRegressor(**QUICK, categorical_features=None).fit(x, y).columns_.labels[1] == "x1"


@pytest.mark.parametrize("wrong", [["cut"], [9], [True, False], [1.5]])
def test_categories_that_are_not_there_are_refused(wrong: Any) -> None:
    x, y = numbers()
    with pytest.raises(ValueError, match="categorical_features"):
        KANRegressor(categorical_features=wrong).fit(x, y)


def test_bools_decimals_and_whole_numbers_are_numbers() -> None:
    x, y = numbers(rows=40)
    frame = pd.DataFrame({"a": [Decimal(str(v)) for v in x[:, 0]], "b": x[:, 1] > 0, "c": range(40)})
    model = KANRegressor(**QUICK).fit(frame, y)
    assert model.columns_.labels == ("a", "b", "c")
    assert np.array_equal(model.predict(frame), model.predict(frame.astype(float)))


# ------------------------------------------------------------------------------------------------------- refusals


@each_kind
@pytest.mark.parametrize("bad", [np.inf, -np.inf, 1e999])
def test_infinite_values_are_refused(kind: type, bad: float) -> None:
    x, y = numbers()
    x[3, 1] = bad
    with pytest.raises(ValueError, match="infinity"):
        kind().fit(x, target_for(kind, y))
    frame = pd.DataFrame(x).assign(text="a")
    frame.columns = list("abcd")
    with pytest.raises(ValueError, match="infinity"):
        kind().fit(frame, target_for(kind, y))


def test_texts_in_an_array_are_refused_as_scikit_learn_does() -> None:
    with pytest.raises(ValueError, match="could not convert string to float"):
        KANRegressor().fit(np.array([["a", "b"], ["c", "d"]]), [1.0, 2.0])


def test_sparse_tables_are_refused() -> None:
    x, y = numbers()
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        KANRegressor().fit(sparse.csr_array(x), y)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.date_range("2020-01-01", periods=60), "'when' holds dates"),
        ([f"remark number {i}" for i in range(60)], "'when' holds free text"),
        ([{"a": i} for i in range(60)], "'when'"),
        (pd.timedelta_range("1s", periods=60), "'when' holds dates or times"),
    ],
)
def test_columns_that_are_no_numbers_are_named(column: Any, message: str) -> None:
    x, y = numbers()
    frame = pd.DataFrame({"a": x[:, 0], "when": column})
    with pytest.raises(DataError, match=message):
        KANRegressor().fit(frame, y)


def test_texts_where_the_fit_had_numbers_are_named(fitted: KANRegressor) -> None:
    frame, _ = mixed()
    with pytest.raises(DataError, match="'depth' must be numeric"):
        fitted.predict(frame.assign(depth="deep"))


def test_columns_in_another_order_are_refused_as_scikit_learn_does(fitted: KANRegressor) -> None:
    frame, _ = mixed()
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[frame.columns[::-1]])
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame.drop(columns="shop"))


@each_kind
def test_targets_and_weights_that_do_not_fit_are_refused(kind: type) -> None:
    x, y = numbers()
    target = target_for(kind, y)
    with pytest.raises(ValueError, match="requires y to be passed"):
        kind().fit(x, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        kind().fit(x, target[:-1])
    with pytest.raises(ValueError, match="Negative values in data"):
        kind().fit(x, target, -np.ones(len(x)))
    with pytest.raises(ValueError, match="non-zero"):
        kind().fit(x, target, np.zeros(len(x)))


@each_kind
@pytest.mark.parametrize("hidden", [[-1], [0, 2], ["wide"], [2.5]])
def test_widths_of_hidden_layers_are_whole_numbers(kind: type, hidden: Any) -> None:
    x, y = numbers()
    with pytest.raises(ValueError, match=f"The 'hidden' parameter of {kind.__name__} must be"):
        kind(hidden=hidden).fit(x, target_for(kind, y))


def test_classes_are_labels() -> None:
    x, y = numbers()
    with pytest.raises(ValueError, match="Unknown label type"):
        KANClassifier().fit(x, y)
    with pytest.raises(ValueError, match="1d array"):
        KANClassifier().fit(x, np.c_[y > 0, y < 0])
