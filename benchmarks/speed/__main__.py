"""The command `python -m benchmarks.speed`."""

import click

from benchmarks.speed.contenders import own_contenders
from benchmarks.speed.options import BenchOptions, run_command
from benchmarks.speed.run import run
from benchmarks.speed.show import show_case, show_end
from splinework.cli.json_output import json_text
from splinework.cli.options import takes


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@takes(BenchOptions)
@click.option("--compile", "compiled", is_flag=True, help="Also behind torch.compile; takes a C++ compiler and time.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object.")
def bench(options: BenchOptions, compiled: bool, as_json: bool) -> None:
    """Time networks of splines beside multilayer perceptrons: forward, forward + backward, a step of Adam.

    \b
    Examples:
      python -m benchmarks.speed --quick
      python -m benchmarks.speed --network D --mode adam --threads 1
      python -m benchmarks.speed --network A,C --grid 5,20,100 --dtype float32,float64 --compile --out bench.json
    """
    options.check()
    silent = options.quiet or as_json
    results = run(
        options.jobs(),
        options.among(own_contenders(compiled=compiled)),
        options.settings(),
        memory=options.memory,
        keep=options.save,
        show=(lambda case, so_far: None) if silent else show_case,
        quiet=options.quiet,
    )
    if as_json:
        click.echo(json_text(results.to_dict()), nl=False)
    elif not options.quiet:
        show_end(results)


if __name__ == "__main__":
    run_command(bench, "python -m benchmarks.speed")
