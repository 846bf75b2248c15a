"""`splinework hardware check`: an artefact's files compared with its golden model."""

from dataclasses import dataclass

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.hardware.building import end_checked
from splinework.cli.options import argument, command, option, takes
from splinework.cli.progress import Stages


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """The options as they were given."""

    folder: str = argument(metavar="DIR", shell_complete=files_of)
    vectors: int | None = option(
        within=(1, 10_000_000),
        metavar="N",
        show_default="that of the build",
        help="Number of vectors to compare.",
        group=common.INPUT_GROUP,
    )
    seed: int | None = common.seed(None, show_default="that of the build")
    no_proof: bool = option(default=False, help="Do not prove the neurons.", group=common.INPUT_GROUP)
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(no_args_is_help=True, short_help="Check an artefact against its golden model.")
@takes(CheckOptions)
def check(options: CheckOptions) -> int:
    """Check the artefact in DIR against its golden model, using the files as they are; nothing in DIR is changed.

    An FPGA circuit is simulated and its neurons are proven; C is compiled and compared; an analogue netlist is run in ngspice.
    The exit code is 0 if everything equals the golden model (analogue circuits: agrees with the device model), 1 if not, and
    2 if DIR is not an artefact or a program is missing.

    \b
    Examples:
      splinework hardware check circuit
      splinework hardware check firmware --vectors 1000000 --seed 7 --json
    """
    with Stages(quiet=options.quiet or options.as_json) as stages:
        stages.stage("reading the artefact", after=1.0)
        from splinework.hardware import artefact

        found = artefact.check(
            options.folder,
            vectors=options.vectors,
            seed=options.seed,
            proof=not options.no_proof,
            progress=stages.stage,
        )
    line = _line(found.kind, dict(found.figures), found.passed)
    return end_checked(found, as_json=options.as_json, quiet=options.quiet, line=line)


def _line(kind: str, figures: dict[str, object], passed: bool) -> str:
    word = "passed" if passed else "FAILED"
    if not figures:
        return word
    if kind == "analog":
        return f"{word}: the netlist at {figures.get('rows')} rows from 0 to 85 °C"
    text = f"{word}: {figures.get('mismatches')} mismatches in {figures.get('vectors')} vectors"
    if kind == "fpga" and figures.get("neurons_proven") is not None:
        text += f", {figures['neurons_proven']} of {figures.get('neurons')} neurons proven"
    return text
