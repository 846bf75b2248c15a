"""Facts about the machine and the software, for the record; no names of people, hosts or folders."""

import os
import platform
import time
from pathlib import Path
from typing import Any, Final

from splinework.cli.versions import installed, own_version

_CPUINFO: Final = Path("/proc/cpuinfo")
_TELLING: Final = (
    "sse4_2 avx avx2 fma f16c avx512f avx512dq avx512bw avx512vl avx512_bf16 amx_tile neon asimd sve".split()  # noqa: SIM905
)
_PACKAGES: Final = ("torch", "numpy", "scipy")


def facts() -> dict[str, Any]:
    """Processor, cores, instruction sets, versions and the day."""
    import torch

    model, flags = _processor()
    return {
        "processor": model,
        "architecture": platform.machine(),
        "cores": cores(),
        "flags": [flag for flag in _TELLING if flag in flags],
        "torch_capability": torch.backends.cpu.get_cpu_capability(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "splinework": own_version(),
        **{package: installed(package) for package in _PACKAGES},
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> tuple[str, set[str]]:
    """Its name and its instruction sets, as far as the system tells."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine(), set()
    pairs = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = pairs.get("model name") or platform.processor() or platform.machine()
    return name, set((pairs.get("flags") or pairs.get("Features") or "").split())
