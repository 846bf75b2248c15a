"""Networks from formulas compute them: values, gradients, files; all Feynman formulas and random ones."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.data import RandomFormula, feynman, feynman_ids
from splinework.errors import ConfigError, FormulaError
from splinework.formula import Expression
from splinework.formula.parse import parse_formula
from splinework.interpret.symbolic.expression import compile_expression
from tests.families import every

SQUARE = {"x": (-1.0, 1.0), "y": (-1.0, 1.0)}


def inside(ranges, count: int = 50) -> torch.Tensor:
    low, high = torch.tensor(list(ranges.values()), dtype=torch.float64).T
    share = torch.rand(count, len(low), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return low + share * (high - low)


@pytest.mark.slow
def test_all_feynman_formulas_are_networks_equal_to_sympy():
    worst = 0.0
    for name in feynman_ids(table="dimensional"):
        one = feynman(name, table="dimensional")
        ranges = dict(zip(one.inputs, zip(one.low, one.high, strict=True), strict=True))
        model, x = sw.from_formula(one.formula, ranges), inside(ranges)
        assert model.config.input_names == tuple(one.inputs)
        truth = compile_expression(parse_formula(one.formula, one.inputs), one.inputs)(x.numpy())
        worst = max(worst, np.abs(model(x)[:, 0].detach().numpy() - truth).max() / np.ptp(truth))
    assert worst < 1e-12


@pytest.mark.parametrize(("depth", "inputs"), [(2, 2), (3, 3), (4, 3)])
def test_random_formulas_keep_values_and_gradients_and_files(depth, inputs, tmp_path):
    kept = 0
    for text in RandomFormula(depth=depth, inputs=inputs, seed=5).formulas(12):
        ranges = {f"x{k + 1}": (0.5, 3.0) for k in range(inputs)}
        x = inside(ranges).requires_grad_()
        try:
            model = sw.from_formula(text, ranges)
        except FormulaError:  # a pole between the rows that the recipe looked at
            continue
        y, truth = model(x)[:, 0], Expression(text, tuple(ranges)).of(x)
        torch.testing.assert_close(y, truth, rtol=1e-11, atol=1e-11)
        slopes = [torch.autograd.grad(value.sum(), x)[0] for value in (y, truth)]
        torch.testing.assert_close(*slopes, rtol=1e-8, atol=1e-8)
        sw.save(model, tmp_path / "model.safetensors")
        assert torch.equal(sw.load(tmp_path / "model.safetensors")(x), model(x))
        kept += 1
    assert kept >= 10


def test_several_formulas_are_several_outputs_in_the_order_of_names():
    texts = ["exp(x*y)", "x + 2", "3", "x*y"]
    model = sw.from_formula(
        texts, {"idle": (0, 1), **SQUARE}, names=["y", "idle", "x"], output_names=list("abcd"), dtype=torch.float32
    )
    assert model.config.input_names == ("y", "idle", "x")
    assert model.config.output_names == ("a", "b", "c", "d")
    assert model.active_inputs() == ["y", "x"]
    x = inside({"y": (-1, 1), "idle": (0, 1), "x": (-1, 1)}).float()
    truth = torch.stack([Expression(text, ("y", "idle", "x")).of(x) for text in texts], 1)
    torch.testing.assert_close(model(x), truth)


def test_names_that_are_no_identifiers_are_called_by_similar_ones():
    model = sw.from_formula("2*flow_m_s", {"flow (m/s)": (0, 1)})
    assert model.config.input_names == ("flow (m/s)",)
    assert model([[0.5]]).item() == 1.0


def test_the_numbers_of_a_formula_are_free_and_nothing_else():
    model = sw.from_formula("1.5*exp(-0.5*x**2)*y + sin(2*x)", SQUARE)
    assert sum(p.numel() for layer in model.kan_layers for p in layer.functions.parameters()) == 3
    assert sw.from_formula("exp(x*y) + x", SQUARE).kan_layers[0].functions is not None
    assert (
        sum(
            p.numel()
            for layer in sw.from_formula("exp(x*y) + x", SQUARE).kan_layers
            for p in layer.functions.parameters()
        )
        == 0
    )


def test_grids_lie_where_the_values_are():
    model = sw.from_formula("sin(3*x + y)*exp(x - 5*y)", {"x": (0.0, 2.0), "y": (-3.0, 1.0)})
    record = sw.trace(model, inside({"x": (0.0, 2.0), "y": (-3.0, 1.0)}, 2000))
    for layer, seen in zip(model.kan_layers, record.layers, strict=True):
        low, high = layer.basis.domain(layer.grid)
        span = seen.inputs.amax(0) - seen.inputs.amin(0)
        assert (low <= seen.inputs.amin(0)).all()
        assert (high >= seen.inputs.amax(0)).all()
        assert (high - low <= 1.05 * span).all()


@every(("call", "error", "parts"), [
    (lambda: sw.from_formula("x + z", SQUARE), FormulaError, ["'z'", "ranges", "'x'"]),
    (lambda: sw.from_formula("1/x", SQUARE), FormulaError, ["1/x", "x = 0"]),
    (lambda: sw.from_formula(["x", "1/(x - 0.3)"], SQUARE), FormulaError, ["x = 0.3"]),
    (lambda: sw.from_formula("x + sni(y)", SQUARE), FormulaError, ["'sni'", "'sin'"]),
    (lambda: sw.from_formula("x", {"x": (1, 1)}), ConfigError, ["'x'", "low < high"]),
    (lambda: sw.from_formula("x", {"x": 3}), ConfigError, ["'x'", "low < high", "3"]),
    (lambda: sw.from_formula("x", {}), ConfigError, ["ranges"]),
    (lambda: sw.from_formula("x", SQUARE, names=["x"]), ConfigError, ["'y'", "names"]),
    (lambda: sw.from_formula("x", SQUARE, names=["x", "z"]), ConfigError, ["'z'", "ranges"]),
    (lambda: sw.from_formula([], SQUARE), ConfigError, ["at least one"]),
])  # fmt: skip
def test_what_cannot_be_built_is_refused_by_name(call, error, parts):
    with pytest.raises(error) as caught:
        call()
    assert [part for part in parts if part not in str(caught.value)] == [], caught.value
