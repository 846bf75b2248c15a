"""Other instructions and data moved in the last place: what the harness does, and a choice of tests by the oldest path of all."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.loop.parts import ROOT
from tests.portable import paths
from tests.portable.moved import moved, moved_tensor

CHOICE = (
    "tests/train/test_band_limited.py",
    "tests/train/test_curve.py::test_a_higher_derivative_is_penalised_of_clean_rows_only",
    "tests/train/test_curve.py::test_coefficients_and_freedom_are_those_of_the_penalised_normal_equations",
    "tests/train/test_gaussian_process.py::test_a_regression_on_the_covariances_of_all_rows_is_the_exact_process",
    "tests/train/test_gaussian_process.py::test_a_search_that_has_ended_is_not_gone_on_with_by_rounding",
    "tests/splines/test_least_squares.py",
)
"""Laws whose quantities stand nearest to rounding: conditions up to 1/eps, chosen orders and numbers of waves."""


def numbers() -> np.ndarray:
    draw = np.random.default_rng(0)
    return draw.normal(size=1000) * 10.0 ** draw.integers(-300, 10, 1000)


def test_values_are_moved_by_at_most_a_unit_in_the_last_place_once_and_alike():
    values = numbers()
    changed = moved(values)
    assert (np.abs(changed - values) <= np.spacing(np.abs(values))).all()
    assert 0.4 < np.mean(changed != values) < 0.6
    assert np.array_equal(moved(changed), changed)
    assert np.array_equal(moved(values[::-1])[::-1], changed)
    assert np.array_equal(moved_tensor(torch.from_numpy(values)).numpy(), changed)


def test_whole_numbers_other_types_and_what_is_not_finite_stay():
    kept = np.array([0.0, -0.0, 1.0, -7.0, 2.0**60, np.inf, -np.inf, np.nan])
    assert moved(kept).tobytes() == kept.tobytes()
    single, whole = numbers().clip(-1, 1).astype(np.float32), np.arange(5)
    assert moved(single) is single
    assert moved(whole) is whole
    followed = torch.from_numpy(numbers()).requires_grad_()
    assert moved_tensor(followed) is followed


def test_the_environment_of_a_path_has_nothing_of_another(monkeypatch):
    for path in paths.PATHS:
        for name, value in path.variables.items():
            monkeypatch.setenv(name, f"not {value}")
    monkeypatch.setenv("OMP_NUM_THREADS", "17")
    monkeypatch.setenv("KEPT", "as it was")
    every = {name for path in paths.PATHS for name in path.variables}
    for path in (*paths.PATHS, paths.OLDEST):
        given = path.environment
        assert {name: given[name] for name in every if name in given} == dict(path.variables)
        assert {given[name] for name in paths.THREADS} == {str(path.threads)}
        assert given["KEPT"] == "as it was"


def test_paths_are_found_by_name_and_an_unknown_one_is_answered_by_the_list():
    assert paths.named([]) == list(paths.PATHS)
    assert [path.name for path in paths.named(["moved", "two-threads"])] == ["moved", "two-threads"]
    assert len({path.name for path in paths.PATHS}) == len(paths.PATHS) >= 12
    with pytest.raises(SystemExit, match=r"no path 'avx'.*as-it-is, aten-default.*moved"):
        paths.named(["moved", "avx"])


def test_a_path_that_the_processor_cannot_take_says_what_is_lacking(monkeypatch):
    wide = next(path for path in paths.PATHS if path.name == "kernels-avx512")
    monkeypatch.setattr(paths, "_flags", lambda: frozenset({"avx2", "fma", "avx512f"}))
    monkeypatch.setattr(paths.platform, "machine", lambda: "x86_64")
    assert paths.lacking(wide) == "avx512dq, avx512vl, avx512bw"
    assert [path for path in paths.PATHS if not path.needs and paths.lacking(path)] == []
    monkeypatch.setattr(paths.platform, "machine", lambda: "aarch64")
    assert paths.lacking(wide) == "an x86-64 processor"


def test_the_laws_nearest_to_rounding_hold_by_the_instructions_of_the_oldest_processor_with_moved_data():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.portable.moved", "-p", "no:cacheprovider", *CHOICE]
    done = subprocess.run(command, cwd=ROOT, env=paths.OLDEST.environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
