"""Laws: a model works on what it was fitted to, in that dtype, and the errors that are reported are those of that model."""

import copy
import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

import splinework as sw
from splinework.errors import DtypeError
from splinework.interpret.scores import attribution
from splinework.nn.precision import precision_of
from splinework.train.sources import memmap

ROWS = np.random.default_rng(0).uniform(-1, 1, (80, 2))
TARGET = np.exp(np.sin(np.pi * ROWS[:, 0]) + ROWS[:, 1] ** 2)
COLUMNS = ["a", "b"]
KINDS = {
    "torch float32": (torch.tensor(ROWS, dtype=torch.float32), torch.float32),
    "torch float64": (torch.tensor(ROWS), torch.float64),
    "torch float16": (torch.tensor(ROWS, dtype=torch.float16), torch.float64),
    "torch integers": (torch.tensor(np.round(9 * ROWS), dtype=torch.int64), torch.float64),
    "NumPy float32": (ROWS.astype(np.float32), torch.float32),
    "NumPy float64": (ROWS, torch.float64),
    "NumPy float16": (ROWS.astype(np.float16), torch.float64),
    "NumPy in columns, big-endian": (np.asfortranarray(ROWS).astype(">f8"), torch.float64),
    "pandas": (pd.DataFrame(ROWS, columns=COLUMNS), torch.float64),
    "pandas float32": (pd.DataFrame(ROWS.astype(np.float32), columns=COLUMNS), torch.float64),
    "polars, other order": (pl.DataFrame({"b": ROWS[:, 1], "c": ROWS[:, 1], "a": ROWS[:, 0]}), torch.float64),
    "list": (ROWS.tolist(), torch.float64),
}


def quick(x, y=TARGET, model=None, **options):
    options = {"steps": 25, "grids": None, "progress": False, "starts": 1, **options}
    model = sw.KAN([2, 1, 1], names=COLUMNS, generator=torch.Generator().manual_seed(0)) if model is None else model
    return sw.fit(model, x, y, **options)


def error_of(model, x, y=TARGET):
    """As its user works it out."""
    return float(np.sqrt(np.mean((model(x).detach().numpy().astype(np.float64)[:, 0] - y) ** 2)))


def reported(result, rows=80):
    """The error on all rows that the last step of the history tells; to some roundings of y in the model's dtype."""
    last = result.history[-1]
    told = next(note for note in result.history.notes if note.endswith(" held out"))
    held = 0 if math.isnan(last.rmse_validation) else int(told.split()[-3])
    squares = (rows - held) * last.rmse_train**2 + (held * last.rmse_validation**2 if held else 0.0)
    eps = torch.finfo(dtype_of(result.model)).eps
    return pytest.approx(math.sqrt(squares / rows), rel=1e-6, abs=3 * eps * float(np.abs(TARGET).max()))


def dtype_of(model):
    found = {t.dtype for t in (*model.parameters(), *model.buffers()) if t.is_floating_point()}
    assert len(found) == 1
    return found.pop()


EVERY_DAY = {"NumPy float64", "pandas", "torch float32", "list"}
"""Kinds of data that a change is checked with at once; the others run with the slow tests."""


@pytest.fixture(
    scope="module", params=[pytest.param(kind, marks=() if kind in EVERY_DAY else pytest.mark.slow) for kind in KINDS]
)
def fitted(request):
    x, dtype = KINDS[request.param]
    return x, dtype, quick(x)


# ---------------------------------------------------------------------------------------------- the dtype of the data


@pytest.mark.quick(2)
def test_the_fitted_model_works_on_the_very_rows_with_the_printed_error(fitted):
    x, dtype, result = fitted
    assert dtype_of(result.model) == dtype
    assert result.model(x).dtype == dtype
    assert error_of(result.model, x) == reported(result)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_dtype_that_the_user_chose_stays(fitted, dtype):
    x, _, _ = fitted
    assert dtype_of(quick(x, model=sw.KAN([2, 1], names=COLUMNS, dtype=dtype), steps=2).model) == dtype
    called = quick(ROWS.astype(np.float32), model=sw.KAN([2, 1], names=COLUMNS).double(), steps=2).model
    assert dtype_of(called) == torch.float64


def test_data_without_a_dtype_of_their_own_leave_it_to_the_others():
    single, double = torch.ones(2, dtype=torch.float32), torch.ones(2, dtype=torch.float64)
    assert precision_of(single, [[0.0]], single.numpy()) == torch.float32
    for data in ((single, double), ([1.0],), (), (torch.ones(2, dtype=torch.bfloat16),), (pd.Series([1.0]), [1])):
        assert precision_of(*data) == torch.float64


def test_a_model_of_float64_takes_what_it_can_hold_and_one_of_float32_says_what_it_cannot():
    exact, single = quick(ROWS, steps=3).model, quick(ROWS.astype(np.float32), steps=3).model
    for x in (torch.ones(3, 2), torch.ones(3, 2, dtype=torch.int64), torch.ones(3, 2, dtype=torch.float16)):
        assert torch.equal(exact(x), exact(x.double()))
    with pytest.raises(DtypeError, match=r"float32, got x of torch\.float64; use x\.to\(torch\.float32\) or model"):
        single(torch.ones(3, 2, dtype=torch.float64))
    assert single(ROWS).dtype == torch.float32  # an array is converted, as by every verb


@pytest.mark.quick(2)
def test_the_dtype_follows_the_data_again_when_the_model_is_fitted_again(fitted, tmp_path):
    x, dtype, result = fitted
    sw.save(result.model, tmp_path / "model.safetensors")
    begun = [sw.prune(result.model, x), sw.refine(result.model, grid=7), sw.load(tmp_path / "model.safetensors")]
    others = [(ROWS.astype(np.float32), torch.float32), (ROWS, torch.float64), (x, dtype)]
    of_each = [(model, others[n % 3]) for n, model in enumerate([*begun, copy.deepcopy(result.model)])]
    for model, (other, wanted) in [*of_each, *((result.model, other) for other in others)]:
        again = quick(other, model=model, steps=1)
        assert dtype_of(again.model) == wanted
        assert again.model(other).shape == (80, 1)


def test_one_column_may_be_a_vector():
    x = torch.linspace(-1, 1, 50, dtype=torch.float64)
    for given in (x, x.numpy(), x.tolist(), pd.Series(x.numpy())):
        result = quick(given, x**2, model=sw.KAN([1, 1]))
        assert torch.equal(result.model(given), result.model(x[:, None]))


# ---------------------------------------------------------------------------------------------------- the other verbs

VERBS = {
    "prune": lambda model, x, folder: sw.prune(model, x),
    "refine": lambda model, x, folder: sw.refine(model, grid=9),
    "adapt": lambda model, x, folder: sw.adapt(model, x),
    "copy": lambda model, x, folder: copy.deepcopy(model),
    "elevate": lambda model, x, folder: sw.edit.elevate(model, 5),
    "raise_degree": lambda model, x, folder: sw.edit.raise_degree(model, 5),
    "save and load": lambda model, x, folder: (
        sw.save(model, folder / "m.safetensors") or sw.load(folder / "m.safetensors")
    ),
    "sparsify": lambda model, x, folder: sw.sparsify(model, x, TARGET, budget=0.1, progress=False).model,
    "ensemble": lambda model, x, folder: sw.ensemble(model, x, TARGET, members=2, steps=2, progress=False).models[1],
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.filterwarnings("ignore::splinework.FitWarning")
def test_verbs_keep_the_dtype_and_what_they_return_takes_the_rows(fitted, verb, tmp_path):
    x, dtype, result = fitted
    made = VERBS[verb](result.model, x, tmp_path)
    assert dtype_of(made) == dtype
    assert made(x).shape == (80, 1)


@pytest.mark.quick(2)
@pytest.mark.filterwarnings("ignore::splinework.FitWarning")
def test_verbs_that_read_a_model_take_the_rows(fitted):
    x, _, result = fitted
    model = result.model
    trace = sw.trace(model, x)
    assert torch.isfinite(attribution(model, x, record=trace).inputs).all()
    sw.verify(model, ["bounded(lower=-1000)"], box={"a": (-1, 1), "b": (-1, 1)}, effort=1)
    interval = result.interval(x)
    assert (interval.upper >= interval.lower).all()


@pytest.mark.parametrize("kind", ["torch float32", "list"])
def test_a_picture_takes_the_rows(kind):
    assert sw.plot(sw.KAN([2, 1], names=COLUMNS, dtype=KINDS[kind][1]), KINDS[kind][0]).figure is not None


@pytest.mark.quick(1)
@pytest.mark.parametrize("kind", ["torch integers", "polars, other order"])
def test_a_report_takes_the_rows(kind, tmp_path):
    x, _ = KINDS[kind]
    result = quick(x, steps=5)
    sw.report(result.model, tmp_path / "report.html", x=x, y=TARGET, history=result.history)
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_a_file_holds_every_digit(tmp_path):
    model = quick(ROWS).model
    sw.save(model, tmp_path / "model.safetensors")
    again = sw.load(tmp_path / "model.safetensors")
    assert dtype_of(again) == torch.float64
    assert torch.equal(again(ROWS), model(ROWS))


# ------------------------------------------------------------------------------------------------- errors as reported

ENDS = {
    "polished": {},
    "no rows held out": {"validation": 0},
    "rows held out": {"validation": 0.3},
    "first order": {"optimiser": "adam", "steps": 40},
    "cut short": {"steps": 3},
    "overfitted": {"optimiser": "lbfgs", "grids": [40], "steps": 60, "validation": 0.5},
    "penalty": {"penalties": [sw.train.Sparsity(1e-3)]},
    "weights": {"weights": np.linspace(0.1, 1, 80)},
    "growing": {"grids": [5, 10, 20], "starts": 3},
}


@pytest.mark.quick(4)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.filterwarnings("ignore::splinework.FitWarning")
def test_the_last_step_has_the_errors_of_the_model_handed_back_however_the_fit_ends(end, dtype):
    x = ROWS.astype(dtype)
    result = quick(x, **ENDS[end])
    assert error_of(result.model, x) == reported(result)


@pytest.mark.parametrize("scales", [("linear", "linear"), ("log", "log")], ids=str)
def test_columns_on_a_logarithmic_scale_have_their_error_in_the_logarithm(scales):
    x = np.exp(3 * ROWS).astype(np.float32)
    model = sw.KAN([2, 1], names=COLUMNS, input_scales=scales, output_scales=["log"])
    result = quick(x, TARGET, model=model, validation=0)
    logs = np.log(result.model(x).detach().numpy().astype(np.float64)[:, 0]) - np.log(TARGET)
    assert np.sqrt(np.mean(logs**2)) == pytest.approx(result.history[-1].rmse_train, abs=1e-6)


@pytest.mark.parametrize("chosen", [None, torch.float32], ids=str)
def test_rows_that_stream_end_with_the_errors_of_the_model_handed_back(chosen, tmp_path):
    np.save(tmp_path / "x.npy", ROWS)
    np.save(tmp_path / "y.npy", TARGET)
    source = memmap(tmp_path / "x.npy", tmp_path / "y.npy")
    result = quick(source, None, model=sw.KAN([2, 1], names=COLUMNS, dtype=chosen), validation=0)
    assert dtype_of(result.model) == (chosen or torch.float64)
    assert error_of(result.model, ROWS) == reported(result)


def test_the_solution_of_an_equation_has_the_dtype_of_its_points():
    for dtype in (torch.float32, torch.float64):
        t = torch.linspace(0, 1, 40, dtype=dtype)[:, None]
        start = sw.Residual(lambda model, x: model(x) - 1, [[0.0]])
        result = sw.solve(
            sw.KAN([1, 1], domain=(0, 1)),
            [sw.Residual(lambda model, x: sw.derivatives.partials(model, x, 0)[0] + model(x), t), start],
            steps=5,
            progress=False,
        )
        assert dtype_of(result.model) == dtype


# ------------------------------------------------------------------------------------------------ README and commands


@pytest.mark.slow
def test_the_example_of_the_readme_holds():
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(200, 3, generator=generator, dtype=torch.float64) - 1
    y = torch.exp(torch.sin(torch.pi * x[:, 0]) + x[:, 1] ** 2)
    result = sw.fit(sw.KAN([3, 1, 1], names=["a", "b", "c"]), x, y, progress=False, budget=20)
    small = sw.prune(result.model, x)
    for model in (result.model, small):
        assert (model(x)[:, 0] - y).square().mean().sqrt() <= 1.5 * result.history[-1].rmse_train


@pytest.mark.slow
def test_the_metrics_of_a_folder_are_those_of_what_its_model_predicts(tmp_path):
    from click.testing import CliRunner

    from splinework.cli import main

    table = pd.DataFrame({"a": ROWS[:, 0], "b": ROWS[:, 1], "y": TARGET})
    table.to_csv(tmp_path / "data.csv", index=False)
    run, folder = CliRunner(), tmp_path / "out"
    options = ["--target", "y", "--budget", "5", "--out", str(folder)]
    assert run.invoke(main, ["fit", str(tmp_path / "data.csv"), *options]).exit_code == 0
    metrics = json.loads((folder / "metrics.json").read_text())
    done = run.invoke(
        main,
        ["predict", str(folder / "model.safetensors"), str(tmp_path / "data.csv"), "--out", str(tmp_path / "p.csv")],
    )
    assert done.exit_code == 0, done.output
    predicted = pd.read_csv(tmp_path / "p.csv")
    squares = metrics["n_train"] * metrics["rmse_train"] ** 2 + metrics["n_test"] * metrics["rmse_test"] ** 2
    own = ((predicted["y_predicted"] - predicted["y"]) ** 2).mean() ** 0.5
    assert own == pytest.approx(math.sqrt(squares / len(predicted)), rel=1e-6)
