"""The panel of drawn targets: laws of targets and cases, the models, and a run from the command line."""

import sys
from collections import Counter

import numpy as np
import pytest

from benchmarks import bench_panel
from benchmarks.panel import cases, laws, models, runner, targets
from benchmarks.panel.expressions import Draws, bracketed, column
from benchmarks.panel.families import FAMILIES
from benchmarks.processes import without_folders
from splinework.errors import ConfigError

HALVES = list(targets.HALVES)
EVERYTHING = [name for half in HALVES for name in targets.names(half)]


# ---------------------------------------------------------------------------------------------------------- targets


def test_there_are_sixty_targets_in_each_half_and_the_halves_share_none():
    development, report = (set(targets.names(half)) for half in HALVES)
    assert len(development) == len(report) == 60
    assert development.isdisjoint(report)
    assert {targets.target(name).half for name in report} == {"report"}


def test_a_target_is_centred_has_spread_one_and_columns_within_the_bounds():
    for name in EVERYTHING:
        one = targets.target(name)
        x = one.law.rows(np.random.default_rng(5), 3000)
        assert np.abs(x).max() <= 1, name
        assert abs(one(x).mean()) < 0.1, name
        assert one(x).std() == pytest.approx(1, abs=0.2), name
        family = FAMILIES[one.family]
        assert family.fewest <= len(one.expression.columns) <= family.most, name
        assert len(one.expression.columns) <= one.law.columns <= 10, name


def test_idle_columns_change_nothing_and_active_ones_do():
    for name in EVERYTHING:
        one = targets.target(name)
        x = one.law.rows(np.random.default_rng(5), 2000)
        for j in range(one.law.columns):
            other = x.copy()
            other[:, j] = 2 * np.random.default_rng(6).random(2000) - 1
            changed = not np.array_equal(one(other), one(x))
            assert changed == (j in one.expression.columns), (name, j)


def test_targets_are_the_same_everywhere():
    """The values were written down once: whoever changes a rule raises RULES and writes them anew."""
    assert targets.RULES == 1
    found = {}
    for name in ("wavy-4", "products-10", "stepped-1", "mixed-7"):
        one = targets.target(name)
        found[name] = (one.law.columns, float(one(np.full((1, one.law.columns), 0.3))[0]))
    assert found == {name: (columns, pytest.approx(value, abs=1e-9)) for name, (columns, value) in WRITTEN.items()}


WRITTEN = {
    "wavy-4": (1, -1.0088094679210278),
    "products-10": (6, 0.13994368718867994),
    "stepped-1": (1, 0.07067393495365415),
    "mixed-7": (9, -0.2903569266990224),
}


def test_a_target_of_another_name_is_refused():
    for name in ("wave-4", "wavy", "wavy--1", "wavy-x", "4"):
        with pytest.raises(ConfigError, match="FAMILY-SEED"):
            targets.target(name)


def test_every_family_has_a_written_rule():
    assert all(len(family.rule) > 60 for family in FAMILIES.values())


def test_draws_keep_their_bounds():
    draws = Draws(np.random.default_rng(0))
    assert {draws.whole(2, 4) for _ in range(200)} == {2, 3, 4}
    assert all(0.5 <= abs(draws.signed(0.5, 0.9)) <= 0.9 for _ in range(200))
    for _ in range(200):
        groups = draws.groups(range(7), 2, 3)
        assert sorted(j for group in groups for j in group) == list(range(7))
        assert min(map(len, groups)) >= 2


def test_the_text_of_an_expression_has_the_brackets_that_it_needs():
    assert [bracketed(text) for text in ("x1", "sin(x1 + 1)", "x1 + 1", "-x1")] == [
        "x1",
        "sin(x1 + 1)",
        "(x1 + 1)",
        "(-x1)",
    ]
    made = (column(0) + column(1).times(-2.0)) * column(2).plus(-0.5).into("exp({})", np.exp)
    assert made.text == "(x1 - 2·x2)·exp(x3 - 0.5)"
    assert made(np.array([[1.0, 2.0, 0.5]])) == pytest.approx(-3.0)


@pytest.mark.parametrize("kind", [laws.Uniform, laws.Correlated, laws.Skewed, laws.Clustered])
def test_a_law_is_what_its_name_says(kind):
    options = {"Correlated": ((0.9, -0.8),), "Skewed": ((3.0, -2.0),), "Clustered": (((0.5, 0.5),), 0.1)}
    x = kind(2, *options.get(kind.__name__, ())).rows(np.random.default_rng(0), 20_000)
    even = np.allclose(x.mean(axis=0), 0, atol=0.02) and np.allclose(x.var(axis=0), 1 / 3, atol=0.02)
    assert even == (kind in (laws.Uniform, laws.Correlated))
    if kind is laws.Correlated:
        assert np.corrcoef(x.T)[0, 1] == pytest.approx(-0.7, abs=0.03)
    if kind is laws.Skewed:
        assert (np.median(x, axis=0) * [1, -1] < -0.4).all()
    if kind is laws.Clustered:
        assert (np.abs(x - 0.5).max(axis=1) < 0.3).mean() > 0.7


# ------------------------------------------------------------------------------------------------------------ cases


@pytest.mark.parametrize("half", HALVES)
def test_every_round_covers_the_cells_evenly(half):
    for rounds in (1, 2, 5):
        found = Counter((case.rows, case.noise) for case in cases.panel(half, rounds=rounds))
        assert found == dict.fromkeys(cases.CELLS, 3 * rounds)
    for family in FAMILIES:
        found = cases.panel(half, families=[family], rounds=1)
        assert {case.rows for case in found} == set(cases.ROWS)
        assert {case.noise for case in found} == set(cases.NOISE)
    assert len({case.name.partition("-")[0] for case in cases.panel(half)[:10]}) == 10


def test_all_rounds_are_all_cells_and_cells_can_be_given():
    assert len(set(cases.panel("report", rounds=20))) == 60 * 20
    given = cases.panel("report", families=["wavy"], cells=[(40, 0.1)])
    assert [(case.rows, case.noise) for case in given] == [(40, 0.1)] * 6
    assert {case.target.half for case in given} == {"report"}


def test_rows_of_a_case_are_its_own_and_noise_is_what_it_says():
    sample = cases.Case("smooth-0", 10_000, 0.5).sample()
    clean = cases.Case("smooth-0", 10_000, 0.0).sample()
    assert np.array_equal(sample.x, clean.x)
    assert (sample.y - clean.y).std() == pytest.approx(0.5, rel=0.05)
    assert len(sample.truth) == cases.FRESH
    assert clean.error(clean.truth) == 0
    assert clean.constant == pytest.approx(1, abs=0.02)
    assert np.array_equal(clean.x, cases.Case("smooth-0", 10_000, 0.0).sample().x)
    assert not np.isin(clean.fresh[:, 0], clean.x[:, 0]).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"half": "other"}, "--half knows development, report; got 'other'"),
        ({"half": "report", "families": ["wave"]}, "--families knows smooth, wavy"),
        ({"half": "report", "rounds": 21}, "--per-target is a number from 1 to 20; got 21"),
    ],
)
def test_wrong_names_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        cases.panel(options.pop("half"), **options)


# ----------------------------------------------------------------------------------------------------------- models


@pytest.mark.parametrize("name", ["constant", "linear", "boosting", "gp"])
def test_a_model_learns_a_smooth_curve(name):
    sample = cases.Case("smooth-6", 100, 0.05).sample()
    error = sample.error(models.KNOWN[name].fit(sample.x, sample.y)(sample.fresh))
    assert error < {"constant": 1.05, "linear": 0.5, "boosting": 0.5, "gp": 0.05}[name]


def test_unknown_models_are_named_and_absent_ones_said(monkeypatch):
    with pytest.raises(ConfigError, match="--models knows constant, linear"):
        runner.chosen(["forest"], None)
    with pytest.raises(ConfigError, match="--label is a word"):
        runner.chosen(["linear"], None, "a/b")
    monkeypatch.setattr(runner, "imports", lambda python, modules: python == "/there" or not modules)
    present, absent = runner.chosen(["constant", "gam", "ebm", "linear"], "/there", "new")
    assert [(entry.name, entry.python == "/there") for entry in present] == [
        ("constant@new", False),
        ("gam@new", True),
        ("ebm@new", True),
    ]
    assert absent == ["linear does not take part: no sklearn.linear_model here; pip install scikit-learn"]


def test_predictions_that_are_none_have_no_error_and_a_reason():
    case = cases.Case("smooth-6", 40, 0.0)
    sample = case.sample()
    assert runner.judge(sample, sample.truth) == (0.0, "")
    assert runner.judge(sample, None) == (None, "")
    assert runner.judge(sample, sample.truth[:3])[1] == "its predictions have the shape (3,), not (4000,)"
    assert runner.judge(sample, np.full(4000, np.nan))[1] == "4000 of its predictions are not finite"


def called(monkeypatch, capsys, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["bench_panel.py", *words])
    return bench_panel.main(), *capsys.readouterr()


def test_a_run_goes_on_and_a_label_is_a_model_of_its_own(tmp_path, monkeypatch, capsys):
    asked = ["run", "--models", "constant", "--families", "wavy", "--cells", "40:0.2", "--limit", "2"]
    asked += ["--results", str(tmp_path)]
    code, _, said = called(monkeypatch, capsys, *asked)
    assert (code, said.splitlines()[0]) == (0, "fits to run: 2")
    assert called(monkeypatch, capsys, *asked) == (0, "", "fits to run: 0\n")
    assert "fits to run: 1" in called(monkeypatch, capsys, *asked, "--limit", "2-3")[2]  # the second one is there
    assert "fits to run: 2" in called(monkeypatch, capsys, *asked, "--label", "new")[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["constant.jsonl", "constant@new.jsonl"]


def test_a_fit_that_is_stopped_is_named_and_the_next_one_runs(monkeypatch):
    sample = cases.Case("wavy-4", 40, 0.0).sample()
    worker = runner.Worker(sys.executable)

    def ask(model, some, limit):
        return worker.ask({"module": "benchmarks.panel.models", "model": model}, some.write, limit)

    try:
        facts, predicted = ask("no such model", sample, 60)
        assert facts["problem"].startswith("KeyError")
        assert predicted is None
        facts, predicted = ask("constant", sample, 60)
        assert (facts["problem"], len(predicted)) == ("", 4000)
        facts, predicted = ask("gp", cases.Case("mixed-2", 1000, 0.2).sample(), 0.01)
        assert (facts["problem"], predicted) == ("stopped after 0.01 s", None)
        assert ask("constant", sample, 60)[1] is not None
    finally:
        worker.close()


def test_a_case_prints_the_target_and_errors(monkeypatch, capsys):
    code, text, _ = called(monkeypatch, capsys, "case", "wavy-4", "--n", "50", "--models", "constant")
    assert code == 0
    assert text.startswith("wavy-4: 1 columns, 0 idle")
    assert "constant" in text.splitlines()[1]
    with pytest.raises(SystemExit, match="2"):
        called(monkeypatch, capsys, "case")
    assert "case takes a target" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("ImportError: no 'a' in 'b' (/home/me/src/b.py)", "ImportError: no 'a' in 'b' (b.py)"),
        (r"FileNotFoundError: C:\Users\me\rows.npz", "FileNotFoundError: rows.npz"),
        ("ValueError: 3/4 of the rows, and/or columns", "ValueError: 3/4 of the rows, and/or columns"),
    ],
)
def test_what_went_wrong_is_kept_without_the_folders_of_a_machine(message, kept):
    assert without_folders(message) == kept
