"""What is known beforehand, given to the estimators: it holds in raw units for rows that were never seen, and is told."""

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import clone

from splinework.errors import ConfigError, DataError, FitWarning, FormulaError
from splinework.knowledge.axioms import Bounded, Monotone, Soft, Verify
from splinework.nn.frame import FramedKAN
from splinework.tabular import KANClassifier, KANRegressor, KANTransformer, load

CURVES: dict[str, Any] = {"hidden": 0, "grid": 4}
ROWS = 80
COLUMNS = {"age": (20.0, 80.0), "price (eur)": (1.0, 100.0), "z": (-3.0, 3.0)}


def homes(rows: int = ROWS, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """A table in units far from one, with a category, gaps, a constant and noise that is against what is known."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.uniform(*ends, rows) for name, ends in COLUMNS.items()})
    frame.insert(2, "kind", rng.choice(["flat", "house"], rows))
    frame["shop"] = 1.0
    frame.loc[rng.random(rows) < 0.2, "z"] = np.nan
    value = 300 * np.tanh((frame["age"] - 50) / 10) - 4 * frame["price (eur)"] + 90 * (frame["kind"] == "house")
    return frame, pd.Series(value + rng.normal(size=rows) * 80, name="value")


def along(frame: pd.DataFrame, name: str, count: int = 41) -> list[pd.DataFrame]:
    """Rows that differ in one column only, which goes beyond its range on both sides."""
    low, high = COLUMNS[name]
    values = np.linspace(low - 0.3 * (high - low), high + 0.3 * (high - low), count)
    return [frame.iloc[[i] * count].assign(**{name: values}) for i in range(6)]


@pytest.mark.parametrize(
    ("hidden", "sign", "name"),
    [(0, 1, "age"), (0, -1, "price (eur)"), (2, 1, "price (eur)"), (2, -1, "age")],  # any two together
)
def test_a_monotone_column_is_so_for_rows_never_seen_whatever_the_rows_say(hidden: int, sign: int, name: str) -> None:
    frame, y = homes()
    model = KANRegressor(hidden=hidden, grid=4, max_iter=15, monotone={name: sign})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # half of these are not so, and that is told
        model.fit(frame, y)
    for rows in along(frame, name):
        steps = sign * np.diff(model.predict(rows))
        assert steps.min() >= -1e-9 * np.ptp(y)
    (status,) = model.axiom_status_
    assert (status.strength, status.status) == ("hard", "proved")
    assert repr(name) in status.axiom


@pytest.mark.slow
def test_three_ways_to_say_monotone_are_one() -> None:
    frame, y = homes()
    ways = [
        {"monotone": {"age": 1, "price (eur)": -1}},
        {"monotone": [1, -1, 0, 0, 0]},
        {"monotone": np.array([1, -1, 0, 0, 0])},
        {"monotone": {"age": 1, "price_eur": -1}},
        {"monotone": {0: 1, 1: -1, "kind": 0}},
        {"axioms": ["monotone(age)", "monotone('price (eur)', increasing=False)"]},
        {"monotone": {"age": 1}, "axioms": Monotone(1, increasing=False)},
    ]
    found = [KANRegressor(**CURVES, **way).fit(frame, y).predict(frame) for way in ways]
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_shapes_bounds_and_additivity_hold_in_raw_units() -> None:
    frame, y = homes()
    bent = KANRegressor(**CURVES, axioms=["concave(age)"]).fit(frame, y)
    inner = along(frame, "age")[0].assign(age=np.linspace(*COLUMNS["age"], 41))
    assert np.diff(bent.predict(inner), 2).max() <= 1e-8 * np.ptp(y)
    held = KANRegressor(**CURVES, axioms=Bounded(-250, 100)).fit(frame, y)
    assert isinstance(held.model_, FramedKAN)
    values = np.concatenate([held.predict(rows) for name in COLUMNS for rows in along(frame, name)])
    assert -250 <= values.min() < values.max() <= 100
    apart = KANRegressor(hidden=2, grid=3, max_iter=8, axioms=["no_interaction(age, z)"]).fit(frame, y)
    corners = [[frame.iloc[[0]].assign(age=a, z=z) for a in (30.0, 70.0)] for z in (-1.0, np.nan)]
    (p, q), (r, s) = [[float(apart.predict(rows)[0]) for rows in pair] for pair in corners]
    assert abs((q - p) - (s - r)) <= 1e-9 * np.ptp(y)  # a gap goes with its column


def test_without_axioms_nothing_changes_and_nothing_is_left() -> None:
    frame, y = homes()
    plain = KANRegressor(**CURVES).fit(frame, y)
    for nothing in ({"monotone": None}, {"axioms": []}, {"monotone": [0] * 5}, {"monotone": {}}):
        other = KANRegressor(**CURVES, **nothing).fit(frame, y)
        np.testing.assert_array_equal(other.predict(frame), plain.predict(frame))
        assert not hasattr(other, "certificate_")
    known = KANRegressor(**CURVES, monotone={"age": 1}).fit(frame, y)
    known.set_params(monotone=None, warm_start=True).fit(frame, y)  # anew: what was made for axioms is no start
    assert not hasattr(known, "axiom_status_")
    np.testing.assert_array_equal(known.predict(frame), plain.predict(frame))
    assert not {"monotone", "axioms"} & set(KANTransformer().get_params())


def test_weights_are_repetition_and_order_does_not_matter() -> None:
    frame, y = homes(50)
    weights = np.random.default_rng(0).integers(1, 4, len(y))
    model = KANRegressor(**CURVES, monotone={"age": 1}, axioms=["bounded(lower=-900)"])
    weighed = clone(model).fit(frame, y, sample_weight=weights).predict(frame)
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(len(y)), weights))
    repeated = clone(model).fit(frame.iloc[order], y.iloc[order]).predict(frame)
    np.testing.assert_array_equal(weighed, repeated)


def test_going_on_keeps_the_axioms() -> None:
    frame, y = homes()
    model = KANRegressor(**CURVES, monotone={"age": 1})
    for part in (slice(0, 50), slice(50, 65), slice(65, None)):
        model.partial_fit(frame.iloc[part], y.iloc[part])
        assert model.axiom_status_[0].status == "proved"
    model.set_params(warm_start=True).fit(frame, y)
    assert min(np.diff(model.predict(rows)).min() for rows in along(frame, "age")) >= -1e-9 * np.ptp(y)


@pytest.mark.slow
def test_clones_copies_and_files_keep_all(tmp_path: Any) -> None:
    frame, y = homes()
    model = KANRegressor(**CURVES, monotone={"age": 1}, axioms=[Bounded(-500, 500), "convex(z, strength=soft(0.1))"])
    assert clone(model).get_params()["axioms"] == model.axioms
    model.fit(frame, y)
    path = tmp_path / "m.safetensors"
    model.save(path)
    for other in (load(path), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(frame), model.predict(frame))
        assert other.axiom_status_ == model.axiom_status_
        assert other.certificate_ == model.certificate_
        np.testing.assert_allclose(other.feature_importances_, model.feature_importances_, atol=0.05)  # of fewer rows
    again = load(path)
    assert again.monotone == {"age": 1}
    np.testing.assert_array_equal(clone(again).fit(frame, y).predict(frame), model.predict(frame))


def test_soft_and_verified_axioms_report_their_violations() -> None:
    frame, y = homes()
    wishes = [Monotone("age", increasing=False, strength=Soft(0.01)), Monotone("age", strength=Verify())]
    model = KANRegressor(**CURVES, axioms=wishes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        model.fit(frame, y)
    soft, seen = model.axiom_status_
    assert (soft.strength, soft.status) == ("soft(0.01)", "refuted")
    assert "violated by" in soft.note
    assert "violated at age=" in soft.note
    assert seen.strength == "verify"
    assert model.certificate_.status == "refuted"


@pytest.mark.parametrize("framed", [False, True])
def test_explanations_work_with_and_without_a_frame(framed: bool, tmp_path: Any) -> None:
    frame, y = homes()
    axioms = ["symmetric(age, z)", "bounded(-900, 900)"] if framed else ["concave(age)"]
    model = KANRegressor(**CURVES, axioms=axioms, formula_budget=1.0).fit(frame, y)
    shares = model.feature_importances_
    assert shares.shape == (5,)
    assert shares.sum() == pytest.approx(1.0)
    assert shares[4] == 0
    if framed:
        assert min(shares[0], shares[3]) > 0  # each has its part in what they make together
    model.plot()
    text = model.report(tmp_path / "r.html", equations=False).read_text()
    assert "axiom" in text
    assert "proved" in text
    assert "<svg" in model._repr_html_inner()


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        ({"monotone": {"agee": 1}}, ["'agee'", "does not exist", "did you mean 'age'"]),
        ({"monotone": {"kind": 1}}, ["'kind'", "category"]),
        ({"monotone": {"kind=house": 1}}, ["'kind=house'", "does not exist"]),
        ({"monotone": {"z missing": 1}}, ["does not exist"]),
        ({"monotone": {"age": 2}}, ["1 (increasing)", "2", "'age'"]),
        ({"monotone": [1, 0]}, ["5 columns", "[1, 0]"]),
        ({"monotone": {7: 1}}, ["column 7", "from 0 to 4"]),
        ({"axioms": ["monotone(age, domain={'kind': (0, 1)})"]}, ["category"]),
        ({"axioms": ["symmetric(age, shop)"]}, ["'shop'", "constant in the fit"]),
        ({"axioms": ["monotone(age"]}, ["cannot read"]),
        ({"axioms": ["through(((1, 2, 3, 4, 5),), (0,))"]}, ["through", "numbers without gaps"]),
        ({"axioms": ["f(x, y) == f(y, x)"]}, ["law", "all columns"]),
        ({"axioms": ["monotone(age, output=nope)"]}, ["'nope'", "'value'"]),
        ({"monotone": {"age": 1}, "axioms": ["monotone(age, increasing=False)"]}, ["contradict", "monotone('age')"]),
    ],
)
def test_what_is_wrong_is_refused_before_any_training(options: dict[str, Any], fragments: list[str]) -> None:
    frame, y = homes(30)
    steps: list[Any] = []
    model = KANRegressor(**{"callbacks": steps.append, **options})
    with pytest.raises((ConfigError, FormulaError)) as caught:
        model.fit(frame, y)
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert not steps


def test_columns_that_say_nothing() -> None:
    frame, y = homes(40)
    model = KANRegressor(**CURVES, monotone={"shop": 1}).fit(frame, y)
    assert model.axiom_status_[0].status == "proved"
    assert "constant in the fit" in model.axiom_status_[0].note
    flat = KANRegressor(monotone={"age": 1}, axioms=["bounded(0, 9)"]).fit(frame, np.full(40, 5.0))
    assert [status.status for status in flat.axiom_status_] == ["proved", "proved"]
    with pytest.raises(DataError, match="bounded"):
        KANRegressor(axioms=["bounded(0, 1)"]).fit(frame, np.full(40, 5.0))


# ------------------------------------------------------------------------------------------------------------- classes


@pytest.fixture(scope="module")
def sold() -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (ROWS, 3))
    return x, np.where(rng.random(ROWS) < expit(8 * x[:, 0] - 4), "yes", "no")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.slow
def test_probabilities_of_the_second_class_are_monotone_and_bounded(sold: Any, sign: int) -> None:
    x, y = sold
    model = KANClassifier(**CURVES, monotone=[sign, 0, 0], axioms=["bounded(0.1, 0.8)", "positive()"]).fit(x, y)
    at = np.linspace(-0.5, 1.5, 81)[:, None] * np.array([1.0, 0, 0]) + 0.3
    p = model.predict_proba(at)[:, 1]
    assert (sign * np.diff(p)).min() >= -1e-12
    assert 0.1 - 1e-12 <= p.min() <= p.max() <= 0.8 + 1e-12
    assert [status.status for status in model.axiom_status_[1:]] == ["proved", "proved"]
    assert "true of all" in model.axiom_status_[2].note
    assert not hasattr(KANClassifier(**CURVES, axioms=None).fit(x, y), "axiom_status_")


def test_points_and_tails_of_probabilities_are_probabilities(sold: Any) -> None:
    x, y = sold
    model = KANClassifier(**CURVES, axioms=["through(((0.5, 0.5, 0.5),), (0.25,))"]).fit(x, y)
    assert model.predict_proba([[0.5] * 3])[0, 1] == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize(
    ("classes", "axiom", "fragments"),
    [
        (2, "through(((0.5, 0.5, 0.5),), (3,))", ["3", "between 0 and 1"]),
        (2, "integral(1)", ["integral", "classifier"]),
        (2, "monotone(0, output=y)", ["output"]),
        (3, "monotone(0)", ["3 classes", "two"]),
        (3, "bounded(0.1, 0.9)", ["3 classes"]),
    ],
)
def test_what_classes_cannot_keep_is_refused(sold: Any, classes: int, axiom: str, fragments: list[str]) -> None:
    x, y = sold
    labels = np.where(x[:, 2] < 0.3, "maybe", y) if classes == 3 else y
    with pytest.raises(ConfigError) as caught:
        KANClassifier(axioms=[axiom]).fit(x, labels)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_several_classes_keep_what_every_score_can(sold: Any) -> None:
    x, y = sold
    labels = np.where(x[:, 2] < 0.3, "maybe", y)
    model = KANClassifier(**CURVES, axioms=["symmetric(x0, x1)", "bounded(0, 1)"]).fit(x, labels)
    np.testing.assert_allclose(model.predict_proba(x), model.predict_proba(x[:, [1, 0, 2]]), atol=1e-9)
    assert {status.status for status in model.axiom_status_} == {"proved"}
