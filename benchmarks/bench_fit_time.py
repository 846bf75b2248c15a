"""How long ten typical fits take, in seconds of processor time, and how large their errors are on rows of their own.

Each task runs in a process of its own, so that imports count and no task warms the next. `--profile` prints where the time of
one task goes, `--against` puts an earlier record beside. Run: python -m benchmarks.bench_fit_time [--task "NAME;NAME"]
[--out FILE] [--against FILE] [--profile]
"""

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Predict = Callable[[Array], Array]


def _toy(x: Array) -> Array:
    return np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)


def _four(x: Array) -> Array:
    return _toy(x) * x[:, 2] + x[:, 3]


def _friedman(x: Array) -> Array:
    u = (x + 1) / 2
    return 10 * np.sin(np.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2 + 10 * u[:, 3] + 5 * u[:, 4]


def _hundred(x: Array) -> Array:
    """The toy of 100 inputs of the KAN paper (Liu et al. 2024, §3.1)."""
    return np.exp(np.mean(np.sin(np.pi * x / 2) ** 2, axis=1))


def _fitted(shape: list[int]) -> Callable[[Array, Array], Predict]:
    def run(x: Array, y: Array) -> Predict:
        import splinework as sw

        model = sw.fit(sw.KAN(shape), x, y).model
        return lambda rows: model(rows).detach().numpy()[:, 0]

    return run


def _regressor(x: Array, y: Array) -> Predict:
    from splinework import KANRegressor

    return KANRegressor(random_state=0).fit(x, y).predict


def _discovered(x: Array, y: Array) -> Predict:
    import splinework as sw

    return sw.discover(x, y).numpy()


TASKS: Final[dict[str, tuple[Callable[[Array, Array], Predict], Callable[[Array], Array], int, int, float]]] = {
    "fit [2, 5, 1], 1000 rows": (_fitted([2, 5, 1]), _toy, 2, 1000, 0.0),
    "fit [2, 5, 1], 1000 rows, noise": (_fitted([2, 5, 1]), _toy, 2, 1000, 0.1),
    "fit [4, 4, 2, 1], 3000 rows": (_fitted([4, 4, 2, 1]), _four, 4, 3000, 0.0),
    "fit [5, 5, 1], 300 rows, noise": (_fitted([5, 5, 1]), _friedman, 5, 300, 0.1),
    "fit [100, 1, 1], 10 000 rows": (_fitted([100, 1, 1]), _hundred, 100, 10_000, 0.0),
    "regressor, 4 columns, 10 000 rows": (_regressor, _four, 4, 10_000, 0.0),
    "regressor, 5 columns, 2000 rows, noise": (_regressor, _friedman, 5, 2000, 0.2),
    "regressor, 10 columns, 300 rows, noise": (_regressor, _friedman, 10, 300, 0.2),
    "discover, 2 columns, 1000 rows": (_discovered, _toy, 2, 1000, 0.0),
    "discover, 2 columns, 300 rows, noise": (_discovered, _toy, 2, 300, 0.05),
}
"""What fits, the function, columns, rows, and noise in units of the function's standard deviation."""


def _processor_time() -> float:
    """Seconds of this process, and of those that it has started and waited for."""
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system


def timed(name: str) -> dict[str, float]:
    """Processor time of one task in this process, and its error on 2000 new rows in units of the standard deviation."""
    run, function, columns, rows, noise = TASKS[name]
    random = np.random.default_rng(0)
    x, new = random.uniform(-1, 1, (rows, columns)), random.uniform(-1, 1, (2000, columns))
    y, truth = function(x), function(new)
    began = _processor_time()
    predict = run(x, y + noise * y.std() * random.standard_normal(rows))
    seconds = _processor_time() - began
    return {"seconds": round(seconds, 2), "error": float(np.sqrt(np.mean((predict(new) - truth) ** 2)) / truth.std())}


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--task", default="", help="parts of names, with semicolons between; without, all ten")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.add_argument("--against", type=Path, help="a file that --out has written, whose figures are printed beside")
    parser.add_argument("--here", action="store_true", help="run in this process and print JSON")
    parser.add_argument("--profile", action="store_true", help="run in this process and print where the time goes")
    options = parser.parse_args()
    names = [name for name in TASKS if any(part.strip() in name for part in options.task.split(";"))]
    warnings.simplefilter("ignore")
    if options.here:
        print(json.dumps(timed(options.task)))
        return
    earlier = {} if options.against is None else json.loads(options.against.read_text(encoding="utf-8"))
    found: dict[str, dict[str, float]] = {}
    beside = ("| seconds before | error before |", "---|---|") if earlier else ("|", "")
    print(f"| task | seconds | error {beside[0]}\n|---|---|---|{beside[1]}")
    for name in names:
        if options.profile:
            profile = cProfile.Profile()
            found[name] = profile.runcall(timed, name)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        else:
            command = [sys.executable, "-m", "benchmarks.bench_fit_time", "--here", "--task", name]
            answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[name] = json.loads(answer.splitlines()[-1])
        print(f"| {name} | {_columns(found[name])}" + (f" {_columns(earlier[name])}" if earlier else ""), flush=True)
        if options.out is not None:
            options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    totals = [sum(each[name]["seconds"] for name in names) for each in (found, earlier) if each]
    print("| all | " + " | | ".join(f"{total:.1f}" for total in totals) + " | |")


def _columns(record: dict[str, float]) -> str:
    return f"{record['seconds']:.1f} | {record['error']:.2g} |"


if __name__ == "__main__":
    main()
