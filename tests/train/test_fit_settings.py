"""What the settings of `fit` mean: held-out rows, seeds, starts, optimisers; and what wrong ones get."""

import math
import sys

import pandas as pd
import pytest
import torch
from threadpoolctl import ThreadpoolController, threadpool_info

import splinework as sw
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.splines.bases import BSpline
from splinework.train import Roughness, fit
from splinework.train.optim import Adam
from splinework.train.threads import one_thread
from tests.contracts.cases import normal
from tests.families import every, raising
from tests.interpret.edit.cases import state_of
from tests.train.cases import fresh, noise, quick, smooth, thinned, uniform

X = uniform(100)
Y = smooth(X)


def note(result) -> str:
    return result.history.notes[0]


# ------------------------------------------------------------------------------------------------- held-out rows


@pytest.mark.parametrize(
    ("validation", "rows", "told"),
    [
        (None, 100, "85 rows to fit, 15 held out"),
        (None, 40, "34 rows to fit, 6 held out"),
        (None, 39, "39 rows to fit, 0 held out"),
        (0, 100, "100 rows to fit, 0 held out"),
        (0.0, 100, "100 rows to fit, 0 held out"),
        (0.25, 100, "75 rows to fit, 25 held out"),
        (0.001, 100, "100 rows to fit, 0 held out"),
        ((uniform(30, seed=3), smooth(uniform(30, seed=3))), 100, "100 rows to fit, 30 held out"),
        ([pd.DataFrame(uniform(3)), [1, 2, 3]], 100, "100 rows to fit, 3 held out"),
    ],
    ids=str,
)
def test_rows_are_held_out_as_told(validation, rows, told):
    result = quick(fresh([2, 1]), X[:rows], Y[:rows], validation=validation, steps=3)
    assert note(result).startswith("optimiser lm, ")
    assert note(result).endswith(f"; {told}")
    held = not told.endswith(" 0 held out")
    assert all(math.isfinite(step.rmse_validation) is held for step in result.history if step.stage != "polish")


def test_held_out_rows_are_never_fitted():
    x, held = X, uniform(50, seed=3)
    wild = 1e3 * noise(50)
    tame = quick(fresh([2, 1]), x, Y, validation=(held, smooth(held)), steps=8)
    other = quick(fresh([2, 1]), x, Y, validation=(held, wild), steps=8)
    # The last step has the errors of the model handed back, which held-out rows choose.
    assert other.history.column("objective")[:-1] == tame.history.column("objective")[:-1]
    assert other.history.column("rmse_validation") != tame.history.column("rmse_validation")


def test_the_state_with_the_lowest_held_out_error_is_returned():
    x, held = uniform(60), uniform(200, seed=3)
    y = smooth(x) + noise(60)
    result = quick(fresh([2, 1], grid=20), x, y, validation=(held, smooth(held)), optimiser="lbfgs", steps=60)
    errors = result.history.column("rmse_validation")
    assert min(errors) < errors[-2]  # it overfits in the end
    assert errors[-1] == pytest.approx(min(errors), rel=1e-9)  # and ends with those of the model handed back
    assert (result.model(held) - smooth(held)).square().mean().sqrt().item() == pytest.approx(min(errors), rel=1e-9)


def test_the_last_polish_sees_all_rows_and_only_where_rows_were_held_out_by_itself():
    polished = fit(fresh([2, 1]), X, Y, progress=False, grids=None)
    assert polished.history[-1].stage == "polish"
    every = fit(fresh([2, 1]), X, Y, progress=False, grids=None, validation=0)
    assert {step.stage for step in every.history} == {"grid 5"}
    gap = (polished.model(X) - every.model(X)).square().mean().sqrt()
    assert gap < 0.02 * Y.std()  # both are least squares on the same rows
    told = fit(fresh([2, 1]), X, Y, progress=False, grids=None, validation=0.15)
    assert {step.stage for step in told.history} == {"grid 5"}


# --------------------------------------------------------------------------------------------------------- seeds

RANDOM = [{}, {"optimiser": Adam(batch=9)}, {"optimiser": "lbfgs", "starts": 2}]


@pytest.mark.parametrize("options", RANDOM, ids=str)
def test_the_same_seed_gives_the_same_bits_and_another_one_others(options):
    common = {"starts": 4, "steps": 12, "grids": "auto", **options}
    first, again = (quick(fresh([2, 2, 1]), X, Y, seed=7, **common) for _ in range(2))
    assert all(torch.equal(value, state_of(again.model)[name]) for name, value in state_of(first.model).items())
    told = [[(s.number, s.stage, s.grid, s.objective, s.rmse_train) for s in r.history] for r in (first, again)]
    assert told[0] == told[1]
    assert first.history.notes == again.history.notes
    other = quick(fresh([2, 2, 1]), X, Y, seed=8, **common)
    assert other.history.column("objective") != first.history.column("objective")


def test_the_global_seed_does_not_matter():
    model = fresh([2, 2, 1])
    with torch.random.fork_rng():
        torch.seed()
        first = quick(model, X, Y, starts=3)
        torch.seed()
        second = quick(model, X, Y, starts=3)
    assert first.history.column("objective") == second.history.column("objective")


# -------------------------------------------------------------------------------------------------------- starts


@pytest.mark.parametrize("optimiser", ["lm", "lbfgs", Adam(0.02)], ids=str)
def test_several_starts_are_made_and_the_best_goes_on(optimiser):
    result = quick(fresh([2, 2, 1]), X, Y, optimiser=optimiser, starts=4, steps=120, validation=0)
    stages = list(dict.fromkeys(step.stage for step in result.history))
    assert stages[:4] == [f"start {k} of 4" for k in (1, 2, 3, 4)]
    assert stages[-1] == "grid 5"
    last = {stage: [s.objective for s in result.history if s.stage == stage] for stage in stages}
    best = min(last[stage][-1] for stage in stages[:4])
    assert last["grid 5"][0] <= 1.1 * best + 1e-3


def test_the_first_start_is_the_model_itself_and_a_learned_model_is_not_started_anew():
    learned = quick(fresh([2, 3, 1]), X, Y, steps=30).model
    result = quick(learned, X, Y, steps=60, starts=6)
    assert not any(step.stage.endswith("of 6") for step in result.history)
    assert result.history[0].objective < 0.1
    options = {"basis": "chebyshev", "grid": 2}  # no splines, so no coarser ones to begin with
    one = quick(fresh([2, 3, 1], **options), X, Y, steps=4, starts=6)
    alone = quick(fresh([2, 3, 1], **options), X, Y, steps=4, starts=1)
    assert one.history[0].objective == alone.history[0].objective


def test_several_starts_begin_coarse_and_end_on_the_model_s_own_splines():
    result = quick(fresh([2, 3, 1], grid=7, degree=4), X, Y, steps=60, starts=3, degree="keep")
    assert result.history[0].grids == (2, 2)
    assert result.history[0].degrees == (2, 2)
    assert result.model.config.bases == (BSpline(7, 4), BSpline(7, 4))


def test_few_steps_leave_time_to_converge():
    result = fit(fresh([2, 3, 1]), X, Y, steps=40, progress=False, grids=None)
    stages = [step.stage for step in result.history]
    assert stages.count("grid 5") >= 10


# ---------------------------------------------------------------------------------------------------- optimisers


@pytest.mark.parametrize(
    ("options", "rows", "chosen"),
    [
        ({}, 100, "lm"),
        ({"grid_kind": "learnable"}, 100, "ssbroyden"),
        ({"grid": 700}, 100, "newton-cg"),  # more than 4000 numbers
    ],
    ids=str,
)
def test_the_method_is_chosen_by_size(options, rows, chosen):
    result = quick(fresh([2, 2, 1], **options), X[:rows], Y[:rows], steps=1)
    assert note(result).startswith(f"optimiser {chosen}, ")


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "method"), [(60_000, "newton-cg"), (300_000, "adam")])
def test_large_data_are_taken_without_a_matrix_and_larger_ones_in_batches(rows, method):
    x = torch.zeros(rows, 2, dtype=torch.float64)
    result = quick(fresh([2, 20, 20, 1]), x, x[:, :1], steps=0)
    assert note(result).startswith(f"optimiser {method}, ")


# -------------------------------------------------------------------------------------------------------- errors

FROZEN = fresh([2, 1]).requires_grad_(False)
HALF = fresh([2, 1])
HALF.kan_layers[0].bias.requires_grad_(False)
LOG = fresh([2, 1], input_scales=["log", "linear"], output_scales=["log"])


@every(
    ("arguments", "options", "error", "told"),
    [
        ((fresh([2, 1]), X[:, :1], Y), {}, ShapeError, ["x must have shape (rows, 2)", "(100, 1)"]),
        ((fresh([2, 1]), X, X), {}, ShapeError, ["y must have shape (rows, 1) or (rows,)", "per output", "(100, 2)"]),
        ((fresh([2, 1]), X, Y[:9]), {}, ShapeError, ["x and y", "same number of rows", "100 and 9"]),
        ((fresh([2, 1]), X[:0], Y[:0]), {}, DataError, ["no rows in x", "at least one"]),
        ((fresh([2, 1]), X / 0, Y), {}, DataError, ["x has values that are not finite", "x1: 100", "Drop or fill"]),
        ((fresh([2, 1]), X, Y * math.nan), {}, DataError, ["y has values that are not finite", "y: 100"]),
        ((fresh([2, 1]), [["a", "b"]], [1]), {}, DataError, ["x must be numbers"]),
        ((LOG, -X.abs(), Y), {}, DataError, ["x1: 100", "logarithmic scale must be positive"]),
        ((LOG, X.abs() + 1, -Y), {}, DataError, ["y: 100", "logarithmic scale must be positive"]),
        ((X, Y, fresh([2, 1])), {}, ConfigError, ["model first", "Tensor", "fit(model, x, y)"]),
        ((FROZEN, X, Y), {}, ConfigError, ["frozen", "requires_grad"]),
        ((HALF, X, Y), {"optimiser": "lm"}, ConfigError, ["lm moves every number", "lbfgs"]),
    ],
)
def test_wrong_data_or_models_are_refused_with_what_came_and_the_way_out(arguments, options, error, told):
    with raising(error, told):
        fit(*arguments, progress=False, **options)


@every(
    ("options", "error", "told"),
    [
        ({"steps": -1}, ConfigError, ["steps", "at least 0", "-1"]),
        ({"steps": 2.5}, ConfigError, ["steps", "2.5"]),
        ({"starts": 0}, ConfigError, ["starts", "at least 1", "0"]),
        ({"seed": None}, ConfigError, ["seed", "None"]),
        ({"seed": -3}, ConfigError, ["seed", "-3"]),
        ({"budget": -1}, ConfigError, ["budget", "-1"]),
        ({"budget": math.nan}, ConfigError, ["budget", "nan"]),
        ({"budget": "10"}, ConfigError, ["budget", "'10'"]),
        ({"optimiser": "sdg"}, ConfigError, ["auto, adam, adamw, lbfgs, bfgs, ssbfgs, ssbroyden, ", "'sdg'"]),
        ({"optimiser": torch.optim.Adam}, ConfigError, ["recipe"]),
        ({"validation": 1.0}, ConfigError, ["0 <= share < 1", "1.0"]),
        ({"validation": -0.1}, ConfigError, ["0 <= share < 1", "-0.1"]),
        ({"validation": math.nan}, ConfigError, ["0 <= share < 1", "nan"]),
        ({"validation": "0.2"}, ConfigError, ["share", "'0.2'"]),
        ({"validation": (X,)}, ConfigError, ["pair (x, y)", "1 parts"]),
        ({"validation": (X, Y, Y[:, 0], Y)}, ConfigError, ["pair (x, y)", "4 parts"]),
        ({"validation": 0.999}, DataError, ["holding out 100 of 100", "smaller"]),
        ({"validation": (X[:, :1], Y)}, ShapeError, ["x of validation", "(rows, 2)", "(100, 1)"]),
        ({"validation": (X, Y[:3])}, ShapeError, ["x of validation and y of validation", "100 and 3"]),
        ({"validation": (X, Y / 0)}, DataError, ["y of validation", "y: 100"]),
        ({"standardise": "yes"}, ConfigError, ["standardise", "'yes'"]),
        ({"grids": "all"}, ConfigError, ["grids", "[5, 10, 20]", "'all'"]),
        ({"grids": []}, ConfigError, ["grids", "[]"]),
        ({"grids": [5, 7.5]}, ConfigError, ["grids", "7.5"]),
        ({"grids": [0, 5]}, ConfigError, ["grids", "[0, 5]"]),
        ({"grids": 10}, ConfigError, ["grids", "10"]),
        ({"callbacks": print}, ConfigError, ["callbacks", "[callback]"]),
        ({"callbacks": [3]}, ConfigError, ["callbacks", "[3]"]),
        ({"penalties": Roughness(1.0)}, ConfigError, ["penalties", "Roughness"]),
        ({"penalties": ["l1"]}, ConfigError, ["penalties", "l1"]),
    ],
)
def test_a_wrong_setting_is_refused_with_what_came_and_the_way_out(options, error, told):
    with raising(error, told):
        fit(fresh([2, 1]), X, Y, progress=False, **options)


def test_held_out_rows_of_a_logarithmic_column_must_be_positive_too():
    with pytest.raises(DataError, match=r"x of validation.*x1: 1\); a column with a logarithmic scale"):
        fit(LOG, X.abs() + 1, Y, validation=(torch.tensor([[-1.0, 1.0]]), [1.0]), progress=False)


def test_every_number_of_data_may_be_used_once():
    x, y = normal(45, 2), noise(45)
    result = fit(thinned([2, 2, 1]), x, y, validation=0.5, steps=4, progress=False)
    assert note(result).endswith("23 rows to fit, 22 held out")


# -------------------------------------------------------------------------------------------------------- threads


def watched(work, *arguments, **settings) -> set[int]:
    """The numbers of threads that steps of this work had, where two are there; afterwards there must be two again."""
    seen, before, blas = set(), torch.get_num_threads(), threadpool_info()
    torch.set_num_threads(2)
    try:
        work(*arguments, progress=False, callbacks=[lambda step: seen.add(torch.get_num_threads())], **settings)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threadpool_info() == blas
    return seen


@pytest.mark.filterwarnings("ignore::splinework.errors.FitWarning")
def test_small_fits_have_one_thread_and_large_ones_all():
    wide, rows = sw.KAN([20, 20, 1]), uniform(1000, inputs=20)
    few = {"steps": 1, "starts": 1, "grids": None}
    assert watched(fit, sw.KAN([2, 2, 1]), X, Y, **few) == {1}
    assert watched(sw.solve, sw.KAN([2, 2, 1]), [sw.Residual(lambda model, x: model(x) - 1, X)], **few) == {1}
    assert watched(fit, wide, rows, rows[:, :1], optimiser=Adam(), **few) == {2}


@pytest.mark.slow
def test_small_searches_have_one_thread():
    assert watched(sw.sparsify, sw.KAN([2, 1]), X[:20], Y[:20], accuracy=0.5) == {1}
    assert watched(sw.discover, X, Y + noise(100), effort=3) == {1}


def test_libraries_have_one_thread_and_are_looked_for_again_where_a_module_was_loaded(monkeypatch):
    looked, libraries = [], ThreadpoolController()

    class Watched(ThreadpoolController):
        def __init__(self) -> None:
            looked.append(1)
            super().__init__()

    monkeypatch.setattr("threadpoolctl.ThreadpoolController", Watched)
    for modules in (1, 2):
        monkeypatch.setitem(sys.modules, f"module {modules}", sys)
        for _ in range(2):
            with libraries.limit(limits=2):
                with one_thread():
                    assert {library["num_threads"] for library in libraries.info()} == {1}
                assert {library["num_threads"] for library in libraries.info()} == {2}
        assert len(looked) == modules


def test_threads_come_back_after_an_error():
    def fails(step) -> None:
        raise ArithmeticError

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ArithmeticError):
            fit(sw.KAN([2, 2, 1]), X, Y, progress=False, callbacks=[fails])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, 2), *(pytest.param(n, n, marks=pytest.mark.slow) for n in (1, 3))],
)
def test_populations_of_formulas_have_all_threads_beside_small_fits(given, expected, monkeypatch):
    seen: list[tuple[int, int]] = []

    class Ended(ArithmeticError):
        pass

    def population(*arguments, threads, **keywords):
        seen.append((threads, torch.get_num_threads()))
        raise Ended

    monkeypatch.setattr("splinework.interpret.symbolic.evolution.FormulaEvolution", population)
    before, x = torch.get_num_threads(), normal(60, 2)
    torch.set_num_threads(2)
    try:
        with pytest.raises(Ended):
            sw.discover(
                x, torch.sin(x[:, 0] * x[:, 1].exp()) * x[:, 0] + noise(60)[:, 0], jobs=given, effort=4, progress=False
            )
    finally:
        torch.set_num_threads(before)
    assert seen == [(expected, 1)]
