"""The same answers on every processor: how much a fit depends on the last digits of its inputs and on a processor's instructions.

panel: 60 targets of the panel's half to develop with, one case each of at most 1000 rows, fitted five times with every input
times 1 ± 1e-15; the ratio of the largest to the least error, those below 1e-9 raised to it. Wanted: at most 1.2 in 95 % of the
targets, never above 3, and the same model chosen. toys: the toys of the accuracy table by three paths of tests/portable, ten
seeds.

Run: python benchmarks/bench_stability.py panel                         (goes on from what is there; about an hour and a half)
     python benchmarks/bench_stability.py panel --models fit --limit 10
     python benchmarks/bench_stability.py toys --paths as-it-is,mkl-compatible,moved --seeds 10
     python benchmarks/bench_stability.py table --markdown                              (into docs/portability.md)
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import stability
from benchmarks.commands import main_of, words
from benchmarks.panel.models import OURS
from benchmarks.tabular.tables import write
from splinework.errors import ConfigError
from tests.portable import paths

LIMIT = 300.0
TOY_PATHS = ("as-it-is", "mkl-compatible", "moved")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("command", choices=("panel", "toys", "table"))
    made.add_argument("--models", type=words, default=list(OURS), help=f"panel: of {', '.join(OURS)}; both")
    made.add_argument(
        "--limit", type=int, default=None, metavar="N", help="panel: only the first N targets; of all families"
    )
    made.add_argument("--paths", type=words, default=list(TOY_PATHS), help=f"toys, table: {','.join(TOY_PATHS)}")
    made.add_argument("--seeds", type=int, default=10, help="toys: of the rows; 10")
    made.add_argument("--seconds", type=float, default=LIMIT, help=f"of the processor, most for a fit; {LIMIT:g}")
    made.add_argument("--results", type=Path, default=stability.FOLDER, help="folder of the results")
    made.add_argument("--markdown", action="store_true", help="table: write it into docs/portability.md")
    return made


def act(chosen: argparse.Namespace) -> None:
    """Does what a subcommand asks for."""
    store = stability.Results(chosen.results)
    if unknown := [name for name in chosen.models if name not in OURS]:
        raise ConfigError(f"--models knows {', '.join(OURS)}; got {unknown[0]!r}.")
    taken = paths.named(chosen.paths)
    if chosen.command == "panel":
        some = stability.cases()[: chosen.limit]
        stability.run_panel(chosen.models, some, store, paths.PATHS[0], chosen.seconds)
    elif chosen.command == "toys":
        for path in taken:
            stability.run_toys(chosen.seeds, path, store, chosen.seconds)
    else:
        texts = {"panel": stability.panel_page(store), "toys": stability.toys_page(store, chosen.paths)}
        for mark, text in texts.items():
            print(write(text, stability.PAGE, mark) if chosen.markdown else text)


def main() -> int:
    return main_of(parser(), act, "results")


if __name__ == "__main__":
    sys.exit(main())
