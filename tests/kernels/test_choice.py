"""Which kernels do the work: by call, by environment, by processor."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import torch

import splinework as sw
from splinework import kernels
from splinework.errors import ConfigError
from splinework.kernels import native
from splinework.nn.network import KAN
from splinework.splines.bases import BSpline
from tests.contracts.cases import normal, seeded
from tests.kernels.cases import ALGORITHMS, VARIANTS, needs_native

pytestmark = needs_native

REPORTS = """
import json, os, sys, traceback
import torch
torch.cuda.is_available = lambda: False
for environment in json.loads(sys.argv[1]):  # each in a process of its own, which has torch and nothing of ours
    if os.fork():
        os.wait()
        continue
    os.environ.update(environment)
    try:
        from splinework import kernels
        from splinework.kernels import native
        from splinework.nn.network import KAN
        model = KAN([2, 9, 3], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        x = torch.linspace(-2, 2, 60, dtype=torch.float64).reshape(30, 2)
        y = model(x)
        y.square().sum().backward()
        values = [*y.flatten().tolist(), *(n for p in model.parameters() for n in p.grad.flatten().tolist())]
        found = {"backend": kernels.active(), "variant": native.module().variant(), "values": values}
    except Exception:
        found = {"error": traceback.format_exc()}
    print(json.dumps(found), flush=True)
    os._exit(0)
"""
VARIABLES = ("SPLINEWORK_BACKEND", "SPLINEWORK_KERNEL", "SPLINEWORK_ISA")
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "usual": {},
    "reference": {"SPLINEWORK_BACKEND": "reference"},
    **{variant: {"SPLINEWORK_BACKEND": "native", "SPLINEWORK_ISA": variant} for variant in VARIANTS},
    **{variable: {variable: "nonsense"} for variable in VARIABLES},
    "no GPU": {"SPLINEWORK_BACKEND": "triton", "TRITON_INTERPRET": "0"},
}


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, Any]]:
    """What a fresh Python runs on, and what comes out, by its environment."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("SPLINEWORK_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", REPORTS, json.dumps(list(ENVIRONMENTS.values()))],
        env={**own, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return dict(zip(ENVIRONMENTS, map(json.loads, done.stdout.splitlines()), strict=True))


def test_the_native_kernels_are_the_default(reports):
    assert reports["usual"]["backend"] == "native"
    assert reports["usual"]["variant"] == VARIANTS[0]


@pytest.mark.parametrize("name", ["reference", *VARIANTS])
def test_the_environment_chooses_the_backend_and_the_instruction_set(name, reports):
    found, usual = reports[name], reports["usual"]
    assert (found["backend"] if name == "reference" else found["variant"]) == name
    assert torch.allclose(torch.tensor(found["values"]), torch.tensor(usual["values"]), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("variable", VARIABLES)
def test_nonsense_in_the_environment_is_refused_with_the_choices(variable, reports):
    error = reports[variable]["error"]
    assert "ConfigError" in error
    assert "'nonsense'" in error
    assert any(choice in error for choice in ("native", "sorted", "baseline"))


def test_a_machine_without_a_gpu_is_told_so(reports):
    pytest.importorskip("triton")
    error = reports["no GPU"]["error"]
    assert "ConfigError: the Triton kernels" in error
    assert "GPU" in error


def test_an_instruction_set_that_is_not_there_is_not_used():
    assert not native.module().use_variant("nonsense")
    assert native.module().variant() in VARIANTS


def test_use_gives_the_former_name_and_refuses_others():
    before = kernels.use("reference")
    assert before in ("native", "reference")
    assert kernels.active() == "reference"
    assert kernels.use("native") == "reference"
    assert kernels.use("native") == "native"
    with pytest.raises(ConfigError, match=r"native, triton or reference, got 'nonsense'"):
        kernels.use("nonsense")
    assert kernels.active() == "native"


def test_forcing_refuses_what_is_no_algorithm():
    for name in ALGORITHMS:
        native.force(name)
    with pytest.raises(ConfigError, match=r"sorted, gather, narrow, dense, got 'nonsense'"):
        native.force("nonsense")


@pytest.mark.parametrize("basis", ["chebyshev", "fourier", "gaussian_rbf"])
def test_what_the_native_kernels_do_not_know_the_reference_does(basis):
    model = KAN([2, 3, 1], basis=[basis, BSpline(4)], generator=seeded(1), dtype=torch.float64)
    x = normal(9, 2)
    kernels.use("reference")
    truth = model(x)
    kernels.use("native")
    assert torch.allclose(model(x), truth, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["learnable", "normalised", "fixed"])
def test_every_kind_of_grid_by_both_backends(kind):
    model = KAN([2, 3, 1], grid_kind=kind, generator=seeded(1), dtype=torch.float64)
    x = normal(9, 2)

    def step() -> list[torch.Tensor]:
        y = model(x)
        return [y, *torch.autograd.grad(y.square().sum(), list(model.parameters()))]

    kernels.use("reference")
    truth = step()
    kernels.use("native")
    for value, expected in zip(step(), truth, strict=True):
        assert torch.allclose(value, expected, rtol=1e-11, atol=1e-11)


def test_a_device_that_is_not_there_is_named(tmp_path):
    missing = f"cuda:{torch.cuda.device_count()}"
    sw.save(sw.KAN([2, 1]), tmp_path / "model.safetensors")
    for call in (
        lambda: sw.KAN([2, 1], device=missing),
        lambda: sw.load(tmp_path / "model.safetensors", device=missing),
    ):
        with pytest.raises(ConfigError, match=rf"{missing}.* is not there; .* have cpu"):
            call()
