"""The examples run as they stand, and say what they promise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
SAID = {
    "accuracy": "lie in their 90 % intervals",
    "conserved_quantities": "every known quantity was found",
    "constitutive_law": "the law is mu",
    "fix_and_train": "y = exp(x2**2 + sin(pi*x1))",
    "lagrangian": "those of the textbook",
    "losses": "a loss of one's own",
    "relations": "both relations, and the free column",
    "resume": "without a cut: True",
    "schwarzschild": "F is the published",
    "theory": "theory, its wave a spline",
}


def test_every_example_is_here():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(SAID)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SAID))
def test_an_example_runs_without_a_warning(name, tmp_path):
    command = [sys.executable, "-W", "error", str(FOLDER / f"{name}.py")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert SAID[name] in done.stdout
    assert list(tmp_path.iterdir()) == []
