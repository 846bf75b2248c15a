"""Runs the numerical tests and the accuracy table by every path of `tests.portable.paths`, and goes on where it was stopped.

What passed is kept in `build/portable/`, under a key made of the contents of sources and tests; errors of the accuracy table,
with the first seed, in benchmarks/results/stability. When all paths that this processor has are done, docs/portability.md has
the table.
Run: python -m tests.portable [--workers N] [--parts PART,…] [--no-table] [PATH …]
"""

import argparse
import platform
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from benchmarks import stability, training
from benchmarks.commands import words
from benchmarks.tabular.tables import table, write
from tests.loop import journal, parts, whole
from tests.portable import paths

FOLDER = parts.ROOT / "build" / "portable"
NUMERICAL = ("kernels", "splines", "train")
"""Parts whose tests assert what arithmetic gives."""
LIMIT = 300.0
"""Seconds of the processor, most for a fit of the accuracy table."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help=f"of {', '.join(each.name for each in paths.PATHS)}; all"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that run the tests; 2")
    parser.add_argument(
        "--parts", type=words, default=list(NUMERICAL), help=f"parts of the tests; {','.join(NUMERICAL)}"
    )
    parser.add_argument("--no-table", action="store_true", help="only the tests, without the accuracy table")
    options = parser.parse_args()
    chosen, tests = paths.named(options.paths), [path for part in options.parts for path in parts.paths(part)]
    store, failed = stability.Results(), False
    for path in chosen:
        if lacks := paths.lacking(path):
            print(f"== {path.name}: left out, this processor has no {lacks}", flush=True)
            continue
        print(f"== {path.name}: {path.what}", flush=True)
        plugin = ("-p", "tests.portable.moved") if path.moved else ()
        code = whole.remaining(_journal(path), tests, options.workers, path.environment, *plugin)
        if code not in whole.ENDED:
            print(f"Stopped by pytest's exit code {code}. The same command goes on from here.", file=sys.stderr)
            return code
        if not options.no_table:
            stability.run_toys(1, path, store, LIMIT)
        failed |= "failed" in journal.read(_journal(path)).values()
    done = [path for path in paths.PATHS if _journal(path).is_file()]
    text = page(done, store)
    print(text)
    if not options.paths and set(options.parts) >= set(NUMERICAL):
        print(f"== written: {write(text, stability.PAGE, 'paths').relative_to(parts.ROOT)}")
    return int(failed)


@cache
def _key() -> str:
    return whole.digest(lambda name: True)


def _journal(path: paths.Path) -> Path:
    return FOLDER / _key() / f"{path.name}.jsonl"


def page(done: Sequence[paths.Path], store: stability.Results) -> str:
    """A row for every path: outcomes and minutes of the tests, and the errors of the toys."""
    found = {
        (key.case, key.path): record["error"] for key, record in store.load([stability.TOYS]).items() if key.number == 0
    }
    rows = []
    for path in done:
        counts = Counter(journal.read(_journal(path)).values())
        errors = [found.get((toy.name, path.name)) for toy in training.TOYS]
        rows.append(
            (
                f"`{path.name}`",
                path.what,
                *(f"{counts[outcome]:,}" for outcome in ("passed", "failed", "skipped")),
                whole.clock(journal.seconds(_journal(path))),
                *("–" if error is None else f"{error:.1e}" for error in errors),
            )
        )
    head = ("path", "what", "passed", "failed", "skipped", "time", *(toy.name for toy in training.TOYS))
    return f"{_processor()}, Python {platform.python_version()}; {', '.join(NUMERICAL)}.\n\n{table(head, rows)}"


def _processor() -> str:
    """The name of the processor, or of its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not on Linux
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
