"""`splinework distil` as one types it; the rest of it is in test_distil.py."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import splinework as sw
from splinework.cli.distil import distil
from splinework.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    folder, made = tmp_path_factory.mktemp("distil"), onnx.helper
    weights = made.make_tensor("w", onnx.TensorProto.FLOAT, [1, 1], [2.0])
    ends = [made.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 1]) for name in "xy"]
    body = made.make_graph([made.make_node("Gemm", ["x", "w"], ["y"])], "teacher", ends[:1], ends[1:], [weights])
    onnx.save(made.make_model(body, opset_imports=[made.make_opsetid("", 17)], ir_version=8), folder / "teacher.onnx")
    (folder / "rows.csv").write_text("a,b\n" + "\n".join(f"{k / 10},no" for k in range(30)) + "\n,no\n")
    return folder


def run(folder, *options):
    arguments = [str(folder / "teacher.onnx"), str(folder / "rows.csv"), "--out", str(folder / "student.safetensors")]
    return CliRunner().invoke(distil, [*arguments, "--points", "20", "--quiet", *options])


def test_an_onnx_file_becomes_a_model_file(folder):
    ended = run(folder, "--features", "a", "--json")
    assert ended.exit_code == 0, ended.exception
    told = json.loads(ended.output)
    assert told["r2_box"] > 0.999
    model = sw.load(folder / "student.safetensors")
    assert model.config.input_names == ("a",)
    x = torch.linspace(0, 2.9, 50)[:, None]
    with torch.no_grad():
        assert np.allclose(model(x), 2 * x, atol=0.1)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (["--features", "b"], DataError, "must be numbers"),
        (["--features", "z"], DataError, "lacks 1 of the 1 columns"),
        (["--features", "a", "--output", "z"], ConfigError, "got 'z'"),
    ],
)
def test_refusals(folder, options, error, words):
    ended = run(folder, *options)
    assert isinstance(ended.exception, error)
    assert words in str(ended.exception)


def test_a_teacher_is_an_onnx_file(folder):
    ended = CliRunner().invoke(distil, ["model.pkl", str(folder / "rows.csv"), "--out", "student.safetensors"])
    assert isinstance(ended.exception, ConfigError)
    assert "ONNX" in str(ended.exception)
