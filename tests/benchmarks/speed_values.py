"""Jobs and results that nobody measured, for the tests of the bench."""

from dataclasses import replace

from benchmarks.speed.cases import Job, select
from benchmarks.speed.contenders import Contender, own_contenders
from benchmarks.speed.results import Case, Results, Row, row_of


def job_of(config: str, grid: int = 5, mode: str = "backward", **changes) -> Job:
    return replace(select([config], grids=[grid], modes=[mode])[0], **changes)


def row(name: str, family: str, seconds: float, *, compiled: bool = False, **changes) -> Row:
    made = row_of(Contender(name, family, "", compiled=compiled), status="ok", answer={"error": 1e-7, "seconds": 1.0})
    return replace(made.with_rounds([{"minimum": seconds, "median": 1.1 * seconds, "calls": 7}] * 3), **changes)


def results(*cases: Case) -> Results:
    machine = {"processor": "P", "cores": 2, "flags": ["avx2"], "system": "S", "architecture": "x", "day": "2026-01-01"}
    machine |= dict.fromkeys(("python", "splinework", "torch", "numpy", "scipy"), "1")
    peaks = ({"threads": 1, "dtype": "float32", "matmul": 1e11, "loop": None},)
    return Results(machine, peaks, tuple(c.facts() for c in own_contenders()), cases)


def whole() -> Results:
    cases = []
    for config in ("A", "C", "W16", "W32"):
        for grid in (5, 20, 100, 1000) if config == "A" else (5,) if config[0] == "W" else (5, 20, 100):
            for mode in ("forward", "backward"):
                rows = (
                    row("splinework", "ours", 1e-3),
                    row("fast-kan", "rbf", 9e-3),
                    row("inkan, compiled", "spline", 3e-3, compiled=True),
                    row("kanditioned", "linear", 1e-4),
                    row("MLP, same width", "mlp-width", 1e-4),
                    replace(row("pykan", "spline", 1e-3), status="skipped", why="too slow", median=None),
                )
                cases.append(Case(replace(job_of(config, grid), mode=mode), rows, [0.1], [0.1]))
    return results(*cases)
