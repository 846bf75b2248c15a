"""A time limit that holds, and results that come back whole."""

import time

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.simplification import run_within

X = sympy.Symbol("x", real=True)


@pytest.mark.parametrize("value", [3, "text", X**2 + sympy.sin(X), np.arange(300_000), None], ids=type)
def test_the_result_comes_back(value):
    found = run_within(30.0, lambda: value, otherwise="late")
    assert np.array_equal(found, value) if isinstance(value, np.ndarray) else found == value


def test_what_takes_too_long_is_left():
    assert run_within(0.3, time.sleep, 60, otherwise="late") == "late"  # what sleeps to its end gives None


def test_what_fails_is_left():
    assert run_within(30.0, lambda: 1 / 0, otherwise="failed") == "failed"


def test_the_symbols_are_the_same():
    dummy = sympy.Dummy("d")
    assert run_within(30.0, sympy.expand, (X + dummy) * X, otherwise=None) == X**2 + dummy * X
