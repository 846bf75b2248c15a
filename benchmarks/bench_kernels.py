"""Networks of splines side by side: ours, other packages, and multilayer perceptrons. What `make bench-rivals` runs.

Every contender has a process of its own and they take turns; see `benchmarks/speed`. Packages on the index are installed
into environments of their own; of repositories a path to a checkout is given. Writes the results as JSON, and from them the
tables and pictures of the documentation.

    python benchmarks/bench_kernels.py --quick --network A --grid 5
    python benchmarks/bench_kernels.py --efficient-kan PATH --fast-kan PATH
    python benchmarks/bench_kernels.py --add --mode backward --dtype float64   # joins the earlier results
    python benchmarks/bench_kernels.py --render                                # tables and pictures again
"""

import sys
from dataclasses import replace
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.kernels import environments, pictures, tables
from benchmarks.speed.contenders import own_contenders
from benchmarks.speed.options import BenchOptions, run_command
from benchmarks.speed.results import load
from benchmarks.speed.run import run
from benchmarks.speed.show import show_case
from splinework.cli.options import takes

RESULTS = environments.ROOT / "benchmarks" / "results" / "kernels.json"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@takes(
    BenchOptions,
    networks={"default": "A,B,C,D,E,W"},
    grids={"default": None, "show_default": "each one's own"},
)
@click.option("--peers", default=",".join(environments.PEERS), show_default=True, help="Other packages; none for none.")
@click.option("--efficient-kan", metavar="PATH", help="A checkout of github.com/Blealtan/efficient-kan.")
@click.option("--fast-kan", metavar="PATH", help="A checkout of github.com/ZiyaoLi/fast-kan.")
@click.option("--compile/--no-compile", "compiled", default=True, show_default=True, help="Also behind torch.compile.")
@click.option("--add", is_flag=True, help="Join the results to those in --out; of what both have, the newer.")
@click.option("--render", is_flag=True, help="Measure nothing: tables and pictures of the results in --out.")
@click.option(
    "--docs",
    default=str(environments.ROOT / "docs"),
    metavar="DIR",
    help="Where tables and pictures go; docs by default.",
)
def main(options, peers, efficient_kan, fast_kan, compiled, add, render, docs) -> None:
    """Time KAN packages and plain networks on this machine, and write it down."""
    path = Path(options.out or RESULTS)
    options = replace(options, out=str(path))
    if render:
        write_pages(load(path), Path(docs))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    options.check()
    earlier = load(path) if add and path.exists() else None
    checkouts = {"efficient-kan": efficient_kan, "fast-kan": fast_kan}
    names = [] if peers == "none" else [name.strip() for name in peers.split(",") if name.strip()]
    others, absent = environments.contenders(
        names, {name: Path(place) for name, place in checkouts.items() if place}, compiled=compiled
    )
    for facts in absent:
        click.echo(f"{facts['name']}: {facts['note']}", err=True)

    def joined(results):
        results = replace(results, contenders=(*results.contenders, *absent))
        return earlier.joined(results) if earlier else results

    results = run(
        options.jobs(),
        options.among(own_contenders(compiled=compiled) + others),
        options.settings(),
        memory=options.memory,
        keep=lambda so_far: options.save(joined(so_far)),
        show=(lambda case, so_far: None) if options.quiet else show_case,
        quiet=options.quiet,
    )
    write_pages(joined(results), Path(docs))


def write_pages(results, docs) -> None:
    """The table and the pictures."""
    folder = docs / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = pictures.draw(results, folder)
    (docs / "performance_table.md").write_text(tables.page(results, drawn), encoding="utf-8")
    click.echo(f"written: {docs / 'performance_table.md'} and {len(drawn)} pictures in {folder}", err=True)


if __name__ == "__main__":
    run_command(main, "bench_kernels.py")
