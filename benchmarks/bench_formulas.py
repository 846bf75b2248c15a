"""How many laws each finder of formulas recovers, side by side: splinework, Operon, gplearn; same rows, seconds, cores.

Suites: 27 (dimensionless, of the KAN paper), main and bonus (Feynman, 100 and 20), classical (64 of Nguyen, Keijzer, Livermore
and others), polynomials (40 sparse ones, drawn), levels (20 with categories, drawn), noise,
random (drawn from a grammar; random-7, levels-7 and polynomials-7 are other draws), curves-7 (random splines, drawn), laws-7 (as
scientists fit them, 100 to 1000 rows and their own noise, numbers drawn; odd seeds are for development), real (measurements);
robust = idle, integers, collinear, outliers, fewer, categories (every tenth main equation from worse data);
powers (the power products of main and bonus).

1000 rows, uniform in the ranges, noise of the level times std(y) in y. Solved: on 2000 fresh noiseless rows NRMSE < 1e-6 (with
noise < 0.1 of its level, or symbolically equal), on a range 1.25 times as wide < 1e-4 (with noise < 0.2 of its level; rows where
the truth is finite and |y| at most 3 times that of training), and at most 1.5 times the truth's nodes, counted by one printer.

Run: python benchmarks/bench_formulas.py run --suite 27,main --noise 0,0.001,0.01,0.1 --seeds 0,1,2 --contenders splinework,operon
     python benchmarks/bench_formulas.py table            (what is there, against the targets; plot draws it)
Answers go to benchmarks/results/formulas, one line each, and a run goes on from there. Rivals: pip install pyoperon==0.6.2
gplearn==0.4.3, here or in another environment, which --rivals-python names.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import campaign
from benchmarks.commands import integers, main_of, words
from benchmarks.formulas import contenders, results, runner, suites, tables

QUICK = {"suite": "27", "noise": "0", "limit": 4}
"""Options of `run` where none are given."""


def numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("command", choices=("run", "table", "plot"))
    made.add_argument("--suite", type=words, default=None, help="of the suites above; run: 27, table and plot: all")
    made.add_argument("--noise", type=numbers, default=None, help="levels, such as 0,0.001,0.01,0.1; run: 0")
    made.add_argument("--seeds", type=integers, default=None, help="such as 0,1,2; run: 0")
    made.add_argument("--contenders", type=words, default=None, help=", ".join(contenders.KNOWN))
    made.add_argument("--problems", type=words, default=None, help="names of problems within the suites")
    made.add_argument(
        "--limit", type=int, default=None, help="only this number of problems of each suite, the first ones"
    )
    made.add_argument("--budget", type=float, default=60.0, help="seconds an answer")
    made.add_argument(
        "--effort",
        action="store_true",
        help="splinework takes the budget as units of work, about a second on one core each: for busy machines",
    )
    made.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="answers at once")
    made.add_argument("--threads", type=int, default=1, help="cores of each")
    made.add_argument("--rivals-python", default=None, metavar="PATH", help="interpreter that has the rivals' packages")
    made.add_argument("--again", action="store_true", help="anew, even what is there")
    made.add_argument("--results", type=Path, default=results.FOLDER, help="folder of the answers")
    made.add_argument("--pictures", type=Path, default=None, help="folder of the pictures; docs/formulas")
    return made


def jobs(chosen: argparse.Namespace, who: list[contenders.Contender], found: dict) -> list[runner.Job]:
    """The answers to get: problem by problem, the contenders beside each other."""
    everything = [
        runner.Job(task, level, seed, contender)
        for name in chosen.suite
        for task in _some(name, chosen)
        for seed in chosen.seeds
        for level in task.levels(chosen.noise)
        for contender in who
    ]
    unique = {job.key: job for job in everything}
    return [job for key, job in unique.items() if chosen.again or key not in found]


def _some(name: str, chosen: argparse.Namespace) -> list:
    tasks = [task for task in suites.tasks(name) if chosen.problems is None or task.name in chosen.problems]
    return tasks[: chosen.limit]


def run(chosen: argparse.Namespace) -> None:
    quick = chosen.suite is None and chosen.problems is None
    chosen.limit = QUICK["limit"] if quick and chosen.limit is None else chosen.limit
    chosen.suite = suites.expanded(chosen.suite or [QUICK["suite"]])
    chosen.noise, chosen.seeds = chosen.noise or (0.0,), chosen.seeds or (0,)
    who, absent = campaign.chosen(chosen.contenders or ["splinework"], contenders.KNOWN, chosen.rivals_python)
    for sentence in absent:
        print(sentence, file=sys.stderr)
    store = results.Results(chosen.results)
    found = store.load(task.suite for name in chosen.suite for task in suites.tasks(name))
    todo = jobs(chosen, who, found)
    longest = len(todo) * (chosen.budget + runner.GRACE) / chosen.jobs / 3600
    print(f"{len(todo)} answers to get, at most {longest:.1f} h", file=sys.stderr, flush=True)
    runner.Runner(store, budget=chosen.budget, slots=chosen.jobs, threads=chosen.threads, effort=chosen.effort).run(
        todo
    )
    print(tables.page(tables.of(store, chosen.suite, chosen.noise, chosen.seeds, chosen.contenders)))


def act(chosen: argparse.Namespace) -> None:
    """Does what a subcommand asks for."""
    if chosen.command == "run":
        run(chosen)
        return
    store = results.Results(chosen.results)
    shown = tables.of(store, chosen.suite or tables.ALL, chosen.noise, chosen.seeds, chosen.contenders)
    if chosen.command == "table":
        print(tables.page(shown))
    else:
        from benchmarks.formulas import pictures

        for path in pictures.draw(shown, chosen.pictures or pictures.FOLDER):
            print(path)


def main() -> int:
    return main_of(parser(), act, "answers")


if __name__ == "__main__":
    sys.exit(main())
