"""What is checked of all sources together: their types, and that imports point down."""

import subprocess
import sys

import pytest

from tests.loop.parts import ROOT

LAYERS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@pytest.mark.skipif(sys.platform == "win32", reason="the types are those of the other systems")
@pytest.mark.parametrize(
    ("package", "options"),
    [("mypy", ("-m", "mypy", "--strict")), ("importlinter", ("-c", LAYERS, "--no-logo"))],
    ids=["types", "layers"],
)
def test_the_sources_pass(package, options):
    pytest.importorskip(package)
    done = subprocess.run([sys.executable, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
