"""The process of one contender: takes requests as lines of JSON, answers each with one line.

Run as `python -m benchmarks.speed.worker '{…}'`. It does nothing between requests, so that contenders can take turns. What
goes wrong ends it, and its last words say why. Its output belongs to the answers: whatever else is printed goes to the error
stream.
"""

import json
import os
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, TextIO

MEMORY_SHARE = 0.7
"""Share of the machine's memory: a contender that needs more fails by itself, instead of the whole machine."""


def main() -> None:
    """Answers until the input ends."""
    contender, threads = (json.loads(sys.argv[1])[key] for key in ("contender", "threads"))
    answers = _take_output()
    sys.path[:0] = contender["paths"]
    _limit_memory()

    import torch

    torch.set_num_threads(threads)
    source = _load(contender["source"])
    worker = Worker(source, contender)
    _say(answers, {"version": contender["version"] or _version(source)})
    for line in sys.stdin:
        _say(answers, worker.answer(json.loads(line)))


class Worker:
    """Holds the call that is being timed."""

    def __init__(self, source: Any, contender: dict[str, Any]) -> None:
        self.source, self.option, self.compiled = source, contender["option"], contender["compiled"]
        self.ready: Any = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request."""
        answer: dict[str, Any] = getattr(self, f"do_{request.pop('do')}")(**request)
        return answer

    def do_prepare(self, job: dict[str, Any], cap: float, compile_mode: str) -> dict[str, Any]:
        """Builds, compiles, warms up and checks."""
        from benchmarks.speed import timing
        from benchmarks.speed.cases import Job

        self.ready, wanted = None, Job.from_dict(job)
        options: dict[str, Any] = {"compiled": self.compiled, "compile_mode": compile_mode, "cap": cap}
        self.ready = ready = timing.make_ready(self.source, wanted, self.option, **options)
        answer = {
            "seconds": ready.seconds,
            "compile_seconds": max(0.0, ready.first - ready.seconds) if self.compiled else None,
            "settings": ready.settings,
            "adam": ready.adam,
            "parameters": sum(p.numel() for p in ready.model.parameters() if p.requires_grad),
        }
        return answer if ready.seconds > cap else answer | timing.errors(self.source, wanted, ready)

    def do_round(self, seconds: float) -> dict[str, Any]:
        """Times the call that is ready."""
        from benchmarks.speed.timing import time_round

        return dict(time_round(self.ready.call, self.ready.seconds, seconds))

    def do_drop(self) -> dict[str, Any]:
        """Forgets the call."""
        self.ready = None
        return {}

    def do_memory(self, job: dict[str, Any], compile_mode: str) -> dict[str, Any]:
        """The peak of the memory; meant for a fresh process."""
        from benchmarks.speed import memory
        from benchmarks.speed.cases import Job

        options: dict[str, Any] = {"compiled": self.compiled, "compile_mode": compile_mode}
        return {"bytes": memory.measure(self.source, Job.from_dict(job), self.option, **options)}

    def do_peak(self, dtype: str, seconds: float) -> dict[str, Any]:
        """The machine's rate of multiply-adds."""
        import torch

        from benchmarks.speed import peak

        return dict(peak.measure(dtype, torch.get_num_threads(), seconds=seconds))


def _take_output() -> TextIO:
    """The output, for the answers only; printing goes to the error stream from here on."""
    kept = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return kept


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _load(source: str) -> Any:
    """A module by its name, or by the path of its file."""
    if not source.endswith(".py"):
        return import_module(source)
    spec = spec_from_file_location(f"contender_{Path(source).stem}", source)
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} is no Python file")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _version(source: Any) -> str:
    """The version of the package that the contender's file names."""
    try:
        return version(source.PACKAGE)
    except (AttributeError, PackageNotFoundError):
        return ""


def _limit_memory() -> None:
    """Lets allocations beyond the share fail, where the system can do that."""
    try:
        import resource

        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (int(MEMORY_SHARE * total), hard))
    except (ImportError, AttributeError, OSError, ValueError):
        return


if __name__ == "__main__":
    main()
