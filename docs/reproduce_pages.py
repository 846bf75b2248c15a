"""The pages of the reproduced experiments, made from what `splinework reproduce` left in benchmarks/results/reproduce.

    splinework reproduce --quick --out DIR && python docs/reproduce_pages.py --keep DIR   # keep new results, then write the pages
    python docs/reproduce_pages.py                                                        # write the pages of the kept ones
    python docs/reproduce_pages.py --check                                                # fail where a page is not up to date

An experiment's full results are shown where there are any, also of a part of the cells (`--only`), else its quick ones. Nothing
is run here.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splinework.formula.figures import plural
from splinework.reproduce import Experiment, FinishedCell, experiment_names, recipe
from splinework.reproduce.experiment import row_values
from splinework.reproduce.figures import save_figure
from splinework.reproduce.tables import result_text, row_checks, value_text
from splinework.train.progress_line import duration

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "reproduce"
PAGES = ROOT / "docs" / "reproduce"
INDEX = ROOT / "docs" / "reproduce.md"
KEPT = "result.json"
Kept = tuple[Experiment, dict[str, Any]]
SCALES = ("full", "quick")
HEAD = """# Experiments of the literature, run again

`splinework reproduce` runs published experiments by one command each and puts the published value, the paper's own method as it
comes out here, our default and a rival side by side.

```text
splinework reproduce --list                    # what there is, how long it takes, how far it is
splinework reproduce toys --quick              # one experiment, the short recipe
splinework reproduce feynman --only default    # of the full recipe, the cells of our default alone
splinework reproduce --quick --jobs 2          # the short recipes of all, in two processes: 13 min 21 s on two cores
splinework reproduce --jobs 2 --out results    # all of them, in two processes: about 14 hours of processor time
```

Results are kept cell by cell, each under a digest of its recipe and version: the same command goes on after an interrupt, and
results of another version lie beside the new ones and are never mixed with them. From Python it is
`sw.reproduce.run("toys", quick=True)`, which returns the table, the checks and the results of all cells. An experiment
is added as a file with a frozen recipe, see `splinework.reproduce.Experiment`.

`--only TEXT,…` runs the cells with one of these texts in their names: a row of a table (`--only I.6.2`), a method (`--only
default,sparsify`), a seed. A table says how many of its cells there are. The notebooks of KAN 2.0, each as a script, are beside
[pykan's](from-pykan.md#notebooks).

What was found is below, as it came out: a check that is missed is listed as missed. A value is *reached* by our default where it
is as good as the published one, and by the paper's method where it is within a factor 2 of it (0.01 of an accuracy). Rows
without a published value, such as those of a rival alone, are in the tables and do not count here. Quick recipes take fewer
steps, grids, seeds or functions than the paper: where the paper's method misses a value in one, that is the first reason to
look at.

| experiment | recipe | rows reached by our default | by the paper's method | checks met | time |
|---|---|---|---|---|---|
"""


COLUMNS = {"ours": ("our default", "default_reached"), "paper": ("the paper's method", "own_method_reached")}
"""Columns of which the missed rows are listed: their name, and the key of whether a row is reached."""


def kept() -> Iterator[Kept]:
    """Every experiment that has results, with the best of them."""
    for name in experiment_names():
        for scale in SCALES:
            folder = RESULTS / name / scale
            if (folder / KEPT).exists():
                one, result = recipe(name), json.loads((folder / KEPT).read_text("utf-8"))
                finished = [FinishedCell(**cell) for cell in result["cells"]]
                rows = one.table(finished)
                compared = [check for check in row_checks(rows) if check.met is not None]
                checks = [vars(check) for check in (*compared, *one.checks(finished))]
                shown = [{**row_values(row), "why": one.why(row)} for row in rows]
                yield one, {**result, "rows": shown, "checks": checks}
                break


def page(one: Experiment, result: dict[str, Any]) -> str:
    """The page of an experiment."""
    command = f"splinework reproduce {one.name}{' --quick' if result['scale'] == 'quick' else ''}"
    image = f"![The results of {one.name} as a figure]({one.name}.svg)"
    parts = [
        f"# {one.title}",
        one.about,
        f"Run it: `{command}`. *Written by `python docs/reproduce_pages.py` from the results; do not edit it.*",
        image,
        result_text(one, result),
    ]
    return "\n\n".join(parts).rstrip() + "\n"


def index(found: list[Kept]) -> str:
    """The page that lists the experiments."""
    lines = []
    for one, result in found:
        shares = [_share(result["rows"], key) for key in ("default_reached", "own_method_reached")]
        known = [check["met"] for check in result["checks"] if check["met"] is not None]
        done = (
            ""
            if len(result["cells"]) == result["cell_count"]
            else f", {len(result['cells'])} of {plural(result['cell_count'], 'cell')}"
        )
        lines.append(
            f"| [{one.title}](reproduce/{one.name}.md) | {result['scale']}{done} | {shares[0]} | {shares[1]} | "
            f"{sum(known)} of {len(known)} | {duration(result['seconds'])} |"
        )
    entries = "\n".join(f"reproduce/{one.name}" for one, _ in found)
    every = [row for _, result in found for row in result["rows"]]
    shares = [_share(every, key) for key in ("default_reached", "own_method_reached")]
    parts = [
        HEAD + "\n".join(lines),
        f"In all, our default reaches {shares[0]} published values, and the paper's method {shares[1]}.",
        *(_missed(found, place, column) for place, column in enumerate(COLUMNS)),
        f"```{{toctree}}\n:hidden:\n\n{entries}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _missed(found: list[Kept], place: int, column: str) -> str:
    """The rows that a column misses, each with its reason alone; `place` is that of the column's reasons."""
    name, key = COLUMNS[column]
    lines = [f"## Rows that {name} misses", f"| row | measure | published | {name} | reason |\n|---|---|---|---|---|"]
    for one, result in found:
        for row in result["rows"]:
            if row[key] is False:
                published, value = (value_text(row[each]) for each in ("published", column))
                where = f"[{row['name']}](reproduce/{one.name}.md)"
                lines[-1] += f"\n| {where} | {row['measure']} | {published} | {value} | {row['why'][place]} |"
    return "\n\n".join(lines)


def _share(rows: list[dict[str, Any]], key: str) -> str:
    known = [row[key] for row in rows if row["published"] is not None and row[key] is not None]
    return f"{sum(known)} of {len(known)}" if known else "–"


def keep(folder: Path) -> None:
    """Takes the results of a folder of `splinework reproduce` over, without the files of cells."""
    for name in experiment_names():
        for scale in SCALES:
            source, place = folder / name / scale, RESULTS / name / scale
            if (source / KEPT).exists():
                place.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / KEPT, place / KEPT)


def written() -> dict[Path, str]:
    """The text of every page."""
    found = list(kept())
    texts = {PAGES / f"{one.name}.md": page(one, result) for one, result in found}
    return {**texts, INDEX: index(found)}


def main() -> None:
    """Writes or checks the pages."""
    parser = argparse.ArgumentParser(description="Write the pages of reproduced experiments.")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="results to take over first")
    parser.add_argument("--check", action="store_true", help="fail where a page is not up to date")
    options = parser.parse_args()
    if options.keep:
        keep(options.keep)
    texts = written()
    if options.check:
        stale = [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]
        if stale:
            sys.exit("\n".join(f"{path.relative_to(ROOT)} is not up to date" for path in stale))
        return
    PAGES.mkdir(exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    for one, result in kept():
        save_figure(one, [FinishedCell(**cell) for cell in result["cells"]], PAGES / f"{one.name}.svg")


if __name__ == "__main__":
    main()
