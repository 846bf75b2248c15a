"""Runs tests on mutants: those that reach what was changed, the likely and quick ones first, until one fails.

A process loads the library and its tests once and forks a child for each mutant, in which functions are given the mutant's code.
For a mutant outside of functions, or in one that runs while the library is loaded, the library is loaded anew.
"""

import importlib
import importlib.abc
import importlib.machinery
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest

from tests.loop.imports import module_of
from tests.mutants.operators import Mutant
from tests.mutants.tracing import Traced, functions

LOADED = (
    "torch", "torch.func", "numpy", "scipy.stats", "scipy.optimize", "sympy", "mpmath", "hypothesis",
    "safetensors.torch",
)  # fmt: skip
"""What tests import that is not ours."""
MIN_SECONDS, RATIO, PATIENCE = 5.0, 10.0, 900.0
"""Processor time that a test may take at least, how many times longer than without a fault, and seconds to wait for a child."""
LONGEST = 60.0
"""Seconds that a test is expected to take while it is not measured."""
MAX_BYTES = 6 << 30
"""Memory of a child, so that a mutant without measure harms nobody."""
UNLIKE, BROKEN = 77, 78
"""Exit codes of a child in which functions cannot be given the mutant's code, and of one in which something else went wrong."""

Outcome = Literal["found", "survived", "timeout"]


class Server:
    """Forks a child per mutant.

    Args:
        root: Folder of the repository.
        sources: Texts by file: those in which faults will be planted.
        tests: Files of tests.
        known: What was measured before.

    Attributes:
        measured: Seconds that each test takes without a fault, and the numbers of the spans that it reaches, by file.
    """

    def __init__(
        self, root: Path, sources: Mapping[str, str], tests: Sequence[str], known: Mapping[str, dict[str, Any]]
    ) -> None:
        os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", MPLBACKEND="Agg")
        for name in LOADED:
            importlib.import_module(name)
        importlib.import_module("hypothesis.internal.conjecture.engine").__dict__["MAX_SHRINKS"] = (
            0  # any failure will do
        )
        if any(name.partition(".")[0] == "splinework" for name in sys.modules):
            raise RuntimeError("splinework is loaded already, so a mutant would not be")
        self.root, self.found = root, Counter[tuple[str, str]]()
        self.traced = {file: Traced(source, str(root / file)) for file, source in sources.items()}
        pipes = [os.pipe(), os.pipe()]
        sys.stdout.flush()
        if not os.fork():
            os.close(pipes[0][1])  # so that the end of this process is the end of that one
            plugin = _Turn(self.traced, known, os.fdopen(pipes[0][0]), os.fdopen(pipes[1][1], "w", 1))
            self._pytest({file: (each.code, each.reached) for file, each in self.traced.items()}, tests, plugin)
            os._exit(0)
        os.close(pipes[1][1])
        self._asked, self._answers = os.fdopen(pipes[0][1], "w", 1), os.fdopen(pipes[1][0])
        self.measured: dict[str, dict[str, Any]] = self._answer()
        self._early: dict[str, list[int]] = self._answer()

    def outcome(self, file: str, mutant: Mutant, source: str, tests: Sequence[str]) -> Outcome:
        """Whether some test of these files fails with a mutant of a file; no answer in time counts as found, too."""
        traced, text = self.traced[file], mutant.apply(source)
        number = traced.innermost(mutant)
        names = [
            name
            for name, each in self.measured.items()
            if name.partition("::")[0] in tests and (number is None or number in each["reached"].get(file, ()))
        ]
        names.sort(key=lambda name: self.measured[name]["seconds"] / (1 + 4 * self.found[file, name]))
        code, name = (UNLIKE if names else 0), ""
        if names and number is not None and not traced.together(number) & {*self._early.get(file, ())}:
            self._asked.write(json.dumps([file, text, names]) + "\n")
            code, name = self._answer()
        if code == UNLIKE:
            program = compile(text, traced.path, "exec", dont_inherit=True)
            seconds = {name: self.measured[name]["seconds"] for name in names}
            code, name = _forked(lambda told: self._pytest({file: (program, set())}, names, _Watch(seconds, told)))
        if code == BROKEN:
            sys.exit(f"The tests could not be run on a mutant of {file}.\n{name}")
        self.found[file, name] += 1
        return "survived" if code == 0 else "found" if code > 0 else "timeout"

    def _answer(self) -> Any:
        line = self._answers.readline()
        if not line:
            sys.exit("The tests could not be loaded.")
        return json.loads(line)

    def _pytest(self, programs: Mapping[str, tuple[Any, set[int]]], tests: Sequence[str], plugin: object) -> int:
        os.setsid()  # so that what a test starts dies with it
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.chdir(self.root)
        sys.path.insert(0, str(self.root / "src"))
        sys.meta_path.insert(
            0, _Finder({module_of(file): (self.root / file, *each) for file, each in programs.items()})
        )
        sys.dont_write_bytecode = True
        options = ["-q", "-p", "no:cacheprovider", "--tb=no", "--assert=plain", "--whole-families"]
        return int(pytest.main([*options, *tests], plugins=[plugin]))


class _Turn:
    """In pytest: instead of running the tests, measures those that are not known, and answers what is asked about mutants."""

    def __init__(self, traced: Mapping[str, Traced], known: Mapping[str, Any], asked: Any, answers: Any) -> None:
        self.traced, self.known, self.asked, self.answers = traced, known, asked, answers

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items, paths = {item.nodeid: item for item in session.items}, {each.path for each in self.traced.values()}
        self.loaded = [each for each in functions() if each.__code__.co_filename in paths]
        early = {file: sorted(each.reached) for file, each in self.traced.items()}
        self.known = {name: self.known.get(name) or self._measured(item) for name, item in items.items()}
        self._say(self.known)
        self._say(early)
        for line in self.asked:
            file, source, names = json.loads(line)
            chosen = {name: items[name] for name in names}
            self._say(_forked(partial(self._run, chosen, file=file, source=source)))
        return True

    def _say(self, answer: object) -> None:
        self.answers.write(json.dumps(answer) + "\n")

    def _measured(self, item: pytest.Item) -> dict[str, Any]:
        def run(told: Any) -> int:
            for each in self.traced.values():
                each.reached.clear()
            started = time.process_time()
            self._run({item.nodeid: item}, told)
            reached = {file: sorted(each.reached) for file, each in self.traced.items() if each.reached}
            json.dump({"seconds": time.process_time() - started, "reached": reached}, told)
            return 0

        code, text = _forked(run)
        return json.loads(text) if code == 0 else {}

    def _run(self, items: Mapping[str, pytest.Item], told: Any, file: str = "", source: str = "") -> int:
        if file:
            try:
                self.traced[file].replace(source, self.loaded)
            except ValueError:
                return UNLIKE
        first = next(iter(items.values()))
        seconds = {name: self.known.get(name, {"seconds": LONGEST})["seconds"] for name in items}
        first.config.pluginmanager.register(_Watch(seconds, told))
        ordered = list(items.values())
        for each, following in zip_longest(ordered, ordered[1:]):
            each.ihook.pytest_runtest_protocol(item=each, nextitem=following)
        return 0


class _Watch:
    """In pytest: ends the process at the first test that fails, and when a test takes too long."""

    def __init__(self, seconds: Mapping[str, float], told: Any) -> None:
        self.seconds, self.told = seconds, told
        resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        used = time.process_time() + max(MIN_SECONDS, RATIO * self.seconds.get(item.nodeid, 0.0))
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 1, resource.getrlimit(resource.RLIMIT_CPU)[1]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.told.write(report.nodeid)
            self.told.flush()
            os._exit(1)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives modules other programs."""

    def __init__(self, programs: Mapping[str, tuple[Path, Any, set[int]]]) -> None:
        self.programs = programs

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name not in self.programs:
            return None
        return importlib.machinery.ModuleSpec(name, self, origin=str(self.programs[name][0]))

    def exec_module(self, module: ModuleType) -> None:
        path, program, reached = self.programs[module.__name__]
        module.__file__ = str(path)
        module.__dict__["__reached__"] = reached.add
        exec(program, module.__dict__)

    def get_source(self, name: str) -> str:
        return self.programs[name][0].read_text(encoding="utf-8")


def _forked(run: Callable[[Any], int]) -> tuple[int, str]:
    """A child's exit code, negative where it was ended, and what it wrote."""
    with tempfile.TemporaryFile("w+") as told:
        child, code = os.fork(), BROKEN
        if not child:
            try:
                code = run(told)
            except MemoryError:
                code = 1
            finally:  # no child may go on as its parent
                told.write(traceback.format_exc() if code == BROKEN else "")
                told.flush()
                os._exit(code)
        end, pause = time.monotonic() + PATIENCE, 0.002
        done, status = 0, -1
        while not done and time.monotonic() < end:
            time.sleep(pause)
            pause = min(1.5 * pause, 0.1)
            done, status = os.waitpid(child, os.WNOHANG)
        if not done:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        told.seek(0)
        code, text = os.waitstatus_to_exitcode(status) if done else -1, told.read()
    return code, text
