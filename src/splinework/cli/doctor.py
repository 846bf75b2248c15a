"""`splinework doctor`: what is installed, what the machine offers, and how to get what is missing."""

import os
import platform
import sys
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import click

from splinework.cli import common
from splinework.cli.json_output import json_text
from splinework.cli.options import command, takes
from splinework.cli.progress import Stages
from splinework.cli.versions import installed, own_version

_REQUIRED: Final = (
    "torch numpy scipy scikit-learn sympy safetensors threadpoolctl matplotlib rich click pandas pyarrow".split()  # noqa: SIM905
)


class _Extra(NamedTuple):
    """An optional package: its purpose, and how to install it."""

    package: str
    gives: str
    command: str


_EXTRAS: Final = (
    _Extra("triton", "kernels on NVIDIA GPUs", "it comes with torch for CUDA: https://pytorch.org/get-started/locally"),
    _Extra("onnx", "export to ONNX", "pip install 'splinework[onnx]'"),
    _Extra("onnxruntime", "export to ONNX, where it is compared with the model", "pip install 'splinework[onnx]'"),
    _Extra("optuna", "search of settings", "pip install 'splinework[tune]'"),
)


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """The options as they were given."""

    as_json: bool = common.as_json()


@command(short_help="Show versions, cores, kernels and GPUs.")
@takes(DoctorOptions)
def doctor(options: DoctorOptions) -> int:
    """Show versions, cores, kernels, GPUs and the programs for hardware, and how to install what is missing.

    The exit code is 2 if a required package is missing.

    \b
    Examples:
      splinework doctor
      splinework doctor --json
    """
    with Stages(quiet=options.as_json) as stages:
        stages.stage("loading torch", after=1.0)
        facts = _facts()
    if options.as_json:
        click.echo(json_text(facts), nl=False)
    else:
        _show(facts)
    return 0 if not facts["missing"] else 2


def _facts() -> dict[str, Any]:
    """The facts as JSON values."""
    from splinework.hardware.tools import TOOLS, version

    required = {package: installed(package) for package in _REQUIRED}
    return {
        "splinework": own_version(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "packages": required,
        "optional": {extra.package: installed(extra.package) for extra in _EXTRAS},
        "hardware": {program: version(program) for program in TOOLS},
        "missing": [package for package, version in required.items() if version is None],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        **_torch_facts(),
    }


def _torch_facts() -> dict[str, Any]:
    if installed("torch") is None:
        return {"threads": None, "kernels": [], "gpus": []}
    import torch

    from splinework.kernels import BACKENDS, active, native

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        gpus.append("Apple GPU (mps)")
    facts = {"threads": torch.get_num_threads(), "kernels": sorted(BACKENDS), "backend": active(), "gpus": gpus}
    if not native.available():
        return {**facts, "native": {"missing": native.why_not()}}
    module = native.module()
    from threadpoolctl import threadpool_info

    native_facts = {
        "instructions": module.variant(),
        "available": module.variants(),
        "threads_of": module.worker_runtime(),
        # the OpenMP runtimes in this process; two of them fight for the cores
        "runtimes": [pool["filepath"] for pool in threadpool_info() if pool.get("user_api") == "openmp"],
    }
    return {**facts, "native": native_facts}


def _kernels(facts: dict[str, Any]) -> str:
    native = facts.get("native", {})
    if "missing" in native:
        return f"reference only: {native['missing']}"
    if not native:
        return "none"
    text = (
        f"native ({native['instructions']}; threads of {native['threads_of']}), reference; in use: {facts['backend']}"
    )
    if len(native["runtimes"]) > 1:
        text += (
            f"\n{'':<14}warning: {len(native['runtimes'])} OpenMP runtimes are loaded: {', '.join(native['runtimes'])}"
        )
    return text


def _show_hardware(found: dict[str, str | None]) -> None:
    """Prints the programs that `hardware` runs, their purpose, and how to install them."""
    from splinework.hardware.tools import INSTALL, TOOLS

    click.echo("\nprograms that `splinework hardware` runs (optional)")
    width = max(map(len, found)) + 2
    for program, version in found.items():
        tool = TOOLS[program]
        click.echo(f"{program:<{width}}{version or 'not installed'}  ({tool.gives})")
    packages = " ".join(dict.fromkeys(TOOLS[program].package for program, version in found.items() if version is None))
    if packages:
        click.echo(f"install them with: {INSTALL} {packages}")


def _show(facts: dict[str, Any]) -> None:
    rows = {
        "splinework": facts["splinework"],
        "python": f"{facts['python']}  {facts['executable']}",
        "platform": facts["platform"],
        "cores": f"{facts['cores']}; torch uses {facts['threads']} threads",
        "kernels": _kernels(facts),
        "GPU": ", ".join(facts["gpus"]) or "none; everything runs on the processor",
        **{package: version or "missing" for package, version in facts["packages"].items()},
    }
    for extra in _EXTRAS:
        version = facts["optional"][extra.package]
        rows[extra.package] = version or f"not installed (optional: {extra.gives}); {extra.command}"
    for name, value in rows.items():
        click.echo(f"{name:<14}{value}")
    _show_hardware(facts["hardware"])
    if facts["missing"]:
        click.echo(f"\nrequired packages are missing; install them with: pip install {' '.join(facts['missing'])}")
        return
    absent = [*facts["optional"].values(), *facts["hardware"].values()].count(None)
    rest = f"; {absent} optional {'one is' if absent == 1 else 'ones are'} not" if absent else ""
    click.echo(f"\nAll required packages are installed{rest}. Try: splinework demo")
