"""The benchmark of formulas: its problems, its judge, its runner and its tables."""

import csv
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from benchmarks.formulas import changes, contenders, grammar, judge, pictures, runner, suites, tables, truth
from benchmarks.formulas.results import Key, Results
from benchmarks.formulas.tasks import FAR
from benchmarks.formulas.truth import rounded
from splinework.errors import ConfigError
from splinework.formula.parse import parse_formula
from splinework.interpret.symbolic.expression import compile_expression

ROOT = Path(__file__).resolve().parents[2]
SUITES = ("27", "main", "bonus", "random", "classical", "polynomials", "laws-1", "laws-2")
LAW = suites.tasks("27")[0]


def named(suite: str, name: str):
    return next(task for task in suites.tasks(suite) if task.name == name)


def evaluation(task, formula: str, level: float = 0.0, **facts) -> judge.Evaluation:
    nodes = truth.size(parse_formula(task.truth, task.inputs)) if task.truth else None
    return judge.judge(task, level, 0, judge.Answer(formula, 1.0, **facts), nodes)


# ---------------------------------------------------------------------------------------------------- problems


def test_there_are_as_many_problems_as_the_targets_say():
    assert [len(suites.tasks(name)) for name in (*SUITES, "noise", "powers")] == [
        27,
        100,
        20,
        30,
        64,
        40,
        15,
        15,
        40,
        38,
    ]
    assert suites.expanded(["27", "robust", "idle"]) == ("27", *changes.NAMES)


@pytest.mark.parametrize("suite", SUITES)
def test_a_truth_is_the_same_function_as_text_and_as_sympy(suite):
    for task in suites.tasks(suite)[::4]:
        x, y = task.fresh(0)
        again = compile_expression(parse_formula(task.truth, task.inputs), task.inputs)(x)
        np.testing.assert_allclose(again, y, rtol=1e-9, atol=1e-12 * np.abs(y).max(), err_msg=task.name)


def test_nodes_are_those_of_the_table_of_the_data_set_but_for_constant_parts():
    with files("splinework.data").joinpath("feynman_equations.csv").open(encoding="utf-8") as stream:
        told = {row["id"]: int(row["sympy_nodes"]) for row in csv.DictReader(stream)}
    tasks = (*suites.tasks("main"), *suites.tasks("bonus"))
    sizes = {task.name: truth.size(parse_formula(task.truth, task.inputs)) for task in tasks}
    assert all(sizes[name] <= told[name] for name in sizes)
    assert sum(sizes[name] == told[name] for name in sizes) > 75
    assert truth.size(parse_formula("sqrt(2)*x/sqrt(pi) + pi/4", ("x",))) == 5


def test_noise_is_added_to_the_same_rows():
    x, clean = LAW.training(0.0, 3)
    same, noisy = LAW.training(0.1, 3)
    assert (x == same).all()
    assert 0.09 < (noisy - clean).std() / clean.std() < 0.11
    assert not np.isin(LAW.fresh(3)[0], x).any()
    assert not (LAW.training(0.0, 4)[0] == x).any()


@pytest.mark.parametrize("suite", [*SUITES, "noise", "curves-1", *changes.NAMES])
def test_every_problem_can_be_drawn(suite):
    names = [task.name for task in suites.tasks(suite)]
    assert len(set(names)) == len(names)
    for task in suites.tasks(suite):
        x, y = task.training(0.01, 0)
        assert x.shape == (task.rows, len(task.inputs))
        assert np.isfinite(y).all()
        assert np.ptp(y) > 0


def test_the_wide_range_is_wider_by_a_quarter():
    x, _ = LAW.wide(0)
    half = (np.asarray(LAW.high) - LAW.low) / 2
    centre = (np.asarray(LAW.high) + LAW.low) / 2
    np.testing.assert_allclose(np.abs(x - centre).max(0), 1.25 * half, rtol=0.01)


def test_random_formulas_come_from_their_seed():
    assert [task.truth for task in grammar.suite(0)] == [task.truth for task in suites.tasks("random")]
    assert not {task.truth for task in suites.tasks("random-7")} & {task.truth for task in suites.tasks("random")}


def test_unknown_suites_are_named():
    with pytest.raises(ConfigError, match="--suite knows 27, main"):
        suites.tasks("28")


def test_changes_do_what_they_say():
    idle, plain = changes.change(LAW, "idle"), named("main", "I.12.5")
    x, y = idle.training(0.0, 0)
    assert (LAW.function(x[:, :-2]) == y).all()
    whole = changes.change(plain, "integers")
    x, _ = whole.training(0.0, 0)
    assert (x == np.round(x)).all()
    assert (whole.fresh(0)[0] == plain.fresh(0)[0]).all()
    assert changes.change(named("main", "I.6.2a"), "integers") is None  # three places
    x, _ = changes.change(LAW, "collinear").training(0.0, 0)
    assert np.corrcoef(x.T)[0, 1] > 0.985
    x, _ = changes.change(LAW, "collinear").fresh(0)
    assert abs(np.corrcoef(x.T)[0, 1]) < 0.1
    spoilt = changes.change(LAW, "outliers").training(0.0, 0)[1] != LAW.training(0.0, 0)[1]
    assert spoilt.mean() == changes.OUTLIERS
    x, y = changes.change(LAW, "categories").training(0.0, 0)
    factors = np.asarray(changes.LEVELS)[x[:, -1].astype(int)]
    np.testing.assert_allclose(y, factors * LAW.function(x[:, :-1]), rtol=1e-12)
    assert changes.change(named("main", "I.6.2a"), "collinear") is None


# ------------------------------------------------------------------------------------------------------- judge


@pytest.mark.parametrize("suite", [*SUITES, "categories"])
@pytest.mark.parametrize("level", [0.0, 0.01])
def test_the_truth_itself_is_right(suite, level):
    for task in suites.tasks(suite)[::7]:
        found = evaluation(task, task.truth, level)
        assert (found.solved, found.equal, found.srbench, found.idle) == (True, True, True, []), task.name


def test_an_error_longer_text_or_a_stray_input_is_found(monkeypatch):
    monkeypatch.setattr(judge, "simplified", lambda *_: None)
    law = named("27", "I.12.11")  # 1 + a sin θ
    assert not evaluation(law, "1 + 1.00001*a*sin(theta)").exact
    assert evaluation(law, "1 + 1.00001*a*sin(theta)", 0.01).solved
    off = evaluation(law, "3 + a*sin(theta)")
    assert (off.solved, off.exact, off.srbench) == (False, False, True)
    scaled = evaluation(law, "2 + 2*a*sin(theta)")
    assert (scaled.equal, scaled.srbench) == (False, True)
    long = evaluation(law, "1 + a*sin(theta) + 1e-12*exp(a)*cos(theta)*exp(2*theta + a)/(3 + a**2)")
    assert (long.exact, long.short, long.solved) == (True, False, False)
    assert evaluation(changes.change(law, "idle"), "1 + a*sin(theta) + 1e-9*idle_1").idle == ["idle_1"]
    assert not evaluation(law, "log(-1 - a**2)").solved
    assert not evaluation(law, "").solved


def test_a_formula_that_leaves_the_range_of_training_badly_does_not_hold(monkeypatch):
    monkeypatch.setattr(judge, "simplified", lambda *_: None)
    law = named("27", "I.12.11")
    bent = evaluation(law, "1 + a*sin(theta) + abs(a - 2) + a - 2", 0.01)
    assert law.high[0] == 2.0
    assert (bent.exact, bent.holds) == (True, False)


def test_only_rows_of_the_wide_range_count_at_which_the_truth_is_moderate():
    task = named("27", "I.15.3x")  # partly undefined there
    found = evaluation(task, task.truth)
    y = task.wide(0)[1]
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(y) & (np.abs(y) <= FAR * np.abs(task.training(0.0, 0)[1]).max())
    assert found.wide_share == usable.mean() < 0.95


def test_numbers_are_rounded_together():
    a, b = (parse_formula(text, ("x",)) for text in ("x*sqrt(2)/pi + 1/3", "0.45016*x + 0.33333"))
    assert rounded(a, 3).equals(rounded(b, 3))
    assert rounded(a, 3).has(parse_formula("x", ("x",)))


def test_noise_wants_a_constant_and_the_unknown_a_refusal():
    noise, beyond = suites.tasks("noise")[0], named("curves-1", "02")
    assert evaluation(noise, "0.02").solved
    assert not evaluation(noise, "0.02*x1").solved
    x, wide = beyond.fresh(0)[0], beyond.wide(0)[0]
    rough = {"fresh": np.exp(x[:, 1]), "wide": np.exp(wide[:, 1]), "nodes": 5}
    assert not evaluation(beyond, "exp(x2)").solved
    assert evaluation(beyond, "exp(x2)", notes=("No formula of the library explains these data",)).solved
    honest = evaluation(beyond, "spline_1(x1)*exp(x2)", splines=("x1",), **rough)
    assert (honest.solved, honest.kept) == (True, True)
    assert evaluation(beyond, "spline_1(x1) + spline_2(x2)", splines=("x1", "x2"), **rough).kept is False


def test_measured_laws_agree_with_their_tables():
    kepler, mercury, *folds = suites.tasks("real")
    for task, deviation in ((kepler, 0.01), (mercury, 0.005)):
        x, y = task.training(0.0, 0)
        rows = slice(len(y) - len(task.test_x), None)
        assert np.sqrt(np.mean((task.function(x)[rows] / y[rows] - 1) ** 2)) < deviation
        assert evaluation(task, task.truth).solved
        assert not evaluation(task, f"1.05*({task.truth})").solved
    assert len(folds) == 5
    mean = evaluation(folds[0], "152.0")
    assert mean.solved
    assert mean.r2 == pytest.approx(0, abs=0.1)


# ------------------------------------------------------------------------------------------------------ runner


STAND_INS = {
    "good": "def answer(say, **request):\n    say('1 + C1*sin(C2)', columns=['C1', 'C2'])",
    "crash": "import os\ndef answer(say, **request):\n    os._exit(3)",
    "raise": "def answer(say, **request):\n    say('1.0'); raise ValueError('no luck')",
    "hang": "import time\ndef answer(say, **request):\n    say('1 + a'); time.sleep(600)",
    "code": "def answer(say, **request):\n    say('__import__(C1)', columns=['C1', 'C2'])",
}


@pytest.mark.slow
def test_whatever_a_contender_does_there_is_a_result(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "GRACE", 4.0)
    monkeypatch.setattr(Results, "truth_nodes", lambda *_: 6)
    store = Results(tmp_path / "results")
    task = named("27", "I.12.11")
    jobs = []
    for name, text in STAND_INS.items():
        (tmp_path / f"{name}.py").write_text(text)
        path = str(tmp_path / f"{name}.py")
        jobs.append(runner.Job(task, 0.0, 0, contenders.Contender(name, path, "numpy", "numpy")))
    runner.Runner(store, budget=1.0, slots=2, threads=1).run(jobs)
    found = {key.contender: record for key, record in store.load(["27"]).items()}
    assert found["good"]["solved"]
    assert found["good"]["formula"] == "a*sin(theta) + 1"
    assert found["crash"]["error"] == "its process ended with 3"
    assert found["raise"]["error"] == "ValueError: no luck"
    assert found["raise"]["nrmse"] is not None
    assert found["hang"]["error"] == "it was stopped after its time"
    assert found["hang"]["formula"] == "1 + a"
    assert found["code"]["error"].startswith("unreadable")
    assert not any(found[name]["solved"] for name in ("crash", "raise", "hang", "code"))


def record(problem: str = "I.6.2", **facts):
    plain = judge.Evaluation().facts()
    key = {"suite": "27", "problem": problem, "level": 0.0, "seed": 0, "contender": "splinework"}
    return {**key, **plain, "seconds": 2.0, "error": "", "formula": "a", **facts}


def test_results_outlive_a_torn_line_and_the_last_one_counts(tmp_path):
    store = Results(tmp_path)
    store.add(record(solved=False))
    with (tmp_path / "27.jsonl").open("a") as stream:
        stream.write('{"suite": "27", "pro')
    store.add(record(solved=True))
    assert [found["solved"] for found in store.load(["27"]).values()] == [True]
    assert next(iter(store.load(["27"]))) == Key("27", "I.6.2", 0.0, 0, "splinework")


def test_a_problem_is_solved_if_most_seeds_solved_it(tmp_path):
    store = Results(tmp_path)
    for seed, solved in enumerate((True, True, False)):
        store.add(record(seed=seed, solved=solved))
        store.add(record("I.6.2b", seed=seed, solved=not solved))
    shown = tables.of(store, ["27"], None, None, None)
    assert shown.counted("27", 0.0, "splinework") == (1, 2)
    page = tables.page(shown)
    assert "| 27 dimensionless | splinework | 1 of 2 (≥ 23) |" in page
    assert "- 27 dimensionless, noise 0 %: I.6.2b" in page
    assert [path.name for path in pictures.draw(shown, tmp_path)] == ["solved_against_noise.svg", "solved_in_time.svg"]


def test_the_targets_are_those_of_whole_suites():
    assert [tables.target("powers", level, 38) for level in tables.LEVELS] == [38, 38, 38, pytest.approx(34.2)]
    assert tables.target("bonus", 0.01, 20) == 6
    assert tables.target("random", 0.0, 30) is None


@pytest.mark.slow
def test_a_formula_that_is_only_printed_badly_is_short_enough():
    law = named("27", "I.12.11")
    found = evaluation(law, "a*sin(theta)*(sin(a*theta)**2 + cos(a*theta)**2) + (1 + a)**2 - a**2 - 2*a")
    assert (found.solved, found.nodes) == (True, 6)
    assert truth.nodes("q1*q2*r/(r**3)", ("q1", "q2", "r")) == 6
    assert truth.nodes("(x**2 + x)/x", ("x",)) > 3  # as given


@pytest.mark.slow
def test_a_few_laws_are_found_from_the_command_line_and_a_run_goes_on(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "bench_formulas.py"), "run", "--results", str(tmp_path)]
    command += ["--suite", "27,main,noise", "--problems", "I.12.11,I.16.6,I.12.1,00 of 1000 rows", "--budget", "20"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "6 answers to get" in ended.stderr
    lines = [json.loads(line) for path in tmp_path.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert {line["error"] for line in lines} == {""}
    assert sum(line["solved"] for line in lines) >= 5
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "0 answers to get" in again.stderr
    assert again.stdout == ended.stdout
