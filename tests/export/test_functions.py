"""Laws of exports of networks in which some edges, or all, are functions: the artefact is the model."""

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError, FormulaError
from splinework.export import export
from splinework.interpret.edit import fix, freeze, refine
from splinework.nn.edge_functions import EdgeFunction
from splinework.nn.network import KAN
from tests.contracts.cases import seeded
from tests.export import runners
from tests.export.test_framed import EXACT, outputs, rows


def some() -> KAN:
    """Splines, functions and a held spline side by side, with products."""
    model = KAN([2, (2, 1), 2], generator=seeded(), dtype=torch.float64)
    model = freeze(model, (0, 1, 0))
    model = fix(model, (0, 0, 0), "sin", numbers=(2.3, 0.1, 1, 0.2))
    model = fix(model, (0, 1, 2), "exp(-0.5*u**2)", numbers=(1.5, -0.3, 2, 0))
    return fix(model, (1, 2, 1), "sigmoid", numbers=(1, 0, 3, -1)).requires_grad_(False)


def all_edges() -> KAN:
    """A network without a single spline; one input is not used."""
    model = KAN([3, 1, 1], generator=seeded(), dtype=torch.float64)
    first, last = model.kan_layers
    first.set_functions([EdgeFunction.of("sin(u)", 0, 0), EdgeFunction.of("softplus(u) + abs(u)/3", 2, 0)])
    first.mask.zero_()
    last.set_functions([EdgeFunction.of("exp(u)", 0, 0, numbers=(0.3, 0.1, 1.0, 0.0))])
    return model.requires_grad_(False)


MARKS = {"c": [runners.needs_compiler], "js": [runners.needs_node]}
SLOW = {("onnx", "some"), ("onnx", "all_edges"), ("torch", "all_edges")}
"""Tracing takes seconds: once each is enough for quick tests."""
CASES = [
    pytest.param(to, made, marks=[*MARKS.get(to, []), *([pytest.mark.slow] if (to, made.__name__) in SLOW else [])])
    for to in EXACT
    for made in (some, all_edges)
]


@pytest.mark.parametrize(("to", "made"), CASES)
def test_an_artefact_of_functions_is_the_model(to, made, tmp_path):
    model = made()
    x = rows() if model.inputs == 2 else torch.cat([rows(), rows()[:, :1]], dim=1)
    truth, got = model(x).numpy(), outputs(model, to, x, tmp_path)
    assert np.abs(got - truth).max() <= EXACT[to] * np.abs(truth).max()


def test_latex_has_the_formulas():
    text = export(all_edges(), "latex")
    assert r"\varphi_{1,1,1}(t) &= \sin{\left(t \right)}" in text
    assert "\\begin{cases}" not in text


def test_what_no_file_can_hold_is_refused():
    model = fix(KAN([2, 1]), (0, 0, 0), torch.erf, numbers=(1, 0, 1, 0))
    with pytest.raises(ConfigError, match=r"from input 0 to sum 0, the callable 'erf'; make it a spline of its layer"):
        export(model, "c")
    with pytest.raises(ConfigError, match="a spline on a grid of its own"):
        export(refine(freeze(KAN([2, 1]), (0, 0, 0)), 10), "numpy")
    with pytest.raises(FormulaError, match="cannot be written in c"):
        export(fix(KAN([2, 1]), (0, 0, 0), "digamma(u)", numbers=(1, 3, 1, 0)), "c")
