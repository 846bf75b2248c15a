"""A few seconds of fuzzing for each target, of one seed; `make fuzz` goes on with others for as long as one likes."""

import resource
from pathlib import Path
from random import Random

import pytest

from splinework.errors import ConfigError
from tests.fuzz.cases import MAX_GROWTH_MB, run
from tests.fuzz.targets import TARGETS

SECONDS = 0.15
"""Processor time of a target in `make test`."""


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_is_read_or_refused_by_a_sentence(name):
    run(name, TARGETS[name], seed=1, seconds=60, most=1)  # makes the files that the others change
    report = run(name, TARGETS[name], seed=0, seconds=SECONDS)
    assert report.failures == []
    assert report.cases > 2
    assert report.read > 0 or name == "place"


def raises(error: BaseException):
    def target(rng: Random) -> None:
        raise error

    return target


def hang(rng: Random) -> None:
    while True:
        pass


def grow(rng: Random) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    now = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    bytearray(int(1.5e6 * MAX_GROWTH_MB) + max(peak - now, 0))  # beyond what earlier tests in this process had taken


def test_the_runner_finds_what_it_looks_for(monkeypatch):
    for target, word in (
        (raises(TypeError("x")), "TypeError"),
        (raises(MemoryError()), "MemoryError"),
        (hang, "Hang"),
        (grow, "MB more memory"),
    ):
        monkeypatch.setattr("tests.fuzz.cases.MAX_SECONDS", 0.3 if word == "Hang" else 30.0)
        report = run("planted", target, seed=0, seconds=30, most=1)
        assert len(report.failures) == 1
        assert word in report.failures[0]
    assert run("planted", raises(ConfigError("a sentence")), seed=0, seconds=30, most=1).refused == 1
