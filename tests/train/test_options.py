"""Laws of the training options: one dataclass, the same fields for type checkers, the same way in and the same refusals at every
verb, and every option does something."""

import functools
import inspect
from dataclasses import fields
from importlib import import_module
from typing import get_type_hints

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.knowledge.axioms import ResidualEquation as Equation
from splinework.knowledge.teach import informed, pde
from splinework.knowledge.teach.equations import global_solve
from splinework.tabular import KANRegressor
from splinework.train import Residual, Sparsity, TrainingOptions, options
from splinework.train import fit as fit_rows
from splinework.train.losses import Huber

fit_module, solve_module, ensemble_module, sparsify_module = (
    import_module(f"splinework.train.{name}") for name in ("fitting", "solving", "ensembles", "sparsification")
)
informed_fit = import_module("splinework.knowledge.teach.fit")

X = 10 * torch.rand(60, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] / 5).sin() + X[:, 1] / 10
NAMES = [each.name for each in fields(TrainingOptions)]


def model(shape=(2, 2, 1)):
    return sw.KAN(list(shape), dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def plain(network, points):
    return network(points)


def equation():
    network = sw.KAN([1, 1], names=["x"], output_names=["u"], dtype=torch.float64)
    return network, [Equation("u_xx = -u")]


VERBS = {
    "train.fit": (fit_rows, lambda **given: fit_rows(model(), X, Y, **given)),
    "fit": (sw.fit, lambda **given: sw.fit(model(), X, Y, **given)),
    "fit with axioms": (sw.fit, lambda **given: sw.fit(model(), X, Y, axioms=["monotone(x2)"], **given)),
    "solve": (sw.solve, lambda **given: sw.solve(model(), Residual(plain, X), **given)),
    "ensemble": (sw.ensemble, lambda **given: sw.ensemble(model(), X, Y, members=2, **given)),
    "sparsify": (sw.sparsify, lambda **given: sw.sparsify(model(), X, Y, **given)),
    "solve_equations": (
        pde.solve_equations,
        lambda **given: pde.solve_equations(*equation(), over={"x": (0, 1)}, **given),
    ),
}
"""Each verb, and a call of it."""
VALUES = {
    "steps": 3,
    "optimiser": "lbfgs",
    "validation": 0.5,
    "seed": 5,
    "progress": False,
    "callbacks": [lambda step: None],
    "penalties": [Sparsity(1.0)],
    "grids": [7],
    "degree": "keep",
    "starts": 2,
    "standardise": False,
    "budget": 100.0,
    "loss": Huber(0.5),
    "weights": np.linspace(1, 2, 60),
    "checkpoint": "record",
    "distributed": False,
    "residuals": [Residual(plain, [[0.0, 0.0]])],
}
"""A value of each option that is not its default."""
WRONG = {
    "steps": -1,
    "optimiser": "newton's apple",
    "validation": 1.5,
    "seed": -1,
    "callbacks": 3,
    "penalties": [3],
    "grids": "fine",
    "degree": "high",
    "starts": 0,
    "standardise": "yes",
    "budget": "long",
    "loss": "small",
    "checkpoint": 3,
    "distributed": "yes",
    "residuals": [3],
}


def taken(verb):
    return [name for name in inspect.signature(verb).parameters if name in NAMES and name != "residuals"] + (
        ["residuals"] if verb in (fit_rows, sw.fit, sw.ensemble) else []
    )


class Caught(Exception):
    """Ends a call once the options are known."""


@pytest.fixture
def caught(monkeypatch):
    """The options that innermost functions were handed."""
    found = []

    def ends(*args, **given):
        found.append(given.get("options", args[-1] if args else None))
        raise Caught

    for place, name in (
        (fit_module, "prepare"),
        (informed, "fit_rows"),
        (solve_module, "_task"),
        (global_solve, "solve"),
        (ensemble_module, "fit"),
        (sparsify_module, "fit"),
    ):
        monkeypatch.setattr(place, name, ends)
    take_rows = sparsify_module.take_rows

    def rows(*args):
        found.append(args[-1])
        return take_rows(*args)

    def no_search(search, penalties):
        search.accept(search.look(search.objective.model), "")

    monkeypatch.setattr(sparsify_module, "take_rows", rows)
    monkeypatch.setattr(sparsify_module, "_run_search", no_search)
    return found


def reaches(name, value, found, before):
    """Whether an option arrived, as it was given or as the verb shares it out among several fits."""
    got = getattr(found, name)
    match name:
        case "callbacks":
            return value[0] in got
        case "residuals":
            return any(each.function is plain for each in got)
        case "weights":
            return got is not None
        case "budget":
            return got is not None and 0 < got <= value
        case "seed":
            return got == value or got != before.seed
    return got == value


@pytest.mark.parametrize("by", ["keyword", "object"])
@pytest.mark.parametrize(("verb", "name"), [(verb, name) for verb, (f, _) in VERBS.items() for name in taken(f)])
def test_every_option_reaches_the_run_of_every_verb(verb, name, by, caught, tmp_path):
    value = str(tmp_path / "record") if name == "checkpoint" else VALUES[name]
    call = VERBS[verb][1]
    with pytest.raises(Caught):
        call()
    before = caught[-1]
    caught.clear()
    given = {name: value}
    with pytest.raises(Caught):
        call(**given) if by == "keyword" else call(options=TrainingOptions(**given))
    arrived = [reaches(name, value, found, before) for found in caught]
    # The last fit of `sparsify` must not change the units any more.
    assert all(arrived) if verb == "sparsify" and name != "standardise" else any(arrived)


@pytest.mark.parametrize("by", ["keyword", "object"])
@pytest.mark.parametrize("verb", VERBS)
def test_an_option_that_a_verb_does_not_take_is_refused_by_all_in_one_sentence(verb, by):
    function, call = VERBS[verb]
    other = [name for name in NAMES if name not in taken(function)]
    if verb == "solve":
        other.remove("residuals")  # its own second argument
    for name in other:
        with pytest.raises(ConfigError, match=rf"^{function.__name__} has no option '{name}'; .* It has "):
            call(**{name: VALUES[name]}) if by == "keyword" else call(options=TrainingOptions(**{name: VALUES[name]}))


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_option_is_refused_with_the_nearest_one(verb):
    function, call = VERBS[verb]
    with pytest.raises(ConfigError, match=rf"^{function.__name__} has no option 'sed'; did you mean 'seed'.* It has "):
        call(sed=3)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_by_all_in_one_sentence(name):
    with pytest.raises(ConfigError) as expected:
        TrainingOptions(**{name: WRONG[name]})
    assert name in str(expected.value) or name[:-1] in str(expected.value)
    for verb, call in VERBS.values():
        if name in taken(verb):
            with pytest.raises(ConfigError) as refused:
                call(**{name: WRONG[name]})
            assert str(refused.value) == str(expected.value)


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_options_object_is_refused(verb):
    with pytest.raises(ConfigError, match="options is a TrainingOptions, got 3"):
        VERBS[verb][1](options=3)


def test_a_keyword_counts_instead_of_the_object(caught):
    with pytest.raises(Caught):
        fit_rows(model(), X, Y, options=TrainingOptions(steps=4, seed=2), steps=5)
    assert (caught[0].steps, caught[0].seed) == (5, 2)


def test_type_checkers_are_told_of_the_same_fields():
    own = get_type_hints(TrainingOptions)
    assert set(get_type_hints(options.FitKeywords)) == set(own)
    for group in (
        each for each in vars(options).values() if isinstance(each, type) and each.__name__.endswith("Keywords")
    ):
        assert all(kind == own[name] for name, kind in get_type_hints(group).items()), group


@pytest.mark.parametrize("verb", VERBS)
def test_signature_and_docstring_of_a_verb_name_every_option_once(verb):
    function = VERBS[verb][0]
    parameters = inspect.signature(function).parameters
    assert not any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    for name in parameters:
        assert function.__doc__.count(f"\n        {name}: ") == 1, name
    defaults = {each.name: each.default for each in fields(TrainingOptions)}
    assert all(parameters[name].default == defaults[name] for name in taken(function))


# ------------------------------------------------------------------------------------------- that it does something


@pytest.fixture(scope="module")
def usual():
    return fit_rows(model(), X, Y, steps=25, progress=False)


def notes(result):
    return " | ".join(result.history.notes)


EFFECTS = {
    "steps": lambda one, usual: len(one.history.steps) <= 3 < len(usual.history.steps),
    "optimiser": lambda one, usual: "optimiser lbfgs, as asked for" in notes(one),
    "validation": lambda one, usual: "30 rows to fit, 30 held out" in notes(one),
    "seed": lambda one, usual: not torch.equal(one.model(X), usual.model(X)),
    "penalties": lambda one, usual: Sparsity(1.0) in one.training_data.penalties and not usual.training_data.penalties,
    "grids": lambda one, usual: {layer.basis.resolution for layer in one.model.kan_layers} == {7},
    "degree": lambda one, usual: {layer.basis.degree for layer in one.model.kan_layers} == {3},
    "starts": lambda one, usual: any(step.stage.startswith("start 2 of 2") for step in one.history.steps),
    "standardise": lambda one, usual: one.model.input_scaling.is_identity() > usual.model.input_scaling.is_identity(),
    "loss": lambda one, usual: one.training_data.loss == "huber" != usual.training_data.loss,
    "weights": lambda one, usual: one.training_data.weights is not None,
    "residuals": lambda one, usual: one.model(torch.zeros(1, 2, dtype=torch.float64)).abs() < 0.1,
}


@pytest.mark.parametrize("name", EFFECTS)
def test_an_option_does_what_it_says(name, usual):
    given = {"steps": 60 if name == "grids" else 25, "progress": False, name: VALUES[name]}
    if name == "residuals":
        given |= {"residuals": [Residual(plain, [[0.0, 0.0]], weight=100.0)]}
    found = fit_rows(model(), X, Y, **given)
    assert EFFECTS[name](found, usual)


@pytest.mark.parametrize("name", ["budget", "callbacks", "checkpoint"])
def test_an_option_about_the_run_does_what_it_says(name, tmp_path):
    seen = []
    values = {"budget": 0.0, "callbacks": [seen.append], "checkpoint": tmp_path / "record"}
    found = fit_rows(model(), X, Y, progress=False, **{"steps": 5, name: values[name]})
    happened = {
        "budget": "the budget was used up" in notes(found),
        "callbacks": len(seen) == len(found.history.steps),
        "checkpoint": (tmp_path / "record").exists(),
    }
    assert happened[name]


@pytest.mark.slow
def test_residuals_of_the_user_hold_beside_axioms_in_the_raw_inputs():
    """In a frame the network has other inputs; the residual still sees the whole model."""
    asked = Residual(lambda network, points: network(points) - 3, [[1.0, 2.0]], weight=100.0)
    y = X.sum(1) / 10
    for axioms in (["monotone(x2)"], ["invariant(translation, x1, x2)"], ["symmetric(x1, x2)"]):
        found = sw.fit(model(), X, y, axioms=axioms, residuals=[asked], progress=False, steps=200, starts=1)
        value = found.model(torch.tensor([[1.0, 2.0]], dtype=torch.float64)).item()
        assert abs(value - 3) < 0.5 * abs(0.3 - 3), (axioms, value)


def test_options_of_an_estimator_reach_its_fits(monkeypatch):
    found = []
    verb = informed_fit.fit

    @functools.wraps(verb)
    def record(*args, **given):
        found.append(given["options"])
        return verb(*args, **given)

    monkeypatch.setattr(informed_fit, "fit", record)
    seen = []
    estimator = KANRegressor(axioms=["convex(x1)"], max_iter=4, grid=6, hidden=0, callbacks=seen.append, random_state=3)
    estimator.fit(X.numpy(), Y.numpy(), sample_weight=np.linspace(1, 2, 60))
    KANRegressor(axioms=["convex(x1)"], max_iter=4, hidden=0, random_state=4).fit(X.numpy(), Y.numpy())
    one, other = found
    assert (one.steps, one.grids, other.grids, one.degree) == (4, None, "auto", "keep")
    assert seen
    assert one.seed != other.seed
    assert (one.weights != other.weights).any()
