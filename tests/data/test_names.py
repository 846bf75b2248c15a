"""The public names of the package: all there, each loaded when it is first used."""

import subprocess
import sys

import pytest

import splinework.data as package


def test_every_public_name_is_had():
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)
    with pytest.raises(AttributeError, match="no attribute 'dataset'"):
        _ = package.dataset


def test_a_reader_of_formulas_loads_no_recipes_and_nothing_heavy():
    code = "import sys, splinework.formula; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"splinework.data", "torch", "scipy", "sympy", "pandas"} & set(loaded)


def test_recipes_load_nothing_heavy():
    code = "import sys, splinework.data.registry; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "scipy", "sympy", "pandas", "pyarrow", "sklearn"} & set(loaded)
