"""The command `python -m benchmarks.speed`."""

from __future__ import annotations

from typing import Any

import click

from benchmarks.speed.contenders import own_contenders
from benchmarks.speed.options import bench_options, choose, run_command, save
from benchmarks.speed.run import run
from benchmarks.speed.show import show_case, show_end
from splinework.cli.json_output import json_text


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@bench_options(configs="A,C,D,E", grids="5,100", threads=None)
@click.option("--compile", "compiled", is_flag=True, help="Also behind torch.compile; takes a C++ compiler and time.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object.")
def bench(compiled: bool, as_json: bool, **options: Any) -> None:
    """Time networks of splines beside multilayer perceptrons: forward, forward + backward, a step of Adam.

    \b
    Examples:
      python -m benchmarks.speed --quick
      python -m benchmarks.speed --network D --mode adam --threads 1
      python -m benchmarks.speed --network A,C --grid 5,20,100 --dtype float32,float64 --compile --out bench.json
    """
    choice = choose(**options)
    silent = choice.quiet or as_json
    results = run(
        choice.jobs,
        choice.among(own_contenders(compiled=compiled)),
        choice.settings,
        memory=choice.memory,
        keep=lambda so_far: save(so_far, choice.out),
        show=(lambda case, so_far: None) if silent else show_case,
        quiet=choice.quiet,
    )
    if as_json:
        click.echo(json_text(results.to_dict()), nl=False)
    elif not choice.quiet:
        show_end(results)


if __name__ == "__main__":
    run_command(bench, "python -m benchmarks.speed")
