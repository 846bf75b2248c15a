"""The end of a program is silent, whatever of the kernels it still holds: scripts, failing ones, notebooks."""

import subprocess
import sys

import pytest

from tests.kernels.cases import needs_native

pytestmark = needs_native

HELD = {
    "a graph": """
import torch, splinework as sw
x = torch.rand(200, 2, dtype=torch.float64)
model = sw.KAN([2, 3, 1]).double()
loss = model(x).square().mean()
""",
    "a graph of a graph": """
import torch, splinework as sw
x = torch.rand(200, 2, dtype=torch.float64, requires_grad=True)
model = sw.KAN([2, 3, 1]).double()
loss = torch.autograd.grad(model(x).sum(), x, create_graph=True)[0].square().sum()
""",
    "a graph in a circle": """
import torch, splinework as sw
model = sw.KAN([2, 1]).double()
model.held = [model(torch.rand(200, 2, dtype=torch.float64)), model]
""",
    "a population of formulas": """
import numpy as np
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.evolution import FormulaEvolution
from splinework.interpret.symbolic.screening import initial_problem
x = np.random.default_rng(0).uniform(1, 2, (50, 2))
y = x[:, 0] / x[:, 1]
evolution = FormulaEvolution([initial_problem(FitTarget(x, y, ("a", "b")))])
""",
}
ENDS = {
    "ends": "",
    "raises": "def fails(held):\n    raise RuntimeError('as it should')\nfails(dict(globals()))\n",
    "exits": "raise SystemExit(3)\n",
    "is interrupted": "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n",
}
WANTED = {
    "ends": (0, ""),
    "raises": (1, "RuntimeError: as it should"),
    "exits": (3, ""),
    "is interrupted": (-2, "KeyboardInterrupt"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("held", HELD)
def test_a_script_says_at_its_end_what_python_says_and_nothing_else(held, end, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(HELD[held] + ENDS[end])
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    code, last = WANTED[end]
    assert ended.returncode == code
    assert (ended.stderr.splitlines() or [""])[-1] == last
    assert ended.stderr == "" or ended.stderr.startswith("Traceback (most recent call last):")


NOTEBOOK = """
import sys
from jupyter_client import KernelManager

with open(sys.argv[1], "wb") as stream:
    manager = KernelManager()
    manager.start_kernel(stderr=stream)
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    for cell in sys.argv[2:]:
        said = client.execute_interactive(cell, timeout=60, output_hook=lambda message: None)
        print(said["content"].get("ename", said["content"]["status"]))
    client.stop_channels()
    manager.shutdown_kernel()
"""


@pytest.mark.quick(1)
@pytest.mark.parametrize("held", HELD)
def test_a_notebook_kernel_ends_in_silence_after_cells_that_hold_and_fail(held, tmp_path):
    pytest.importorskip("ipykernel")
    pytest.importorskip("jupyter_client")
    errors = tmp_path / "errors"
    cells = [HELD[held], ENDS["raises"]]
    command = [sys.executable, "-W", "ignore", "-c", NOTEBOOK, str(errors), *cells]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.stdout.split() == ["ok", "RuntimeError"], ended.stderr
    said = errors.read_text()
    assert "nanobind" not in said
    assert "leak" not in said
