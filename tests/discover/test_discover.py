"""From rows to a formula, without a setting to choose: what must be found, and what must not be made up."""

import inspect
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import torch

import splinework as sw
from splinework.discover import SearchOptions, discover
from splinework.discover.regression import regress
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.formula.expression import Expression

searches = import_module("splinework.discover")  # as an attribute of splinework it is the function
SECONDS = 120.0
"""Far more than is needed, so that a busy machine changes no result."""


def rows(function, columns, *, count=1000, low=-1.0, high=1.0, noise=0.0, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.uniform(low, high, (count, columns))
    y = function(x)
    return x, y + noise * y.std() * draw.normal(size=count)


def error(found, function, columns, low=-1.0, high=1.0):
    """NRMSE of the first formula's text on fresh rows."""
    x = np.random.default_rng(77).uniform(low, high, (2000, columns))
    best, truth = found.best, function(x)
    return float(np.sqrt(((Expression(best.text, best.names)(x) - truth) ** 2).mean()) / truth.std())


MONOMIALS = {
    "3/2 -1/2 2/3": (lambda x: x[:, 0] ** 1.5 * x[:, 1] ** -0.5 * x[:, 2] ** (2 / 3), 0.5, 4.0),
    "2 -1/3 -2": (lambda x: 3.7 * x[:, 0] ** 2 * x[:, 1] ** (-1 / 3) * x[:, 2] ** -2, 0.2, 5.0),
    "5/2 -1 1/2, negative": (lambda x: -0.8 * x[:, 0] ** 2.5 / x[:, 1] * np.sqrt(x[:, 2]), 0.5, 2.0),
    "-3 1/4 1": (lambda x: 1e-7 * x[:, 0] ** -3 * x[:, 1] ** 0.25 * x[:, 2], 0.5, 3.0),
}
slow = pytest.mark.slow


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n == "3/2 -1/2 2/3" else slow) for n in MONOMIALS])
def test_a_monomial_with_rational_exponents(name):
    function, low, high = MONOMIALS[name]
    found = discover(*rows(function, 3, low=low, high=high), budget=SECONDS)
    assert error(found, function, 3, low, high) < 1e-4
    assert "exp" not in found.best.text
    assert "log" not in found.best.text


def paper(x):
    return np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)


@slow
def test_the_papers_example():
    found = discover(*rows(paper, 2), budget=SECONDS)
    assert error(found, paper, 2) < 1e-4
    assert found.best.text == "exp(x2**2 + sin(pi*x1))"


def test_a_product():
    found = discover(*rows(lambda x: x[:, 0] * x[:, 1], 2), budget=SECONDS)
    assert found.best.text == "x1*x2"


SUMS = {
    "sin + square": (lambda x: np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2, 3, {"x1", "x2"}),
    "exp + line": (lambda x: np.exp(x[:, 1]) - 0.5 * x[:, 2], 3, {"x2", "x3"}),
    "1/x + abs": (lambda x: 3 / (x[:, 0] + 2) + np.abs(x[:, 2]), 4, {"x1", "x3"}),
    "tanh + cube": (lambda x: np.tanh(3 * x[:, 0]) + 0.2 * x[:, 3] ** 3, 4, {"x1", "x4"}),
    "one of five": (lambda x: np.cos(4 * x[:, 2]), 5, {"x3"}),
    "product": (lambda x: x[:, 0] * x[:, 1], 3, {"x1", "x2"}),
    "square root": (lambda x: np.sqrt(1.5 + x[:, 0]) + np.log(2 + x[:, 1]) - x[:, 3], 4, {"x1", "x2", "x4"}),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n == "exp + line" else slow) for n in SUMS])
def test_an_idle_input_goes(name):
    function, columns, used = SUMS[name]
    found = discover(*rows(function, columns), budget=SECONDS)
    assert error(found, function, columns) < 1e-4
    assert set(found.best.inputs) == used
    assert set(found.model.active_inputs()) <= {f"x{n + 1}" for n in range(columns)}


@slow
@pytest.mark.parametrize("noise", [0.01, 0.1])
@pytest.mark.parametrize("name", ["sin + square", "exp + line", "product"])
def test_noise_does_not_hide_a_law(name, noise):
    function, columns, used = SUMS[name]
    found = discover(*rows(function, columns, noise=noise), budget=SECONDS)
    assert error(found, function, columns) < 0.3 * noise
    assert set(found.best.inputs) == used


@pytest.mark.parametrize("count", [pytest.param(200), pytest.param(1000, marks=slow)])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=slow), *(pytest.param(s, marks=slow) for s in (2, 3, 4))])
@slow
def test_noise_alone_gives_a_constant_and_a_note(count, seed):
    draw = np.random.default_rng(100 + seed)
    found = discover(draw.uniform(-1, 1, (count, 3)), draw.normal(size=count), budget=SECONDS)
    assert found.best.inputs == ()
    assert any("no formula" in note for note in found.notes)
    assert any("constant" in note for note in found.notes)
    assert found.notes


@slow
@pytest.mark.parametrize("kind", ["lognormal", "uniform", "heavy tails", "integers"])
def test_noise_of_other_kinds_gives_a_constant_too(kind):
    draw = np.random.default_rng(5)
    y = {
        "lognormal": draw.lognormal(0, 2, 500),
        "uniform": draw.uniform(5, 6, 500),
        "heavy tails": draw.standard_t(2, 500),
        "integers": draw.integers(0, 5, 500).astype(float),
    }[kind]
    found = discover(draw.uniform(0.1, 1, (500, 3)), y, budget=SECONDS)
    assert found.best.inputs == ()
    assert any("no formula" in note for note in found.notes)


def small(seed=0):
    """A problem that is done in a second."""
    x, y = rows(lambda x: 2 * x[:, 0] - x[:, 1], 2, count=60, seed=seed)
    return x, y


def test_the_same_seed_gives_the_same_result():
    one, two = (discover(*small(), budget=SECONDS, seed=3) for _ in range(2))
    assert [row.text for row in one] == [row.text for row in two]
    assert one.notes == two.notes
    assert all(
        (a == b).all() for a, b in zip(one.model.state_dict().values(), two.model.state_dict().values(), strict=True)
    )


def test_no_global_state_is_touched():
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    x, y = small()
    before = x.copy(), y.copy()
    discover(x, y, budget=SECONDS)
    assert (torch.random.get_rng_state() == torch_state).all()
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert (x == before[0]).all()
    assert (y == before[1]).all()


@pytest.mark.parametrize(
    ("x", "y", "kind", "words"),
    [
        (np.ones((7, 2)), np.ones(7), DataError, "at least 8 rows.*got 7"),
        (np.ones((0, 2)), np.ones(0), DataError, "at least 8 rows.*got 0"),
        (np.ones((9, 2)), np.ones(8), ShapeError, r"\(9, 2\) and \(8,\)"),
        (np.ones(9), np.ones(9), ShapeError, r"\(9,\)"),
        (np.where(np.eye(9, 2) > 0, np.nan, 1.0), np.ones(9), DataError, "2 values that are not finite"),
        (np.ones((9, 2)), np.full(9, np.inf), DataError, "9 values that are not finite"),
    ],
    ids=["few rows", "no rows", "lengths", "1-D x", "nan", "inf"],
)
def test_wrong_data_are_named(x, y, kind, words):
    with pytest.raises(kind, match=words):
        discover(x, y)


def test_names_come_from_a_frame_or_are_given():
    x, y = small()
    frame = pd.DataFrame(x, columns=["mass", "speed"])
    assert discover(frame, pd.Series(y), target="force", budget=SECONDS).best.text == "2*mass - speed"
    named = discover(x, y, names=["p", "q"], target="r", budget=SECONDS).best
    assert (named.text, named.target) == ("2*p - q", "r")


def test_columns_over_orders_of_magnitude_get_a_logarithm_and_a_note_says_so():
    draw = np.random.default_rng(0)
    a, m = 10 ** draw.uniform(-2, 2, 200), 10 ** draw.uniform(0, 5, 200)
    found = discover(np.stack([a, m], 1), a**1.5 / np.sqrt(m), names=["a", "m"], target="p", budget=SECONDS)
    assert found.best.text == "a**(3/2)/sqrt(m)"
    for name in ("a", "m", "p"):
        assert any(note.startswith(f"{name} spans") and "logarithmic scale" in note for note in found.notes)


def test_a_given_shape_is_the_only_one_tried():
    stages = []
    found = discover(*small(), shape=[2, 1], budget=SECONDS, on_stage=stages.append)
    assert found.model.config.shape == [2, 1]
    assert {stage.split("[")[1] for stage in stages if "[" in stage} == {"2,1]"}
    assert not any("screening" in stage for stage in stages)
    assert found.best.text == "2*x1 - x2"


@pytest.mark.bits
def test_what_is_handed_back_fits_together():
    x, y = small()
    found = discover(x, y, budget=SECONDS)
    with torch.no_grad():
        values = found.model(torch.from_numpy(x))[:, 0].numpy()
    assert np.abs(values - y).max() < 1e-6
    assert found.history is None  # the network is that of the formula
    assert any("network of the first formula" in note for note in found.notes)
    assert sum(row.probability for row in found) == pytest.approx(1)
    assert found.best.held_out < 1e-6
    assert found.best.valid == {n: (c.min(), c.max()) for n, c in zip(("x1", "x2"), x.T, strict=True)}
    descriptions = [row.description for row in found]
    assert descriptions == sorted(descriptions)


@pytest.mark.parametrize("kind", ["constant y", "constant column", "twice the same column", "one column", "eight rows"])
def test_odd_data_are_no_error(kind):
    x, y = small()
    if kind == "constant y":
        y = np.full(60, 2.5)
    if kind == "constant column":
        x = np.column_stack([x, np.full(60, 3.0)])
    if kind == "twice the same column":
        x = np.column_stack([x, x[:, 0]])
    if kind == "one column":
        x, y = x[:, :1], x[:, 0] ** 2
    if kind == "eight rows":
        x, y = x[:8], y[:8]
    found = discover(x, y, budget=SECONDS)
    best = found.best
    assert np.isfinite(best.numpy()(x)).all()
    assert np.abs(best.numpy()(x) - y).max() <= (1e-6 if kind != "eight rows" else np.inf)


def test_a_short_budget_still_gives_an_answer():
    found = discover(*rows(paper, 2, count=300), budget=0.5)
    assert len(found) >= 1
    assert np.isfinite(found.best.numpy()(np.zeros((3, 2)))).all()


def test_an_interrupt_gives_what_was_found():
    """At any stage: there is always a table, and it says that it was cut short."""
    seen = []
    discover(*small(), on_stage=seen.append)
    for number in range(len(seen) - 1):
        calls = []

        def stop(stage, calls=calls, number=number):
            calls.append(stage)
            if len(calls) == number + 1:
                raise KeyboardInterrupt

        found = discover(*small(), on_stage=stop)
        assert any("interrupted" in note for note in found.notes)
        assert len(found) >= 1


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=slow) for seed in (1, 2, 3, 4))])
@slow
def test_gross_errors_are_set_aside_and_told(seed):
    x, y = rows(lambda x: x[:, 0] / (x[:, 1] - 3), 2, seed=seed)
    draw = np.random.default_rng(seed)
    bad = draw.random(len(y)) < 0.05
    found = discover(x, np.where(bad, y + 5 * draw.normal(size=len(y)), y))
    assert found.best.text.replace(" ", "") in {"x1/(x2-3)", "-x1/(3-x2)"}
    assert any("gross errors" in note for note in found.notes)


@pytest.mark.slow
def test_weights_are_kept_where_gross_errors_are_set_aside():
    """Rows without weight may say anything, also where others are gross errors."""
    x, y = rows(lambda x: x[:, 0] / (x[:, 1] - 3), 2)
    draw = np.random.default_rng(1)
    ignored = draw.random(len(y)) < 0.3
    bad = draw.random(len(y)) < 0.03
    y = np.where(ignored, y + 0.2, np.where(bad, y + 5 * draw.normal(size=len(y)), y))
    found = regress(x, y, weights=np.where(ignored, 1e-20, 1.0), network=False)
    assert found.best.text.replace(" ", "") in {"x1/(x2-3)", "-x1/(3-x2)"}
    assert found.model is None


def test_known_noise_is_in_the_units_of_the_target():
    x, y = rows(lambda x: np.exp(4 * x[:, 0]), 2)
    y = y + 0.5 * np.random.default_rng(3).normal(size=len(y))
    found = regress(x, np.maximum(y, 1e-3), noise=0.5, network=False)
    assert found.noise == 0.5
    assert not any("logarithmic scale" in note for note in found.notes if note.startswith("y"))


def test_units_make_groups_and_are_checked():
    draw = np.random.default_rng(0)
    x = draw.uniform(1, 2, (300, 3))
    y = 2 * np.pi * np.sqrt(x[:, 0] / x[:, 1])
    found = discover(x, y, names=["l", "g", "m"], target="T", units="l=m,g=m/s^2,m=kg,T=s")
    assert found.best.text == "2*pi*sqrt(l/g)" or found.best.inputs == ("l", "g")
    assert not any("disagree" in note for note in found.best.notes)
    with pytest.raises(DataError, match="kg"):
        discover(x[:, :2], y, names=["l", "g"], target="T", units="l=m,g=m/s^2,T=kg")


def test_a_question_for_another_function_is_told_its_name():
    x, y = small()
    with pytest.raises(ShapeError, match=r"discover_multioutput\(x, y\)"):
        discover(x, np.stack([y, y], 1))
    for labels in (y > 0, np.where(y > 0, "a", "b"), np.where(y > 0, "a", "b").astype(object)):
        with pytest.raises(DataError, match=r"discover_classes\(x, y\)"):
            discover(x, labels)
    with pytest.raises(DataError, match="y is x1 in every row"):
        discover(x, x[:, 0])
    assert discover(x, y.astype(object), budget=SECONDS).best.text == "2*x1 - x2"


@pytest.mark.parametrize("name", [name for name in searches.__all__ if name in sw.__all__])
def test_an_option_that_a_search_does_not_take_is_refused(name):
    function, x, y = getattr(sw, name), *small()
    data = {"complete_formula": ("?", x, y), "discover_relation": (x,)}.get(name, (x, y))
    with pytest.raises(ConfigError, match=rf"^{name} has no option 'sed'; did you mean 'seed'"):
        function(*data, sed=1)
    with pytest.raises(ConfigError, match="options is a SearchOptions, got 3"):
        function(*data, options=3)
    for given in ({"budget": 0}, {"budget": "long"}, {"seed": -1}, {"callbacks": 3}):
        with pytest.raises(ConfigError, match=next(iter(given))):
            function(*data, **given)
        with pytest.raises(ConfigError, match=next(iter(given))):
            function(*data, options=SearchOptions(**given))
    parameters = inspect.signature(function).parameters
    assert not any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    for each in parameters:
        assert function.__doc__.count(f"\n        {each}: ") == 1, each


def test_a_keyword_overrides_the_options_object():
    stages = []
    options = SearchOptions(budget=SECONDS, seed=3, on_stage=stages.append)
    assert discover(*small(), options=options).best.text == "2*x1 - x2"
    heard = len(stages)
    assert heard > 0
    discover(*small(), options=options, on_stage=lambda stage: None)
    assert len(stages) == heard
