"""The record of speed: what is a regression and what is noise."""

import pytest
import torch

from benchmarks.bench_record import TOLERANCE, bytes_of, call_of, pass_of, ratio_of, regressions, step_of

BEFORE = {"a": {"ratio": 2.0, "spread": 0.01, "bytes": 1000, "instructions": 500}}


@pytest.mark.parametrize("figure", TOLERANCE)
def test_what_is_worse_beyond_the_noise_is_named(figure):
    noise = TOLERANCE[figure]
    for factor, expected in ((1.0, 0), (1 + 0.9 * noise, 0), (1 + 1.2 * noise, 1), (0.5, 0)):
        now = {"a": {**BEFORE["a"], figure: BEFORE["a"][figure] * factor}}
        found = regressions(BEFORE, now)
        assert len(found) == expected
        assert all(figure in text and text.startswith("a:") for text in found)


def test_an_uneven_measurement_widens_the_noise_of_its_ratio():
    now = {"a": {**BEFORE["a"], "ratio": 2.8, "spread": 0.25}}
    assert not regressions(BEFORE, now)
    assert regressions(BEFORE, {"a": {**now["a"], "spread": 0.1}})


def test_new_cases_and_missing_counts_are_no_regressions():
    assert not regressions(BEFORE, {"b": BEFORE["a"], "a": {**BEFORE["a"], "instructions": None}})
    assert not regressions({}, BEFORE)


@pytest.mark.parametrize("make", [pass_of, call_of, step_of])
def test_each_kind_of_case_runs(make):
    pair = make((2, 3, 1), 10, 3)
    assert ratio_of(pair, 2) > 0


def test_bytes_are_what_torch_allocates():
    assert bytes_of(lambda: torch.empty(1000, dtype=torch.float32)) == 4000
    assert bytes_of(lambda: torch.empty(500).double()) >= 6000
