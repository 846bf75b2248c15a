"""The bench of speed: what is chosen, what is true, what is said of it; and one small real run."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks.speed import ours, perceptron, truth
from benchmarks.speed.__main__ import bench
from benchmarks.speed.cases import CONFIGS, Job, select
from benchmarks.speed.contenders import Contender, own_contenders
from benchmarks.speed.driver import Settings
from benchmarks.speed.options import BenchOptions
from benchmarks.speed.results import Results, load
from benchmarks.speed.run import run as run_bench
from benchmarks.speed.timing import Data, make_call, time_round
from splinework.errors import ConfigError, FileError
from tests.benchmarks.speed_values import job_of

GENERATOR = np.random.default_rng(0)


# ------------------------------------------------------------------------------------------------ the choice


def test_a_letter_means_all_that_begin_so_and_a_name_means_one():
    assert {job.config for job in select(["E"])} == {"E", "E1"}
    assert {job.config for job in select(["E1"])} == {"E1"}
    assert [job.shape for job in select(["W"])] == [c.shape for c in CONFIGS if c.letter == "W"]


def test_each_configuration_has_its_own_grids_unless_others_are_asked_for():
    assert {job.grid for job in select(["A"])} == {5, 20, 100, 1000}
    assert {job.grid for job in select(["C"])} == {5, 20, 100}
    assert {job.grid for job in select(["A", "C"], grids=[7])} == {7}


def test_jobs_with_the_same_threads_stand_together():
    threads = [job.threads for job in select(["A", "D"], threads=[1, 2], dtypes=["float32", "float64"])]
    assert threads == sorted(threads)
    assert threads.count(1) == threads.count(2)


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"configs": ["Z"]}, "'Z'"),
        ({"configs": ["A"], "modes": ["sideways"]}, "'sideways'"),
        ({"configs": ["A"], "dtypes": ["half"]}, "'half'"),
        ({"configs": ["A"], "grids": [0]}, "got 0"),
        ({"configs": ["E1"], "modes": ["adam"]}, "nothing to measure"),
        ({"configs": []}, "nothing to measure"),
    ],
)
def test_an_unknown_choice_is_refused(options, fragment):
    with pytest.raises(ConfigError, match=fragment):
        select(**options)


def test_multiply_adds_are_those_of_local_splines():
    edges = 1024 * 64 * 64
    assert job_of("A", mode="forward").multiply_adds() == 5 * edges
    assert job_of("A").multiply_adds() == 15 * edges
    first, second = 256 * 784 * 64, 256 * 64 * 10
    assert job_of("B").multiply_adds() == 10 * first + 15 * second  # inputs of the first layer need no gradient


def test_a_job_comes_back_from_json():
    job = job_of("B", 20)
    assert Job.from_dict(json.loads(json.dumps(job.to_dict()))) == job


@pytest.mark.parametrize("grid", [5, 100])
@pytest.mark.parametrize("shape", [(64, 64), (784, 64, 10), (13, 32, 32, 1), (2, 5, 1)])
def test_the_equal_perceptron_has_as_many_numbers_up_to_one_node(shape, grid):
    found = perceptron.shape_of_equal_size(shape, grid)
    count = [sum((a + 1) * b for a, b in pairwise(widths)) for widths in _neighbours(found)]
    wanted = sum(a * b for a, b in pairwise(shape)) * (grid + 4)
    assert abs(count[1] - wanted) == min(abs(c - wanted) for c in count)


def _neighbours(shape):
    return [(shape[0], *(w + step for w in shape[1:-1]), shape[-1]) for step in (-1, 0, 1)]


# ------------------------------------------------------------------------------------------------- the truth


def families():
    knots = np.tile(np.linspace(-1.6, 1.6, 9), (2, 1))
    splines = truth.splines(knots, GENERATOR.normal(size=(2, 5, 3)), 3)
    yield "splines", splines
    yield "silus", truth.silus(GENERATOR.normal(size=(2, 3)))
    yield "gaussians", truth.gaussians(np.linspace(-1, 1, 5), 0.5, GENERATOR.normal(size=(2, 5, 3)))
    yield "polylines", truth.polylines(np.linspace(-1, 1, 5), GENERATOR.normal(size=(2, 5, 3)))
    yield "straight outside", truth.straight_outside(splines, np.full(2, -0.4), np.full(2, 0.4))


@pytest.mark.parametrize(("name", "curves"), list(families()))
def test_slopes_are_those_of_the_values(name, curves):
    x, h = GENERATOR.uniform(-2, 2, 200), 1e-6
    x = x[np.abs(x / 0.4 - np.round(x / 0.4)) > 1e-3]  # a polyline has two slopes at its points
    slope = (curves(1, x + h, 0) - curves(1, x - h, 0)) / (2 * h)
    np.testing.assert_allclose(curves(1, x, 1), slope, atol=1e-6)


def test_splines_with_equal_coefficients_are_constant_inside_and_die_out():
    curves = truth.splines(np.linspace(-1.6, 1.6, 9)[None], np.ones((1, 5, 1)), 3)
    np.testing.assert_allclose(curves(0, np.linspace(-0.399, 0.399, 50), 0), 1, rtol=1e-12)
    assert (curves(0, np.array([-5.0, -1.7, 1.7, 5.0]), 0) == 0).all()
    assert 0 < curves(0, np.array([1.5]), 0)[0, 0] < 0.1  # the outer part of their support counts


@pytest.mark.parametrize(("source", "option"), [(ours, "reference"), (perceptron, "width"), (perceptron, "parameters")])
@pytest.mark.parametrize("config", ["A", "E"])
def test_own_contenders_compute_what_they_claim(source, option, config, restore_backend):
    job = job_of(config, 7, batch=40, dtype="float64", inner=True)
    model, data = source.build(job, option), Data.of(job)
    x = (2 * data.x.detach()).requires_grad_()  # beyond the grid too
    data = replace(data, x=x)
    y = make_call(model, model, data, "backward")[0]()
    value, pulled = truth.chain(source.layers(model), x.detach().numpy(), data.g.numpy())
    assert truth.relative_error(y.detach().numpy(), value) < 1e-12
    assert truth.relative_error(x.grad.numpy(), pulled) < 1e-12


@pytest.fixture
def restore_backend():
    """The backend in use is put back."""
    from splinework import kernels

    before = kernels.active()
    yield
    kernels.use(before)


def test_what_is_not_finite_is_infinitely_wrong():
    assert truth.relative_error(np.array([np.nan]), np.array([1.0])) == float("inf")


def test_a_round_lasts_as_long_as_asked_and_makes_one_call_at_least():
    calls = []
    found = time_round(lambda: calls.append(1), 1e-6, 0.01)
    assert found["calls"] == len(calls) > 1000
    assert 0 < found["minimum"] <= found["median"]
    assert time_round(lambda: None, 10.0, 1e-9)["calls"] == 1


@pytest.mark.parametrize("mode", ["forward", "backward", "adam"])
def test_a_call_leaves_gradients_where_they_belong(mode):
    job = job_of("D", mode=mode, batch=8)
    model = perceptron.build(job, "width")
    data = Data.of(job)
    before = [p.detach().clone() for p in model.parameters()]
    make_call(model, model, data, mode)[0]()
    assert all((p.grad is None) == (mode == "forward") for p in model.parameters())
    assert data.x.grad is None  # a first layer
    moved = any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert moved == (mode == "adam")


# ------------------------------------------------------------------------------------------------ the command


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


OPTIONS = ("--quick", "--network", "D", "--grid", "5", "--threads", "1", "--no-memory")


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (["--network", "Z"], ["--network", "'Z'"]),
        (["--grid", "five"], ["--grid", "such as 5,20", "'five'"]),
        (["--mode", "sideways"], ["--mode", "forward, backward, adam"]),
        (["--dtype", "half"], ["--dtype", "float32"]),
        (["--threads", "9999"], ["--threads", "cores"]),
        (["--rounds", "0"], ["--rounds", "got 0"]),
        (["--seconds", "0"], ["--seconds", "above 0"]),
        (["--cap", "nan"], ["--cap", "above 0"]),
        (["--out", "nowhere/r.json"], ["--out", "folder that exists"]),
        (["--only", "nobody"], ["--only", "'nobody'"]),
        (["--compile-mode", "best"], ["--compile-mode", "default"]),
        (["--wrong"], ["--wrong"]),
    ],
)
def test_a_wrong_option_is_refused(folder, options, fragments):
    with pytest.raises((ConfigError, FileError, click.UsageError)) as refusal:
        bench.main(options, standalone_mode=False)
    text = refusal.value.format_message() if isinstance(refusal.value, click.UsageError) else str(refusal.value)
    assert all(fragment in text for fragment in fragments)
    assert list(folder.iterdir()) == []


def test_a_refusal_is_one_line_and_exit_code_2():
    command = [sys.executable, "-m", "benchmarks.speed", "--network", "Z"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: --network knows A")
    assert ended.stderr.count("\n") == 1


def test_only_takes_a_whole_name_or_a_beginning():
    everyone = own_contenders()
    choice = BenchOptions(only="splinework;MLP, same w")
    assert [c.name for c in choice.among(everyone)] == ["splinework", "MLP, same width", "MLP, same width, compiled"]
    assert BenchOptions().among(everyone) == everyone


@pytest.mark.slow
def test_a_small_run_gives_times_and_errors(folder):
    only = ("--mode", "backward", "--only", "splinework, r;MLP, same w")
    result = CliRunner().invoke(bench, [*OPTIONS, *only, "--json", "--out", "r.json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert Results.from_dict(found) == load(folder / "r.json")
    (case,) = Results.from_dict(found).cases
    assert [r.contender for r in case.rows] == ["splinework, reference", "MLP, same width"]
    for each in case.rows:
        assert (each.status, each.rounds) == ("ok", 3)
        assert 0 < each.minimum <= each.median
        assert each.error < 1e-5
    assert found["peaks"][0]["matmul"] > 1e8
    assert "1/1" in result.stderr
    assert str(folder) not in result.stdout


BROKEN = '''"""Raises."""
def alternatives(job, option, compiled):
    raise RuntimeError("it broke")
'''
CHATTY = '''"""Prints, writes a file, and is wrong."""
from benchmarks.speed import perceptron
def alternatives(job, option, compiled):
    print("hello"); open("left.txt", "w").write("x")
    return [{}]
build, layers = perceptron.build, lambda model: perceptron.layers(model)[:1] * 2
'''


@pytest.mark.slow
def test_who_fails_or_is_wrong_is_named_and_the_others_go_on(folder):
    for name, text in (("broken", BROKEN), ("chatty", CHATTY)):
        (folder / f"{name}.py").write_text(text)
    others = [
        Contender("broken", "spline", str(folder / "broken.py")),
        Contender("chatty", "mlp-width", str(folder / "chatty.py"), "width"),
    ]
    job = job_of("A", mode="forward", batch=16, shape=(4, 4, 4))
    kept = run_bench([job], others, Settings(rounds=2, seconds=0.01), quiet=True)
    broken, chatty = kept.cases[0].rows
    assert (broken.status, broken.why) == ("failed", "RuntimeError: it broke")
    assert chatty.status == "wrong"
    assert chatty.minimum > 0
    assert {path.name for path in folder.iterdir()} <= {"broken.py", "chatty.py", "__pycache__"}
