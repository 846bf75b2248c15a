"""`sw.fit` with axioms: they hold in what comes out, the fit is as good as one without, and nonsense is refused first."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, FitWarning
from splinework.knowledge.axioms import (
    Additive,
    Axiom,
    Boundary,
    Bounded,
    Convex,
    Even,
    Integral,
    Invariant,
    Law,
    Monotone,
    NoInteraction,
    Periodic,
    Positive,
    ResidualEquation,
    Soft,
    Symmetric,
    Through,
    Units,
    Verify,
)
from splinework.nn.frame import FramedKAN
from splinework.train.run import TrainingRun
from tests.families import slow

NAMES = ["a", "b"]
PI = math.pi
TRUTHS = {
    "monotone": (lambda a, b: np.tanh(2 * a) + b**3, [Monotone("a"), Monotone("b")]),
    "falling": (lambda a, b: np.exp(-a) * 0.5 + np.sin(2 * b), [Monotone("a", increasing=False)]),
    "convex": (lambda a, b: a**2 + np.exp(b), [Convex("a"), Convex("b")]),
    "symmetric": (lambda a, b: np.exp(a * b) + a + b, [Symmetric(("a", "b"))]),
    "no interaction": (lambda a, b: np.sin(3 * a) + b**2, [NoInteraction("a", "b")]),
    "additive": (lambda a, b: np.sin(3 * a) + b**2, [Additive()]),
    "bounded": (lambda a, b: 1 / (1 + np.exp(-4 * a - b)), [Bounded(0, 1)]),
    "positive": (lambda a, b: np.exp(a + b), [Positive()]),
    "even": (lambda a, b: np.cos(2 * a) * (1 + b), [Even("a")]),
    "periodic": (lambda a, b: np.sin(2 * PI * a) * (1 + b), [Periodic("a", 1.0)]),
    "rotation": (lambda a, b: np.exp(-(a**2) - b**2), [Invariant("rotation", ("a", "b"))]),
    "boundary": (lambda a, b: (1 - a**2) * (1 - b**2) * np.exp(a), [Boundary({"a": (-1, 1), "b": (-1, 1)})]),
    "points": (lambda a, b: np.exp(a) * b, [Through([[0.0, 0.0], [0.5, 0.5]], [0.0, 0.5 * math.exp(0.5)])]),
    "integral": (
        lambda a, b: np.exp(a) * b**2,
        [Integral((math.e - 1 / math.e) * 2 / 3, over={"a": (-1, 1), "b": (-1, 1)})],
    ),
}


def rows(truth: object, count: int, noise: float = 0.05, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (count, 2))
    y = truth(x[:, 0], x[:, 1])
    return x, y + noise * y.std() * random.normal(size=count)


def fit(
    axioms: list[Axiom | str], x: object, y: object, shape: tuple[int, ...] = (2, 4, 1), **options: object
) -> object:
    model = sw.KAN(list(shape), names=NAMES, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    options = {"steps": 60, "starts": 2, "progress": False, **options}
    return sw.fit(model, x, y, axioms=axioms, **options)


EVERY_DAY = {"monotone", "no interaction", "periodic", "boundary"}
"""Ways in which an axiom enters a network; the others run with the slow tests."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in EVERY_DAY else pytest.mark.slow) for n in TRUTHS])
def test_what_is_true_is_learned_and_holds(name):
    truth, axioms = TRUTHS[name]
    x, y = rows(truth, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FitWarning)  # nothing speaks against a true axiom
        warnings.filterwarnings("ignore", message=".*(steps|parameters|grid).*", category=FitWarning)
        result = fit(axioms, x, y, steps=None if name == "integral" else 60)
    fresh, _ = rows(truth, 1000, seed=1)
    wanted = truth(fresh[:, 0], fresh[:, 1])
    with torch.no_grad():
        error = result.model(torch.from_numpy(fresh))[:, 0].numpy() - wanted
    assert np.sqrt(np.mean(error**2)) < 0.15 * wanted.std()
    assert result.certificate.status != "refuted"
    if name != "integral":  # its quadrature is looked at as an enclosure, which is not sharp enough here
        assert result.certificate.status == "proved"


def test_no_axioms_change_nothing():
    x, y = rows(TRUTHS["monotone"][0], 80)
    model = sw.KAN([2, 2, 1], generator=torch.Generator().manual_seed(0))
    plain = sw.train.fit(model, x, y, steps=10, progress=False).model
    for axioms in ((), []):
        assert torch.equal(
            sw.fit(model, x, y, axioms=axioms, steps=10, progress=False).model(torch.zeros(1, 2)),
            plain(torch.zeros(1, 2)),
        )


def test_the_model_handed_in_is_unchanged():
    x, y = rows(TRUTHS["monotone"][0], 80)
    model = sw.KAN([2, 2, 1], names=NAMES, generator=torch.Generator().manual_seed(0))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    sw.fit(model, x, y, axioms=["monotone(a)"], steps=5, progress=False)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_texts_recipes_and_numbers_say_the_same():
    x, y = rows(TRUTHS["monotone"][0], 80)
    at = torch.from_numpy(x)
    found = [
        fit([each], x, y, steps=3).model(at) for each in ("monotone(a)", "monotone('a')", Monotone("a"), Monotone(0))
    ]
    assert all(torch.equal(found[0], other) for other in found[1:])


def test_frames_of_columns_are_taken_by_name():
    x, y = rows(TRUTHS["boundary"][0], 120)
    frame = pd.DataFrame({"b": x[:, 1], "a": x[:, 0]})
    first = fit(TRUTHS["boundary"][1], frame, y, steps=10).model
    assert torch.equal(
        first(torch.from_numpy(x)), fit(TRUTHS["boundary"][1], x, y, steps=10).model(torch.from_numpy(x))
    )


@pytest.mark.parametrize("name", ["boundary", "symmetric", *slow("periodic", "bounded")])
def test_held_out_rows_and_weights_go_through_the_frame(name):
    truth, axioms = TRUTHS[name]
    x, y = rows(truth, 150)
    other = rows(truth, 50, seed=3)
    result = fit(axioms, x, y, validation=other, weights=np.linspace(1, 2, 150), steps=15)
    assert isinstance(result.model, FramedKAN)
    assert any(step.rmse_validation == step.rmse_validation or step.loss >= 0 for step in result.history.steps)


@pytest.mark.parametrize("loss", ["huber", "absolute"])
@pytest.mark.slow
def test_other_losses_go_through_the_frame(loss):
    truth, axioms = TRUTHS["boundary"]
    x, y = rows(truth, 200)
    y[:4] += 30
    model = fit(axioms, x, y, loss=loss).model
    with torch.no_grad():
        error = model(torch.from_numpy(x[4:]))[:, 0].numpy() - y[4:]
    assert np.median(np.abs(error)) < 0.3


def test_units_reach_the_answer():
    random = np.random.default_rng(0)
    x = random.uniform(1, 5, (200, 2))
    y = 0.5 * x[:, 0] * x[:, 1] ** 2
    result = fit([Units({"a": "kg", "b": "m/s"}, "J")], x, y, shape=(2, 1))
    far = torch.tensor([[70.0, 1e-3]], dtype=torch.float64)
    assert float(result.model(far).detach()) == pytest.approx(0.5 * 70 * 1e-6, rel=1e-6)


# ----------------------------------------------------------------------------------------------------- soft ones


@pytest.mark.parametrize("weight", [10.0, "auto"])
@pytest.mark.slow
def test_a_soft_axiom_lowers_its_violation(weight):
    def truth(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.clip(3 * a, -1, 1) + 0 * b

    x, y = rows(truth, 60, noise=0.3)
    options = {"grids": None, "degree": "keep", "validation": 0, "penalties": ()}
    loose = fit([Monotone("a", strength=Verify())], x, y, **options)
    held = fit([Monotone("a", strength=Soft(weight))], x, y, **options)
    (text,) = held.violations
    assert held.violations[text][0] < 0.6 * next(iter(loose.violations.values()))[0]


@pytest.mark.parametrize(
    "axiom",
    [
        Law("f(a,b) == f(b,a)", strength=Soft(10.0)),
        ResidualEquation("y_aa + y_bb", strength=Soft(0.1)),
        Boundary({"a": (-1, 1)}, 0.0, strength=Soft(10.0)),
        Integral(0.0, strength=Soft(10.0)),
    ],
    ids=str,
)
@pytest.mark.slow
def test_soft_axioms_of_all_kinds_train(axiom):
    x, y = rows(lambda a, b: a**2 - b**2, 100)
    result = fit([axiom], x, y, steps=20)
    assert all(math.isfinite(value) for pair in result.violations.values() for value in pair)


def test_soft_axioms_go_with_frames():
    x, y = rows(TRUTHS["boundary"][0], 100)
    result = fit([*TRUTHS["boundary"][1], Monotone("b", strength=Soft(1.0))], x, y, steps=15)
    assert isinstance(result.model, FramedKAN)
    assert len(result.violations) == 1


# --------------------------------------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("axioms", "told"),
    [
        (["monotone(age)"], "age"),
        (["monoton(a)"], "monotone"),
        ([Monotone("a"), Monotone("a", increasing=False)], "monotone"),
        ([Monotone("a"), Periodic("a")], "periodic"),
        ([Boundary({"a": (0, 1)}, 0.0), Boundary({"a": (0, 1)}, 1.0)], "boundary"),
        ([Units({"a": "kg", "b": "kg"}, "m")], "unit"),
        (["sin(a) + q >= 0"], "q"),
        ([3], "axiom"),
    ],
    ids=str,
)
def test_nonsense_is_refused_before_any_training(axioms, told, monkeypatch):
    x, y = rows(TRUTHS["monotone"][0], 50)
    monkeypatch.setattr(TrainingRun, "__init__", lambda *_, **__: pytest.fail("a training began"))
    with pytest.raises(sw.SplineworkError, match=f"(?i){told}"):
        fit(axioms, x, y)


@pytest.mark.parametrize(
    "x", [np.zeros((5, 3)), np.full((5, 2), np.nan), np.zeros((0, 2))], ids=["columns", "nan", "empty"]
)
def test_wrong_rows_are_refused(x):
    with pytest.raises(sw.SplineworkError):
        fit(["monotone(a)"], x, np.zeros(len(x)))


def test_a_framed_model_is_not_fitted_again():
    model = fit(TRUTHS["boundary"][1], *rows(TRUTHS["boundary"][0], 60), steps=3).model
    with pytest.raises(ConfigError, match="KAN"):
        sw.fit(model, *rows(TRUTHS["boundary"][0], 60), axioms=["positive()"])


@pytest.mark.parametrize("shape", [[1, 1], [1, 3, 1]])
def test_an_odd_fit_is_odd_whatever_the_mean_of_the_rows(shape):
    x = torch.cat([torch.linspace(-0.9, 0.9, 60), torch.linspace(0.5, 0.9, 20)]).double()[:, None]
    y = torch.asin(x[:, 0]) + 0.01 * torch.randn(80, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = sw.KAN(shape, names=["x"], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    result = sw.fit(model, x, y, axioms=["odd(x)"], progress=False, steps=50)
    assert result.certificate.status == "proved"
    points = torch.linspace(-0.9, 0.9, 41, dtype=torch.float64)[:, None]
    with torch.no_grad():
        assert (result.model(points) + result.model(-points)).abs().max() <= 1e-14
        assert (result.model(x)[:, 0] - y).pow(2).mean().sqrt() < 0.02


@pytest.mark.parametrize(
    "axiom",
    [
        "bounded(lower=0)",
        "bounded(0, 3)",
        "monotone(age, strength=soft)",
        "bounded(lower=0, strength=soft)",
        "additive(strength=soft)",
        "convex(dose, strength=soft)",
    ],
)
@pytest.mark.slow
def test_a_true_axiom_makes_a_fit_of_noisy_rows_no_worse(axiom):
    random = np.random.default_rng(0)
    x, fresh = random.uniform(0, 1, (40, 3)), random.uniform(0, 1, (1000, 3))
    y = x[:, 0] + x[:, 1] ** 2 + 0.2 * random.normal(size=40)
    truth = fresh[:, 0] + fresh[:, 1] ** 2

    def error(model):
        with torch.no_grad():
            return float(np.sqrt(np.square(model(torch.as_tensor(fresh)).numpy()[:, 0] - truth).mean()) / truth.std())

    def network():
        names = ["age", "dose", "weight"]
        return sw.KAN([3, 4, 1], names=names, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        plain = error(sw.fit(network(), x, y, progress=False).model)
        result = sw.fit(network(), x, y, axioms=[axiom], progress=False)
    assert plain < 0.2
    assert error(result.model) < plain + 0.05
    bend = 2 / y.std()  # of the function, in the units of violations
    assert all(root_mean_square < 0.01 * bend for root_mean_square, _ in result.violations.values())
    shown = result.history.steps[-1].rmse_train
    with torch.no_grad():
        assert shown == pytest.approx(
            float(np.sqrt(np.square(result.model(torch.as_tensor(x)).numpy()[:, 0] - y).mean()))
        )
