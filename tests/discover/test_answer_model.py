"""Laws of the answer's network: it predicts held-out rows as well as the best formula, or better."""

import numpy as np
import pytest
import sympy
import torch

from splinework.discover.answer_model import network_of_answer
from splinework.discover.networks import NetworkTrial, SplitRows
from splinework.discover.plans import Plan
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.ranking import constant_row, formula_row
from splinework.nn.network import KAN

X, Z = symbol("x1"), symbol("x2")


def data() -> FitTarget:
    x = np.random.default_rng(0).uniform(0.5, 2.0, (80, 2))
    return FitTarget(x, np.exp(-x[:, 0]) * np.sin(3 * x[:, 1]) + 2.0, ("x1", "x2"))


def trial(error: float) -> NetworkTrial:
    model = KAN([2, 1], names=["x1", "x2"], dtype=torch.float64)
    return NetworkTrial(Plan((2, 1), ("linear", "linear"), "linear", 1), model, None, error)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [None, 0.1, 1e-3])
def test_the_network_of_a_better_formula_takes_the_place_of_the_trained_one(error):
    target = data()
    rows = SplitRows.of(target, 0)
    best = formula_row(sympy.exp(-X) * sympy.sin(3 * Z) + 2, target, "y", 0.0, {})
    own = None if error is None else trial(error)
    model, note = network_of_answer(best, own, rows, target.x)
    with torch.no_grad():
        values = model(torch.from_numpy(target.x))[:, 0].numpy()
    assert np.abs(values - target.y).max() < 1e-9
    assert "network of the first formula" in note
    assert model.config.input_names == ("x1", "x2")


def test_a_better_trained_network_stays():
    target = data()
    rows, own = SplitRows.of(target, 0), trial(1e-9)
    rough = formula_row(2.0 + 0.1 * sympy.sin(3 * Z), target, "y", 0.0, {})
    assert network_of_answer(rough, own, rows, target.x) == (own.model, "")
    assert network_of_answer(constant_row(target, "y"), own, rows, target.x) == (own.model, "")
