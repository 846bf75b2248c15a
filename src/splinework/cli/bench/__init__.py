"""`splinework bench`: how fast this machine evaluates and trains networks of splines, beside plain networks.

Every contender has a process of its own (`worker`), and they take turns (`driver`). `benchmarks/bench_kernels.py` in the
repository runs the same with other packages besides. Not here: what those are, and the tables and pictures of the documentation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from splinework.cli.bench.options import bench_options, choose
from splinework.cli.folder import write_file
from splinework.cli.plain import json_text


@click.command(short_help="Measure how fast networks of splines are on this machine.")
@bench_options(configs="A,C,D,E", grids="5,100", threads=None)
@click.option("--compile", "compiled", is_flag=True, help="Also behind torch.compile; takes a C++ compiler and time.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object.")
def bench(compiled: bool, as_json: bool, **options: Any) -> None:
    """Time networks of splines beside multilayer perceptrons: forward, forward + backward, a step of Adam.

    \b
    Examples:
      splinework bench --quick
      splinework bench --network D --mode adam --threads 1
      splinework bench --network A,C --grid 5,20,100 --dtype float32,float64 --compile --out bench.json
    """
    choice = choose(**options)

    from splinework.cli.bench.contenders import own_contenders
    from splinework.cli.bench.run import run
    from splinework.cli.bench.show import show_case, show_end

    silent = choice.quiet or as_json
    results = run(
        choice.jobs,
        choice.among(own_contenders(compiled=compiled)),
        choice.settings,
        memory=choice.memory,
        keep=lambda so_far: save(so_far.to_dict(), choice.out),
        show=(lambda case, so_far: None) if silent else show_case,
        quiet=choice.quiet,
    )
    if as_json:
        click.echo(json_text(results.to_dict()), nl=False)
    elif not choice.quiet:
        show_end(results)


def save(results: dict[str, Any], path: Path | None) -> None:
    """Writes the results so far, if a file was named."""
    if path is not None:
        write_file(path, json_text(results).encode())
