"""NaN stays NaN in the sympy file, whatever the tails; names of columns in LaTeX mean what they say."""

import importlib.util

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.formula.languages import safe_names


@pytest.mark.parametrize("tails", ["constant", "linear", "zero", "natural"])
@pytest.mark.parametrize("base", ["none", "silu"])
def test_the_sympy_file_has_a_number_only_where_the_model_has_one(tails, base, tmp_path):
    model = sw.KAN(
        [2, 3, 2],
        extrapolation=tails,
        base=base,
        input_scales=["log", "linear"],
        dtype=torch.float64,
        generator=torch.Generator().manual_seed(0),
    )
    sw.export(model, "sympy", tmp_path / "model.py")
    spec = importlib.util.spec_from_file_location("model", tmp_path / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    x = np.array(
        [[1, 0.3], [np.nan, 0.3], [1, np.nan], [-1, 0], [-np.inf, 0], [9, -3], [0.01, 3], [np.exp(1), 1], [1, -1]]
    )
    with np.errstate(invalid="ignore"):
        found = np.stack([np.broadcast_to(column, len(x)) for column in module.function()(*x.T)], 1)
    wanted = model(torch.from_numpy(x)).detach().numpy()
    assert np.isnan(wanted[1:5]).all()
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_names_that_are_no_identifiers_are_text_in_latex():
    names = safe_names(["100% a&b", "größe", "a_{0,3}", "x_1_2", "flow\\rate", "x"], "latex")
    assert names["100% a&b"] == r"\text{100\% a\&b}"
    assert names["größe"] == r"\text{gr\"{o}\ss{}e}"
    assert names["a_{0,3}"] == r"\text{a\_\{0,3\}}"
    assert names["x_1_2"] == r"\mathrm{x\_1\_2}"
    assert names["flow\\rate"] == r"\text{flow\textbackslash rate}"
    assert names["x"] == "x"
    assert len(set(names.values())) == len(names)
