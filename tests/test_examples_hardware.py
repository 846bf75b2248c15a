"""The examples of hardware run as they stand and say what they promise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from splinework.hardware import tools

FOLDER = Path(__file__).parent.parent / "examples" / "hardware"
NEEDS = {"digits_mcu": ("gcc",), "sensor_analog": ("ngspice",), "wine_fpga": ("yosys", "nextpnr-ecp5", "iverilog")}
SAID = {
    "digits_mcu": "0 of 100000 vectors differ",
    "sensor_analog": "passed: True",
    "wine_fpga": "3 of 3 neurons proven",
}


def test_every_example_is_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(SAID) == set(NEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SAID))
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    missing = [program for program in NEEDS[name] if tools.find(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: make hardware-tools")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, str(FOLDER / f"{name}.py"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert SAID[name] in done.stdout
    assert (tmp_path / "out" / "report.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
