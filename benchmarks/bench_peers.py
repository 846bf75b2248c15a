"""How splinework compares with its peers, from the results that are in `benchmarks/results/`.

    python -m benchmarks.bench_peers               # the tables
    python -m benchmarks.bench_peers --markdown    # into docs/comparison.md

Nothing is measured here: each table names the command that measures.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [] if str(ROOT) in sys.path else [str(ROOT)]

from benchmarks.panel import cases  # noqa: E402 - the root is on the path only now
from benchmarks.panel import results as panel_results  # noqa: E402
from benchmarks.panel import tables as panel_tables  # noqa: E402
from benchmarks.tabular import results as tabular_results  # noqa: E402
from benchmarks.tabular import tables as tabular_tables  # noqa: E402
from benchmarks.tabular.tables import table  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "comparison.md"
RIVALS = ["kan", "linear", "boosting", "mlp", "gam", "ebm"]
"""Contenders on the tables, in order."""


def measured_tables() -> str:
    """Mean ranks on the tables with all contenders."""
    what = tabular_tables.shown(tabular_results.Results(RESULTS / "tabular"), None, RIVALS)
    head, rows = ["mean rank, 1 is best"], []
    for group, title in (
        ("regression", "six tables of regression, RMSE"),
        ("classification", "six of classification, log loss"),
    ):
        found = what.ranks(group)
        assert found is not None
        titles = [tabular_tables.KNOWN[name].title for name in found.contenders]
        head = ["mean rank, 1 is best", *titles]
        best = found.mean.min()
        rows.append([title, *(f"**{rank:.2f}**" if rank == best else f"{rank:.2f}" for rank in found.mean)])
    return table(head, rows)


def drawn_functions() -> str:
    """Errors on functions drawn by rules, as multiples of the least error of all models."""
    some = cases.panel("report", families=None, cells=None, rounds=cases.ROUNDS)[:20]
    what = panel_tables.shown(panel_results.Results(RESULTS / "panel"), some, None)
    if not what.cases:
        names = ["constant", "linear", "boosting", "gam", "gp", "fit", "regressor"]
        what = panel_tables.shown(panel_results.Results(RESULTS / "panel"), some, names)
    ratios = what.ratios
    rows = [
        [
            panel_tables.title(name),
            f"{np.exp(np.log(ratios[:, place]).mean()):.3g}",
            f"{ratios[:, place].max():.2g}",
            f"{(ratios[:, place] <= 1.2).mean():.0%}".replace("%", " %"),
        ]
        for place, name in enumerate(what.models)
    ]
    return table([f"{len(what.cases)} cases: error / least error", "geometric mean", "worst", "within 1.2"], rows)


def laws() -> str:
    """Number of the 27 laws of the KAN paper that are recovered in five seconds each."""
    lines = (RESULTS / "formulas-5s" / "27.jsonl").read_text(encoding="utf-8").splitlines()
    solved: Counter[tuple[str, float]] = Counter()
    asked: Counter[tuple[str, float]] = Counter()
    for record in map(json.loads, lines):
        asked[record["contender"], record["level"]] += 1
        solved[record["contender"], record["level"]] += record["solved"]
    levels = [level for level in (0.0, 0.01) if all(asked[name, level] >= 27 for name in ("splinework", "operon"))]
    rows = [
        [name, *(f"{solved[name, level]} of {asked[name, level]}" for level in levels)]
        for name in ("splinework", "operon")
    ]
    return table(
        ["laws recovered in 5 s each, one core", *(f"noise {level:.0%}".replace("%", " %") for level in levels)], rows
    )


def kernels() -> str:
    """Time of forward and backward, the faster of eager and compiled."""
    document = json.loads((RESULTS / "kernels.json").read_text(encoding="utf-8"))
    names = ["splinework", "inkan", "fast-kan", "efficient-kan", "pykan"]
    rows = []
    for case in document["cases"]:
        job = case["job"]
        if job["mode"] != "backward" or job["dtype"] != "float32" or job["threads"] != 2 or job["grid"] not in (5, 20):
            continue
        times = {
            name: min(
                (
                    row["minimum"]
                    for row in case["rows"]
                    if row["contender"].partition(",")[0] == name and row["status"] == "ok"
                ),
                default=None,
            )
            for name in names
        }
        if sum(time is not None for time in times.values()) < 4:
            continue
        cells = ["–" if time is None else f"{1000 * time:.3g}" for time in times.values()]
        rows.append([f"{job['shape']}, {job['batch']} rows", str(job["grid"]), *cells])
    return table(["ms, forward + backward", "G", *names], rows)


def checks() -> str:
    """Passed and failed checks of scikit-learn, for each estimator."""
    found = json.loads((RESULTS / "checks.json").read_text(encoding="utf-8"))
    rows = []
    for each in found:
        states = Counter(check["state"] for check in each["checks"])
        refused = bool(each["refused"]) or not each["checks"]
        rows.append(
            [
                each["name"],
                "cannot be checked" if refused else str(states["passed"]),
                "–" if refused else str(states["failed"]),
            ]
        )
    return table(["estimator", "passed", "failed"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "tables": measured_tables,
    "functions": drawn_functions,
    "laws": laws,
    "kernels": kernels,
    "checks": checks,
}
"""Mark in the page → the function that writes the table."""


def main(arguments: list[str] | None = None) -> None:
    """Prints the tables, or writes them into the page."""
    made = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    made.add_argument("--markdown", action="store_true", help="write them into the page")
    made.add_argument("--page", type=Path, default=PAGE, help="the page that --markdown writes into")
    chosen = made.parse_args(arguments)
    for mark, write in TABLES.items():
        if chosen.markdown:
            tabular_tables.write(write(), chosen.page, mark)
        else:
            print(f"{write()}\n")


if __name__ == "__main__":
    main()
