"""Every optimiser that is killed at any instant and resumed ends in the same bits as one that was not."""

import signal
import subprocess
import sys
import textwrap

import pytest

from splinework.train import run as running
from splinework.train.optim import OPTIMISERS, Adam, TorchOptimiser
from tests.train.interrupted_fits import Killed, same, train

RECIPES = [*(recipe() for recipe in OPTIMISERS.values()), Adam(batch=16), TorchOptimiser("rmsprop", batch=30)]


@pytest.fixture(autouse=True)
def at_every_step(monkeypatch):
    monkeypatch.setattr(running, "CHECKPOINT_SECONDS", -1.0)


@pytest.mark.quick(4)
@pytest.mark.parametrize(
    ("steps", "kills"), [(10, (7,)), pytest.param(20, (1, 4, 12, 17), marks=pytest.mark.slow)], ids=str
)
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: type(r).__name__ + str(getattr(r, "batch", "")))
def test_killed_at_any_step_and_resumed_it_ends_in_the_same_bits(tmp_path, recipe, steps, kills):
    whole = train(optimiser=recipe, steps=steps)
    for die_at in kills:
        path = tmp_path / f"{die_at}.checkpoint"
        try:
            train(path, die_at=die_at, optimiser=recipe, steps=steps)
        except Killed:
            assert path.exists() or die_at == 1
        assert same(train(path, optimiser=recipe, steps=steps), whole)


@pytest.mark.slow
@pytest.mark.parametrize("wait", [1.5, 3.0, 4.5])
def test_killed_for_real(tmp_path, wait):
    program = """
        import hashlib, sys, torch, splinework as sw, splinework.train.run
        splinework.train.run.CHECKPOINT_SECONDS = 0.01
        x = 2 * torch.rand(400, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
        y = torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2)
        model = sw.KAN([2, 3, 1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        result = sw.fit(model, x, y, progress=False, checkpoint=sys.argv[1] if len(sys.argv) > 1 else None)
        print(hashlib.sha256(b"".join(t.numpy().tobytes() for t in result.model.state_dict().values())).hexdigest())
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    whole = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    path = str(tmp_path / "fit.checkpoint")
    for _ in range(3):
        process = subprocess.Popen([*command, path], stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=wait)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert subprocess.run([*command, path], capture_output=True, text=True, check=True).stdout == whole
