"""The command line: `main` joins the commands, one file each, which are loaded when they are asked for.

Exit codes and error handling are in `exits`, the options of all commands in `shared`.
"""

import click

from splinework.cli.frame import CommandGroup
from splinework.cli.shared import debug_option, version_option

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "demo": "Run the complete workflow on real measurements, in a minute.",
    "fit": "Find formulas for one column of a table.",
    "discover": "Find the law behind one column of a table.",
    "predict": "Predict for new rows with a fitted model.",
    "show": "Describe a fitted model.",
    "plot": "Draw a picture of a fitted model, or a film of its fit.",
    "report": "Write a report on a fitted model, with or without data.",
    "open": "View and edit a network in the browser.",
    "verify": "Prove or refute axioms of a model, or check a certificate.",
    "export": "Export a model to other programs and languages.",
    "hardware": "Build verified circuits and firmware from a fitted model.",
    "distil": "Distil any model from an ONNX file into a network of splines.",
    "reproduce": "Run experiments of the literature beside the published values.",
    "data": "List and write built-in tables, synthetic sets and simulators.",
    "doctor": "Show versions, cores, kernels and GPUs.",
    "completion": "Print the completion script for a shell.",
}
"""Name → what the list of commands says. The command is what `splinework.cli.NAME` calls NAME."""

_EPILOG = """\b
Exit codes:
  0    done
  1    internal failure (bug, out of memory, disk full), not a usage error; or a hardware artefact
       that fails its verification, or an axiom that verify refutes
  2    invalid input, option or file; the message says how to fix it
  3    verify neither proves nor refutes
  130  interrupted with Ctrl-C; fit, discover and reproduce keep what they have found
  141  output pipe closed by the reader

Options marked with ,… take a list such as A,B and may be given several times. Options come from the command line, else from
SPLINEWORK_COMMAND_OPTION in the environment, else from --config FILE.toml. NO_COLOR, FORCE_COLOR and TERM=dumb are respected."""


@click.group(
    cls=CommandGroup,
    table=COMMANDS,
    package=__name__,
    invoke_without_command=True,
    epilog=_EPILOG,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "SPLINEWORK",
        "max_content_width": 100,
    },
)
@version_option
@debug_option
@click.pass_context
def main(context: click.Context) -> None:
    """Fit readable models to data.

    splinework fits networks of splines (Kolmogorov-Arnold networks) to a table, makes them sparse and turns them into
    formulas.

    \b
    Examples:
      splinework demo
      splinework fit data.csv --target y
      splinework fit data.csv --target y --features a,b --out results --budget 20
      splinework discover data.csv --target y --units "x=m,t=s"
      splinework predict results/model.safetensors new.csv --out predictions.csv
      splinework show results/model.safetensors
      splinework data orbits --out orbits.csv
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
