"""`splinework export`: what it writes, prints and refuses."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import splinework as sw
from splinework.cli import main
from splinework.cli.export import TARGETS as COMMAND_TARGETS
from splinework.export import TARGETS
from tests.export.runners import run_python


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = sw.KAN([2, 1], names=["a", "b"], generator=torch.Generator().manual_seed(0))
    sw.save(model, "model.safetensors", notes={"columns": {"a": "mass (kg)"}})
    return tmp_path


def call(*arguments: str):
    return CliRunner().invoke(main, ["export", *arguments])


def test_the_command_knows_the_targets():
    assert list(COMMAND_TARGETS) == list(TARGETS)
    assert all(suffix in (TARGETS[name].suffixes or (".py",)) for name, suffix in COMMAND_TARGETS.items())


@pytest.mark.parametrize("target", [name for name, target in TARGETS.items() if target.text])
def test_a_text_goes_to_a_file_or_to_the_standard_output(folder, target):
    to_file = call("model.safetensors", "--to", target, "--out", "artefact")
    assert to_file.exit_code == 0, to_file.output
    assert to_file.stdout == ""
    shown = call("model.safetensors", "--to", target, "--out", "-", "--quiet")
    assert shown.exit_code == 0
    assert shown.stdout == (folder / "artefact").read_text()
    assert "mass (kg)" in shown.stdout


def test_the_ending_says_the_target_and_json_what_was_written(folder):
    done = call("model.safetensors", "--out", "m.py", "--json", "--quiet")
    assert json.loads(done.stdout) == {
        "to": "numpy",
        "bytes": (folder / "m.py").stat().st_size,
        "files": {"numpy": "m.py"},
    }
    x = torch.rand(4, 2, generator=torch.Generator().manual_seed(1))
    expected = sw.load("model.safetensors")(x).detach().numpy()
    assert np.abs(run_python((folder / "m.py").read_text())["predict"](x.numpy()) - expected).max() < 1e-6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model.safetensors", "--out", "m.txt"], "add --to"),
        (["model.safetensors", "--to", "onnx", "--out", "-"], "no text for the standard output"),
        (["model.safetensors", "--to", "c", "--out", "-", "--json"], "both want the standard output"),
        (["model.safetensors", "--to", "c", "--out", "none/m.c"], "there is no folder"),
        (["model.safetensors", "--to", "c", "--out", "model.safetensors"], "is the file that is read"),
        (["other.safetensors", "--to", "c", "--out", "m.c"], "there is no file other.safetensors"),
        (["model.safetensors", "--to", "pascal", "--out", "m.c"], "pascal"),
        (["model.safetensors", "--to", "js", "--precision", "float", "--out", "m.mjs"], "option of c"),
        (["model.safetensors", "--to", "c", "--no-check", "--out", "m.c"], "option of onnx"),
        (["model.safetensors", "--to", "c", "--name", "a b", "--out", "m.c"], "name must be a letter"),
        (["model.safetensors", "--to", "c"], "--out"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else value,
)
def test_wrong_input_ends_with_one_line_and_code_2(folder, arguments, said):
    done = call(*arguments, "--quiet")
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["model.safetensors"]


def test_help_does_not_load_torch():
    code = (
        "import sys\nfrom splinework.cli import main\n"
        "try:\n    main(['export', '--help'])\nexcept SystemExit:\n    sys.exit(int('torch' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120).returncode == 0
