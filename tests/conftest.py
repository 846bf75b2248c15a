"""Settings for every test; the cases and laws live beside the tests that use them."""

import gc
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")  # before matplotlib: no test opens a window
# Before the kernels are imported, and inherited by workers: on the CPU, Triton's programs run in its interpreter.
os.environ.setdefault("TRITON_INTERPRET", "0" if any(a.startswith("--device") for a in sys.argv) else "1")

import pytest
import torch
from hypothesis import settings

from tests.families import thinned

# Programs that a shell starts in the background ignore Ctrl-C, and so would what the tests start to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run and no clock: a red test is red again for the next person.
settings.register_profile("laws", deadline=None, derandomize=True, database=None, max_examples=50)
settings.load_profile("laws")


collect_ignore = ["nn/pykan_models.py"]
"""A script for environments with pykan, which is looked at for doctests otherwise."""
GC_THRESHOLDS = 20_000, 20, 20
"""Allocations, and collections of the younger generation, between two collections of garbage."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The device of the laws that hold on any: `pytest --device cuda tests/contracts tests/kernels/test_triton.py`."""
    parser.addoption("--device", default="cpu", help="device of the laws that hold on any device (default: cpu)")
    parser.addoption("--whole-families", action="store_true", help="all members of crossed settings are quick tests")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the device the default one."""
    if config.getoption("--device") != "cpu":
        torch.set_default_device(config.getoption("--device"))


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Test files are not searched for doctests, of which they have none."""
    found = yield
    return [
        each for each in found if not (file_path.name.startswith("test_") and type(each).__name__ == "DoctestModule")
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Laws of all backends are slow in Triton's interpreter; its own tests have quick ones. Large families are thinned."""
    families: dict[tuple[str, str], list[pytest.Function]] = defaultdict(list)
    for item in items:
        if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
            continue
        if config.getoption("--device") == "cpu" and "triton" in item.name and item.callspec.params.get("backend"):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow") is None:
            families[item.location[0], item.originalname].append(item)
    for family in () if config.getoption("--whole-families") else families.values():
        for item in thinned(family):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Keeps the collected tests, which stay to the end, out of every later collection of garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
