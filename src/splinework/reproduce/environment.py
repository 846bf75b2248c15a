"""The environment that results came from: versions, processor, threads."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "sympy")


def environment() -> dict[str, Any]:
    """Versions, processor and threads as plain values.

    >>> sorted(environment())[:3]
    ['cores', 'packages', 'platform']
    """
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "splinework": package_version(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores,
        "threads": torch.get_num_threads(),
        "packages": {name: version(name) for name in PACKAGES},
    }


@cache
def package_version() -> str:
    """The version of this package, read once: a list of all experiments asks for it thousands of times."""
    return version("splinework")


def _processor() -> str:
    """The name of the processor; empty if the system does not state it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
