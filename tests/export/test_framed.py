"""Laws of exports of framed and of shaped networks: the artefact is the model, and what rises in one rises in the other."""

import io
from typing import Any

import numpy as np
import pytest
import sympy
import torch

import splinework as sw
from splinework.export import export
from splinework.nn.frame import Frame, FramedKAN
from tests.export import runners

FRAMES = {
    "features": Frame(("a", "b"), ("a*b", "sqrt(a**2+b**2)", "a-2.0*floor(a/2.0)"), ("y", "w")),
    "answers": Frame(
        ("a", "b"), (), ("y", "w"), ("softplus(z1)+exp(-abs(a))", "min(max(sigmoid(z2),0.3),0.7)*tanh(b)/(1+cos(a)**2)")
    ),
    "both": Frame(("a", "b"), ("a+b", "a**2*b"), ("y", "w"), ("a*(1-a)*z1", "-z2**3/2+log(2+sin(z1))")),
    "corrected": Frame(("a", "b"), (), ("y", "w"), (), ((0, 1), (0, 1)), ((0, "exp(-(a**2+b**2))", -0.7), (1, "1", 0.25))),
    "constant": Frame(("a", "b"), ("0.5", "b"), ("y", "w"), ("1.5", "z2")),
    "odd-names": Frame(("flow rate (m/s)", "z1"), ("flow_rate_m_s*2", "z1"), ("y", "w"), ("z_1+z_2*z1", "atan(z_2)+asin(z1/9)")),
}  # fmt: skip
EXACT = {"onnx": 1e-12, "torch": 1e-14, "numpy": 1e-13, "c": 1e-13, "js": 1e-13, "sympy": 1e-11}


def framed(name: str, dtype: torch.dtype = torch.float64, hidden: tuple[int, ...] = (3,)) -> FramedKAN:
    frame = FRAMES[name]
    inputs = len(frame.features) or 2
    network = sw.KAN([inputs, *hidden, 2], generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        for layer in network.kan_layers:
            layer.spline_weight.normal_(0, 1, generator=torch.Generator().manual_seed(4))
    return FramedKAN(network.to(dtype), frame).requires_grad_(False)


def rows(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return 4 * torch.rand(300, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64).to(dtype) - 1.5


def outputs(model: Any, to: str, x: torch.Tensor, folder: Any) -> np.ndarray:
    made = export(model, to, name="m")
    if to == "onnx":
        runtime = pytest.importorskip("onnxruntime")
        return runtime.InferenceSession(made).run(None, {"x": x.numpy()})[0]
    if to == "torch":
        buffer = io.BytesIO()
        torch.export.save(made, buffer)
        return torch.export.load(io.BytesIO(buffer.getvalue())).module()(x).numpy()
    if to == "numpy":
        return runners.run_python(made)["predict"](x.numpy())
    if to == "c":
        real = "float" if x.dtype == torch.float32 else "double"
        return runners.run_c(folder, {"m": made}, {"m": x.numpy()}, {"m": model.outputs}, real, "-O2")["m"]
    if to == "js":
        return runners.run_js(folder, {"m": made}, {"m": x.numpy()}, {"m": model.outputs})["m"]
    columns = runners.run_python(made)["function"]()(*x.numpy().T)
    return np.column_stack([np.broadcast_to(np.asarray(column, dtype=float), len(x)) for column in columns])


def usable(to: str) -> bool:
    return not (to == "c" and runners.COMPILER is None) and not (to == "js" and runners.NODE is None)


QUICK = {"onnx": ("answers",), "torch": (), "c": ("both", "odd-names"), "js": ("both", "odd-names")}
"""Of what takes a second or more: every part of a frame once; the graph of onnx is the one that torch gets."""
CASES = [
    pytest.param(to, name, marks=[] if name in QUICK.get(to, FRAMES) else [pytest.mark.slow])
    for to in EXACT
    for name in FRAMES
    if (to, name) not in {("onnx", "odd-names"), ("sympy", "answers")}
]
"""onnxruntime has no arc sine in double precision; the softplus of sympy is no straight line far out."""


@pytest.mark.parametrize(("to", "name"), CASES)
def test_an_artefact_of_a_framed_network_is_the_model(to, name, tmp_path):
    if not usable(to):
        pytest.skip("there is no such program on this machine")
    model, x = framed(name, hidden=() if to == "onnx" else (3,)), rows()  # reaches all bounds; seconds a layer
    expected = model(x).numpy()
    got = outputs(model, to, x, tmp_path)
    assert np.abs(got - expected).max() <= EXACT[to] * np.abs(expected).max()


@pytest.mark.slow
def test_an_artefact_in_single_precision_is_the_model_up_to_rounding(tmp_path):
    model, x = framed("both", torch.float32), rows(torch.float32)
    exact = framed("both")(x.double()).numpy()
    own = np.abs(model(x).double().numpy() - exact).max()
    for to in ("onnx", *(["c"] if usable("c") else [])):  # the graph of onnx is the one that torch gets
        assert np.abs(outputs(model, to, x, tmp_path) - exact).max() <= 8 * own


def test_latex_and_text_carry_the_formulas_of_the_frame_and_the_raw_names():
    text = export(framed("both"), "latex")
    assert r"\operatorname{y} &=" in text or "y &=" in text
    assert "f_{1} &=" in text
    assert "z_{1} &=" in text
    assert sympy.latex(sympy.Symbol("a") ** 2) in text
    assert 'column "a"' in export(framed("both"), "c")
    assert "in a frame of formulas" in export(framed("both"), "numpy")


@pytest.mark.slow
def test_a_missing_function_of_onnx_is_told_with_a_way_out():
    pytest.importorskip("onnxruntime")
    with pytest.raises(sw.SplineworkError, match=r"model\.float\(\)"):
        export(framed("odd-names"), "onnx")


@pytest.fixture(scope="module")
def rising() -> sw.KAN:
    """Rises in `a` by the shapes of its edges."""
    x = torch.rand(80, 2, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    y = (
        (x[:, 0] > 0.5)
        + x[:, 1] ** 2
        + 0.3 * torch.randn(80, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    )
    model = sw.KAN([2, 2, 1], names=["a", "b"], dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    found = sw.fit(model, x, y, axioms=["monotone(a)"], steps=15, progress=False, seed=0).model
    assert isinstance(found, sw.KAN)
    return found.requires_grad_(False)


@pytest.mark.parametrize("to", ["c", *(pytest.param(to, marks=pytest.mark.slow) for to in ("onnx", "torch"))])
def test_what_rises_still_rises_in_single_precision_on_points_in_order(rising, to, tmp_path):
    if not usable(to):
        pytest.skip("there is no C compiler on this machine")
    model = sw.KAN(rising.config)
    model.load_state_dict({key: value.float() for key, value in rising.state_dict().items()})
    at = torch.linspace(-0.5, 1.5, 100_001, dtype=torch.float32)
    size = max(float(layer.edge_coefficients().abs().max()) for layer in rising.kan_layers) * float(
        rising.output_scaling.scale
    )
    x = torch.cat([torch.stack([at, torch.full_like(at, b)], 1) for b in (0.1, 0.8)])
    y = outputs(model.requires_grad_(False), to, x, tmp_path).astype(float).reshape(2, -1)
    size = max(size, np.abs(y).max())
    assert np.diff(y, axis=1).min() >= -4 * np.spacing(np.float32(size))


def test_a_formula_recognised_in_a_framed_network_goes_into_latex():
    frame = Frame(("a",), ("a**2",), ("y",), ("a*z1",), ((0.5, 2.0),))
    network = sw.KAN([1, 1], base="identity", dtype=torch.float64)
    x = torch.linspace(0.2, 4.1, 200, dtype=torch.float64)[:, None]
    fitted = sw.fit(network, x, 3 * x, validation=None, steps=20, progress=False).model
    assert "a^{3}" in export(FramedKAN(fitted, frame), "latex", recognise=True)
