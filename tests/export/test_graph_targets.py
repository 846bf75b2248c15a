"""Law: ONNX files and exported programs equal the model for any batch, wherever the inputs lie."""

import copy
import json

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError, SplineworkError
from splinework.export import export, freeze
from splinework.export import onnx as onnx_module
from splinework.export.double_functions import InDouble
from splinework.export.graph import Graph
from splinework.nn.network import KAN
from splinework.splines.bases import activation
from tests.export.cases import Case, distance, pairwise, peculiar, points, whole_family
from tests.export.runners import run_without_splinework

BATCHES = (0, 1, 1000)
# Every basis and extrapolation, product nodes, logarithms, a mask, both dtypes: few, for each takes seconds.
FEW = (
    (Case([3, (1, [2, 3]), 2], "bspline", extrapolation="linear", logs=True, masked=True), torch.float32),
    (Case([2, 3, 1], "bspline", 4, extrapolation="zero", base="gelu", grid_kind="learnable"), torch.float64),
)


def tolerance(dtype: torch.dtype) -> float:
    return 1e-6 if dtype == torch.float32 else 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("case", pairwise(), ids=str)
def test_the_graph_equals_the_model(case, dtype):
    model = case.model(dtype)
    graph = Graph(freeze(model))
    x = points(case, model)
    assert distance(model, x, graph(x)) <= tolerance(dtype)
    assert graph(x[:0]).shape == (0, model.outputs)
    if not case.masked:
        assert torch.equal(graph(peculiar(case, model)).isnan(), model(peculiar(case, model)).isnan())


def onnx_of(case: Case, dtype: torch.dtype) -> tuple[KAN, bytes]:
    """A model and its file; making one takes seconds."""
    for name in ("onnxruntime", "onnxscript"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    model = case.model(dtype)
    return model, export(model, "onnx", notes={"columns": {"x1": "mass, kg"}})


@pytest.fixture(scope="module")
def onnx_file():
    return onnx_of(*FEW[0])


def check_onnx(case: Case, dtype: torch.dtype, model: KAN, content: bytes) -> None:
    import onnx
    import onnxruntime as runtime

    proto = onnx.load_from_string(content)
    onnx.checker.check_model(proto, full_check=True)
    assert {node.domain for node in proto.graph.node} == {""}  # no operator of anybody's own
    assert {node.name.split("/")[0] for node in proto.graph.node} <= {"units", *(f"layer_{n + 1}" for n in range(9))}
    header = {entry.key: entry.value for entry in proto.metadata_props}
    assert json.loads(header["splinework.inputs"])[0] == "mass, kg"
    assert not any(node.metadata_props for node in proto.graph.node)
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("x", ["batch", model.inputs])]
    assert [(o.name, o.shape) for o in session.get_outputs()] == [("y", ["batch", model.outputs])]

    def predict(x):
        return session.run(["y"], {"x": x.numpy()})[0]

    x = points(case, model)
    assert distance(model, x, predict(x)) <= tolerance(dtype)
    for rows in BATCHES:
        x = case.raw(rows, 3, model)
        assert distance(model, x, predict(x)) <= tolerance(dtype)
    if not case.masked:
        x = peculiar(case, model)
        assert (np.isnan(predict(x)) == model(x).isnan().numpy()).all()


def test_onnx_equals_the_model(onnx_file):
    check_onnx(*FEW[0], *onnx_file)


@pytest.mark.slow
def test_onnx_keeps_numbers_of_any_size():
    """The optimiser of onnxscript takes numbers below 1e-8 for zero; units may be nanometres."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    model = Case([1, 1], base="gelu").model()
    with torch.no_grad():
        model.input_scaling.set(torch.tensor([3e-9]), torch.tensor([1e-9]))
        model.output_scaling.set(torch.tensor([-2e-9]), torch.tensor([1e-9]))
    content = export(model, "onnx", check=False)
    x = 3e-9 + 1e-9 * torch.linspace(-2, 2, 50, dtype=torch.float64)[:, None]
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert np.abs(session.run(None, {"x": x.numpy()})[0] - model(x).numpy()).max() <= 1e-20


@pytest.mark.slow
@pytest.mark.parametrize("case", [FEW[1][0], *pairwise(), *whole_family()[:20]], ids=str)
def test_onnx_equals_the_model_over_the_family(case):
    dtype = torch.float32 if case.degree % 2 else torch.float64
    check_onnx(case, dtype, *onnx_of(case, dtype))


def check_program(case: Case, dtype: torch.dtype) -> None:
    model = case.model(dtype)
    exported = export(model, "torch")
    called = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert all(name.startswith("aten.") or "getitem" in name for name in called), called
    assert not any("stack_trace" in node.meta for node in exported.graph.nodes)  # which would tell where it was made
    program = exported.module()
    x = points(case, model)
    assert distance(model, x, program(x).detach()) <= tolerance(dtype)
    for rows in BATCHES:
        x = case.raw(rows, 3, model)
        assert distance(model, x, program(x).detach()) <= tolerance(dtype)
    x = case.raw(20, 0, model).requires_grad_(True)
    got, expected = (torch.autograd.grad(f(x).sum(), x)[0] for f in (program, model))
    assert (got - expected).abs().max() <= 10 * tolerance(dtype) * expected.abs().max()


@pytest.mark.parametrize(("case", "dtype"), FEW, ids=str)
def test_a_program_equals_the_model(case, dtype):
    check_program(case, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("case", pairwise(), ids=str)
def test_a_program_equals_the_model_over_the_family(case):
    check_program(case, torch.float64)


@pytest.mark.slow
def test_a_program_runs_where_splinework_is_not(tmp_path):
    case = Case([2, 3, 1])
    model = case.model()
    export(model, "torch", tmp_path / "m.pt2")
    x = case.raw(5, 0, model)
    torch.save(x, tmp_path / "x.pt")
    code = "import torch; print(torch.export.load('m.pt2').module()(torch.load('x.pt')).tolist())"
    got = json.loads(run_without_splinework(code, tmp_path))
    assert np.abs(np.array(got) - model(x).numpy()).max() <= 1e-14
    assert str(tmp_path.parent).encode() not in (tmp_path / "m.pt2").read_bytes()


def test_what_is_missing_for_onnx_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None)
    with pytest.raises(ConfigError, match=r"needs onnx and onnxscript.*splinework\[onnx\]"):
        export(Case([2, 1]).model(), "onnx")


def test_onnx_refuses_a_dtype_that_it_does_not_keep():
    with pytest.raises(ConfigError, match="float32 or float64"):
        export(Case([2, 1]).model(torch.bfloat16), "onnx")


def test_a_file_that_differs_from_the_model_is_refused(onnx_file):
    model, content = onnx_file
    onnx_module._check(content, freeze(model))
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.kan_layers[0].coefficients.add_(0.1)
    with pytest.raises(SplineworkError, match="differ from the model's"):
        onnx_module._check(content, freeze(other))


def test_gelu_without_the_error_function_is_gelu():
    x = torch.cat(
        [torch.linspace(-40, 40, 4001, dtype=torch.float64), torch.tensor([0.0, torch.inf], dtype=torch.float64)]
    )
    for order in (0, 1):
        ours, theirs = InDouble(activation("gelu")).derivative(x, order), activation("gelu").derivative(x, order)
        assert torch.allclose(ours[: -order or None], theirs[: -order or None], rtol=1e-14, atol=1e-15)
    assert InDouble(activation("gelu")).derivative(torch.tensor([torch.nan]), 0).isnan().all()
