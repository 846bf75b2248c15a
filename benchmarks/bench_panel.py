"""A panel of drawn targets: models beside each other on the same rows, by their errors over the least one of all.

Targets are drawn by ten rules (families), twelve seeds each: smooth, wavy, peaked, kinked, stepped, products, compositions,
rational, saturating, mixed; 1 to 10 columns, some idle; even, correlated, skewed or clustered inputs. A case is a target with
40, 100, 300, 1000 or 10 000 rows and noise of 0, 5, 20 or 50 % of the spread. Even seeds are to develop with, odd ones are
reported.

Run: python benchmarks/bench_panel.py case wavy-4 --n 300 --noise 0.2 --models fit     (errors and seconds)
     python benchmarks/bench_panel.py run --half development --models fit,regressor    (goes on from what is there)
     python benchmarks/bench_panel.py run --models fit --label finer --limit 20        (kept as a model of its own, fit@finer)
     python benchmarks/bench_panel.py table --half development --models gp,gam,fit,fit@finer
     python benchmarks/bench_panel.py table --half report --markdown                   (into docs/defaults.md)
     python benchmarks/bench_panel.py list --half development                          (the targets and their formulas)
Results go to benchmarks/results/panel, a line each. pyGAM and EBM: pip install pygam interpret-core, here or in another
environment, which --rivals-python names. Everything runs on one thread, one fit at a time; seconds are those of the processor.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.commands import main_of, words
from benchmarks.panel import cases, models, results, runner, tables, targets
from benchmarks.panel.families import FAMILIES
from benchmarks.processes import say
from benchmarks.tabular.tables import write
from splinework.errors import ConfigError

LIMIT = 120.0


def cell(text: str) -> tuple[int, float]:
    rows, _, noise = text.partition(":")
    return int(rows), float(noise or 0)


def cells(text: str) -> list[tuple[int, float]]:
    return [cell(part) for part in words(text)]


def span(text: str) -> slice:
    first, _, last = text.rpartition("-")
    return slice(int(first or 1) - 1, int(last))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("command", choices=("run", "table", "case", "list"))
    made.add_argument("target", nargs="?", help="case: a family and a seed, such as wavy-4; any seed from 0 on")
    made.add_argument("--half", default="development", help=f"of {', '.join(targets.HALVES)}; development")
    made.add_argument("--models", type=words, default=None, help=f"of {', '.join(models.KNOWN)}; all")
    made.add_argument("--families", type=words, default=None, help=f"of {', '.join(FAMILIES)}; all")
    made.add_argument("--cells", type=cells, default=None, help="rows:noise for every target, such as 300:0.2,1000:0")
    made.add_argument("--per-target", type=int, default=None, help=f"drawn cells of each; {cases.ROUNDS}, table: all")
    made.add_argument("--all-cells", action="store_true", help="all 20 cells of every target")
    limit = "only the first N cases, or those from A to B; of all families"
    made.add_argument("--limit", type=span, default=slice(None), metavar="N|A-B", help=limit)
    made.add_argument("--n", type=int, default=300, help="case: rows; 300")
    made.add_argument("--noise", type=float, default=0.0, help="case: of the spread; 0")
    made.add_argument("--seconds", type=float, default=LIMIT, help=f"of the processor, most for a fit; {LIMIT:g}")
    made.add_argument("--label", default="", help="run: keep the results as those of MODEL@LABEL")
    made.add_argument("--floor", type=float, default=tables.FLOOR, help=f"table: least error; {tables.FLOOR:g}")
    made.add_argument(
        "--worst", type=int, default=None, metavar="N", help="table: only the N worst cases of each model"
    )
    made.add_argument("--markdown", action="store_true", help="table, list (rules): write it into docs/defaults.md")
    made.add_argument("--page", type=Path, default=tables.PAGE, help="the page that --markdown writes into")
    made.add_argument("--again", action="store_true", help="run: anew, even what is there")
    made.add_argument("--rivals-python", default=None, metavar="PATH", help="interpreter with pyGAM, EBM; .venv-rivals")
    made.add_argument("--results", type=Path, default=results.FOLDER, help="folder of the results")
    return made


def some_cases(chosen: argparse.Namespace) -> list[cases.Case]:
    """Those that are asked for."""
    everything = chosen.all_cells or (chosen.command == "table" and chosen.per_target is None)
    rounds = len(cases.CELLS) if everything else cases.ROUNDS if chosen.per_target is None else chosen.per_target
    found = cases.panel(chosen.half, families=chosen.families, cells=chosen.cells, rounds=rounds)
    return found[chosen.limit]


def some_entries(chosen: argparse.Namespace) -> list[runner.Entry]:
    """Models that can take part; says which cannot."""
    rivals = chosen.rivals_python or (str(runner.RIVALS) if runner.RIVALS.exists() else None)
    entries, absent = runner.chosen(chosen.models or list(models.KNOWN), rivals, chosen.label)
    for sentence in absent:
        say(sentence)
    return entries


def run(chosen: argparse.Namespace) -> None:
    entries, store = some_entries(chosen), results.Results(chosen.results)
    found = store.load(entry.name for entry in entries)

    def skip(key: results.Key) -> bool:
        """Whether it is there, and was not stopped earlier than it would be now."""
        record = found.get(key)
        stopped = record is not None and record["problem"].startswith("stopped") and record["limit"] < chosen.seconds
        return record is not None and not stopped and not chosen.again

    for record in runner.run(some_cases(chosen), entries, limit=chosen.seconds, skip=skip):
        store.add(record)


def one_case(chosen: argparse.Namespace) -> None:
    if chosen.target is None:
        raise ConfigError("case takes a target, a family and a seed, such as: case wavy-4 --n 300 --noise 0.2")
    case = cases.Case(chosen.target, chosen.n, chosen.noise)
    print(describe(case.target))
    for record in runner.run([case], some_entries(chosen), limit=chosen.seconds):
        seconds = "" if record["cpu_seconds"] is None else f"{record['cpu_seconds']:8.2f} s"
        print(f"{record['model']:12}{record['problem'] or format(record['error'], '.4g'):>12}{seconds}")


def table(chosen: argparse.Namespace) -> None:
    unknown = [name for name in chosen.models or () if name.partition("@")[0] not in models.KNOWN]
    if unknown:
        raise ConfigError(f"--models knows {', '.join(models.KNOWN)}, each also with @LABEL; got {unknown[0]!r}.")
    what = tables.shown(results.Results(chosen.results), some_cases(chosen), chosen.models, chosen.floor)
    if chosen.worst is not None:
        print(tables.worst(what, chosen.worst))
    else:
        text = tables.page(what, chosen.half)
        print(write(text, chosen.page, chosen.half) if chosen.markdown else text)


def describe(target: targets.Target) -> str:
    """A target in one line."""
    law, active = target.law, len(target.expression.columns)
    columns = f"{law.columns} columns, {law.columns - active} idle, {type(law).__name__.lower()}"
    return f"{target.name}: {columns}: ({target.expression.text} - {target.centre:.4g})/{target.spread:.4g}"


def act(chosen: argparse.Namespace) -> None:
    """Does what a subcommand asks for."""
    if chosen.command == "run":
        run(chosen)
    elif chosen.command == "case":
        one_case(chosen)
    elif chosen.command == "table":
        table(chosen)
    elif chosen.markdown:
        print(write(tables.rules(), chosen.page, "rules"))
    else:
        for name in dict.fromkeys(case.name for case in some_cases(chosen)):
            print(describe(targets.target(name)))


def main() -> int:
    return main_of(parser(), act, "results")


if __name__ == "__main__":
    sys.exit(main())
